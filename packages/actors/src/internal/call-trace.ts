import type { CallEnding } from "../call.ts";
import type { TraceEvents } from "../event.ts";
import type { Kernel } from "./kernel.ts";
import type { ActorProcess } from "./process.ts";

/** What a trace tells of one call: that it began, and how it ended. Only calls that are seen to begin have one. */
export class CallTrace {
  readonly #kernel: Kernel;
  readonly #subject: ActorProcess;
  /** The event with which the call began. */
  readonly id: number;

  /** The caller has seen that there is a tracer. */
  constructor(kernel: Kernel, subject: ActorProcess, fields: TraceEvents["call"]) {
    this.#kernel = kernel;
    this.#subject = subject;
    this.id = kernel.trace("call", subject, fields);
  }

  /** `cause` if it is not what is being handled. */
  end(ending: CallEnding, cause: number = this.#kernel.cause): void {
    if (this.#kernel.tracer === null) return;
    this.#kernel.trace("callEnded", this.#subject, { call: this.id, ending }, cause);
  }
}
