/** Calls to the service: time limits, tries, the breaker. */
import { errorOf, type ReverieError, ServiceUnavailable } from "./errors.js";

export interface CallOptions {
  /** Stops the call, or the iteration, with the signal's own reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that the call may take, instead of the client's own limit. */
  timeoutMs?: number | undefined;
}

export interface Query {
  [name: string]: string | number | boolean | Date | readonly string[] | null | undefined;
}

interface Request extends CallOptions {
  body?: unknown;
  query?: Query;
  headers?: Record<string, string>;
  /** Milliseconds that the service was asked to wait, on top of the limit. */
  patienceMs?: number;
}

export interface HttpSettings {
  url: string;
  apiKey: string | undefined;
  timeoutMs: number;
  tries: number;
  fetch: typeof fetch;
}

const LONGEST_PAUSE_MS = 5000;
const BREAKER_FAILURES = 5;
const BREAKER_COOLDOWN_MS = 5000;

/** Milliseconds between tries: doubling, with jitter, so that many clients do not return together. */
export function* pauses(first = 100, most = LONGEST_PAUSE_MS): Generator<number, never> {
  for (let limit = first; ; limit = Math.min(limit * 2, most)) yield limit / 2 + (Math.random() * limit) / 2;
}

/** Resolves after `ms`; rejects with the signal's reason when that comes first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** A controller that follows `signal`; `release` ends the following, so that a long-lived signal keeps no leftovers. */
export function linked(signal?: AbortSignal): { controller: AbortController; release: () => void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  return { controller, release: () => signal?.removeEventListener("abort", stop) };
}

/** A segment of a path. A URL cannot carry "." and "..": every client and proxy takes them out. */
export function segment(text: string | number): string {
  const value = String(text);
  if (value === "." || value === "..") throw new RangeError(`${JSON.stringify(value)} cannot stand in a URL as an id`);
  return encodeURIComponent(value);
}

export class Http {
  readonly #settings: HttpSettings;
  #failures = 0;
  #openedAt = 0;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
  }

  get url(): string {
    return this.#settings.url;
  }

  /** The answer's JSON. */
  async json<T>(method: string, path: string, request: Request = {}): Promise<T> {
    const response = await this.#call(method, path, request, (answer) => answer.text());
    return (response === "" ? undefined : JSON.parse(response)) as T;
  }

  /** The answer's bytes. */
  async bytes(method: string, path: string, request: Request = {}): Promise<Uint8Array> {
    return this.#call(method, path, request, async (answer) => new Uint8Array(await answer.arrayBuffer()));
  }

  /** An answer whose body is read as it comes; `signal` ends it. Not tried again here. */
  async stream(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const answer = await this.#fetch("GET", path, { headers }, signal);
    if (!answer.ok) throw errorOf(answer.status, await answer.text(), answer.headers);
    return answer;
  }

  async #call<T>(method: string, path: string, request: Request, read: (answer: Response) => Promise<T>): Promise<T> {
    const { tries, url } = this.#settings;
    const limit = (request.timeoutMs ?? this.#settings.timeoutMs) + (request.patienceMs ?? 0);
    const waits = pauses();
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      const left = this.#closedFor();
      if (left > 0) {
        const facts = { retryAfter: left / 1000 };
        throw new ServiceUnavailable("The service did not answer lately; not asked again yet.", facts);
      }
      const { controller, release } = linked(request.signal);
      const late = setTimeout(() => controller.abort(new DOMException("timed out", "TimeoutError")), limit);
      let error: ReverieError;
      let silent = false;
      try {
        const answer = await this.#fetch(method, path, request, controller.signal);
        if (answer.ok) {
          const value = await read(answer);
          this.#failures = this.#openedAt = 0;
          return value;
        }
        error = errorOf(answer.status, await answer.text(), answer.headers);
      } catch (cause) {
        request.signal?.throwIfAborted();
        silent = controller.signal.aborted;
        const why = silent ? `no answer within ${limit} ms` : reasonOf(cause);
        error = new ServiceUnavailable(`Nothing answers at ${url} (${why}).`, { cause, retryAfter: 2 });
      } finally {
        clearTimeout(late);
        release();
      }
      if (error.status !== undefined && error.status < 500) {
        this.#failures = this.#openedAt = 0; // it answers
        if (error.status !== 429) throw error;
      } else if (++this.#failures >= BREAKER_FAILURES) {
        this.#openedAt = Date.now();
      }
      const told = error.status === undefined ? 0 : (error.retryAfter ?? 0) * 1000;
      const pause = Math.max(waits.next().value, told);
      // A long Retry-After is the caller's to wait for, not ours to hide; a silent service is not asked again.
      if (attempt >= tries || silent || pause > LONGEST_PAUSE_MS || this.#openedAt > 0) throw error;
      await sleep(pause, request.signal);
    }
  }

  #fetch(method: string, path: string, request: Request, signal: AbortSignal): Promise<Response> {
    const { url, apiKey } = this.#settings;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {}))
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== null && one !== undefined)
          query.append(name, one instanceof Date ? one.toISOString() : String(one));
    const headers: Record<string, string> = { ...request.headers };
    if (apiKey) headers["Authorization"] = `Bearer ${apiKey}`;
    const init: RequestInit = { method, headers, signal, redirect: "error" };
    if (request.body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(request.body);
    }
    const target = url + path + (query.size ? `?${query}` : "");
    return this.#settings.fetch(target, init);
  }

  /** Milliseconds until the breaker lets the next call through, 0 when it may go now. */
  #closedFor(): number {
    if (this.#openedAt === 0) return 0;
    const left = this.#openedAt + BREAKER_COOLDOWN_MS - Date.now();
    if (left > 0) return left;
    this.#openedAt = Date.now(); // this caller is the trial; the others keep waiting
    return 0;
  }
}

function reasonOf(cause: unknown): string {
  // Node hides the reason ("connect ECONNREFUSED ...") one level down.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? ((inner as { code?: string }).code ?? inner.message) : String(inner);
}
