/** Following tasks: server-sent events for one, a WebSocket for all; both find back by themselves. */
import { Forbidden, NotFound, ReverieError, ServiceUnavailable, TooManyRequests, Unauthorized } from "./errors.js";
import { type Http, linked, pauses, segment, sleep } from "./http.js";
import type { TaskEvent, TaskState } from "./types.js";

export const TERMINAL: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

/** Milliseconds of silence after which a stream counts as dead; the service gives a sign of life every 20 s. */
const SILENT_MS = 60_000;
/** Most events of a socket that wait for a slow reader; then the socket is opened anew, and tells the state first. */
const MOST_WAITING = 10_000;
/** Most tasks of a socket whose end is asked for after it broke. */
const MOST_OPEN = 10_000;

/** A task's stored state as an event: what a stream would have told. `last` is the last number seen. */
export function eventOf(task: TaskState, last: number): TaskEvent {
  const ended = TERMINAL.has(task.status);
  return {
    seq: Math.max(last, 0) + (ended ? 1 : 0),
    type: ended || task.status === "queued" ? task.status : "progress",
    task_id: task.id,
    at: task.finished_at ?? task.started_at ?? task.created_at,
    operation: task.operation,
    user_id: task.user_id,
    progress: task.progress ?? null,
    result: task.result ?? null,
    error: task.error ?? null,
    data: null,
    event_id: null,
  };
}

/** Whether asking again may help: the service is away or busy, or the connection broke. */
function passing(error: unknown): boolean {
  return !(error instanceof ReverieError) || error instanceof ServiceUnavailable || error instanceof TooManyRequests;
}

/** Events of a task, each once, until its end. A service that is away is waited for. */
export async function* follow(http: Http, taskId: string, signal?: AbortSignal): AsyncGenerator<TaskEvent, void> {
  let last = -1;
  let strikes = 0;
  let told = "";
  let waits = pauses();
  for (;;) {
    let heard = false;
    try {
      for await (const event of serverSent(http, taskId, last, signal)) {
        if (!heard) {
          heard = true;
          waits = pauses();
        }
        if (event.seq <= last) continue;
        last = event.seq;
        yield event;
        if (TERMINAL.has(event.type)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!passing(error)) throw error;
    }
    strikes = heard ? 0 : strikes + 1;
    if (strikes >= 2) {
      // No stream gets through, or the service is away: asking works for both.
      try {
        const task = await http.json<TaskState>("GET", `/tasks/${segment(taskId)}`, { signal });
        const state = JSON.stringify([task.status, task.progress]);
        const ended = TERMINAL.has(task.status);
        if (ended || state !== told) yield eventOf(task, last);
        told = state;
        if (ended) return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!passing(error)) throw error;
      }
    }
    await sleep(waits.next().value, signal);
  }
}

async function* serverSent(
  http: Http,
  taskId: string,
  last: number,
  signal?: AbortSignal,
): AsyncGenerator<TaskEvent, void> {
  const { controller, release } = linked(signal);
  let watch: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(watch);
    watch = setTimeout(() => controller.abort(new ServiceUnavailable("the stream is silent")), SILENT_MS);
  };
  try {
    alive();
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (last >= 0) headers["Last-Event-ID"] = String(last);
    const answer = await http.stream(`/results/${segment(taskId)}`, headers, controller.signal);
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new SseParser();
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) return;
      alive();
      for (const data of parser.feed(piece.value)) yield JSON.parse(data) as TaskEvent;
    }
  } finally {
    clearTimeout(watch);
    release();
    controller.abort();
  }
}

/** The data of server-sent events out of arbitrary pieces (WHATWG HTML, 9.2); names and ids are in the data too. */
export class SseParser {
  #line = "";
  #data: string[] = [];

  *feed(piece: string): Generator<string> {
    const lines = piece.split("\n");
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith("data:")) {
        this.#data.push(line.startsWith("data: ") ? line.slice(6) : line.slice(5));
      } else if (line === "" && this.#data.length > 0) {
        const data = this.#data.join("\n");
        this.#data = [];
        yield data;
      }
    }
  }
}

/** What is used of a WebSocket: the same in browsers, Node, Deno, Bun and the package ws. */
export interface SocketLike {
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  close(code?: number): void;
}
export type SocketMaker = new (url: string) => SocketLike;

