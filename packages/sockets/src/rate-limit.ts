/**
 * A token bucket with debt, for what can be measured only when it has happened: a read of bytes is taken whatever its
 * size, and whoever has taken waits until the debt is paid. So in any time `t` at most `burst + perSecond · t` is taken,
 * and beyond that the last take of each taker.
 *
 * It counts in thousandths, which are whole numbers where times are: the sum of many fractions would drift.
 */
export class DebtBucket {
  readonly #perSecond: number;
  readonly #full: number;
  /** Negative: a debt. */
  #credit: number;
  #countedUpTo: number;

  /**
   * A full bucket.
   *
   * @param perSecond - what it is filled with in a second, more than 0
   * @param burst - what it holds, from 0: what can be taken at once after a rest. It holds at least what comes in a
   * millisecond, since pauses are whole ones, and what comes in the rest of one must not be lost.
   * @param now - monotonic, in milliseconds, as everywhere here
   */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#full = Math.max(burst * 1000, perSecond);
    this.#credit = this.#full;
    this.#countedUpTo = now;
  }

  /** Takes so many, and answers for how many milliseconds to wait before the next: whole ones, never too few. */
  take(count: number, now: number): number {
    const filled = this.#credit + (now - this.#countedUpTo) * this.#perSecond;
    this.#countedUpTo = now;
    this.#credit = Math.min(this.#full, filled) - count * 1000;
    return this.#credit < 0 ? Math.ceil(-this.#credit / this.#perSecond) : 0;
  }
}
