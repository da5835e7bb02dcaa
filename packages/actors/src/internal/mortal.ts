import type { Progress, StartResult } from "../behaviour.ts";
import type { Subject } from "../event.ts";
import { type ExitReason, failure, isExpected, killed, normal, toExitReason } from "../exit-reason.ts";
import { Exit } from "../monitor.ts";
import type { Pid } from "../pid.ts";
import { InjectedCrashError } from "../errors.ts";
import type { Simulation } from "../simulation.ts";
import { ActorExit } from "./actor-exit.ts";
import { reportCrash } from "./crash-report.ts";
import type { Kernel } from "./kernel.ts";
import { Member } from "./member.ts";
import { releaseAll } from "./ownership.ts";
import type { SpawnRequest } from "./spawn-request.ts";
import { Unfinished } from "./unfinished.ts";

// The phases of an actor's life. Numbers, because the hot path compares them.
export const STARTING = 0;
export const RUNNING = 1;
export const TERMINATING = 2;
export const DEAD = 3;

export type Phase = typeof STARTING | typeof RUNNING | typeof TERMINATING | typeof DEAD;

// The phase and what else is true of an actor are bits of one number: five booleans would take as much room as five pids.
const PHASE = 3;
/** It stands in the run queue. */
export const QUEUED = 4;
/** It waits for a promise of user code. */
export const BUSY = 8;
/** Its start has run, at least to its first wait. */
export const BEGUN = 16;
const TRAPPING_EXITS = 32;
const SUSPENDED = 64;
/** It is an asynchronous function that goes on by itself, behind an `await` of something else than a message. */
const ADRIFT = 128;

/** How an actor comes to its end: by its own doing, by a failure of its code, or by an exit signal. */
export abstract class Mortal extends Member {
  private flags: number;
  protected unfinished: Unfinished | null = null;

  constructor(kernel: Kernel, request: SpawnRequest<never, Pid>) {
    super(kernel, request);
    this.flags = request.definition.trapExit === true ? STARTING | TRAPPING_EXITS : STARTING;
    if (request.onStarted !== null) this.rest().onStarted = request.onStarted;
  }

  /** Makes sure that it gets its next step. */
  protected abstract enqueue(): void;
  /** Appends a message, as every message arrives. `from` is for the trace, and for a simulator, which may delay it. */
  abstract accept(message: unknown, from: Pid): void;
  /** The same for one that has arrived, however late. */
  protected abstract post(message: unknown, from: Pid): void;
  /** Waits for what a callback has left to do. */
  protected abstract follow(progress: Progress, phase: Phase): void;

  protected get phase(): Phase {
    return (this.flags & PHASE) as Phase;
  }

  protected set phase(phase: Phase) {
    this.flags = (this.flags & ~PHASE) | phase;
  }

