/** The last results that a client saw, for times when the service does not answer. Bounded, in memory. */
const MOST = 1000;

export class LastKnown {
  readonly #results = new Map<string, unknown>();
  readonly #forgotten = new Map<string, number>();

  get(userId: string, operation: string): unknown {
    return this.#results.get(keyOf(userId, operation));
  }

  /** Keep a result, unless the user was forgotten after `since` (`performance.now()` of its submission). */
  put(userId: string, operation: string, result: unknown, since: number): void {
    if ((this.#forgotten.get(userId) ?? -1) >= since) return;
    keep(this.#results, keyOf(userId, operation), result, MOST);
  }

  /** Remove a user; results of what was submitted before now are not kept any more. */
  forget(userId: string): void {
    keep(this.#forgotten, userId, performance.now(), 10 * MOST);
    for (const operation of ["cluster", "analyze", "recall", "embed"]) this.#results.delete(keyOf(userId, operation));
  }
}

const keyOf = (userId: string, operation: string): string => `${operation}\n${userId}`;

function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key); // a Map keeps the order of insertion: the newest comes last
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
