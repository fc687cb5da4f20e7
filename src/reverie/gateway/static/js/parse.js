// Files and pasted text into memories. Runs in the browser: what is dropped here leaves it only as a submission.

import { entries, read } from "./unzip.js";

const TEXT = ["text", "content", "contents", "message", "memory", "body", "fact", "note"];
const DATE = ["created_at", "timestamp", "date", "created", "time", "datetime", "at"];
const ID = ["id", "memory_id", "message_id"];
const MOST = 5000;
const MOST_CHARS = 100_000;

export class Unreadable extends Error {}

/** `{memories, notes}` of a File. */
export async function parseFile(file) {
  const name = file.name.toLowerCase();
  if (name.endsWith(".zip")) return finish(await discord(file));
  if (file.size > 64 * 2 ** 20) throw new Unreadable("This file is larger than 64 MB.");
  return parseText(await file.text(), name);
}

/** `{memories, notes}` of a text: JSON lines, a JSON list, CSV, or a line for each memory. */
export function parseText(text, name = "") {
  text = text.replace(/^\uFEFF/, "");
  const trimmed = text.trim();
  if (!trimmed) throw new Unreadable("There is nothing in it.");
  if (/\.csv$|\.tsv$/.test(name)) return finish(csv(text, name.endsWith(".tsv") ? "\t" : null));
  if (!name.endsWith(".txt")) {
    if (trimmed.startsWith("[") && trimmed.endsWith("]")) {
      try {
        return finish(list(JSON.parse(trimmed)));
      } catch (error) {
        if (name.endsWith(".json")) throw new Unreadable(`This is not valid JSON: ${error.message}`);
      }
    }
    if (trimmed.startsWith("{") || /\.jsonl$|\.ndjson$/.test(name)) {
      const rows = jsonLines(trimmed, /\.jsonl$|\.ndjson$|\.json$/.test(name));
      if (rows) return finish(list(rows));
    }
    const head = trimmed.split("\n", 1)[0].toLowerCase();
    if (!name && /[,;\t]/.test(head) && splitRow(head).some((cell) => TEXT.includes(cell.trim()))) return finish(csv(text));
  }
  return finish(trimmed.split(/\r?\n/).map((line) => ({ text: line })));
}

function jsonLines(text, strict) {
  try {
    const whole = JSON.parse(text);
    return whole.memories ?? [whole];
  } catch {
    // one object a line, then
  }
  const rows = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (!line.trim()) continue;
    try {
      rows.push(JSON.parse(line));
    } catch {
      if (strict) throw new Unreadable(`Line ${index + 1} is not valid JSON.`);
      return null;
    }
  }
  return rows;
}

function list(rows) {
  if (!Array.isArray(rows)) throw new Unreadable("A list of memories was expected.");
  return rows.map((row) => (typeof row === "string" ? { text: row } : normal(row ?? {})));
}

function normal(row) {
  const lower = Object.fromEntries(Object.entries(row).map(([key, value]) => [key.toLowerCase(), value]));
  const first = (names) => names.map((name) => lower[name]).find((value) => value !== undefined && value !== null && value !== "");
  const memory = { text: first(TEXT), id: first(ID), created_at: first(DATE), last_accessed_at: lower.last_accessed_at };
  if (Number.isInteger(lower.access_count) && lower.access_count >= 0) memory.access_count = lower.access_count;
  for (const key of ["kind", "source"]) if (typeof lower[key] === "string") memory[key] = lower[key].slice(0, 64);
  if (lower.metadata && typeof lower.metadata === "object" && !Array.isArray(lower.metadata)) memory.metadata = lower.metadata;
  return memory;
}

function csv(text, separator = null) {
  const head = text.slice(0, text.indexOf("\n") < 0 ? text.length : text.indexOf("\n"));
  separator ??= [",", ";", "\t"].sort((a, b) => head.split(b).length - head.split(a).length)[0];
  const rows = table(text, separator);
  if (!rows.length) return [];
  const names = rows[0].map((cell) => cell.trim().toLowerCase());
  if (names.some((cell) => TEXT.includes(cell)))
    return rows.slice(1).map((row) => normal(Object.fromEntries(names.map((cell, i) => [cell, number(cell, row[i])]))));
  // No heading: the longest column is the text.
  const lengths = rows[0].map((_, i) => rows.reduce((sum, row) => sum + (row[i]?.length ?? 0), 0));
  const column = lengths.indexOf(Math.max(...lengths));
  return rows.map((row) => ({ text: row[column] }));
}

const number = (name, value) => (name === "access_count" && /^\d+$/.test(value ?? "") ? Number(value) : value);
const splitRow = (line) => line.split(/[,;\t]/).map((cell) => cell.replaceAll('"', ""));

