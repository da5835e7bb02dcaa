import { describeValue } from "@espalier/actors";
import { InvalidSupervisorFlagsError } from "./errors.ts";

/**
 * A pause before each automatic restart that grows with the number of restarts in the period, so that a child whose
 * fault lasts (a database that is down) does not use up the intensity in an instant. Not in OTP, and off unless asked
 * for.
 */
export interface Backoff {
  /** The pause before the first restart of a period, in milliseconds above 0. */
  readonly initialMs: number;
  /** The longest pause. @defaultValue 30,000, or `initialMs` if that is longer */
  readonly maxMs?: number;
  /** By what each pause is longer than the one before; at least 1. @defaultValue 2 */
  readonly factor?: number;
  /** Which part of each pause is left to chance, from 0 to 1, so that many children do not come back at once. @defaultValue 0.5 */
  readonly jitter?: number;
}

/** A back-off with everything filled in. */
export type CompleteBackoff = Required<Backoff>;

/** @throws {@link InvalidSupervisorFlagsError} (`ERR_INVALID_SUPERVISOR_FLAGS`) */
export function completeBackoff(backoff: Backoff): CompleteBackoff {
  const { initialMs, maxMs = Math.max(30_000, initialMs), factor = 2, jitter = 0.5 } = backoff;
  check("initialMs", initialMs, Number.isFinite(initialMs) && initialMs > 0, "milliseconds above 0");
  check(
    "maxMs",
    maxMs,
    Number.isFinite(maxMs) && maxMs >= initialMs,
    `milliseconds of at least initialMs (${initialMs})`,
  );
  check("factor", factor, Number.isFinite(factor) && factor >= 1, "a number of at least 1");
  check("jitter", jitter, jitter >= 0 && jitter <= 1, "a number from 0 to 1");
  return { initialMs, maxMs, factor, jitter };
}

function check(field: string, value: unknown, isValid: boolean, expected: string): void {
  if (isValid) return;
  const text = `backoff.${field} is ${describeValue(value)}; expected ${expected}`;
  throw new InvalidSupervisorFlagsError("invalidBackoff", value, text);
}

/**
 * The pause before a restart.
 *
 * @param earlier - how many restarts there were in the period before this one
 * @param chance - from 0 to below 1
 */
export function backoffDelay(
  { initialMs, maxMs, factor, jitter }: CompleteBackoff,
  earlier: number,
  chance: number,
): number {
  const full = Math.min(maxMs, initialMs * factor ** earlier);
  return full * (1 - jitter * chance);
}
