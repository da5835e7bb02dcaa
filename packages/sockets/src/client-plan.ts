import { BadReturnError, type ExitReason, isExitReason, isExpected } from "@espalier/actors";
import type { ConnectError, OptionIssue } from "./errors.ts";
import { unknownOption } from "./errors.ts";

/** How a connection of a client has come to its end. */
export type ClientEndKind =
  /** There was none: the attempt to connect has failed. */
  | "connectFailed"
  /** The peer has closed its side, and the handler has ended as `shutdown`. */
  | "closed"
  /** The connection broke: it was reset, a packet was too large, or the peer took nothing for too long. */
  | "broken"
  /** The handler has ended by itself: as `normal`, or as `shutdown` while the connection was open. */
  | "finished"
  /** The handler has crashed, was killed, or has failed to start. */
  | "crashed"
  /** After any of these there was to be another attempt, but `attempts` are used up. */
  | "gaveUp";

/** The end of a connection, as a plan is told. */
export interface ClientEnd {
  readonly kind: ClientEndKind;
  /** How the handler ended. Of an attempt that failed: `error`, with the {@link ConnectError}. */
  readonly reason: ExitReason;
  /** For `connectFailed` and `gaveUp`. */
  readonly error: ConnectError | undefined;
  /** The number of this attempt; 1 is the first since the start, or since the last connection that was stable. */
  readonly attempt: number;
  /** For how long it was connected, in milliseconds. */
  readonly lastedMs: number;
}

/** What a client does about the end of its connection. Sockerl's plans. */
export type ClientStep =
  /** What `reconnect` says; for `gaveUp`, that the client ends. */
  | "default"
  /** Another attempt after the pause of the back-off. For `gaveUp`: the attempts are counted anew. */
  | "reconnect"
  /** The same after this pause, which is not part of the back-off. */
  | { readonly reconnectAfterMs: number }
  /** The client ends as its handler did. In a pool it stays in the list, without a connection, until `restart`. */
  | "stop"
  /** The client ends for this reason. */
  | { readonly stop: ExitReason };

/** What a pool does about the end of one of its connections. */
export type PoolStep =
  | ClientStep
  /** It is removed from the pool. */
  | "delete"
  /** The pool ends, as `shutdown` or for the given reason, and all its connections with it. */
  | "stopPool"
  | { readonly stopPool: ExitReason };

/** A step for each kind of end, `"default"` where there is none; or a function that answers it. */
export type Plan<Step> =
  | Readonly<Partial<Record<ClientEndKind, Step>>>
  /** A throw, or an answer that is no step, crashes the client; in a pool it is started anew. */
  | ((end: ClientEnd) => Step);

/** When a client connects anew. */
export type Reconnect =
  /** Not at all: with its connection the client ends. */
  | "never"
  /** After an attempt that failed, a connection that broke and a handler that crashed. */
  | "onError"
  /** After every end. */
  | "always";

const kinds: readonly string[] = [
  "connectFailed",
  "closed",
  "broken",
  "finished",
  "crashed",
  "gaveUp",
] satisfies ClientEndKind[];
const words: ReadonlySet<unknown> = new Set(["default", "reconnect", "stop"]);
const poolWords: ReadonlySet<unknown> = new Set(["delete", "stopPool"]);

const STEP = '"default", "reconnect", { reconnectAfterMs }, "stop" or { stop: reason }';
const POOL_STEP = `${STEP}; "delete", "stopPool" or { stopPool: reason }`;

/** What kind of end it is when a handler has ended. `last`: the last event of its socket, if that has come. */
export function endKind(reason: ExitReason, last: "closed" | "error" | undefined): ClientEndKind {
  if (!isExpected(reason)) return "crashed";
  if (reason.type === "normal" || last === undefined) return "finished";
  return last === "closed" ? "closed" : "broken";
}

/** Whether there is another attempt after such an end. */
export function shouldReconnect(reconnect: Reconnect, kind: ClientEndKind): boolean {
  switch (kind) {
    case "connectFailed":
    case "broken":
    case "crashed":
      return reconnect !== "never";
    case "closed":
    case "finished":
      return reconnect === "always";
    case "gaveUp":
      return false;
  }
}

/** Whether there is another attempt after such a step. */
export function isReconnecting(step: PoolStep): boolean {
  return step === "reconnect" || (typeof step === "object" && "reconnectAfterMs" in step);
}

/** Asks the plan, if there is one. */
export function stepOf(plan: Plan<PoolStep> | undefined, end: ClientEnd, isPooled: boolean): PoolStep {
  if (plan === undefined) return "default";
  if (typeof plan !== "function") return plan[end.kind] ?? "default";
  const step = plan(end);
  if (isStep(step, isPooled)) return step;
  throw new BadReturnError("the plan of a client", step, isPooled ? POOL_STEP : STEP);
}

/** What is wrong with a plan. */
export function checkPlan(plan: unknown, isPooled: boolean): OptionIssue[] {
  if (plan === undefined || typeof plan === "function") return [];
  if (typeof plan !== "object" || plan === null) {
    return [{ option: "plan", value: plan, expected: "a function, or a step for each kind of end" }];
  }
  return Object.entries(plan).flatMap(([kind, step]: [string, unknown]): OptionIssue[] => {
    if (!kinds.includes(kind)) return [unknownOption(`plan.${kind}`, step, kinds)];
    if (step === undefined || isStep(step, isPooled)) return [];
    return [{ option: `plan.${kind}`, value: step, expected: isPooled ? POOL_STEP : STEP }];
  });
}

function isStep(step: unknown, isPooled: boolean): step is PoolStep {
  if (words.has(step)) return true;
  if (isPooled && poolWords.has(step)) return true;
  if (typeof step !== "object" || step === null) return false;
  if ("reconnectAfterMs" in step) return Number.isFinite(step.reconnectAfterMs) && Number(step.reconnectAfterMs) >= 0;
  if ("stop" in step) return isExitReason(step.stop);
  return isPooled && "stopPool" in step && isExitReason(step.stopPool);
}
