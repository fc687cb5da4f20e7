// Dates as files write them. What could be two points in time is none. The same rules as reverie/readers/dates.py.

import { TABLE } from "./formats.js";

const SHAPES = TABLE.dates.map((shape) => new RegExp(shape));
const LOCAL = new RegExp(TABLE.local_date);
const SAMPLE = new RegExp(TABLE.local_sample, "g");
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const [EARLIEST, LATEST] = [0, Date.UTC(2200, 0, 1)];

/** `[ISO text or undefined, whether a time zone was missing]`. Throws an Error with the reason. */
export function parseDate(value, unix, order) {
  if (value === undefined || value === null || (typeof value === "string" && !value.trim())) return [undefined, false];
  const counted = unix ? fromCount(value, unix) : undefined;
  if (counted) return [counted, false];
  if (typeof value !== "string")
    throw new Error(`its date must be a text such as 2026-05-01T09:00:00Z, not ${String(value).slice(0, 40)}`);
  const text = value
    .slice(0, 80)
    .replace(/[\u202f\u00a0\u2009]/g, " ")
    .replace(/[\u200e\u200f]/g, "")
    .trim();
  let found = null;
  for (const shape of SHAPES) if ((found = shape.exec(text))) break;
  if (!found && order) found = LOCAL.exec(text);
  const moment = found ? built(found.groups, order) : NaN;
  if (Number.isNaN(moment))
    throw new Error(`its date is not readable: '${value.slice(0, 40)}'; write 2026-05-01T09:00:00Z`);
  if (moment < EARLIEST || moment > LATEST)
    throw new Error(`its date is not between 1970 and 2200: '${value.slice(0, 40)}'`);
  return [new Date(moment).toISOString(), !found.groups.z];
}

function fromCount(value, unix) {
  if (typeof value === "string" && /^[0-9]{9,13}(\.[0-9]+)?$/.test(value)) value = Number(value);
  if (typeof value !== "number" || !(value > 0 && value < 1e13)) return undefined;
  const moment = unix === "milliseconds" ? value : value * 1000;
  return moment <= LATEST ? new Date(moment).toISOString() : undefined;
}

/** Milliseconds since 1970, NaN for what is no date. */
function built(part, order) {
  let [year, month, day] = part.a
    ? sorted(part.a, part.b, part.c, order ?? "dmy")
    : [
        Number(part.y),
        part.mon ? MONTHS.indexOf(part.mon.slice(0, 3).toLowerCase()) + 1 : Number(part.m),
        Number(part.d),
      ];
  if ((part.c || part.y || "").length === 2) year += 2000;
  let hour = Number(part.H || 0);
  const [minute, second] = [Number(part.M || 0), Number(part.S || 0)];
  const half = (part.ap || "").toLowerCase() || { 上午: "a", 下午: "p" }[part.ampm] || "";
  if (half) {
    if (hour < 1 || hour > 12) return NaN;
    hour = (hour % 12) + (half === "p" ? 12 : 0);
  }
  if (hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 || day < 1) return NaN;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return NaN;
  date.setUTCHours(hour, minute, second, Number(`${part.f || ""}000`.slice(0, 3)));
  return date.getTime() - zone(part.z);
}

function zone(text) {
  if (!text || !/^[+-]/.test(text)) return 0;
  const digits = text.slice(1).replace(":", "");
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2) || 0)];
  return hours > 23 || minutes > 59 ? NaN : (text[0] === "+" ? 1 : -1) * (hours * 60 + minutes) * 60_000;
}

function sorted(a, b, c, order) {
  if (a.length === 4) return [Number(a), Number(b), Number(c)];
  return order === "dmy" ? [Number(c), Number(b), Number(a)] : [Number(c), Number(a), Number(b)];
}

/** `[order, example or undefined]`: whether days or months come first in a chat's dates. */
export function chooseOrder(text) {
  const dates = [];
  for (const found of text.matchAll(SAMPLE)) {
    dates.push(found.groups);
    if (dates.length === 5000) break;
  }
  const numeric = dates.filter((date) => date.a.length < 4);
  if (!numeric.length || numeric.every((date) => date.s === ".")) return ["dmy", undefined];
  const faults = {};
  for (const order of ["dmy", "mdy"]) {
    const moments = numeric.map((date) => sorted(date.a, date.b, date.c, order));
    const impossible = moments.filter(([, month, day]) => month < 1 || month > 12 || day < 1 || day > 31).length;
    const days = moments.map(([year, month, day]) => (year * 100 + month) * 100 + day);
    faults[order] = [impossible, days.filter((day, i) => i && day < days[i - 1]).length];
  }
  const { dmy, mdy } = faults;
  const order =
    dmy[0] !== mdy[0]
      ? dmy[0] < mdy[0]
        ? "dmy"
        : "mdy"
      : dmy[1] !== mdy[1]
        ? dmy[1] < mdy[1]
          ? "dmy"
          : "mdy"
        : numeric.some((date) => date.ap)
          ? "mdy"
          : "dmy";
  const first = numeric[0];
  return [order, [first.a, first.b, first.c].join(first.s)];
}
