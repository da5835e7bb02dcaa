import {
  type Definition,
  type Process,
  type Progress,
  Started,
  type StartResult,
  type Match,
  type Waiting,
} from "../behaviour.ts";
import {
  type CallOptions,
  CallMessage,
  CastMessage,
  type ReplyOf,
  type RequestId,
  type RequestOf,
  type RequestOptions,
  Response,
} from "../call.ts";
import type { SpawnOptions } from "../context.ts";
import { CrashReport, type Report, type Subject, type TraceEvents } from "../event.ts";
import {
  ActorDeadError,
  BadReturnError,
  InvalidOptionError,
  MailboxFullError,
  NoProcessError,
  RegistrationError,
  SystemStoppedError,
} from "../errors.ts";
import { type ExitReason, failure, isExpected, killed, normal, noproc, toExitReason } from "../exit-reason.ts";
import { Down, Exit, type MonitorRef } from "../monitor.ts";
import type { Logger } from "../logger.ts";
import type { ActorRef, Callable, Castable, Destination, Pid } from "../pid.ts";
import type { Resource } from "../resource.ts";
import type { Deadline, TimerRef } from "../timer.ts";
import { ActorExit } from "./actor-exit.ts";
import type { Debug } from "./debug.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import type { Kernel } from "./kernel.ts";
import { findLink, Link } from "./link.ts";
import { MailboxBound } from "./mailbox-bound.ts";
import { MessageTimer } from "./message-timer.ts";
import { abandonCall, type CallOutcome, checkTimeout, makeCall, startCall } from "./pending-call.ts";
import { Ring } from "./ring.ts";
import { startTask } from "./task.ts";
import { handleSystemMessage, SystemMessage } from "./system-message.ts";
import { Traced } from "./traced.ts";
import { Monitor, type Watch } from "./watch.ts";

/** Stands for "no message" in the slot that holds the first one; undefined may be a message. */
const EMPTY: unique symbol = Symbol("empty");

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

/** For how many waiting messages an actor keeps the room when none waits any more. */
const MOST_KEPT_CAPACITY = 8;

/** How many of those who go down with it a crash report names. */
const MOST_NEIGHBOURS = 10;

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
 * A running actor: its mailbox, links, watchers and resources, and the one way in which it takes a step and the one
 * way in which it dies. Deliberately one object for the process and its context, since there may be 250,000 of them.
 */
export class ActorProcess implements Process {
  readonly pid: Pid;
  readonly kernel: Kernel;
  /** Changed by `adopt` only. */
  parent: ActorProcess | null;
  readonly incarnation: number;
  /** Changed by `sys.changeCode` only. */
  definition: Definition<never>;
  debug: Debug | null = null;
  #key: string | number;

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

