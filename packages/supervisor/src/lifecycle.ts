import type { Process, Started, Waiting } from "@espalier/actors";
import { beginStart } from "./child-start.ts";
import { type Child, type Children, pidOf } from "./children.ts";
import { type ErrorContext, type Offender, offenderOf, ProgressReport, SupervisorReport } from "./report.ts";
import { isOrderlyEnd, shutdownChild } from "./shutdown.ts";
import { reasonOf, type StartFailure } from "./start-failure.ts";

/** Starts and ends static children, enters it in their table, and reports what goes wrong. */
export class Lifecycle {
  readonly #process: Process;
  readonly #children: Children;

  constructor(process: Process, children: Children) {
    this.#process = process;
    this.#children = children;
  }

  /** Starts one after the other, up to the first that fails. */
  *startEach(children: readonly Child[]): Waiting<{ child: Child; failure: StartFailure } | undefined> {
    for (const child of children) {
      const failure = yield* this.start(child);
      if (failure === undefined) continue;
      // OTP: not for a start that somebody asked for, who learns of the failure by the answer.
      this.report("startError", reasonOf(failure), child);
      return { child, failure };
    }
    return undefined;
  }

  *start(child: Child): Waiting<StartFailure | undefined> {
    const { id, start } = child.spec;
    child.incarnation += 1;
    const underWay = beginStart(this.#process, id, child.incarnation, start);
    // From here on there is a process to be ended, should the supervisor crash before it has heard of the start.
    this.#children.setState(child, underWay.pid);
    const started = yield underWay;
    const { result } = started as Started;
    if (result.ok) {
      this.#children.setState(child, result.ref);
      if (this.#process.isTraced) this.#process.report(new ProgressReport(this.#process, offender(child)));
      return undefined;
    }
    if (result.error === "ignored") {
      this.#children.ended(child);
      return undefined;
    }
    this.#children.setState(child, undefined);
    return result;
  }

  *terminate(child: Child): Waiting {
    const { state, spec } = child;
    if (typeof state === "object") {
      const reason = yield* shutdownChild(this.#process, state, spec.shutdown);
      if (!isOrderlyEnd(reason, spec.shutdown, spec.restart)) this.report("shutdownError", reason, child);
    }
    this.#children.ended(child);
  }

  report(context: ErrorContext, reason: SupervisorReport["reason"], child: Child): void {
    this.#process.report(new SupervisorReport(this.#process, context, reason, offender(child)));
  }
}

function offender(child: Child): Offender {
  const { spec } = child;
  return offenderOf(spec, spec.id, pidOf(child), spec.start);
}
