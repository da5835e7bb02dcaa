// For those who run on Node: its own measurement of the event loop.
import { type Histogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { EventLoopDelayFact } from "./api-types.ts";

/**
 * A timer of Node's looks at the event loop every so many milliseconds, and wakes a program up that has nothing else to do:
 * half as often as by default takes half of that.
 */
export const INTERVAL_MS = 20;

/** How late the event loop is, since it was last read. It keeps no program alive. It is on from here to `stop`. */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: INTERVAL_MS });

  constructor() {
    this.#histogram.enable();
  }

  read(): EventLoopDelayFact {
    const fact = readDelay(this.#histogram, INTERVAL_MS);
    this.#histogram.reset();
    return fact;
  }

  stop(): void {
    this.#histogram.disable();
  }
}

/**
 * By how much the times between two looks, in nanoseconds, are longer than they should be: what Node tells has the interval
 * itself in it. A timer may be early by a fraction of a millisecond, and nothing is less than in time: it is never below 0,
 * and 0 where nobody has looked yet.
 */
export function readDelay(histogram: Histogram, intervalMs: number): EventLoopDelayFact {
  const toMs = (nanoseconds: number): number =>
    histogram.count === 0 ? 0 : Math.max(0, Math.round((nanoseconds / 1e6 - intervalMs) * 100) / 100);
  return {
    p50: toMs(histogram.percentile(50)),
    p99: toMs(histogram.percentile(99)),
    max: toMs(histogram.max),
  };
}
