import type { Progress, Waiting } from "../behaviour.ts";
import { BadReturnError, MailboxFullError } from "../errors.ts";
import { Exit } from "../monitor.ts";
import type { Pid } from "../pid.ts";
import type { MailboxBound } from "./mailbox-bound.ts";
import { BEGUN, BUSY, DEAD, Mortal, type Phase, QUEUED, RUNNING, STARTING, TERMINATING } from "./mortal.ts";
import { handleSystemMessage, SystemMessage } from "./system-message.ts";
import { Counted, Traced, unwrap } from "./traced.ts";
import type { Unfinished } from "./unfinished.ts";

/**
 * How an actor runs: the one way in which it takes a step, and what makes that it has one to take. How it ends stands
 * in `Mortal`, what its code may do in `ActorProcess`; all of them are the same object.
 */
export abstract class Runner extends Mortal {
  get status(): "starting" | "waiting" | "runnable" | "busy" | "suspended" | "terminating" | "dead" {
    switch (this.phase) {
      case STARTING:
        return "starting";
      case TERMINATING:
        return "terminating";
      case DEAD:
        return "dead";
      case RUNNING:
        if (this.isSuspended) return "suspended";
        if (this.is(BUSY) || this.isBlocked) return "busy";
        return this.is(QUEUED) ? "runnable" : "waiting";
    }
  }

  /** A callback waits in a selective receive. */
  private get isBlocked(): boolean {
    return this.unfinished !== null && this.unfinished.waiting !== null;
  }

  /** The state as the behaviour shows it. */
  describe(): unknown {
    if (!this.is(BEGUN) || this.phase === DEAD) return undefined;
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
    if (!this.is(BEGUN) || this.phase === DEAD) return undefined;
    return this.definition.behaviour.summary?.(this.self);
  }

  // — Mail ———————————————————————————————————————————————————————————————————————————————————————————————————————

  /** A message that somebody sends: it may find the mailbox full. */
  deliver(message: unknown, from: Pid): void {
    const bound = this.particulars === null ? null : this.particulars.bound;
    if (bound === null) {
      this.accept(message, from);
    } else if (!bound.isFull) {
      this.acceptCounted(bound, message, from);
    } else if (bound.whenFull === "exit") {
      this.crash(new MailboxFullError(this.path, bound.capacity));
    } else {
      bound.dropped += 1;
      if (this.kernel.tracer !== null) this.kernel.trace("drop", this, { message });
    }
  }

  accept(message: unknown, from: Pid): void {
    if (this.phase === DEAD) return;
    const entry = this.sent(message, from);
    if (this.kernel.simulation !== null && this.isLate(from, () => this.place(entry))) return;
    this.append(entry);
    this.reconsider();
  }

  /** The same for one that takes a place of a limited mailbox. */
  acceptCounted(bound: MailboxBound, message: unknown, from: Pid): void {
    if (this.phase === DEAD) return;
    bound.take();
    const sent = this.sent(message, from);
    const entry = new Counted(message, sent instanceof Traced ? sent.sent : 0);
    if (this.kernel.simulation !== null && this.isLate(from, () => this.place(entry))) return;
    this.place(entry);
  }

  protected post(message: unknown, from: Pid): void {
    this.place(this.sent(message, from));
  }

  private place(entry: unknown): void {
    if (this.phase === DEAD) return;
    this.append(entry);
    this.reconsider();
  }

  /** What goes into the mailbox for a message: with tracing on, it carries what has sent it. */
  private sent(message: unknown, from: Pid): unknown {
    const sentBy = from.process;
    if (sentBy !== null && sentBy.debug !== null) {
      sentBy.debug.sent(this.kernel.host.now(), this.describeMessage(message), this.path);
    }
    if (this.kernel.tracer === null) return message;
    const sender = from.process ?? this;
    return new Traced(message, this.kernel.trace("send", sender, { to: this.pid, message }));
  }

  /** `deliver` for a sender that waits for room. */
  admit(message: unknown, from: Pid): Promise<void> | undefined {
    const bound = this.particulars?.bound;
    if (bound?.whenFull === "block" && bound.isFull) return bound.wait(message, from);
    this.deliver(message, from);
    return undefined;
  }

  protected lookAgain(): void {
    if (this.unfinished !== null) this.unfinished.scanned = 0;
  }

