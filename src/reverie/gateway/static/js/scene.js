// Points on a canvas: pan, zoom, hover, pick, labels; for the map and the graph. One list of things to draw feeds the
// canvas and the SVG export. A 2-D canvas needs no shaders, so no eval and no GPU.

import { boundsOf, Cells } from "./cells.js";
import { buttonsOn, layLabels } from "./labels.js";
import { listen } from "./moves.js";
import { colour } from "./palette.js";
import { Sprites } from "./sprites.js";

const TAU = Math.PI * 2;
const ROOM = 200; // pixels around the window that are painted ahead
const FEW = 600; // points that may each have a halo
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Scene {
  /** `on.hover(id|null, x, y)`, `on.pick(id|null)`, `describe(id)` for screen readers. */
  constructor(canvas, { hover = () => {}, pick = () => {}, aspect = false } = {}) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.on = { hover, pick };
    this.keepAspect = aspect;
    this.points = [];
    this.index = new Map();
    this.labels = [];
    this.edges = [];
    this.discs = [];
    this.rings = new Set();
    this.visible = () => true;
    this.lit = null; // Map of id -> rank
    this.selected = null;
    this.hovered = null;
    this.view = { k: 1, x: 0, y: 0 };
    this.sprites = new Sprites();
    this.frame = 0;
    this.#place();
    listen(this);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.relook = () => (this.sprites.clear(), this.draw());
    addEventListener("look", this.relook);
    document.fonts?.ready.then(() => {
      this.sprites.clear();
      for (const label of this.labels) label.wide = label.shortWide = undefined;
      this.draw();
    });
  }

  /** points: {id, x, y, place} in any unit. The first data frames itself; later data moves there. */
  setData({ points, labels = [], edges = [], discs = [], rings = new Set() }) {
    const before = this.index;
    const first = this.points.length === 0;
    const moving = !first && !calm.matches && points.length <= 6000;
    for (const point of points) {
      const old = moving ? before.get(point.id) : null;
      point.fromX = old ? old.x : point.x;
      point.fromY = old ? old.y : point.y;
    }
    const moved = moving && points.some((p) => p.fromX !== p.x || p.fromY !== p.y);
    Object.assign(this, { points, labels, edges, discs, rings, index: new Map(points.map((p) => [p.id, p])) });
    this.movedAt = moved ? performance.now() : 0;
    this.#place();
    if (first) this.fit();
    this.draw();
  }

  #place() {
    this.bounds = boundsOf(this.points, this.discs);
    this.cells = new Cells(this.points, this.bounds);
  }

  /** Everything in sight. */
  fit() {
    this.view = { k: 1, x: 0, y: 0 };
    this.draw();
  }

  // Data to pixels: a fixed fit into the canvas, then the view.
  #base() {
    const { x0, x1, y0, y1 } = this.bounds;
    const pad = Math.min(56, this.width * 0.08);
    let sx = (this.width - 2 * pad) / (x1 - x0);
    let sy = (this.height - 2 * pad) / (y1 - y0);
    if (this.keepAspect) sx = sy = Math.min(sx, sy);
    return { sx, sy, ox: this.width / 2 - (sx * (x0 + x1)) / 2, oy: this.height / 2 + (sy * (y0 + y1)) / 2 };
  }

  screen(x, y) {
    const b = this.base;
    return [(b.ox + x * b.sx) * this.view.k + this.view.x, (b.oy - y * b.sy) * this.view.k + this.view.y];
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const ratio = Math.min(2, devicePixelRatio || 1);
    Object.assign(this, { width: clientWidth, height: clientHeight, ratio });
    this.sprites.ratio = ratio;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.sprites.clear();
    this.draw();
  }

  draw() {
    this.layer = null;
    this.redraw();
  }

  /** Paints again when the points are as they were: moved, or another one picked. */
  redraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.#paint());
  }

  radius() {
    const n = Math.max(1, this.points.length);
    const base = Math.max(2.1, Math.min(7, 90 / Math.sqrt(n) + 1.4)) * Math.min(1, this.width / 640 + 0.25);
    return base * Math.min(2.4, Math.sqrt(this.view.k));
  }

  #paint() {
    this.frame = 0;
    if (!this.width) return;
    const c = this.context;
    const style = getComputedStyle(this.canvas);
    const ink = style.getPropertyValue("--ink").trim();
    const paper = style.getPropertyValue("--paper").trim();
    this.base = this.#base();
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    let t = 1;
    if (this.movedAt) {
      t = Math.min(1, (performance.now() - this.movedAt) / 520);
      t = 1 - (1 - t) ** 3;
      if (t >= 1) this.movedAt = 0;
      else this.draw();
    }
    const r = this.radius();
    const shown = [];
    const { sx, sy, ox, oy } = this.base;
    const { k, x: dx, y: dy } = this.view;
    for (const p of this.points) {
      p.hidden = !this.visible(p);
      if (p.hidden) continue;
      const x = (p.sx = (ox + (p.fromX + (p.x - p.fromX) * t) * sx) * k + dx);
      const y = (p.sy = (oy - (p.fromY + (p.y - p.fromY) * t) * sy) * k + dy);
      if (x > -40 && y > -40 && x < this.width + 40 && y < this.height + 40) shown.push(p);
    }
    for (const d of this.discs) {
      const [x, y] = this.screen(d.x, d.y);
      c.globalAlpha = 0.1;
      c.fillStyle = colour(d.place);
      c.beginPath();
      c.arc(x, y, d.r * this.base.sx * this.view.k, 0, TAU);
      c.fill();
    }
    c.globalAlpha = 1;
    this.#paintEdges(c, style.getPropertyValue("--muted").trim());
    const few = shown.length <= FEW;
    const dimmed = (p) => (this.lit && !this.lit.has(p.id)) || (this.focus && !this.focus.has(p.id));
    if (few) this.#paintSprites(c, shown, r, dimmed);
    else this.#paintLayer(c, r, dimmed);
    this.#paintLabels(c, ink, paper, r);
    this.#paintRings(c, shown, r, ink, paper);
  }

  /** Each point by itself, with a halo. */
  #paintSprites(c, shown, r, dimmed) {
    const stamp = (p, kind) => {
      const sprite = this.sprites.dot(p.place, kind, r);
      const side = sprite.width / this.ratio;
      c.drawImage(sprite, p.sx - side / 2, p.sy - side / 2, side, side);
    };
    for (const p of shown) if (p.place >= 0 && !dimmed(p)) stamp(p, "glow");
    for (const p of shown) stamp(p, dimmed(p) ? "dim" : "dot");
  }

  /** Many points: painted once, with room around the window, and then only shifted while the map is dragged. */
  #paintLayer(c, r, dimmed) {
    const [dx, dy] = this.layer ? [this.view.x - this.layer.x, this.view.y - this.layer.y] : [0, 0];
    if (!this.layer || Math.abs(dx) > ROOM || Math.abs(dy) > ROOM) {
      const { ratio, width, height } = this;
      const canvas = new OffscreenCanvas(
        Math.round((width + 2 * ROOM) * ratio),
        Math.round((height + 2 * ROOM) * ratio),
      );
      const inner = canvas.getContext("2d");
      inner.setTransform(ratio, 0, 0, ratio, ROOM * ratio, ROOM * ratio);
      const near = (p) => !p.hidden && p.sx > -ROOM && p.sy > -ROOM && p.sx < width + ROOM && p.sy < height + ROOM;
      this.#paintPaths(inner, this.points.filter(near), r, dimmed);
      this.layer = { canvas, x: this.view.x, y: this.view.y };
      return this.#paintLayer(c, r, dimmed);
    }
    const { canvas } = this.layer;
    c.drawImage(canvas, dx - ROOM, dy - ROOM, canvas.width / this.ratio, canvas.height / this.ratio);
  }

  /** One path a colour: ten times as fast as a sprite a point where there is no GPU. */
  #paintPaths(c, shown, r, dimmed) {
    const groups = new Map();
    for (const p of shown) {
      const key = dimmed(p) ? p.place - 1e6 : p.place;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(p);
    }
    // Dim ones first, then those in no theme, then the rest.
    for (const key of [...groups.keys()].sort((a, b) => a - b)) {
      const dim = key < -1;
      const place = dim ? key + 1e6 : key;
      c.globalAlpha = dim ? 0.14 : place < 0 ? 0.6 : 0.85;
      c.fillStyle = colour(place);
      c.beginPath();
      for (const p of groups.get(key)) {
        c.moveTo(p.sx + r, p.sy);
        c.arc(p.sx, p.sy, r, 0, TAU);
      }
      c.fill();
    }
    c.globalAlpha = 1;
  }

  #paintEdges(c, muted) {
    if (!this.edges.length) return;
    c.strokeStyle = muted;
    const near = this.selected ?? this.hovered;
    for (const strong of [false, true]) {
      c.globalAlpha = strong ? 0.9 : near ? 0.07 : Math.max(0.06, Math.min(0.35, 8 / Math.sqrt(this.edges.length)));
      c.lineWidth = strong ? 1.4 : 0.8;
      c.beginPath();
      for (const { a, b } of this.edges) {
        if ((near !== null && (a.id === near || b.id === near)) !== strong || a.hidden || b.hidden) continue;
        c.moveTo(a.sx, a.sy);
        c.lineTo(b.sx, b.sy);
      }
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  #paintRings(c, shown, r, ink, paper) {
    c.lineWidth = 1.3;
    c.strokeStyle = ink;
    if (this.rings.size) for (const p of shown) if (this.rings.has(p.id)) ring(c, p, r + 2.2);
    if (this.lit)
      for (const p of shown) {
        const rank = this.lit.get(p.id);
        if (rank === undefined) continue;
        c.fillStyle = ink;
        c.beginPath();
        c.arc(p.sx, p.sy, 9, 0, TAU);
        c.fill();
        c.fillStyle = paper;
        c.font = "600 11px Inter, system-ui, sans-serif";
        c.textAlign = "center";
        c.textBaseline = "middle";
        c.fillText(String(rank), p.sx, p.sy + 0.5);
      }
    for (const id of new Set([this.hovered, this.selected])) {
      const p = this.index.get(id);
      if (!p || p.hidden) continue;
      c.lineWidth = id === this.selected ? 2.4 : 1.6;
      ring(c, p, r + 3.5);
    }
  }

  #paintLabels(c, ink, paper, r) {
    const size = this.width < 520 ? 12 : 13.5;
    c.font = `600 ${size}px Inter, system-ui, sans-serif`;
    const wanted = [];
    for (const label of this.labels) {
      if (label.hidden?.()) continue;
      const [x, y] = this.screen(label.x, label.y);
      label.wide ??= c.measureText(label.text).width;
      if (label.short) label.shortWide ??= c.measureText(label.short).width;
      wanted.push({ ...label, x, y: y - r - size * 0.9 });
    }
    const scale = this.base.sx * this.view.k;
    const discs = this.discs.map((d) => {
      const [x, y] = this.screen(d.x, d.y);
      return { x, y, r: d.r * scale };
    });
    this.placed = layLabels(wanted, this.width, this.height, size, { blocked: buttonsOn(this.canvas), discs });
    c.globalAlpha = this.lit ? 0.45 : 1;
    for (const label of this.placed) {
      const sprite = this.sprites.label(label, size, ink, paper);
      const [wide, high] = [sprite.width / this.ratio, sprite.height / this.ratio];
      c.drawImage(sprite, Math.round(label.x - wide / 2), Math.round(label.y - high / 2), wide, high);
    }
    c.globalAlpha = 1;
  }

  /** The id near a place on the canvas, or null. */
  at(x, y, reach = 14) {
    let best = null;
    let least = reach * reach;
    const from = this.#unscreen(x - reach, y + reach);
    const to = this.#unscreen(x + reach, y - reach);
    for (const k of this.cells.within(from, to)) {
      const p = this.points[k];
      if (p.hidden) continue;
      const d = (p.sx - x) ** 2 + (p.sy - y) ** 2;
      if (d < least) [best, least] = [p.id, d];
    }
    return best;
  }

  #unscreen(x, y) {
    const b = this.base;
    return [((x - this.view.x) / this.view.k - b.ox) / b.sx, (b.oy - (y - this.view.y) / this.view.k) / b.sy];
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const k = Math.max(0.6, Math.min(40, this.view.k * factor));
    const f = k / this.view.k;
    this.view = { k, x: x - (x - this.view.x) * f, y: y - (y - this.view.y) * f };
    this.draw();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.redraw();
  }

  select(id, { follow = false } = {}) {
    this.selected = id;
    const p = this.index.get(id);
    if (p && follow && (p.sx < 20 || p.sy < 20 || p.sx > this.width - 20 || p.sy > this.height - 20))
      this.pan(this.width / 2 - p.sx, this.height / 2 - p.sy);
    this.redraw();
  }

  /** Whether any of these is in the window. */
  sees(ids) {
    return ids
      .map((id) => this.index.get(id))
      .some((p) => p && p.sx >= 0 && p.sy >= 0 && p.sx <= this.width && p.sy <= this.height);
  }

  /** The nearest point in a direction, for the arrow keys. */
  towards(dx, dy) {
    const from = this.index.get(this.selected);
    const shown = this.points.filter((p) => !p.hidden);
    if (!from) return shown[0]?.id ?? null;
    let best = null;
    let least = Infinity;
    for (const p of shown) {
      const [x, y] = [p.sx - from.sx, p.sy - from.sy];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy - y * dx);
      if (along <= 0.5 || aside > along * 2) continue;
      const cost = along + aside * 2;
      if (cost < least) [best, least] = [p.id, cost];
    }
    return best;
  }

  /** What is under the pointer now. */
  hover(id, x, y) {
    this.canvas.classList.toggle("pointing", id !== null);
    if (id === this.hovered) return;
    this.hovered = id;
    this.on.hover(id, x, y);
    this.redraw();
  }

  close() {
    this.observer.disconnect();
    removeEventListener("look", this.relook);
    cancelAnimationFrame(this.frame);
  }
}

function ring(c, p, r) {
  c.beginPath();
  c.arc(p.sx, p.sy, r, 0, TAU);
  c.stroke();
}
