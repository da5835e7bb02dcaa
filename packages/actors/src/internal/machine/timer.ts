import type { EventObject } from "xstate";
import type { Kernel } from "../kernel.ts";
import type { ActorProcess } from "../process.ts";
import { Timer, type TimerQueue } from "../timer-queue.ts";

/** `after`, or a delayed `raise` or `sendTo`. */
export class MachineTimer extends Timer {
  /** What `cancel` calls it. */
  readonly id: string | undefined;
  target: unknown;
  event: EventObject;
  /** It was cancelled, and is void; if it is still armed, whoever arms it anew in the same step may have it. */
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

/** What stands in the mailbox of a machine without being an event. */
export abstract class MachineSignal {}

/** A delayed event in the mailbox. Until it is handled it can still be cancelled. */
export class Delayed extends MachineSignal {
  readonly type: string;
  readonly event: EventObject;
  readonly #timer: MachineTimer;

  constructor(timer: MachineTimer) {
    super();
    this.type = timer.event.type;
    this.event = timer.event;
    this.#timer = timer;
  }

  get timer(): MachineTimer {
    return this.#timer;
  }
}

/** Arms a timer of an actor, now or anew. */
export function armTimer(kernel: Kernel, process: ActorProcess, timer: MachineTimer, delay: number): void {
  // NaN and what lies in the past mean now, as with XState's clock.
  const wait = delay > 0 ? delay : 0;
  const hasMoved = kernel.timers.arm(timer, kernel.host.now() + wait);
  // Outside a drain nobody else would tell the host of an earlier deadline.
  if (hasMoved && !kernel.isDraining) kernel.wake();
  if (kernel.tracer !== null) timer.cause = kernel.trace("timerSet", process, { dueIn: wait });
}
