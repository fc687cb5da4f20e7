import { type CallOptions, Http, segment } from "./http.js";
import { LastKnown } from "./known.js";
import { follow, followAll, type SocketMaker, socketMaker } from "./stream.js";
import { Task, type TaskHome } from "./task.js";
import type {
  AnalyzeOptions,
  AnalyzeResult,
  CloudPolicy,
  ClusterOptions,
  ClusterResult,
  EmbedOptions,
  EmbedResult,
  MemoryLike,
  Operation,
  RecallOptions,
  RecallResult,
  Receipt,
  Results,
  Status,
  TaskEvent,
  TaskState,
} from "./types.js";
import { User } from "./user.js";

export interface ReverieOptions {
  /** Address of the service; REVERIE_URL, else http://127.0.0.1:8000. */
  url?: string;
  /** REVERIE_API_KEY when not given. */
  apiKey?: string;
  /** Milliseconds that a call may take; 30,000 when not given. */
  timeoutMs?: number;
  /** Tries of a call that fails for a reason that passes; 3 when not given. Nothing is done twice by that. */
  tries?: number;
  /** What sends requests, for tests and proxies. */
  fetch?: typeof fetch;
  /** What opens sockets, where the runtime's own is not wanted. */
  WebSocket?: SocketMaker;
}

export interface SubmitOptions extends CallOptions {
  /** Asks the service to answer with the result if it is there within so many milliseconds. */
  waitMs?: number | undefined;
  /** After so many milliseconds nobody needs the answer any more: what has not begun by then is dropped. */
  deadlineMs?: number | undefined;
  /** Made for each call unless given: calls with the same key and content are one. */
  idempotencyKey?: string | undefined;
}

/** What every submission may carry besides its options. */
interface Extras {
  cloud?: CloudPolicy | undefined;
  callback_url?: string | undefined;
}

/** Memories to work on; null takes those that the service keeps for the user. */
type Given = Iterable<MemoryLike> | null;
type UserId = string | number | bigint;

/**
 * A client of the service. Every call rejects with a `ReverieError` when it fails, or with the reason of its `signal`;
 * a service that is down costs little: `ServiceUnavailable` at once while the breaker is open.
 */
export class Reverie {
  readonly url: string;
  readonly #http: Http;
  readonly #known = new LastKnown();
  readonly #sockets: () => Promise<SocketMaker>;
  readonly #home: TaskHome;

