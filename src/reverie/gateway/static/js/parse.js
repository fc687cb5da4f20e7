// Files and pasted text into memories. Runs in the browser: what is dropped here leaves it only as a submission.
// What is read is described in formats.js, which the command line has too; the same files are tried on both.

import { chat, chatOf, prepareOrder } from "./chats.js";
import { TABLE } from "./formats.js";
import { ChooseAuthor, Collector, Unreadable } from "./rows.js";
import { csv, rows as csvRows } from "./tables.js";
import { entries, read } from "./unzip.js";

export { ChooseAuthor, Unreadable };

const WINDOWS = "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ";
const LARGEST = 64 * 2 ** 20;
const PACKAGE = new RegExp(TABLE.archives.package, "i");
const KNOWN = new RegExp(TABLE.archives.known, "i");
const DATED = /^\[?(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)\]?[\s:,;|-]+(?=\S)/;
const ARRAYS = new Set(TABLE.arrays);
const OBJECTS = new Set([""]);
for (const path of TABLE.arrays) {
  let at = "";
  for (const step of path ? path.split(".") : []) {
    OBJECTS.add(at);
    at = at ? `${at}.${step}` : step;
    if (step.endsWith("[]")) ARRAYS.add(at.slice(0, -2));
  }
}

/** `{memories, notes}` of a File. `author` is the id or name of the only person whose texts are taken. */
export async function parseFile(file, author) {
  const name = file.name;
  const collector = new Collector(author);
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if (/\.zip$/i.test(name) || (head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4)) {
    await archive(file, collector);
    return done(collector, name);
  }
  if (String.fromCharCode(...head) === "PAR1" || /\.parquet$/i.test(name))
    throw new Unreadable(
      `This is parquet, which a browser cannot read. On a computer, this reads it: reverie cluster "${name}". Or save it as JSON lines for here, in pandas: table.to_json("memories.jsonl", orient="records", lines=True, date_format="iso")`,
    );
  if (file.size > LARGEST)
    throw new Unreadable(`This file is larger than 64 MB. On a computer, this reads it: reverie cluster "${name}"`);
  text(decode(await file.arrayBuffer(), collector), name, collector);
  return done(collector, name);
}

/** `{memories, notes}` of a text: JSON lines, JSON, CSV, a chat, or a line for each memory. */
export function parseText(given, name = "", author) {
  const collector = new Collector(author);
  text(given, name, collector);
  return done(collector, name || "This");
}

function done(collector, name) {
  const result = collector.finish(name);
  if (!result.memories.length) {
    const why = result.notes.length ? ` ${result.notes.join(". ")}.` : "";
    throw Object.assign(new Unreadable(`No memories were found in it.${why}`), { result });
  }
  return result;
}

function decode(buffer, collector) {
  const bytes = new Uint8Array(buffer);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    if (bytes.subarray(0, 4096).includes(0)) throw new Unreadable("This is not a text file.");
    collector.notes.push("not UTF-8; read as Windows-1252");
    // Some engines take Windows-1252 for Latin-1.
    return new TextDecoder("windows-1252")
      .decode(bytes)
      .replace(/[\u0080-\u009f]/g, (c) => WINDOWS[c.charCodeAt(0) - 0x80]);
  }
}

function text(whole, name, collector) {
  whole = whole.replace(/^\uFEFF/, "");
  const trimmed = whole.trim();
  if (!trimmed) throw new Unreadable("There is nothing in it.");
  const kind = /\.(csv|tsv)$/i.test(name)
    ? "csv"
    : /\.(jsonl|ndjson)$/i.test(name)
      ? "jsonl"
      : /\.json$/i.test(name)
        ? "json"
        : /\.txt$/i.test(name)
          ? "txt"
          : /\.html?$/i.test(name) || /^<!doctype html/i.test(trimmed)
            ? "html"
            : "";
  if (kind === "html") throw new Unreadable("This is a page (HTML); export the chat as JSON instead.");
  if (kind === "csv") {
    if (whole.slice(0, 200).includes("AuthorID")) prepareOrder(whole, collector);
    return csv(whole, collector);
  }
  const isChat = kind === "txt" || !kind ? chatOf(whole) : undefined;
  if (isChat) return chat(isChat, whole, collector);
  if (kind !== "txt") {
    if (json(whole, trimmed, kind, collector)) return undefined;
    const first = trimmed.split("\n", 1)[0].toLowerCase();
    const heading = first.split(/[,;\t]/).map((cell) => cell.replaceAll('"', "").trim());
    if (!kind && heading.length > 1 && heading.some((cell) => TABLE.text.includes(cell))) return csv(whole, collector);
  }
  for (const [index, raw] of whole.split(/\r\n|\n|\r/).entries()) {
    const line = raw.trim();
    const dated = DATED.exec(line);
    if (dated) collector.add(`line ${index + 1}`, { text: line.slice(dated[0].length), created_at: dated[1] });
    else if (line) collector.add(`line ${index + 1}`, line);
  }
  return undefined;
}

