import type { EventObject } from "xstate";
import type { Behaviour, Definition, Process } from "../../behaviour.ts";
import { CastMessage } from "../../call.ts";
import { ChildEndedError, describeValue } from "../../errors.ts";
import { type ExitReason, normal, shutdown } from "../../exit-reason.ts";
import type { Pid } from "../../pid.ts";
import { Resource } from "../../resource.ts";
import { findLink } from "../link.ts";
import type { ActorProcess } from "../process.ts";
import { isThenable } from "../thenable.ts";
import type { Family } from "./family.ts";
import { limitMicrosteps } from "./microstep-limit.ts";
import { formatStateValue } from "./state-value.ts";
import { armTimer, Delayed, type MachineTimer, SentTimer } from "./timer.ts";
import {
  type ChildSnapshot,
  type ExecutableAction,
  isEvent,
  isMachine,
  type LogicActor,
  type Snapshot,
} from "./xstate.ts";

const NOT_STARTED = 0;
const RUNNING = 1;
const STOPPED = 2;

const stopEvent: EventObject = Object.freeze({ type: "xstate.stop" });

/** The order to stop stands in the mailbox behind what was sent before it. */
class Stop {
  readonly type = "stop";
}

/** An asynchronous action of the child has failed. */
class Rejected {
  readonly type = "rejected";
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** What only the kernel's side of it touches. */
interface InnerActor extends LogicActor {
  readonly logic: Logic;
  readonly _actorScope: ActorScope;
  _send(event: EventObject): void;
}

interface Logic {
  readonly start?: unknown;
  transition(snapshot: ChildSnapshot, event: EventObject, scope: ActorScope): unknown;
}

/** The door through which XState's actor acts. */
interface ActorScope {
  actionExecutor: (action: ExecutableAction) => void;
  logger: Log;
}

type Log = (...args: [unknown] | [string, unknown]) => void;

/**
 * The kernel's side of an actor that a machine has invoked or spawned. XState's object is its program, and its address
 * for machines; mailbox, timers, life and death are those of a process that is linked to the machine's own.
 *
 * When it is done or has failed, its parent is told by XState's events, and may handle them. So it ends by itself
 * without taking its parent along; its parent takes it along in any case.
 */
export class Child {
  readonly actor: InnerActor;
  readonly family: Family;
  process: ActorProcess | undefined = undefined;
  /** Its parent has been told how it ended. */
  hasTold = false;
  /** Its parent has told it to stop. */
  isLetGo = false;
  readonly #scope: ActorScope;
  #start: (() => void) | null;
  #isStopping = false;
  #custody: Custody | null = null;
  readonly #timers = new Map<string, MachineTimer>();

