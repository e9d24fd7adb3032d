// One face at a time, all tags.

import { $, $$, Outbox, faces, given, help, keyboard, load, percent, progress, say, status, tell, whenSeenAgain } from "./konomi.js";

const AHEAD = 8; // faces known before they are shown
const attributes = given.attributes;
const attributeOf = Object.fromEntries(attributes.flatMap((a) => a.values.map((v) => [v.slot, a])));
const attributeNamed = Object.fromEntries(attributes.map((a) => [a.name, a]));
const known = new Map(); // number -> face
let numbers = [];
let marks = []; // for each number, how far it has been judged: 0, 1, 2
let wanted = 0; // the place asked for
let shown = -1; // the place that is on the screen: only that is ever judged
let active = attributes[0];

const outbox = new Outbox(answered);

// --- what a face is ---

function apply(face, { tag, value }) {
  const attribute = attributeNamed[tag.split(".")[0]];
  const judged = { ...face.judged };
  const all = attribute.exclusive || tag === attribute.name;
  const slots = attribute.values.map((v) => v.slot);
  delete judged[attribute.name];
  if (all && value !== "no") for (const slot of slots) delete judged[slot];
  if (attribute.exclusive && value === "yes") for (const slot of slots) judged[slot] = "no";
  return { ...face, judged: { ...judged, [tag]: value } };
}

const current = () => {
  const face = known.get(numbers[shown]);
  return face && outbox.of(face.name).reduce(apply, face);
};

function stateOf(face, attribute, slot) {
  const said = face.judged[slot];
  const other = attribute.exclusive && attribute.values.some((v) => face.judged[v.slot] === "yes");
  if (said === "no" && other) return "open"; // another colour was chosen; no need to strike out twelve
  if (said && (attribute.flag || !(attribute.name in face.judged))) return said;
  if (!said && !(slot in face.estimates)) return "unknown";
  if (said || face.estimates[slot] < 0.5) return "open";
  // of values that contradict each other only the likeliest, and none beside one that was judged
  const rivals = attribute.contrary ? attribute.values.map((v) => v.slot).filter((rival) => rival !== slot) : [];
  const beaten = rivals.some((rival) => face.judged[rival] === "yes" || face.estimates[rival] > face.estimates[slot]);
  return beaten ? "open" : "likely";
}

const isLit = (face, attribute, slot) => ["yes", "likely"].includes(stateOf(face, attribute, slot));

// --- showing ---

async function know(from, to) {
  const missing = numbers.slice(Math.max(from, 0), to).filter((number) => !known.has(number));
  for (const face of await faces(missing)) known.set(face.number, face);
}

const pictureOf = (face, size = "") => `/review/picture/${face.number}?v=${face.version}${size && `&size=${size}`}`;

async function go(place) {
  if (place < 0 || place >= numbers.length) {
    status(say(place < 0 ? "first" : "last"));
    return tell(say(place < 0 ? "first" : "last"));
  }
  wanted = place;
  if (!known.has(numbers[place])) await know(place - 4, place + AHEAD);
  if (wanted !== place) return; // somebody has gone on meanwhile
  shown = place;
  draw();
  await know(place - 4, place + AHEAD);
  if (wanted !== place) return;
  drawStrip();
  for (const next of [1, 2, 3, -1]) {
    const face = known.get(numbers[place + next]);
    if (face) new Image().src = pictureOf(face, given.large);
  }
}

function draw() {
  const face = current();
  const picture = $("#picture");
  picture.classList.add("coming"); // never the last picture beside these tags
  picture.onload = picture.onerror = () => picture.classList.remove("coming");
  picture.src = pictureOf(face, given.large);
  $("#name").textContent = face.name;
  $("#place").textContent = `${shown + 1} / ${numbers.length}`;
  document.title = `${shown + 1} / ${numbers.length} · ${say("title")} · Konomi`;
  remember(face);
  drawTags();
  drawStrip();
  tell(say("face_is", { at: shown + 1, of: numbers.length, alt: face.alt }));
}

function remember(face) {
  const address = new URLSearchParams(location.search);
  address.set("face", face.name);
  history.replaceState(null, "", `?${address}`);
  const other = new URL($("#language").href);
  other.searchParams.set("face", face.name);
  $("#language").href = other;
}

