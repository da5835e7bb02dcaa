import { monitorEventLoopDelay } from "node:perf_hooks";

/** How late the event loop was, in seconds. */
export interface DelayReading {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What is measured every so many milliseconds. */
const RESOLUTION_MS = 20;
const NANOSECONDS = 1e9;

/** Node's own measurement of the event loop, which keeps no program alive. It is on from here to `stop`. */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** What it was since the last reading; all 0 where nothing was measured. */
  read(): DelayReading {
    const histogram = this.#histogram;
    const toSeconds = (value: number): number => (histogram.count === 0 ? 0 : value / NANOSECONDS);
    const reading = {
      p50: toSeconds(histogram.percentile(50)),
      p99: toSeconds(histogram.percentile(99)),
      max: toSeconds(histogram.max),
    };
    histogram.reset();
    return reading;
  }

  stop(): void {
    this.#histogram.disable();
  }
}
