import type { Match, Process, Waiting } from "./behaviour.ts";
import { Response } from "./call.ts";
import type { CallExitError } from "./errors.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { Pid } from "./pid.ts";

/** How a request ended: answered, or its target ended before it was. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: ExitReason };

/**
 * A call as a generator, for behaviours that must be exact: no promise, no time limit; it blocks in a selective receive
 * until the target answers or dies.
 */
export function* request(process: Process, target: Pid, message: unknown): Waiting<Outcome> {
  const skip = process.mailboxLength;
  const id = process.sendRequest(target, message);
  const match: Match = (candidate) => candidate instanceof Response && candidate.id === id;
  const { outcome } = (yield { match, skip }) as Response;
  if (outcome.ok) return { ok: true, value: outcome.value };
  // Without a time limit nothing else can have failed it.
  return { ok: false, reason: (outcome.error as CallExitError).reason };
}