/** Whether it was JSON, as one document or a value a line. */
function json(whole, trimmed, kind, collector) {
  if (!kind && !/^[[{"]/.test(trimmed)) return false;
  let document;
  let wrong;
  try {
    document = parse(trimmed);
  } catch (error) {
    wrong = error;
  }
  const several = trimmed.includes("\n");
  if (
    !wrong &&
    (kind === "json" || trimmed[0] === "[" || (trimmed[0] === "{" && several) || (!kind && trimmed[0] === "{"))
  ) {
    walk(document, collector);
    return true;
  }
  if (kind === "json" && !(several && valid(trimmed.split("\n", 1)[0])))
    throw new Unreadable(`This is not valid JSON: ${wrong.message}`);
  // Pasted text may only look like JSON.
  if (!kind && !valid(trimmed.split("\n", 1)[0])) return false;
  for (const [index, line] of whole.split("\n").entries()) {
    if (!line.trim()) continue;
    let row;
    try {
      row = parse(line);
    } catch {
      collector.reject(`line ${index + 1}`, "not JSON");
      continue;
    }
    collector.take(`line ${index + 1}`, row);
  }
  return true;
}

function valid(line) {
  try {
    parse(line);
    return true;
  } catch {
    return false;
  }
}

/** JSON whose long integers (Discord's ids) become texts: as numbers they would lose their last digits. */
function parse(given) {
  if (/[:[,]\s*-?\d{16}/.test(given))
    given = given.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (piece) =>
      piece[0] === '"' ? piece : `"${piece}"`,
    );
  return JSON.parse(given);
}

function walk(document, collector) {
  const head = new Map();
  let found = false;
  const container = (path, value) => {
    if (Array.isArray(value) && ARRAYS.has(path)) {
      found ||= TABLE.arrays.includes(path);
      for (const [index, row] of value.entries()) {
        if (OBJECTS.has(`${path}[]`) && typeof row === "object" && row && !Array.isArray(row)) object(`${path}[]`, row);
        else collector.take(`item ${index + 1}`, row, head.get("channel")?.name);
      }
    } else if (typeof value === "object" && value && !Array.isArray(value) && OBJECTS.has(path)) object(path, value);
    else head.set(path, value);
  };
  const object = (path, value) => {
    for (const [key, inner] of Object.entries(value)) container(path ? `${path}.${key}` : key, inner);
  };
  container("", document);
  if (found) return;
  const before = collector.understood;
  const isObject = typeof document === "object" && document && !Array.isArray(document);
  if (isObject) collector.take("the document", document);
  if (collector.understood === before)
    throw new Unreadable(
      `A list of memories was expected${isObject ? `, not an object of ${Object.keys(document).slice(0, 6).join(", ")}` : ""}.`,
    );
}

/** A Discord data package, or the archive of another service. */
async function archive(file, collector) {
  const files = await entries(file);
  const channels = files.filter((entry) => PACKAGE.test(entry.name));
  const known = channels.length ? channels : files.filter((entry) => KNOWN.test(entry.name));
  if (!known.length)
    throw new Unreadable("This zip holds neither a Discord data package nor an export of ChatGPT, Claude or WhatsApp.");
  for (const entry of known) {
    try {
      const whole = (await read(file, entry)).replace(/^\uFEFF/, "");
      if (channels.length) channel(entry.name, whole, collector);
      else text(whole, entry.name, collector);
    } catch (error) {
      if (known.length === 1) throw error;
      collector.reject(entry.name, error.message);
    }
  }
}

function channel(name, whole, collector) {
  const folder = name.split("/").at(-2);
  let list;
  if (/json$/i.test(name)) {
    list = parse(whole);
    if (!Array.isArray(list)) throw new Unreadable(`${name} is not a list of messages.`);
  } else {
    const [header, ...rest] = [...csvRows(whole, collector)].map((row) => row[1]);
    list = rest.map((row) => Object.fromEntries(row.map((cell, i) => [header[i], cell])));
  }
  for (const [index, row] of list.entries()) {
    const lower = Object.fromEntries(Object.entries(row ?? {}).map(([key, value]) => [key.toLowerCase(), value]));
    if (typeof lower.contents !== "string" || !lower.contents.trim()) collector.leave("no text");
    else
      collector.add(`${name}, message ${index + 1}`, {
        id: lower.id,
        text: lower.contents,
        created_at: lower.timestamp,
        source: folder,
      });
  }
}
