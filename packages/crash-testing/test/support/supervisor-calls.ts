import {
  CallExitError,
  type ExitReason,
  failure,
  formatReason,
  normal,
  type Pid,
  shutdown,
  type System,
} from "@espalier/actors";
import {
  type ChildInfo,
  type ChildSpec,
  countChildren,
  deleteChild,
  type DeleteChildResult,
  restartChild,
  type RestartChildResult,
  startChild,
  type StartChildResult,
  type SupervisorRef,
  terminateChild,
  type TerminateChildResult,
  whichChildren,
} from "@espalier/supervisor";
import type { Ending, ModelCall, RuledSpec } from "../../src/tree/supervisor-rules.ts";

/** What has to be sent to an actor that `endsAsTold`, or `startsAs`. */
export const reasons: Record<Exclude<Ending, "killed">, ExitReason> = {
  normal,
  shutdown: shutdown(),
  "shutdown: done": shutdown("done"),
  "error: boom": failure(new Error("boom")),
};

/** `formatReason`, but the failures below a supervisor that could not start are told by their messages. */
export function showReason(reason: ExitReason): string {
  const detail = reason.type === "shutdown" ? reason.detail : undefined;
  if (typeof detail !== "object") return formatReason(reason);
  const { id, reason: why } = detail as { readonly id: string; readonly reason: ExitReason };
  return `no ${id}: ${showReason(why)}`;
}

/** Calls real supervisors, and tells their answers in the words of the model. */
export class SupervisorCalls<Spec extends RuledSpec> {
  readonly #system: System;
  readonly #nameOf: (pid: Pid) => string;
  readonly #toSpec: (spec: Spec) => ChildSpec;

  constructor(system: System, nameOf: (pid: Pid) => string, toSpec: (spec: Spec) => ChildSpec) {
    this.#system = system;
    this.#nameOf = nameOf;
    this.#toSpec = toSpec;
  }

  /** Puts a call into the supervisor's mailbox. */
  async call(sup: SupervisorRef, call: ModelCall<Spec>): Promise<string> {
    try {
      return await this.#call(sup, call);
    } catch (error) {
      if (error instanceof CallExitError) return `exit ${formatReason(error.reason)}`;
      throw error;
    }
  }

  async #call(sup: SupervisorRef, call: ModelCall<Spec>): Promise<string> {
    const system = this.#system;
    switch (call.type) {
      case "startChild":
        return this.#show(await startChild(system, sup, this.#toSpec(call.spec)));
      case "terminateChild":
        return this.#show(await terminateChild(system, sup, call.id));
      case "restartChild":
        return this.#show(await restartChild(system, sup, call.id));
      case "deleteChild":
        return this.#show(await deleteChild(system, sup, call.id));
      case "whichChildren":
        return `list ${this.#showList(await whichChildren(system, sup))}`;
      case "countChildren": {
        const { specs, active } = await countChildren(system, sup);
        return `counts ${specs} ${active}`;
      }
    }
  }

  #show(result: StartChildResult | RestartChildResult | DeleteChildResult | TerminateChildResult): string {
    if (result.ok)
      return "child" in result ? `ok ${result.child === undefined ? "nobody" : this.#nameOf(result.child)}` : "ok";
    if (result.error === "alreadyStarted") return `alreadyStarted ${this.#nameOf(result.pid)}`;
    if (result.error === "startFailed") return `startFailed ${showReason(result.reason)}`;
    return result.error;
  }

  #showList(children: readonly ChildInfo[]): string {
    const shown = children.map(({ id, child: state }) => {
      if (state === undefined) return String(id);
      return state === "restarting" ? `${String(id)}#restarting` : this.#nameOf(state);
    });
    return shown.toReversed().join(" ");
  }
}
