// How memories hang together: themes, typical memories, bridges.

import { h, memories as howMany, put, said } from "../dom.js";
import { canvasPng, csvFile, jsonFile, sceneSvg } from "../files.js";
import { analyze, model, on, themeOf } from "../model.js";
import { pack } from "../packing.js";
import { busy, exportMenu, failure, memoryCard, memoryList, needMemories, progressBar } from "../parts.js";
import { Scene } from "../scene.js";

export function mount(root) {
  if (!model.memories.length) return needMemories(root);
  const canvas = h("canvas", {
    tabindex: "0",
    role: "application",
    "aria-roledescription": "graph",
    id: "graph",
    "aria-describedby": "graph-help",
  });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const bar = progressBar("Progress of the analysis");
  const trouble = h("div", {});
  const card = h("div", { class: "picked" });
  const lists = h("div", {});
  const empty = h("div", { class: "over-canvas" });
  let all = [];
  const edgeBox = h(
    "select",
    { id: "edges", onchange: () => showEdges() },
    [
      ["near", "of the picked memory"],
      ["strong", "the strongest"],
      ["all", "all"],
    ].map(([value, name]) => h("option", { value }, name)),
  );
  const scene = new Scene(canvas, {
    aspect: true,
    hover: (id, x, y) => {
      tip.hidden = id === null;
      if (id === null) return;
      put(tip, said(model.byId.get(id)?.text ?? id));
      tip.style.setProperty("--x", `${Math.min(x, scene.width - 260)}px`);
      tip.style.setProperty("--y", `${y}px`);
      tip.classList.toggle("above", y > scene.height - 120);
      if (edgeBox.value === "near") showEdges();
    },
    pick: (id) => pick(id),
  });
  const pick = (id, follow = false) => {
    if (follow) scene.select(id, { follow: true });
    const linked = all
      .filter(({ a, b }) => a.id === id || b.id === id)
      .sort((a, b) => b.weight - a.weight)
      .map(({ a, b }) => (a.id === id ? b.id : a.id));
    const extra = linked.length > 0 && [
      h("h3", {}, `Connected to ${linked.length}`),
      memoryList(linked, { pick: (other) => pick(other, true), step: 5, label: "Connected memories" }),
    ];
    put(card, id !== null && memoryCard(id, { extra, onclose: () => (scene.select(null), put(card), showEdges()) }));
    showEdges();
  };
  function showEdges() {
    const near = scene.selected ?? scene.hovered;
    scene.edges =
      edgeBox.value === "all"
        ? all
        : edgeBox.value === "strong"
          ? all.slice(0, 1500)
          : all.filter(({ a, b }) => a.id === near || b.id === near);
    scene.draw();
  }

  put(
    root,
    h("h1", { class: "sr" }, "Graph"),
    h(
      "div",
      { class: "split" },
      h(
        "section",
        { class: "stage-area", "aria-label": "Graph" },
        h(
          "div",
          { class: "bar" },
          h("label", { for: "edges" }, "Connections"),
          edgeBox,
          h("span", { class: "grow" }),
          exportMenu(
            [
              ["Graph as JSON", () => jsonFile(model.runs.analyze.result.graph), "graph.json"],
              [
                "Connections as CSV",
                () =>
                  csvFile([
                    ["source", "target", "weight", "kind"],
                    ...all.map((e) => [e.a.id, e.b.id, e.weight, e.kind]),
                  ]),
                "graph.csv",
              ],
              ["This view as PNG", () => canvasPng(canvas), "graph.png"],
              ["This view as SVG", () => sceneSvg(scene, "Graph of memories"), "graph.svg"],
            ],
            () => drawn,
          ),
        ),
        h(
          "div",
          { class: "canvas" },
          canvas,
          tip,
          empty,
          h(
            "p",
            { id: "graph-help", class: "sr" },
            "Arrow keys move from memory to memory, plus and minus zoom, 0 shows everything. The lists beside the graph hold the same.",
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
          "p",
          { class: "bar foot help" },
          "Each disc is a theme, the most typical memories in its middle. Rings mark bridges: memories that connect themes.",
        ),
      ),
      h("aside", { class: "side", "aria-label": "Memories in the graph" }, card, lists),
    ),
  );

  let drawn = null;
  const show = () => {
    const run = model.runs.analyze;
    bar.update(run);
    put(trouble, run && ["failed", "cancelled"].includes(run.status) && failure(run, analyze));
    const result = run?.result;
    if (!result || result === drawn) return;
    drawn = result;
    const graph = result.graph;
    put(
      empty,
      !graph?.communities?.length &&
        h("p", { class: "help" }, busy(run) ? "" : "No two memories are alike enough to make a theme."),
    );
    if (!graph?.communities?.length) return;
    const communities = [...graph.communities].sort(
      (a, b) => b.memory_ids.length - a.memory_ids.length || (a.id < b.id ? -1 : 1),
    );
    const rank = new Map(graph.central.map((id, i) => [id, i]));
    const members = communities.map((c) =>
      [...c.memory_ids].sort((a, b) => (rank.get(a) ?? 1e9) - (rank.get(b) ?? 1e9)),
    );
    const { places, discs } = pack(members, Math.max(0.6, scene.width / scene.height || 1.4));
    const points = members.flatMap((ids) =>
      ids.map((id) => ({ id, x: places.get(id)[0], y: places.get(id)[1], place: placeOf(id) })),
    );
    discs.forEach((disc, c) => (disc.place = commonest(members[c].map(placeOf))));
    const at = new Map(points.map((p) => [p.id, p]));
    all = graph.edges
      .map((e) => ({ a: at.get(e.source), b: at.get(e.target), weight: e.weight, kind: e.kind }))
      .filter((e) => e.a && e.b)
      .sort((a, b) => b.weight - a.weight);
    const labels = communities
      .map((c, i) => ({
        text: c.label || c.keywords.slice(0, 2).join(", "),
        x: discs[i].x,
        y: discs[i].y + discs[i].r * 0.8,
        place: discs[i].place,
        disc: i,
      }))
      .filter((label) => label.text)
      // The largest first: they have the most room, and a small one without its name is missed least.
      .sort((a, b) => discs[b.disc].r - discs[a.disc].r || a.disc - b.disc)
      .map((label) => ({ ...label, short: label.text.includes(" · ") ? label.text.split(" · ", 1)[0] : null }));
    scene.setData({ points, labels, discs, rings: new Set(graph.bridges) });
    showEdges();
    canvas.setAttribute("aria-label", `Graph of ${howMany(points.length)} in ${communities.length} themes`);
    const section = (title, help, ids) =>
      ids.length > 0 &&
      h(
        "section",
        {},
        h("h2", {}, title),
        h("p", { class: "help" }, help),
        memoryList(ids, { pick: (id) => pick(id, true), step: 6, label: title }),
      );
    put(
      lists,
      section(
        "Typical",
        "The most connected: what is said again and again. Typical is not the same as important.",
        graph.central.slice(0, 30),
      ),
      section("Bridges", "They connect what is otherwise apart.", graph.bridges.slice(0, 30)),
      section("In no theme", "Like nothing else.", graph.isolated.slice(0, 100)),
    );
  };
  const off = on("analyze", show);
  scene.resize();
  if (!model.runs.analyze && model.runs.cluster?.status === "succeeded") analyze();
  show();
  return () => {
    off();
    scene.close();
  };
}

// A memory has the colour of its theme on every page; a disc that of most of its members.
const placeOf = (id) => (themeOf(id) === null ? -1 : model.places.of(themeOf(id)));

function commonest(list) {
  const counts = new Map();
  for (const item of list) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0][0];
}
