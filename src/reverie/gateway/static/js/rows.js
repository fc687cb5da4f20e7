// Rows of any export into memories; what is left out is counted and named. The same rules as reverie/readers/base.py.

import { parseDate } from "./dates.js";
import { TABLE } from "./formats.js";

const SERVICE = new RegExp(TABLE.service, "s");
const MOST = 5000;
const MOST_CHARS = 100_000;
const MOST_ID = 256;
const NAMED = 5;

export class Unreadable extends Error {}

/** Several people wrote: `authors` is `[{id, name, count}]`. */
export class ChooseAuthor extends Unreadable {
  constructor(message, authors) {
    super(message);
    this.authors = authors;
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const given = (value) => value !== undefined && value !== null && value !== "";

/** The value at a path of the table, undefined where there is none. */
export function get(row, path) {
  for (const part of path.split(".")) {
    if (Array.isArray(row)) row = /^-?[0-9]+$/.test(part) ? row.at(Number(part)) : undefined;
    else row = isObject(row) && Object.hasOwn(row, part) ? row[part] : undefined;
    if (row === undefined) return undefined;
  }
  return row;
}

const has = (row, path) => get(row, path) !== undefined;
const match = (row) =>
  TABLE.formats.find(
    (form) => form.has.every((path) => has(row, path)) && (!form.any || form.any.some((path) => has(row, path))),
  );

function* expand(row, path) {
  const [, name, mark, rest] = /^(.*?)(\[\]|\{\})\.?(.*)$/.exec(path);
  const held = get(row, name);
  for (const value of Array.isArray(held) ? held : isObject(held) && mark === "{}" ? Object.values(held) : []) {
    const inner = rest ? get(value, rest) : value;
    if (inner !== undefined && inner !== null) yield inner;
  }
}

/** A text given whole or in parts; undefined when it is neither. */
function joined(value, between = "\n") {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  return value
    .map((part) => (isObject(part) ? (isObject(part.text) ? part.text.value : part.text) : part))
    .filter((text) => typeof text === "string")
    .join(between);
}

function kind(value) {
  if (Array.isArray(value)) return "a list";
  if (value === null) return "null";
  return { number: "a number", boolean: "true or false", object: "an object" }[typeof value] ?? "something else";
}

// JSON.stringify writes a surrogate without its other half as an escape, and whole characters as they are.
const broken = (value) => /(^|[^\\])(\\\\)*\\ud[89a-f]/i.test(JSON.stringify(value));
const finite = (value) =>
  typeof value === "number"
    ? Number.isFinite(value)
    : typeof value !== "object" || value === null || Object.values(value).every(finite);

export class Collector {
  constructor(author) {
    this.wanted = author?.trim().toLowerCase();
    this.asked = author;
    this.memories = [];
    this.rejected = [];
    this.notes = [];
    this.left = new Map();
    this.authors = new Map();
    this.places = new Map();
    this.naive = 0;
    this.undated = 0;
    this.named = [];
    this.order = undefined;
  }

  get understood() {
    return this.memories.length + this.left.size;
  }

  reject(place, reason) {
    this.rejected.push({ place, reason });
  }

  leave(why) {
    this.left.set(why, (this.left.get(why) ?? 0) + 1);
  }

  /** A row of any format of the table, or a text or object of one's own. */
  take(place, row, source, depth = 0) {
    const form = isObject(row) ? match(row) : undefined;
    if (!form) return this.add(place, row);
    if (form.each && depth < 2) {
      const title = form.source ? get(row, form.source) : undefined;
      let number = 0;
      for (const inner of expand(row, form.each))
        this.take(`${place}, message ${++number}`, inner, typeof title === "string" ? title : source, depth + 1);
    } else if (!form.skip) this.known(place, row, form, source);
  }

  known(place, row, form, source) {
    const outside = (rules) => Object.entries(rules ?? {}).some(([path, allowed]) => !allowed.includes(get(row, path)));
    if (outside(form.keep)) return this.leave("service");
    if (form.bot && get(row, form.bot)) return this.leave("bot");
    if (outside(form.person)) return this.leave("other side");
    for (const [path, why] of Object.entries(form.without ?? {})) if (get(row, path)) return this.leave(why);
    const text = form.text.map((path) => joined(get(row, path), form.join ?? "\n")).find((part) => part?.trim());
    if (!text) return this.leave("no text");
    if (form.service && SERVICE.test(text)) return this.leave("service");
    const metadata = form.metadata ? get(row, form.metadata) : undefined;
    const values = { text, source, metadata: isObject(metadata) ? metadata : undefined };
    const dates = (form.date ?? []).map((path) => get(row, path)).filter(given);
    const id = form.id ? get(row, form.id) : undefined;
    if (!form.author) return this.keep(place, values, this.date(place, form.unix, dates), id);
    const first = (paths) => String((paths ?? []).map((path) => get(row, path)).find(given) ?? "");
    const who = first(form.author.id);
    return this.by(place, values, who, first(form.author.name) || who, dates, form.unix, id);
  }

  /** What somebody said in a chat's plain text. */
  say(place, name, text, date) {
    if (SERVICE.test(text)) return this.leave("service");
    return this.by(place, { text }, name, name, [date]);
  }

  by(place, values, who, name, dates, unix, id) {
    if (!this.authors.has(who)) this.authors.set(who, { id: who, name, count: 0 });
    this.authors.get(who).count++;
    if (this.wanted !== undefined && this.wanted !== who.toLowerCase() && this.wanted !== name.toLowerCase())
      return this.leave("other people");
    return this.keep(place, values, this.date(place, unix, dates), id, who);
  }

  /** A text, or an object with one, becomes a memory or is rejected with the reason. */
  add(place, row) {
    if (typeof row === "string") row = { text: row };
    if (!isObject(row)) return this.reject(place, `is ${kind(row)}, neither a text nor an object with one`);
    const lower = Object.fromEntries(Object.entries(row).map(([key, value]) => [key.trim().toLowerCase(), value]));
    const first = (names) => names.map((name) => lower[name]).find(given);
    const found = first(TABLE.text);
    const text = joined(found);
    if (!text?.trim()) {
      const known = found !== undefined || TABLE.text.some((name) => name in lower);
      const named = Object.keys(row)
        .slice(0, 6)
        .map((name) => `'${name}'`)
        .join(", ");
      return this.reject(
        place,
        found !== undefined && text === undefined
          ? `its text is ${kind(found)}`
          : known
            ? "its text is blank"
            : `has no text (only ${named})`,
      );
    }
    const memory = { text, last_accessed_at: this.date(place, undefined, [row.last_accessed_at]) };
    if (row.access_count) {
      if (!Number.isInteger(row.access_count) || row.access_count < 0)
        return this.reject(place, "access_count: is not a count");
      memory.access_count = row.access_count;
    }
    for (const key of ["kind", "source"])
      if (typeof row[key] === "string" && row[key]) memory[key] = row[key].slice(0, key === "kind" ? 64 : 256);
    if (isObject(row.metadata)) memory.metadata = row.metadata;
    return this.keep(place, memory, this.date(place, undefined, [first(TABLE.date)]), first(TABLE.id));
  }

  /** The first date that can be read, or none: a text is worth keeping without it. */
  date(place, unix, values) {
    let wrong = "";
    for (const value of values) {
      try {
        const [moment, naive] = parseDate(value, unix, this.order);
        this.naive += naive;
        return moment;
      } catch (error) {
        wrong ||= error.message;
      }
    }
    if (wrong) {
      this.undated++;
      if (this.named.length < NAMED) this.named.push(`${place}: ${wrong}`);
    }
    return undefined;
  }

  keep(place, values, created, id, author = "") {
    if (given(id) && String(id).length > MOST_ID)
      return this.reject(place, `id: has ${String(id).length.toLocaleString("en")} characters, more than ${MOST_ID}`);
    for (const [name, value] of Object.entries({ id, ...values })) {
      if (value === undefined || value === null) continue;
      if (broken(value)) return this.reject(place, `${name}: is not valid Unicode (a lone surrogate)`);
      if (!finite(value)) return this.reject(place, `${name}: holds a number that JSON has not`);
    }
    if (values.text.includes("\0")) return this.reject(place, "text: holds a NUL");
    if (values.text.length > MOST_CHARS)
      return this.reject(place, `text: has more than ${MOST_CHARS.toLocaleString("en")} characters`);
    if (given(id)) {
      id = String(id);
      if (this.places.has(id)) return this.reject(place, `has the id '${id.slice(0, 60)}' of ${this.places.get(id)}`);
      this.places.set(id, place);
    }
    if (typeof values.source === "string") values.source = values.source.slice(0, 256);
    this.memories.push({ ...values, id: given(id) ? id : undefined, created_at: created, author });
  }

  /** `{memories, notes, rejected, left, user}`. */
  finish(name = "this") {
    const authors = [...this.authors.values()].sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1));
    const chosen = this.chosen(name, authors);
    let memories = chosen ? this.memories.filter((memory) => memory.author === chosen.id) : this.memories;
    const left = [...this.left].map(([why, count]) => `${TABLE.reasons[why]}, left out: ${count.toLocaleString("en")}`);
    const notes = [...this.notes];
    if (memories.length > MOST) {
      notes.push(`${memories.length.toLocaleString("en")} found; the newest ${MOST.toLocaleString("en")} are used.`);
      memories = memories
        .map((memory, index) => [memory.created_at ?? "", index, memory])
        .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]))
        .slice(-MOST)
        .sort((a, b) => a[1] - b[1])
        .map((entry) => entry[2]);
    }
    let number = 0;
    memories = memories.map(({ author, ...memory }) => {
      while (memory.id === undefined) if (!this.places.has(String(number++))) memory.id = String(number - 1);
      return Object.fromEntries(Object.entries(memory).filter(([, value]) => value !== undefined && value !== null));
    });
    notes.push(...left);
    const more = (all, shown) => (all > shown ? `; and ${(all - shown).toLocaleString("en")} more` : "");
    if (this.rejected.length) {
      const shown = this.rejected.slice(0, NAMED).map((row) => `${row.place}: ${row.reason}`);
      notes.push(
        `rows left out: ${this.rejected.length.toLocaleString("en")} (${shown.join("; ")}${more(this.rejected.length, shown.length)})`,
      );
    }
    if (this.naive) notes.push(`dates without a time zone, taken as UTC: ${this.naive.toLocaleString("en")}`);
    if (this.undated)
      notes.push(
        `dates left out, their texts kept: ${this.undated.toLocaleString("en")} (${this.named.join("; ")}${more(this.undated, this.named.length)})`,
      );
    return { memories, notes, rejected: this.rejected, left, undated: this.undated, user: chosen?.id };
  }

  chosen(name, authors) {
    const choose = (what, among) =>
      new ChooseAuthor(
        `${what}:\n${among
          .slice(0, 20)
          .map((a) => `  ${a.name === a.id ? a.name : `${a.name} (${a.id})`}: ${a.count}`)
          .join("\n")}`,
        among,
      );
    if (this.wanted === undefined) {
      if (authors.length > 1) throw choose(`${name} has texts of ${authors.length} people; choose one`, authors);
      return authors[0];
    }
    if (!authors.length) return undefined;
    const byId = authors.filter((author) => author.id.toLowerCase() === this.wanted);
    const found = byId.length ? byId : authors.filter((author) => author.name.toLowerCase() === this.wanted);
    if (!found.length) throw choose(`${name} has no texts of '${this.asked}'`, authors);
    if (found.length > 1) throw choose(`'${this.asked}' is the name of ${found.length}`, found);
    return found[0];
  }
}
