import type { EventObject } from "xstate";
import type { Kernel } from "../kernel.ts";
import type { ActorProcess } from "../process.ts";
import { Timer, type TimerQueue } from "../timer-queue.ts";

/** Stands for the event of a timer that was cancelled. */
const nothing: EventObject = Object.freeze({ type: "" });

/** An event that comes later. */
export abstract class MachineTimer extends Timer {
  event: EventObject;

  constructor(queue: TimerQueue, event: EventObject) {
    super(queue);
    this.event = event;
  }

  /** What `cancel` calls it. */
  abstract readonly id: string | undefined;
  /** Whom the event is for; undefined: the machine itself. */
  abstract readonly target: unknown;

  /** It was cancelled after it had fired, and what waits in the mailbox is void. */
  get isCancelled(): boolean {
    return this.event === nothing;
  }

  makeVoid(): void {
    this.event = nothing;
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

/** `after`: for the machine itself, with the event's type for its id. There may be one for each of 250,000 actors. */
export class AfterTimer extends MachineTimer {
  get id(): string {
    return this.event.type;
  }

  get target(): undefined {
    return undefined;
  }
}

/** A delayed `raise` or `sendTo`. */
export class SentTimer extends MachineTimer {
  readonly id: string | undefined;
  readonly target: unknown;

  constructor(queue: TimerQueue, id: string | undefined, target: unknown, event: EventObject) {
    super(queue, event);
    this.id = id;
    this.target = target;
  }
}

/** What stands in the mailbox of a machine without being an event. */
export abstract class MachineSignal {
  /** For the trace. */
  abstract readonly type: string;
}

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
  // Within a batch, the clock that is read once for many signals will do, as it does for Node's own timers.
  const hasMoved = kernel.isDraining
    ? kernel.timers.armAfter(timer, wait)
    : kernel.timers.arm(timer, kernel.host.now() + wait);
  // Outside a drain nobody else would tell the host of an earlier deadline.
  if (hasMoved && !kernel.isDraining) kernel.wake();
  if (kernel.tracer !== null) timer.cause = kernel.trace("timerSet", process, { dueIn: wait, timer });
}
