// Bring memories: paste, drop, or the demo.

import { announce, h, memories as howMany, put } from "../dom.js";
import { begin } from "../model.js";
import { ChooseAuthor, parseFile, parseText, Unreadable } from "../parse.js";

const EXAMPLE = "I moved to Lisbon in March\nMy sister Lena gets married in June\nAllergic to penicillin\n…";

export function mount(root) {
  const words = h("textarea", {
    id: "paste",
    rows: "9",
    spellcheck: "false",
    dir: "auto",
    placeholder: EXAMPLE,
    "aria-describedby": "paste-help",
  });
  const user = h("input", { id: "who", value: somebody(), autocomplete: "off", maxlength: "256" });
  const problem = h("div", { role: "alert" });

  const go = async (load, source, who, author) => {
    put(problem);
    try {
      const loaded = await load(author);
      announce(`${howMany(loaded.memories.length)} sent.`);
      // The map is where to watch it happen.
      const sent = begin(loaded, who ?? (user.value.trim() || somebody()), source);
      location.hash = "#/themes";
      await sent;
    } catch (error) {
      if (error instanceof ChooseAuthor)
        return put(
          problem,
          choice(error, (id) => go(load, source, who, id)),
        );
      put(
        problem,
        h(
          "p",
          { class: "note bad" },
          error instanceof Unreadable ? error.message : `That could not be read: ${error.message}`,
        ),
      );
    }
  };
  const file = h("input", {
    type: "file",
    id: "file",
    class: "sr",
    accept: ".jsonl,.ndjson,.json,.csv,.tsv,.txt,.zip,.parquet",
    onchange: () => file.files[0] && go((author) => parseFile(file.files[0], author), file.files[0].name),
  });
  const drop = h(
    "label",
    { class: "drop", for: "file" },
    h("strong", {}, "Drop a file here, or choose one"),
    h(
      "span",
      {},
      "jsonl, csv, txt, a chat or an export: Discord (package, DiscordChatExporter), WhatsApp, Telegram, ChatGPT, Claude, mem0 and others. It is read in this browser; only the texts are sent, to this service.",
    ),
  );
  // Kept, since a drop's files are gone when an author is chosen later.
  const take = (dropped) => go((author) => parseFile(dropped, author), dropped.name);
  const over = (e) => {
    e.preventDefault();
    drop.classList.toggle("over", e.type === "dragover");
    if (e.type === "drop" && e.dataTransfer.files[0]) take(e.dataTransfer.files[0]);
  };
  for (const name of ["dragover", "dragleave", "drop"]) drop.addEventListener(name, over);

  put(
    root,
    h(
      "div",
      { class: "try" },
      h(
        "header",
        { class: "hero" },
        h("h1", {}, "What do all these memories say?"),
        h(
          "p",
          {},
          "Bring what your bot remembers of someone. Reverie finds the themes, the rhythms and what matters, in the background.",
        ),
      ),
      h(
        "div",
        { class: "ways" },
        h(
          "section",
          { class: "card wide", "aria-labelledby": "paste-title" },
          h("h2", { id: "paste-title" }, h("label", { for: "paste" }, "Paste memories")),
          words,
          h("p", { id: "paste-help", class: "help" }, "One a line, or JSON lines with text and created_at, or CSV."),
          h(
            "div",
            { class: "row" },
            h("label", { for: "who" }, "Kept under the name"),
            user,
            h(
              "button",
              {
                class: "main",
                id: "go",
                onclick: () => go((author) => parseText(words.value, "", author), "pasted text"),
              },
              "Find the themes",
            ),
          ),
        ),
        h(
          "div",
          { class: "column" },
          h("section", { class: "card", "aria-label": "File" }, file, drop),
          h(
            "section",
            { class: "card demo", "aria-labelledby": "demo-title" },
            h("h2", { id: "demo-title" }, "Or look at Mira first"),
            h("p", {}, "Half a year of an invented person: climbing, a cat, a wedding, three languages."),
            h("button", { class: "main", id: "demo", onclick: () => go(demo, "demo", "demo-mira") }, "Show the demo"),
          ),
        ),
      ),
      problem,
    ),
  );
}

/** A name of its own for each paste: what was pasted before belongs to somebody else. */
const somebody = () =>
  `pasted-${[...crypto.getRandomValues(new Uint8Array(3))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;

/** Whose memories of a chat are taken. */
function choice(error, chosen) {
  const who = (author) => (author.name === author.id ? author.name : `${author.name} (${author.id})`);
  const buttons = error.authors
    .slice(0, 20)
    .map((author) =>
      h("button", { type: "button", onclick: () => chosen(author.id) }, `${who(author)}: ${author.count}`),
    );
  return h(
    "div",
    { class: "note" },
    h("p", {}, "Several people wrote in it. Whose texts are these memories?"),
    h("div", { class: "row", id: "authors" }, buttons),
  );
}

/** The demo's memories, moved by whole weeks so that they end near today and keep their weekdays. */
export async function demo() {
  const list = await (await fetch("/demo.json")).json();
  const last = Math.max(...list.map((memory) => Date.parse(memory.created_at)));
  const week = 7 * 86_400_000;
  const shift = Math.max(0, Math.floor((Date.now() - last) / week) * week);
  return {
    memories: list.map((memory) => ({
      ...memory,
      created_at: new Date(Date.parse(memory.created_at) + shift).toISOString(),
    })),
    notes: [],
  };
}
