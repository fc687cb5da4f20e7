// What stands in the next prompt: the block, its tokens, and why each line is in it.

import { ApiError, post } from "../api.js";
import { count, h, percent, put, said } from "../dom.js";
import { model, on } from "../model.js";

const SECTIONS = { lasting: "Lasting", current: "Current", regular: "Regular", bearing: "Bears on the question" };

export function mount(root) {
  const question = h("input", {
    type: "search",
    id: "question",
    placeholder: "What should I cook tonight?",
    dir: "auto",
    autocomplete: "off",
  });
  const tokens = h("input", { type: "number", id: "budget", min: "50", max: "8000", step: "50", value: "600" });
  const out = h("div", { "aria-live": "polite" });
  const help = h("p", { class: "help" });
  const explain = () =>
    put(
      help,
      model.stored
        ? said(
            `What a language model is told of ${model.user}: what lasts first, then what bears on the question, never above the budget.`,
          )
        : "This works on memories that live in Reverie. Choose somebody whose memories are kept there, at the top of the page.",
    );
  let asked = 0; // an answer that a later question has overtaken is not shown
  const show = async (e) => {
    e?.preventDefault();
    if (!model.user) return;
    const mine = ++asked;
    put(out, h("p", { class: "help" }, "Looking…"));
    const ask = { query: question.value.trim() || null, max_tokens: Number(tokens.value) || 600, format: "text" };
    try {
      const found = await post(`/users/${encodeURIComponent(model.user)}/context`, ask);
      if (mine === asked) put(out, block(found, ask));
    } catch (error) {
      if (mine === asked)
        put(
          out,
          h("p", { class: "note bad", role: "alert" }, error instanceof ApiError ? error.message : String(error)),
        );
    }
  };
  put(
    root,
    h(
      "div",
      { class: "context" },
      h("h1", {}, "The next prompt"),
      help,
      h(
        "form",
        { class: "row ask", onsubmit: show },
        h("label", { for: "question" }, "Question"),
        question,
        h("label", { for: "budget" }, "Tokens"),
        tokens,
        h("button", { class: "main" }, "Show the block"),
      ),
      out,
    ),
  );
  const follow = () => (explain(), model.stored ? show() : put(out));
  follow();
  return on("memories", follow);
}

function block(found, ask) {
  if (!found.text)
    return h(
      "p",
      { class: "note" },
      found.notes?.length ? `Nothing to tell: ${found.notes.join("; ")}.` : "Nothing is kept of this person yet.",
    );
  const left = Object.entries(found.left_out ?? {})
    .filter(([, n]) => n > 0)
    .map(([why, n]) => `${n} ${why.replaceAll("_", " ")}`);
  return h(
    "section",
    { class: "card" },
    h(
      "p",
      { class: "facts" },
      `${count(found.tokens, "token")} of ${ask.max_tokens} by ${found.tokenizer}; ${count(found.stable_tokens, "token")} at the beginning stay the same until the view changes.`,
      left.length > 0 && ` Left out: ${left.join(", ")}.`,
    ),
    h("pre", { dir: "auto", class: "block" }, found.text),
    h("h2", {}, "Why each memory is there"),
    h(
      "ul",
      { class: "reasons" },
      found.used.map((use) =>
        h(
          "li",
          {},
          h("b", {}, SECTIONS[use.section] ?? use.section),
          " · ",
          said(model.byId.get(use.memory_id)?.text ?? use.memory_id),
          h("small", {}, ` ${use.reason} (${percent(use.score)})`),
        ),
      ),
    ),
  );
}
