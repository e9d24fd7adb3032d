// Many faces at a time, one tag.

import { $, $$, Outbox, faces, given, help, keyboard, load, percent, progress, say, status, tell, whenSeenAgain } from "./konomi.js";

const { tag } = given.query;
const value = given.attributes.flatMap((a) => a.values).find((v) => v.slot === tag);
const known = new Map(); // number -> face
const chosen = new Map(); // number -> yes, no or unsure, as long as it is not confirmed
const TURN = { yes: "no", no: "unsure", unsure: "yes" };
const SIGN = { yes: "✓", no: "–", unsure: "?" };
let numbers = [];
let judged = new Set(); // numbers whose tag has been judged
let page = 0;
let drawn = -1; // the page on the screen: only that is ever confirmed

const outbox = new Outbox(answered);
const pages = () => Math.ceil(numbers.length / given.page);
const onPage = (which) => numbers.slice(which * given.page, (which + 1) * given.page);
const pictureOf = (face) => `/review/picture/${face.number}?v=${face.version}&size=${given.tile}`;

// --- showing ---

const saidOf = (face) => outbox.of(face.name).filter((row) => row.tag === tag).at(-1)?.value ?? face.judged[tag];

// what the face gets if the page is confirmed now
const valueOf = (face) => chosen.get(face.number) ?? saidOf(face) ?? (face.estimates[tag] >= 0.5 ? "yes" : "no");

async function know(which) {
  const missing = onPage(which).filter((number) => !known.has(number));
  for (const face of await faces(missing)) known.set(face.number, face);
}

async function go(which, focus = 0) {
  if (which < 0 || which >= pages()) {
    status(say(which < 0 ? "first" : "last"));
    return tell(say(which < 0 ? "first" : "last"));
  }
  page = which;
  await know(which);
  if (page !== which) return;
  draw(focus);
  if (which + 1 < pages()) {
    await know(which + 1);
    for (const number of onPage(which + 1)) new Image().src = pictureOf(known.get(number));
  }
}

function draw(focus) {
  drawn = page;
  $("#grid").replaceChildren(...onPage(page).map(tile));
  const place = say("page_name", { page: page + 1, pages: pages() });
  $("#place").textContent = place;
  document.title = `${value.full} · ${place} · Konomi`;
  $("#confirm span").textContent = say("confirm_page", { count: onPage(page).length });
  scrollTo(0, 0);
  drawTiles();
  const tiles = $$(".tile");
  const here = tiles[Math.min(focus, tiles.length - 1)];
  here.tabIndex = 0;
  if (matchMedia("(hover: hover)").matches) here.focus({ preventScroll: true }); // a finger needs no ring
}

function tile(number) {
  const item = document.createElement("li");
  item.innerHTML = '<button class="tile" tabindex="-1"><img alt=""><small></small><b></b></button>';
  const button = item.firstChild;
  button.dataset.number = number;
  $("img", button).src = pictureOf(known.get(number));
  button.onclick = () => turn(button);
  button.onfocus = () => { for (const other of $$(".tile")) other.tabIndex = other === button ? 0 : -1; };
  return item;
}

function drawTiles() {
  const counts = { yes: 0, no: 0, unsure: 0 };
  for (const [place, button] of $$(".tile").entries()) counts[drawTile(button, place)] += 1;
  $("#counts").textContent = say("counts", counts);
  progress(judged.size, numbers.length);
}

function drawTile(button, place) {
  const face = known.get(Number(button.dataset.number));
  const now = valueOf(face);
  const done = saidOf(face) === now;
  const chance = face.estimates[tag];
  button.dataset.value = now;
  button.classList.toggle("judged", done);
  button.setAttribute("aria-pressed", now === "unsure" ? "mixed" : String(now === "yes"));
  $("b", button).textContent = SIGN[now];
  $("small", button).textContent = done || chance === undefined ? "" : percent(chance);
  $("small", button).hidden = done || chance === undefined;
  const state = [say(`${done ? "said" : "set"}_${now}`, { tag: value.full })];
  if (chance !== undefined) state.push(say("estimated", { tag: value.full, chance: percent(chance) }));
  button.setAttribute("aria-label", say("tile_is", { at: drawn * given.page + place + 1, state: state.join(". ") }));
  return now;
}

