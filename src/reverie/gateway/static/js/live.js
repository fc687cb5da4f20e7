// One socket for everything that happens, and what to do while there is none.

import { get, hasKey, post } from "./api.js";

const listeners = new Set();
const watched = new Map(); // task id -> callback(task or event)
const ended = new Map(); // task id -> event: ends that came before anybody asked, the newest few
let socket = null;
let attempt = 0;
let timer = null;
let polling = null;
let wanted = false;
export let state = "off"; // off, connecting, live, waiting
let onState = () => {};

export const onEvent = (callback) => (listeners.add(callback), () => listeners.delete(callback));

/** Called with "connecting", "live" or "waiting" (with the seconds until the next try). */
export function onLive(callback) {
  onState = callback;
}

/** Follows one task to its end, through lost connections: `callback({type, progress, result, error})`. */
export function watch(taskId, callback) {
  watched.set(taskId, callback);
  // A short task may end on the socket before the answer to its submission is read.
  const early = ended.get(taskId);
  if (early) deliver(taskId, early);
  else if (state !== "live") look();
}

export function unwatch(taskId) {
  watched.delete(taskId);
}

export function start() {
  wanted = true;
  // Sockets may be blocked on the way; what is waited for is then asked for.
  polling ??= setInterval(() => state !== "live" && watched.size && look(), 2000);
  connect();
}

export function stop() {
  wanted = false;
  clearTimeout(timer);
  clearInterval(polling);
  polling = null;
  socket?.close();
  socket = null;
  watched.clear();
  ended.clear();
  set("off");
}

/** Try again now, not when the wait is over. */
export function retry() {
  if (wanted && state === "waiting") {
    clearTimeout(timer);
    connect();
  }
}

function set(next, seconds) {
  state = next;
  onState(next, seconds);
}

async function connect() {
  if (!wanted || !hasKey()) return;
  set("connecting");
  try {
    const { ticket } = await post("/tickets", undefined);
    if (!wanted) return;
    const url = new URL(`/results?ticket=${encodeURIComponent(ticket)}`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const mine = (socket = new WebSocket(url));
    mine.onopen = () => {
      if (mine !== socket) return;
      attempt = 0;
      set("live");
      look(); // what ended while nobody listened
    };
    mine.onmessage = (message) => receive(JSON.parse(message.data));
    mine.onclose = () => mine === socket && lost();
  } catch (error) {
    if (error.status !== 401) lost();
  }
}

function lost() {
  socket = null;
  if (!wanted) return;
  const seconds = Math.min(8, 0.5 * 2 ** attempt++) * (0.75 + Math.random() / 2);
  set("waiting", seconds);
  clearTimeout(timer);
  timer = setTimeout(connect, seconds * 1000);
}

function receive(event) {
  for (const listener of listeners) listener(event);
  deliver(event.task_id, event);
}

function deliver(taskId, event) {
  const over = ["succeeded", "failed", "cancelled"].includes(event.type);
  const callback = watched.get(taskId);
  if (!over) ended.delete(taskId); // it runs again
  if (over && !callback) {
    ended.set(taskId, event);
    if (ended.size > 100) ended.delete(ended.keys().next().value);
  }
  if (!callback) return;
  if (over) watched.delete(taskId);
  callback(event);
}

async function look() {
  for (const taskId of [...watched.keys()]) {
    try {
      const task = await get(`/tasks/${encodeURIComponent(taskId)}`);
      deliver(taskId, {
        type: task.status,
        task_id: taskId,
        progress: task.progress,
        result: task.result,
        error: task.error,
      });
    } catch (error) {
      if (error.status === 404)
        deliver(taskId, { type: "failed", task_id: taskId, error: { title: "This task is gone; it was erased." } });
    }
  }
}