  protected left(entry: unknown): unknown {
    if (this.particulars !== null && this.particulars.bound !== null) this.particulars.bound.left(entry, this.self);
    return unwrap(entry);
  }

  /** Takes a message out for handling; with tracing on, what happens from here on is caused by it. */
  private receiveAt(index: number): unknown {
    const entry = this.takeAt(index);
    this.reductions += 1;
    if (this.particulars !== null) {
      const { bound, debug } = this.particulars;
      if (bound !== null) bound.left(entry, this.self);
      if (debug !== null) debug.received(this.kernel.host.now(), this.describeMessage(unwrap(entry)));
    }
    if (entry instanceof Traced && this.kernel.tracer !== null) {
      this.kernel.cause = this.kernel.trace("deliver", this, { message: entry.message }, entry.sent);
    }
    return unwrap(entry);
  }

  // — Steps ——————————————————————————————————————————————————————————————————————————————————————————————————————

  private hasWork(): boolean {
    if (this.phase === DEAD) return false;
    const { unfinished } = this;
    if (unfinished !== null) {
      if (unfinished.doom !== null || unfinished.thrown !== null || unfinished.completion !== null) return true;
      if (this.is(BUSY)) return false;
      if (unfinished.waiting !== null) return unfinished.scanned < this.mailboxLength;
    }
    if (!this.is(BEGUN)) return true;
    if (!this.hasMail) return false;
    return !this.isSuspended || this.systemMessageAt() >= 0;
  }

  protected enqueue(): void {
    this.set(QUEUED, true);
    this.kernel.enqueue(this.self);
  }

  /** Looks for work that a message, or a change from outside such as `resume`, may have made possible. */
  reconsider(): void {
    if (!this.is(QUEUED) && this.hasWork()) this.enqueue();
  }

  /** What a blocked actor waits for has changed: the messages it had passed over may match now. */
  rescan(): void {
    this.lookAgain();
    this.reconsider();
    if (!this.kernel.isDraining) this.kernel.wake();
  }

  /** The first run, which starts the behaviour. */
  begin(cause: number): void {
    if (cause !== 0) this.rest().cause = cause;
    this.enqueue();
  }

  /** One step: exactly one signal. Called by the kernel's loop only. */
  run(): void {
    this.set(QUEUED, false);
    if (this.phase === DEAD) return;
    try {
      this.step();
    } catch (error) {
      this.fail(error);
    }
    const { kernel, unfinished } = this;
    // Nothing is unfinished about the dead.
    if (unfinished !== null) {
      if (unfinished.doom !== null) this.dieOfSignal(unfinished, unfinished.doom);
      else if (unfinished.exiting !== null) this.endByExit(unfinished, unfinished.exiting);
    }
    kernel.cause = 0;
    kernel.message = undefined;
    this.reconsider();
  }

  private step(): void {
    const { kernel, unfinished } = this;
    if (unfinished !== null && this.goOn(unfinished)) return;
    if (this.is(BEGUN)) {
      this.receiveNext();
    } else {
      this.set(BEGUN, true);
      if (unfinished !== null) kernel.cause = unfinished.cause;
      this.mayCrash("start");
      // A definition's arguments were checked against it by the compiler when it was spawned.
      this.follow(this.definition.behaviour.start(this.self, this.state as never), STARTING);
    }
  }

  /** A step of what is unfinished, if it is not its start that this actor has to do. */
  private goOn(unfinished: Unfinished): boolean {
    if (unfinished.doom !== null) {
      this.dieOfSignal(unfinished, unfinished.doom);
    } else if (unfinished.thrown !== null) {
      const { error } = unfinished.thrown;
      unfinished.thrown = null;
      // What it was waiting for has no part in what follows.
      if (this.is(BUSY)) this.kernel.tasks -= 1;
      this.set(BUSY, false);
      unfinished.completion = null;
      throw error;
    } else if (unfinished.completion !== null) {
      const { completion } = unfinished;
      const { phase } = this;
      unfinished.completion = null;
      this.kernel.cause = unfinished.cause;
      this.follow(completion(), phase);
    } else if (unfinished.waiting !== null) {
      this.scan(unfinished, unfinished.waiting);
    } else {
      // Mail that came in the step in which it began to wait for a promise, such as its own, has put it in the queue.
      return this.is(BUSY);
    }
    return true;
  }