// --- judging ---

function set(button, now) {
  chosen.set(Number(button.dataset.number), now);
  drawTiles();
}

const turn = (button) => set(button, TURN[button.dataset.value]);

function setAll(now) {
  for (const number of onPage(drawn)) chosen.set(number, now);
  drawTiles();
}

function confirm() {
  if (drawn !== page || drawn < 0) return;
  const rows = onPage(drawn).map((number) => known.get(number)).map((face) => ({ name: face.name, tag, value: valueOf(face) }));
  outbox.post("/review/judge", { judgements: rows });
  for (const number of onPage(drawn)) chosen.delete(number);
  if (drawn + 1 < pages()) go(drawn + 1);
  else { drawTiles(); tell(say("last")); }
}

const undo = () => outbox.post("/review/undo", {});

function answered(path, answer) {
  if (!answer) return drawn >= 0 && drawTiles();
  const undone = path.endsWith("undo");
  status(say(answer.rows ? (undone ? "undone" : "saved") : undone ? "nothing_to_undo" : "nothing_new"));
  for (const face of answer.faces) {
    known.set(face.number, face);
    if (numbers.includes(face.number)) judged[face.judged[tag] ? "add" : "delete"](face.number);
  }
  if (drawn < 0) return;
  const first = numbers.indexOf(answer.faces[0]?.number);
  const back = Math.floor(first / given.page);
  if (undone && first >= 0 && back !== page) go(back);
  else drawTiles();
}

// --- keys and buttons ---

function columns() {
  const tops = $$(".tile").map((button) => button.getBoundingClientRect().top);
  return tops.filter((top) => top === tops[0]).length;
}

function move(by) {
  const tiles = $$(".tile");
  const from = tiles.findIndex((button) => button.tabIndex === 0);
  const to = from + by;
  if (to >= 0 && to < tiles.length) tiles[to].focus();
}

function setHere(now) {
  const here = $('.tile[tabindex="0"]');
  set(here, now);
  move(1);
}

const actions = {
  "arrowright": () => move(1),
  "arrowleft": () => move(-1),
  "arrowdown": () => move(columns()),
  "arrowup": () => move(-columns()),
  "home": () => move(-$$(".tile").findIndex((button) => button.tabIndex === 0)),
  "end": () => $$(".tile").at(-1).focus(),
  " ": () => turn($('.tile[tabindex="0"]')),
  "y": () => setHere("yes"),
  "n": () => setHere("no"),
  "u": () => setHere("unsure"),
  "shift y": () => setAll("yes"),
  "shift n": () => setAll("no"),
  "enter": confirm,
  "pagedown": () => go(page + 1),
  "pageup": () => go(page - 1),
  "ctrl z": undo,
  "?": help,
};

keyboard((key, event) => {
  if (!Object.hasOwn(actions, key) || (drawn < 0 && key !== "?")) return false;
  if (event.repeat && !key.startsWith("arrow")) return true; // a key held down acts once
  actions[key]();
  return true;
});

$("#previous").onclick = actions.pageup;
$("#next").onclick = actions.pagedown;
$("#confirm").onclick = confirm;
$("#undo").onclick = undo;
whenSeenAgain(async () => {
  if (drawn < 0) return;
  for (const number of known.keys()) if (!onPage(drawn).includes(number)) known.delete(number);
  for (const face of await faces(onPage(drawn))) known.set(face.number, face);
  drawTiles();
});

const found = await load(`/review/queue?${new URLSearchParams(given.query)}`);
numbers = found.numbers;
judged = new Set(numbers.filter((_, place) => found.tagged[place] === "1"));
$("#main").hidden = !numbers.length;
$("#nothing").hidden = numbers.length > 0;
progress(judged.size, numbers.length);
if (numbers.length) await go(Math.floor(found.start / given.page), found.start % given.page);
