// Memories over time: counts for each day or week and theme, drawn as bars, on the screen and as SVG.

import uPlot from "../../vendor/uPlot.js";
import { memories as howMany, number, put, s } from "../dom.js";
import { svgFile, svgSheet } from "../files.js";
import { model, themes } from "../model.js";
import { colour } from "../palette.js";

const DAY = 86_400_000;
const MOST = 11;
const DATE = { day: "numeric", month: "short" };

export const tall = (node) => (node.clientWidth < 520 ? 220 : 300);

/** Days, or weeks when there are many: a count for each and each theme. */
export function stack(dated) {
  const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
  const times = dated.map((memory) => midnight(memory.created_at));
  const first = times.reduce((a, b) => Math.min(a, b));
  const last = times.reduce((a, b) => Math.max(a, b));
  const weekly = (last - first) / DAY > 120;
  const monday = (time) => midnight(time - ((new Date(time).getDay() + 6) % 7) * DAY + DAY / 2);
  const floor = weekly ? monday : (time) => time;
  const starts = [];
  // Noon to noon: a day with a clock change is 23 or 25 hours long.
  for (let t = floor(first); t <= last; t = midnight(t + (weekly ? 7 : 1) * DAY + DAY / 2)) starts.push(t);
  const at = new Map(starts.map((t, i) => [t, i]));
  const list = themes();
  const big = list.length <= MOST + 1 ? list : list.slice(0, MOST);
  const rows = big.map((theme) => ({
    id: theme.id,
    name: theme.label || theme.keywords.join(", ") || "theme",
    colour: () => colour(model.places.of(theme.id)),
    counts: starts.map(() => 0),
  }));
  const row = new Map(rows.map((r) => [r.id, r]));
  const rest = {
    name: `${list.length - big.length} smaller themes`,
    colour: () => colour(-1),
    counts: starts.map(() => 0),
  };
  const none = {
    name: list.length ? "in no theme" : "memories",
    colour: () =>
      list.length ? getComputedStyle(document.documentElement).getPropertyValue("--line").trim() : colour(0),
    counts: starts.map(() => 0),
  };
  const theme = model.runs.cluster?.result?.assignments ?? {};
  dated.forEach((memory, i) => {
    const mine = theme[memory.id];
    const target = mine ? (row.get(mine) ?? rest) : none;
    target.counts[at.get(floor(times[i]))]++;
  });
  return { starts, weekly, rows: [...rows, rest, none] };
}

/** The plot in `node`; `found`: {from, to, name} of stretches to mark; what is read under the pointer goes to `reading`. */
export function plotOf(node, { starts, weekly, rows }, found, reading) {
  put(node);
  const style = getComputedStyle(document.documentElement);
  const [muted, line, ink] = ["--muted", "--line", "--ink"].map((name) => style.getPropertyValue(name).trim());
  const used = rows.filter((r) => r.counts.some(Boolean));
  // The tallest sum is drawn first, so that each layer shows where the next one does not cover it.
  const sums = used.map((_, i) => starts.map((_, k) => used.slice(0, i + 1).reduce((sum, r) => sum + r.counts[k], 0)));
  const bars = uPlot.paths.bars({ size: [0.86, 46], radius: 0 });
  const font = "12px Inter, system-ui, sans-serif";
  const unit = weekly ? "Week of " : "";
  const total = sums.at(-1) ?? [];
  const everything = `${howMany(total.reduce((a, b) => a + b, 0))}, a bar for each ${weekly ? "week" : "day"}. Drag over the chart to look closer, double-click to see everything.`;
  reading.textContent = everything;
  return new uPlot(
    {
      width: node.clientWidth || 600,
      height: tall(node),
      legend: { show: false },
      cursor: { y: false, points: { show: false } },
      scales: {
        x: {
          time: true,
          range: (_, low, high) => [low - (weekly ? 4 : 0.6) * 86_400, high + (weekly ? 4 : 0.6) * 86_400],
        },
        y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.06)] },
      },
      axes: [
        {
          stroke: muted,
          font,
          grid: { show: false },
          ticks: { stroke: line },
          splits: (u, _, low, high) => ticksOf(starts, low, high, u.bbox.width / (devicePixelRatio || 1)),
          values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleDateString(undefined, DATE)),
        },
        {
          stroke: muted,
          font,
          grid: { stroke: line, width: 1 },
          ticks: { show: false },
          size: 44,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
        },
      ],
      series: [
        {},
        ...used
          .map((r) => ({ label: r.name, fill: r.colour(), width: 0, paths: bars, points: { show: false } }))
          .reverse(),
      ],
      hooks: {
        drawClear: [(u) => drawSpans(u, found, ink)],
        setCursor: [
          (u) => {
            const i = u.cursor.idx;
            if (i === null || i === undefined) return void (reading.textContent = everything);
            const parts = used
              .filter((r) => r.counts[i])
              .sort((a, b) => b.counts[i] - a.counts[i])
              .slice(0, 3)
              .map((r) => `${r.name} ${r.counts[i]}`);
            reading.textContent = `${unit}${new Date(starts[i]).toLocaleDateString(undefined, { dateStyle: "medium" })}: ${howMany(total[i])}${parts.length ? ` · ${parts.join(" · ")}` : ""}`;
          },
        ],
      },
    },
    [starts.map((t) => t / 1000), ...sums.reverse()],
    node,
  );
}

