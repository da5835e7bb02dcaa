import type { EventObject } from "xstate";
import { ActorDeadError } from "../errors.ts";
import type { ExitReason } from "../exit-reason.ts";
import type { Pid } from "../pid.ts";
import type { MachineScope, Snapshot } from "./machine-scope.ts";
import type { MachineTimer } from "./machine-timer.ts";
import type { ActorProcess } from "./process.ts";

/** An actor of the kernel in the shape in which machines know actors. */
export class ActorHandle {
  readonly pid: Pid;

  constructor(pid: Pid) {
    this.pid = pid;
  }

  get id(): string {
    return this.pid.toString();
  }

  get sessionId(): string {
    return this.pid.toString();
  }

  get ref(): this {
    return this;
  }

  /** Sends by the mailbox, from anywhere, at any time. Bound, as XState's is. */
  get send(): (event: EventObject) => void {
    const { pid } = this;
    return (event) => pid.process?.deliver(event, pid);
  }

  toJSON(): string {
    return this.pid.toString();
  }
}

/**
 * What actions get as `self`, and at the same time all that the kernel remembers of a machine: one small object, since
 * there may be 250,000 of them.
 */
export class MachineSelf extends ActorHandle {
  readonly scope: MachineScope;
  snapshot!: Snapshot;
  /** The reason of a parent that has asked for the end, while the machine is on its way there. */
  shutdownReason: ExitReason | null = null;
  /** The latest timer of each id. Most machines have one at a time, and for that a map is large. */
  #timer: MachineTimer | null = null;
  #moreTimers: Map<string, MachineTimer> | null = null;

  constructor(pid: Pid, scope: MachineScope) {
    super(pid);
    this.scope = scope;
  }

  /** Only while the actor lives. */
  get process(): ActorProcess {
    const { process } = this.pid;
    if (process === null) throw new ActorDeadError(this.id);
    return process;
  }

  getSnapshot(): Snapshot {
    return this.snapshot;
  }

  get system(): MachineScope["system"] {
    return this.scope.system;
  }

  get src(): MachineScope["machine"] {
    return this.scope.machine;
  }

  /** For `sendParent`. Undefined for an actor that was started from outside: XState's refusal then crashes it. */
  get _parent(): Pid | undefined {
    return this.process.parent?.pid;
  }

  rememberTimer(timer: MachineTimer): void {
    const { id } = timer;
    if (id === undefined) return;
    if (this.#timer === null || this.#timer.id === id) {
      this.#timer = timer;
      this.#moreTimers?.delete(id);
    } else {
      this.#moreTimers ??= new Map();
      this.#moreTimers.set(id, timer);
    }
  }

  forgetTimer(id: string): MachineTimer | undefined {
    const first = this.#timer;
    if (first?.id === id) {
      this.#timer = null;
      return first;
    }
    const timer = this.#moreTimers?.get(id);
    if (timer !== undefined) this.#moreTimers?.delete(id);
    return timer;
  }
}
