import { InvalidInput } from "./errors.js";
import { type CallOptions, type Http, segment } from "./http.js";
import { newId } from "./ids.js";
import type * as stored from "./stored.js";
import { Task, type TaskHome } from "./task.js";
import type { RecallOptions, RecallResult, Receipt, TaskEvent, TaskState } from "./types.js";

interface UserHome extends TaskHome {
  forgetUser(userId: string, call?: CallOptions): Promise<Receipt>;
  exportUser(userId: string, call?: CallOptions): Promise<Record<string, unknown>>;
  events(filter: { userId: string; signal?: AbortSignal | undefined }): AsyncGenerator<TaskEvent, void>;
  remember(userId: string, operation: string, result: unknown, since: number): void;
}

type Id = string | number;

/** Most memories of one request. */
const MOST_AT_ONCE = 10_000;
/** Most ids of one deletion: a path and its query have a bounded length. */
const MOST_IDS = 100;
/** Milliseconds that a change of many memories may take on top of the client's limit. */
const BULK_MS = 120_000;

/** The memories of one person, kept by the service. Made by `ai.user("42")`; making it asks nothing. */
export class User {
  readonly id: string;
  readonly #http: Http;
  readonly #home: UserHome;
  readonly #path: string;

  constructor(http: Http, home: UserHome, id: string) {
    this.#http = http;
    this.#home = home;
    this.id = id;
    this.#path = `/users/${segment(id)}`;
  }

  // -- memories --------------------------------------------------------------------------------------------------

  /**
   * Keep one memory; durable when this resolves. Without an `id` one is made, and without `created_at` too the memory is
   * dated now. With the id of a memory that is there it takes that one's place; equal content changes nothing.
   */
  async remember(text: string, about: Partial<stored.NewMemory> = {}, call?: CallOptions): Promise<stored.KeptMemory> {
    const { id = newId("mem_"), created_at, ...rest } = about;
    const body = { ...rest, text, created_at: created_at ?? (about.id === undefined ? new Date() : undefined) };
    return this.#http.json("PUT", this.#memory(id ?? ""), { ...call, body });
  }

  /** Keep many memories: 10,000 at a time; each request is kept as a whole, or not at all. */
  async rememberMany(memories: Iterable<string | stored.NewMemory>, call?: CallOptions): Promise<stored.Added> {
    const all = [...memories];
    const key = crypto.randomUUID();
    const total: stored.Added = { added: 0, updated: 0, unchanged: 0, ids: [], version: 0 };
    for (let start = 0; start === 0 || start < all.length; start += MOST_AT_ONCE) {
      const body = { memories: all.slice(start, start + MOST_AT_ONCE) };
      const headers = { "Idempotency-Key": `${key}-${start}` };
      const request = { ...call, body, headers, patienceMs: BULK_MS };
      const part = await this.#http.json<stored.Added>("POST", `${this.#path}/memories`, request);
      total.added += part.added;
      total.updated += part.updated;
      total.unchanged += part.unchanged;
      total.ids.push(...part.ids);
      total.version = part.version;
    }
    return total;
  }

  /** A memory by its id. Throws `NotFound`. */
  async memory(id: Id, call?: CallOptions): Promise<stored.StoredMemory> {
    return this.#http.json("GET", this.#memory(id), call);
  }

  /** All stored memories that match, newest first, page by page. */
  async *memories(filter: stored.MemoryFilter = {}, call?: CallOptions): AsyncGenerator<stored.StoredMemory, void> {
    let cursor: string | null | undefined;
    do {
      const query = { ...filter, cursor, limit: 500 };
      const page: stored.MemoryPage = await this.#http.json("GET", `${this.#path}/memories`, { ...call, query });
      yield* page.memories;
      cursor = page.next_cursor;
    } while (cursor);
  }

  /** Change members of a memory; null unsets one, `{ accessed: true }` counts an access. Throws `NotFound`. */
  async update(id: Id, changes: stored.MemoryPatch, call?: CallOptions): Promise<stored.KeptMemory> {
    return this.#http.json("PATCH", this.#memory(id), { ...call, body: changes });
  }

