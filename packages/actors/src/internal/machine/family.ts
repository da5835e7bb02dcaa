import type { EventObject } from "xstate";
import type { Pid } from "../../pid.ts";
import type { ActorProcess } from "../process.ts";
import { Child } from "./child.ts";
import type { MachineScope } from "./scope.ts";
import { ActorHandle, type MachineSelf } from "./self.ts";
import type { LogicActor } from "./xstate.ts";

const ofChild: unique symbol = Symbol("child");

interface Adopted extends LogicActor {
  readonly [ofChild]?: Child;
}

/** The kernel's side of a child, if it is one of a machine that the kernel runs. */
export function childOf(target: unknown): Child | undefined {
  return typeof target === "object" && target !== null ? (target as Adopted)[ofChild] : undefined;
}

/**
 * What XState calls an actor system: a machine's children and theirs, with the names that `systemId` gives them. XState
 * makes the actors, the kernel runs them: each gets a process when it is started, and everything that goes from one to
 * the other comes through here on its way to a mailbox.
 */
export class Family {
  readonly #root: MachineSelf;
  readonly #named = new Map<string, LogicActor>();
  readonly #names = new WeakMap<LogicActor, string>();
  /** Which child an event tells of, until it has come to that child's parent. */
  readonly #news = new WeakMap<EventObject, Child>();
  #made = 0;

  readonly scheduler: {
    schedule(source: unknown, target: unknown, event: EventObject, delay: number, id: string | undefined): void;
    cancel(source: unknown, id: string): void;
    cancelAll(source: unknown): void;
  };

  constructor(root: MachineSelf) {
    this.#root = root;
    this.scheduler = {
      schedule: (source, target, event, delay, id) => {
        if (source === root) this.scope.schedule(root, target, event, delay, id);
        else childOf(source)?.schedule(target, event, delay, id);
      },
      cancel: (source, id) => {
        if (source === root) this.scope.cancel(root, id);
        else childOf(source)?.cancel(id);
      },
      cancelAll: (source) => childOf(source)?.cancelAll(),
    };
  }

  get scope(): MachineScope {
    return this.#root.interpreter.scope;
  }

  /** The process of an actor of this family, the root included; undefined if it does not run. */
  processOf(actor: unknown): ActorProcess | undefined {
    if (actor === this.#root) return this.#root.pid.process ?? undefined;
    return childOf(actor)?.process;
  }

  relay(from: Pid | undefined, target: unknown, event: EventObject): void {
    if (target === this.#root) {
      const { process } = this.#root.pid;
      // What becomes of a child is told even to a machine whose mailbox is full.
      if (isOutcome(event)) process?.accept(event, from ?? process.pid);
      else process?.deliver(event, from ?? process.pid);
      return;
    }
    const child = childOf(target);
    if (child === undefined) this.scope.relay(from ?? this.#root.pid, target, event);
    else child.deliver(event, from ?? child.process?.pid ?? this.#root.pid);
  }

  /** With this event, a child tells its parent of itself. */
  keepNews(event: EventObject, child: Child): void {
    this.#news.set(event, child);
  }

  /**
   * An event has come; answers whether it is to be handled. News of a child that its parent has let go since are not: in
   * XState there would be none, and here they would be taken for those of the next child of its id.
   */
  letsIn(event: EventObject): boolean {
    const child = this.#news.get(event);
    if (child === undefined) return true;
    // Whoever is sent it from now on is not told of that child, but sent an event.
    this.#news.delete(event);
    return !child.isLetGo;
  }

  /** What a child logs is logged in its own name. */
  log(process: ActorProcess | undefined, args: [unknown] | [string, unknown]): void {
    const who = process ?? this.#root.pid.process;
    if (who !== null) this.scope.log(who, args);
  }

  /** @throws in XState's words, if the name is another's. */
  checkName(name: string, actor: LogicActor): void {
    const present = this.#named.get(name);
    if (present !== undefined && present !== actor) {
      throw new Error(`Actor with system ID '${name}' already exists.`);
    }
  }

  // — What XState calls ——————————————————————————————————————————————————————————————————————————————————————————

  _bookId(): string {
    this.#made += 1;
    return `${this.#root.id}:${this.#made}`;
  }

  /** XState shows each actor that it makes before it does anything with it. */
  _sendInspectionEvent(seen: { readonly type: string; readonly actorRef?: LogicActor }): void {
    if (seen.type !== "@xstate.actor" || seen.actorRef === undefined) return;
    Object.defineProperty(seen.actorRef, ofChild, { value: new Child(seen.actorRef, this) });
  }

  /** As of the machine itself: a trace shows what its children do. */
  inspect(): never {
    throw this.scope.refuse("system.inspect");
  }

  getSnapshot(): never {
    throw this.scope.refuse("system.getSnapshot");
  }

  _register(sessionId: string): string {
    return sessionId;
  }

  /** With all that are below it: those of one that has failed live until the news of its death has reached them. */
  _unregister(actor: LogicActor): void {
    for (const child of Object.values(actor.getSnapshot().children ?? {})) {
      if (child !== undefined) this._unregister(child);
    }
    const name = this.#names.get(actor);
    if (name === undefined) return;
    this.#names.delete(actor);
    this.#named.delete(name);
  }

  /** When an actor is made, and again when it starts. */
  _set(name: string, actor: LogicActor): void {
    const child = childOf(actor);
    // In its own first step: its start was let through before, takes a name from nobody, and gets none if it was stopped.
    const hasStarted = child?.process !== undefined;
    if (hasStarted && (child.isLetGo || this.#named.has(name))) return;
    if (!hasStarted) this.checkName(name, actor);
    this.#named.set(name, actor);
    this.#names.set(actor, name);
  }

  get(name: string): LogicActor | ActorHandle | undefined {
    const named = this.#named.get(name);
    if (named !== undefined) return named;
    const process = this.scope.kernel.names.get(name);
    return process === undefined ? undefined : new ActorHandle(process.pid);
  }

  getAll(): Record<string, LogicActor> {
    return Object.fromEntries(this.#named);
  }

  _relay(source: unknown, target: unknown, event: EventObject): void {
    const child = childOf(source);
    if (child !== undefined && target === child.actor._parent && isReport(event, child.actor.id)) child.report(event);
    else this.relay(this.processOf(source)?.pid, target, event);
  }
}

/** How a child tells its parent that it is done or has failed. */
function isOutcome({ type }: EventObject): boolean {
  return type.startsWith("xstate.done.actor.") || type.startsWith("xstate.error.actor.");
}

/** What XState itself has a child tell its parent. */
function isReport({ type }: EventObject, id: string): boolean {
  return type === `xstate.done.actor.${id}` || type === `xstate.error.actor.${id}` || type === `xstate.snapshot.${id}`;
}
