// What the page knows, and what it can do: memories, themes, analysis, recall. Views listen and draw.

import { ApiError, get, post } from "./api.js";
import { watch } from "./live.js";
import { Places } from "./palette.js";

const SAVED = "reverie.session";
const FLOOR = 0.3; // how surely a memory must bear on a question to be shown
const MOST_SAVED = 4_000_000; // characters of session storage

/** Everything that is on the page. */
export const model = {
  user: "",
  source: "",
  stored: null, // {version, as_of, stale}: these memories live in the service, and what is shown is their view
  notes: [],
  memories: [],
  byId: new Map(),
  granularity: 0.5,
  runs: { cluster: null, analyze: null }, // {taskId, status, progress, result, error, task}
  recall: null, // {query, status, hits, error}
  places: new Places(),
  hidden: new Set(),
};

let opening = 0; // whoever was asked for last is shown, in whatever order the answers come

const bus = new EventTarget();
/** Listens to "memories", "cluster", "analyze", "recall", "hidden"; returns how to stop. */
export function on(name, callback) {
  bus.addEventListener(name, callback);
  return () => bus.removeEventListener(name, callback);
}
export const emit = (name) => bus.dispatchEvent(new Event(name));

/** Themes by size, then id, as the charts order them. */
export function themes() {
  return [...(model.runs.cluster?.result?.themes ?? [])].sort((a, b) => b.size - a.size || (a.id < b.id ? -1 : 1));
}

export const themeOf = (memoryId) => model.runs.cluster?.result?.assignments?.[memoryId] ?? null;
export const themeName = (id) => themes().find((theme) => theme.id === id)?.label || "a theme";

function save() {
  const { user, source, memories, granularity, runs } = model;
  const small = {
    user,
    source,
    granularity,
    stored: model.stored !== null,
    cluster: runs.cluster?.taskId,
    analyze: runs.analyze?.taskId,
  };
  try {
    const text = JSON.stringify({ ...small, memories });
    sessionStorage.setItem(SAVED, text.length <= MOST_SAVED ? text : JSON.stringify(small));
  } catch {
    sessionStorage.setItem(SAVED, JSON.stringify(small)); // full: the texts come back from the service
  }
}

export function forget() {
  sessionStorage.removeItem(SAVED);
  Object.assign(model, {
    user: "",
    source: "",
    stored: null,
    notes: [],
    memories: [],
    byId: new Map(),
    recall: null,
    places: new Places(),
  });
  model.runs = { cluster: null, analyze: null };
}

function setMemories(memories) {
  model.memories = memories;
  model.byId = new Map(memories.map((memory) => [memory.id, memory]));
}

/** New memories: cluster them, and analyse them when that is done. */
export async function begin({ memories, notes = [] }, user, source) {
  opening += 1;
  if (model.user !== user) model.places = new Places();
  Object.assign(model, { user, source, stored: null, notes, recall: null, granularity: 0.5 });
  model.hidden.clear();
  model.runs = { cluster: null, analyze: null };
  setMemories(memories);
  emit("memories");
  await cluster();
}

/** Clusters what is there, with the present granularity. A preview changes nothing of what the service keeps. */
export async function cluster({ preview = model.stored !== null } = {}) {
  const options = { granularity: model.granularity, ...(preview && { preview }) };
  await submit("cluster", { user_id: model.user, ...given(), options });
}

/** The memories of a submission: none where the service has them. */
const given = () => (model.stored ? {} : { memories: model.memories });

/** Analyses what is there, once. */
export async function analyze() {
  if (model.runs.analyze && !["failed", "cancelled"].includes(model.runs.analyze.status)) return;
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  await submit("analyze", { user_id: model.user, ...given(), options: { timezone } });
}

