import type { Definition, Match, Progress, StartResult, Waiting } from "../behaviour.ts";
import type { SpawnOptions } from "../context.ts";
import { BadReturnError, MailboxFullError, RegistrationError } from "../errors.ts";
import type { Subject } from "../event.ts";
import { type ExitReason, failure, isExpected, killed, normal, toExitReason } from "../exit-reason.ts";
import { Exit } from "../monitor.ts";
import type { Logger } from "../logger.ts";
import type { ActorRef, Pid } from "../pid.ts";
import type { Resource } from "../resource.ts";
import { ActorExit } from "./actor-exit.ts";
import { reportCrash } from "./crash-report.ts";
import type { Debug } from "./debug.ts";
import type { Kernel } from "./kernel.ts";
import type { Link } from "./link.ts";
import { MailboxBound } from "./mailbox-bound.ts";
import { Mailbox } from "./mailbox.ts";
import { releaseAll } from "./ownership.ts";
import type { ActorProcess } from "./process.ts";
import { handleSystemMessage, SystemMessage } from "./system-message.ts";
import { Traced, unwrap } from "./traced.ts";
import type { Watch } from "./watch.ts";

// The phases of an actor's life. Numbers, because the hot path compares them.
const STARTING = 0;
const RUNNING = 1;
const TERMINATING = 2;
const DEAD = 3;
// What is true of an actor.
const QUEUED = 1;
const BUSY = 2;
const BEGUN = 4;
const TRAPPING_EXITS = 8;
const SUSPENDED = 16;

type Phase = typeof STARTING | typeof RUNNING | typeof TERMINATING | typeof DEAD;

/** A callback that is blocked in a selective receive. */
interface Blocked {
  readonly waiting: Waiting;
  readonly match: Match;
  /** How many messages at the front of the mailbox have been looked at and did not match. */
  scanned: number;
}

/** Whoever waits for the outcome of a start. */
export type StartListener = (result: StartResult) => void;

export interface SpawnRequest<Args, Ref extends Pid> {
  readonly definition: Definition<Args, Ref>;
  readonly args: Args;
  readonly options: SpawnOptions;
  readonly parent: ActorProcess | null;
  readonly onStarted: StartListener | null;
}

/**
 * How an actor runs: its place in the tree, the one way in which it takes a step, and the one way in which it dies. What
 * its code may do with all that stands in `ActorProcess`, which is the same object.
 */
export abstract class Runner extends Mailbox {
  readonly pid: Pid;
  readonly kernel: Kernel;
  /** Changed by `adopt` only. */
  parent: ActorProcess | null;
  readonly incarnation: number;
  /** Changed by `sys.changeCode` only. */
  definition: Definition<never>;
  debug: Debug | null = null;
  protected key: string | number;

  /** What the behaviour remembers; before its start, the arguments. */
  state: unknown;
  label: string | undefined;
  name: string | undefined = undefined;

  links: Link | null = null;
  watchers: Watch | null = null;
  owned: Resource | null = null;
  nextProcess: ActorProcess | null = null;
  previousProcess: ActorProcess | null = null;

  /** Messages handled so far. */
  reductions = 0;
  /** How many actors this one has started, for their paths. */
  spawned = 0;

  #phase: Phase = STARTING;
  /** The event that leads to the next step when no message does: a spawn, an exit signal, what a promise was begun by. */
  #cause = 0;
  /** What is true of it, a bit each: five booleans would take as much room as five pids. */
  #flags = 0;

  #blocked: Blocked | null = null;
  #completion: (() => Progress) | null = null;
  /** An exit signal that cannot be refused has arrived: this actor dies before it handles anything else. */
  protected doom: ExitReason | null = null;
  /** Code of this actor has thrown outside its steps. */
  #thrown: { readonly error: unknown } | null = null;
  /** The actor has called `exit`; kept so that code which swallows the throw changes nothing. */
  #exiting: ExitReason | null = null;
  readonly #bound: MailboxBound | null;
  #exitReason: ExitReason = normal;
  #beforeExit: (() => void) | null = null;
  #onStarted: StartListener | null;
  #lastMessage: unknown = undefined;

  constructor(kernel: Kernel, request: SpawnRequest<never, Pid>) {
    super();
    const { definition, args, options, parent, onStarted } = request;
    this.kernel = kernel;
    this.pid = kernel.nextPid();
    this.parent = parent;
    this.definition = definition;
    this.state = args;
    this.label = options.label;
    this.incarnation = options.incarnation ?? 1;
    this.isTrappingExits = definition.trapExit === true;
    this.#onStarted = onStarted;
    this.#bound = options.mailbox === undefined ? null : new MailboxBound(options.mailbox);
    const counter = parent ?? kernel;
    counter.spawned += 1;
    this.key = options.id ?? counter.spawned;
  }