  protected is(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  protected set(flag: number, isSet: boolean): void {
    this.flags = isSet ? this.flags | flag : this.flags & ~flag;
  }

  get isTrappingExits(): boolean {
    return this.is(TRAPPING_EXITS);
  }

  set isTrappingExits(isTrapping: boolean) {
    this.set(TRAPPING_EXITS, isTrapping);
  }

  get isSuspended(): boolean {
    return this.is(SUSPENDED);
  }

  set isSuspended(isSuspended: boolean) {
    this.set(SUSPENDED, isSuspended);
  }

  get isAdrift(): boolean {
    return this.is(ADRIFT);
  }

  set isAdrift(isAdrift: boolean) {
    this.set(ADRIFT, isAdrift);
  }

  get isDead(): boolean {
    return this.phase === DEAD;
  }

  /** The exit signal that ends this actor before it handles anything else. */
  protected get doom(): ExitReason | null {
    return this.unfinished === null ? null : this.unfinished.doom;
  }

  /** An exit signal that cannot be refused has arrived: whoever comes after it finds nobody, as in Erlang. */
  get isDoomed(): boolean {
    return this.doom !== null;
  }

  protected rest(): Unfinished {
    this.unfinished ??= new Unfinished();
    return this.unfinished;
  }

  /** The message that the present callback is about. */
  get lastMessage(): unknown {
    const message = this.unfinished?.message;
    return message === undefined ? this.kernel.message : message;
  }

  protected reportStart(result: StartResult): void {
    const listener = this.unfinished === null ? null : this.unfinished.onStarted;
    if (this.unfinished === null || listener === null) return;
    this.unfinished.onStarted = null;
    listener.childStarted(this.pid, result);
  }

  stop(given: ExitReason, beforeExit?: () => void): void {
    const reason = toExitReason(given);
    if (this.phase === STARTING) {
      if (!isExpected(reason)) reportCrash(this.self, reason, this.lastMessage);
      this.die(reason);
    } else if (this.phase === RUNNING) {
      this.phase = TERMINATING;
      const rest = this.rest();
      rest.waiting = null;
      rest.exitReason = reason;
      rest.beforeExit = beforeExit ?? null;
      if (!isExpected(reason)) reportCrash(this.self, reason, this.lastMessage);
      const { behaviour } = this.definition;
      this.follow(behaviour.terminate?.(this.self, reason), TERMINATING);
    }
  }

  ignore(): void {
    this.reportStart({ ok: false, error: "ignored" });
    this.die(normal);
  }

  /** Remembers that the actor has called `exit`; the answer is to be thrown, to unwind its stack. */
  protected exitWith(reason: ExitReason): ActorExit {
    this.rest().exiting = reason;
    return new ActorExit(reason);
  }

  /** The step in which the actor has called `exit` is over, even if its code did not let itself be unwound. */
  protected endByExit(unfinished: Unfinished, reason: ExitReason): void {
    try {
      unfinished.exiting = null;
      this.stop(reason);
    } catch (error) {
      this.fail(error);
    }
  }

  /** User code has thrown. */
  protected fail(error: unknown): void {
    const { unfinished } = this;
    if (unfinished !== null) {
      if (unfinished.doom !== null) {
        this.die(unfinished.doom);
        return;
      }
      if (unfinished.thrown !== null && unfinished.thrown.error === error) unfinished.thrown = null;
      unfinished.exiting = null;
    }
    const reason = error instanceof ActorExit ? error.reason : failure(error);
    if (this.phase === TERMINATING) {
      // As in OTP: a crash in the clean-up replaces the reason, and there is no second clean-up.
      if (!isExpected(reason)) reportCrash(this.self, reason, this.lastMessage);
      this.die(reason);
      return;
    }
    try {
      this.stop(reason);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** Where a simulator may have this actor end: before each effect that is its own doing. */
  mayCrash(effect: string): void {
    const { simulation } = this.kernel;
    if (simulation !== null) this.askForCrash(simulation, effect);
  }

  private askForCrash(simulation: Simulation, effect: string): void {
    const { kernel, unfinished } = this;
    // What others do to this actor in their steps, and what its resources do in callbacks, is no effect of its own.
    if (this.phase === DEAD || !this.isActing) return;
    if (unfinished !== null) {
      // Its code has caught what was to end it.
      if (unfinished.doom !== null) throw new ActorExit(unfinished.doom);
      if (unfinished.thrown?.error instanceof InjectedCrashError) throw unfinished.thrown.error;
    }
    const end = simulation.crashAt(this, effect);
    if (end === undefined) return;
    if (end === "kill") {
      this.doomBy(killed, kernel.cause);
      throw new ActorExit(killed);
    }
    const error = new InjectedCrashError(effect);
    this.crash(error);
    throw error;
  }

  /** Its own code runs: in its step or, if it waits for a promise of that code, where nothing of the kernel is on the stack. */
  private get isActing(): boolean {
    const { kernel } = this;
    if (kernel.isOnStack) return kernel.running === this.self;
    return this.is(BUSY) || this.isAdrift;
  }

  /** Code of this actor has thrown outside its steps: it ends in a step of its own, whatever it waits for. */
  crash(error: unknown): void {
    if (this.phase === DEAD) return;
    const rest = this.rest();
    if (rest.thrown !== null) return;
    rest.thrown = { error };
    if (!this.is(QUEUED)) this.enqueue();
  }

  /** An exit signal arrives. `isLink`: by a link, where `kill` is a reason like any other. */
  acceptExit(from: Pid, reason: ExitReason, isLink: boolean, sender: Subject = this): void {
    if (this.phase === DEAD) return;
    const { kernel } = this;
    const cause = kernel.tracer === null ? 0 : kernel.trace("exitSignal", sender, { to: this.pid, reason });
    if (kernel.simulation !== null) {
      const arrive = (): void => {
        kernel.cause = cause;
        this.takeExit(from, reason, isLink, cause);
        kernel.cause = 0;
      };
      if (this.isLate(from, arrive)) return;
    }
    this.takeExit(from, reason, isLink, cause);
  }

  /** A simulator has a signal arrive later. What an actor tells itself, and what comes from outside, is not for it. */
  protected isLate(from: Pid, arrive: () => void): boolean {
    const { simulation, rootPid } = this.kernel;
    if (simulation === null || from === this.pid || from === rootPid) return false;
    return simulation.delays(from, this.self, arrive);
  }

  private takeExit(from: Pid, reason: ExitReason, isLink: boolean, cause: number): void {
    if (this.phase === DEAD) return;
    if (reason.type === "kill" && !isLink) this.doomBy(killed, cause);
    else if (this.isTrappingExits) this.post(new Exit(from, reason), from);
    else if (reason.type !== "normal" || from === this.pid) this.doomBy(reason, cause);
  }

  /** The first signal that cannot be refused decides. */
  private doomBy(reason: ExitReason, cause: number): void {
    const rest = this.rest();
    if (rest.doom !== null) return;
    rest.doom = reason;
    rest.cause = cause;
    if (!this.is(QUEUED)) this.enqueue();
  }

  protected dieOfSignal({ cause }: Unfinished, reason: ExitReason): void {
    this.kernel.cause = cause;
    this.die(reason);
  }

  /** The one way out. Everything the actor owned is released before anybody learns of its death. */
  protected die(reason: ExitReason): void {
    if (this.phase === DEAD) return;
    const { kernel, pid, unfinished, particulars } = this;
    const cleanedUp = this.phase === TERMINATING && !this.isDoomed;
    this.phase = DEAD;
    if (this.is(BUSY)) kernel.tasks -= 1;
    kernel.remove(this.self);
    if (kernel.observer !== null) {
      if (unfinished !== null && unfinished.onStarted !== null) kernel.observe("startFailed", this, { reason });
      kernel.observe("exit", this, { reason });
    }
    if (this.name !== undefined) this.forgetName(this.name);
    if (this.owned !== null) releaseAll(this.self);
    pid.process = null;
    if (unfinished !== null) {
      if (cleanedUp) unfinished.beforeExit?.();
      if (unfinished.onStarted !== null) this.reportStart({ ok: false, error: "failed", reason });
    }
    this.signalLinks(reason);
    this.tellWatchers(reason);
    particulars?.bound?.release(this.self);
    this.state = undefined;
    this.dropAll();
    this.unfinished = null;
  }

  private signalLinks(reason: ExitReason): void {
    const { pid } = this;
    for (let link = this.links; link !== null; link = this.links) {
      const other = link.other(this.self);
      link.remove();
      other.acceptExit(pid, reason, true, this);
    }
  }

  private tellWatchers(reason: ExitReason): void {
    for (let watch = this.watchers; watch !== null; watch = this.watchers) {
      watch.unwatch();
      watch.targetDied(reason);
    }
  }
}
