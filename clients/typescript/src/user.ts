import { type CallOptions, type Http, segment } from "./http.js";
import type * as stored from "./stored.js";
import { Task, type TaskHome } from "./task.js";
import type { ClusterResult, MemoryInput, MemoryLike, RecallOptions, RecallResult, Receipt, TaskEvent, TaskState } from "./types.js";

interface UserHome extends TaskHome {
  forgetUser(userId: string, call?: CallOptions): Promise<Receipt>;
  exportUser(userId: string, call?: CallOptions): Promise<Record<string, unknown>>;
  events(filter: { userId: string; signal?: AbortSignal | undefined }): AsyncGenerator<TaskEvent, void>;
  remember(userId: string, operation: string, result: unknown, since: number): void;
}

/** The memories of one person, kept by the service. Made by `ai.user("42")`; making it asks nothing. */
export class User {
  readonly id: string;
  readonly #http: Http;
  readonly #home: UserHome;

  constructor(http: Http, home: UserHome, id: string) {
    this.#http = http;
    this.#home = home;
    this.id = id;
  }

  /** Store one memory: a text and what is known about it, or the whole. It is durable once this resolves. */
  async remember(memory: MemoryLike, about: Partial<MemoryInput> = {}, call?: CallOptions): Promise<stored.Remembered> {
    const whole = typeof memory === "string" ? { ...about, text: memory } : { ...memory, ...about };
    return this.rememberMany([whole], call);
  }

  /** Store memories; those whose id is there already are updated, equal ones change nothing. */
  async rememberMany(memories: Iterable<MemoryLike>, call?: CallOptions): Promise<stored.Remembered> {
    const body = { memories: [...memories] };
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    return this.#http.json("POST", this.#path("/memories"), { ...call, body, headers });
  }

  /** A memory by its id. Throws `NotFound`. */
  async memory(memoryId: string, call?: CallOptions): Promise<stored.StoredMemory> {
    return this.#http.json("GET", this.#memory(memoryId), call);
  }

  /** All stored memories that match, newest first, page by page. */
  async *memories(filter: stored.MemoryFilter = {}, call?: CallOptions): AsyncGenerator<stored.StoredMemory, void> {
    let cursor: string | null = null;
    do {
      const query = { ...filter, cursor, limit: 100 };
      const page: stored.MemoryPage = await this.#http.json("GET", this.#path("/memories"), { ...call, query });
      yield* page.memories;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /** Put one memory in place, with its id; the answer says which theme it seems to belong to. */
  async put(memoryId: string, memory: MemoryLike, call?: CallOptions): Promise<stored.Placed> {
    const body = typeof memory === "string" ? { text: memory } : memory;
    return this.#http.json("PUT", this.#memory(memoryId), { ...call, body });
  }

  /** Change members of a memory; `{ accessed: true }` counts an access. */
  async update(memoryId: string, patch: stored.MemoryPatch, call?: CallOptions): Promise<stored.Placed> {
    return this.#http.json("PATCH", this.#memory(memoryId), { ...call, body: patch });
  }

  /** Delete memories by their ids: they are in no answer from then on. */
  async forget(memoryIds: string | Iterable<string>, call?: CallOptions): Promise<stored.Deleted> {
    if (typeof memoryIds === "string") return this.#http.json("DELETE", this.#memory(memoryIds), call);
    const query = { ids: [...memoryIds].join(",") };
    return this.#http.json("DELETE", this.#path("/memories"), { ...call, query });
  }

  /** Delete memories by what they are about or how old they are. */
  async forgetWhere(where: { theme?: string; before?: string | Date }, call?: CallOptions): Promise<stored.Deleted> {
    return this.#http.json("DELETE", this.#path("/memories"), { ...call, query: where });
  }

  /** Erase the person everywhere: memories, tasks, results, vectors. */
  async forgetAll(call?: CallOptions): Promise<Receipt> {
    return this.#home.forgetUser(this.id, call);
  }

  /** The current themes. Throws `NotFound` before the first upkeep. */
  async themes(call?: CallOptions): Promise<stored.Themes> {
    return this.#view("/themes", "cluster", call);
  }

  /** The current analysis. Throws `NotFound` before the first upkeep. */
  async insights(call?: CallOptions): Promise<stored.Insights> {
    return this.#view("/insights", "analyze", call);
  }

  /** Stored memories ranked for a question. */
  async recall(query: string, options: RecallOptions = {}, call?: CallOptions): Promise<RecallResult> {
    return this.#http.json("POST", this.#path("/recall"), { ...call, body: { query, options } });
  }

  /** What to tell a language model about the person, within a budget of tokens. */
  async context(query?: string, options: stored.ContextOptions = {}, call?: CallOptions): Promise<stored.Context> {
    return this.#http.json("POST", this.#path("/context"), { ...call, body: { ...options, query } });
  }

  /** Bring themes and insights up to date now; joins the run in flight. */
  async upkeep(call?: CallOptions): Promise<Task<ClusterResult>> {
    return new Task(this.#home, await this.#http.json<TaskState>("POST", this.#path("/upkeep"), call));
  }

  /** What is kept on the person besides memories. */
  async settings(call?: CallOptions): Promise<stored.UserSettings> {
    return this.#http.json("GET", this.#path("/settings"), call);
  }

  async saveSettings(settings: stored.UserSettings, call?: CallOptions): Promise<stored.UserSettings> {
    return this.#http.json("PUT", this.#path("/settings"), { ...call, body: settings });
  }

  /** Everything the service holds on the person. */
  async export(call?: CallOptions): Promise<Record<string, unknown>> {
    return this.#home.exportUser(this.id, call);
  }

  /** Events of the person's tasks and views, for as long as the caller listens. */
  events(call: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<TaskEvent, void> {
    return this.#home.events({ ...call, userId: this.id });
  }

  async #view<T>(path: string, operation: string, call?: CallOptions): Promise<T> {
    const since = performance.now();
    const view = await this.#http.json<T>("GET", this.#path(path), call);
    this.#home.remember(this.id, operation, view, since);
    return view;
  }

  #path(rest: string): string {
    return `/users/${segment(this.id)}${rest}`;
  }

  #memory(memoryId: string): string {
    return this.#path(`/memories/${segment(memoryId)}`);
  }
}
