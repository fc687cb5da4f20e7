// Chats exported as plain text: WhatsApp, and DiscordChatExporter's txt. The same rules as reverie/readers/chats.py.

import { chooseOrder } from "./dates.js";
import { TABLE } from "./formats.js";

const pattern = (part) => Object.fromEntries(Object.entries(part).map(([name, text]) => [name, new RegExp(text)]));
const WHATSAPP = pattern(TABLE.whatsapp);
const DISCORD = pattern(TABLE.discord_txt);
const plain = (text) => text.replace(/[\u202f\u00a0]/g, " ").replace(/[\u200f\ufeff\u202a\u202c]/g, "");
const whatsappLine = (line) => WHATSAPP.line.exec(plain(line).replace(/^\u200e+/, ""));

/** "whatsapp", "discord_txt" or undefined. */
export function chatOf(sample) {
  const start = sample.slice(0, 20_000).replace(/\r\n?/g, "\n");
  if (DISCORD.top.test(start)) return "discord_txt";
  const names = [];
  let dated = 0;
  for (const line of start.split("\n").slice(0, 60)) {
    if (!line.trim()) continue;
    const found = whatsappLine(line);
    if (!found && !dated) return undefined;
    if (!found) continue;
    dated++;
    const said = WHATSAPP.said.exec(found.groups.rest);
    if (said) names.push(said.groups.name);
  }
  const different = new Set(names).size;
  return names.length >= Math.max(1, dated / 2) && (different <= 2 || different <= 0.6 * names.length)
    ? "whatsapp"
    : undefined;
}

/** Decide whether days or months come first, and say so. */
export function prepareOrder(text, collector) {
  const [order, example] = chooseOrder(plain(text.slice(0, 2 ** 20)));
  collector.order = order;
  if (example)
    collector.notes.push(`dates such as ${example} are read as ${order === "dmy" ? "day/month" : "month/day"}`);
}

export function chat(kind, text, collector) {
  prepareOrder(text, collector);
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  if (kind === "whatsapp") {
    for (const [place, found, rest] of blocks(lines, whatsappLine)) {
      const said = WHATSAPP.said.exec(found.rest);
      if (!said) {
        collector.leave("service");
        continue;
      }
      const first = said.groups.text.replace(WHATSAPP.edited, "");
      if (WHATSAPP.no_text.test(first)) collector.leave("no text");
      else
        collector.say(
          place,
          said.groups.name.replace(/^[\u200e ]+|[\u200e ]+$/g, ""),
          [first, ...rest].join("\n").trim(),
          found.date,
        );
    }
    return;
  }
  const begins = (line) => {
    const found = DISCORD.line.exec(line);
    return found && /[0-9].*[0-9:]/.test(found.groups.date) ? found : null;
  };
  for (const [place, found, rest] of blocks(lines, begins, DISCORD.end)) {
    const end = rest.findIndex((line) => DISCORD.extra.test(line));
    const said = (end < 0 ? rest : rest.slice(0, end)).join("\n").trim();
    if (said) collector.say(place, found.name, said, found.date);
    else collector.leave("no text");
  }
}

/** `[place, groups of the first line, lines after it]` of each message. */
function* blocks(lines, begins, end) {
  let [place, head, rest] = ["", null, []];
  for (const [index, line] of lines.entries()) {
    const found = begins(line);
    const ends = !found && head && end?.test(line);
    if (!found && !ends) {
      rest.push(line);
      continue;
    }
    if (head) yield [place, head.groups, rest];
    if (ends) return;
    [place, head, rest] = [`line ${index + 1}`, found, []];
  }
  if (head) yield [place, head.groups, rest];
}
