// CSV (RFC 4180) with any separator; rows whose quotes are wrong are named. The same rules as reverie/readers/tables.py.

import { TABLE } from "./formats.js";
import { Unreadable } from "./rows.js";

const LONGEST = 400_000;
const MOST_OPEN = 100;

/** The cells of a row; null while a quote is open, false where text follows a closed one. */
export function cells(row, separator) {
  if (!row.includes('"')) return row.replace(/[\r\n]+$/, "").split(separator);
  const out = [];
  let cell = "";
  let state = "start";
  for (let i = 0; i < row.length; i++) {
    const c = row[i];
    if (state === "quoted") {
      if (c === '"') state = "closed";
      else cell += c;
    } else if (state === "closed" && c === '"') {
      cell += c;
      state = "quoted";
    } else if (c === separator) {
      out.push(cell);
      [cell, state] = ["", "start"];
    } else if (c === "\r" || c === "\n") return row.slice(i).trim() ? false : [...out, cell];
    else if (state === "closed") return false;
    else if (c === '"' && state === "start") state = "quoted";
    else [cell, state] = [cell + c, "plain"];
  }
  return state === "quoted" ? null : [...out, cell];
}

/** `[line, cells, the first line]` of every row that is not blank. */
export function* rows(text, collector) {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let separator = "";
  let opened = 0;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    if (!line.trim()) continue;
    if (!separator) {
      const said = /^sep=(.)\s*$/i.exec(line);
      if (said) {
        separator = said[1];
        continue;
      }
      separator = [",", ";", "\t", "|"].reduce((best, c) =>
        line.split(c).length > line.split(best).length ? c : best,
      );
    }
    let found = cells(line, separator);
    let [end, size, quotes] = [at, line.length, line.split('"').length - 1];
    while (found === null && size < LONGEST && end + 1 < lines.length) {
      end++;
      size += lines[end].length;
      quotes += lines[end].split('"').length - 1;
      if (quotes % 2 === 0) found = cells(lines.slice(at, end + 1).join(""), separator);
    }
    if (found) {
      if (found.some((cell) => cell.trim())) yield [at + 1, found, line];
      at = end;
      continue;
    }
    collector.reject(
      `line ${at + 1}`,
      `a quote ${found === null ? "that opens here is never closed" : "inside a quoted text is not doubled"}`,
    );
    if (++opened > MOST_OPEN)
      throw new Unreadable(`Wrong quotes in more than ${MOST_OPEN} rows, the last in line ${at + 1}.`);
  }
}

export function csv(text, collector) {
  let header;
  const whole = [];
  for (let [line, row, first] of rows(text, collector)) {
    if (!header) {
      header = row.map((cell) => cell.trim());
      const lower = header.map((cell) => cell.toLowerCase());
      if (lower.some((cell) => TABLE.text.includes(cell)) || (lower.includes("authorid") && lower.includes("content")))
        continue;
      header = withoutHeading(row);
    }
    if (header.length === 1 && row.length > 1 && !first.includes('"')) {
      row = [first.trim()];
      whole.push(line);
    }
    if (row.length > header.length)
      collector.reject(`line ${line}`, `has ${row.length} columns where the heading has ${header.length}`);
    else if (header !== null)
      take(Object.fromEntries(row.map((cell, i) => [header[i], cell])), `line ${line}`, collector);
  }
  if (whole.length)
    collector.notes.push(
      `separators in the only column, taken as part of the text: ${whole.length} (lines ${whole.slice(0, 5).join(", ")}${whole.length > 5 ? ", ..." : ""})`,
    );
}

/** Names for the columns of a file whose first row is data: the longest cell is the text. */
function withoutHeading(row) {
  if (row.length === 1) return ["text"];
  if (!row.some((cell) => /^[0-9]+$/.test(cell.trim())))
    throw new Unreadable(
      `There is no column for the text among ${row.join(", ").slice(0, 200)}; name one of them text or content or memory.`,
    );
  const longest = row.reduce((best, cell, i) => (cell.length > row[best].length ? i : best), 0);
  return row.map((_, i) => (i === longest ? "text" : `column ${i + 1}`));
}

function take(row, place, collector) {
  delete row.metadata;
  const count = row.access_count?.trim();
  if (count && !/^[0-9]{1,11}$/.test(count))
    return collector.reject(place, `access_count: '${count.slice(0, 20)}' is not a count`);
  if (count) row.access_count = Number(count);
  else delete row.access_count;
  collector.take(place, row);
}
