import type { FlagsIssue } from "./errors.ts";
import { Scrutiny } from "./scrutiny.ts";

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

const fields = ["initialMs", "maxMs", "factor", "jitter"] satisfies Array<keyof Backoff>;

/** Fills in the defaults, and adds what is wrong to the issues; if that is anything, the answer is good for nothing. */
export function completeBackoff(backoff: Backoff, issues: FlagsIssue[]): CompleteBackoff {
  const scrutiny = new Scrutiny(issues, "backoff.");
  const { initialMs, factor = 2, jitter = 0.5 } = backoff;
  const check = scrutiny.check.bind(scrutiny, "invalidBackoff");
  const isPause = check("initialMs", initialMs, Number.isFinite(initialMs) && initialMs > 0, "milliseconds above 0");
  const { maxMs = Math.max(30_000, isPause ? initialMs : 0) } = backoff;
  const isLongest = Number.isFinite(maxMs) && (!isPause || maxMs >= initialMs);
  check("maxMs", maxMs, isLongest, `milliseconds of at least initialMs${isPause ? ` (${initialMs})` : ""}`);
  check("factor", factor, Number.isFinite(factor) && factor >= 1, "a number of at least 1");
  check("jitter", jitter, jitter >= 0 && jitter <= 1, "a number from 0 to 1");
  scrutiny.checkKeys(backoff, fields);
  return { initialMs, maxMs, factor, jitter };
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
