import type { ProcessView, System } from "@espalier/actors";

/** A look is kept for those that come at least so much later: rates over less time say little. */
const LEAST_MS = 1000;

/** How many messages each actor had handled at one moment, oldest actor first: two numbers each. */
class Look {
  readonly at: number;
  readonly #pids: Float64Array;
  readonly #reductions: Float64Array;

  constructor(system: System) {
    const { processCount, now } = system.figures();
    this.at = now;
    this.#pids = new Float64Array(processCount);
    this.#reductions = new Float64Array(processCount);
    let index = 0;
    for (const { pid, reductions } of system.processes()) {
      this.#pids[index] = pid.id;
      this.#reductions[index] = reductions;
      index += 1;
    }
  }

  /** What an actor had handled; nothing for one that was not there. */
  of({ pid }: ProcessView): number {
    // Pids count up.
    let low = 0;
    let high = this.#pids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pids[middle] ?? 0) < pid.id) low = middle + 1;
      else high = middle;
    }
    return this.#pids[low] === pid.id ? (this.#reductions[low] ?? 0) : 0;
  }
}

/** Messages a second of an actor. */
export type Rate = (process: ProcessView) => number;

/**
 * How many messages a second actors handle, for those who ask: what they count anyhow, compared with an earlier look. The
 * actors are looked at when somebody asks, once a second at most; as long as nobody does, nothing is kept.
 */
export class Pace {
  readonly #system: System;
  #earlier: Look | undefined;
  #latest: Look | undefined;

  constructor(system: System) {
    this.#system = system;
  }

  /**
   * The rate of each actor since an earlier look, which was one to two seconds ago or, if nobody has asked meanwhile, as long
   * ago as that is. For one that was started since, all its messages count. Undefined at the first look.
   */
  read(): Rate | undefined {
    const now = this.#system.now();
    const latest = this.#latest;
    if (latest === undefined || now - latest.at >= LEAST_MS) {
      this.#earlier = latest;
      this.#latest = new Look(this.#system);
    }
    const before = this.#earlier ?? latest;
    const seconds = before === undefined ? 0 : (now - before.at) / 1000;
    if (before === undefined || seconds <= 0) return undefined;
    return (process) => (process.reductions - before.of(process)) / seconds;
  }

  /** Keeps nothing any more. */
  close(): void {
    this.#earlier = undefined;
    this.#latest = undefined;
  }
}
