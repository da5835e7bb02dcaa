import { backoffDelay, type CompleteBackoff } from "@espalier/supervisor";

/** Counts attempts, and says how long to wait before the next one. */
export class Retries {
  readonly #backoff: CompleteBackoff;
  readonly #attempts: number | "infinity";
  #attempt = 0;
  #pauses = 0;

  constructor(backoff: CompleteBackoff, attempts: number | "infinity") {
    this.#backoff = backoff;
    this.#attempts = attempts;
  }

  /** The number of the present attempt; 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  /** There is to be no further attempt. */
  get isSpent(): boolean {
    return this.#attempts !== "infinity" && this.#attempt >= this.#attempts;
  }

  /** An attempt begins. */
  begin(): number {
    this.#attempt += 1;
    return this.#attempt;
  }

  /** The next attempt is the first, and the next pause the shortest. */
  reset(): void {
    this.#attempt = 0;
    this.#pauses = 0;
  }

  /** The next pause, in milliseconds. `chance`: from 0 to below 1. */
  pause(chance: number): number {
    const pause = backoffDelay(this.#backoff, this.#pauses, chance);
    this.#pauses += 1;
    return pause;
  }
}
