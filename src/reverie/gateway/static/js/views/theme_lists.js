// What stands beside the map: the legend, what changed since last time, and what a question brought to mind.

import { count, day, h, percent, put, said } from "../dom.js";
import { emit, model, solo, themeName, themes, toggle } from "../model.js";
import { colour } from "../palette.js";
import { memoryList } from "../parts.js";

export function changesStrip(result) {
  const label = (id) => said(`“${themeName(id)}”`);
  const lines = [];
  const list = themes();
  if (result.born.length && result.born.length < list.length)
    lines.push(
      h(
        "li",
        { class: "born" },
        h("b", {}, "New: "),
        result.born.slice(0, 6).flatMap((id, i) => [i ? ", " : "", label(id)]),
        result.born.length > 6 && ` and ${result.born.length - 6} more`,
      ),
    );
  const some = (list, kind, one, many) => {
    for (const item of list.slice(0, 3)) lines.push(one(item));
    if (list.length > 3) lines.push(h("li", { class: kind }, many(list.length - 3)));
  };
  some(
    result.merged,
    "merged",
    (merge) =>
      h("li", { class: "merged" }, h("b", {}, "Merged: "), `${merge.themes.length} themes became `, label(merge.into)),
    (n) => `and ${n} more merged`,
  );
  some(
    result.split,
    "split-up",
    (split) =>
      h(
        "li",
        { class: "split-up" },
        h("b", {}, "Split: "),
        "one theme became ",
        split.into.flatMap((id, i) => [i ? ", " : "", label(id)]),
      ),
    (n) => `and ${n} more split`,
  );
  if (result.gone.length)
    lines.push(h("li", { class: "gone" }, h("b", {}, "Gone: "), count(result.gone.length, "theme")));
  if (!lines.length) return null;
  return h(
    "section",
    { class: "changes", "aria-labelledby": "changes-title" },
    h("h2", { id: "changes-title" }, "Since last time"),
    h("ul", {}, lines),
  );
}

export function legendList(pick, scene) {
  const list = themes();
  const most = Math.max(1, ...list.map((theme) => theme.size));
  const alone = model.runs.cluster.result.unclustered;
  const item = (id, name, size, place, ids, facts) => {
    const inner = h("div", { class: "inside" });
    const open = h(
      "button",
      {
        class: "name",
        "aria-expanded": "false",
        onclick: () => {
          const now = open.getAttribute("aria-expanded") !== "true";
          open.setAttribute("aria-expanded", String(now));
          put(
            inner,
            now && [
              facts,
              memoryList(ids, { pick: (memory) => pick(memory, true), label: `Memories of ${name}` }),
              h("button", { class: "quiet", onclick: () => solo(id) }, "Show only this theme"),
            ],
          );
          scene.focus = now ? new Set(ids) : null;
          scene.draw();
          if (now)
            for (const other of document.querySelectorAll(".legend .name[aria-expanded=true]"))
              if (other !== open) other.click();
          scene.focus = now ? new Set(ids) : scene.focus;
          // What is opened is also seen, wherever the map was moved to.
          if (now && !scene.sees(ids)) scene.fit();
        },
      },
      said(name),
      h("span", { class: "size" }, String(size)),
    );
    const swatch = h("button", {
      class: "swatch",
      "aria-pressed": "true",
      "aria-label": `${name}: on the map`,
      title: "Show or hide",
      onclick: () => toggle(id),
    });
    return h(
      "li",
      { "data-theme": id ?? "", vars: { "--c": colour(place), "--share": String(size / most) } },
      h("div", { class: "head" }, swatch, open),
      inner,
    );
  };
  return h(
    "section",
    { class: "legend", "aria-labelledby": "legend-title" },
    h(
      "div",
      { class: "titled" },
      h("h2", { id: "legend-title" }, "Themes"),
      h("button", { class: "quiet", onclick: () => (model.hidden.clear(), emit("hidden")) }, "Show all"),
    ),
    list.length === 0 && h("p", { class: "help" }, "Too few memories are alike to make a theme."),
    h(
      "ul",
      {},
      list.map((theme) =>
        item(
          theme.id,
          theme.label || theme.keywords.join(", ") || "theme",
          theme.size,
          model.places.of(theme.id),
          byTypical(theme),
          themeFacts(theme),
        ),
      ),
      alone.length > 0 && item(null, "In no theme", alone.length, -1, alone, null),
    ),
  );
}

const byTypical = (theme) => [...new Set([...theme.representative_ids, ...theme.memory_ids])];

function themeFacts(theme) {
  const span = theme.first_at ? `${day(theme.first_at)} – ${day(theme.last_at)}` : null;
  return h(
    "p",
    { class: "facts" },
    theme.keywords.length > 0 && said(theme.keywords.join(", ")),
    span && h("span", {}, span),
    h(
      "span",
      { title: "Mean similarity of the members to the theme's centre" },
      `cohesion ${percent(Math.max(0, theme.cohesion))}`,
    ),
  );
}

export function recallList(found, pick, clear) {
  const body = [];
  if (found.status === "running") body.push(h("p", { class: "help", role: "status" }, "Looking…"));
  else if (found.status !== "succeeded")
    body.push(h("p", { class: "note bad", role: "alert" }, found.error?.title ?? "That did not work."));
  else if (!found.hits.length) body.push(h("p", { class: "help" }, "Nothing here bears on that."));
  else
    body.push(
      h(
        "ol",
        { class: "hits" },
        found.hits.map((hit) =>
          h(
            "li",
            {},
            h(
              "button",
              { class: "line", onclick: () => pick(hit.memory_id) },
              h("span", { class: "rank" }, String(hit.rank)),
              h("span", { class: "words", dir: "auto" }, hit.text),
            ),
            h(
              "div",
              { class: "terms" },
              ["relevance", "importance", "recency"].map((name, i) =>
                h(
                  "span",
                  { vars: { "--share": String(Math.max(0, Math.min(1, hit.terms[name]))), "--c": colour(i) } },
                  `${name} ${hit.terms[name].toFixed(2)}`,
                ),
              ),
            ),
          ),
        ),
      ),
    );
  return h(
    "section",
    { class: "recall", "aria-labelledby": "recall-title" },
    h(
      "div",
      { class: "titled" },
      h("h2", { id: "recall-title" }, "What comes to mind"),
      h("button", { class: "quiet", onclick: clear }, "Clear"),
    ),
    body,
  );
}
