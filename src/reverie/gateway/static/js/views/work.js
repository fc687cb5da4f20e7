// The service at work: tasks by lane, queues, cost, failures, recovery.

import { ApiError, del, get, post } from "../api.js";
import { announce, count, duration, h, number, percent, put, said } from "../dom.js";
import { onEvent } from "../live.js";
import { openUser } from "../model.js";

const LANES = [
  ["fast", "Fast", "predicted below 100 ms"],
  ["heavy", "Heavy", "in the background"],
  ["cloud", "Cloud", "embedded elsewhere"],
  ["cached", "Cached", "answered from store"],
];
const ENDED = ["succeeded", "failed", "cancelled"];

export function mount(root) {
  const tasks = new Map();
  const lanes = h("div", { class: "lanes" });
  const failures = h("div", {});
  const recovered = h("div", {});
  const system = h("div", {});
  const problem = h("div", { role: "alert" });
  const rows = new Map(); // task id -> node, so that a tick changes no focus
  put(
    root,
    h(
      "div",
      { class: "page" },
      h("h1", { class: "sr" }, "Work"),
      problem,
      h(
        "section",
        { "aria-labelledby": "system-title" },
        h("h2", { id: "system-title", class: "sr" }, "System"),
        system,
      ),
      failures,
      lanes,
      recovered,
    ),
  );
  const boxes = new Map(
    LANES.map(([lane, name, help]) => {
      const list = h("ul", { class: "tasks" });
      const total = h("span", { class: "size" });
      const box = h(
        "section",
        { class: `card lane${["cloud", "cached"].includes(lane) ? " rare" : ""}`, "aria-labelledby": `lane-${lane}` },
        h("div", { class: "titled" }, h("h2", { id: `lane-${lane}` }, name, " ", h("small", {}, help)), total),
        list,
        h("p", { class: "help none" }, "Nothing in this lane."),
      );
      lanes.append(box);
      return [lane, { list, total, box }];
    }),
  );

  const guard = (work) => async () => {
    try {
      await work();
      put(problem);
    } catch (error) {
      if (error instanceof ApiError && error.status !== 401) put(problem, h("p", { class: "note bad" }, error.message));
    }
  };
  const load = guard(async () => {
    const page = await get("/tasks?limit=100");
    for (const task of page.tasks) if (!newer(tasks.get(task.id), task)) tasks.set(task.id, task);
    draw();
  });
  const loadSystem = async () =>
    put(
      system,
      systemPanel(
        await get("/status").catch(() => null),
        await get("/readyz", { quiet: true }).catch((error) => error.problem),
      ),
    );
  const openTask = async (task) => {
    const from = location.hash;
    await openUser(task.user_id, task.id);
    if (location.hash === from) location.hash = "#/themes"; // gone elsewhere meanwhile: not called back
  };
  const act = (task, work, said) =>
    guard(async () => {
      tasks.set(task.id, { ...task, ...(await work()) });
      announce(said);
      draw();
    });

  function draw() {
    const all = [...tasks.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1)).slice(0, 200);
    for (const [lane, { list, total, box }] of boxes) {
      const mine = all.filter((task) => (task.lane ?? "heavy") === lane);
      const open = mine.filter((task) => !ENDED.includes(task.status));
      total.textContent = open.length ? `${open.length} open` : "";
      box.classList.toggle("empty", mine.length === 0);
      const wanted = [...open, ...mine.filter((task) => ENDED.includes(task.status)).slice(0, 12)].map(row);
      if (wanted.length !== list.children.length || wanted.some((node, i) => list.children[i] !== node))
        list.replaceChildren(...wanted);
    }
    const bad = all.filter((task) => task.status === "failed").slice(0, 8);
    put(recovered, recoveryList(all.filter((task) => task.attempts > 1 && task.status !== "failed").slice(0, 8)));
    put(
      failures,
      bad.length > 0 &&
        h(
          "section",
          { class: "card failures", "aria-labelledby": "fail-title" },
          h("h2", { id: "fail-title" }, "Failed"),
          h("ul", { class: "tasks" }, bad.map(failed)),
        ),
    );
  }

  function row(task) {
    const known = rows.get(task.id);
    const stamp = JSON.stringify([task.status, task.progress, task.attempts, task.cost]); // the cost comes after the event
    if (known?.stamp === stamp) {
      known.age.textContent = age(task);
      return known.node;
    }
    const node = known?.node ?? h("li", { class: "task" });
    const share = task.status === "succeeded" ? 1 : (task.progress?.fraction ?? 0);
    const ageNode = h("span", {}, age(task));
    node.dataset.status = task.status;
    put(
      node,
      h(
        "div",
        { class: "what" },
        h("span", { class: "chip" }, task.status),
        h("strong", {}, task.operation),
        said(task.user_id, { class: "user" }),
      ),
      !ENDED.includes(task.status) &&
        h(
          "div",
          {
            class: "track",
            role: "progressbar",
            "aria-label": `${task.operation} of ${task.user_id}`,
            "aria-valuemin": "0",
            "aria-valuemax": "100",
            "aria-valuenow": String(Math.round(share * 100)),
          },
          h("div", { class: "fill", vars: { "--share": String(share) } }),
        ),
      h(
        "p",
        { class: "facts" },
        task.status === "running" && h("span", {}, task.progress?.stage ?? ""),
        ageNode,
        task.attempts > 1 && h("span", {}, `attempt ${task.attempts}`),
        costs(task.cost).map((text) => h("span", {}, text)),
      ),
      h(
        "div",
        { class: "acts" },
        !ENDED.includes(task.status) &&
          h("button", { class: "quiet", onclick: act(task, () => del(`/tasks/${task.id}`), "Cancelled.") }, "Cancel"),
        task.status === "succeeded" &&
          task.operation === "cluster" &&
          h("button", { class: "quiet", onclick: guard(() => openTask(task)) }, "Open"),
      ),
    );
    rows.set(task.id, { node, stamp, age: ageNode });
    return node;
  }

  function failed(task) {
    return h(
      "li",
      { class: "task", "data-status": "failed" },
      h(
        "div",
        { class: "what" },
        h("strong", {}, task.operation),
        said(task.user_id, { class: "user" }),
        h(
          "span",
          { class: "facts" },
          `${duration((Date.now() - Date.parse(task.finished_at ?? task.created_at)) / 1000)} ago, ${count(task.attempts, "attempt")}`,
        ),
      ),
      h(
        "p",
        {},
        said(task.error?.title ?? "It failed."),
        task.error?.detail && h("span", { class: "help" }, " ", said(task.error.detail)),
      ),
      h(
        "button",
        { class: "main small", onclick: act(task, () => post(`/tasks/${task.id}/redrive`), "Runs again.") },
        "Run it again",
      ),
    );
  }

  let fetching = null;
  const off = onEvent((event) => {
    const task = tasks.get(event.task_id);
    if (!task || ENDED.includes(event.type)) {
      // Lane, cost and error are in the task, not in the event.
      clearTimeout(fetching);
      fetching = setTimeout(load, 250);
    }
    if (task) {
      tasks.set(task.id, {
        ...task,
        status: event.type === "progress" ? "running" : event.type,
        progress: event.progress ?? task.progress,
        error: event.error ?? task.error,
      });
      draw();
    }
  });
  load();
  loadSystem();
  const tick = setInterval(() => {
    loadSystem();
    draw();
  }, 2500);
  return () => {
    off();
    clearInterval(tick);
    clearTimeout(fetching);
  };
}