  constructor(actor: LogicActor, family: Family) {
    // XState's own objects have these; whoever only calls them need not know.
    this.actor = actor as InnerActor;
    this.family = family;
    this.#start = actor.start.bind(actor);
    const stop = actor._stop.bind(actor);
    const logger: Log = (...args) => family.log(this.process, args);
    // Of this one object only, and not of its class.
    Object.assign(actor, { start: () => this.#spawn(), _stop: () => this.#letGo(stop), logger });
    // It has not been asked for anything yet, its first snapshot included.
    if (isMachine(actor.logic)) Object.assign(actor, { logic: limitMicrosteps(actor.logic) });
    ({ _actorScope: this.#scope } = this.actor);
    const execute = this.#scope.actionExecutor;
    this.#scope.logger = logger;
    this.#scope.actionExecutor = (action) => execute(this.#minded(action));
  }

  // — Life ———————————————————————————————————————————————————————————————————————————————————————————————————————

  #spawn(): LogicActor {
    const { actor } = this;
    if (this.process !== undefined || actor._processingStatus !== NOT_STARTED) return actor;
    const parent = this.family.processOf(actor._parent);
    if (parent === undefined || parent.isDead) return actor;
    this.checkName();
    // From here on XState takes it for a running one; it really starts in its own first step.
    actor._processingStatus = RUNNING;
    const { process } = parent.spawnLink(definitionOf(actor), this, { id: actor.id });
    if (process === null) return actor;
    this.process = process;
    process.own(new Effects(this));
    this.#custody = new Custody(process, parent.pid, actor.id);
    parent.own(this.#custody);
    return actor;
  }

  /**
   * What is done as soon as it is made gives its name back, and another may have it by the start. That is the failure of
   * who starts it.
   *
   * @throws what XState's start throws then.
   */
  checkName(): void {
    const { systemId } = this.actor;
    if (systemId !== undefined) this.family.checkName(systemId, this.actor);
  }

  /** In a step of its own: XState's start. */
  begin(): void {
    const start = this.#start;
    this.#start = null;
    this.actor._processingStatus = NOT_STARTED;
    start?.();
  }

  /** Its parent does not want it any more. In XState it would be gone by now. */
  #letGo(stop: () => void): LogicActor {
    const { actor, process, family } = this;
    if (process === undefined) {
      stop();
      return actor;
    }
    this.isLetGo = true;
    const parent = family.processOf(actor._parent);
    process.accept(new Stop(), parent?.pid ?? process.pid);
    return actor;
  }

  /** XState's stop: aborts a promise's signal, ends a subscription, runs the clean-up of a callback. */
  stop(): void {
    const { actor } = this;
    // One whose process was ended before its first step has nothing to give back.
    if (this.#start !== null || actor._processingStatus !== RUNNING) return;
    this.#isStopping = true;
    actor._process(stopEvent);
  }

  /** What is thrown where XState does not look is its failure as well. */
  fail(error: unknown): void {
    const { actor } = this;
    if (actor._processingStatus === STOPPED) throw error;
    actor._processingStatus = RUNNING;
    // In XState, what fails is the logic.
    const { logic } = actor;
    const failing = (): never => {
      throw error;
    };
    Object.assign(actor, { logic: { ...logic, transition: failing } });
    actor._process({ type: "xstate.error" });
    Object.assign(actor, { logic });
  }

  /** Gives back what is left, whatever the end was. */
  cleanUp(): void {
    this.#custody?.owner?.disown(this.#custody);
    this.#custody = null;
    const { actor } = this;
    this.stop();
    // XState does not run the clean-up of a callback that has failed.
    const { logic } = actor;
    if (this.#start !== null) return;
    if (actor.getSnapshot().status !== "error" || isMachine(logic) || logic.start === undefined) return;
    logic.transition(actor.getSnapshot(), stopEvent, this.#scope);
  }

  // — Mail ———————————————————————————————————————————————————————————————————————————————————————————————————————

  /** A child that has not been started keeps its events; XState's own queue does that for it. */
  deliver(event: EventObject, from: Pid): void {
    if (this.process === undefined) this.actor._send(event);
    else this.process.deliver(event, from);
  }

  /** Tells its parent of itself: that it is done, has failed, has a new snapshot. */
  report(event: EventObject): void {
    // A failure of its clean-up is news even so.
    if (this.isLetGo && !this.#isStopping) return;
    if (!this.isLetGo) this.family.keepNews(event, this);
    this.family.relay(this.process?.pid, this.actor._parent, event);
  }

  // — Actions ————————————————————————————————————————————————————————————————————————————————————————————————————

  /** XState does not look at what an action answers, and the rejection of an asynchronous one would be nobody's. */
  #minded(action: ExecutableAction): ExecutableAction {
    const { exec } = action;
    if (exec === undefined) return action;
    return { ...action, exec: (info, params) => this.#mind(exec(info, params)) };
  }

  #mind(result: unknown): void {
    const { process } = this;
    if (!isThenable(result) || process === undefined || process.isDead) return;
    process.task(result.then(undefined, (error: unknown) => process.accept(new Rejected(error), process.pid)));
  }

  // — Timers —————————————————————————————————————————————————————————————————————————————————————————————————————

  schedule(target: unknown, event: EventObject, delay: number, id: string | undefined): void {
    const { process } = this;
    if (process === undefined || process.isDead) return;
    const timer = new SentTimer(process.kernel.timers, id, target, event);
    process.own(timer);
    if (id !== undefined) this.#timers.set(id, timer);
    armTimer(process.kernel, process, timer, delay);
  }

  cancel(id: string): void {
    const timer = this.#timers.get(id);
    if (timer === undefined) return;
    this.#timers.delete(id);
    timer.makeVoid();
    timer.drop();
    const { process } = this;
    if (process !== undefined && process.kernel.tracer !== null) {
      process.kernel.trace("timerCancelled", process, { timer });
    }
  }

  cancelAll(): void {
    for (const id of this.#timers.keys()) this.cancel(id);
  }

  elapsed({ timer, event }: Delayed): void {
    if (timer.isCancelled) return;
    if (timer.id !== undefined) this.#timers.delete(timer.id);
    if (timer.target === this.actor) this.actor._process(event);
    else this.family.relay(this.process?.pid, timer.target, event);
  }
}

/** Ends the child with its parent, in whatever way that ends: links do not tell of a normal end. */
class Custody extends Resource {
  readonly kind = "child";
  readonly #process: ActorProcess;
  readonly #parent: Pid;
  readonly #id: string;

  constructor(process: ActorProcess, parent: Pid, id: string) {
    super();
    this.#process = process;
    this.#parent = parent;
    this.#id = id;
  }

  release(): void {
    this.#process.accept(new Stop(), this.#parent);
  }

  override describe(): string {
    return this.#id;
  }
}

/** Lets go of what the child holds, in whatever way its process ends. */
class Effects extends Resource {
  readonly kind = "logic";
  readonly #child: Child;

  constructor(child: Child) {
    super();
    this.#child = child;
  }

  release(): void {
    const child = this.#child;
    const { actor, family } = child;
    try {
      child.cleanUp();
    } catch {
      // A clean-up that fails while its actor dies of something else: nobody is left to handle that.
    }
    actor._processingStatus = STOPPED;
    family._unregister(actor);
    if (!child.hasTold) this.#tellOfViolence();
  }

  /** Its process was ended from outside. For the parent that is a failure of the child, and not one of its own. */
  #tellOfViolence(): void {
    const child = this.#child;
    const { actor, family, process } = child;
    const parent = family.processOf(actor._parent);
    if (process === undefined || parent === undefined || parent.isDead || parent.isDoomed) return;
    const link = findLink(process, parent);
    if (link !== null) {
      link.remove();
      if (process.kernel.tracer !== null) process.kernel.trace("unlink", process, { with: parent.pid });
    }
    // If the clean-up has failed, that is what the parent knows.
    if (child.isLetGo || actor.getSnapshot().status === "error") return;
    const error = new ChildEndedError(actor.id, process.path);
    child.report({ type: `xstate.error.actor.${actor.id}`, error, actorId: actor.id } as EventObject);
  }

  override describe(): string {
    return this.#child.actor.id;
  }
}

class ChildBehaviour implements Behaviour<Child> {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  start(process: Process, child: Child): void {
    process.state = child;
    take(process, child, () => child.begin());
  }

  receive(process: Process, message: unknown): void {
    const child = process.state as Child;
    take(process, child, () => handle(process, child, message));
  }

  describe(process: Process): unknown {
    const snapshot = snapshotIn(process);
    if (snapshot === undefined) return undefined;
    const { status, value, context, tags } = snapshot;
    return value === undefined ? { status, context } : { value, context, tags: [...(tags ?? [])] };
  }

  summary(process: Process): string | undefined {
    const { value } = snapshotIn(process) ?? {};
    return value === undefined ? undefined : formatStateValue(value);
  }
}

function take(process: Process, child: Child, step: () => void): void {
  try {
    step();
  } catch (error) {
    child.fail(error);
  }
  settle(process, child);
}

function handle(process: Process, child: Child, message: unknown): void {
  if (message instanceof Stop) child.stop();
  else if (message instanceof Delayed) child.elapsed(message);
  else if (message instanceof Rejected) child.fail(message.error);
  else {
    const event = message instanceof CastMessage ? message.message : message;
    // Machines send events only, but anybody may have its pid.
    if (!isEvent(event))
      process.warn(`${child.actor.id} got ${describeValue(event)}, which is no event; it is dropped`);
    else if (child.family.letsIn(event)) child.actor._process(event);
  }
}

function snapshotIn({ state }: Process): Partial<Snapshot> | undefined {
  return state instanceof Child ? state.actor.getSnapshot() : undefined;
}

/** Ends the process of a child that has come to its end. XState has told its parent. */
function settle(process: Process, child: Child): void {
  const reason = endOf(child.actor);
  if (reason === undefined) return;
  child.hasTold = true;
  const parent = child.family.processOf(child.actor._parent);
  if (parent !== undefined && !parent.isDead) process.unlink(parent.pid);
  process.stop(reason);
}

/** A failure is the parent's to report, if it is not handled there. Here it is a detail of an ordinary end. */
function endOf(actor: LogicActor): ExitReason | undefined {
  const { status, error } = actor.getSnapshot();
  if (status === "done") return normal;
  if (status === "error") return shutdown(error ?? "failed");
  return status === "stopped" || actor._processingStatus === STOPPED ? shutdown() : undefined;
}

const machineChild = new ChildBehaviour("machine");
const otherChild = new ChildBehaviour("logic");

function definitionOf({ id, logic }: LogicActor): Definition<Child> {
  return { name: id, behaviour: isMachine(logic) ? machineChild : otherChild };
}
