import type { Destination } from "../pid.ts";
import type { ActorProcess } from "./process.ts";
import { Timer, type TimerQueue } from "./timer-queue.ts";

/** `sendAfter`: a message that leaves later. */
export class MessageTimer extends Timer {
  readonly target: Destination;
  readonly message: unknown;

  constructor(queue: TimerQueue, target: Destination, message: unknown) {
    super(queue);
    this.target = target;
    this.message = message;
  }

  fire(owner: ActorProcess | null): void {
    if (owner === null) return;
    const target =
      typeof this.target === "string" ? owner.kernel.names.get(this.target) : (this.target.process ?? undefined);
    // What an actor has set for itself is no flood from others, and whoever waits for it would wait for ever.
    if (target === owner) owner.accept(this.message, owner.pid);
    else target?.deliver(this.message, owner.pid);
  }
}