/** What a worker left behind and another took over. */
function recoveryList(list) {
  if (!list.length) return null;
  const words = {
    queued: "waits for another",
    running: "is done by another",
    succeeded: "was done by another",
    cancelled: "was cancelled then",
  };
  return h(
    "section",
    { class: "card", "aria-labelledby": "recovery-title" },
    h("h2", { id: "recovery-title" }, "Recovered ", h("small", {}, "a worker fell silent or left; the task went on")),
    h(
      "ul",
      { class: "tasks" },
      list.map((task) =>
        h(
          "li",
          { class: "task", "data-status": task.status },
          h(
            "div",
            { class: "what" },
            h("strong", {}, task.operation),
            said(task.user_id, { class: "user" }),
            h("span", { class: "facts" }, `${words[task.status]}, attempt ${task.attempts}, ${age(task)}`),
          ),
        ),
      ),
    ),
  );
}

/** An answer from before an event must not undo it. */
const newer = (known, task) =>
  known && ENDED.includes(known.status) && !ENDED.includes(task.status) && known.attempts >= task.attempts;

function age(task) {
  const seconds = (a, b) => (Date.parse(b) - Date.parse(a)) / 1000;
  const now = new Date().toISOString();
  if (task.status === "queued") return `waiting for ${duration(Math.max(0, seconds(task.created_at, now)))}`;
  if (task.status === "running")
    return `running for ${duration(Math.max(0, seconds(task.started_at ?? task.created_at, now)))}`;
  return `${task.started_at && task.finished_at ? `took ${duration(seconds(task.started_at, task.finished_at))}, ` : ""}${duration(Math.max(0, seconds(task.finished_at ?? task.created_at, now)))} ago`;
}

