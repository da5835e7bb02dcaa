import type { Cancel, Host } from "../host.ts";
import { Timer, TimerQueue } from "../internal/timer-queue.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { microtask, turn } from "../node-host.ts";
import type { Simulation } from "../simulation.ts";

/** The host's own timers stand in the same kind of queue as a system's. */
class HostTimer extends Timer {
  readonly run: () => void;

  constructor(queue: TimerQueue, run: () => void) {
    super(queue);
    this.run = run;
  }

  fire(): void {
    this.run();
  }
}

export interface ManualClockOptions {
  /** The streams of `random` follow from it. @defaultValue 1 */
  readonly seed?: number;
  /** Where reports go. @defaultValue nowhere */
  readonly logger?: Logger;
  /** What is out of the ordinary. @defaultValue nothing */
  readonly simulation?: Simulation;
  /** What the clock shows at first. @defaultValue 0 */
  readonly startAt?: number;
}

/**
 * A host whose time passes only when a test says so. Work is done as soon as the test awaits anything; timers wait for
 * `advance`. Nothing sleeps, and every run is the same.
 */
export class ManualClock implements Host {
  readonly logger: Logger;
  readonly simulation?: Simulation;
  readonly #timers = new TimerQueue();
  readonly #seed: number;
  readonly #streams = new Map<string, () => number>();
  #now: number;
  #pending: Array<() => boolean> = [];

  constructor(options: ManualClockOptions = {}) {
    this.logger = options.logger ?? silentLogger;
    if (options.simulation !== undefined) this.simulation = options.simulation;
    this.#seed = options.seed ?? 1;
    this.#now = options.startAt ?? 0;
  }

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now;
  }

  at(time: number, run: () => void): Cancel {
    const timer = new HostTimer(this.#timers, run);
    this.#timers.arm(timer, Math.max(time, this.#now));
    return () => this.#timers.cancel(timer);
  }

  wake(drain: () => boolean): void {
    this.#pending.push(drain);
    microtask(() => this.#work());
  }

  turn(): Promise<void> {
    return turn();
  }

  random(subject: string): number {
    let stream = this.#streams.get(subject);
    if (stream === undefined) {
      stream = randomStream(this.#seed, subject);
      this.#streams.set(subject, stream);
    }
    return stream();
  }

  /** Timers that are armed. A system arms at most one, however many its actors have. */
  get timers(): number {
    return this.#timers.size;
  }

  /**
   * Lets time pass, timer by timer, with everything that each sets off, promises of user code included, and leaves the
   * clock at its new time.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await this.#settle();
      if (!this.#fireNext(end)) break;
    }
    this.#now = end;
    await this.#settle();
  }

  /** `advance` for a world in which no actor awaits a promise: nothing runs but actors, and it is done on return. */
  advanceSync(ms: number): void {
    const end = this.#now + ms;
    do this.#work();
    while (this.#fireNext(end));
    this.#now = end;
    this.#work();
  }

  async #settle(): Promise<void> {
    do {
      this.#work();
      await turn();
    } while (this.#pending.length > 0);
  }

  #work(): void {
    while (this.#pending.length > 0) {
      // One system may wake another one as it works.
      const pending = this.#pending;
      this.#pending = [];
      for (const drain of pending) if (drain()) this.#pending.push(drain);
    }
  }

  /** Fires the next timer that is due by `end`, at its own time; answers whether there was one. */
  #fireNext(end: number): boolean {
    const due = this.#timers.nextDue;
    if (due > end) return false;
    this.#now = Math.max(this.#now, due);
    this.#timers.takeDue(this.#now)?.fire(null);
    return true;
  }
}

/** A small generator (mulberry32) whose seed is mixed from the run's seed and the subject's name. */
function randomStream(seed: number, subject: string): () => number {
  let state = seed | 0;
  for (const character of subject) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
