import { type ExitReason, failure, type Pid, type StartResult } from "@espalier/actors";

/** Why a child could not be started; undefined when it was, or had nothing to do. */
export type StartFailure = Extract<StartResult, { ok: false; error: "failed" | "alreadyStarted" }>;

/** The failure as a reason, for reports and for the supervisors above. */
export function reasonOf(failed: StartFailure): ExitReason {
  return failed.error === "failed" ? failed.reason : failure({ type: "alreadyStarted", pid: failed.pid });
}

/** The failure as the answer to whoever asked for the start. */
export function asResult(
  failed: StartFailure,
): { ok: false; error: "alreadyStarted"; pid: Pid } | { ok: false; error: "startFailed"; reason: ExitReason } {
  return failed.error === "alreadyStarted"
    ? { ok: false, error: "alreadyStarted", pid: failed.pid }
    : { ok: false, error: "startFailed", reason: failed.reason };
}
