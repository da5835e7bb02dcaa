import type { EventObject } from "xstate";
import type { ActorProcess } from "./process.ts";
import { Timer, type TimerQueue } from "./timer-queue.ts";

/** `after`, or a delayed `raise` or `sendTo`. */
export class MachineTimer extends Timer {
  /** What `cancel` calls it. */
  readonly id: string | undefined;
  target: unknown;
  event: EventObject;
  /** It was cancelled after it had fired, while its event waited in the mailbox. */
  isCancelled = false;

  constructor(queue: TimerQueue, id: string | undefined, target: unknown, event: EventObject) {
    super(queue);
    this.id = id;
    this.target = target;
    this.event = event;
  }

  fire(owner: ActorProcess | null): void {
    owner?.accept(new Delayed(this), owner.pid);
  }

  /** Disarms it for good. */
  drop(): void {
    this.owner?.disown(this);
    this.release();
  }

  override describe(): string {
    return `${this.event.type} due at ${this.due}`;
  }
}

/** A delayed event in the mailbox. Until it is handled it can still be cancelled. */
export class Delayed {
  readonly type: string;
  readonly event: EventObject;
  readonly #timer: MachineTimer;

  constructor(timer: MachineTimer) {
    this.type = timer.event.type;
    this.event = timer.event;
    this.#timer = timer;
  }

  get timer(): MachineTimer {
    return this.#timer;
  }
}
