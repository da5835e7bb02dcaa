import { createSystem, type System } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";

/** Far more than any scenario needs; a runtime that re-arms a timer for ever must fail, not hang. */
const MAX_TIMERS = 10_000;

/** A fresh system whose time passes only as far as somebody waits for it. */
export class VirtualTime {
  readonly system: System;
  readonly #clock = new ManualClock();

  constructor() {
    this.system = createSystem({ host: this.#clock });
  }

  /** Does all that is due within so many milliseconds and leaves the clock there. */
  async advance(ms: number): Promise<void> {
    await this.#clock.advance(ms);
  }

  /** Lets everything happen that can, until nothing is under way and no timer is armed. */
  async settle(): Promise<void> {
    await this.advance(0);
    for (let timers = 0; this.#isWaiting(); timers += 1) await this.#toNextTimer(timers);
  }

  /** Lets as much time pass as the promise needs. */
  async until<Value>(pending: Promise<Value>): Promise<Value> {
    const call = { isOver: false };
    const over = (): void => {
      call.isOver = true;
    };
    pending.then(over, over);
    await this.advance(0);
    for (let timers = 0; !call.isOver; timers += 1) {
      if (!this.#isWaiting()) throw new Error("this call will never be answered");
      await this.#toNextTimer(timers);
    }
    return pending;
  }

  #isWaiting(): boolean {
    return this.system.inspect().nextTimer !== Infinity;
  }

  async #toNextTimer(passed: number): Promise<void> {
    if (passed > MAX_TIMERS) throw new Error("this scenario does not come to rest");
    const { nextTimer, now } = this.system.inspect();
    await this.advance(Math.max(0, nextTimer - now));
  }
}
