import {
  CallExitError,
  CallingSelfError,
  CallTimeoutError,
  type ExitReason,
  failure,
  kill,
  killed,
  noproc,
  normal,
  shutdown,
} from "@espalier/actors";
import { type FailedToStart, InvalidChildSpecError, InvalidSupervisorFlagsError } from "@espalier/supervisor";
import type { Reason } from "./scenario.ts";

/** What a scenario raises. Erlang tells an error from an exit by its stack trace; here the class does. */
export class Raised extends Error {
  readonly value: Reason;

  constructor(value: Reason) {
    super(JSON.stringify(value));
    this.value = value;
  }
}

/** A plain reason, as scenarios give it to `exit` and `stop`. */
export function toExitReason(reason: Reason): ExitReason {
  switch (reason) {
    case "normal":
      return normal;
    case "shutdown":
      return shutdown();
    case "kill":
      return kill;
    case "killed":
      return killed;
    case "noproc":
      return noproc;
    case "noconnection":
      return { type: "noconnection" };
    default:
      return typeof reason === "object" && "shutdown" in reason ? shutdown(reason.shutdown) : failure(reason);
  }
}

/** An exit reason in the notation of the traces. */
export function fromExitReason(reason: ExitReason): Reason {
  switch (reason.type) {
    case "normal":
    case "kill":
    case "killed":
    case "noproc":
    case "noconnection":
      return reason.type;
    case "shutdown":
      return reason.detail === undefined ? "shutdown" : { shutdown: fromDetail(reason.detail) };
    case "error":
      return fromError(reason.error);
  }
}

function fromDetail(detail: unknown): Reason {
  if (typeof detail !== "object" || detail === null || !("type" in detail) || detail.type !== "failedToStart") {
    // Whatever else stands there came from the scenario.
    return detail as Reason;
  }
  const { id, reason } = detail as FailedToStart;
  return { failedToStart: { id, reason: fromExitReason(reason as ExitReason) } };
}

function fromError(error: unknown): Reason {
  if (error instanceof Raised) return { crash: error.value };
  if (error instanceof CallingSelfError) return "calling_self";
  if (problemOf(error) !== undefined) return "badSpec";
  // An error that no scenario raised is a fault of the replayer or of the runtime; it shows as a difference.
  return error instanceof Error ? { crash: String(error) } : (error as Reason);
}

/** What is wrong with the spec or the flags, if that is what went wrong. */
export function problemOf(error: unknown): string | undefined {
  const isInvalid = error instanceof InvalidChildSpecError || error instanceof InvalidSupervisorFlagsError;
  return isInvalid ? error.problem : undefined;
}

/** How a call failed. */
export function failureOfCall(error: unknown): { readonly exit: Reason } {
  if (error instanceof CallTimeoutError) return { exit: "timeout" };
  if (error instanceof CallExitError) return { exit: fromExitReason(error.reason) };
  throw error;
}
