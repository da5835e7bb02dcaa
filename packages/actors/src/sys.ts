import type { Context } from "./context.ts";
import { CallExitError, InvalidOptionError } from "./errors.ts";
import type { Definition } from "./behaviour.ts";
import { type ExitReason, noproc, normal } from "./exit-reason.ts";
import type { ProcessInfo } from "./inspect.ts";
import type { DebugEvent, Statistics } from "./internal/debug.ts";
import { EndWaiter } from "./internal/watch.ts";
import type { Kernel } from "./internal/kernel.ts";
import { makeCall } from "./internal/pending-call.ts";
import { ActorProcess } from "./internal/process.ts";
import { type SystemReply, SystemMessage, type SystemRequest } from "./internal/system-message.ts";
import type { CallOptions } from "./call.ts";
import type { Destination, Pid } from "./pid.ts";
import { System } from "./system.ts";

/** Who asks: a system, from outside, or an actor. */
type Asker = System | Context<never>;

/** The state as the actor's behaviour shows it. OTP's `sys:get_state`. */
export function getState(asker: Asker, target: Destination, options?: CallOptions): Promise<unknown> {
  return ask(asker, target, { type: "getState" }, options);
}

/**
 * Replaces the state by what the function makes of it, between two messages. If the function throws, the state stands
 * and the promise rejects with what was thrown. OTP's `sys:replace_state`.
 */
export function replaceState(
  asker: Asker,
  target: Destination,
  replace: (state: unknown) => unknown,
  options?: CallOptions,
): Promise<unknown> {
  return ask(asker, target, { type: "replaceState", replace }, options);
}

/** What `suspend` and `resume` take. */
export interface SuspendOptions extends CallOptions {
  /**
   * Who suspends, so that they can end their own suspension and nobody else's. @defaultValue nobody in particular, as in
   * OTP
   */
  readonly by?: symbol;
}

/**
 * The actor handles nothing but system messages and its parent's end until it is resumed; its mail waits. Once more by the
 * same changes nothing.
 */
export async function suspend(asker: Asker, target: Destination, options: SuspendOptions = {}): Promise<void> {
  const { by } = options;
  await ask(asker, target, { type: "suspend", ...(by !== undefined && { by }) }, options);
}

/**
 * Ends every `suspend`, whoever has called it: OTP's `sys:resume`. With `by` it ends the one of that caller alone: the actor
 * stays suspended as long as somebody else has suspended it too.
 */
export async function resume(asker: Asker, target: Destination, options: SuspendOptions = {}): Promise<void> {
  const { by } = options;
  await ask(asker, target, { type: "resume", ...(by !== undefined && { by }) }, options);
}

/** Everything there is to know of one actor. OTP's `sys:get_status`. */
export function getStatus(asker: Asker, target: Destination, options?: CallOptions): Promise<Status> {
  // What `getStatus` answers is made by `inspectProcess`.
  return ask(asker, target, { type: "getStatus" }, options) as Promise<Status>;
}

/** What `getStatus` answers. */
export interface Status extends ProcessInfo {
  /** The kept events, if `log` is on. */
  readonly log: readonly DebugEvent[];
}

/** Counts messages in and out from now on, or stops that. OTP's `sys:statistics`. */
export async function countStatistics(asker: Asker, target: Destination, on: boolean): Promise<void> {
  await ask(asker, target, { type: "statistics", flag: on }, undefined);
}

/** The counts; undefined when they are not counted. */
export function getStatistics(asker: Asker, target: Destination): Promise<Statistics | undefined> {
  return ask(asker, target, { type: "statistics", flag: "get" }, undefined) as Promise<Statistics | undefined>;
}

/** Keeps the last events of the actor, 10 by default, or none (0). OTP's `sys:log`. */
export async function log(asker: Asker, target: Destination, limit = 10): Promise<void> {
  if (!Number.isInteger(limit) || limit < 0) throw new InvalidOptionError("limit", limit, "an integer of at least 0");
  await ask(asker, target, { type: "log", limit }, undefined);
}

/** The kept events, oldest first. */
export function getLog(asker: Asker, target: Destination): Promise<readonly DebugEvent[]> {
  return ask(asker, target, { type: "log", limit: "get" }, undefined) as Promise<readonly DebugEvent[]>;
}