  /** Delete one memory; it is in no answer from then on. Of one that is not there the receipt says 0. */
  async forget(id: Id, call?: CallOptions): Promise<stored.Deleted> {
    return this.#http.json("DELETE", this.#memory(id), call);
  }

  /** Delete the memories that all given members name. Throws `InvalidInput` without any. */
  async forgetMany({ ids, theme, before }: stored.Forgotten, call?: CallOptions): Promise<stored.Deleted> {
    if (ids === undefined && theme === undefined && before === undefined)
      throw new InvalidInput("forgetMany needs ids, a theme or a date; forgetAll deletes everything");
    const chosen = ids === undefined ? undefined : [...ids].map(String);
    const total: stored.Deleted = { deleted: 0, vectors: 0, version: 0 };
    for (let start = 0; start < (chosen?.length ?? 1); start += MOST_IDS) {
      const query = { theme, before, ids: chosen?.slice(start, start + MOST_IDS) };
      const part = await this.#http.json<stored.Deleted>("DELETE", `${this.#path}/memories`, { ...call, query });
      total.deleted += part.deleted;
      total.vectors += part.vectors;
      total.version = part.version;
    }
    return total;
  }

  /** Delete all memories; settings stay. `erase` removes everything held on the person. */
  async forgetAll(call?: CallOptions): Promise<stored.Deleted> {
    return this.#http.json("DELETE", `${this.#path}/memories`, { ...call, patienceMs: BULK_MS });
  }

  /** Erase the person everywhere, like `forgetUser` of the client. */
  async erase(call?: CallOptions): Promise<Receipt> {
    return this.#home.forgetUser(this.id, call);
  }

  // -- views -----------------------------------------------------------------------------------------------------

  /** The current themes. Throws `NotFound` before there are any; see `upkeep`. */
  async themes(call?: CallOptions): Promise<stored.Themes> {
    return this.#view("/themes", "cluster", call);
  }

  /** The current analysis. Throws `NotFound` before there is one; see `upkeep`. */
  async insights(call?: CallOptions): Promise<stored.Insights> {
    return this.#view("/insights", "analyze", call);
  }

  /** The stored memories that bear on a question, the best first. */
  async recall(query: string, options: RecallOptions = {}, call: CallOptions = {}): Promise<RecallResult> {
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    const request = { ...call, body: { query, options }, headers };
    const answer = await this.#http.json<RecallResult | TaskState>("POST", `${this.#path}/recall`, request);
    if (!("task_id" in answer)) return answer;
    return new Task<RecallResult>(this.#home, answer).result(call); // it takes longer than the service would wait
  }

  /** What a language model should know of the person, and of `question` in particular, within a budget of tokens. */
  async context(question: string | null, options: stored.ContextOptions, call?: CallOptions): Promise<stored.Context> {
    const body = { ...options, query: question ?? undefined };
    return this.#http.json("POST", `${this.#path}/context`, { ...call, body });
  }

  /** Bring the views up to date now, or join the upkeep that runs; its task. */
  async upkeep(call?: CallOptions): Promise<Task<stored.UpkeepResult>> {
    return new Task(this.#home, await this.#http.json<TaskState>("POST", `${this.#path}/upkeep`, call));
  }

  // -- the person ------------------------------------------------------------------------------------------------

  /** What is kept on the person besides memories. */
  async settings(call?: CallOptions): Promise<stored.PersonSettings> {
    return this.#http.json("GET", `${this.#path}/settings`, call);
  }

  /** Replace what is kept on the person besides memories; what is left out is unset. */
  async setSettings(settings: Partial<stored.PersonSettings>, call?: CallOptions): Promise<stored.PersonSettings> {
    return this.#http.json("PUT", `${this.#path}/settings`, { ...call, body: settings });
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
    const view = await this.#http.json<T>("GET", this.#path + path, call);
    this.#home.remember(this.id, operation, view, since);
    return view;
  }

  #memory(id: Id): string {
    return `${this.#path}/memories/${segment(id)}`;
  }
}
