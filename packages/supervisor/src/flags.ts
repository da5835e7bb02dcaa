import { type Backoff, type CompleteBackoff, completeBackoff } from "./backoff.ts";
import type { FlagsIssue, SupervisorFlagsProblem } from "./errors.ts";
import { Scrutiny } from "./scrutiny.ts";

/** Who else is restarted when a child has to be. */
export type Strategy =
  /** Nobody. */
  | "oneForOne"
  /** All of its siblings. */
  | "oneForAll"
  /** The siblings that were started after it, since they may depend on it. */
  | "restForOne";

/** When a supervisor ends because a significant child has ended by itself. */
export type AutoShutdown = "never" | "anySignificant" | "allSignificant";

/** The flags that every supervisor has. Source: OTP's `supervisor:sup_flags()`. */
export interface SupervisorFlags {
  /**
   * How many restarts are allowed within the period; one more and the supervisor gives up: it stops its children and
   * ends as `shutdown`. 0: it gives up at the first.
   *
   * @defaultValue 1
   */
  readonly intensity?: number;
  /** The period in milliseconds. Compared in whole seconds, as OTP does. @defaultValue 5000 */
  readonly periodMs?: number;
  /** @defaultValue "never" */
  readonly autoShutdown?: AutoShutdown;
  /** A growing pause before each automatic restart. Not in OTP. @defaultValue none: at once */
  readonly backoff?: Backoff;
}

/** Flags with everything filled in. */
export interface CompleteFlags {
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
  readonly backoff: CompleteBackoff | undefined;
}

const strategies: ReadonlySet<unknown> = new Set(["oneForOne", "oneForAll", "restForOne"] satisfies Strategy[]);
const autoShutdowns: ReadonlySet<unknown> = new Set([
  "never",
  "anySignificant",
  "allSignificant",
] satisfies AutoShutdown[]);

const known = ["intensity", "periodMs", "autoShutdown", "backoff"] satisfies Array<keyof SupervisorFlags>;

/**
 * Fills in the defaults, and adds what is wrong to the issues; if that is anything, the answer is good for nothing.
 *
 * @param others - what else the object may have, beside the flags
 */
export function completeFlags(flags: SupervisorFlags, issues: FlagsIssue[], others: readonly string[]): CompleteFlags {
  const { intensity = 1, periodMs = 5000, autoShutdown = "never", backoff } = flags;
  const scrutiny = new Scrutiny<SupervisorFlagsProblem>(issues, "");
  const isIntensity = Number.isInteger(intensity) && intensity >= 0;
  scrutiny.check("invalidIntensity", "intensity", intensity, isIntensity, "an integer of at least 0");
  const isPeriod = Number.isFinite(periodMs) && periodMs > 0;
  scrutiny.check("invalidPeriod", "periodMs", periodMs, isPeriod, "milliseconds above 0");
  const allowed = '"never", "anySignificant" or "allSignificant"';
  scrutiny.check("invalidAutoShutdown", "autoShutdown", autoShutdown, autoShutdowns.has(autoShutdown), allowed);
  const isBackoff = backoff === undefined || (typeof backoff === "object" && backoff !== null);
  scrutiny.check("invalidBackoff", "backoff", backoff, isBackoff, "an object with initialMs");
  scrutiny.checkKeys(flags, [...known, ...others]);
  const complete = isBackoff && backoff !== undefined ? completeBackoff(backoff, issues) : undefined;
  return { intensity, periodMs, autoShutdown, backoff: complete };
}

/** Adds to the issues if it is none. */
export function checkStrategy(strategy: unknown, issues: FlagsIssue[]): void {
  const expected = '"oneForOne", "oneForAll" or "restForOne"';
  new Scrutiny(issues, "").check("invalidStrategy", "strategy", strategy, strategies.has(strategy), expected);
}