async function submit(operation, body) {
  const before = model.runs[operation];
  // The previous result stays on the page until the new one is there.
  const run = (model.runs[operation] = {
    taskId: null,
    status: "submitting",
    progress: null,
    result: before?.result ?? null,
    error: null,
  });
  emit(operation);
  // One key for all tries: however often the answer is lost, there is one task.
  const headers = { Prefer: "respond-async", "Idempotency-Key": randomKey() };
  for (;;) {
    try {
      const task = await post(`/${operation}/submit`, body, { headers });
      if (model.runs[operation] !== run) return; // overtaken by a newer one
      follow(operation, run, task);
      break;
    } catch (error) {
      if (model.runs[operation] !== run) return;
      if (error.status !== 0 && error.status !== 503) {
        Object.assign(run, {
          status: "failed",
          error: { ...error.problem, title: error.message, detail: null, retry_after: error.retryAfter },
        });
        emit(operation);
        break;
      }
      run.status = "away";
      emit(operation);
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(10, error.retryAfter ?? 1.5)));
      if (model.runs[operation] !== run) return;
    }
  }
  save();
}

const randomKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function follow(operation, run, task) {
  Object.assign(run, { taskId: task.id, status: task.status, progress: task.progress, cached: task.cached });
  if (["succeeded", "failed", "cancelled"].includes(task.status)) return ended(operation, run, task);
  emit(operation);
  watch(task.id, (event) => {
    if (model.runs[operation] !== run) return;
    if (["succeeded", "failed", "cancelled"].includes(event.type))
      return ended(operation, run, { ...event, status: event.type });
    run.status = event.type === "progress" ? "running" : event.type;
    if (event.progress) run.progress = event.progress;
    emit(operation);
  });
}

async function ended(operation, run, { status, result, error }) {
  if (status === "succeeded" && !result) result = (await get(`/tasks/${run.taskId}`).catch(() => null))?.result;
  run.status = status;
  run.error = error;
  if (status === "succeeded") {
    run.result = result;
    if (operation === "cluster") {
      model.places.assign(themes().map((theme) => theme.id));
      analyze();
    }
  }
  emit(operation);
}

/** Ranks the memories for a question; null clears. */
export async function recall(query) {
  if (!query.trim()) {
    model.recall = null;
    return emit("recall");
  }
  const mine = (model.recall = { query, status: "running", hits: [], error: null });
  emit("recall");
  try {
    const options = { top: 12, min_relevance: FLOOR };
    if (model.stored) {
      const found = await post(`/users/${encodeURIComponent(model.user)}/recall`, { query, options });
      if (model.recall === mine) Object.assign(mine, { status: "succeeded", hits: found.memories ?? [] });
      return emit("recall");
    }
    const body = { user_id: model.user, query, memories: model.memories, options };
    const task = await post("/recall/submit", body, { headers: { Prefer: "wait=10" } });
    const done = ["succeeded", "failed", "cancelled"].includes(task.status) ? task : await finished(task.id);
    if (model.recall !== mine) return;
    Object.assign(mine, { status: done.status, hits: done.result?.memories ?? [], error: done.error });
  } catch (error) {
    Object.assign(mine, { status: "failed", error: { title: error.message } });
  }
  emit("recall");
}

const finished = (taskId) =>
  new Promise((resolve) => {
    watch(
      taskId,
      (event) => ["succeeded", "failed", "cancelled"].includes(event.type) && resolve({ ...event, status: event.type }),
    );
  });

/** After a reload: the same memories, and tasks that go on where they are. */
export async function resume() {
  let saved;
  try {
    saved = JSON.parse(sessionStorage.getItem(SAVED) ?? "null");
  } catch {
    saved = null;
  }
  if (saved?.stored)
    return openUser(saved.user).then(
      () => true,
      () => false,
    );
  if (!saved?.cluster) return false;
  Object.assign(model, { user: saved.user, source: saved.source, granularity: saved.granularity });
  setMemories(saved.memories ?? []);
  emit("memories");
  const open = [reopen("cluster", saved.cluster)];
  if (saved.analyze) open.push(reopen("analyze", saved.analyze));
  if (!saved.memories) open.push(fetchTexts(saved.user, saved.cluster));
  await Promise.all(open);
  return true;
}

