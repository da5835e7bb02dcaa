/** How often something may happen: so many times at once, and as many again, evenly, in each interval after that. */
export interface RateLimit {
  /** At least 1, at most 1000000. */
  readonly capacity: number;
  /** Milliseconds in which an empty bucket fills up, at least 1, at most a day. @defaultValue 1000 */
  readonly intervalMs?: number;
}

/**
 * A token bucket that is exact: of requests that come faster than allowed, `capacity` succeed at once, and later one at
 * each full `intervalMs / capacity`, never one more or less. It counts in token-milliseconds, which are whole numbers
 * where times are, since the sum of many fractions of a token would drift.
 */
export class TokenBucket {
  readonly #capacity: number;
  readonly #intervalMs: number;
  #credit: number;
  #countedUpTo: number;

  /** A full bucket. `now` is monotonic, in milliseconds, as everywhere here. */
  constructor({ capacity, intervalMs = 1000 }: RateLimit, now: number) {
    this.#capacity = capacity;
    this.#intervalMs = intervalMs;
    this.#credit = capacity * intervalMs;
    this.#countedUpTo = now;
  }

  /** Takes a token; false if there is none. */
  take(now: number): boolean {
    if (this.waitMs(now) > 0) return false;
    this.#credit -= this.#intervalMs;
    return true;
  }

  /** In how many milliseconds, whole ones, there is a token to take. */
  waitMs(now: number): number {
    const full = this.#capacity * this.#intervalMs;
    this.#credit = Math.min(full, this.#credit + (now - this.#countedUpTo) * this.#capacity);
    this.#countedUpTo = now;
    return this.#credit < this.#intervalMs ? Math.ceil((this.#intervalMs - this.#credit) / this.#capacity) : 0;
  }
}

/** Whether both allow the same, so that a bucket need not be filled anew. */
export function isSameRate(one: RateLimit | "infinity", other: RateLimit | "infinity"): boolean {
  if (one === "infinity" || other === "infinity") return one === other;
  return one.capacity === other.capacity && (one.intervalMs ?? 1000) === (other.intervalMs ?? 1000);
}
