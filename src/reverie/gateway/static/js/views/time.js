// When: memories over time by theme, the week's rhythm, what chance does not explain.

import { h, memories as howMany, put, pValue, said } from "../dom.js";
import { canvasPng, csvFile, jsonFile } from "../files.js";
import { analyze, model, on } from "../model.js";
import { exportMenu, failure, memoryList, needMemories, progressBar } from "../parts.js";
import { plotOf, stack, tall, timelineSvg } from "./timeline.js";

const WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const KINDS = {
  burst: "Burst",
  rate_change: "Change",
  theme_trend: "Trend",
  theme_stopped: "Stopped",
  weekly_rhythm: "Weekly rhythm",
  daily_rhythm: "Daily rhythm",
  monthly_recurrence: "Every month",
  yearly_recurrence: "Every year",
  theme_cooccurrence: "Together",
};

const nameOf = (pattern) => KINDS[pattern.kind] ?? pattern.kind.replaceAll("_", " ");

export function mount(root) {
  if (!model.memories.length) return needMemories(root);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const chart = h("div", { class: "plot" });
  const legend = h("ul", { class: "keys", "aria-label": "Themes in the chart" });
  const reading = h("p", { class: "help", role: "status", id: "reading" });
  const heat = h("div", { class: "heat" });
  const bar = progressBar("Progress of the analysis");
  const patterns = h("div", {});
  const dated = model.memories.filter((memory) => memory.created_at);
  let plot = null;
  let layers = null;

  if (!dated.length) {
    put(
      root,
      h(
        "div",
        { class: "blank" },
        h("h2", {}, "No memory has a date"),
        h("p", {}, "Give created_at with each memory, and this page shows when what was said."),
      ),
    );
    return () => {};
  }
  put(
    root,
    h(
      "div",
      { class: "page" },
      h("h1", { class: "sr" }, "Time"),
      h(
        "section",
        { class: "card", "aria-labelledby": "over-time" },
        h(
          "div",
          { class: "titled" },
          h("h2", { id: "over-time" }, "Over time"),
          exportMenu([
            [
              "Counts as CSV",
              () =>
                csvFile([
                  ["start", ...layers.rows.map((l) => l.name)],
                  ...layers.starts.map((t, i) => [
                    new Date(t).toISOString().slice(0, 10),
                    ...layers.rows.map((l) => l.counts[i]),
                  ]),
                ]),
              "timeline.csv",
            ],
            ["Patterns as JSON", () => jsonFile(model.runs.analyze?.result?.patterns ?? []), "patterns.json"],
            ["Chart as PNG", () => canvasPng(chart.querySelector("canvas")), "timeline.png"],
            ["Chart as SVG", () => timelineSvg(layers), "timeline.svg"],
          ]),
        ),
        reading,
        chart,
        legend,
      ),
      h(
        "div",
        { class: "two" },
        h(
          "section",
          { class: "card", "aria-labelledby": "rhythm" },
          h("h2", { id: "rhythm" }, "Rhythm of the week"),
          h("p", { class: "help" }, `When memories were made, in ${zone.replaceAll("_", " ")}`),
          heat,
        ),
        h(
          "section",
          { class: "card", "aria-labelledby": "found" },
          h("h2", { id: "found" }, "What chance does not explain"),
          h("p", { class: "help" }, "Memories made within half an hour of each other count as one time."),
          bar,
          patterns,
        ),
      ),
    ),
  );
  put(heat, heatMap(dated));

  const draw = () => {
    plot?.destroy();
    layers = stack(dated);
    const found = (model.runs.analyze?.result?.patterns ?? []).map(span).filter(Boolean);
    plot = plotOf(chart, layers, found, reading);
    put(
      legend,
      layers.rows
        .filter((l) => l.counts.some(Boolean))
        .map((l) => h("li", { vars: { "--c": l.colour() } }, h("span", { class: "dot" }), said(l.name))),
    );
  };
  const show = () => {
    const run = model.runs.analyze;
    bar.update(run);
    const result = run?.result;
    put(
      patterns,
      run && ["failed", "cancelled"].includes(run.status) && failure(run, analyze),
      result && patternList(result),
    );
    draw();
  };
  const resized = new ResizeObserver(() => plot?.setSize({ width: chart.clientWidth, height: tall(chart) }));
  resized.observe(chart);
  addEventListener("look", draw);
  const off = [on("analyze", show), on("cluster", () => model.runs.cluster.status === "succeeded" && draw())];
  if (!model.runs.analyze && model.runs.cluster?.status === "succeeded") analyze();
  show();
  return () => {
    off.forEach((stop) => stop());
    removeEventListener("look", draw);
    resized.disconnect();
    plot?.destroy();
  };
}