async function reopen(operation, taskId) {
  const run = (model.runs[operation] = { taskId, status: "loading", progress: null, result: null, error: null });
  emit(operation);
  try {
    follow(operation, run, await get(`/tasks/${encodeURIComponent(taskId)}`));
  } catch (error) {
    if (error.status === 401) return;
    if (error.status === 0) {
      // Away at this moment: the watcher asks again until it is back.
      return follow(operation, run, { id: taskId, status: "running", progress: null });
    }
    Object.assign(run, { status: "failed", error: { title: error.message } });
    emit(operation);
  }
}

/** The texts behind a task, as the service holds them. */
async function fetchTexts(user, taskId) {
  const held = await get(`/users/${encodeURIComponent(user)}/export`);
  const request = held.tasks.find((task) => task.id === taskId)?.request;
  setMemories(
    (request?.memories ?? []).map((memory, i) =>
      typeof memory === "string" ? { id: String(i), text: memory } : { id: String(i), ...memory },
    ),
  );
  if (request?.options && typeof request.options.granularity === "number")
    model.granularity = request.options.granularity;
  emit("memories");
}

/** Opens what the service keeps of a user: the current view, or the newest themes and analysis that were submitted. */
export async function openUser(user, taskId = null) {
  const mine = ++opening;
  const overtaken = () => mine !== opening;
  if (taskId === null && (await openStored(user, overtaken))) return;
  const find = async (operation) =>
    (await get(`/tasks?user_id=${encodeURIComponent(user)}&operation=${operation}&limit=20`)).tasks.find(
      (t) => t.status === "succeeded" || t.status === "running" || t.status === "queued",
    );
  const [clustering, analysis] = await Promise.all([taskId ? { id: taskId } : find("cluster"), find("analyze")]);
  if (overtaken()) return;
  if (!clustering) throw new ApiError(404, { title: `There are no themes of ${user} yet.` });
  if (model.user !== user) model.places = new Places();
  Object.assign(model, { user, source: user, stored: null, notes: [], recall: null });
  model.hidden.clear();
  model.runs = { cluster: null, analyze: null };
  await fetchTexts(user, clustering.id);
  await reopen("cluster", clustering.id);
  if (analysis) await reopen("analyze", analysis.id);
  save();
}

/** Opens the view of memories that live in the service; false when there is none. */
async function openStored(user, overtaken) {
  const path = `/users/${encodeURIComponent(user)}`;
  const missing = (error) => {
    if (error.status !== 404) throw error;
    return null;
  };
  const view = await get(`${path}/themes`).catch(missing);
  if (!view) return false;
  const insights = await get(`${path}/insights`).catch(missing);
  const memories = [];
  for (let cursor = null; ; ) {
    const page = await get(`${path}/memories?limit=500${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    memories.push(...page.memories);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  if (overtaken()) return true;
  if (model.user !== user) model.places = new Places();
  const { version, as_of, stale } = view;
  Object.assign(model, {
    user,
    source: user,
    stored: { version, as_of, stale },
    notes: currency(view),
    recall: null,
    granularity: 0.5,
  });
  model.hidden.clear();
  const run = (result) => ({ taskId: null, status: "succeeded", progress: null, result, error: null });
  model.runs = { cluster: run(view), analyze: insights && run(insights) };
  setMemories(memories);
  model.places.assign(themes().map((theme) => theme.id));
  emit("memories");
  emit("cluster");
  emit("analyze");
  save();
  return true;
}

/** How current a view is, in words. */
function currency({ as_of, stale }) {
  const when = new Date(as_of).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const behind = stale?.changes
    ? ` ${stale.changes} change${stale.changes === 1 ? "" : "s"} since then will be sorted in soon.`
    : "";
  return [`As of ${when}.${behind}`];
}

/** Shows or hides a theme (or `null`, the memories in none). */
export function toggle(themeId) {
  if (!model.hidden.delete(themeId)) model.hidden.add(themeId);
  emit("hidden");
}

/** Shows one theme alone; a second time, all. */
export function solo(themeId) {
  const all = [...themes().map((theme) => theme.id), null];
  const alone = !model.hidden.has(themeId) && model.hidden.size === all.length - 1;
  model.hidden = new Set(alone ? [] : all.filter((id) => id !== themeId));
  emit("hidden");
}
