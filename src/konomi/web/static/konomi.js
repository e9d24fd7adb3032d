// What the pages share: what they were given, the outbox that sends judgements, the help, the keyboard.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
export const given = JSON.parse($("#data").textContent);
export const say = (key, values = {}) => given.texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
export const percent = (chance) => `${Math.round(chance * 100)}%`;

const KEPT = "konomi-outbox";

export async function load(address) {
  const response = await fetch(address).catch(() => null);
  const answer = response ? await response.json().catch(() => ({})) : {};
  if (response?.ok) return answer;
  trouble(say("not_loaded", { told: answer.error ?? response?.statusText ?? "" }), () => location.reload());
  return new Promise(() => {}); // nothing more happens until the page is loaded again
}

// A bar at the top with one line and one button; without a message it goes away.
export function trouble(message = "", again = null) {
  const bar = $("#trouble");
  bar.hidden = !message;
  $("p", bar).textContent = message;
  const button = $("button", bar);
  button.textContent = say(again ? "try_again" : "dismiss");
  button.onclick = again ?? (() => trouble());
}

export const tell = (message) => { $("#told").textContent = message; };

// Sends one thing after another; keeps what could not be sent, over a reload, and tries again. Every request has a name
// of its own, so that sending it twice does nothing.
export class Outbox {
  constructor(answered) {
    this.answered = answered;
    this.waiting = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    this.busy = false;
    addEventListener("beforeunload", (event) => this.waiting.length && event.preventDefault());
    this.send();
  }

  post(path, body) {
    this.waiting.push({ path, body: { request: crypto.randomUUID(), lang: given.query.lang, ...body } });
    this.keep();
    this.send();
  }

  keep() { sessionStorage.setItem(KEPT, JSON.stringify(this.waiting)); }

  // what is judged of a face but not saved yet
  of(name) { return this.waiting.flatMap((item) => item.body.judgements ?? []).filter((row) => row.name === name); }

  async send() {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    while (this.waiting.length && (await this.sendFirst()));
    this.busy = false;
  }

  async sendFirst() {
    const { path, body } = this.waiting[0];
    status(say("saving"));
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
    if (!response) return this.later(say("waiting", { count: this.waiting.length }));
    const answer = await response.json().catch(() => ({}));
    const told = answer.error ?? response.statusText;
    if (response.status >= 500) return this.later(say("not_saved", { told }));
    this.waiting.shift();
    this.keep();
    if (response.ok) {
      if (this.failed) trouble();
      this.failed = false;
    } else {
      status("");
      trouble(say("refused", { told }));
    }
    this.answered(path, response.ok ? answer : null);
    return true;
  }

  later(message) {
    this.failed = true;
    status("");
    trouble(message, () => this.send());
    this.timer = setTimeout(() => this.send(), 3000);
    return false;
  }
}

export async function faces(numbers) {
  const asked = new URLSearchParams([["lang", given.query.lang], ...numbers.map((number) => ["number", number])]);
  return numbers.length ? (await load(`/review/faces?${asked}`)).faces : [];
}

// Another page may have judged the same faces meanwhile; `again` then asks for them anew.
export function whenSeenAgain(again) {
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("visibilitychange", () => document.hidden || again());
}

export const status = (message) => { $("#status").textContent = message; };

export function progress(done, of) {
  $("#done").textContent = done;
  $("#progress").max = Math.max(of, 1);
  $("#progress").value = done;
}

// Calls `pressed` with the name of a key, unless it belongs to a form, a focused button, or the help.
export function keyboard(pressed) {
  addEventListener("keydown", (event) => {
    if ($("#help").open || event.altKey || event.target.closest("input, select, form")) return;
    const key = nameOf(event);
    const control = event.target.closest("button, a, summary");
    if (control && !control.matches(".tile") && /enter$| $/.test(key)) return;
    if (/^(shift )?[^ ]$/.test(key) && key !== "?" && !single.checked) return;
    if (pressed(key, event)) event.preventDefault();
  });
}

function nameOf(event) {
  // while an input method is on, a key is known by its place only
  const place = event.code.replace(/^(Key|Digit)/, "").replace("Space", " ");
  const name = (event.key === "Process" ? place : event.key).toLowerCase();
  if (event.ctrlKey || event.metaKey) return `ctrl ${name}`;
  return event.shiftKey && /^([a-z ]|enter)$/.test(name) ? `shift ${name}` : name;
}

// a pointer leaves no focus behind, so that Enter and Space go on meaning what they mean on the page
addEventListener("click", (event) => { if (event.detail) event.target.closest("button, summary")?.blur(); });
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details[open]");
  if (menu) { menu.open = false; $("summary", menu).focus(); } else document.activeElement?.blur();
});

const single = $("#single-keys");
single.checked = localStorage.getItem("konomi-single-keys") !== "no";
single.onchange = () => localStorage.setItem("konomi-single-keys", single.checked ? "yes" : "no");
export const help = () => $("#help").showModal();
$("#help-open").onclick = help;

// what can only be asked of one tag can be chosen once there is one
const form = $(".menu form");
function allow() {
  const none = !form.elements.tag.value;
  form.elements.value.disabled = none;
  for (const option of form.elements.order.options) option.disabled = none && ["highest", "lowest"].includes(option.value);
  if (form.elements.order.selectedOptions[0].disabled) form.elements.order.value = "file";
}
form.onchange = allow;
allow();