/** Under every bar, or every second, fourth ...: as many as have room. A tick between bars would name no bar. */
function ticksOf(starts, low, high, wide) {
  const shown = starts.map((t) => t / 1000).filter((t) => t >= low && t <= high);
  const room = Math.max(1, Math.floor(wide / 72));
  const step = [1, 2, 4, 7, 8, 13, 26, 52, 104].find((n) => shown.length / n <= room) ?? Math.ceil(shown.length / room);
  return shown.filter((_, i) => i % step === 0);
}

/** Bursts and changes as bands with their names. */
function drawSpans(u, found, ink) {
  const c = u.ctx;
  const ratio = devicePixelRatio || 1;
  c.save();
  c.font = `${11 * ratio}px Inter, system-ui, sans-serif`;
  let right = -Infinity;
  for (const { from, to, name } of found) {
    const x0 = u.valToPos(from / 1000, "x", true);
    const x1 = Math.max(x0 + 2 * ratio, u.valToPos(to / 1000, "x", true));
    if (x1 < u.bbox.left || x0 > u.bbox.left + u.bbox.width) continue;
    c.fillStyle = ink;
    c.globalAlpha = 0.07;
    c.fillRect(x0, u.bbox.top, x1 - x0, u.bbox.height);
    c.globalAlpha = 0.75;
    if (x0 > right) {
      c.fillText(name, x0 + 3 * ratio, u.bbox.top + 11 * ratio);
      right = x0 + c.measureText(name).width + 10 * ratio;
    }
  }
  c.restore();
}

/** The same bars as SVG. */
export function timelineSvg({ starts, rows, weekly }) {
  const used = rows.filter((r) => r.counts.some(Boolean));
  const [width, height, left, floor] = [1000, 420, 48, 330];
  const { svg, ink, muted } = svgSheet(width, height, { "font-size": 13 });
  const totals = starts.map((_, i) => used.reduce((sum, r) => sum + r.counts[i], 0));
  const most = Math.max(1, ...totals);
  const step = (width - left - 20) / starts.length;
  svg.append(
    s(
      "text",
      { x: left, y: 28, fill: ink, "font-size": 18, "font-weight": 600 },
      `Memories per ${weekly ? "week" : "day"}`,
    ),
    s("text", { x: left - 8, y: 60, fill: muted, "text-anchor": "end" }, number(most)),
    s("text", { x: left - 8, y: floor, fill: muted, "text-anchor": "end" }, "0"),
  );
  starts.forEach((t, i) => {
    let y = floor;
    for (const row of used) {
      const tall = (row.counts[i] / most) * (floor - 50);
      if (tall > 0)
        svg.append(
          s("rect", {
            x: (left + step * i + step * 0.08).toFixed(1),
            y: (y -= tall).toFixed(1),
            width: (step * 0.84).toFixed(1),
            height: tall.toFixed(1),
            fill: row.colour(),
          }),
        );
    }
    if (i % Math.ceil(starts.length / 10) === 0)
      svg.append(
        s(
          "text",
          { x: (left + step * i).toFixed(1), y: floor + 20, fill: muted },
          new Date(t).toLocaleDateString("en", { month: "short", day: "numeric" }),
        ),
      );
  });
  used.forEach((row, i) => {
    const [x, y] = [left + (i % 4) * 235, floor + 44 + Math.floor(i / 4) * 20];
    svg.append(
      s("rect", { x, y: y - 10, width: 11, height: 11, fill: row.colour() }),
      s("text", { x: x + 18, y, fill: ink }, row.name.slice(0, 28)),
    );
  });
  return svgFile(svg);
}
