// The page: listens to what changes, shows one request in full, and switches faults on and off.

import { said, show, textual, tree } from "./page_text.js";
import { say, translate } from "./page_words.js";

const RESTED = 1500;
const found = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const amount = (value) => (value === null || value === undefined ? "" : number.format(value));

const COLUMNS = [
  ["Time", (row) => new Date(row.at).toLocaleTimeString("en-GB")],
  ["Dialect", (row) => row.dialect || `${row.method} ${row.path}`],
  ["Model", (row) => row.model ?? ""],
  ["Stream", (row) => (row.stream ? say("yes") : "")],
  ["Status", (row) => (row.status ? String(row.status) : row.ending || (row.duration === null ? "…" : "–"))],
  ["Fault", (row) => row.fault ?? ""],
  ["Tokens", (row) => (row.tokens ? amount(row.tokens) : "")],
  ["Credits", (row) => (row.tokens ? amount(Number(row.credits)) : "")],
  ["In the minute", placed],
  ["ms in all", (row) => (row.duration === null ? "…" : amount(row.duration))],
];
const ENDINGS = {
  cut: "; the connection was cut on purpose",
  reset: "; the connection was reset on purpose",
  left: "; the client left before the end",
};

const rows = new Map();
const lines = new Map();
let chosen = 0;
let shownEvents = 0;
let asking = false;
let again = false;
let words = { text: "", reasoning: "" };

function placed(row) {
  if (!row.place) return row.limit && row.status === 429 ? say("full") : "";
  return row.limit ? `${row.place} / ${row.limit}` : String(row.place);
}

function filled(text) {
  const cell = document.createElement("td");
  cell.append(textual("bdi", text));
  return cell;
}

function line(row) {
  const made = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = row.number;
  button.setAttribute("aria-label", say("Request {number}", { number: row.number }));
  head.append(button);
  made.append(head);
  made.dataset.number = row.number;
  made.addEventListener("click", () => choose(row.number));
  found("rows").prepend(made);
  return made;
}

function write(row) {
  rows.set(row.number, row);
  if (!lines.has(row.number)) lines.set(row.number, line(row));
  const made = lines.get(row.number);
  made.classList.toggle("bad", row.status === 0 ? row.duration !== null : row.status >= 400);
  made.classList.toggle("running", row.duration === null);
  made.replaceChildren(made.firstElementChild, ...COLUMNS.map(([, told]) => filled(told(row))));
}

function forget(oldest) {
  for (const old of [...lines.keys()]) {
    if (old < oldest || !oldest) {
      lines.get(old).remove();
      lines.delete(old);
      rows.delete(old);
    }
  }
}

function changed(event) {
  const { rows: given, oldest, faults } = JSON.parse(event.data);
  given.forEach(write);
  forget(oldest);
  const running = [...rows.values()].filter((row) => row.duration === null).length;
  found("status").textContent = say("{count} requests, {running} running", { count: rows.size, running });
  for (const button of found("faults").querySelectorAll("button")) armed(button, faults[button.dataset.kind] ?? 0);
  if (given.some((row) => row.number === chosen)) follow();
}

async function fetched(path) {
  const reply = await fetch(`/_emulator/requests/${path}`, { cache: "no-store" });
  return reply.ok ? reply.json() : null;
}

async function choose(which) {
  lines.get(chosen)?.removeAttribute("aria-current");
  lines.get(which)?.setAttribute("aria-current", "true");
  [chosen, shownEvents, words] = [which, 0, { text: "", reasoning: "" }];
  for (const id of ["events", "payload", "images", "facts", "answer", "reasoning", "timeline-note"]) {
    found(id).replaceChildren();
  }
  found("details-title").textContent = say("Request {number}", { number: which });
  found("details-title").focus({ preventScroll: true });
  const told = await fetched(which);
  if (which !== chosen) return;
  if (told) describe(told);
  else found("facts").textContent = say("It is no longer kept.");
  follow();
}

function describe({ row, headers, size, payload, shortened, images }) {
  const sent = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  show(found("facts"), [`${row.method} ${row.path}`, `${amount(size)} B`, ...sent].join(" · "));
  found("payload").replaceChildren(tree(payload));
  found("payload-note").hidden = !shortened;
  found("images").replaceChildren(...images.map(pictured));
}

function pictured({ kind, width, height, bytes, url }) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = `${kind} ${width} × ${height}, ${amount(bytes)} B`;
  if (url) {
    const image = document.createElement("img");
    image.src = url;
    image.alt = caption.textContent;
    figure.append(image);
  }
  figure.append(caption);
  return figure;
}

