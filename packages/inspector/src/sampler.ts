import type { System } from "@espalier/actors";
import type { Listener } from "@espalier/sockets";
import type { Counters, EventLoopDelayFact, RateSample } from "./api-types.ts";
import type { Journal } from "./journal.ts";
import type { Moment, ReadListener } from "./moment.ts";

/** Samples are at least so far apart. */
const LEAST_MS = 1000;
const MOST_SAMPLES = 300;

type ListenerCounters = Pick<Counters, "accepted" | "refused" | "bytesReceived" | "bytesSent">;

/** Reads what only grows, and keeps how fast it grew. It samples when it is told to, and has no time of its own. */
export class Sampler {
  readonly #system: System;
  readonly #journal: Journal;
  /** What each listener has counted, as it was last read. Two of different sources may have the same id. */
  readonly #lastOf = new WeakMap<Listener, ListenerCounters>();
  readonly #sum = { accepted: 0, refused: 0, bytesReceived: 0, bytesSent: 0 };
  #last: { readonly at: number; readonly counters: Counters } | undefined;
  #samples: RateSample[] = [];
  /** Set where there is an event loop to be measured. */
  readEventLoopDelay: (() => EventLoopDelayFact) | undefined;

  constructor(system: System, journal: Journal) {
    this.#system = system;
    this.#journal = journal;
  }

  /** The counters now. They never become less. */
  counters(moment: Moment): Counters {
    this.#readListeners(moment);
    const { steps, crashes } = this.#system.figures();
    return { steps, crashes, restarts: this.#journal.restarts, ...this.#sum };
  }

  /** Oldest first. */
  get samples(): readonly RateSample[] {
    return this.#samples.slice(-MOST_SAMPLES);
  }

  get newest(): RateSample | undefined {
    return this.#samples.at(-1);
  }

  /** Takes a sample if the last one is old enough. */
  sample(moment: Moment): void {
    const { at } = moment;
    const last = this.#last;
    if (last !== undefined && at - last.at < LEAST_MS) return;
    const counters = this.counters(moment);
    const seconds = last === undefined ? 0 : (at - last.at) / 1000;
    const { processCount: processes, runQueue } = this.#system.figures();
    this.#last = { at, counters };
    this.#samples.push({
      at,
      seconds,
      processes,
      connections: moment.listeners.reduce((sum, { listener }) => sum + listener.currentClients, 0),
      mailboxes: moment.survey.roots.below.mailbox,
      runQueue,
      eventLoopDelay: this.readEventLoopDelay?.(),
      perSecond: ratesOf(last?.counters ?? counters, counters, seconds),
    });
    if (this.#samples.length >= 2 * MOST_SAMPLES) this.#samples = this.#samples.slice(-MOST_SAMPLES);
  }

  #readListeners({ listeners }: Moment): void {
    const sum = this.#sum;
    for (const one of listeners) {
      const now = countersOf(one);
      const last = this.#lastOf.get(one.listener) ?? NOTHING;
      for (const name of NAMES) sum[name] += now[name] - last[name];
      this.#lastOf.set(one.listener, now);
    }
  }
}

const NAMES: readonly (keyof ListenerCounters)[] = ["accepted", "refused", "bytesReceived", "bytesSent"];
const NOTHING: ListenerCounters = { accepted: 0, refused: 0, bytesReceived: 0, bytesSent: 0 };

function countersOf({ listener, traffic }: ReadListener): ListenerCounters {
  const { accepted, discarded: _neither, ...refusals } = listener.stats;
  const refused = Object.values(refusals).reduce((sum, count) => sum + count, 0);
  return { accepted, refused, bytesReceived: traffic.bytesReceived, bytesSent: traffic.bytesSent };
}

function ratesOf(before: Counters, after: Counters, seconds: number): Counters {
  const rate = (name: keyof Counters): number => (seconds === 0 ? 0 : (after[name] - before[name]) / seconds);
  return {
    steps: rate("steps"),
    crashes: rate("crashes"),
    restarts: rate("restarts"),
    accepted: rate("accepted"),
    refused: rate("refused"),
    bytesReceived: rate("bytesReceived"),
    bytesSent: rate("bytesSent"),
  };
}
