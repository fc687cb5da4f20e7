// Results as files: JSON, CSV, PNG, SVG.

import { s } from "./dom.js";
import { model, themes } from "./model.js";
import { colour } from "./palette.js";

const blob = (text, type) => new Blob([text], { type });

export const jsonFile = (data) => blob(JSON.stringify(data, null, 2), "application/json");

/** RFC 4180; a cell that a spreadsheet would run as a formula gets a quote before it. */
export function csvFile(rows) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (/^[=+\-@\t\r]/.test(text) && typeof value !== "number") text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return blob(`\uFEFF${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`, "text/csv");
}

/** Every memory with its theme and place. */
export function themesCsv() {
  const result = model.runs.cluster.result;
  const at = new Map((result.map ?? []).map((p) => [p.id, p]));
  const rows = [["memory_id", "text", "created_at", "theme_id", "theme", "x", "y"]];
  const names = new Map(themes().map((theme) => [theme.id, theme.label]));
  for (const memory of model.memories) {
    const theme = result.assignments[memory.id] ?? null;
    rows.push([
      memory.id,
      memory.text,
      memory.created_at,
      theme,
      theme ? names.get(theme) : "",
      at.get(memory.id)?.x,
      at.get(memory.id)?.y,
    ]);
  }
  return csvFile(rows);
}

/** A sheet of paper in the present look, with the colours to draw on it; `more`: further attributes of the drawing. */
export function svgSheet(width, height, { title = null, ...more } = {}) {
  const style = getComputedStyle(document.documentElement);
  const [ink, paper, muted] = ["--ink", "--paper", "--muted"].map((name) => style.getPropertyValue(name).trim());
  const svg = s("svg", {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    "font-family": "Inter, system-ui, sans-serif",
    ...more,
  });
  if (title) svg.append(s("title", {}, title));
  svg.append(s("rect", { width, height, fill: paper }));
  return { svg, ink, paper, muted };
}

/** What a scene shows, as SVG. */
export function sceneSvg(scene, title) {
  const { width, height } = scene;
  const { svg, ink, paper, muted } = svgSheet(width, height, { title });
  const r = scene.radius();
  const f = (n) => Number(n.toFixed(2));
  const scale = scene.base.sx * scene.view.k;
  for (const d of scene.discs) {
    const [x, y] = scene.screen(d.x, d.y);
    svg.append(s("circle", { cx: f(x), cy: f(y), r: f(d.r * scale), fill: colour(d.place), "fill-opacity": 0.1 }));
  }
  const lines = scene.edges
    .filter(({ a, b }) => !a.hidden && !b.hidden)
    .map(({ a, b }) => `M${f(a.sx)} ${f(a.sy)}L${f(b.sx)} ${f(b.sy)}`);
  if (lines.length) svg.append(s("path", { d: lines.join(""), stroke: muted, "stroke-opacity": 0.2, fill: "none" }));
  for (const p of scene.points) {
    if (p.hidden) continue;
    const dot = s("circle", { cx: f(p.sx), cy: f(p.sy), r: f(r), fill: colour(p.place), "fill-opacity": 0.9 });
    dot.append(s("title", {}, model.byId.get(p.id)?.text ?? p.id));
    svg.append(dot);
    if (scene.rings.has(p.id))
      svg.append(s("circle", { cx: f(p.sx), cy: f(p.sy), r: f(r + 2.2), fill: "none", stroke: ink }));
  }
  for (const label of scene.placed ?? [])
    svg.append(
      s(
        "text",
        {
          x: f(label.x),
          y: f(label.y),
          "text-anchor": "middle",
          "dominant-baseline": "central",
          "font-size": 13.5,
          "font-weight": 600,
          fill: ink,
          stroke: paper,
          "stroke-width": 4,
          "paint-order": "stroke",
        },
        label.text,
      ),
    );
  return svgFile(svg);
}

export const svgFile = (svg) =>
  blob(`<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}`, "image/svg+xml");

/** A canvas as PNG, on paper instead of on nothing. */
export function canvasPng(canvas) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const c = copy.getContext("2d");
  c.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
  c.fillRect(0, 0, copy.width, copy.height);
  c.drawImage(canvas, 0, 0);
  return copy.convertToBlob({ type: "image/png" });
}

/** Importance as rows. */
export function importanceCsv(result) {
  const factors = [...new Set(result.importance.flatMap((item) => Object.keys(item.factors)))];
  const rows = [["rank", "memory_id", "text", "score", ...factors.map((name) => `${name} (contribution)`)]];
  for (const item of result.importance)
    rows.push([
      item.rank,
      item.memory_id,
      model.byId.get(item.memory_id)?.text,
      item.score,
      ...factors.map((name) => item.factors[name]?.contribution),
    ]);
  return csvFile(rows);
}
