// What is worth keeping, and what could go.

import { h, memories as howMany, put, said } from "../dom.js";
import { importanceCsv, jsonFile } from "../files.js";
import { analyze, model, on } from "../model.js";
import { colour } from "../palette.js";
import { exportMenu, failure, memoryList, needMemories, progressBar, stackBar } from "../parts.js";

const STEP = 25;

export function mount(root) {
  if (!model.memories.length) return needMemories(root);
  const bar = progressBar("Progress of the analysis");
  const body = h("div", {});
  put(root, h("div", { class: "page" }, h("h1", { class: "sr" }, "Importance"), bar, body));
  const show = () => {
    const run = model.runs.analyze;
    bar.update(run);
    if (run && ["failed", "cancelled"].includes(run.status)) return void put(body, failure(run, analyze));
    const result = run?.result;
    if (!result || result === drawn) return;
    drawn = result;
    put(body, h("div", { class: "two wide-left" }, ranking(result), advice(result)));
  };
  let drawn = null;
  const repaint = () => ((drawn = null), show());
  addEventListener("look", repaint);
  const off = on("analyze", show);
  if (!model.runs.analyze && model.runs.cluster?.status === "succeeded") analyze();
  show();
  return () => {
    off();
    removeEventListener("look", repaint);
  };
}

const words = (name) => name.replaceAll("_", " ");
const MEANS = {
  durable: "still true next year",
  specificity: "unlike the rest",
  novelty: "new when it was said",
  information: "holds facts",
  recency: "said lately",
  access: "used again",
  recurrence: "said again",
  emotion: "moved them",
  pinned: "pinned by hand",
};

function ranking(result) {
  const factors = [...new Set(result.importance.flatMap((item) => Object.keys(item.factors)))];
  const most = Math.max(1e-9, ...result.importance.map((item) => item.score));
  const list = h("ol", { class: "ranking" });
  const more = h("button", { class: "quiet more", onclick: () => grow() });
  let shown = 0;
  const grow = () => {
    for (const item of result.importance.slice(shown, shown + STEP)) list.append(entry(item, factors, most));
    shown = Math.min(result.importance.length, shown + STEP);
    more.hidden = shown >= result.importance.length;
    more.textContent = `${howMany(result.importance.length - shown)} more`;
  };
  grow();
  return h(
    "section",
    { class: "card", "aria-labelledby": "rank-title" },
    h(
      "div",
      { class: "titled" },
      h("h2", { id: "rank-title" }, "Worth keeping"),
      exportMenu([
        ["Ranking as CSV", () => importanceCsv(result), "importance.csv"],
        ["Analysis as JSON", () => jsonFile(result), "analysis.json"],
      ]),
    ),
    h(
      "p",
      { class: "help" },
      "Each score is the sum of its factors. Open a memory to see how much each one adds. “Core” marks the few that say who this person is: what lasts, and must not be lost.",
    ),
    h(
      "ul",
      { class: "keys", "aria-label": "Factors" },
      factors.map((name, i) =>
        h("li", { vars: { "--c": colour(i) }, title: MEANS[name] }, h("span", { class: "dot" }), words(name)),
      ),
    ),
    list,
    more,
  );
}

function entry(item, factors, most) {
  const memory = model.byId.get(item.memory_id);
  const parts = factors.map((name, i) => [name, Math.max(0, item.factors[name]?.contribution ?? 0), i]);
  return h(
    "li",
    {},
    h(
      "details",
      {},
      h(
        "summary",
        {},
        h("span", { class: "rank" }, String(item.rank)),
        h("span", { class: "words", dir: "auto" }, memory?.text ?? item.memory_id),
        item.core &&
          h(
            "span",
            { class: "chip", title: `One of the few memories that define this person: ${item.reason}` },
            "core",
          ),
        item.boundary && h("span", { class: "chip", title: "Something never to be said or done" }, "boundary"),
        h("span", { class: "score" }, item.score.toFixed(2)),
        stackBar(parts, most),
      ),
      item.reason && h("p", { class: "help" }, item.reason[0].toUpperCase() + item.reason.slice(1), "."),
      h(
        "table",
        { class: "factors" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Factor", "Value", "Weight", "Adds"].map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        h(
          "tbody",
          {},
          factors
            .filter((name) => item.factors[name])
            .sort((a, b) => item.factors[b].contribution - item.factors[a].contribution)
            .map((name) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, words(name), MEANS[name] && h("small", {}, ` ${MEANS[name]}`)),
                [item.factors[name].value, item.factors[name].weight, item.factors[name].contribution].map((n) =>
                  h("td", {}, n.toFixed(2)),
                ),
              ),
            ),
        ),
      ),
    ),
  );
}

const ACTIONS = { merge: "Say it once", look: "See whether they say the same", archive: "Put away", drop: "Let go" };

/** A dry run: what would be left. Nothing here deletes. */
function advice(result) {
  const taken = new Set();
  const outcome = h("p", { class: "outcome", role: "status" });
  const update = () => {
    const gone = new Set();
    for (const item of taken)
      for (const id of item.action === "look"
        ? []
        : item.action === "merge"
          ? item.memory_ids.slice(1)
          : item.memory_ids)
        gone.add(id);
    outcome.textContent = taken.size
      ? `${howMany(model.memories.length - gone.size)} of ${model.memories.length} would stay.`
      : "Tick what you would do, and see what would stay.";
    return gone;
  };
  update();
  const groups = Object.keys(ACTIONS)
    .map((action) => [action, result.advice.filter((item) => item.action === action)])
    .filter(([, items]) => items.length);
  const row = (item) => {
    const box = h("input", {
      type: "checkbox",
      onchange: () => (box.checked ? taken.add(item) : taken.delete(item), update()),
    });
    return h(
      "li",
      {},
      h("label", {}, box, h("span", {}, said(item.reason || ACTIONS[item.action]))),
      memoryList(item.memory_ids, { step: 3, label: "Memories concerned" }),
    );
  };
  return h(
    "section",
    { class: "card", "aria-labelledby": "advice-title" },
    h(
      "div",
      { class: "titled" },
      h("h2", { id: "advice-title" }, "What could go"),
      exportMenu([
        ["Chosen ids as JSON", () => jsonFile({ forget: [...update()] }), "forget.json"],
        ["Advice as JSON", () => jsonFile(result.advice), "advice.json"],
      ]),
    ),
    h("p", { class: "help" }, "A dry run. Nothing is deleted here; take the list to your bot."),
    outcome,
    groups.length
      ? groups.map(([action, items]) =>
          h(
            "section",
            { class: "advice" },
            h("h3", {}, `${ACTIONS[action]} · ${items.length}`),
            h("ul", {}, items.slice(0, 40).map(row)),
          ),
        )
      : h("p", { class: "help" }, "Nothing seems superfluous."),
    result.duplicates.length > 0 &&
      h(
        "details",
        { class: "dups" },
        h("summary", {}, `Said more than once · ${result.duplicates.length}`),
        h(
          "ul",
          {},
          result.duplicates
            .slice(0, 40)
            .map((group) =>
              h(
                "li",
                {},
                h(
                  "p",
                  { class: "facts" },
                  h("span", { class: "chip" }, group.kind),
                  h("span", {}, `similarity ${group.similarity.toFixed(2)}`),
                ),
                memoryList(group.memory_ids, { step: 4, label: "Repetitions" }),
              ),
            ),
        ),
      ),
  );
}
