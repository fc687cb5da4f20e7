// Where a graph's nodes go: each community a disc, typical memories in its middle, discs packed. As charts/graph_layout.py.

const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** `communities`: lists of ids, most central first. `{places: Map(id -> [x, y]), discs: [{x, y, r}]}`. */
export function pack(communities, aspect) {
  const radii = communities.map((ids) => Math.sqrt(ids.length) * 0.62 + 0.9);
  const order = radii.map((_, i) => i).sort((a, b) => radii[b] - radii[a] || a - b);
  const discs = [];
  const done = [];
  for (const index of order) {
    const r = radii[index];
    let best = { x: 0, y: 0, r };
    if (done.length) {
      let least = Infinity;
      for (const other of done)
        for (let step = 0; step < 36; step++) {
          const reach = other.r + r + 0.7;
          const x = other.x + reach * Math.cos((step * Math.PI) / 18);
          const y = other.y + reach * Math.sin((step * Math.PI) / 18);
          const cost = Math.hypot(x / aspect, y);
          if (cost < least && done.every((d) => Math.hypot(x - d.x, y - d.y) - d.r - r > 0.65))
            [best, least] = [{ x, y, r }, cost];
        }
    }
    done.push((discs[index] = best));
  }
  const places = new Map();
  communities.forEach((ids, c) =>
    ids.forEach((id, i) => {
      const r = 0.62 * Math.sqrt(i + (ids.length === 1 ? 0 : 0.35));
      places.set(id, [discs[c].x + r * Math.cos(i * GOLDEN), discs[c].y + r * Math.sin(i * GOLDEN)]);
    }),
  );
  return { places, discs };
}
