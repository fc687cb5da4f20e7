// Start: sign in, then the view that the address names.

import { dropKey, get, hasKey, listen, setKey, tryKey } from "./api.js";
import { h, put } from "./dom.js";
import * as live from "./live.js";
import { forget, model, on, openUser, resume } from "./model.js";
import { applyMode, mode, toggleMode } from "./palette.js";
import * as context from "./views/context.js";
import * as graph from "./views/graph.js";
import * as importance from "./views/importance.js";
import * as themes from "./views/themes.js";
import * as time from "./views/time.js";
import * as tryIt from "./views/try.js";
import * as work from "./views/work.js";

// All views come with the page: one that had to be fetched would be missing just when the service is away.
const VIEWS = {
  try: ["Try it", tryIt.mount],
  themes: ["Themes", themes.mount],
  graph: ["Graph", graph.mount],
  time: ["Time", time.mount],
  importance: ["Importance", importance.mount],
  context: ["Prompt", context.mount],
  work: ["Work", work.mount],
};
// Those that show by themselves what comes later; to mount them again would take away what is being typed.
const FOLLOWS = new Set(["try", "context", "work"]);
const app = document.getElementById("app");
let leave = null;
let present = "";

applyMode();
listen({
  unauthorized: () => hasKey() && signOut("This key is not valid any more. Sign in again."),
  reach: (reached) => (reached ? hideAway() : showAway()),
});

function signIn(message = "") {
  const key = h("input", {
    type: "password",
    id: "key",
    name: "key",
    autocomplete: "off",
    required: true,
    spellcheck: "false",
    "aria-describedby": "key-help",
  });
  const problem = h("p", { class: "note bad", role: "alert", hidden: !message }, message);
  const button = h("button", { class: "main" }, "Sign in");
  const submit = async (e) => {
    e.preventDefault();
    const value = key.value.trim();
    button.disabled = true;
    try {
      if (!/^[\x21-\x7e]+$/.test(value)) throw Object.assign(new Error(), { status: 401 });
      await tryKey(value);
      setKey(value);
      begin();
    } catch (error) {
      problem.hidden = false;
      problem.textContent =
        error.status === 401
          ? "This key is not valid."
          : error.status === 403
            ? "This key may not read tasks."
            : error.status === 0
              ? "The service cannot be reached."
              : error.message;
      key.focus();
      key.select();
    } finally {
      button.disabled = false;
    }
  };
  put(
    app,
    h(
      "main",
      { class: "door" },
      h(
        "form",
        { class: "card", onsubmit: submit },
        h("h1", { class: "brand" }, "Reverie"),
        h("p", {}, "The part of your bot that thinks in the background."),
        h("label", { for: "key" }, "API key"),
        key,
        h(
          "p",
          { class: "help", id: "key-help" },
          "In the file named key in the data folder of reverie up, or made with reverie keys create. It stays in this tab.",
        ),
        problem,
        button,
      ),
    ),
  );
  document.title = "Sign in · Reverie";
  key.focus();
}

function signOut(message = "") {
  leave?.();
  leave = null;
  live.stop();
  dropKey();
  forget();
  signIn(message);
}