  /** This same object, with all that it can. */
  protected abstract get self(): ActorProcess;

  get path(): string {
    const own = typeof this.key === "string" ? this.key : `${this.definition.name}-${this.key}`;
    return this.parent === null ? own : `${this.parent.path}/${own}`;
  }

  get id(): string {
    return typeof this.key === "string" ? this.key : `${this.definition.name}-${this.key}`;
  }

  get ref(): ActorRef {
    return this.pid;
  }

  get logger(): Logger {
    return this.kernel.logger;
  }

  get parentPid(): Pid {
    return this.parent === null ? this.kernel.rootPid : this.parent.pid;
  }

  #set(flag: number, isSet: boolean): void {
    this.#flags = isSet ? this.#flags | flag : this.#flags & ~flag;
  }

  get isTrappingExits(): boolean {
    return (this.#flags & TRAPPING_EXITS) !== 0;
  }

  set isTrappingExits(isTrapping: boolean) {
    this.#set(TRAPPING_EXITS, isTrapping);
  }

  get isSuspended(): boolean {
    return (this.#flags & SUSPENDED) !== 0;
  }

  set isSuspended(isSuspended: boolean) {
    this.#set(SUSPENDED, isSuspended);
  }

  /** It stands in the run queue. */
  get #isQueued(): boolean {
    return (this.#flags & QUEUED) !== 0;
  }

  set #isQueued(isQueued: boolean) {
    this.#set(QUEUED, isQueued);
  }

  /** It waits for a promise of user code. */
  get #isBusy(): boolean {
    return (this.#flags & BUSY) !== 0;
  }

  set #isBusy(isBusy: boolean) {
    this.#set(BUSY, isBusy);
  }

  /** Its start has run, at least to its first wait. */
  get #hasBegun(): boolean {
    return (this.#flags & BEGUN) !== 0;
  }

  set #hasBegun(hasBegun: boolean) {
    this.#set(BEGUN, hasBegun);
  }

  get isDead(): boolean {
    return this.#phase === DEAD;
  }

  /** An exit signal that cannot be refused has arrived: whoever comes after it finds nobody, as in Erlang. */
  get isDoomed(): boolean {
    return this.doom !== null;
  }

  get status(): "starting" | "waiting" | "runnable" | "busy" | "suspended" | "terminating" | "dead" {
    switch (this.#phase) {
      case STARTING:
        return "starting";
      case TERMINATING:
        return "terminating";
      case DEAD:
        return "dead";
      case RUNNING:
        if (this.isSuspended) return "suspended";
        if (this.#isBusy || this.#blocked !== null) return "busy";
        return this.#isQueued ? "runnable" : "waiting";
    }
  }

  // — Mail ———————————————————————————————————————————————————————————————————————————————————————————————————————

  /** A message that somebody sends: it may find the mailbox full. */
  deliver(message: unknown, from: Pid): void {
    if (this.#bound === null || !this.#bound.isFull(this.self)) {
      this.accept(message, from);
    } else if (this.#bound.whenFull === "exit") {
      this.crash(new MailboxFullError(this.path, this.#bound.capacity));
    } else {
      this.#bound.dropped += 1;
      if (this.kernel.tracer !== null) this.kernel.trace("drop", this, { message });
    }
  }

  /** Messages that a full mailbox has refused so far. */
  get dropped(): number {
    return this.#bound?.dropped ?? 0;
  }

  /** Appends a message, as every message arrives. `from` is for the trace only. */
  accept(message: unknown, from: Pid): void {
    if (this.#phase === DEAD) return;
    let entry = message;
    const sentBy = from.process;
    if (sentBy !== null && sentBy.debug !== null) {
      sentBy.debug.sent(this.kernel.host.now(), this.describeMessage(message), this.path);
    }
    if (this.kernel.tracer !== null) {
      const sender = from.process ?? this;
      entry = new Traced(message, this.kernel.trace("send", sender, { to: this.pid, message }));
    }
    this.append(entry);
    if (!this.#isQueued && this.#hasWork()) this.#enqueue();
  }

  /** `deliver` for a sender that waits for room. */
  admit(message: unknown, from: Pid): Promise<void> | undefined {
    if (this.#bound?.whenFull === "block" && this.#bound.isFull(this.self)) return this.#bound.wait(message, from);
    this.deliver(message, from);
    return undefined;
  }

  protected lookAgain(): void {
    if (this.#blocked !== null) this.#blocked.scanned = 0;
  }

  /** Takes a message out for handling; with tracing on, what happens from here on is caused by it. */
  #receiveAt(index: number): unknown {
    const entry = this.takeAt(index);
    this.reductions += 1;
    if (this.#bound !== null) this.#bound.admit(this.self);
    if (this.debug !== null) this.debug.received(this.kernel.host.now(), this.describeMessage(unwrap(entry)));
    if (!(entry instanceof Traced)) return entry;
    if (this.kernel.tracer !== null) {
      this.kernel.cause = this.kernel.trace("deliver", this, { message: entry.message }, entry.sent);
    }
    return entry.message;
  }

  // — Steps ——————————————————————————————————————————————————————————————————————————————————————————————————————

  #hasWork(): boolean {
    if (this.#phase === DEAD) return false;
    if (this.doom !== null || this.#thrown !== null || this.#completion !== null) return true;
    if (this.#isBusy) return false;
    if (!this.#hasBegun) return true;
    if (this.#blocked !== null) return this.#blocked.scanned < this.mailboxLength;
    if (!this.hasMail) return false;
    return !this.isSuspended || this.#systemMessageAt() >= 0;
  }

  #enqueue(): void {
    this.#isQueued = true;
    this.kernel.enqueue(this.self);
  }

  /** Looks for work that a change from outside, such as `resume`, may have made possible. */
  reconsider(): void {
    if (!this.#isQueued && this.#hasWork()) this.#enqueue();
  }

  /** What a blocked actor waits for has changed: the messages it had passed over may match now. */
  rescan(): void {
    this.lookAgain();
    this.reconsider();
    if (!this.kernel.isDraining) this.kernel.wake();
  }

  /** The first run, which starts the behaviour. */
  begin(cause: number): void {
    this.#cause = cause;
    this.#enqueue();
  }

  /** One step: exactly one signal. Called by the kernel's loop only. */
  run(): void {
    this.#isQueued = false;
    if (this.#phase === DEAD) return;
    try {
      this.#step();
    } catch (error) {
      this.#fail(error);
    }
    // #step has side effects on the phase that the compiler's narrowing cannot see.
    if ((this.#phase as Phase) !== DEAD) {
      if (this.doom !== null) this.#dieOfSignal(this.doom);
      else if (this.#exiting !== null) this.#endByExit(this.#exiting);
    }
    this.kernel.cause = 0;
    if (!this.#isQueued && this.#hasWork()) this.#enqueue();
  }

  #step(): void {
    if (this.doom !== null) {
      this.#dieOfSignal(this.doom);
    } else if (this.#thrown !== null) {
      const { error } = this.#thrown;
      this.#thrown = null;
      // What it was waiting for has no part in what follows.
      if (this.#isBusy) this.kernel.tasks -= 1;
      this.#isBusy = false;
      this.#completion = null;
      throw error;
    } else if (this.#completion !== null) {
      const completion = this.#completion;
      const phase = this.#phase;
      this.#completion = null;
      this.kernel.cause = this.#cause;
      this.#follow(completion(), phase);
    } else if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.kernel.cause = this.#cause;
      // A definition's arguments were checked against it by the compiler when it was spawned.
      this.#follow(this.definition.behaviour.start(this.self, this.state as never), STARTING);
    } else if (this.#blocked !== null) {
      this.#scan(this.#blocked);
    } else {
      this.#receiveNext();
    }
  }

  #receiveNext(): void {
    const place = this.isSuspended ? this.#systemMessageAt() : 0;
    if (place < 0 || !this.hasMail) return;
    const message = this.#receiveAt(place);
    this.#lastMessage = message;
    if (message instanceof SystemMessage) {
      handleSystemMessage(this.self, message);
      return;
    }
    const phase = this.#phase;
    const progress = this.definition.behaviour.receive(this.self, message);
    if (progress !== undefined) this.#follow(progress, phase);
    else this.#lastMessage = undefined;
  }

  /** A suspended actor serves only system messages and the end of its parent. */
  #systemMessageAt(): number {
    const length = this.mailboxLength;
    for (let index = 0; index < length; index += 1) {
      const message = this.messageAt(index);
      if (message instanceof SystemMessage) return index;
      if (message instanceof Exit && message.from === this.parentPid) return index;
    }
    return -1;
  }

  #scan(blocked: Blocked): void {
    const length = this.mailboxLength;
    while (blocked.scanned < length) {
      const message = this.messageAt(blocked.scanned);
      if (blocked.match(message)) {
        const received = this.#receiveAt(blocked.scanned);
        this.#blocked = null;
        this.#advance(blocked.waiting, received, this.#phase);
        return;
      }
      blocked.scanned += 1;
    }
  }

  /** Waits for what a callback has left to do. `phase` is that in which it began; a later one has superseded it. */
  #follow(progress: Progress, phase: Phase): void {
    if (this.#phase !== phase) return;
    if (progress === undefined) {
      this.#settled(phase);
    } else if (isWaiting(progress)) {
      this.#advance(progress, undefined, phase);
    } else if (isThenable(progress)) {
      this.#await(progress, phase);
    } else {
      throw new BadReturnError(`a callback of ${this.definition.name}`, progress, "nothing, a promise or a generator");
    }
  }

  #advance(waiting: Waiting, message: unknown, phase: Phase): void {
    const step = waiting.next(message);
    if (this.#phase !== phase) return;
    if (step.done === true) {
      this.#settled(phase);
    } else if (typeof step.value === "function") {
      this.#blocked = { waiting, match: step.value, scanned: 0 };
    } else {
      this.#blocked = { waiting, match: step.value.match, scanned: step.value.skip };
    }
  }

  #await(promise: PromiseLike<void | (() => Progress)>, phase: Phase): void {
    this.#isBusy = true;
    this.#cause = this.kernel.cause;
    this.kernel.tasks += 1;
    promise.then(
      (next) => this.#complete(phase, typeof next === "function" ? next : () => undefined),
      (error: unknown) =>
        this.#complete(phase, () => {
          throw error;
        }),
    );
  }

  /** A user's promise has settled: what follows is a step like any other, never a continuation in its stack. */
  #complete(phase: Phase, completion: () => Progress): void {
    // Only death moves on the phase of an actor that waits, and it has taken the task off the count.
    if (this.#phase !== phase) return;
    this.kernel.tasks -= 1;
    this.#isBusy = false;
    this.#completion = completion;
    if (!this.#isQueued) this.#enqueue();
  }

  #settled(phase: Phase): void {
    if (phase === STARTING) {
      this.#phase = RUNNING;
      this.kernel.observe("started", this, {});
      this.#reportStart({ ok: true, ref: this.pid });
    } else if (phase === TERMINATING) {
      this.#die(this.#exitReason);
    } else {
      this.#lastMessage = undefined;
    }
  }

  #reportStart(result: StartResult): void {
    const listener = this.#onStarted;
    this.#onStarted = null;
    if (listener !== null) listener(result);
  }

  // — Ends ———————————————————————————————————————————————————————————————————————————————————————————————————————

  stop(given: ExitReason, beforeExit?: () => void): void {
    const reason = toExitReason(given);
    if (this.#phase === STARTING) {
      if (!isExpected(reason)) reportCrash(this.self, reason, this.#lastMessage);
      this.#die(reason);
    } else if (this.#phase === RUNNING) {
      this.#phase = TERMINATING;
      this.#blocked = null;
      this.#exitReason = reason;
      this.#beforeExit = beforeExit ?? null;
      if (!isExpected(reason)) reportCrash(this.self, reason, this.#lastMessage);
      const { behaviour } = this.definition;
      this.#follow(behaviour.terminate?.(this.self, reason), TERMINATING);
    }
  }

  ignore(): void {
    this.#reportStart({ ok: false, error: "ignored" });
    this.#die(normal);
  }

  /** Remembers that the actor has called `exit`; the answer is to be thrown, to unwind its stack. */
  protected exitWith(reason: ExitReason): ActorExit {
    this.#exiting = reason;
    return new ActorExit(reason);
  }

  #endByExit(reason: ExitReason): void {
    try {
      this.#exiting = null;
      this.stop(reason);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** User code has thrown. */
  #fail(error: unknown): void {
    if (this.doom !== null) {
      this.#die(this.doom);
      return;
    }
    const reason = error instanceof ActorExit ? error.reason : failure(error);
    this.#exiting = null;
    if (this.#phase === TERMINATING) {
      // As in OTP: a crash in the clean-up replaces the reason, and there is no second clean-up.
      if (!isExpected(reason)) reportCrash(this.self, reason, this.#lastMessage);
      this.#die(reason);
      return;
    }
    try {
      this.stop(reason);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** An exit signal arrives. `isLink`: by a link, where `kill` is a reason like any other. */
  acceptExit(from: Pid, reason: ExitReason, isLink: boolean, sender: Subject = this): void {
    if (this.#phase === DEAD) return;
    const { kernel } = this;
    const cause = kernel.tracer === null ? 0 : kernel.trace("exitSignal", sender, { to: this.pid, reason });
    if (reason.type === "kill" && !isLink) this.#doomBy(killed, cause);
    else if (this.isTrappingExits) this.accept(new Exit(from, reason), from);
    else if (reason.type !== "normal" || from === this.pid) this.#doomBy(reason, cause);
  }

  /** The first signal that cannot be refused decides. */
  #doomBy(reason: ExitReason, cause: number): void {
    if (this.doom !== null) return;
    this.doom = reason;
    this.#cause = cause;
    if (!this.#isQueued) this.#enqueue();
  }

  #dieOfSignal(reason: ExitReason): void {
    this.kernel.cause = this.#cause;
    this.#die(reason);
  }

  /** Code of this actor has thrown outside its steps: it ends in a step of its own, whatever it waits for. */
  crash(error: unknown): void {
    if (this.#phase === DEAD || this.#thrown !== null) return;
    this.#thrown = { error };
    if (!this.#isQueued) this.#enqueue();
  }

  /** The one way out. Everything the actor owned is released before anybody learns of its death. */
  #die(reason: ExitReason): void {
    if (this.#phase === DEAD) return;
    const { kernel, pid } = this;
    const beforeExit = this.#beforeExit;
    const cleanedUp = this.#phase === TERMINATING && this.doom === null;
    this.#phase = DEAD;
    if (this.#isBusy) kernel.tasks -= 1;
    kernel.remove(this.self);
    if (this.#onStarted !== null) kernel.observe("startFailed", this, { reason });
    kernel.observe("exit", this, { reason });
    if (this.name !== undefined) this.forgetName(this.name);
    releaseAll(this.self);
    pid.process = null;
    if (cleanedUp && beforeExit !== null) beforeExit();
    this.#reportStart({ ok: false, error: "failed", reason });
    this.#signalLinks(reason);
    this.#tellWatchers(reason);
    this.#bound?.release(this.self);
    this.state = undefined;
    this.dropAll();
    this.#blocked = null;
    this.#completion = null;
    this.#beforeExit = null;
    this.#lastMessage = undefined;
  }

  #signalLinks(reason: ExitReason): void {
    const { pid } = this;
    for (let link = this.links; link !== null; link = this.links) {
      const other = link.other(this.self);
      link.remove();
      other.acceptExit(pid, reason, true, this);
    }
  }

  #tellWatchers(reason: ExitReason): void {
    for (let watch = this.watchers; watch !== null; watch = this.watchers) {
      watch.unwatch();
      watch.targetDied(reason);
    }
  }

  /** The state as the behaviour shows it. */
  describe(): unknown {
    if (!this.#hasBegun || this.#phase === DEAD) return undefined;
    const { behaviour } = this.definition;
    return behaviour.describe === undefined ? this.state : behaviour.describe(this.self);
  }

  /** A message to this actor as its behaviour lets it be seen. */
  describeMessage(message: unknown): unknown {
    // Not a message to the user's code.
    if (message instanceof SystemMessage) return message.request;
    const { behaviour } = this.definition;
    return behaviour.describeMessage === undefined ? message : behaviour.describeMessage(message);
  }

  /** The state in a word, if the behaviour has one for it. */
  get summary(): string | undefined {
    if (!this.#hasBegun || this.#phase === DEAD) return undefined;
    return this.definition.behaviour.summary?.(this.self);
  }

  takeName(name: string): void {
    if (this.kernel.names.has(name)) throw new RegistrationError(name, "nameTaken");
    if (this.name !== undefined) throw new RegistrationError(name, "alreadyRegistered");
    this.kernel.names.set(name, this.self);
    this.name = name;
    if (this.kernel.tracer !== null) this.kernel.trace("register", this, { name });
  }

  protected forgetName(name: string): void {
    this.kernel.names.delete(name);
    this.name = undefined;
    if (this.kernel.tracer !== null) this.kernel.trace("unregister", this, { name });
  }
}

function isWaiting(progress: object): progress is Waiting {
  return Symbol.iterator in progress && "next" in progress;
}

function isThenable(progress: object): progress is PromiseLike<void | (() => Progress)> {
  return "then" in progress && typeof progress.then === "function";
}
