// The map of themes.

import { announce, h, memories as howMany, put, said } from "../dom.js";
import { canvasPng, jsonFile, sceneSvg, themesCsv } from "../files.js";
import { cluster, model, on, recall, themeName, themeOf, themes } from "../model.js";
import { busy, exportMenu, failure, memoryCard, memoryList, needMemories, progressBar } from "../parts.js";
import { Scene } from "../scene.js";
import { changesStrip, legendList, recallList } from "./theme_lists.js";

export function mount(root) {
  if (!model.runs.cluster) return needMemories(root);
  const canvas = h("canvas", {
    tabindex: "0",
    role: "application",
    "aria-roledescription": "map",
    id: "map",
    "aria-describedby": "map-help",
  });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const bar = progressBar("Progress of the clustering");
  const trouble = h("div", {});
  const card = h("div", { class: "picked" });
  const side = h("aside", { class: "side", "aria-label": "Themes and search results" });
  const scene = new Scene(canvas, {
    hover: (id, x, y) => {
      tip.hidden = id === null;
      if (id === null) return;
      put(
        tip,
        said(clip(model.byId.get(id)?.text ?? id)),
        h("small", { dir: "auto" }, themeOf(id) ? themeName(themeOf(id)) : "in no theme"),
      );
      tip.style.setProperty("--x", `${Math.min(x, scene.width - 260)}px`);
      tip.style.setProperty("--y", `${y}px`);
      tip.classList.toggle("above", y > scene.height - 120);
    },
    pick: (id) => pick(id),
  });
  scene.visible = (p) => !model.hidden.has(p.theme);

  const pick = (id, follow = false) => {
    if (follow) scene.select(id, { follow: true });
    put(
      card,
      id !== null &&
        memoryCard(id, { extra: near(id, pick), onclose: () => (scene.select(null), put(card), canvas.focus()) }),
    );
    if (id !== null) announce(model.byId.get(id)?.text ?? "");
  };

  const query = h("input", {
    type: "search",
    id: "query",
    placeholder: "Ask these memories…",
    "aria-label": "Ask these memories",
    value: model.recall?.query ?? "",
    dir: "auto",
  });
  query.addEventListener("search", () => query.value === "" && recall(""));
  const form = h(
    "form",
    { class: "ask", role: "search", onsubmit: (e) => (e.preventDefault(), recall(query.value)) },
    query,
    h("button", { class: "main" }, "Ask"),
  );

  const slider = h("input", {
    type: "range",
    id: "granularity",
    min: "0",
    max: "1",
    step: "0.05",
    value: String(model.granularity),
  });
  let waiting = null;
  slider.addEventListener("input", () => {
    clearTimeout(waiting);
    slider.setAttribute("aria-valuetext", grain(Number(slider.value)));
    waiting = setTimeout(() => {
      if (Number(slider.value) === model.granularity && !["failed"].includes(model.runs.cluster?.status)) return;
      model.granularity = Number(slider.value);
      cluster({ preview: true }); // a slider that is tried must not change the person's history of themes
    }, 300);
  });
  slider.setAttribute("aria-valuetext", grain(model.granularity));

  put(
    root,
    h("h1", { class: "sr" }, "Themes"),
    h(
      "div",
      { class: "split" },
      h(
        "section",
        { class: "stage-area", "aria-label": "Map" },
        h(
          "div",
          { class: "bar" },
          form,
          exportMenu(
            [
              ["Themes as JSON", () => jsonFile(model.runs.cluster.result), "themes.json"],
              ["Memories as CSV", themesCsv, "themes.csv"],
              ["This view as PNG", () => canvasPng(canvas), "map.png"],
              ["This view as SVG", () => sceneSvg(scene, "Map of themes"), "map.svg"],
            ],
            () => drawn,
          ),
        ),
        h(
          "div",
          { class: "canvas" },
          canvas,
          tip,
          h(
            "p",
            { id: "map-help", class: "sr" },
            "Arrow keys move from memory to memory, plus and minus zoom, 0 shows everything, Escape lets go. The list beside the map holds the same.",
          ),
          h(
            "div",
            { class: "zoom", role: "group", "aria-label": "Zoom" },
            h("button", { "aria-label": "Zoom in", onclick: () => scene.zoom(1.5) }, "+"),
            h("button", { "aria-label": "Zoom out", onclick: () => scene.zoom(1 / 1.5) }, "−"),
            h("button", { "aria-label": "Show everything", onclick: () => scene.fit() }, "⤢"),
          ),
          trouble,
          bar,
        ),
        h(
          "div",
          { class: "bar foot" },
          h("label", { for: "granularity" }, "Fewer, broader"),
          slider,
          h("span", { "aria-hidden": "true" }, "More, finer"),
          h("output", { id: "summary" }),
        ),
      ),
      side,
    ),
  );

  const results = h("div", {});
  const changes = h("div", {});
  const legend = h("div", {});
  put(side, card, results, changes, legend);

  const showThemes = () => {
    const run = model.runs.cluster;
    bar.update(run);
    put(trouble, run && ["failed", "cancelled"].includes(run.status) && failure(run, cluster));
    root.querySelector(".canvas").classList.toggle("busy", busy(run) && !!run.result);
    if (!run?.result || run.result === drawn) return;
    drawn = run.result;
    scene.setData(mapData(run.result));
    const list = themes();
    canvas.setAttribute("aria-label", `Map of ${howMany(model.memories.length)} in ${list.length} themes`);
    root.querySelector("#summary").textContent =
      `${list.length} theme${list.length === 1 ? "" : "s"} · ${run.result.unclustered.length} in none`;
    announce(`${list.length} themes found.`);
    put(
      changes,
      model.notes.map((note) => h("p", { class: "note" }, note)),
      changesStrip(run.result),
    );
    put(legend, legendList(pick, scene));
  };
  let drawn = null;
  const showHidden = () => {
    scene.draw();
    for (const node of legend.querySelectorAll("[data-theme]")) {
      const on = !model.hidden.has(node.dataset.theme === "" ? null : node.dataset.theme);
      node.querySelector(".swatch").setAttribute("aria-pressed", String(on));
      node.classList.toggle("off", !on);
    }
  };
  const showRecall = () => {
    const found = model.recall;
    scene.lit = found?.status === "succeeded" ? new Map(found.hits.map((hit) => [hit.memory_id, hit.rank])) : null;
    scene.draw();
    put(
      results,
      found &&
        recallList(
          found,
          (id) => pick(id, true),
          () => ((query.value = ""), recall("")),
        ),
    );
  };
  const repaint = () => {
    if (drawn) put(legend, legendList(pick, scene));
    showHidden();
  };
  addEventListener("look", repaint);
  const off = [
    on("cluster", showThemes),
    on("hidden", showHidden),
    on("recall", showRecall),
    on("memories", () => ((drawn = null), showThemes())),
  ];
  scene.resize();
  showThemes();
  showRecall();
  showHidden();
  return () => {
    off.forEach((stop) => stop());
    removeEventListener("look", repaint);
    clearTimeout(waiting);
    scene.close();
  };
}