function begin() {
  const light = h("span", { class: "light", role: "status" });
  const look = h("button", { class: "icon", onclick: toggleMode });
  const showLook = () => {
    look.textContent = mode() === "dark" ? "☀" : "☾";
    look.setAttribute("aria-label", mode() === "dark" ? "Light look" : "Dark look");
  };
  showLook();
  addEventListener("look", showLook);
  put(
    app,
    h(
      "a",
      { class: "skip", href: "#view", onclick: (e) => (e.preventDefault(), document.getElementById("view").focus()) },
      "Skip to content",
    ),
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: "#/try" }, "Reverie"),
      h(
        "nav",
        { "aria-label": "Views" },
        Object.entries(VIEWS).map(([name, [title]]) => h("a", { href: `#/${name}`, "data-view": name }, title)),
      ),
      h(
        "div",
        { class: "tools" },
        whose(),
        light,
        look,
        h("button", { class: "quiet", onclick: () => signOut() }, "Sign out"),
      ),
    ),
    h("div", { id: "away", class: "away", role: "alert", hidden: true }),
    h("main", { id: "view", tabindex: "-1" }),
  );
  live.onLive((state, seconds) => {
    light.dataset.state = state;
    light.textContent = { live: "Live", connecting: "Connecting", waiting: "Reconnecting", off: "" }[state] ?? "";
    if (state === "live") hideAway();
    if (state === "waiting") nextTry = Date.now() + seconds * 1000;
  });
  live.start();
  // The view appears at once; what it shows follows.
  const back = resume();
  route();
  back.then((resumed) => !resumed && !location.hash && route()).catch(() => {});
}

/** Whose memories are on the page, and a way to others'. */
function whose() {
  const pick = h("input", {
    id: "whose",
    list: "users",
    placeholder: "user id",
    "aria-label": "Whose memories",
    autocomplete: "off",
    value: model.user,
  });
  const list = h("datalist", { id: "users" });
  const fill = async () => {
    const [kept, page] = await Promise.all([
      get("/users?limit=200").catch(() => ({ users: [] })),
      get("/tasks?limit=200&operation=cluster").catch(() => ({ tasks: [] })),
    ]);
    const names = [...kept.users.map((user) => user.user_id), ...page.tasks.map((task) => task.user_id)];
    put(
      list,
      [...new Set(names)].map((user) => h("option", { value: user })),
    );
  };
  pick.addEventListener("focus", fill);
  pick.addEventListener("change", async () => {
    const user = pick.value.trim();
    if (!user || user === model.user) return;
    const from = location.hash;
    try {
      await openUser(user);
      // Whoever went elsewhere while the memories came, or looked at a person already, stays there.
      if (location.hash === from && ["try", "work"].includes(present)) location.hash = "#/themes";
      else remount();
    } catch (error) {
      pick.setCustomValidity(error.message);
      pick.reportValidity();
      pick.value = model.user;
      setTimeout(() => pick.setCustomValidity(""), 3000);
    }
  });
  on("memories", () => (pick.value = model.user));
  return h("span", { class: "whose" }, pick, list);
}

function route() {
  if (!hasKey()) return;
  const asked = location.hash.replace(/^#\/?/, "").split("?")[0];
  const name = VIEWS[asked] ? asked : model.user ? "themes" : "try";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === name) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ inline: "nearest", block: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  leave?.();
  leave = null;
  present = name;
  document.title = `${VIEWS[name][0]} · Reverie`;
  const view = document.getElementById("view");
  if (!view) return;
  view.className = name;
  scrollTo(0, 0);
  leave = VIEWS[name][1](view) ?? null;
}

function remount() {
  if (!FOLLOWS.has(present)) route();
}

let nextTry = 0;
let awayTick = null;
function showAway() {
  const node = document.getElementById("away");
  if (!node?.hidden) return;
  const text = h("span", {});
  put(node, text, h("button", { class: "quiet", onclick: () => live.retry() }, "Try now"));
  node.hidden = false;
  const tick = () => {
    const left = Math.ceil((nextTry - Date.now()) / 1000);
    text.textContent = `The service cannot be reached. What you see stays here${left > 0 ? `; next try in ${left} s` : "; trying again"}. `;
  };
  tick();
  awayTick = setInterval(tick, 500);
}

function hideAway() {
  const node = document.getElementById("away");
  if (!node || node.hidden) return;
  node.hidden = true;
  clearInterval(awayTick);
}

addEventListener("hashchange", route);
// The first memories change what a view can show: from "no memories" to the view itself.
let empty = true;
on("memories", () => {
  const was = empty;
  empty = model.memories.length === 0;
  if (was && !empty) remount();
});

if (hasKey()) begin();
else signIn();
