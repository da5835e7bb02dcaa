import { describeValue } from "@espalier/actors";
import { type Backoff, type CompleteBackoff, completeBackoff } from "./backoff.ts";
import { InvalidSupervisorFlagsError, type SupervisorFlagsProblem } from "./errors.ts";

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

/** @throws {@link InvalidSupervisorFlagsError} (`ERR_INVALID_SUPERVISOR_FLAGS`) */
export function completeFlags(flags: SupervisorFlags): CompleteFlags {
  const { intensity = 1, periodMs = 5000, autoShutdown = "never" } = flags;
  if (!Number.isInteger(intensity) || intensity < 0) {
    throw invalid("invalidIntensity", "intensity", intensity, "an integer of at least 0");
  }
  if (!Number.isFinite(periodMs) || periodMs <= 0) {
    throw invalid("invalidPeriod", "periodMs", periodMs, "milliseconds above 0");
  }
  if (!autoShutdowns.has(autoShutdown)) {
    throw invalid("invalidAutoShutdown", "autoShutdown", autoShutdown, '"never", "anySignificant" or "allSignificant"');
  }
  const backoff = flags.backoff === undefined ? undefined : completeBackoff(flags.backoff);
  return { intensity, periodMs, autoShutdown, backoff };
}

/** @throws {@link InvalidSupervisorFlagsError} (`ERR_INVALID_SUPERVISOR_FLAGS`) */
export function checkStrategy(strategy: unknown): void {
  if (!strategies.has(strategy)) {
    throw invalid("invalidStrategy", "strategy", strategy, '"oneForOne", "oneForAll" or "restForOne"');
  }
}

function invalid(problem: SupervisorFlagsProblem, flag: string, value: unknown, expected: string): Error {
  return new InvalidSupervisorFlagsError(problem, value, `${flag} is ${describeValue(value)}; expected ${expected}`);
}
