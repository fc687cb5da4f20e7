// Where points lie: their bounds, and cells by which those near a place are found without looking at all of them.

/** {x0, x1, y0, y1} around points {x, y} and discs {x, y, r}; never empty. */
export function boundsOf(points, discs) {
  let [x0, x1, y0, y1] = points.length ? [Infinity, -Infinity, Infinity, -Infinity] : [-1, 1, -1, 1];
  const take = (x, y, r) => {
    [x0, x1, y0, y1] = [Math.min(x0, x - r), Math.max(x1, x + r), Math.min(y0, y - r), Math.max(y1, y + r)];
  };
  for (const p of points) take(p.x, p.y, 0);
  for (const d of discs) take(d.x, d.y, d.r);
  if (x1 - x0 < 1e-9) [x0, x1] = [x0 - 1, x1 + 1];
  if (y1 - y0 < 1e-9) [y0, y1] = [y0 - 1, y1 + 1];
  return { x0, x1, y0, y1 };
}

/** About four points in each cell. */
export class Cells {
  constructor(points, bounds) {
    const { x0, x1, y0, y1 } = bounds;
    this.n = Math.max(1, Math.floor(Math.sqrt(points.length / 4)));
    Object.assign(this, { x0, y0, w: (x1 - x0) / this.n, h: (y1 - y0) / this.n, of: new Map() });
    points.forEach((p, i) => {
      const key = this.#column(p.x) * this.n + this.#row(p.y);
      if (!this.of.has(key)) this.of.set(key, []);
      this.of.get(key).push(i);
    });
  }

  /** The indices of the points in the cells between two corners [x, y], the lower one first. */
  *within(from, to) {
    for (let i = this.#column(from[0]); i <= this.#column(to[0]); i++)
      for (let j = this.#row(from[1]); j <= this.#row(to[1]); j++) yield* this.of.get(i * this.n + j) ?? [];
  }

  #column(x) {
    return this.#clamp((x - this.x0) / this.w);
  }

  #row(y) {
    return this.#clamp((y - this.y0) / this.h);
  }

  #clamp(at) {
    return Math.max(0, Math.min(this.n - 1, Math.floor(at)));
  }
}
