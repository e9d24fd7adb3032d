// What makes the studio quicker for those with scripts: live chips, captions, hearts, keys, dropped pictures.
// Everything else is links and forms, and works without.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const say = JSON.parse($("#say").textContent);
const tell = (text) => { $("#told").textContent = text; };
const json = { Accept: "application/json" };

function trouble(text) {
  const line = $("#trouble");
  line.textContent = text;
  line.hidden = !text;
  clearTimeout(trouble.timer);
  trouble.timer = setTimeout(() => { line.hidden = true; }, 8000);
}

async function ask(address, options = {}) {
  const response = await fetch(address, { headers: json, ...options }).catch(() => null);
  const answer = response ? await response.json().catch(() => ({})) : {};
  if (response?.ok) return answer;
  trouble(response ? answer.error ?? response.statusText : say.no_server);
  return null;
}

// --- pictures appear softly, and say so if they cannot be drawn ---

document.documentElement.classList.add("js");
for (const image of $$("img.sure")) {
  const there = () => image.classList.add("there");
  if (image.complete && image.naturalWidth) there();
  image.addEventListener("load", there);
  image.addEventListener("error", () => { there(); image.style.color = ""; trouble(say.no_picture); });
}

// --- a gallery's portraits, once drawn: their own codes, and what could not be drawn ---

async function settle(tile) {
  const answer = await ask(`/wish/${tile.dataset.wish}/said`);
  if (!answer) return;
  if (!tile.closest(".row")) $("a", tile).href = `/portrait/${answer.code}`;
  $(".sure", tile).alt = answer.alt;
  if (answer.missing.length) $(".caption", tile).textContent = say.could_not.replace("{what}", answer.missing.join(", "));
}
for (const tile of $$(".gallery:not(.row) [data-wish]")) {
  const image = $(".sure", tile);
  if (image.complete && image.naturalWidth) settle(tile);
  else image.addEventListener("load", () => settle(tile), { once: true });
}

// --- hearts ---

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches(".like")) return;
  event.preventDefault();
  const button = $("button", form);
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await ask(form.action, { method: "POST", body });
  if (!answer) return;
  button.value = answer.on ? "no" : "yes";
  button.setAttribute("aria-pressed", answer.on);
  const field = $("input", form);
  field.name = "code";
  field.value = answer.code;
  $("#count").textContent = answer.count || "";
});

// --- chips while the words are written ---

const field = $("#text");
let typed = 0;
field?.addEventListener("input", (event) => {
  clearTimeout(typed);
  if (!event.isComposing) typed = setTimeout(understand, 120);
});
field?.addEventListener("compositionend", () => { typed = setTimeout(understand, 120); });

async function understand() {
  const asked = field.value;
  const query = new URLSearchParams(new FormData(field.form));
  const response = await fetch(`/understood?${query}`).catch(() => null);
  if (!response?.ok || asked !== field.value) return; // somebody has typed on
  const open = $(".features")?.open;
  $("#understood").innerHTML = await response.text();
  if ($(".features")) $(".features").open = open;
}

// --- one chip open at a time; Escape and a click elsewhere close it ---

document.addEventListener("toggle", (event) => {
  if (event.target.matches(".chip") && event.target.open) {
    for (const other of $$(".chip[open]")) if (other !== event.target) other.open = false;
    keepOnScreen($(".sheet", event.target));
  }
}, true);
document.addEventListener("click", (event) => {
  for (const chip of $$(".chip[open]")) if (!chip.contains(event.target)) chip.open = false;
});

function keepOnScreen(sheet) {
  sheet.style.marginLeft = "";
  const { left, right } = sheet.getBoundingClientRect();
  const over = Math.max(0, 12 - left) - Math.max(0, right - (document.documentElement.clientWidth - 12));
  sheet.style.marginLeft = `${over}px`;
}

// --- the keyboard: arrows in a gallery, F for the heart, Ctrl+Z and Ctrl+Y ---

addEventListener("keydown", (event) => {
  const writing = event.target.closest?.("input, textarea, select");
  const command = event.ctrlKey || event.metaKey;
  if (event.key === "Escape") {
    const chip = $(".chip[open]");
    if (chip) { chip.open = false; $("summary", chip).focus(); }
  } else if (command && !writing && !event.altKey && /^[zy]$/i.test(event.key)) {
    const way = event.key.toLowerCase() === "y" || event.shiftKey ? "#redo" : "#undo";
    if ($(way)) { event.preventDefault(); $(way).click(); }
  } else if (!command && !event.altKey && !writing) {
    inGallery(event);
  }
});

function inGallery(event) {
  const tile = event.target.closest?.(".tile");
  if (!tile) return;
  if (event.key.toLowerCase() === "f") { $(".like button", tile)?.click(); return; }
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  const next = beside($$(".tile", tile.closest(".gallery, table")), tile, step);
  if (next) $("a", next).focus();
}

// the nearest tile in a direction, by where it is on the screen
function beside(tiles, from, [right, down]) {
  const middle = (tile) => { const box = tile.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };
  const [x, y] = middle(from);
  if (right) return tiles[tiles.indexOf(from) + right];
  let best = null, least = Infinity;
  for (const tile of tiles) {
    const [tx, ty] = middle(tile);
    if ((ty - y) * down < 8) continue;
    const distance = Math.abs(ty - y) + Math.abs(tx - x) * 2;
    if (distance < least) [best, least] = [tile, distance];
  }
  return best;
}

// --- copying ---

for (const button of $$("[data-copy]")) {
  button.hidden = false;
  button.onclick = async () => {
    const source = document.getElementById(button.dataset.copy);
    source.select();
    await navigator.clipboard?.writeText(source.value).catch(() => document.execCommand("copy"));
    const label = button.textContent;
    button.textContent = say.copied;
    tell(say.copied);
    setTimeout(() => { button.textContent = label; }, 1500);
  };
}

// --- pictures that are dropped or chosen ---

async function restore(file) {
  const answer = await ask("/restore", { method: "POST", body: file });
  if (answer) location.href = answer.address;
}
const holdsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragover", (event) => {
  if (!holdsFile(event)) return;
  event.preventDefault();
  $("#drop").hidden = false;
});
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("#drop").hidden = true; });
addEventListener("drop", (event) => {
  $("#drop").hidden = true;
  if (!holdsFile(event)) return;
  event.preventDefault();
  if (event.dataTransfer.files[0]) restore(event.dataTransfer.files[0]);
});
const choose = $("#choose");
if (choose) {
  choose.hidden = false;
  $("input", choose).onchange = (event) => { if (event.target.files[0]) restore(event.target.files[0]); };
}
