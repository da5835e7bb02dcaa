import type { Report, Subject, TraceDetail, TraceEvent, TraceEvents, Tracer } from "../event.ts";
import type { Cancel, ErrorAttribution, Host } from "../host.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { Pid } from "../pid.ts";
import type { ActorProcess } from "./process.ts";
import { Ring } from "./ring.ts";
import { TimerQueue } from "./timer-queue.ts";

/** How much one drain may do before the host lets I/O in. */
export interface Budget {
  readonly signals: number;
  readonly ms: number;
}

/** The clock is read once in so many signals: often enough to keep the budget, too seldom to be felt. */
const SIGNALS_PER_CLOCK_READ = 64;

/**
 * The engine of one system: run queue, timers, names, the list of the living, and the loop that delivers one signal
 * after the other. It knows processes only as things that run.
 */
export class Kernel {
  readonly name: string;
  readonly host: Host;
  readonly logger: Logger;
  readonly budget: Budget;
  /** The pid that stands for the outside: the parent of all that is started from there. */
  readonly rootPid: Pid = new Pid(0);
  readonly timers: TimerQueue = new TimerQueue();
  readonly names: Map<string, ActorProcess> = new Map();
  readonly #runQueue = new Ring<ActorProcess>();

  /** The living, oldest first. */
  firstProcess: ActorProcess | null = null;
  lastProcess: ActorProcess | null = null;
  processCount = 0;
  /** User promises that actors wait for. */
  tasks = 0;
  /** Signals delivered so far. */
  steps = 0;
  /** Actors that ended by their own failure so far. */
  crashes = 0;
  stopped = false;
  /** Tells whose an error is that was thrown outside all steps; null unless asked for. */
  attribution: ErrorAttribution | null = null;

  #nextPid = 1;
  #spawned = 0;
  #draining = false;
  #woken = false;
  #inIo = false;
  #armedFor = Infinity;
  #disarm: Cancel | null = null;

  /** Sees everything, each message included; null when nobody asked for that. */
  tracer: Tracer | null = null;
  /** Sees at least the events of life: starts, ends, reports. */
  observer: Tracer | null = null;
  readonly #tracers = new Map<Tracer, TraceDetail>();
  /** The event whose handling is under way: the cause of all that happens now. */
  cause = 0;
  /** The message whose handling is under way. */
  message: unknown = undefined;
  #nextEvent = 1;

  readonly #drain: () => boolean;

  constructor(name: string, host: Host, logger: Logger, budget: Budget) {
    this.name = name;
    this.host = host;
    this.logger = logger;
    this.budget = budget;
    this.time = host.now();
    this.#drain = () => this.drain();
  }

  /** The time as it was read in the present batch of signals: for deadlines that are pushed back by every packet. */
  get time(): number {
    return this.timers.clock[0] as number;
  }

  set time(time: number) {
    this.timers.clock[0] = time;
  }

