// Small pictures that are drawn once and stamped often: points with their halo, labels.

import { colour, mode } from "./palette.js";

const TAU = Math.PI * 2;
const MOST = 600;

export class Sprites {
  made = new Map();
  ratio = 1;

  clear() {
    this.made.clear();
  }

  /** A point: "dot", "dim", or the "glow" around it. */
  dot(place, kind, r) {
    const key = `${place} ${kind} ${r.toFixed(1)} ${mode()}`;
    let sprite = this.made.get(key);
    if (sprite) return sprite;
    if (this.made.size > MOST) this.clear();
    const size = Math.ceil((r * (kind === "glow" ? 5 : 1) + 1.5) * this.ratio) * 2;
    sprite = new OffscreenCanvas(size, size);
    const c = sprite.getContext("2d");
    const middle = size / 2;
    if (kind === "glow") {
      const fade = c.createRadialGradient(middle, middle, 0, middle, middle, middle);
      fade.addColorStop(0, `${colour(place)}16`);
      fade.addColorStop(1, `${colour(place)}00`);
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
    this.made.set(key, sprite);
    return sprite;
  }

  /** A label with its halo and its line, drawn once: stroking text is the slowest thing on a canvas. */
  label({ text, wide, place }, size, ink, paper) {
    const key = `label ${text} ${place} ${size} ${mode()}`;
    let sprite = this.made.get(key);
    if (sprite) return sprite;
    const { ratio } = this;
    sprite = new OffscreenCanvas(Math.ceil((wide + 10) * ratio), Math.ceil(size * 2.8 * ratio));
    const c = sprite.getContext("2d");
    c.scale(ratio, ratio);
    const [x, y] = [sprite.width / ratio / 2, sprite.height / ratio / 2];
    c.font = `600 ${size}px Inter, system-ui, sans-serif`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.lineJoin = "round";
    c.strokeStyle = paper;
    c.lineWidth = 4;
    c.strokeText(text, x, y);
    c.fillStyle = ink;
    c.fillText(text, x, y);
    c.fillStyle = colour(place);
    c.fillRect(x - wide / 2, y + size * 0.72, wide, 2);
    this.made.set(key, sprite);
    return sprite;
  }
}
