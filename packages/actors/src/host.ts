import type { Logger } from "./logger.ts";
import type { Simulation } from "./simulation.ts";

/** Takes back what was asked for. Calling it again, or too late, does nothing. */
export type Cancel = () => void;

/**
 * The one door through which everything enters that can differ between two runs: time, chance, the order of work. The
 * kernel touches no clock, timer or random source but this; a test gives another host and the run is exact.
 */
export interface Host {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the epoch. May jump; never used to measure. */
  wallClock(): number;
  /** Runs `run` once `now()` has reached `time`. The only timer primitive; a system keeps at most one armed. */
  at(time: number, run: () => void): Cancel;
  /**
   * There is work. The host calls `drain` soon, and again until it answers false: each call works through a bounded
   * part and answers whether some is left, so that a host with an event loop lets I/O in between. The kernel does not
   * wake again before `drain` has answered false.
   *
   * `inIo` says that the caller stands in an I/O callback with nothing of the kernel below it, so the host may drain
   * before it returns: no turn is lost between a packet and its handler.
   */
  wake(drain: () => boolean, inIo: boolean): void;
  /** Resolves when all promise reactions that are queued now, and those that they queue, have run. */
  turn(): Promise<void>;
  /** A number in [0, 1). One stream for each subject, so that one more draw does not shift the others. */
  random(subject: string): number;
  /**
   * Finds out to whom an error belongs that was thrown outside all steps: in a callback, a timer of foreign code, a
   * rejected promise that nobody handles. `crash` is called with the owner of the step that set it off; what belongs to
   * nobody takes the course it would take without. Absent: this host cannot know.
   */
  attributeErrors?(crash: (owner: object, error: unknown) => void): ErrorAttribution;
  /** What is out of the ordinary in a run that is simulated. Absent: it is none. */
  readonly simulation?: Simulation;
  /** Where reports go when the system is given no logger. */
  readonly logger: Logger;
}

/** The attribution of errors while it is on. */
export interface ErrorAttribution {
  /** Runs a step: errors that it sets off later are the owner's. */
  run(owner: object, step: () => void): void;
  stop(): void;
}
