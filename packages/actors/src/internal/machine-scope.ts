import type { EventObject, StateValue } from "xstate";
import { describeValue, UnsupportedMachineError } from "../errors.ts";
import { Pid } from "../pid.ts";
import type { Kernel } from "./kernel.ts";
import { formatStateValue } from "./machine-check.ts";
import { ActorHandle, type MachineSelf } from "./machine-self.ts";
import { type Delayed, MachineTimer } from "./machine-timer.ts";
import type { ActorProcess } from "./process.ts";

/** What the kernel reads of a snapshot of XState. */
export interface Snapshot {
  readonly status: "active" | "done" | "error" | "stopped";
  readonly value: StateValue;
  readonly context: unknown;
  readonly tags: ReadonlySet<string>;
  readonly output: unknown;
  readonly error: unknown;
  can(event: EventObject): boolean;
}

/** What the kernel calls of a machine of XState. */
export interface Machine {
  readonly id: string;
  getInitialSnapshot(scope: MachineScope, input: unknown): Snapshot;
  transition(snapshot: Snapshot, event: EventObject, scope: MachineScope): Snapshot;
}

/** An action as XState hands it over to be executed. */
interface Action {
  readonly type: string;
  readonly info: unknown;
  readonly params: unknown;
  readonly exec: ((info: unknown, params: unknown) => unknown) | undefined;
}

/** What differs between two definitions of the same machine. */
export interface MachineHooks {
  emit(event: EventObject, process: ActorProcess): void;
  log(process: ActorProcess, label: string | undefined, value: unknown): void;
}

/**
 * What XState calls an actor scope, made once for all actors of a definition in a system: the door through which the
 * effects of a machine reach the kernel. XState computes the next snapshot and runs custom actions meanwhile; built-in
 * actions put their effects off until the snapshot is in place, as its own actors do. No two actors of a system ever
 * run at once, so `self` is set before each transition, and everything that was put off is done before it is taken
 * away again.
 */
export class MachineScope {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly system: MachineSystem;
  readonly id: string;
  /** The actor whose step this is. Read by XState as what actions get as `self`. */
  self: MachineSelf | null = null;
  readonly #hooks: MachineHooks;
  readonly #deferred: Array<() => void> = [];
  /** Timers that were cancelled in this step and are still armed: a re-arm in the same step is then one store. */
  readonly #cancelled: MachineTimer[] = [];
  #isStarting = false;

  constructor(kernel: Kernel, machine: Machine, hooks: MachineHooks) {
    this.kernel = kernel;
    this.machine = machine;
    this.id = machine.id;
    this.#hooks = hooks;
    this.system = new MachineSystem(this);
  }

  start(self: MachineSelf, input: unknown): void {
    this.self = self;
    this.#isStarting = true;
    try {
      const snapshot = this.machine.getInitialSnapshot(this, input);
      // For the crash report, if the start has failed: how far it came.
      self.snapshot = snapshot;
      this.#commit(self, snapshot);
    } finally {
      this.#isStarting = false;
      this.#leave();
    }
  }

  /** Throws what an action, guard, assignment or delay throws; the snapshot is then that of before the event. */
  transition(self: MachineSelf, event: EventObject): void {
    this.self = self;
    try {
      this.#commit(self, this.machine.transition(self.snapshot, event, this));
    } finally {
      this.#leave();
    }
  }

  /** A delayed event of this actor has come up: answers it if it is for the machine, sends it on if for another. */
  elapsed(self: MachineSelf, delayed: Delayed): EventObject | undefined {
    const { timer, event } = delayed;
    if (timer.isCancelled) return undefined;
    // XState forgets whatever has the id of a timer that fires, so a second one with the same id is not in reach of
    // `cancel` any more.
    if (timer.id !== undefined) self.forgetTimer(timer.id);
    if (timer.target === self) return event;
    this.relay(self, timer.target, event);
    return undefined;
  }

