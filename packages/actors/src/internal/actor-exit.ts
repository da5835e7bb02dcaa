import type { ExitReason } from "../exit-reason.ts";

/** Unwinds the stack of an actor that has called `exit`. Not an Error: no stack is captured, nobody should catch it. */
export class ActorExit {
  readonly reason: ExitReason;

  constructor(reason: ExitReason) {
    this.reason = reason;
  }
}
