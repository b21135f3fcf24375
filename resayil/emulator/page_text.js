// How a text of a request or a reply is shown: as text alone, with what cannot be seen made visible.

// Control characters but line feed and tab, line and paragraph separators, and what steers the direction.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function mark(sign) {
  const made = document.createElement("span");
  made.className = "mark";
  made.dir = "ltr";
  made.textContent = `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return made;
}

/** Replaces what an element holds by a text; nothing in it is ever read as markup. */
export function show(element, text) {
  element.replaceChildren();
  let end = 0;
  for (const found of text.matchAll(UNSEEN)) {
    element.append(text.slice(end, found.index), mark(found[0]));
    end = found.index + 1;
  }
  element.append(text.slice(end));
  return element;
}

/** An element that holds a text in its own direction. */
export function textual(name, text, className = "") {
  const made = document.createElement(name);
  made.dir = "auto";
  made.className = className;
  return show(made, text);
}

/** The JSON payload of an event or of a whole reply; null where there is none. */
function parsed(text) {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
  try {
    return JSON.parse(lines.length ? lines.map((line) => line.slice(5)).join("\n") : text);
  } catch {
    return null;
  }
}

function call(name, given) {
  return (name ? `${name} ` : "") + (typeof given === "string" ? given : JSON.stringify(given ?? {}));
}

/** What a chat choice says: a delta of a stream or a whole message. */
function ofChoice(choice) {
  const part = choice?.delta ?? choice?.message ?? {};
  const calls = (part.tool_calls ?? []).map((each) => call(each.function?.name, each.function?.arguments ?? ""));
  return { text: part.content ?? "", reasoning: part.reasoning_content ?? part.reasoning ?? "", calls: calls.join(" ") };
}

/** What a block of a message, or a delta to one, says. */
function ofBlock(block) {
  const calls = block?.partial_json ?? (block?.type === "tool_use" ? call(block.name, block.input) : "");
  return { text: block?.text ?? "", reasoning: block?.thinking ?? "", calls };
}

/** The words of an event or of a whole reply, in either dialect: text, reasoning and tool calls. */
export function said(text) {
  const value = parsed(text);
  if (!value || typeof value !== "object") return { text: "", reasoning: "", calls: "" };
  if (Array.isArray(value.choices)) return strings(ofChoice(value.choices[0]));
  if (!Array.isArray(value.content)) return strings(ofBlock(value.delta ?? value.content_block));
  const blocks = value.content.map(ofBlock).map(strings);
  const joined = (name) => blocks.map((block) => block[name]).join("");
  return { text: joined("text"), reasoning: joined("reasoning"), calls: joined("calls") };
}

function strings(words) {
  const entries = Object.entries(words);
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === "string" ? value : ""]));
}

/** A JSON value as nested lists, each text in its own direction. */
export function tree(value) {
  if (value === null || typeof value !== "object") {
    return textual("span", typeof value === "string" ? value : String(value), typeof value);
  }
  const list = document.createElement("ul");
  for (const [name, item] of Object.entries(value)) {
    const line = document.createElement("li");
    line.append(textual("span", name, "name"), " ", tree(item));
    list.append(line);
  }
  if (!list.childElementCount) return textual("span", Array.isArray(value) ? "[]" : "{}", "object");
  return list;
}