  private receiveNext(): void {
    const place = this.isSuspended ? this.systemMessageAt() : 0;
    if (place < 0 || !this.hasMail) return;
    const message = this.receiveAt(place);
    this.kernel.message = message;
    this.mayCrash("receive");
    if (message instanceof SystemMessage) {
      handleSystemMessage(this.self, message);
      return;
    }
    const { phase } = this;
    const progress = this.definition.behaviour.receive(this.self, message);
    if (progress !== undefined) this.follow(progress, phase);
  }

  /** A suspended actor serves only system messages and the end of its parent. */
  private systemMessageAt(): number {
    const length = this.mailboxLength;
    for (let index = 0; index < length; index += 1) {
      const message = this.messageAt(index);
      if (message instanceof SystemMessage) return index;
      if (message instanceof Exit && message.from === this.parentPid) return index;
    }
    return -1;
  }

  private scan(unfinished: Unfinished, waiting: Waiting): void {
    const length = this.mailboxLength;
    while (unfinished.scanned < length) {
      const message = this.messageAt(unfinished.scanned);
      if (unfinished.match(message)) {
        const received = this.receiveAt(unfinished.scanned);
        unfinished.waiting = null;
        this.mayCrash("receive");
        this.advance(waiting, received, this.phase);
        return;
      }
      unfinished.scanned += 1;
    }
  }

  /** Waits for what a callback has left to do. `phase` is that in which it began; a later one has superseded it. */
  protected follow(progress: Progress, phase: Phase): void {
    if (this.phase !== phase) return;
    if (progress === undefined) {
      this.settled(phase);
    } else if (isWaiting(progress)) {
      this.advance(progress, undefined, phase);
    } else if (isThenable(progress)) {
      this.wait(progress, phase);
    } else {
      throw new BadReturnError(`a callback of ${this.definition.name}`, progress, "nothing, a promise or a generator");
    }
  }

  private advance(waiting: Waiting, message: unknown, phase: Phase): void {
    const step = waiting.next(message);
    if (this.phase !== phase) return;
    if (step.done === true) {
      this.settled(phase);
      return;
    }
    const unfinished = this.keepCallback();
    unfinished.waiting = waiting;
    if (typeof step.value === "function") {
      unfinished.match = step.value;
      unfinished.scanned = 0;
    } else {
      unfinished.match = step.value.match;
      unfinished.scanned = step.value.skip;
    }
  }

  private wait(promise: PromiseLike<void | (() => Progress)>, phase: Phase): void {
    const { kernel } = this;
    this.set(BUSY, true);
    this.keepCallback().cause = kernel.cause;
    kernel.tasks += 1;
    promise.then(
      (next) => this.complete(phase, typeof next === "function" ? next : () => undefined),
      (error: unknown) =>
        this.complete(phase, () => {
          throw error;
        }),
    );
  }

  /** The callback goes on after this step. */
  private keepCallback(): Unfinished {
    const rest = this.rest();
    if (rest.message === undefined) rest.message = this.kernel.message;
    return rest;
  }

  /** A user's promise has settled: what follows is a step like any other, never a continuation in its stack. */
  private complete(phase: Phase, completion: () => Progress): void {
    // Only death moves on the phase of an actor that waits, and it has taken the task off the count.
    if (this.phase !== phase) return;
    this.kernel.tasks -= 1;
    this.set(BUSY, false);
    this.rest().completion = completion;
    if (!this.is(QUEUED)) this.enqueue();
  }

  private settled(phase: Phase): void {
    if (phase === TERMINATING) {
      this.die(this.rest().exitReason);
      return;
    }
    if (phase === STARTING) {
      this.phase = RUNNING;
      if (this.kernel.observer !== null) this.kernel.observe("started", this, {});
      this.reportStart({ ok: true, ref: this.pid });
    }
    if (this.unfinished === null) return;
    if (this.unfinished.isEnd) this.unfinished.message = undefined;
    else this.unfinished = null;
  }
}

function isWaiting(progress: object): progress is Waiting {
  return Symbol.iterator in progress && "next" in progress;
}

function isThenable(progress: object): progress is PromiseLike<void | (() => Progress)> {
  return "then" in progress && typeof progress.then === "function";
}
