// Pieces that several views share.

import { count, day, duration, h, memories, put, said } from "./dom.js";
import { model, themeName, themeOf } from "./model.js";
import { colour } from "./palette.js";

const STAGES = {
  submitting: "Sending",
  away: "Waiting for the service",
  loading: "Fetching",
  queued: "Waiting for a worker",
  starting: "Starting",
  embedding: "Reading",
  clustering: "Finding themes",
  labelling: "Naming the themes",
  mapping: "Drawing the map",
  importance: "Weighing what matters",
  graph: "Connecting memories",
  patterns: "Looking for rhythms",
  duplicates: "Looking for repetitions",
  emotion: "Hearing the mood",
  advice: "Weighing what could go",
  ranking: "Remembering",
};

/** What a run is doing, in words. */
export function stageText(run) {
  const progress = run.progress;
  const stage = ["submitting", "loading", "queued", "away"].includes(run.status)
    ? run.status
    : (progress?.stage ?? run.status);
  const name = STAGES[stage] ?? stage[0].toUpperCase() + stage.slice(1);
  return progress?.total > 1 && run.status === "running"
    ? `${name} ${progress.done.toLocaleString("en")} of ${progress.total.toLocaleString("en")}`
    : `${name}…`;
}

export const busy = (run) =>
  run !== null && ["submitting", "loading", "queued", "running", "away"].includes(run.status);

/** A progress bar that can be updated: `bar.update(run)`. */
export function progressBar(label) {
  const fill = h("div", { class: "fill" });
  const track = h(
    "div",
    { class: "track", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" },
    fill,
  );
  const text = h("span", { class: "stage" });
  const node = h("div", { class: "progress", hidden: true }, text, track);
  node.update = (run) => {
    node.hidden = !busy(run);
    if (node.hidden) return;
    const share = run.progress?.fraction ?? 0;
    text.textContent = stageText(run);
    fill.style.setProperty("--share", String(share));
    track.classList.toggle("unsure", share <= 0);
    track.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    track.setAttribute("aria-valuetext", stageText(run));
  };
  return node;
}

/** What went wrong with a run, and what can be done. */
export function failure(run, again) {
  const error = run.error ?? {};
  return h(
    "div",
    { class: "note bad", role: "alert" },
    h("strong", {}, run.status === "cancelled" ? "Cancelled." : (error.title ?? "That did not work.")),
    error.detail && error.detail !== error.title && h("p", {}, said(error.detail)),
    error.retry_after && h("p", {}, `Try again in ${duration(error.retry_after)}.`),
    h("button", { class: "quiet", onclick: again }, "Try again"),
  );
}

/** A memory as people read it: its words first. */
export function memoryCard(id, { extra, onclose } = {}) {
  const memory = model.byId.get(id);
  const theme = themeOf(id);
  const place = theme === null ? -1 : model.places.of(theme);
  const facts = [
    day(memory?.created_at),
    memory?.source,
    memory?.kind,
    memory?.access_count ? `recalled ${count(memory.access_count, "time")}` : null,
  ];
  return h(
    "article",
    { class: "memory", vars: { "--c": colour(place) } },
    onclose && h("button", { class: "close", "aria-label": "Close", onclick: onclose }, "×"),
    h("p", { class: "words", dir: "auto" }, memory?.text ?? `Memory ${id}`),
    h(
      "p",
      { class: "facts" },
      h("span", { class: "dot" }),
      said(theme === null ? "in no theme" : themeName(theme)),
      facts.filter(Boolean).map((fact) => h("span", {}, fact)),
    ),
    extra,
  );
}

/** A list of memories, a button each; more on demand. */
export function memoryList(ids, { pick, step = 8, label }) {
  const list = h("ul", { class: "memories", "aria-label": label });
  let shown = 0;
  const more = h("button", { class: "quiet more", onclick: () => grow() });
  const grow = () => {
    for (const id of ids.slice(shown, shown + step)) {
      const theme = themeOf(id);
      const place = theme === null ? -1 : model.places.of(theme);
      const words = h("span", { class: "words", dir: "auto" }, model.byId.get(id)?.text ?? `Memory ${id}`);
      list.append(
        h(
          "li",
          {},
          pick
            ? h("button", { class: "line", vars: { "--c": colour(place) }, onclick: () => pick(id) }, words)
            : h("span", { class: "line", vars: { "--c": colour(place) } }, words),
        ),
      );
    }
    shown = Math.min(ids.length, shown + step);
    more.hidden = shown >= ids.length;
    more.textContent = `${memories(ids.length - shown)} more`;
  };
  grow();
  return h("div", {}, list, more);
}

/** A menu of downloads: [[name, how to make a Blob, file name]]; closed to the hand until `ready()`. */
export function exportMenu(items, ready = () => true) {
  const menu = h("details", { class: "menu" }, h("summary", {}, "Export"));
  const list = h("div", { class: "items" });
  for (const [name, make, file] of items)
    list.append(
      h(
        "button",
        {
          onclick: async () => {
            menu.open = false;
            const blob = await make();
            const link = h("a", { href: URL.createObjectURL(blob), download: file });
            link.click();
            setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
          },
        },
        name,
      ),
    );
  const later = h("p", { class: "help", hidden: true }, "Not there yet.");
  list.append(later);
  menu.append(list);
  menu.addEventListener("toggle", () => {
    later.hidden = !!ready();
    for (const button of list.querySelectorAll("button")) button.disabled = !ready();
  });
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", (e) => !menu.contains(e.relatedTarget) && (menu.open = false));
  return menu;
}

/** A bar of parts that add up: [[name, value, colour place]]. */
export function stackBar(parts, total) {
  return h(
    "span",
    { class: "stack", "aria-hidden": "true" },
    parts.map(([, value, place]) =>
      h("span", { vars: { "--share": String(total > 0 ? value / total : 0), "--c": colour(place) } }),
    ),
  );
}

/** Shows `node` in `root` with what a view needs before it has memories. */
export function needMemories(root) {
  put(
    root,
    h(
      "div",
      { class: "blank" },
      h("h2", {}, "No memories yet"),
      h("p", {}, "Paste some, drop a file, or look at the demo first."),
      h("p", {}, h("a", { class: "button", href: "#/try" }, "Bring memories")),
    ),
  );
}