function drawTags() {
  const face = current();
  $("#picture").alt = face.alt;
  for (const chip of $$(".chip")) drawChip(chip, face);
  for (const row of $$("[data-row]")) {
    const unsure = face.judged[row.dataset.row] === "unsure";
    row.classList.toggle("doubtful", unsure);
    $("em", row)?.remove();
    if (unsure) $("h2", row).append(Object.assign(document.createElement("em"), { textContent: say("unsure") }));
  }
  rove();
  progress(marks.filter((mark) => mark > 0).length, numbers.length);
}

function drawChip(chip, face) {
  const { slot, attribute: name, full } = chip.dataset;
  const attribute = attributeNamed[name];
  const state = stateOf(face, attribute, slot);
  const chance = face.estimates[slot];
  const judged = ["yes", "no", "unsure"].includes(state);
  const estimated = !judged && chance !== undefined && face.judged[slot] === undefined;
  chip.dataset.state = state;
  chip.setAttribute("aria-pressed", state === "unsure" ? "mixed" : String(state === "yes" || state === "likely"));
  const unsaved = judged && outbox.of(face.name).some((row) => row.tag === slot);
  $("small", chip).textContent = judged ? (unsaved ? "…" : { yes: "✓", no: "✕", unsure: "?" }[state])
    : estimated && chance >= 0.05 ? percent(chance) : "";
  const said = judged ? `said_${state}` : estimated ? "estimated" : "unknown";
  chip.setAttribute("aria-label", say(said, { tag: full, chance: percent(chance ?? 0) }));
}

function drawStrip() {
  const strip = $("#strip");
  const room = Math.max(2, Math.min(4, Math.floor((strip.clientWidth / 56 - 1) / 2)));
  const from = Math.max(0, Math.min(shown - room, numbers.length - 2 * room - 1));
  const places = numbers.slice(from, from + 2 * room + 1).map((_, i) => from + i);
  strip.replaceChildren(...places.filter((place) => known.has(numbers[place])).map(stripItem));
}

function stripItem(place) {
  const face = known.get(numbers[place]);
  const item = document.createElement("li");
  const button = document.createElement("button");
  const picture = new Image(48, 48);
  Object.assign(picture, { src: pictureOf(face), alt: say("face_is", { at: place + 1, of: numbers.length, alt: face.alt }) });
  button.append(picture);
  button.tabIndex = -1; // the arrows do the same
  button.dataset.progress = marks[place];
  if (place === shown) button.setAttribute("aria-current", "true");
  button.onclick = () => go(place);
  item.append(button);
  return item;
}

function activate(attribute) {
  active = attribute;
  for (const row of $$("[data-row]")) row.classList.toggle("active", row.dataset.row === active.name);
  for (const chip of $$(".chip")) chip.classList.toggle("active", active.flag && chip.dataset.attribute === active.name);
  $("#unsure-of").textContent = active.label;
}

// Tab stops once in every row, at what is lit there
function rove() {
  for (const row of $$(".row:has(.chip)")) {
    const chips = $$(".chip", row);
    const stop = chips.find((chip) => chip === document.activeElement)
      ?? chips.find((chip) => chip.getAttribute("aria-pressed") === "true") ?? chips[0];
    for (const chip of chips) chip.tabIndex = chip === stop ? 0 : -1;
  }
}

// --- judging ---

function judge(rows) {
  const face = current();
  if (!rows.length) return;
  outbox.post("/review/judge", { judgements: rows.map(([tag, value]) => ({ name: face.name, tag, value })) });
  drawTags();
}

const ready = () => shown >= 0 && shown === wanted;

function press(slot) {
  if (!ready()) return;
  const face = current();
  const attribute = attributeOf[slot];
  activate(attribute);
  if (attribute.exclusive) return judge([[slot, "yes"]]);
  const value = isLit(face, attribute, slot) ? "no" : "yes";
  const others = attribute.contrary && value === "yes" ? attribute.values.filter((v) => v.slot !== slot) : [];
  judge([[slot, value], ...others.map((v) => [v.slot, "no"])]);
}

function unsure() {
  if (ready()) judge([[active.name, "unsure"]]);
}