async function follow() {
  if (asking) {
    again = true;
    return;
  }
  [asking, again] = [true, false];
  const which = chosen;
  const told = await fetched(`${which}/timeline?after=${shownEvents}`).finally(() => (asking = false));
  const fits = which === chosen && told?.after === shownEvents;
  if (fits) extend(told);
  if (again || which !== chosen) follow();
}

function extend({ row, events, left_out: leftOut }) {
  const span = Math.max(row.duration ?? 0, events.at(-1)?.at ?? 0, 1);
  found("timeline").style.setProperty("--span", span);
  found("events").append(...events.map((event, index) => eventLine(event, shownEvents + index + 1)));
  shownEvents += events.length;
  show(found("answer"), words.text);
  show(found("reasoning"), words.reasoning);
  const counted = { count: amount(shownEvents), bytes: amount(row.sent) };
  found("timeline-note").textContent = [
    say("{count} events, {bytes} bytes", counted),
    leftOut ? say("; {bytes} bytes more were not kept", { bytes: amount(leftOut) }) : "",
    row.ending ? say(ENDINGS[row.ending]) : "",
    row.relayed ? say("; relayed from an upstream server") : "",
  ].join("");
}

function eventLine({ at, bytes, text }, place) {
  const told = said(text);
  words.text += told.text;
  words.reasoning += told.reasoning;
  const made = document.createElement("tr");
  const when = document.createElement("td");
  const dot = document.createElement("span");
  dot.className = "dot";
  dot.style.setProperty("--at", at);
  when.className = "when";
  when.append(dot);
  const says = textual("td", told.reasoning + told.text + told.calls, "says");
  const raw = textual("td", text, "raw");
  raw.dir = "ltr";
  made.append(filled(String(place)), filled(at.toFixed(1)), when, filled(amount(bytes)), says, raw);
  return made;
}

function armed(button, times) {
  button.setAttribute("aria-pressed", String(times > 0));
  button.querySelector(".waiting").textContent = times ? say("{times} waiting", { times }) : "";
}

const given = (id) => (found(id).value === "" ? null : Number(found(id).value));

async function toggle(button) {
  const off = button.getAttribute("aria-pressed") === "true";
  const order = { times: given("times") ?? 1, seconds: given("seconds"), after_events: given("after") };
  const reply = await fetch(`/_emulator/faults/${encodeURIComponent(button.dataset.kind)}`, {
    method: off ? "DELETE" : "PUT",
    headers: { "content-type": "application/json" },
    body: off ? null : JSON.stringify(order),
  });
  const told = await reply.text();
  found("complaint").textContent = reply.ok ? "" : told;
  if (reply.ok) armed(button, JSON.parse(told)[button.dataset.kind] ?? 0);
}

function faultLine({ kind, summary }) {
  const made = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.kind = kind;
  const name = textual("bdi", kind, "kind");
  const explained = textual("span", say(summary), "summary");
  const waiting = textual("span", "", "waiting");
  button.append(name, " ", explained, " ", waiting);
  button.addEventListener("click", () => toggle(button));
  armed(button, 0);
  made.append(button);
  return made;
}

function oddityLine({ name, summary }) {
  return [textual("dt", name), textual("dd", summary)];
}

function settled(event) {
  const { profile, oddities, faults } = JSON.parse(event.data);
  forget(0);
  found("profile").textContent = profile;
  found("plain").hidden = oddities.length > 0;
  found("oddities").replaceChildren(...oddities.flatMap(oddityLine));
  found("faults").replaceChildren(...faults.map(faultLine));
}

function listen() {
  const source = new EventSource("/_emulator/changes");
  source.addEventListener("setting", settled);
  source.addEventListener("change", changed);
  source.addEventListener("error", () => {
    found("status").textContent = say("Connection lost; trying again …");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RESTED);
  });
}

translate();
for (const title of ["Number", ...COLUMNS.map(([name]) => name)]) {
  const head = document.createElement("th");
  head.scope = "col";
  head.textContent = say(title);
  found("columns").append(head);
}
found("whole").addEventListener("change", (event) => {
  found("timeline").classList.toggle("whole", event.target.checked);
});
found("details").addEventListener("keydown", (event) => {
  if (event.key === "Escape") lines.get(chosen)?.querySelector("button").focus();
});
listen();
