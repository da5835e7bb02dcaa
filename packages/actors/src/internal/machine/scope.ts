import type { EventObject } from "xstate";
import { describeValue, UnsupportedMachineError } from "../../errors.ts";
import { Pid } from "../../pid.ts";
import type { Kernel } from "../kernel.ts";
import type { ActorProcess } from "../process.ts";
import { isThenable } from "../thenable.ts";
import { childOf, Family } from "./family.ts";
import { ActorHandle, type MachineSelf } from "./self.ts";
import { formatStateValue } from "./state-value.ts";
import { AfterTimer, armTimer, type Delayed, type MachineTimer, SentTimer } from "./timer.ts";
import type { ExecutableAction, LogicActor, Machine } from "./xstate.ts";

/** What differs between two definitions of the same machine. */
export interface MachineHooks {
  /** What it answers is minded as that of an action. */
  emit(event: EventObject, process: ActorProcess): unknown;
  log(process: ActorProcess, label: string | undefined, value: unknown): void;
}

/** What is kept of a step for those who trace transitions. */
export interface StepRecord {
  /** The names of its actions. */
  readonly actions: string[];
  /** A transition was taken. */
  hasMoved: boolean;
}

/**
 * What XState calls an actor scope, made once for all actors of a definition in a system: the door through which the
 * effects of a machine reach the kernel. Custom actions run while the next snapshot is computed; built-in actions put
 * their effects off until it is in place, as XState's own actors do. No two actors of a system ever run at once, so
 * `self` is set before each transition, and everything that was put off is done before it is taken away again.
 */
export class MachineScope {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly system: SharedSystem;
  readonly id: string;
  /** The actor whose step this is. Read by XState as what actions get as `self`. */
  self: MachineSelf | null = null;
  /** Entry actions of the start wait until all of them are known, as in XState. */
  isStarting = false;
  /** What becomes of this step, if somebody wants to know. */
  record: StepRecord | null = null;
  readonly #hooks: MachineHooks;
  readonly #deferred: Array<() => void> = [];
  /** Timers that were cancelled in this step and are still armed: a re-arm in the same step is then one store. */
  readonly #cancelled: MachineTimer[] = [];

  constructor(kernel: Kernel, machine: Machine, hooks: MachineHooks) {
    this.kernel = kernel;
    this.machine = machine;
    this.id = machine.id;
    this.#hooks = hooks;
    this.system = new SharedSystem(this);
  }

  enter(self: MachineSelf): void {
    this.self = self;
  }

  /** Does what was put off. */
  flush(): void {
    const deferred = this.#deferred;
    // At a start the list holds the entry actions, and what they put off comes behind them.
    for (let index = 0; index < deferred.length; index += 1) deferred[index]?.();
  }