/** The runtime's own WebSocket, else the package ws (Node 20). */
export async function socketMaker(): Promise<SocketMaker> {
  const own = (globalThis as { WebSocket?: SocketMaker }).WebSocket;
  if (own) return own;
  // Not a literal: bundlers for browsers must not look for it.
  const name = "ws";
  try {
    const found = (await import(/* @vite-ignore */ name)) as { WebSocket: SocketMaker };
    return found.WebSocket;
  } catch (cause) {
    throw new ReverieError("This runtime has no WebSocket: npm install ws", { cause });
  }
}

/** All events of the tenant that match, for as long as the caller listens. */
export async function* followAll(
  http: Http,
  make: () => Promise<SocketMaker>,
  query: { user_id?: string; operation?: string },
  signal?: AbortSignal,
): AsyncGenerator<TaskEvent, void> {
  const Socket = await make();
  const seen = new Map<string, number>(); // the tasks that have not ended, and the last number of each
  let waits = pauses();
  for (let first = true; ; first = false) {
    try {
      // A browser's socket cannot send a header: a ticket, good once, stands in for the key everywhere.
      const { ticket } = await http.json<{ ticket: string }>("POST", "/tickets", { signal });
      const target = new URL(`${http.url}/results`);
      target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
      for (const [name, value] of Object.entries({ ...query, ticket })) target.searchParams.set(name, value);
      const socket = new Mailbox(new Socket(target.href), http, signal);
      try {
        // What ended while nobody listened is not told again: ask.
        if (!first) for (const event of await endings(http, seen, signal)) yield event;
        for await (const event of socket.events()) {
          waits = pauses();
          if (event.event_id) {
            yield event; // not a task's: told once
            continue;
          }
          if (event.seq <= (seen.get(event.task_id) ?? -1)) continue;
          seen.delete(event.task_id);
          if (!TERMINAL.has(event.type)) seen.set(event.task_id, event.seq);
          for (const oldest of seen.keys()) if (seen.size > MOST_OPEN) seen.delete(oldest);
          yield event;
        }
      } finally {
        socket.close();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!passing(error)) throw error;
    }
    await sleep(waits.next().value, signal);
  }
}

async function endings(http: Http, seen: Map<string, number>, signal?: AbortSignal): Promise<TaskEvent[]> {
  const found: TaskEvent[] = [];
  for (const [id, last] of [...seen]) {
    try {
      const task = await http.json<TaskState>("GET", `/tasks/${segment(id)}`, { signal });
      if (!TERMINAL.has(task.status)) continue;
      found.push(eventOf(task, last));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error; // erased meanwhile
    }
    seen.delete(id);
  }
  return found;
}

/** A socket's messages as an iterator. */
class Mailbox {
  readonly #socket: SocketLike;
  readonly #waiting: TaskEvent[] = [];
  readonly #release: () => void;
  #ended = false;
  #failure: unknown;
  #wake: () => void = () => undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: SocketLike, http: Http, signal?: AbortSignal) {
    this.#socket = socket;
    const stop = (): void => this.#end(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    this.#release = () => signal?.removeEventListener("abort", stop);
    socket.onmessage = ({ data }) => {
      this.#alive(http);
      if (typeof data !== "string") return;
      if (this.#waiting.length >= MOST_WAITING) return this.#end(new ServiceUnavailable("events came too fast"));
      this.#waiting.push(JSON.parse(data) as TaskEvent);
      this.#wake();
    };
    socket.onerror = () => undefined; // a close follows
    socket.onclose = ({ code }) => this.#end(refusal(code));
    this.#alive(http);
  }

  async *events(): AsyncGenerator<TaskEvent, void> {
    for (;;) {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) yield next;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    clearTimeout(this.#watch);
    this.#release();
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
  }

  #end(failure?: unknown): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#wake();
  }

  /** A socket whose other end vanished tells nothing: after a silence the service is asked whether it lives. */
  #alive(http: Http): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      http.json("GET", "/healthz", { timeoutMs: 5000 }).then(
        () => this.#ended || this.#alive(http),
        (error: unknown) => this.#end(error),
      );
    }, SILENT_MS);
  }
}

/** The error behind a close code; none where connecting again may help. */
function refusal(code: number): ReverieError | undefined {
  if (code === 4401) return new Unauthorized("The service does not accept this API key.");
  if (code === 4403) return new Forbidden("This API key may not read results.");
  if (code === 4404) return new NotFound("There are no such results.");
  return undefined;
}
