import type { Deadline } from "../timer.ts";
import type { ActorProcess } from "./process.ts";
import { Timer } from "./timer-queue.ts";

/** A deadline of one actor: it runs when nobody has pushed it back in time. */
export class DeadlineTimer extends Timer implements Deadline {
  readonly #process: ActorProcess;
  readonly #run: () => void;

  constructor(process: ActorProcess, run: () => void) {
    super(process.kernel.timers);
    this.#process = process;
    this.#run = run;
  }

  arm(afterMs: number): void {
    const process = this.#process;
    if (process.isDead) return;
    if (this.owner === null) process.own(this);
    const { kernel } = process;
    const hasMoved = this.queue.arm(this, kernel.now() + afterMs);
    // Outside a drain nobody else would tell the host of an earlier deadline.
    if (hasMoved && !kernel.isDraining) kernel.wake();
  }

  cancel(): void {
    this.owner?.disown(this);
    this.queue.cancel(this);
  }

  fire(): void {
    this.#run();
  }
}