/** How often chance alone would do as much, in words. */
const seldom = (p) => (p < 0.001 ? "less than once in 1,000 tries" : `about once in ${Math.round(1 / p)} tries`);

/** The same for who knows statistics. */
const fine = ({ p_value: p, q_value: q }) =>
  `p ${pValue(p)}${q === null || q === undefined ? "" : `; q ${pValue(q)} after correction for all tests of this report`}`;

function span(pattern) {
  if (!/burst|change/.test(pattern.kind)) return null;
  const times = pattern.memory_ids
    .map((id) => Date.parse(model.byId.get(id)?.created_at))
    .filter((t) => !Number.isNaN(t));
  const given = [pattern.details?.from ?? pattern.details?.since, pattern.details?.to].map((t) => Date.parse(t));
  if (!Number.isNaN(given[0]) && Number.isNaN(given[1])) given[1] = times.reduce((a, b) => Math.max(a, b), given[0]);
  const [from, to] = given.every((t) => !Number.isNaN(t))
    ? given
    : [times.reduce((a, b) => Math.min(a, b), Infinity), times.reduce((a, b) => Math.max(a, b), -Infinity)];
  return Number.isFinite(from) && Number.isFinite(to) ? { from, to, name: nameOf(pattern) } : null;
}

/** Weekday by hour, as a table that can be read aloud. */
function heatMap(dated) {
  const counts = WEEK.map(() => Array(24).fill(0));
  for (const memory of dated) {
    const at = new Date(memory.created_at);
    counts[(at.getDay() + 6) % 7][at.getHours()]++;
  }
  const most = Math.max(1, ...counts.flat());
  return h(
    "table",
    {},
    h("caption", { class: "sr" }, "Memories by weekday and hour"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, h("span", { class: "sr" }, "Day")),
        Array.from({ length: 24 }, (_, hour) =>
          h("th", { scope: "col", class: hour % 6 ? "minor" : "" }, String(hour).padStart(2, "0")),
        ),
      ),
    ),
    h(
      "tbody",
      {},
      WEEK.map((name, i) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name),
          counts[i].map((n, hour) =>
            h(
              "td",
              { vars: { "--share": String(n / most) }, class: n ? "" : "zero", title: `${name} ${hour}:00: ${n}` },
              h("span", { class: "sr" }, String(n)),
            ),
          ),
        ),
      ),
    ),
  );
}

function patternList(result) {
  if (!result.patterns.length)
    return [
      h("p", { class: "help" }, "Nothing: what is there could be chance, and is not shown."),
      result.notes.map((note) => h("p", { class: "help" }, said(note))),
    ];
  return [
    h(
      "ul",
      { class: "patterns" },
      result.patterns.map((pattern) => {
        const inner = h("div", {});
        const toggle = h(
          "button",
          {
            class: "quiet",
            "aria-expanded": "false",
            onclick: () => {
              const open = toggle.getAttribute("aria-expanded") !== "true";
              toggle.setAttribute("aria-expanded", String(open));
              put(inner, open && memoryList(pattern.memory_ids, { label: "Memories of this pattern" }));
            },
          },
          howMany(pattern.memory_ids.length),
        );
        return h(
          "li",
          {},
          h("span", { class: "chip" }, nameOf(pattern)),
          h("p", {}, said(pattern.description)),
          h(
            "p",
            { class: "facts" },
            h("span", { title: fine(pattern) }, `Chance would do this ${seldom(pattern.p_value)}`),
            pattern.memory_ids.length > 0 && toggle,
          ),
          inner,
        );
      }),
    ),
    result.notes.map((note) => h("p", { class: "help" }, said(note))),
  ];
}
