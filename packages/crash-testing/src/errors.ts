import type { UncontrolledGlobal } from "./tripwire.ts";

/** The base of everything this package throws. `code` is stable and meant for branching. */
export abstract class CrashTestingError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * An actor has called in a simulated run what makes each run another one. Its way to time and chance is its context:
 * `now`, `sendAfter`, `random`.
 */
export class UncontrolledNondeterminismError extends CrashTestingError {
  readonly code = "ERR_UNCONTROLLED_NONDETERMINISM";
  /** What was called. */
  readonly global: UncontrolledGlobal;
  /** The path of the actor that called it. */
  readonly actor: string;

  constructor(global: UncontrolledGlobal, actor: string) {
    super(`${actor} calls ${global} in a simulated run, which makes it another run each time`);
    this.global = global;
    this.actor = actor;
  }
}

/** A text that is no plan. */
export class PlanTextError extends CrashTestingError {
  readonly code = "ERR_PLAN_TEXT";
}

/** An invariant does not hold in a run, or not all was tried that had to be. The message is the report. */
export class CrashFoundError extends CrashTestingError {
  readonly code = "ERR_CRASH_FOUND";
}
