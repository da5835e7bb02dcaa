import type { From } from "../call.ts";
import type { ExitReason } from "../exit-reason.ts";
import type { ActorProcess } from "./process.ts";

/** What every process answers, whatever its behaviour: OTP's system messages. */
export type SystemRequest =
  | { readonly type: "getState" }
  | { readonly type: "replaceState"; readonly replace: (state: unknown) => unknown }
  | { readonly type: "suspend" }
  | { readonly type: "resume" }
  | { readonly type: "terminate"; readonly reason: ExitReason };

/** The answer to a system request: a value, or what the caller's function threw. */
export type SystemReply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** A system request in a mailbox. */
export class SystemMessage {
  readonly request: SystemRequest;
  readonly from: From<SystemReply>;

  constructor(request: SystemRequest, from: From<SystemReply>) {
    this.request = request;
    this.from = from;
  }
}

const done: SystemReply = { ok: true, value: undefined };

/** Serves one system request as a step of the process. */
export function handleSystemMessage(process: ActorProcess, message: SystemMessage): void {
  const { request, from } = message;
  switch (request.type) {
    case "getState":
      from.reply({ ok: true, value: process.describe() });
      return;
    case "replaceState":
      from.reply(replaceState(process, request.replace));
      return;
    case "suspend":
      process.isSuspended = true;
      from.reply(done);
      return;
    case "resume":
      process.isSuspended = false;
      from.reply(done);
      return;
    case "terminate":
      process.isSuspended = false;
      process.stop(request.reason);
      return;
  }
}

function replaceState(process: ActorProcess, replace: (state: unknown) => unknown): SystemReply {
  const { behaviour } = process.definition;
  try {
    if (behaviour.replaceState === undefined) {
      throw new TypeError(`the state of a ${behaviour.kind} cannot be replaced`);
    }
    behaviour.replaceState(process, replace);
    return { ok: true, value: process.describe() };
  } catch (error) {
    // The caller's function failed, not the process: its state stands, and the caller is told.
    return { ok: false, error };
  }
}