const clip = (text) => (text.length > 180 ? `${text.slice(0, 178)}…` : text);
const grain = (value) => (value < 0.3 ? "few, broad themes" : value > 0.7 ? "many, fine themes" : "medium");

function mapData(result) {
  const points = (result.map ?? []).map((p) => {
    const theme = result.assignments[p.id] ?? null;
    return { id: p.id, x: p.x, y: p.y, theme, place: theme === null ? -1 : model.places.of(theme) };
  });
  const at = new Map(points.map((p) => [p.id, p]));
  const labels = themes()
    .slice(0, 80)
    .map((theme) => {
      const members = theme.memory_ids.map((id) => at.get(id)).filter(Boolean);
      const text = theme.label || theme.keywords.join(", ") || "theme";
      return {
        text: text.length > 32 ? `${text.slice(0, 31)}…` : text,
        ...anchor(members),
        place: model.places.of(theme.id),
        hidden: () => model.hidden.has(theme.id),
      };
    });
  return { points, labels };
}

/** Over a theme's most central point, above most of what is around it: a theme of two islands is named on one. */
function anchor(members) {
  if (!members.length) return { x: 0, y: 0 };
  const sorted = (list) => list.sort((a, b) => a - b);
  const middle = (axis) => sorted(members.map((p) => p[axis]))[Math.floor(members.length / 2)];
  const [mx, my] = [middle("x"), middle("y")];
  const away = (p, x, y) => Math.hypot(p.x - x, p.y - y);
  const core = members.reduce((a, b) => (away(b, mx, my) < away(a, mx, my) ? b : a));
  const around = sorted(members.filter((p) => away(p, core.x, core.y) < 0.12).map((p) => p.y));
  return { x: core.x, y: around[Math.floor((around.length - 1) * 0.85)] };
}

/** The memories nearest on the map: a way on for those who read. */
function near(id, pick) {
  const points = model.runs.cluster?.result?.map ?? [];
  const from = points.find((p) => p.id === id);
  if (!from) return null;
  const close = points
    .filter((p) => p.id !== id)
    .map((p) => [(p.x - from.x) ** 2 + (p.y - from.y) ** 2, p.id])
    .sort((a, b) => a[0] - b[0])
    .slice(0, 3)
    .map((p) => p[1]);
  return close.length
    ? [h("h3", {}, "Close by"), memoryList(close, { pick: (other) => pick(other, true), label: "Close by" })]
    : null;
}
