import type { EventObject } from "xstate";
import type { Behaviour, Definition, Process } from "../../behaviour.ts";
import { ChildEndedError } from "../../errors.ts";
import { type ExitReason, normal, shutdown } from "../../exit-reason.ts";
import type { Pid } from "../../pid.ts";
import { Resource } from "../../resource.ts";
import { findLink } from "../link.ts";
import type { ActorProcess } from "../process.ts";
import type { Family } from "./family.ts";
import { armTimer, Delayed, MachineTimer } from "./timer.ts";
import { isMachine, type LogicActor, type Snapshot } from "./xstate.ts";

const NOT_STARTED = 0;
const RUNNING = 1;
const STOPPED = 2;

/** The order to stop stands in the mailbox behind what was sent before it. */
class Stop {
  readonly type = "stop";
}

/**
 * The kernel's side of an actor that a machine has invoked or spawned. XState's object is its program, and its address
 * for machines; mailbox, timers, life and death are those of a process that is linked to the machine's own.
 *
 * When it is done or has failed, its parent is told by XState's events, and may handle them. So it ends by itself
 * without taking its parent along; its parent takes it along in any case.
 */
export class Child {
  readonly actor: LogicActor;
  readonly family: Family;
  process: ActorProcess | undefined = undefined;
  /** Its parent has been told how it ended. */
  hasTold = false;
  readonly #timers = new Map<string, MachineTimer>();

  constructor(actor: LogicActor, family: Family) {
    this.actor = actor;
    this.family = family;
    const start = actor.start.bind(actor);
    const stop = actor._stop.bind(actor);
    // Of this one object only, and not of its class.
    Object.assign(actor, { start: () => this.#spawn(start), _stop: () => this.#stop(stop) });
  }

  #spawn(start: () => void): LogicActor {
    const { actor } = this;
    if (this.process !== undefined || actor._processingStatus !== NOT_STARTED) return actor;
    const parent = this.family.processOf(actor._parent);
    if (parent === undefined) return actor;
    // From here on XState takes it for a running one; it really starts in its own first step.
    actor._processingStatus = RUNNING;
    const pid = parent.spawnLink(definitionOf(actor), { child: this, start }, { id: actor.id });
    this.process = pid.process ?? undefined;
    return actor;
  }

  #stop(stop: () => void): LogicActor {
    if (this.process === undefined) stop();
    else this.process.accept(new Stop(), this.process.pid);
    return this.actor;
  }

  /** A child that has not been started keeps its events; XState's own queue does that for it. */
  deliver(event: EventObject, from: Pid): void {
    if (this.process !== undefined) this.process.deliver(event, from);
    else (this.actor as unknown as { _send(event: EventObject): void })._send(event);
  }

  // — Timers —————————————————————————————————————————————————————————————————————————————————————————————————————

  schedule(target: unknown, event: EventObject, delay: number, id: string | undefined): void {
    const { process } = this;
    if (process === undefined || process.isDead) return;
    const timer = new MachineTimer(process.kernel.timers, id, target, event);
    process.own(timer);
    if (id !== undefined) this.#timers.set(id, timer);
    armTimer(process.kernel, process, timer, delay);
  }

  cancel(id: string): void {
    const timer = this.#timers.get(id);
    if (timer === undefined) return;
    this.#timers.delete(id);
    timer.isCancelled = true;
    timer.drop();
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

/** Lets go of what the child holds, in whatever way its process ends. */
class Logic extends Resource {
  readonly kind = "logic";
  readonly #child: Child;

  constructor(child: Child) {
    super();
    this.#child = child;
  }

  release(): void {
    const { actor, family } = this.#child;
    try {
      // Aborts a promise's signal, ends a subscription, runs the clean-up of a callback.
      if (actor._processingStatus === RUNNING) actor._process({ type: "xstate.stop" });
    } catch {
      // Its own clean-up has failed while its process dies of something else. Nobody is left to handle that.
    }
    actor._processingStatus = STOPPED;
    family._unregister(actor);
    if (!this.#child.hasTold) this.#tellOfViolence();
  }

  /** Its process was ended from outside. For the parent that is a failure of the child, and not one of its own. */
  #tellOfViolence(): void {
    const { actor, family, process } = this.#child;
    const parent = family.processOf(actor._parent);
    if (process === undefined || parent === undefined || parent.isDead || parent.isDoomed) return;
    findLink(process, parent)?.remove();
    const error = new ChildEndedError(actor.id, process.path);
    family.relay(process.pid, actor._parent, {
      type: `xstate.error.actor.${actor.id}`,
      error,
      actorId: actor.id,
    } as EventObject);
  }

  override describe(): string {
    return this.#child.actor.id;
  }
}

interface ChildArgs {
  readonly child: Child;
  /** XState's own start. */
  readonly start: () => void;
}

class ChildBehaviour implements Behaviour<ChildArgs> {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  start(process: Process, { child, start }: ChildArgs): void {
    const { actor } = child;
    process.state = child;
    // The kernel gives behaviours of this package the process itself.
    child.process = process as ActorProcess;
    process.own(new Logic(child));
    if (actor._processingStatus === RUNNING) {
      actor._processingStatus = NOT_STARTED;
      start();
    }
    settle(process, child);
  }

  receive(process: Process, message: unknown): void {
    const child = process.state as Child;
    if (message instanceof Stop) child.actor._process({ type: "xstate.stop" });
    else if (message instanceof Delayed) child.elapsed(message);
    // Only events are sent to children.
    else child.actor._process(message as EventObject);
    settle(process, child);
  }

  describe(process: Process): unknown {
    const { state } = process;
    if (!(state instanceof Child)) return undefined;
    const snapshot = state.actor.getSnapshot() as Partial<Snapshot>;
    const { status, value, context, tags } = snapshot;
    return value === undefined ? { status, context } : { value, context, tags: [...(tags ?? [])] };
  }
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

function definitionOf({ id, logic }: LogicActor): Definition<ChildArgs> {
  return { name: id, behaviour: isMachine(logic) ? machineChild : otherChild };
}