function costs(cost) {
  if (!cost) return [];
  const out = [];
  if (cost.tokens || cost.cached_tokens)
    out.push(`${number(cost.tokens)} tokens${cost.cached_tokens ? ` (+ ${number(cost.cached_tokens)} cached)` : ""}`);
  if (cost.compute_ms) out.push(`${duration(cost.compute_ms / 1000)} of compute`);
  if (cost.usd) out.push(`$${cost.usd.toFixed(4)}`);
  return out;
}

function systemPanel(status, ready) {
  const tile = (name, value, help) =>
    h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value), help && h("dd", { class: "help" }, help));
  const tiles = status
    ? [
        waitingTile,
        workersTile,
        dayTile,
        cacheTile,
        recoveryTile,
        (s) => (s.sockets === undefined ? null : ["Listening", number(s.sockets), "open sockets"]),
      ]
        .map((make) => make(status))
        .filter(Boolean)
        .map((parts) => tile(...parts))
    : [];
  for (const [name, state] of Object.entries(ready?.checks ?? {}))
    tiles.push(
      h("div", { class: `tile check ${state === "ok" ? "ok" : "bad"}` }, h("dt", {}, name), h("dd", {}, state)),
    );
  return tiles.length
    ? h("dl", { class: "tiles" }, tiles)
    : h("p", { class: "help" }, "The service does not report on itself.");
}

// Each tile: what it is called, its figure, and a line about it.

function waitingTile({ queues = [] }) {
  const waiting = queues.reduce((sum, q) => sum + q.waiting, 0);
  const oldest = Math.max(0, ...queues.map((q) => q.oldest_seconds ?? 0));
  return [
    "Waiting",
    number(waiting),
    waiting
      ? `oldest ${duration(oldest)}; ${queues
          .filter((q) => q.waiting)
          .map((q) => `${q.queue} ${q.waiting}`)
          .join(", ")}`
      : "all queues are empty",
  ];
}

function workersTile({ workers }) {
  if (workers === undefined) return null;
  if (workers === null) return ["Workers", "–", "cannot be asked for just now"];
  const processes = workers.reduce((sum, worker) => sum + worker.processes, 0);
  return [
    "Workers",
    number(processes),
    workers.length
      ? `${count(processes, "process", "processes")} in ${count(workers.length, "worker")}`
      : "none gave a sign of life: tasks wait",
  ];
}

function dayTile({ tasks }) {
  if (!Array.isArray(tasks)) return null;
  const sum = (name, which = () => true) => tasks.filter(which).reduce((total, row) => total + (row[name] ?? 0), 0);
  const failed = sum("n", (row) => row.status === "failed");
  const cost = costs({ tokens: sum("tokens"), compute_ms: sum("compute_ms"), usd: sum("usd") });
  return [
    "Last 24 hours",
    number(sum("n")),
    [failed ? `${failed} failed` : "", ...cost].filter(Boolean).join(", ") || "no task yet",
  ];
}

function cacheTile({ cache }) {
  if (!cache) return null;
  const rate = cache.hit_rate === null || cache.hit_rate === undefined ? "–" : percent(cache.hit_rate);
  return ["Cache hits", rate, `${number(cache.hits ?? 0)} of ${number((cache.hits ?? 0) + (cache.misses ?? 0))} looks`];
}

function recoveryTile({ recovery }) {
  if (!recovery) return null;
  const repairs = Object.entries(recovery).filter(([name]) => name !== "retired");
  const sum = repairs.reduce((total, [, n]) => total + n, 0);
  return [
    "Recovered",
    number(sum),
    sum
      ? repairs
          .filter(([, n]) => n)
          .map(([name, n]) => `${name.replaceAll("_", " ")} ${n}`)
          .join(", ")
      : "nothing had to be repaired",
  ];
}
