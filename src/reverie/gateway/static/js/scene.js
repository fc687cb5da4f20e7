// Points on a canvas: pan, zoom, hover, pick, labels; for the map and the graph. One list of things to draw feeds the
// canvas and the SVG export. 2-D canvas with one sprite a colour: no shaders, so no eval and no GPU needed.

import { colour, mode } from "./palette.js";
import { layLabels } from "./labels.js";

const TAU = Math.PI * 2;
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
    this.sprites = new Map();
    this.frame = 0;
    this.#bounds();
    this.#grid();
    this.#listen();
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
    this.#bounds();
    this.#grid();
    if (first) this.fit();
    this.draw();
  }

  #bounds() {
    const xs = this.points.map((p) => p.x);
    const ys = this.points.map((p) => p.y);
    const low = (list) => list.reduce((a, b) => Math.min(a, b), Infinity);
    const high = (list) => list.reduce((a, b) => Math.max(a, b), -Infinity);
    let [x0, x1, y0, y1] = xs.length ? [low(xs), high(xs), low(ys), high(ys)] : [-1, 1, -1, 1];
    for (const d of this.discs) [x0, x1, y0, y1] = [Math.min(x0, d.x - d.r), Math.max(x1, d.x + d.r), Math.min(y0, d.y - d.r), Math.max(y1, d.y + d.r)];
    if (x1 - x0 < 1e-9) [x0, x1] = [x0 - 1, x1 + 1];
    if (y1 - y0 < 1e-9) [y0, y1] = [y0 - 1, y1 + 1];
    this.bounds = { x0, x1, y0, y1 };
  }

  #grid() {
    // Cells of about four points: what is under the pointer is found without looking at all of them.
    const { x0, x1, y0, y1 } = this.bounds;
    const cells = Math.max(1, Math.floor(Math.sqrt(this.points.length / 4)));
    this.cells = { n: cells, w: (x1 - x0) / cells, h: (y1 - y0) / cells, of: new Map() };
    this.points.forEach((p, i) => {
      const key = this.#cell(p.x, p.y);
      if (!this.cells.of.has(key)) this.cells.of.set(key, []);
      this.cells.of.get(key).push(i);
    });
  }

  #cell(x, y) {
    const { n, w, h } = this.cells;
    const clamp = (v) => Math.max(0, Math.min(n - 1, Math.floor(v)));
    return clamp((x - this.bounds.x0) / w) * n + clamp((y - this.bounds.y0) / h);
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
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.sprites.clear();
    this.draw();
  }

  draw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.#paint());
  }

  radius() {
    const n = Math.max(1, this.points.length);
    const base = Math.max(2.1, Math.min(7, 90 / Math.sqrt(n) + 1.4)) * Math.min(1, this.width / 640 + 0.25);
    return base * Math.min(2.4, Math.sqrt(this.view.k));
  }

  #sprite(place, kind, r) {
    const key = `${place} ${kind} ${r.toFixed(1)} ${mode()}`;
    let sprite = this.sprites.get(key);
    if (sprite) return sprite;
    if (this.sprites.size > 600) this.sprites.clear();
    const size = Math.ceil((r * (kind === "glow" ? 5 : 1) + 1.5) * this.ratio) * 2;
    sprite = new OffscreenCanvas(size, size);
    const c = sprite.getContext("2d");
    const middle = size / 2;
    if (kind === "glow") {
      const fade = c.createRadialGradient(middle, middle, 0, middle, middle, middle);
      fade.addColorStop(0, colour(place) + "16");
      fade.addColorStop(1, colour(place) + "00");
      c.fillStyle = fade;
      c.fillRect(0, 0, size, size);
    } else {
      c.globalAlpha = kind === "dim" ? 0.14 : place < 0 ? 0.65 : 0.92;
      c.fillStyle = colour(place);
      c.beginPath();
      c.arc(middle, middle, r * this.ratio, 0, TAU);
      c.fill();
      c.lineWidth = 0.7 * this.ratio;
      c.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper") || "#fff";
      c.stroke();
    }
    this.sprites.set(key, sprite);
    return sprite;
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
    for (const p of this.points) {
      p.hidden = !this.visible(p);
      if (p.hidden) continue;
      const [x, y] = this.screen(p.fromX + (p.x - p.fromX) * t, p.fromY + (p.y - p.fromY) * t);
      p.sx = x;
      p.sy = y;
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
    const stamp = (p, kind) => {
      const sprite = this.#sprite(p.place, kind, r);
      const side = sprite.width / this.ratio;
      c.drawImage(sprite, p.sx - side / 2, p.sy - side / 2, side, side);
    };
    if (shown.length <= 1500 && !this.lit) for (const p of shown) if (p.place >= 0) stamp(p, "glow");
    const dimmed = (p) => (this.lit && !this.lit.has(p.id)) || (this.focus && !this.focus.has(p.id));
    for (const p of shown) stamp(p, dimmed(p) ? "dim" : "dot");
    this.#paintRings(c, shown, r, ink, paper);
    this.#paintLabels(c, ink, paper, r);
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
    if (this.rings.size)
      for (const p of shown) if (this.rings.has(p.id)) ring(c, p, r + 2.2);
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
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.lineJoin = "round";
    const wanted = [];
    for (const label of this.labels) {
      if (label.hidden?.()) continue;
      const [x, y] = this.screen(label.x, label.y);
      label.wide ??= c.measureText(label.text).width;
      wanted.push({ ...label, x, y: y - r - size * 0.9 });
    }
    this.placed = layLabels(wanted, this.width, this.height, size);
    c.globalAlpha = this.lit ? 0.45 : 1;
    for (const label of this.placed) {
      c.strokeStyle = paper;
      c.lineWidth = 4;
      c.strokeText(label.text, label.x, label.y);
      c.fillStyle = ink;
      c.fillText(label.text, label.x, label.y);
      c.fillStyle = colour(label.place);
      c.fillRect(label.x - label.wide / 2, label.y + size * 0.72, label.wide, 2);
    }
    c.globalAlpha = 1;
  }

  /** The id near a place on the canvas, or null. */
  at(x, y, reach = 14) {
    let best = null;
    let least = reach * reach;
    const from = this.#unscreen(x - reach, y + reach);
    const to = this.#unscreen(x + reach, y - reach);
    const { n, w, h } = this.cells;
    const clamp = (v) => Math.max(0, Math.min(n - 1, Math.floor(v)));
    for (let i = clamp((from[0] - this.bounds.x0) / w); i <= clamp((to[0] - this.bounds.x0) / w); i++)
      for (let j = clamp((from[1] - this.bounds.y0) / h); j <= clamp((to[1] - this.bounds.y0) / h); j++)
        for (const k of this.cells.of.get(i * n + j) ?? []) {
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
    this.draw();
  }

  select(id, { follow = false } = {}) {
    this.selected = id;
    const p = this.index.get(id);
    if (p && follow && (p.sx < 20 || p.sy < 20 || p.sx > this.width - 20 || p.sy > this.height - 20))
      this.pan(this.width / 2 - p.sx, this.height / 2 - p.sy);
    this.draw();
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

  #listen() {
    const { canvas } = this;
    const down = new Map();
    let travelled = 0;
    let spread = 0;
    const where = (e) => {
      const box = canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      canvas.setPointerCapture(e.pointerId);
      down.set(e.pointerId, where(e));
      travelled = spread = 0;
    });
    canvas.addEventListener("pointermove", (e) => {
      const [x, y] = where(e);
      const last = down.get(e.pointerId);
      if (!last) {
        if (e.pointerType === "mouse" && this.base) this.#hover(this.at(x, y), x, y);
        return;
      }
      down.set(e.pointerId, [x, y]);
      if (down.size === 1) {
        travelled += Math.abs(x - last[0]) + Math.abs(y - last[1]);
        if (travelled > 4) this.pan(x - last[0], y - last[1]);
      } else if (down.size === 2) {
        const [[ax, ay], [bx, by]] = [...down.values()];
        const now = Math.hypot(ax - bx, ay - by);
        if (spread) this.zoom(now / spread, (ax + bx) / 2, (ay + by) / 2);
        spread = now;
        travelled = 99;
      }
    });
    const up = (e) => {
      if (!down.delete(e.pointerId) || down.size || travelled > 4 || e.type === "pointercancel") return;
      const id = this.at(...where(e), e.pointerType === "mouse" ? 14 : 24);
      this.select(id);
      this.on.pick(id);
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => this.#hover(null));
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), ...where(e));
    }, { passive: false });
    canvas.addEventListener("dblclick", (e) => this.zoom(1.8, ...where(e)));
    canvas.addEventListener("keydown", (e) => this.#key(e));
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.relook = () => (this.sprites.clear(), this.draw());
    addEventListener("look", this.relook);
    document.fonts?.ready.then(() => {
      for (const label of this.labels) label.wide = undefined;
      this.draw();
    });
  }

  #hover(id, x, y) {
    this.canvas.classList.toggle("pointing", id !== null);
    if (id === this.hovered) return;
    this.hovered = id;
    this.on.hover(id, x, y);
    this.draw();
  }

  #key(e) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (way && e.shiftKey) this.pan(-way[0] * 60, -way[1] * 60);
    else if (way) {
      const id = this.towards(...way);
      if (id !== null) {
        this.select(id, { follow: true });
        this.on.pick(id);
      }
    } else if (e.key === "+" || e.key === "=") this.zoom(1.4);
    else if (e.key === "-") this.zoom(1 / 1.4);
    else if (e.key === "0") this.fit();
    else if (e.key === "Escape") {
      this.select(null);
      this.on.pick(null);
    } else return;
    e.preventDefault();
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