  nextPid(): Pid {
    const pid = new Pid(this.#nextPid);
    this.#nextPid += 1;
    return pid;
  }

  /** Answers which of the actors that were started from outside the next one is, for its path. */
  countChild(): number {
    this.#spawned += 1;
    return this.#spawned;
  }

  add(process: ActorProcess): void {
    const last = this.lastProcess;
    if (last === null) this.firstProcess = process;
    else last.nextProcess = process;
    process.previousProcess = last;
    this.lastProcess = process;
    this.processCount += 1;
  }

  remove(process: ActorProcess): void {
    const { previousProcess: previous, nextProcess: next } = process;
    if (previous === null) this.firstProcess = next;
    else previous.nextProcess = next;
    if (next === null) this.lastProcess = previous;
    else next.previousProcess = previous;
    process.previousProcess = null;
    process.nextProcess = null;
    this.processCount -= 1;
  }

  *processes(): Generator<ActorProcess> {
    for (let process = this.firstProcess; process !== null; process = process.nextProcess) yield process;
  }

  get queueLength(): number {
    return this.#runQueue.length;
  }

  /** Puts a process that has something to do at the end of the run queue. */
  enqueue(process: ActorProcess): void {
    this.#runQueue.push(process);
    if (!this.#draining) this.wake();
  }

  /** Asks the host to drain, unless that has been asked already. */
  wake(): void {
    if (this.#woken || this.#draining) return;
    this.#woken = true;
    this.host.wake(this.#drain, this.#inIo);
  }

  /**
   * Runs `enter` for an I/O callback and then, if nothing stands in front, all that it set off: a packet is handled in
   * the turn in which it arrived.
   */
  io(enter: () => void): void {
    if (this.#draining || this.#inIo) {
      enter();
      return;
    }
    this.#inIo = true;
    try {
      enter();
    } finally {
      this.#inIo = false;
    }
  }

  /** Delivers exactly one signal; answers whether there was one. */
  step(): boolean {
    const process = this.#runQueue.shift();
    if (process === undefined) return false;
    this.steps += 1;
    if (this.attribution === null) process.run();
    else this.attribution.run(process, () => process.run());
    return true;
  }

  /** Works within the budget; answers whether something is left. */
  drain(): boolean {
    if (this.#draining) return false;
    this.#draining = true;
    this.#woken = false;
    const start = this.host.now();
    this.time = start;
    try {
      this.#fireTimers();
      let signals = 0;
      while (this.step()) {
        signals += 1;
        if (signals >= this.budget.signals) break;
        if (signals % SIGNALS_PER_CLOCK_READ === 0) {
          this.time = this.host.now();
          if (this.time - start >= this.budget.ms) break;
          this.#fireTimers();
        }
      }
    } finally {
      this.#draining = false;
      this.#syncTimer();
      this.#woken = this.#runQueue.length > 0;
    }
    return this.#woken;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  #fireTimers(): void {
    for (;;) {
      const timer = this.timers.takeDue(this.time);
      if (timer === undefined) return;
      const { owner } = timer;
      if (owner !== null) {
        owner.disown(timer);
        if (this.tracer !== null) this.cause = this.trace("timerFired", owner, {}, timer.cause);
      }
      timer.fire(owner);
      this.cause = 0;
    }
  }

  /** Keeps the host's one timer at the next deadline; done once a drain, so a call that is answered costs none. */
  #syncTimer(): void {
    const next = this.timers.nextVisit;
    if (next === this.#armedFor) return;
    // A timer that is armed too early fires for nothing and is armed anew: cheaper than to move it at each change.
    if (next > this.#armedFor && next !== Infinity) return;
    this.#disarm?.();
    this.#disarm = null;
    this.#armedFor = next;
    if (next === Infinity) return;
    this.#disarm = this.host.at(next, () => {
      this.#armedFor = Infinity;
      this.#disarm = null;
      this.io(() => this.wake());
    });
  }

  /** The end: nothing is spawned any more, and nothing of the host is held. */
  stop(): void {
    this.stopped = true;
    this.attribution?.stop();
    this.attribution = null;
    this.#disarm?.();
    this.#disarm = null;
    this.#armedFor = Infinity;
  }

  /** Resolves when nothing can happen any more but by time or from outside. */
  async idle(): Promise<void> {
    for (;;) {
      const { steps, tasks } = this;
      if (this.#runQueue.length === 0 && !this.#woken && tasks === 0) return;
      await this.host.turn();
      if (this.#runQueue.length === 0 && this.steps === steps && this.tasks === tasks) return;
    }
  }

  addTracer(tracer: Tracer, detail: TraceDetail): void {
    this.#tracers.set(tracer, detail);
    this.#composeTracers();
  }

  removeTracer(tracer: Tracer): void {
    this.#tracers.delete(tracer);
    this.#composeTracers();
  }

  #composeTracers(): void {
    const all = [...this.#tracers];
    this.observer = composed(all.map(([tracer]) => tracer));
    this.tracer = composed(all.filter(([, detail]) => detail === "all").map(([tracer]) => tracer));
  }

  /** Reports one of the many events of the hot path; the caller has seen that there is a tracer. Answers its id. */
  trace<Type extends keyof TraceEvents>(
    type: Type,
    subject: Subject,
    fields: TraceEvents[Type],
    cause: number = this.cause,
  ): number {
    return this.#emit(this.tracer, type, subject, fields, cause);
  }

  /** Reports an event of life. Answers its id, or 0 if nobody listens. */
  observe<Type extends keyof TraceEvents>(type: Type, subject: Subject, fields: TraceEvents[Type]): number {
    return this.observer === null ? 0 : this.#emit(this.observer, type, subject, fields, this.cause);
  }

  #emit<Type extends keyof TraceEvents>(
    tracer: Tracer | null,
    type: Type,
    subject: Subject,
    fields: TraceEvents[Type],
    cause: number,
  ): number {
    const id = this.#nextEvent;
    this.#nextEvent += 1;
    const { pid, path, incarnation } = subject;
    const event = { type, id, cause, time: this.host.now(), subject: { pid, path, incarnation }, ...fields };
    // The compiler cannot see that a type and the fields of that type make a member of the union.
    tracer?.(event as unknown as TraceEvent);
    return id;
  }

  report(subject: Subject, report: Report): void {
    this.observe("report", subject, { report });
    if (this.logger === silentLogger) return;
    const { level, text, type } = report;
    const fields = { report: type, pid: subject.pid.toString(), path: subject.path };
    // Only a crash has a stack that is worth printing; whoever reports the same death later names its reason.
    const { reason } = report.type === "crash" ? report : { reason: undefined };
    this.logger[level](reason?.type === "error" ? { ...fields, err: reason.error } : fields, text);
  }
}

function composed(tracers: readonly Tracer[]): Tracer | null {
  const [only] = tracers;
  if (only === undefined) return null;
  if (tracers.length === 1) return only;
  return (event) => {
    for (const tracer of tracers) tracer(event);
  };
}