/** RFC 4180: quoted cells may hold separators, line ends and doubled quotes. */
export function table(text, separator = ",") {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0].trim()) rows.push(row);
    row = [];
    cell = "";
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[++i];
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) {
      row.push(cell);
      cell = "";
    } else if (c === "\n") endRow();
    else if (c !== "\r") cell += c;
  }
  if (cell || row.length) endRow();
  return rows;
}

/** The messages of a Discord data package. */
async function discord(file) {
  const files = await entries(file);
  const messages = files.filter((entry) => /(^|\/)messages\/c?\d+\/messages\.(json|csv)$/i.test(entry.name));
  if (!messages.length) {
    const other = files.find((entry) => /\.(jsonl|ndjson|json|csv|txt)$/i.test(entry.name));
    if (!other) throw new Unreadable("This zip holds neither a Discord data package nor a jsonl, csv or txt file.");
    return (await parseText(await read(file, other), other.name.toLowerCase())).memories;
  }
  const out = [];
  for (const entry of messages) {
    const channel = entry.name.split("/").at(-2);
    const text = await read(file, entry);
    const rows = entry.name.toLowerCase().endsWith(".json") ? list(JSON.parse(text)) : csv(text, ",");
    for (const row of rows) out.push({ ...row, source: channel });
  }
  return out;
}

/** ISO 8601 with a zone, or undefined. `naive` counts dates that were read as UTC. */
export function isoDate(value, seen = { naive: 0, bad: 0 }) {
  if (value === undefined || value === null || value === "") return undefined;
  let text = String(value).trim();
  if (/^\d{10}(\.\d+)?$/.test(text)) text = new Date(Number(text) * 1000).toISOString();
  else if (/^\d{13}$/.test(text)) text = new Date(Number(text)).toISOString();
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,]\d+)?)? ?(Z|UTC|[+-]\d\d:?\d\d)?$/i.exec(text);
  if (!match) {
    seen.bad++;
    return undefined;
  }
  if (!match[4]) seen.naive++;
  const zone = !match[4] || /^(z|utc)$/i.test(match[4]) ? "Z" : match[4].replace(/^([+-]\d\d):?(\d\d)$/, "$1:$2");
  const date = new Date(`${match[1]}T${match[2] ?? "00:00"}${match[3] ?? ":00"}${zone}`);
  if (isNaN(date) || date.getUTCFullYear() < 1970 || date.getUTCFullYear() > 2199) {
    seen.bad++;
    return undefined;
  }
  return date.toISOString();
}

function finish(rows) {
  const seen = { naive: 0, bad: 0, blank: 0, cut: 0, doubled: 0 };
  let memories = [];
  for (const row of rows) {
    let text = typeof row.text === "string" ? row.text : row.text === undefined || row.text === null ? "" : String(row.text);
    text = (text.toWellFormed?.() ?? text).replaceAll("\0", "").trim();
    if (!text) {
      seen.blank++;
      continue;
    }
    if (text.length > MOST_CHARS) {
      text = text.slice(0, MOST_CHARS);
      seen.cut++;
    }
    const memory = { ...row, text, created_at: isoDate(row.created_at, seen), last_accessed_at: isoDate(row.last_accessed_at, seen) };
    memories.push(memory);
  }
  const notes = [];
  if (memories.length > MOST) {
    notes.push(`${memories.length.toLocaleString("en")} found; the newest ${MOST.toLocaleString("en")} are used.`);
    memories = memories
      .map((memory, index) => [memory.created_at ?? "", index, memory])
      .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]))
      .slice(-MOST)
      .map((entry) => entry[2]);
  }
  const ids = new Set();
  memories = memories.map((memory, index) => {
    let id = memory.id === undefined || memory.id === null || memory.id === "" ? String(index) : String(memory.id).slice(0, 200);
    if (ids.has(id)) {
      seen.doubled++;
      id = `${id}#${index}`;
    }
    ids.add(id);
    return Object.fromEntries(Object.entries({ ...memory, id }).filter(([, value]) => value !== undefined && value !== null));
  });
  if (seen.blank) notes.push(`${seen.blank} without text left out.`);
  if (seen.naive) notes.push(`${seen.naive} dates without a time zone were read as UTC.`);
  if (seen.bad) notes.push(`${seen.bad} dates could not be read.`);
  if (seen.cut) notes.push(`${seen.cut} very long texts were shortened.`);
  if (seen.doubled) notes.push(`${seen.doubled} ids occurred twice and got a number.`);
  if (!memories.length) throw new Unreadable("No memories were found in it.");
  return { memories, notes };
}
