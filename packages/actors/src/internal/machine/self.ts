import type { EventObject } from "xstate";
import { ActorDeadError } from "../../errors.ts";
import type { ExitReason } from "../../exit-reason.ts";
import type { Pid } from "../../pid.ts";
import type { ActorProcess } from "../process.ts";
import type { Configuration } from "./configuration.ts";
import type { Family } from "./family.ts";
import type { Interpreter } from "./interpreter.ts";
import { noChildren } from "./program.ts";
import type { Shell } from "./shell.ts";
import type { MachineTimer } from "./timer.ts";
import type { Children, Machine, Snapshot } from "./xstate.ts";

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

/** How a machine has come to its end. */
export interface Ending {
  readonly status: "done" | "stopped";
  readonly output: unknown;
}

/** What most machines never have. */
export class Belongings {
  children: Children = noChildren;
  family: Family | null = null;
  ending: Ending | null = null;
  /** The reason of a parent that has asked for the end, while the machine is on its way there. */
  shutdownReason: ExitReason | null = null;
  /** The latest timers of further ids. */
  timers: Map<string, MachineTimer> | null = null;
  shell: Shell | null = null;
  isTracing = false;
}

/**
 * What actions get as `self`, and at the same time all that the kernel remembers of a machine: a context and where the
 * machine is, in one small object, since there may be 250,000 of them.
 */
export class MachineSelf extends ActorHandle {
  /** Changed by a change of code only. */
  interpreter: Interpreter;
  configuration!: Configuration;
  context: unknown = undefined;
  /** The latest timer of its id. Most machines have one at a time, and for that a map is large. */
  #timer: MachineTimer | null = null;
  /** Null for most, and then there is nothing more to look at. */
  belongings: Belongings | null = null;

  constructor(pid: Pid, interpreter: Interpreter) {
    super(pid);
    this.interpreter = interpreter;
  }

  get #rest(): Belongings {
    this.belongings ??= new Belongings();
    return this.belongings;
  }

  /** Only while the actor lives. */
  get process(): ActorProcess {
    const { process } = this.pid;
    if (process === null) throw new ActorDeadError(this.id);
    return process;
  }

  get isActive(): boolean {
    return this.belongings === null || this.belongings.ending === null;
  }

  get ending(): Ending | null {
    return this.belongings?.ending ?? null;
  }

  set ending(ending: Ending) {
    this.#rest.ending = ending;
  }

  get children(): Children {
    return this.belongings?.children ?? noChildren;
  }

  set children(children: Children) {
    if (children !== this.children) this.#rest.children = children;
  }

  /** Made when the first child is. */
  get family(): Family | null {
    return this.belongings?.family ?? null;
  }

  set family(family: Family) {
    this.#rest.family = family;
  }

  get shutdownReason(): ExitReason | null {
    return this.belongings?.shutdownReason ?? null;
  }

  set shutdownReason(reason: ExitReason) {
    this.#rest.shutdownReason = reason;
  }

  get shell(): Shell | null {
    return this.belongings?.shell ?? null;
  }

  set shell(shell: Shell) {
    this.#rest.shell = shell;
  }

  /** Whether its transitions are shown to those who trace. */
  get isTracing(): boolean {
    return this.belongings !== null && this.belongings.isTracing;
  }

  set isTracing(isTracing: boolean) {
    if (isTracing !== this.isTracing) this.#rest.isTracing = isTracing;
  }

  // — What actions see of it —————————————————————————————————————————————————————————————————————————————————————

  getSnapshot(): Snapshot {
    return this.interpreter.snapshotOf(this);
  }

  /** The state as it can be kept: children as plain data, and where the context names one, its id. */
  getPersistedSnapshot(): object {
    return this.src.getPersistedSnapshot(this.getSnapshot());
  }

  /** The system of its children. XState asks for it when it makes one. */
  get system(): object {
    return this.interpreter.scope.familyOf(this);
  }

  get src(): Machine {
    return this.interpreter.program.machine;
  }

  /** For `sendParent`. Undefined for an actor that was started from outside: XState's refusal then crashes it. */
  get _parent(): Pid | undefined {
    return this.process.parent?.pid;
  }

  /** XState's actors have these too. Whoever wants to hear of an actor of the kernel monitors it, or traces it. */
  subscribe(): never {
    throw this.interpreter.scope.refuse("self.subscribe");
  }

  on(): never {
    throw this.interpreter.scope.refuse("self.on");
  }

  select(): never {
    throw this.interpreter.scope.refuse("self.select");
  }

  start(): never {
    throw this.interpreter.scope.refuse("self.start");
  }

  stop(): never {
    throw this.interpreter.scope.refuse("self.stop");
  }

  // — Timers —————————————————————————————————————————————————————————————————————————————————————————————————————

  rememberTimer(timer: MachineTimer): void {
    const { id } = timer;
    if (id === undefined) return;
    if (this.#timer === null || this.#timer.id === id) {
      this.#timer = timer;
      this.belongings?.timers?.delete(id);
    } else {
      this.#rest.timers ??= new Map();
      this.#rest.timers.set(id, timer);
    }
  }

  timerOf(id: string): MachineTimer | undefined {
    const first = this.#timer;
    return first !== null && first.id === id ? first : this.belongings?.timers?.get(id);
  }

  forgetTimer(id: string): MachineTimer | undefined {
    const first = this.#timer;
    if (first !== null && first.id === id) {
      this.#timer = null;
      return first;
    }
    const timer = this.belongings?.timers?.get(id);
    if (timer !== undefined) this.belongings?.timers?.delete(id);
    return timer;
  }

  /** All that `cancel` can still reach. */
  get timers(): MachineTimer[] {
    const further = this.belongings?.timers?.values() ?? [];
    return this.#timer === null ? [...further] : [this.#timer, ...further];
  }
}
