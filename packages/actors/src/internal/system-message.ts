import type { Definition } from "../behaviour.ts";
import type { From } from "../call.ts";
import { CodeChangeError } from "../errors.ts";
import type { ExitReason } from "../exit-reason.ts";
import { inspectProcess } from "../inspect.ts";
import { Debug, type DebugEvent } from "./debug.ts";
import type { ActorProcess } from "./process.ts";

/** What every process answers, whatever its behaviour: OTP's system messages. */
export type SystemRequest =
  | { readonly type: "getState" }
  | { readonly type: "replaceState"; readonly replace: (state: unknown) => unknown }
  | { readonly type: "getStatus" }
  | { readonly type: "suspend"; readonly by?: symbol }
  | { readonly type: "resume"; readonly by?: symbol }
  | { readonly type: "terminate"; readonly reason: ExitReason }
  | {
      readonly type: "changeCode";
      readonly definition: Definition<never>;
      readonly extra: unknown;
      /** The actor need not be suspended: it is between two messages in any case. */
      readonly whileRunning: boolean;
    }
  | { readonly type: "traceTransitions"; readonly on: boolean }
  | { readonly type: "log"; readonly limit: number | "get" }
  | { readonly type: "statistics"; readonly flag: boolean | "get" }
  | { readonly type: "trace"; readonly handler: ((event: DebugEvent) => void) | null }
  | { readonly type: "untrace"; readonly handler: (event: DebugEvent) => void };

/** The answer to a system request: a value, or why there is none. */
export type SystemReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** A system request in a mailbox. */
export class SystemMessage {
  readonly request: SystemRequest;
  readonly from: From<SystemReply>;

  constructor(request: SystemRequest, from: From<SystemReply>) {
    this.request = request;
    this.from = from;
  }
}

/** Serves one system request as a step of the process. */
export function handleSystemMessage(process: ActorProcess, { request, from }: SystemMessage): void {
  if (request.type === "terminate") {
    process.isSuspended = false;
    // After the clean-up, so that the caller's patience covers that; how it ends, the caller sees from the end itself.
    process.stop(request.reason, () => from.reply({ ok: true, value: undefined }));
    return;
  }
  try {
    from.reply({ ok: true, value: serve(process, request) });
  } catch (error) {
    // What was asked for has failed, not the process: it goes on as it was, and the caller is told.
    from.reply({ ok: false, error });
  }
}

function serve(process: ActorProcess, request: Exclude<SystemRequest, { type: "terminate" }>): unknown {
  switch (request.type) {
    case "getState":
      return process.describe();
    case "replaceState":
      return replaceState(process, request.replace);
    case "getStatus":
      return { ...inspectProcess(process), log: process.debug?.log ?? [] };
    case "suspend":
      return suspend(process, request.by);
    case "resume":
      return resume(process, request.by);
    case "changeCode":
      return changeCode(process, request.definition, request.extra, request.whileRunning);
    case "traceTransitions":
      return traceTransitions(process, request.on);
    case "log":
      if (request.limit === "get") return process.debug?.log ?? [];
      return debugging(process, (debug) => debug.keep(request.limit === "get" ? 0 : request.limit));
    case "statistics":
      if (request.flag === "get") return process.debug?.statistics(process.now());
      return debugging(process, (debug) => debug.count(request.flag === true ? process.now() : null));
    case "trace":
      return debugging(process, (debug) => debug.handle(request.handler));
    case "untrace":
      return debugging(process, (debug) => debug.forget(request.handler));
  }
}

function suspend(process: ActorProcess, by: symbol | undefined): undefined {
  process.suspenders = new Set(process.suspenders).add(by);
  process.isSuspended = true;
}

/** Whoever does not say who he is ends it for all, as in OTP. */
function resume(process: ActorProcess, by: symbol | undefined): undefined {
  const others = new Set(by === undefined ? null : process.suspenders);
  if (by !== undefined && !others.delete(by)) return;
  process.suspenders = others;
  process.isSuspended = others.size > 0;
}

function debugging(process: ActorProcess, change: (debug: Debug) => void): void {
  const debug =
    process.debug ??
    new Debug((err) => process.log("error", { err }, "a debug function has thrown, and sees nothing any more"));
  change(debug);
  process.debug = debug.isIdle ? null : debug;
}

function replaceState(process: ActorProcess, replace: (state: unknown) => unknown): unknown {
  const { behaviour } = process.definition;
  if (behaviour.replaceState === undefined) {
    throw new TypeError(`the state of a ${behaviour.kind} cannot be replaced`);
  }
  behaviour.replaceState(process, replace);
  return process.describe();
}

function traceTransitions(process: ActorProcess, on: boolean): undefined {
  const { behaviour } = process.definition;
  if (behaviour.traceTransitions === undefined) throw new TypeError(`a ${behaviour.kind} has no transitions`);
  behaviour.traceTransitions(process, on);
  return undefined;
}

function changeCode(
  process: ActorProcess,
  definition: Definition<never>,
  extra: unknown,
  whileRunning: boolean,
): undefined {
  // Asked of many at once, some of whom may have been started with it.
  if (whileRunning && process.definition === definition) return undefined;
  const { kind } = process.definition.behaviour;
  if (!whileRunning && !process.isSuspended) throw new CodeChangeError(process.path, "it is not suspended");
  if (definition.behaviour.kind !== kind) {
    throw new CodeChangeError(process.path, `it is of kind ${kind}, the new code of kind ${definition.behaviour.kind}`);
  }
  if (definition.behaviour.changeCode === undefined) {
    throw new CodeChangeError(process.path, `an actor of kind ${kind} cannot take on new code`);
  }
  definition.behaviour.changeCode(process, extra);
  process.definition = definition;
  process.kernel.forgetSubjects();
  return undefined;
}
