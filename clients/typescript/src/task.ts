import { ResultTimeout, TaskCancelled, TaskFailed } from "./errors.js";
import { type CallOptions, linked } from "./http.js";
import { eventOf, TERMINAL } from "./stream.js";
import type { Status, TaskEvent, TaskState } from "./types.js";

/** What a task needs of its client. */
export interface TaskHome {
  stateOf(taskId: string, call?: CallOptions): Promise<TaskState>;
  cancel(taskId: string, call?: CallOptions): Promise<TaskState>;
  follow(taskId: string, signal?: AbortSignal): AsyncGenerator<TaskEvent, void>;
  keep(task: TaskState, since: number): void;
}

/** An accepted task. `R` is its result. */
export class Task<R = unknown> {
  /** The task as last seen; `refresh` asks again. */
  state: TaskState<R>;
  readonly #home: TaskHome;
  readonly #since = performance.now();

  constructor(home: TaskHome, state: TaskState) {
    this.#home = home;
    this.state = state as TaskState<R>;
  }

  get id(): string {
    return this.state.id;
  }

  get status(): Status {
    return this.state.status;
  }

  /** Whether the answer came from the cache. */
  get cached(): boolean {
    return this.state.cached ?? false;
  }

  /** Ask for the present state. */
  async refresh(call?: CallOptions): Promise<TaskState<R>> {
    this.state = (await this.#home.stateOf(this.id, call)) as TaskState<R>;
    return this.state;
  }

  /** Stop the task. Throws `Conflict` when it has ended. */
  async cancel(call?: CallOptions): Promise<TaskState<R>> {
    this.state = (await this.#home.cancel(this.id, call)) as TaskState<R>;
    return this.state;
  }

  /** Events until the end, each once; finds back by itself when the connection or the service goes away. */
  async *events({ signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<TaskEvent<R>, void> {
    if (TERMINAL.has(this.status)) {
      yield eventOf(this.state, -1) as TaskEvent<R>;
      return;
    }
    for await (const event of this.#home.follow(this.id, signal)) {
      this.#note(event as TaskEvent<R>);
      yield event as TaskEvent<R>;
    }
  }

  #note(event: TaskEvent<R>): void {
    const ended = TERMINAL.has(event.type);
    const status = event.type === "progress" ? "running" : event.type;
    this.state = { ...this.state, status: status as Status, progress: event.progress ?? this.state.progress };
    if (ended) {
      const { result = null, error = null, at } = event;
      this.state = { ...this.state, result, error, finished_at: at };
    }
  }

  /**
   * The result. Throws `TaskFailed` or `TaskCancelled` when there will be none, and `ResultTimeout` after `timeoutMs`:
   * the task goes on all the same.
   */
  async result({ timeoutMs, signal }: CallOptions = {}): Promise<R> {
    const { controller, release } = linked(signal);
    const late = new ResultTimeout(`Task ${this.id} is not done after ${timeoutMs} ms; it goes on.`);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => controller.abort(late), timeoutMs);
    try {
      if (!TERMINAL.has(this.status)) for await (const _ of this.events({ signal: controller.signal }));
      if (this.status === "succeeded" && this.state.result == null) await this.refresh({ signal: controller.signal });
    } finally {
      clearTimeout(timer);
      release();
    }
    if (this.status === "cancelled") throw new TaskCancelled(`Task ${this.id} was cancelled.`);
    if (this.status !== "succeeded") {
      const problem = this.state.error ?? undefined;
      const facts = problem ? { problem: { ...problem, errors: undefined } } : {};
      throw new TaskFailed(problem?.detail ?? problem?.title ?? "The task failed.", facts);
    }
    this.#home.keep(this.state, this.#since);
    return this.state.result as R;
  }
}
