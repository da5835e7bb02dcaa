import type { Gauge } from "prom-client";
import { EventLoopDelay } from "../event-loop-delay.ts";

/** What is told of the metric. */
export const DELAY_HELP =
  "How late a timer of 20 ms was, its own 20 ms not counted: since the last scrape; quantile 1 is the worst, 0 is in time";

/** How late the event loop was since the last scrape, in seconds. It is measured from here to `stop`. */
export class DelayMetric {
  readonly #gauge: Gauge<"quantile">;
  readonly #delay = new EventLoopDelay();

  constructor(gauge: Gauge<"quantile">) {
    this.#gauge = gauge;
  }

  read(): void {
    const { p50, p99, max } = this.#delay.read();
    this.#gauge.set({ quantile: "0.5" }, p50 / 1000);
    this.#gauge.set({ quantile: "0.99" }, p99 / 1000);
    this.#gauge.set({ quantile: "1" }, max / 1000);
  }

  stop(): void {
    this.#delay.stop();
  }
}
