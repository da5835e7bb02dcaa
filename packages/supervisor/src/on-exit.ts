import { BadReturnError, type ExitReason } from "@espalier/actors";

/** The end of a child, as its `onExit` is told. */
export interface ChildExit {
  readonly id: string;
  readonly reason: ExitReason;
  /** How often it has been started so far. */
  readonly starts: number;
}

/**
 * What a supervisor does about the end of a child. Source: the plans of the Director library; off unless a child spec
 * has an `onExit`.
 */
export type ExitDecision =
  /** What its restart type says. */
  | "default"
  /** Restarts it, whatever its restart type. Counts against the intensity. */
  | "restart"
  /** The same, after a pause. */
  | { readonly restartAfterMs: number }
  /** Leaves it without a process; `restartChild` starts it again. */
  | "keep"
  /** Removes its spec. */
  | "delete"
  /** The supervisor ends, as `shutdown` or with the given reason. */
  | "stop"
  | { readonly stop: ExitReason };

/** Asks `onExit`, if there is one. */
export function decide(onExit: ((exit: ChildExit) => ExitDecision) | undefined, exit: ChildExit): ExitDecision {
  if (onExit === undefined) return "default";
  const decision = onExit(exit);
  if (!isDecision(decision)) {
    const expected = '"default", "restart", { restartAfterMs }, "keep", "delete", "stop" or { stop: reason }';
    throw new BadReturnError(`onExit of child "${exit.id}"`, decision, expected);
  }
  return decision;
}

const words: ReadonlySet<unknown> = new Set(["default", "restart", "keep", "delete", "stop"]);

function isDecision(decision: unknown): decision is ExitDecision {
  if (words.has(decision)) return true;
  if (typeof decision !== "object" || decision === null) return false;
  if ("restartAfterMs" in decision)
    return Number.isFinite(decision.restartAfterMs) && Number(decision.restartAfterMs) >= 0;
  return "stop" in decision;
}