// Everything is as shown. A row with nothing lit is left open, and so is a flag that nothing is known of, unless the
// `rest` is no.
function confirmed(face, rest) {
  return attributes.flatMap((attribute) => {
    const slots = attribute.values.map((v) => v.slot);
    if (face.judged[attribute.name] !== undefined) return [];
    const lit = slots.filter((slot) => isLit(face, attribute, slot));
    if (attribute.exclusive) return lit.map((slot) => [slot, "yes"]);
    const known = slots.some((slot) => slot in face.judged || slot in face.estimates);
    if (!known && !(attribute.flag && rest)) return [];
    return slots.filter((slot) => face.judged[slot] !== "unsure").map((slot) => [slot, lit.includes(slot) ? "yes" : "no"]);
  });
}

function confirm(rest = false) {
  if (!ready()) return;
  judge(confirmed(current(), rest));
  go(shown + 1);
}

const undo = () => outbox.post("/review/undo", {});

function answered(path, answer) {
  if (!answer) return shown >= 0 && drawTags();
  const undone = path.endsWith("undo");
  const message = say(answer.rows ? (undone ? "undone" : "saved") : undone ? "nothing_to_undo" : "nothing_new");
  status(message);
  for (const face of answer.faces) {
    known.set(face.number, face);
    const place = numbers.indexOf(face.number);
    if (place >= 0) marks[place] = face.progress;
  }
  if (shown < 0) return;
  const first = numbers.indexOf(answer.faces[0]?.number);
  if (undone && first >= 0 && !answer.faces.some((face) => face.number === numbers[wanted])) return go(first);
  drawTags();
  drawStrip();
  if (answer.faces.some((face) => face.number === numbers[shown])) tell(`${message}: ${current().alt}`);
}

// --- keys and buttons ---

const actions = {
  "arrowright": () => go(wanted + 1),
  "arrowleft": () => go(wanted - 1),
  " ": () => go(wanted + 1),
  "shift  ": () => go(wanted - 1),
  "home": () => go(0),
  "end": () => go(numbers.length - 1),
  "enter": () => confirm(),
  "shift enter": () => confirm(true),
  "u": unsure,
  "ctrl z": undo,
  "?": help,
};
const moves = ["arrowright", "arrowleft"];
const letters = Object.fromEntries(attributes.map((a) => [a.key, a]));

function step(event, by) {
  const chip = event.target.closest(".chip");
  if (!chip) return false;
  const chips = $$(".chip", chip.closest(".row"));
  chips[(chips.indexOf(chip) + by + chips.length) % chips.length].focus();
  rove();
  return true;
}

keyboard((key, event) => {
  if (!numbers.length && key !== "?") return false;
  if (key === "arrowdown" || key === "arrowup") return step(event, key === "arrowdown" ? 1 : -1);
  if (event.repeat && !moves.includes(key)) return true; // a key held down judges once
  if (Object.hasOwn(actions, key)) return actions[key](), true;
  if (Object.hasOwn(letters, key)) {
    const attribute = letters[key];
    if (attribute.flag) press(attribute.name);
    else { activate(attribute); tell(say("active", { tag: attribute.label })); }
    return true;
  }
  const value = active.flag ? null : active.values.find((v) => v.key === key);
  if (value) press(value.slot);
  return Boolean(value);
});

for (const chip of $$(".chip")) {
  if (!attributeNamed[chip.dataset.attribute].flag) chip.dataset.choice = "";
  chip.onclick = () => press(chip.dataset.slot);
  chip.onfocus = () => activate(attributeNamed[chip.dataset.attribute]);
}
$("#previous").onclick = actions.arrowleft;
$("#next").onclick = actions.arrowright;
$("#confirm").onclick = (event) => confirm(event.shiftKey);
$("#undo").onclick = undo;
$("#unsure").onclick = unsure;
whenSeenAgain(async () => {
  if (shown < 0) return;
  const here = numbers[shown];
  for (const number of known.keys()) if (number !== here) known.delete(number);
  for (const face of await faces([here])) known.set(face.number, face);
  go(shown);
});
addEventListener("resize", () => shown >= 0 && drawStrip());

const found = await load(`/review/queue?${new URLSearchParams(given.query)}`);
numbers = found.numbers;
marks = [...found.progress].map(Number);
$("#main").hidden = !numbers.length;
$("#nothing").hidden = numbers.length > 0;
activate(active);
progress(marks.filter((mark) => mark > 0).length, numbers.length);
if (numbers.length) await go(found.start);
