import type { From } from "@espalier/actors";

interface Waiter {
  readonly from: From;
  readonly count: number;
  readonly until: number;
}

/** Those who wait until so many connections are there. */
export class Waiters {
  #waiters: Waiter[] = [];

  /** @param until - when the caller gives up, on the clock of the system */
  add(from: From, count: number, until: number, now: number): void {
    // Those who have given up are not kept for ever.
    this.#waiters = this.#waiters.filter((waiter) => waiter.until > now);
    this.#waiters.push({ from, count, until });
  }

  /** Answers those who need wait no longer. */
  answer(isEnough: (count: number) => boolean): void {
    const [ready, waiting]: [Waiter[], Waiter[]] = [[], []];
    for (const waiter of this.#waiters) (isEnough(waiter.count) ? ready : waiting).push(waiter);
    this.#waiters = waiting;
    for (const { from } of ready) from.reply(true);
  }
}