  #commit(self: MachineSelf, next: Snapshot): void {
    if (next.status === "error") throw next.error;
    self.snapshot = next;
    const deferred = this.#deferred;
    // At a start the list holds the entry actions, and what they put off comes behind them.
    for (let index = 0; index < deferred.length; index += 1) deferred[index]?.();
  }

  #leave(): void {
    this.#deferred.length = 0;
    for (const timer of this.#cancelled) timer.drop();
    this.#cancelled.length = 0;
    this.self = null;
  }

  /** The actor whose step this is. */
  get current(): MachineSelf {
    if (this.self === null) throw new TypeError(`no actor of machine ${this.id} is in a step`);
    return this.self;
  }

  refuse(construct: string): UnsupportedMachineError {
    // A machine that is about to start has no snapshot.
    const snapshot: Snapshot | undefined = this.self?.snapshot;
    return new UnsupportedMachineError(this.id, formatStateValue(snapshot?.value ?? "(initial)"), construct);
  }

  // — What XState calls ——————————————————————————————————————————————————————————————————————————————————————————

  /** Not a method: XState puts its own in this place for the time of a microstep. */
  actionExecutor = (action: Action): void => {
    // Of a source without an implementation XState makes no child, so that one never comes to `bookId`.
    if (action.type === "xstate.spawnChild") throw this.refuse("spawnChild");
    if (this.#isStarting) this.#deferred.push(() => this.#execute(action));
    else this.#execute(action);
  };

  #execute(action: Action): void {
    const result = action.exec?.(action.info, action.params);
    // The machine goes on meanwhile. If the rest of the action fails, that is its actor's crash.
    if (isThenable(result)) this.current.process.task(result);
  }

  defer(effect: () => void): void {
    this.#deferred.push(effect);
  }

  emit(event: EventObject): void {
    this.#hooks.emit(event, this.current.process);
  }

  /** Not a method: XState takes it out of the scope. It is given `(value)` or `(label, value)`. */
  readonly logger = (...args: [unknown] | [string, unknown]): void => {
    if (args.length === 1) this.#hooks.log(this.current.process, undefined, args[0]);
    else this.#hooks.log(this.current.process, args[0], args[1]);
  };

  relay(self: MachineSelf, target: unknown, event: EventObject): void {
    const pid = pidOf(target);
    if (pid !== undefined) pid.process?.deliver(event, self.pid);
    else if (canReceive(target)) target.send(event);
    else throw new TypeError(`machine ${this.id} sends to ${describeValue(target)}; expected an actor`);
  }

  schedule(self: MachineSelf, target: unknown, event: EventObject, delay: number, id: string | undefined): void {
    const { process } = self;
    const { kernel } = this;
    let timer = id === undefined ? undefined : this.#takeCancelled(id);
    if (timer === undefined) {
      timer = new MachineTimer(kernel.timers, id, target, event);
      process.own(timer);
    } else {
      timer.target = target;
      timer.event = event;
    }
    if (id !== undefined) self.rememberTimer(timer);
    // NaN and what lies in the past mean now, as with XState's clock.
    const wait = delay > 0 ? delay : 0;
    const hasMoved = kernel.timers.arm(timer, kernel.host.now() + wait);
    // Outside a drain nobody else would tell the host of an earlier deadline.
    if (hasMoved && !kernel.isDraining) kernel.wake();
    if (kernel.tracer !== null) timer.cause = kernel.trace("timerSet", process, { dueIn: wait });
  }

  /** The timer of this id, if it was cancelled earlier in this step. */
  #takeCancelled(id: string): MachineTimer | undefined {
    const cancelled = this.#cancelled;
    const index = cancelled.length === 0 ? -1 : cancelled.findIndex((timer) => timer.id === id);
    return index < 0 ? undefined : cancelled.splice(index, 1)[0];
  }

  cancel(self: MachineSelf, id: string): void {
    const timer = self.forgetTimer(id);
    if (timer === undefined) return;
    // One that has fired waits in the mailbox, and must not be taken for the timeout of what happened since.
    if (timer.place < 0) timer.isCancelled = true;
    else this.#cancelled.push(timer);
    if (this.kernel.tracer !== null) this.kernel.trace("timerCancelled", self.process, {});
  }
}

/** What actions get as `system`: names are those of the kernel, and children cannot be made. */
class MachineSystem {
  readonly #scope: MachineScope;
  /** The clock of the machine's delays. */
  readonly scheduler: {
    schedule(source: MachineSelf, target: unknown, event: EventObject, delay: number, id: string | undefined): void;
    cancel(source: MachineSelf, id: string): void;
  };

  constructor(scope: MachineScope) {
    this.#scope = scope;
    this.scheduler = {
      schedule: (source, target, event, delay, id) => scope.schedule(source, target, event, delay, id),
      cancel: (source, id) => scope.cancel(source, id),
    };
  }

  /** The actor that is registered under this name. */
  get(name: string): ActorHandle | undefined {
    const process = this.#scope.kernel.names.get(name);
    return process === undefined ? undefined : new ActorHandle(process.pid);
  }

  getAll(): Record<string, ActorHandle> {
    const { names } = this.#scope.kernel;
    return Object.fromEntries([...names].map(([name, process]) => [name, new ActorHandle(process.pid)]));
  }

  _relay(source: MachineSelf, target: unknown, event: EventObject): void {
    this.#scope.relay(source, target, event);
  }

  /** Every child asks for its session id first, however it comes to be made. */
  _bookId(): never {
    throw this.#scope.refuse("spawn");
  }

  _sendInspectionEvent(): void {
    // The trace of the kernel is what inspectors read.
  }
}

/** The address in what a machine names as a target: a pid, or anything that bears one. */
function pidOf(target: unknown): Pid | undefined {
  if (target instanceof Pid) return target;
  if (typeof target !== "object" || target === null || !("pid" in target)) return undefined;
  return target.pid instanceof Pid ? target.pid : undefined;
}

/** An actor that is not the kernel's, such as one of XState's own. */
function canReceive(target: unknown): target is { send(event: EventObject): void } {
  return typeof target === "object" && target !== null && "send" in target && typeof target.send === "function";
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
