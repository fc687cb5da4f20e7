// Building the page. Text only ever goes in as text: there is no innerHTML in this program.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `props`: class, on*, vars (CSS variables, set through the CSSOM), attributes; `children` nest. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else if (name === "class") node.setAttribute("class", value);
    else if (name in node && typeof value === "boolean") node[name] = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Replaces what is in a node. */
export function put(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

/** Text that people wrote: its direction follows its own letters. */
export const said = (text, props = {}) => h("span", { dir: "auto", ...props }, text);

/** Tells screen readers, without moving anything. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

const PLURAL = new Intl.PluralRules("en");
const NUMBER = new Intl.NumberFormat("en");
export const number = (n) => NUMBER.format(n);
export const count = (n, one, many = `${one}s`) => `${number(n)} ${PLURAL.select(n) === "one" ? one : many}`;
export const percent = (x) => `${Math.round(x * 100)}%`;
export const memories = (n) => count(n, "memory", "memories");

/** A p-value as people write it. */
export const pValue = (p) =>
  p === null || p === undefined ? "–" : p < 0.001 ? "< 0.001" : p.toPrecision(2).replace(/e.*/, "");

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
export const day = (iso) => (iso ? DAY.format(new Date(iso)) : "no date");

/** Seconds as 0.4 s, 12 s, 3 min, 2 h, 5 d. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.0095) return `${Math.max(0, seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** A state worth a page: nothing yet, something failed. */
export function blank(title, detail, ...actions) {
  return h(
    "div",
    { class: "blank" },
    h("h2", {}, title),
    h("p", {}, detail),
    actions.length && h("div", { class: "row" }, actions),
  );
}