  #head: unknown = EMPTY;
  #queue: Ring<unknown> | null = null;
  #blocked: Blocked | null = null;
  #completion: (() => Progress) | null = null;
  /** An exit signal that cannot be refused has arrived: this actor dies before it handles anything else. */
  #doom: ExitReason | null = null;
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
    const { definition, args, options, parent, onStarted } = request;
    this.kernel = kernel;
    this.pid = kernel.nextPid();
    this.pid.process = this;
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
    this.#key = options.id ?? counter.spawned;
  }

  get path(): string {
    const own = typeof this.#key === "string" ? this.#key : `${this.definition.name}-${this.#key}`;
    return this.parent === null ? own : `${this.parent.path}/${own}`;
  }

  get id(): string {
    return typeof this.#key === "string" ? this.#key : `${this.definition.name}-${this.#key}`;
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
    return this.#doom !== null;
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

  // — Mailbox ————————————————————————————————————————————————————————————————————————————————————————————————————

  get mailboxLength(): number {
    return this.#head === EMPTY ? 0 : 1 + (this.#queue?.length ?? 0);
  }

  /** A message that somebody sends: it may find the mailbox full. */
  deliver(message: unknown, from: Pid): void {
    if (this.#bound === null || !this.#bound.isFull(this)) {
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
    if (sentBy !== null && sentBy.debug !== null) sentBy.debug.sent(this.kernel.host.now(), message, this.path);
    if (this.kernel.tracer !== null) {
      const sender = from.process ?? this;
      entry = new Traced(message, this.kernel.trace("send", sender, { to: this.pid, message }));
    }
    if (this.#head === EMPTY) this.#head = entry;
    else (this.#queue ??= new Ring()).push(entry);
    if (!this.#isQueued && this.#hasWork()) this.#enqueue();
  }

  unreceive(message: unknown): void {
    this.#lookAgain();
    if (this.#head !== EMPTY) (this.#queue ??= new Ring()).unshift(this.#head);
    this.#head = message;
  }

  /** The places in the mailbox have changed: a blocked receive must not trust those it remembers. */
  #lookAgain(): void {
    if (this.#blocked !== null) this.#blocked.scanned = 0;
  }

  #entryAt(index: number): unknown {
    return index === 0 ? this.#head : this.#queue?.at(index - 1);
  }

  #takeAt(index: number): unknown {
    if (index > 0) return this.#queue?.remove(index - 1);
    const entry = this.#head;
    const queue = this.#queue;
    if (queue === null) this.#head = EMPTY;
    else if (queue.length > 0) this.#head = queue.shift();
    else {
      this.#head = EMPTY;
      // An actor that was flooded once does not keep the room for it.
      if (queue.capacity > MOST_KEPT_CAPACITY) this.#queue = null;
    }
    return entry;
  }

  takeMessage(match: Match, skip = 0): unknown {
    this.#lookAgain();
    const length = this.mailboxLength;
    for (let index = skip; index < length; index += 1) {
      if (match(unwrap(this.#entryAt(index)))) return unwrap(this.#takeAt(index));
    }
    return undefined;
  }

  takeMessages(match: Match, taken: (message: unknown) => void): void {
    this.#lookAgain();
    const kept = new Ring<unknown>();
    for (let left = this.mailboxLength; left > 0; left -= 1) {
      const entry = this.#takeAt(0);
      if (match(unwrap(entry))) taken(unwrap(entry));
      else kept.push(entry);
    }
    this.#head = kept.length === 0 ? EMPTY : kept.shift();
    this.#queue = kept.length === 0 ? null : kept;
  }

  /** Takes a message out for handling; with tracing on, what happens from here on is caused by it. */
  #receiveAt(index: number): unknown {
    const entry = this.#takeAt(index);
    this.reductions += 1;
    if (this.#bound !== null) this.#bound.admit(this);
    if (this.debug !== null) this.debug.received(this.kernel.host.now(), unwrap(entry));
    if (!(entry instanceof Traced)) return entry;
    if (this.kernel.tracer !== null) {
      this.kernel.cause = this.kernel.trace("deliver", this, { message: entry.message }, entry.sent);
    }
    return entry.message;
  }

  // — Steps ——————————————————————————————————————————————————————————————————————————————————————————————————————

  #hasWork(): boolean {
    if (this.#phase === DEAD) return false;
    if (this.#doom !== null || this.#thrown !== null || this.#completion !== null) return true;
    if (this.#isBusy) return false;
    if (!this.#hasBegun) return true;
    if (this.#blocked !== null) return this.#blocked.scanned < this.mailboxLength;
    if (this.#head === EMPTY) return false;
    return !this.isSuspended || this.#systemMessageAt() >= 0;
  }

  #enqueue(): void {
    this.#isQueued = true;
    this.kernel.enqueue(this);
  }

  /** Looks for work that a change from outside, such as `resume`, may have made possible. */
  reconsider(): void {
    if (!this.#isQueued && this.#hasWork()) this.#enqueue();
  }

  /** What a blocked actor waits for has changed: the messages it had passed over may match now. */
  rescan(): void {
    this.#lookAgain();
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
      if (this.#doom !== null) this.#dieOfSignal(this.#doom);
      else if (this.#exiting !== null) this.#endByExit(this.#exiting);
    }
    this.kernel.cause = 0;
    if (!this.#isQueued && this.#hasWork()) this.#enqueue();
  }

  #step(): void {
    if (this.#doom !== null) {
      this.#dieOfSignal(this.#doom);
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
      this.#follow(this.definition.behaviour.start(this, this.state as never), STARTING);
    } else if (this.#blocked !== null) {
      this.#scan(this.#blocked);
    } else {
      this.#receiveNext();
    }
  }

  #receiveNext(): void {
    const place = this.isSuspended ? this.#systemMessageAt() : 0;
    if (place < 0 || this.#head === EMPTY) return;
    const message = this.#receiveAt(place);
    this.#lastMessage = message;
    if (message instanceof SystemMessage) {
      handleSystemMessage(this, message);
      return;
    }
    const phase = this.#phase;
    const progress = this.definition.behaviour.receive(this, message);
    if (progress !== undefined) this.#follow(progress, phase);
    else this.#lastMessage = undefined;
  }

  /** A suspended actor serves only system messages and the end of its parent. */
  #systemMessageAt(): number {
    const length = this.mailboxLength;
    for (let index = 0; index < length; index += 1) {
      const message = unwrap(this.#entryAt(index));
      if (message instanceof SystemMessage) return index;
      if (message instanceof Exit && message.from === this.parentPid) return index;
    }
    return -1;
  }

  #scan(blocked: Blocked): void {
    const length = this.mailboxLength;
    while (blocked.scanned < length) {
      const message = unwrap(this.#entryAt(blocked.scanned));
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
      if (!isExpected(reason)) this.#reportCrash(reason);
      this.#die(reason);
    } else if (this.#phase === RUNNING) {
      this.#phase = TERMINATING;
      this.#blocked = null;
      this.#exitReason = reason;
      this.#beforeExit = beforeExit ?? null;
      if (!isExpected(reason)) this.#reportCrash(reason);
      const { behaviour } = this.definition;
      this.#follow(behaviour.terminate?.(this, reason), TERMINATING);
    }
  }

  ignore(): void {
    this.#reportStart({ ok: false, error: "ignored" });
    this.#die(normal);
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
    if (this.#doom !== null) {
      this.#die(this.#doom);
      return;
    }
    const reason = error instanceof ActorExit ? error.reason : failure(error);
    this.#exiting = null;
    if (this.#phase === TERMINATING) {
      // As in OTP: a crash in the clean-up replaces the reason, and there is no second clean-up.
      if (!isExpected(reason)) this.#reportCrash(reason);
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
    if (this.#doom !== null) return;
    this.#doom = reason;
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
    const cleanedUp = this.#phase === TERMINATING && this.#doom === null;
    this.#phase = DEAD;
    if (this.#isBusy) kernel.tasks -= 1;
    kernel.remove(this);
    if (this.#onStarted !== null) kernel.observe("startFailed", this, { reason });
    kernel.observe("exit", this, { reason });
    this.#releaseAll();
    pid.process = null;
    if (cleanedUp && beforeExit !== null) beforeExit();
    this.#reportStart({ ok: false, error: "failed", reason });
    this.#signalLinks(reason);
    this.#tellWatchers(reason);
    this.#bound?.release(this);
    this.state = undefined;
    this.#head = EMPTY;
    this.#queue = null;
    this.#blocked = null;
    this.#completion = null;
    this.#beforeExit = null;
    this.#lastMessage = undefined;
  }

  #releaseAll(): void {
    if (this.name !== undefined) this.#forgetName(this.name);
    for (let resource = this.owned; resource !== null; resource = this.owned) {
      this.disown(resource);
      if (this.kernel.tracer !== null) this.kernel.trace("release", this, { resource: resource.describe() });
      resource.release();
    }
  }

  #signalLinks(reason: ExitReason): void {
    const { pid } = this;
    for (let link = this.links; link !== null; link = this.links) {
      const other = link.other(this);
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

  #reportCrash(reason: ExitReason): void {
    const { kernel, pid, path, incarnation, definition, label, name: registeredName, mailboxLength } = this;
    kernel.crashes += 1;
    const subject = { pid, path, incarnation };
    const behaviour = definition.behaviour.kind;
    const lastMessage = this.#lastMessage;
    const state = this.describe();
    const neighbours = this.#neighbours();
    const facts = { subject, behaviour, label, registeredName, reason, lastMessage, state, mailboxLength, neighbours };
    kernel.report(this, new CrashReport(facts));
  }

  #neighbours(): Subject[] {
    const neighbours: Subject[] = [];
    for (let link = this.links; link !== null && neighbours.length < MOST_NEIGHBOURS; link = link.next(this)) {
      const { pid, path, incarnation, isTrappingExits } = link.other(this);
      if (!isTrappingExits) neighbours.push({ pid, path, incarnation });
    }
    return neighbours;
  }

  get isTraced(): boolean {
    return this.kernel.observer !== null;
  }

  report(report: Report): void {
    this.kernel.report(this, report);
  }

  deadline(run: () => void): Deadline {
    return new DeadlineTimer(this, run);
  }

  observe<Type extends keyof TraceEvents>(type: Type, fields: TraceEvents[Type]): void {
    this.kernel.observe(type, this, fields);
  }

  warn(text: string): void {
    this.kernel.logger.warn({ pid: this.pid.toString(), path: this.path }, text);
  }

  /** The state as the behaviour shows it. */
  describe(): unknown {
    if (!this.#hasBegun || this.#phase === DEAD) return undefined;
    const { behaviour } = this.definition;
    return behaviour.describe === undefined ? this.state : behaviour.describe(this);
  }

  /** The state in a word, if the behaviour has one for it. */
  get summary(): string | undefined {
    if (!this.#hasBegun || this.#phase === DEAD) return undefined;
    return this.definition.behaviour.summary?.(this);
  }

  // — Resources ——————————————————————————————————————————————————————————————————————————————————————————————————

  own(resource: Resource): void {
    this.assertAlive();
    if (this.kernel.tracer !== null && resource.owner === null) {
      this.kernel.trace("acquire", this, { resource: resource.describe() });
    }
    resource.owner?.disown(resource);
    resource.owner = this;
    const first = this.owned;
    resource.nextOwned = first;
    if (first !== null) first.previousOwned = resource;
    this.owned = resource;
  }

  give(resource: Resource, to: Pid): boolean {
    const owner = livingProcess(to);
    if (owner === null || resource.owner !== this) return false;
    owner.own(resource);
    return true;
  }

  disown(resource: Resource): void {
    if (resource.owner !== this) return;
    const { nextOwned: next, previousOwned: previous } = resource;
    if (previous === null) this.owned = next;
    else previous.nextOwned = next;
    if (next !== null) next.previousOwned = previous;
    resource.owner = null;
    resource.nextOwned = null;
    resource.previousOwned = null;
  }

  assertAlive(): void {
    if (this.#phase === DEAD) throw new ActorDeadError(this.path);
  }

  // — What the actor's code may do ———————————————————————————————————————————————————————————————————————————————

  send(target: Destination, message: unknown): void {
    this.assertAlive();
    const process = typeof target === "string" ? this.#named(target) : target.process;
    if (process !== null) process.deliver(message, this.pid);
  }

  async offer<Message>(target: ActorRef<Message>, message: Message): Promise<void> {
    this.assertAlive();
    await target.process?.admit(message, this.pid);
  }

  /** `deliver` for a sender that waits for room. */
  admit(message: unknown, from: Pid): Promise<void> | undefined {
    if (this.#bound?.whenFull === "block" && this.#bound.isFull(this)) return this.#bound.wait(message, from);
    this.deliver(message, from);
    return undefined;
  }

  cast(target: Castable | string, message: unknown): void {
    this.assertAlive();
    const process = typeof target === "string" ? (this.kernel.names.get(target) ?? null) : target.process;
    if (process !== null) process.deliver(new CastMessage(message), this.pid);
  }

  call<Calls, const Request extends RequestOf<Calls>>(
    target: Callable<Calls> | string,
    request: Request,
    options?: CallOptions,
  ): Promise<ReplyOf<Calls, Request>> {
    this.assertAlive();
    return makeCall(this.kernel, this, target, (from) => new CallMessage(request, from), options) as Promise<
      ReplyOf<Calls, Request>
    >;
  }

  sendRequest<Calls>(
    target: Callable<Calls> | string,
    request: RequestOf<Calls>,
    options: RequestOptions = {},
  ): RequestId {
    this.assertAlive();
    const { label, timeoutMs = "infinity" } = options;
    checkTimeout(timeoutMs);
    const settle = (outcome: CallOutcome, id: RequestId): void =>
      this.accept(new Response(id, label, outcome), this.pid);
    return startCall(this.kernel, this, target, (from) => new CallMessage(request, from), timeoutMs, settle);
  }

  abandonRequest(id: RequestId): void {
    this.assertAlive();
    abandonCall(id);
    this.takeMessage((message) => message instanceof Response && message.id === id);
  }

  spawn<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args?: Args, options: SpawnOptions = {}): Ref {
    this.assertAlive();
    return spawnProcess(this.kernel, spawnRequest(definition, args, options, this, null)).pid as Ref;
  }

  spawnLink<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args?: Args, options: SpawnOptions = {}): Ref {
    this.assertAlive();
    const child = spawnProcess(this.kernel, spawnRequest(definition, args, options, this, null));
    this.#linkTo(child);
    return child.pid as Ref;
  }

  spawnMonitor<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): { readonly ref: Ref; readonly monitor: MonitorRef } {
    const ref = this.spawn(definition, args, options);
    return { ref, monitor: this.monitor(ref) };
  }

  start<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): Promise<StartResult<Ref>> {
    this.assertAlive();
    return startProcess(this.kernel, definition, args, options, this, () => undefined);
  }

  startLink<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): Promise<StartResult<Ref>> {
    this.assertAlive();
    return startProcess(this.kernel, definition, args, options, this, (child) => this.#linkTo(child));
  }

  startChild<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args: Args, options: SpawnOptions = {}): Ref {
    this.assertAlive();
    const { kernel } = this;
    const taken = options.name === undefined ? undefined : kernel.names.get(options.name);
    if (taken !== undefined) {
      const nobody = kernel.nextPid();
      this.accept(new Started(nobody, { ok: false, error: "alreadyStarted", pid: taken.pid }), taken.pid);
      return nobody as Ref;
    }
    // The child starts in a step of its own, so its pid is known by the time the listener needs it.
    const listener: StartListener = (result) => this.accept(new Started(child.pid, result), child.pid);
    const child = spawnProcess(kernel, spawnRequest(definition, args, options, this, listener));
    this.#linkTo(child);
    return child.pid as Ref;
  }

  adopt(pid: Pid, id: string): boolean {
    this.assertAlive();
    const child = pid.process;
    if (child === null || child.isDoomed || child === this) return false;
    child.parent = this;
    child.#key = id;
    this.#linkTo(child);
    return true;
  }

  link(pid: Pid): void {
    this.assertAlive();
    const other = livingProcess(pid);
    if (pid === this.pid) return;
    if (other !== null) {
      this.#linkTo(other);
    } else if (this.isTrappingExits) {
      this.accept(new Exit(pid, noproc), pid);
    } else {
      throw new NoProcessError(pid.toString());
    }
  }

  #linkTo(other: ActorProcess): void {
    if (other.isDead || findLink(this, other) !== null) return;
    void new Link(this, other);
    if (this.kernel.tracer !== null) this.kernel.trace("link", this, { with: other.pid });
  }

  unlink(pid: Pid): void {
    this.assertAlive();
    const other = pid.process;
    if (other === null) return;
    const link = findLink(this, other);
    if (link === null) return;
    link.remove();
    if (this.kernel.tracer !== null) this.kernel.trace("unlink", this, { with: pid });
  }

  monitor(target: Destination): MonitorRef {
    this.assertAlive();
    const name = typeof target === "string" ? target : undefined;
    const process = typeof target === "string" ? (this.kernel.names.get(target) ?? null) : target.process;
    if (process === null || process.isDoomed) {
      const ref: MonitorRef = { kind: "monitor" };
      const pid = typeof target === "string" ? undefined : target;
      this.accept(new Down(ref, pid, name, noproc), pid ?? this.pid);
      return ref;
    }
    const monitor = new Monitor(process, name);
    this.own(monitor);
    if (this.kernel.tracer !== null) this.kernel.trace("monitor", this, { target: process.pid });
    return monitor;
  }

  demonitor(ref: MonitorRef, options: { readonly flush?: boolean } = {}): void {
    this.assertAlive();
    if (ref instanceof Monitor && ref.owner === this) {
      ref.unwatch();
      this.disown(ref);
      if (this.kernel.tracer !== null) this.kernel.trace("demonitor", this, { target: ref.pid });
    }
    if (options.flush === true) this.takeMessage((message) => message instanceof Down && message.ref === ref);
  }

  exit(reason: ExitReason): never;
  exit(target: Pid, reason: ExitReason): void;
  exit(first: ExitReason | Pid, second?: ExitReason): void {
    this.assertAlive();
    if (second === undefined) {
      const reason = toExitReason(first as ExitReason);
      this.#exiting = reason;
      throw new ActorExit(reason);
    }
    const target = first as Pid;
    target.process?.acceptExit(this.pid, toExitReason(second), false, this);
    // As in Erlang, a signal to oneself has taken effect when `exit` returns.
    if (target === this.pid && this.#doom !== null) throw new ActorExit(this.#doom);
  }

  trapExit(on: boolean): boolean {
    this.assertAlive();
    const before = this.isTrappingExits;
    this.isTrappingExits = on;
    return before;
  }

  register(name: string, pid: Pid = this.pid): void {
    this.assertAlive();
    const process = pid.process;
    if (process === null) throw new RegistrationError(name, "noProcess");
    process.takeName(name);
  }

  takeName(name: string): void {
    if (this.kernel.names.has(name)) throw new RegistrationError(name, "nameTaken");
    if (this.name !== undefined) throw new RegistrationError(name, "alreadyRegistered");
    this.kernel.names.set(name, this);
    this.name = name;
    if (this.kernel.tracer !== null) this.kernel.trace("register", this, { name });
  }

  #forgetName(name: string): void {
    this.kernel.names.delete(name);
    this.name = undefined;
    if (this.kernel.tracer !== null) this.kernel.trace("unregister", this, { name });
  }

  unregister(name: string): void {
    this.assertAlive();
    const process = this.kernel.names.get(name);
    if (process === undefined) throw new RegistrationError(name, "notRegistered");
    process.#forgetName(name);
  }

  whereis(name: string): Pid | undefined {
    return this.kernel.names.get(name)?.pid;
  }

  isAlive(pid: Pid): boolean {
    return livingProcess(pid) !== null;
  }

  sendAfter(target: Destination, message: unknown, afterMs: number): TimerRef {
    this.assertAlive();
    if (!Number.isFinite(afterMs) || afterMs < 0) {
      throw new InvalidOptionError("afterMs", afterMs, "milliseconds of at least 0");
    }
    const timer = new MessageTimer(this.kernel.timers, target, message);
    this.own(timer);
    this.kernel.timers.arm(timer, this.kernel.host.now() + afterMs);
    // Outside a drain nobody else would tell the host of the new deadline.
    if (!this.kernel.isDraining) this.kernel.wake();
    if (this.kernel.tracer !== null) timer.cause = this.kernel.trace("timerSet", this, { dueIn: afterMs });
    return timer;
  }

  cancelTimer(ref: TimerRef): number | undefined {
    this.assertAlive();
    if (!(ref instanceof MessageTimer) || ref.owner !== this) return undefined;
    const left = ref.due - this.kernel.host.now();
    this.kernel.timers.cancel(ref);
    this.disown(ref);
    if (this.kernel.tracer !== null) this.kernel.trace("timerCancelled", this, {});
    return Math.max(0, left);
  }

  guard<Args extends readonly unknown[], Result>(
    callback: (...args: Args) => Result,
  ): (...args: Args) => Result | undefined {
    return (...args) => {
      if (this.#phase === DEAD) return undefined;
      try {
        return callback(...args);
      } catch (error) {
        this.crash(error);
        return undefined;
      }
    };
  }

  task<Value>(promise: PromiseLike<Value>, toMessage?: (value: Value) => unknown): void {
    this.assertAlive();
    startTask(this, promise, toMessage);
  }

  now(): number {
    return this.kernel.host.now();
  }

  random(): number {
    return this.kernel.host.random(this.path);
  }

  #named(name: string): ActorProcess {
    const process = this.kernel.names.get(name);
    if (process === undefined) throw new NoProcessError(`named "${name}"`);
    return process;
  }
}

function spawnRequest<Args, Ref extends Pid>(
  definition: Definition<Args, Ref>,
  args: Args | undefined,
  options: SpawnOptions,
  parent: ActorProcess | null,
  onStarted: StartListener | null,
): SpawnRequest<Args, Ref> {
  // The overloads of `spawn` let the arguments be absent only where the definition takes none.
  return { definition, args: args as Args, options, parent, onStarted };
}

/** Creates the process; its start is its own first step. */
export function spawnProcess<Args, Ref extends Pid>(kernel: Kernel, spawn: SpawnRequest<Args, Ref>): ActorProcess {
  if (kernel.stopped) throw new SystemStoppedError(kernel.name);
  const { name } = spawn.options;
  if (name !== undefined && kernel.names.has(name)) throw new RegistrationError(name, "nameTaken");
  const process = new ActorProcess(kernel, spawn as unknown as SpawnRequest<never, Pid>);
  kernel.add(process);
  const { parent, definition } = spawn;
  const cause =
    kernel.observer === null
      ? 0
      : kernel.observe("spawn", process, { parent: parent?.pid, behaviour: definition.behaviour.kind });
  if (name !== undefined) process.takeName(name);
  process.begin(cause);
  return process;
}

/** Creates the process and resolves with the outcome of its start. */
export function startProcess<Args, Ref extends Pid>(
  kernel: Kernel,
  definition: Definition<Args, Ref>,
  args: Args | undefined,
  options: SpawnOptions,
  parent: ActorProcess | null,
  created: (child: ActorProcess) => void,
): Promise<StartResult<Ref>> {
  const taken = options.name === undefined ? undefined : kernel.names.get(options.name);
  if (taken !== undefined) return Promise.resolve({ ok: false, error: "alreadyStarted", pid: taken.pid });
  return new Promise((resolve) => {
    const listener: StartListener = (result) => resolve(result as StartResult<Ref>);
    created(spawnProcess(kernel, spawnRequest(definition, args, options, parent, listener)));
  });
}

/** The actor, unless it is dead or as good as dead: signals that were sent before the question have arrived. */
export function livingProcess({ process }: Pid): ActorProcess | null {
  return process === null || process.isDoomed ? null : process;
}

function unwrap(entry: unknown): unknown {
  return entry instanceof Traced ? entry.message : entry;
}

function isWaiting(progress: object): progress is Waiting {
  return Symbol.iterator in progress && "next" in progress;
}

function isThenable(progress: object): progress is PromiseLike<void | (() => Progress)> {
  return "then" in progress && typeof progress.then === "function";
}