  leave(): void {
    if (this.#deferred.length > 0) this.#deferred.length = 0;
    if (this.#cancelled.length > 0) this.#dropCancelled();
    this.isStarting = false;
    this.record = null;
    this.self = null;
  }

  #dropCancelled(): void {
    for (const timer of this.#cancelled) timer.drop();
    this.#cancelled.length = 0;
  }

  /** The actor whose step this is. */
  get current(): MachineSelf {
    if (this.self === null) throw new TypeError(`no actor of machine ${this.id} is in a step`);
    return this.self;
  }

  refuse(construct: string): UnsupportedMachineError {
    const configuration = this.self?.configuration;
    const state = configuration === undefined ? "(initial)" : formatStateValue(configuration.value);
    return new UnsupportedMachineError(this.id, state, construct);
  }

  familyOf(self: MachineSelf): Family {
    self.family ??= new Family(self);
    return self.family;
  }

  // — What XState calls ——————————————————————————————————————————————————————————————————————————————————————————

  /** Not a method: XState puts its own in this place for the time of a microstep. */
  actionExecutor = (action: ExecutableAction): void => {
    this.record?.actions.push(action.type);
    if (action.exec === undefined) return;
    this.self?.process.mayCrash(`action ${action.type}`);
    if (this.isStarting) this.#deferred.push(() => this.#execute(action));
    else this.#execute(action);
  };

  #execute({ exec, info, params }: ExecutableAction): void {
    this.mind(exec?.(info, params));
  }

  /** The machine goes on while an asynchronous action runs. If the rest of the action fails, that is its actor's crash. */
  mind(result: unknown): void {
    if (isThenable(result)) this.current.process.task(result);
  }

  defer(effect: () => void): void {
    this.#deferred.push(effect);
  }

  /** An effect on timers comes behind what was put off, which may be about a timer of the same id; else it is at once. */
  get mustWait(): boolean {
    return this.isStarting || this.#deferred.length > 0;
  }

  /** At a start, actions wait to be executed, and their effects wait behind them. */
  later(effect: () => void): void {
    if (this.isStarting) this.defer(() => this.defer(effect));
    else this.defer(effect);
  }

  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  emit(event: EventObject): void {
    this.mind(this.#hooks.emit(event, this.current.process));
  }

  /** Not a method: XState takes it out of the scope. It is given `(value)` or `(label, value)`. */
  readonly logger = (...args: [unknown] | [string, unknown]): void => this.log(this.current.process, args);

  log(process: ActorProcess, args: [unknown] | [string, unknown]): void {
    if (args.length === 1) this.#hooks.log(process, undefined, args[0]);
    else this.#hooks.log(process, args[0], args[1]);
  }

  stopChild(child: LogicActor): void {
    if (child._parent !== this.self) {
      throw new Error(`Cannot stop child actor ${child.id} of ${this.id} because it is not a child`);
    }
    child._stop();
  }

  relay(from: Pid, target: unknown, event: EventObject): void {
    const pid = pidOf(target);
    if (pid !== undefined) {
      pid.process?.deliver(event, from);
      return;
    }
    const child = childOf(target);
    if (child !== undefined) child.deliver(event, from);
    else if (canReceive(target)) target.send(event);
    else throw new TypeError(`machine ${this.id} sends to ${describeValue(target)}; expected an actor`);
  }

  // — Time ———————————————————————————————————————————————————————————————————————————————————————————————————————

  schedule(self: MachineSelf, target: unknown, event: EventObject, delay: number, id: string | undefined): void {
    const { process } = self;
    const isAfter = target === self && id === event.type;
    let timer = id === undefined ? undefined : this.#takeCancelled(id, isAfter ? undefined : target);
    if (timer === undefined) {
      const queue = this.kernel.timers;
      timer = isAfter ? new AfterTimer(queue, event) : new SentTimer(queue, id, target, event);
      process.own(timer);
    } else {
      timer.event = event;
    }
    if (id !== undefined) self.rememberTimer(timer);
    armTimer(this.kernel, process, timer, delay);
  }

  /** The timer of this id, if it was cancelled earlier in this step. */
  #takeCancelled(id: string, target: unknown): MachineTimer | undefined {
    const cancelled = this.#cancelled;
    for (let index = cancelled.length - 1; index >= 0; index -= 1) {
      const timer = cancelled[index];
      if (timer === undefined || timer.id !== id || timer.target !== target) continue;
      const last = cancelled.pop();
      if (last !== undefined && last !== timer) cancelled[index] = last;
      return timer;
    }
    return undefined;
  }

  cancel(self: MachineSelf, id: string): void {
    const timer = self.forgetTimer(id);
    if (timer === undefined) return;
    // One that has fired waits in the mailbox, and must not be taken for the timeout of what happened since.
    if (timer.place < 0) timer.makeVoid();
    else this.#cancelled.push(timer);
    if (this.kernel.tracer !== null) this.kernel.trace("timerCancelled", self.process, { timer });
  }

  /** Arms the timeout of a state anew; a store, if it is armed. */
  rearm(self: MachineSelf, event: EventObject, delay: number, id: string): void {
    const timer = self.timerOf(id);
    if (timer !== undefined && timer.place >= 0) {
      armTimer(this.kernel, self.process, timer, delay);
      return;
    }
    this.cancel(self, id);
    this.schedule(self, self, event, delay, id);
  }

  /** A delayed event of this actor has come up: answers it if it is for the machine, sends it on if for another. */
  elapsed(self: MachineSelf, { timer, event }: Delayed): EventObject | undefined {
    if (timer.isCancelled) return undefined;
    // XState forgets whatever has the id of a timer that fires, so a second one with the same id is not in reach of
    // `cancel` any more.
    if (timer.id !== undefined) self.forgetTimer(timer.id);
    if (timer.target === undefined || timer.target === self) return event;
    this.relay(self.pid, timer.target, event);
    return undefined;
  }
}

/** What actions of the machine get as `system`: the actors of its own family, and those that the kernel knows by name. */
class SharedSystem {
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

  get(name: string): ActorHandle | LogicActor | undefined {
    return this.#scope.self?.family?.get(name) ?? handleOf(this.#scope.kernel, name);
  }

  getAll(): Record<string, ActorHandle | LogicActor> {
    const { names } = this.#scope.kernel;
    const registered = [...names].map(([name, process]) => [name, new ActorHandle(process.pid)] as const);
    return { ...Object.fromEntries(registered), ...this.#scope.self?.family?.getAll() };
  }

  _relay(source: MachineSelf, target: unknown, event: EventObject): void {
    this.#scope.relay(source.pid, target, event);
  }

  /** The child that is about to be stopped gives up its name at once, so that another can have it. */
  _unregister(child: LogicActor): void {
    childOf(child)?.family._unregister(child);
  }

  /** Whoever wants to see what a machine does, traces it. */
  inspect(): never {
    throw this.#scope.refuse("system.inspect");
  }

  /** Its timers are the kernel's. */
  getSnapshot(): never {
    throw this.#scope.refuse("system.getSnapshot");
  }

  /** The trace of the kernel is what inspectors read; it takes from XState's whether an event has a transition. */
  _sendInspectionEvent({ _transitions: taken = [] }: { readonly _transitions?: readonly unknown[] }): void {
    const { record } = this.#scope;
    if (record !== null && taken.length > 0) record.hasMoved = true;
  }
}

/** An actor that the kernel knows by this name. */
function handleOf(kernel: Kernel, name: string): ActorHandle | undefined {
  const process = kernel.names.get(name);
  return process === undefined ? undefined : new ActorHandle(process.pid);
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
