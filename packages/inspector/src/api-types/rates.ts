import type { Counters } from "./overview.ts";

// GET /api/v1/rates

/**
 * What happened over time. A sample is taken when somebody asks and a second has passed since the last one, and at each
 * tick of an open stream. The rates of all intervals, each times its length, add up to the counters' difference.
 */
export interface RatesAnswer {
  readonly at: number;
  /** Oldest first; 300 at most. */
  readonly samples: readonly RateSample[];
}

export interface RateSample {
  readonly at: number;
  /** Since the sample before; 0 for the first that was ever taken. */
  readonly seconds: number;
  readonly processes: number;
  readonly connections: number;
  readonly mailboxes: number;
  readonly runQueue: number;
  /** How late the event loop was since the sample before; only where the inspector itself listens. */
  readonly eventLoopDelay?: EventLoopDelayFact | undefined;
  /** Per second, since the sample before. */
  readonly perSecond: Counters;
}

/** How late a timer of 20 ms was, its own 20 ms not counted, in milliseconds: 0 for one that was in time. */
export interface EventLoopDelayFact {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}