/**
 * Shows every message in and out of one actor to the handler, until it is called with undefined. A handler that throws is
 * taken off, which is logged as an error, and harms nobody. OTP's `sys:trace`.
 */
export async function trace(
  asker: Asker,
  target: Destination,
  handler: ((event: DebugEvent) => void) | undefined,
): Promise<void> {
  await ask(asker, target, { type: "trace", handler: handler ?? null }, undefined);
}

/** Ends a `trace` with this handler. Where another one has taken its place, that one stays. */
export async function untrace(asker: Asker, target: Destination, handler: (event: DebugEvent) => void): Promise<void> {
  await ask(asker, target, { type: "untrace", handler }, undefined);
}

/**
 * Gives a suspended actor the code of another definition of the same kind, whose `codeChange` makes its state one that
 * it understands. If that throws, the promise rejects with what was thrown and the actor keeps its old code. OTP's
 * `sys:change_code`.
 *
 * @throws `CodeChangeError` (`ERR_CODE_CHANGE`) when the actor is not suspended or is of another kind
 */
export async function changeCode(
  asker: Asker,
  target: Destination,
  definition: Definition<never>,
  extra?: unknown,
): Promise<void> {
  await ask(asker, target, { type: "changeCode", definition, extra, whileRunning: false }, undefined);
}

/**
 * `changeCode` of an actor that runs: between two messages, without suspending it. One that runs this code already is
 * left alone.
 *
 * @throws `CodeChangeError` (`ERR_CODE_CHANGE`) when the actor is of another kind
 */
export async function swapCode(
  asker: Asker,
  target: Destination,
  definition: Definition<never>,
  extra?: unknown,
  options?: CallOptions,
): Promise<void> {
  await ask(asker, target, { type: "changeCode", definition, extra, whileRunning: true }, options);
}

/**
 * Puts each transition of one machine into the trace from now on, as one `transition` event with the state before, the
 * event, the state after and the actions; or stops that. While it is on, XState itself takes the machine's events, some
 * microseconds each.
 *
 * @throws `TypeError` for an actor that is no machine
 */
export async function traceTransitions(asker: Asker, target: Destination, on: boolean): Promise<void> {
  await ask(asker, target, { type: "traceTransitions", on }, undefined);
}

/**
 * Asks an actor to end in order, its clean-up included, and resolves when it is gone. OTP's `gen_server:stop`.
 *
 * @throws `CallExitError` (`ERR_CALL_EXIT`) when it was dead already (`noproc`), ended before it could serve the
 * request, or ended for another reason
 */
export async function stopActor(
  asker: Asker,
  target: Pid,
  reason: ExitReason = normal,
  options: CallOptions = { timeoutMs: "infinity" },
): Promise<void> {
  const { process } = target;
  const ended = process === null ? undefined : new Promise<ExitReason>((resolve) => new EndWaiter(process, resolve));
  await ask(asker, target, { type: "terminate", reason }, options);
  const actual = (await ended) ?? noproc;
  if (!isSameReason(actual, reason)) throw new CallExitError(target.toString(), actual);
}

function isSameReason(a: ExitReason, b: ExitReason): boolean {
  if (a.type !== b.type) return false;
  if (a.type === "shutdown" && b.type === "shutdown") return Object.is(a.detail, b.detail);
  return a.type !== "error" || b.type !== "error" || Object.is(a.error, b.error);
}

async function ask(
  asker: Asker,
  target: Destination,
  request: SystemRequest,
  options: CallOptions | undefined,
): Promise<unknown> {
  const caller = asker instanceof ActorProcess ? asker : null;
  const answer = await makeCall(kernelOf(asker), caller, target, request, SystemMessage, options);
  // Only `handleSystemMessage` answers a system message.
  const { ok, ...outcome } = answer as SystemReply & { value?: unknown; error?: unknown };
  if (ok) return outcome.value;
  throw outcome.error;
}

function kernelOf(asker: Asker): Kernel {
  if (asker instanceof System || asker instanceof ActorProcess) return asker.kernel;
  throw new TypeError("expected a system or the context of an actor");
}

export type { DebugEvent, Statistics } from "./internal/debug.ts";
