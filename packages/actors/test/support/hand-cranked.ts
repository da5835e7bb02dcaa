import { ManualClock } from "@espalier/actors/testing";

/** A host that works only when the test turns the crank: for laws about what a host is asked to do. */
export class HandCranked extends ManualClock {
  /** Every wake so far, by whether it came from an I/O callback. */
  readonly wakes: boolean[] = [];
  /** What the clock moves by each time somebody reads it. */
  tick = 0;
  #drains: Array<() => boolean> = [];
  #offset = 0;
  #isLetGo = false;

  override now(): number {
    this.#offset += this.tick;
    return super.now() + this.#offset;
  }

  override wake(drain: () => boolean, inIo = false): void {
    this.wakes.push(inIo);
    if (this.#isLetGo) super.wake(drain);
    else this.#drains.push(drain);
  }

  /** Lets everybody who asked work once, within the budget; answers whether somebody has something left. */
  crank(): boolean {
    const drains = this.#drains;
    this.#drains = [];
    for (const drain of drains) if (drain()) this.#drains.push(drain);
    return this.#drains.length > 0;
  }

  /** From here on it is an ordinary manual clock. */
  letGo(): void {
    this.#isLetGo = true;
    this.tick = 0;
    this.#offset = 0;
    for (const drain of this.#drains.splice(0)) super.wake(drain);
  }
}
