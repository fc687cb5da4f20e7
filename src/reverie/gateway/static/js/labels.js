// Labels that do not collide: greedy, in the order given, at their anchor or just above or below it. Places depend on
// the labels alone and not on the window, so that nothing jumps while the map is moved; only at the edge does a label
// step inside, for as long as what it names is in sight. A label that names a disc stands on it, above or below, and
// on no other: where the whole name has no room the part before its dot stands in, else the disc stays without.

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
const AROUND = [
  [0, -1],
  [0, 0],
  [0, 1],
];

const covers = (box, other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3];

/** Boxes of the buttons that lie on a canvas, in its pixels. */
export function buttonsOn(canvas) {
  const here = canvas.getBoundingClientRect();
  return [...(canvas.parentElement?.querySelectorAll(".zoom") ?? [])].map((element) => {
    const box = element.getBoundingClientRect();
    return [box.left - here.left, box.top - here.top, box.right - here.left, box.bottom - here.top];
  });
}

/** Whether a text's box lies on a disc {x, y, r}; its soft rim, where no dots are, does not count. */
function onDisc(box, disc) {
  const across = disc.x - Math.max(box[0], Math.min(box[2], disc.x));
  const down = disc.y - Math.max(box[1], Math.min(box[3], disc.y));
  return Math.hypot(across, down) < disc.r * 0.75;
}

/** `labels`: {x, y, wide, text, ...} in pixels, most important first; those that found room. One with `disc`, a number
 * in `discs`, names that; `short` and `shortWide` may stand in for its text. `blocked`: boxes of what lies above. */
export function layLabels(labels, width, height, size, { blocked = [], discs = [] } = {}) {
  const taken = [...blocked];
  const out = [];
  const inside = (value, low, high) => (low > high ? value : Math.max(low, Math.min(high, value)));
  for (const label of labels) {
    const seen = label.x >= 0 && label.y >= 0 && label.x <= width && label.y <= height + size * 2;
    if (label.x < -label.wide || label.y < -40 || label.x > width + label.wide || label.y > height + 40) continue;
    const place = (text, wide, x, y) => {
      if (seen) [x, y] = [inside(x, wide / 2 + 6, width - wide / 2 - 6), inside(y, size * 0.9, height - size * 1.3)];
      const box = [x - wide / 2 - 6, y - size * 0.75, x + wide / 2 + 6, y + size * 1.05];
      if (taken.some((other) => covers(box, other))) return false;
      if (
        label.disc !== undefined &&
        discs.some((disc, i) => i !== label.disc && onDisc([x - wide / 2, box[1], x + wide / 2, box[3]], disc))
      )
        return false;
      taken.push(box);
      out.push({ ...label, text, wide, x, y });
      return true;
    };
    const names = [[label.text, label.wide], ...(label.short ? [[label.short, label.shortWide]] : [])];
    const own = discs[label.disc];
    names.some(([text, wide]) =>
      own
        ? AROUND.some(([across, down]) => place(text, wide, own.x + across, own.y + down * (own.r + size * 0.9)))
        : SPOTS.some(([across, down]) => place(text, wide, label.x + across * wide, label.y + down * size * 1.5)),
    );
  }
  return out;
}
