// Colours of themes: the same hues as the charts (charts/palette.py), light and dark.

const HUES = {
  light: [
    "#4f5bd5",
    "#e4572e",
    "#0f9b8e",
    "#d39600",
    "#c23b8f",
    "#4c9a2a",
    "#2a8fd6",
    "#9a6234",
    "#8b4fd0",
    "#8a8f1f",
    "#c4314b",
    "#5d7389",
  ],
  dark: [
    "#8b95ff",
    "#ff8a66",
    "#3fd0c0",
    "#f5c04a",
    "#f07cc0",
    "#8fd46a",
    "#6cbcf7",
    "#d3a077",
    "#bf95ff",
    "#cfd45a",
    "#ff7f92",
    "#9fb4c8",
  ],
};
const PAPER = { light: [251, 250, 247], dark: [21, 23, 29] };
const INK = { light: [29, 31, 39], dark: [241, 240, 236] };

const media = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => localStorage.getItem("reverie.look");
export const mode = () => chosen() ?? (media.matches ? "dark" : "light");

/** Applies the look; `toggle` switches and remembers it. */
export function applyMode() {
  document.documentElement.dataset.look = mode();
}

export function toggleMode() {
  localStorage.setItem("reverie.look", mode() === "dark" ? "light" : "dark");
  applyMode();
  dispatchEvent(new Event("look"));
}

media.addEventListener("change", () => {
  applyMode();
  dispatchEvent(new Event("look"));
});

const mix = (hex, other, share) =>
  "#" +
  [1, 3, 5]
    .map((i, n) =>
      Math.round(parseInt(hex.slice(i, i + 2), 16) * (1 - share) + other[n] * share)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("");

/** The colour of place `index`; -1 is no theme. */
export function colour(index) {
  const look = mode();
  if (index < 0) return look === "dark" ? "#5c5f69" : "#b9b8b4";
  const lap = Math.floor(index / 12) % 3;
  const hue = HUES[look][index % 12];
  return lap === 0 ? hue : lap === 1 ? mix(hue, PAPER[look], 0.38) : mix(hue, INK[look], 0.34);
}

/** Keeps a theme's place while it lives: a re-clustering must not repaint what stayed. */
export class Places {
  #of = new Map();

  assign(ids) {
    const used = new Set(ids.map((id) => this.#of.get(id)).filter((place) => place !== undefined));
    let next = 0;
    for (const id of ids) {
      if (this.#of.has(id)) continue;
      while (used.has(next)) next++;
      used.add(next);
      this.#of.set(id, next);
    }
  }

  of(id) {
    return this.#of.get(id) ?? -1;
  }
}
