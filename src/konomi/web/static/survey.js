// Saves every answer as it is given, and lets the digits answer. Without it the form works as well.

const form = document.querySelector("#answers");
const fields = [...form.querySelectorAll("fieldset")];
const kept = `konomi${location.pathname}`;
const began = performance.now();
const queue = JSON.parse(sessionStorage.getItem(kept) ?? "[]"); // what a closed connection left unsaved
let busy = false, timer = 0;
let going = false; // a picture was clicked, or its digit typed: the page goes on once that is saved

const answered = (field) => field.querySelector("input:checked");
const keep = () => sessionStorage.setItem(kept, JSON.stringify(queue));

for (const { position, item, point } of queue) {
  const field = String(position) === form.dataset.position && document.getElementById(item);
  const found = field && field.querySelector(`input[value="${Number(point)}"]`);
  if (found) found.checked = true;
}
send();

form.addEventListener("change", ({ target }) => {
  queue.push({
    position: Number(form.dataset.position), item: target.name, point: Number(target.value),
    after_ms: Math.min(Math.round(performance.now() - began), 86400000),
  });
  keep();
  document.getElementById(target.name).classList.remove("open");
  send();
});

// arrow keys only choose, and so do clicks that they make: those have no detail
form.addEventListener("click", ({ target, detail }) => {
  if (!detail || target.type !== "radio" || form.dataset.quick === undefined) return;
  going = true;
  setTimeout(send); // after the change, if it is one
});

async function send() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  while (queue.length) {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify(queue[0]);
    const response = await fetch(`${location.pathname}/answer`, { method: "POST", headers, body }).catch(() => null);
    if (!response || response.status >= 500) {
      trouble(form.dataset.waiting);
      timer = setTimeout(send, 3000);
      break;
    }
    if (!response.ok) { // the study was closed, or all was sent from another tab: the server says what is next
      queue.length = 0;
      keep();
      location.reload();
      return;
    }
    queue.shift();
    keep();
    trouble("");
    document.querySelector("#saved").textContent = queue.length ? "" : form.dataset.saved;
  }
  busy = false;
  if (going && !queue.length) form.requestSubmit();
}

function trouble(told) {
  const line = document.querySelector("#trouble");
  line.hidden = !told;
  line.textContent = told;
  if (told) document.querySelector("#saved").textContent = "";
}

// a digit answers the item that has the focus, or else the first open one, and goes on to the next
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || !/^[1-9]$/.test(event.key)) return;
  const field = event.target.closest?.("fieldset") ?? fields.find((one) => !answered(one));
  const input = field?.querySelector(`input[value="${event.key}"]`);
  if (!input) return;
  event.preventDefault();
  if (!input.checked) {
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
  if (form.dataset.quick !== undefined) {
    going = true;
    return send();
  }
  const next = fields[fields.indexOf(field) + 1];
  const target = next ? answered(next) ?? next.querySelector("input") : document.querySelector("#next");
  target.focus({ preventScroll: true });
  (next ?? target).scrollIntoView({ block: "nearest" });
});

addEventListener("pageshow", (event) => event.persisted && location.reload()); // back: the server knows what is next
