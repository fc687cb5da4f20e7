// Labels that do not collide: greedy, in the order given, at their anchor or just above or below it. Places depend on
// the labels alone and not on the window, so that nothing jumps while the map is moved; only at the edge does a label
// step inside, for as long as what it names is in sight.

const SPOTS = [
  [0, 0],
  [0, -1],
  [0, 1],
  [0, -2],
  [0, 2],
  [0.5, -1],
  [-0.5, -1],
  [0.5, 1],
  [-0.5, 1],
];

/** `labels`: {x, y, wide, text, ...} in pixels, most important first; those that found room. */
export function layLabels(labels, width, height, size) {
  const taken = [];
  const out = [];
  const inside = (value, low, high) => (low > high ? value : Math.max(low, Math.min(high, value)));
  for (const label of labels) {
    const seen = label.x >= 0 && label.y >= 0 && label.x <= width && label.y <= height + size * 2;
    if (label.x < -label.wide || label.y < -40 || label.x > width + label.wide || label.y > height + 40) continue;
    for (const [across, down] of SPOTS) {
      let x = label.x + across * label.wide;
      let y = label.y + down * size * 1.5;
      if (seen)
        [x, y] = [
          inside(x, label.wide / 2 + 6, width - label.wide / 2 - 6),
          inside(y, size * 0.9, height - size * 1.3),
        ];
      const box = [x - label.wide / 2 - 6, y - size * 0.75, x + label.wide / 2 + 6, y + size * 1.05];
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]))
        continue;
      taken.push(box);
      out.push({ ...label, x, y });
      break;
    }
  }
  return out;
}
