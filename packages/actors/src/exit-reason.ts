/**
 * Why an actor ended, or why it is asked to end. Reasons are data: links, monitors, supervisors and reports see the
 * value that the dying actor left, never an exception.
 *
 * Source of the meanings: Erlang's exit reasons (`erlang:exit/1,2`, `proc_lib`).
 */
export type ExitReason =
  /** A voluntary end, with the output of a machine if it had one. Linked actors that do not trap exits ignore it. */
  | { readonly type: "normal"; readonly detail?: unknown }
  /** An orderly stop: asked for by a parent, or voluntary with a detail such as `"peerClosed"`. */
  | { readonly type: "shutdown"; readonly detail?: unknown }
  /** As an exit signal: ends the receiver at once and cannot be trapped. The others then see `killed`. */
  | { readonly type: "kill" }
  /** What the others see of an actor that was ended by `kill`. */
  | { readonly type: "killed" }
  /** There was no such actor when the link, monitor or call was made. */
  | { readonly type: "noproc" }
  /** The node of the actor is out of reach. */
  | { readonly type: "noconnection" }
  /** A crash, with whatever was thrown, untouched. */
  | { readonly type: "error"; readonly error: unknown };

export const normal: ExitReason = Object.freeze({ type: "normal" });
export const killed: ExitReason = Object.freeze({ type: "killed" });
export const kill: ExitReason = Object.freeze({ type: "kill" });
export const noproc: ExitReason = Object.freeze({ type: "noproc" });

const plainShutdown: ExitReason = Object.freeze({ type: "shutdown" });

/** An orderly stop. With a detail it is OTP's `{shutdown, Detail}`, without one its `shutdown`. */
export function shutdown(detail?: unknown): ExitReason {
  return detail === undefined ? plainShutdown : { type: "shutdown", detail };
}

/** A crash for the given cause. */
export function failure(error: unknown): ExitReason {
  return { type: "error", error };
}

const types: ReadonlySet<unknown> = new Set<ExitReason["type"]>([
  "normal",
  "shutdown",
  "kill",
  "killed",
  "noproc",
  "noconnection",
  "error",
]);

/** Whether a value is an exit reason, by its shape. */
export function isExitReason(value: unknown): value is ExitReason {
  return typeof value === "object" && value !== null && "type" in value && types.has(value.type);
}

/**
 * What untyped code has given as a reason, as a reason. Erlang takes any term; here a term that is no reason is an error
 * with that term.
 */
export function toExitReason(value: ExitReason): ExitReason {
  return isExitReason(value) ? value : failure(value);
}

/** True for the ends that are part of ordinary life and are not reported: `normal` and every `shutdown`. */
export function isExpected(reason: ExitReason): boolean {
  return reason.type === "normal" || reason.type === "shutdown";
}

/** One line for logs and shells: `normal`, `shutdown: peerClosed`, `killed`, `error: boom`. */
export function formatReason(reason: ExitReason): string {
  switch (reason.type) {
    case "kill":
    case "killed":
    case "noproc":
    case "noconnection":
      return reason.type;
    case "normal":
    case "shutdown":
      return reason.detail === undefined ? reason.type : `${reason.type}: ${formatDetail(reason.detail)}`;
    case "error":
      return `error: ${formatDetail(reason.error)}`;
  }
}

function formatDetail(detail: unknown): string {
  if (detail instanceof Error) return detail.name === "Error" ? detail.message : `${detail.name}: ${detail.message}`;
  if (typeof detail === "string") return detail;
  try {
    return JSON.stringify(detail) ?? String(detail);
  } catch {
    // Cyclic values and bigints have no JSON form; a report must still be printed.
    return String(detail);
  }
}