  constructor(options: ReverieOptions = {}) {
    this.url = (options.url ?? env("REVERIE_URL") ?? "http://127.0.0.1:8000").replace(/\/+$/, "");
    this.#http = new Http({
      url: this.url,
      apiKey: options.apiKey ?? env("REVERIE_API_KEY"),
      timeoutMs: options.timeoutMs ?? 30_000,
      tries: Math.max(1, options.tries ?? 3),
      fetch: options.fetch ?? ((...request) => fetch(...request)),
    });
    const own = options.WebSocket;
    this.#sockets = own ? async () => own : socketMaker;
    this.#home = {
      stateOf: (taskId, call) => this.#http.json("GET", `/tasks/${segment(taskId)}`, call),
      cancel: (taskId, call) => this.cancel(taskId, call),
      follow: (taskId, signal) => follow(this.#http, taskId, signal),
      keep: (task, since) => this.#known.put(task.user_id, task.operation, task.result, since),
    };
  }

  /** The memories that the service keeps for one person. */
  user(userId: UserId): User {
    const home = {
      ...this.#home,
      forgetUser: this.forgetUser.bind(this),
      exportUser: this.exportUser.bind(this),
      events: this.events.bind(this),
      remember: this.#known.put.bind(this.#known),
    };
    return new User(this.#http, home, String(userId));
  }

  // -- submitting ------------------------------------------------------------------------------------------------

  /** Group a user's memories into themes. Resolves as soon as the service has accepted the task. */
  submitClusteringTask(
    userId: UserId,
    memories: Given,
    options: ClusterOptions & Extras = {},
    call: SubmitOptions = {},
  ): Promise<Task<ClusterResult>> {
    return this.#submit("cluster", userId, { memories }, options, call);
  }

  /** Find what matters in a user's memories, how it hangs together and what changes. */
  submitAnalysisTask(
    userId: UserId,
    memories: Given,
    options: AnalyzeOptions & Extras = {},
    call: SubmitOptions = {},
  ): Promise<Task<AnalyzeResult>> {
    return this.#submit("analyze", userId, { memories }, options, call);
  }

  /** Rank a user's memories for a question. */
  submitRecallTask(
    userId: UserId,
    query: string,
    memories: Given,
    options: RecallOptions & Extras = {},
    call: SubmitOptions = {},
  ): Promise<Task<RecallResult>> {
    return this.#submit("recall", userId, { query, memories }, options, call);
  }

  /** Vectors of texts, each of unit length. `options.user_id` says whose texts they are. */
  async embed(
    texts: readonly string[],
    options: EmbedOptions & { user_id?: UserId; cloud?: CloudPolicy } = {},
    call: CallOptions = {},
  ): Promise<Float32Array[]> {
    const { user_id = "-", ...rest } = options;
    const timeoutMs = call.timeoutMs ?? 60_000;
    const submit = { ...call, waitMs: Math.min(timeoutMs, 30_000), deadlineMs: timeoutMs };
    const task = await this.#submit("embed", user_id, { texts }, rest, submit);
    return vectorsOf(await task.result({ timeoutMs, signal: call.signal }));
  }

  async #submit<O extends keyof Results>(
    operation: O,
    userId: UserId,
    content: { memories?: Given; [member: string]: unknown },
    given: Extras & object,
    { waitMs, deadlineMs, idempotencyKey, ...call }: SubmitOptions,
  ): Promise<Task<Results[O]>> {
    const { cloud, callback_url, ...options } = given;
    const { memories, ...rest } = content;
    const sent = memories == null ? undefined : [...memories];
    const body = { user_id: String(userId), ...rest, memories: sent, options, cloud, callback_url };
    const headers: Record<string, string> = { "Idempotency-Key": idempotencyKey ?? crypto.randomUUID() };
    if (waitMs !== undefined) headers["Prefer"] = `wait=${waitMs / 1000}`;
    if (deadlineMs !== undefined) headers["Reverie-Deadline"] = String(deadlineMs / 1000);
    const request = { ...call, body, headers, patienceMs: waitMs ?? 0 };
    return new Task(this.#home, await this.#http.json<TaskState>("POST", `/${operation}/submit`, request));
  }

  // -- tasks and users -------------------------------------------------------------------------------------------

  /** A task by its id. Throws `NotFound`. */
  async task<R = unknown>(taskId: string, call?: CallOptions): Promise<Task<R>> {
    return new Task<R>(this.#home, await this.#home.stateOf(taskId, call));
  }

  /** Stop a task. Throws `Conflict` when it has ended. */
  cancel(taskId: string, call?: CallOptions): Promise<TaskState> {
    return this.#http.json("DELETE", `/tasks/${segment(taskId)}`, call);
  }

  /** All tasks that match, newest first, page by page. */
  async *tasks(
    filter: { userId?: UserId; status?: Status; operation?: Operation } = {},
    call?: CallOptions,
  ): AsyncGenerator<TaskState, void> {
    let cursor: string | null | undefined;
    do {
      const { userId, ...rest } = filter;
      const query = { ...rest, user_id: userId === undefined ? undefined : String(userId), cursor, limit: 100 };
      const page: { tasks: TaskState[]; next_cursor: string | null } = await this.#http.json("GET", "/tasks", {
        ...call,
        query,
      });
      yield* page.tasks;
      cursor = page.next_cursor;
    } while (cursor);
  }

  /** A PNG of a finished task, laid out for `width` pixels and drawn with `scale` times as many. */
  chart(
    taskId: string,
    kind: "map" | "timeline" | "graph" = "map",
    look: { dark?: boolean; width?: number; scale?: number } = {},
    call?: CallOptions,
  ): Promise<Uint8Array> {
    const { dark = false, width = 1000, scale = 1 } = look;
    const query = { theme: dark ? "dark" : "light", width, scale };
    return this.#http.bytes("GET", `/tasks/${segment(taskId)}/${kind}.png`, { ...call, query, patienceMs: 25_000 });
  }

  /** Events of all tasks that match, for as long as the caller listens; finds back by itself. */
  events({
    userId,
    operation,
    signal,
  }: {
    userId?: UserId;
    operation?: Operation;
    signal?: AbortSignal | undefined;
  } = {}): AsyncGenerator<TaskEvent, void> {
    const query: { user_id?: string; operation?: string } = {};
    if (userId !== undefined) query.user_id = String(userId);
    if (operation !== undefined) query.operation = operation;
    return followAll(this.#http, this.#sockets, query, signal);
  }

  /** Erase a user everywhere; also what this client remembers. */
  forgetUser(userId: UserId, call?: CallOptions): Promise<Receipt> {
    this.#known.forget(String(userId));
    return this.#http.json("DELETE", `/users/${segment(String(userId))}`, call);
  }

  /** Everything the service holds on a user. */
  exportUser(userId: UserId, call?: CallOptions): Promise<Record<string, unknown>> {
    return this.#http.json("GET", `/users/${segment(String(userId))}/export`, call);
  }

  /** The service's own summary: queues, cache, recovery. */
  status(call?: CallOptions): Promise<Record<string, unknown>> {
    return this.#http.json("GET", "/status", call);
  }

  /** Whether the service accepts work now. Never rejects. */
  async ready(call: CallOptions = {}): Promise<boolean> {
    const found = await this.#http.json<{ status: string }>("GET", "/readyz", call).catch(() => undefined);
    return found?.status === "ready";
  }

  /** The latest result that this client saw for a user, for times when the service does not answer. */
  lastKnown<O extends keyof Results>(userId: UserId, operation: O): Results[O] | undefined {
    return this.#known.get(String(userId), operation) as Results[O] | undefined;
  }
}

/** The vectors of an embedding's result, in the order of its texts. */
export function vectorsOf(result: EmbedResult): Float32Array[] {
  const text = atob(result.vectors);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  // Little-endian on the wire, whatever this machine is.
  const view = new DataView(bytes.buffer);
  const size = result.dimensions;
  return Array.from({ length: result.count }, (_, row) =>
    Float32Array.from({ length: size }, (_, column) => view.getFloat32(4 * (row * size + column), true)),
  );
}

/** An environment variable, where there are any; empty is none. */
function env(name: string): string | undefined {
  const found = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name];
  return found || undefined;
}
