import type { Report, Subject, TraceDetail, TraceEvent, TraceEvents, TraceOptions, Tracer } from "../event.ts";
import type { Cancel, ErrorAttribution, Host } from "../host.ts";
import { type Logger, type LogLevel, silentLogger } from "../logger.ts";
import { Pid } from "../pid.ts";
import type { Simulation } from "../simulation.ts";
import { Audience, type Spectator } from "./audience.ts";
import { crashFields } from "./crash-fields.ts";
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

/** A timer that is so many milliseconds late shows that the program stood still: in a long callback, or stopped by the system. */
const STANDSTILL_MS = 100;

/**
 * The engine of one system: run queue, timers, names, the list of the living, and the loop that delivers one signal
 * after the other. It knows processes only as things that run.
 */
export class Kernel {
  readonly name: string;
  readonly host: Host;
  readonly logger: Logger;
  readonly budget: Budget;
  /** Null in production. */
  readonly simulation: Simulation | null;
  /** Whose step is under way; kept in simulations only. */
  running: ActorProcess | null = null;
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
  /** `time` was read in the I/O callback that is under way, and nothing has run since. */
  #isTimeNew = false;
  #armedFor = Infinity;
  #disarm: Cancel | null = null;
  /** After a standstill: timers wait until I/O had its turn; then they fire. */
  #standstill: "none" | "listening" | "over" = "none";

  /** Sees everything, each message included; null when nobody asked for that. */
  tracer: Audience | null = null;
  /** Sees what machines do, beside everything. */
  stateTracer: Audience | null = null;
  /** Sees at least the events of life: starts, ends, reports. */
  observer: Audience | null = null;
  readonly #tracers = new Map<Tracer, Pick<Spectator, "types"> & { readonly detail: TraceDetail }>();
  /** Who actors are, in simulations: there, nearly all that happens is an event. */
  readonly #subjects: Map<Pid, Subject> | null;
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
    this.simulation = host.simulation ?? null;
    this.#subjects = this.simulation === null ? null : new Map();
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
   * the turn in which it arrived. What `enter` needs is handed to it, since a closure would be an object for each packet.
   */
  io<First, Second>(enter: (first: First, second: Second) => void, first: First, second: Second): void {
    if (this.#draining || this.#inIo) {
      enter(first, second);
      return;
    }
    this.#inIo = true;
    this.time = this.host.now();
    this.#isTimeNew = true;
    try {
      enter(first, second);
    } finally {
      this.#inIo = false;
      this.#isTimeNew = false;
    }
  }

  /** The time of the host. Until an I/O callback sets off the first step, one reading is new enough for all that it does. */
  now(): number {
    return this.#isTimeNew ? this.time : this.host.now();
  }

  /** Delivers exactly one signal; answers whether there was one. */
  step(): boolean {
    const process = this.#runQueue.shift();
    if (process === undefined) return false;
    this.steps += 1;
    if (this.simulation !== null) this.#simulate(this.simulation, process);
    else if (this.attribution === null) process.run();
    else this.attribution.run(process, () => process.run());
    return true;
  }

  #simulate(simulation: Simulation, process: ActorProcess): void {
    this.running = process;
    simulation.onStep?.(process);
    try {
      process.run();
    } finally {
      this.running = null;
      simulation.onStep?.(null);
    }
  }

  /** Works within the budget; answers whether something is left. */
  drain(): boolean {
    if (this.#draining) return false;
    this.#draining = true;
    this.#woken = false;
    const start = this.now();
    this.#isTimeNew = false;
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

  /** It runs an actor, a timer or an I/O callback: what is done now is not the continuation of some promise. */
  get isOnStack(): boolean {
    return this.#draining || this.#inIo || this.running !== null;
  }

  #fireTimers(): void {
    if (this.#standstill === "over") this.#standstill = "none";
    else if (this.time - this.timers.nextVisit >= STANDSTILL_MS) {
      if (this.#standstill === "none") void this.#listen();
      return;
    }
    for (;;) {
      const timer = this.timers.takeDue(this.time);
      if (timer === undefined) return;
      const { owner } = timer;
      if (owner !== null) {
        if (this.simulation !== null) {
          const lateness = this.simulation.lateness(owner);
          if (lateness > 0) {
            this.timers.arm(timer, this.time + lateness);
            continue;
          }
        }
        owner.disown(timer);
        if (this.tracer !== null) this.cause = this.trace("timerFired", owner, { timer }, timer.cause);
      }
      timer.fire(owner);
      this.cause = 0;
    }
  }

  /**
   * The program stood still, and what has come meanwhile is heard before timers fire: or a client would be called silent
   * that was not.
   */
  async #listen(): Promise<void> {
    this.#standstill = "listening";
    // The first turn may be the end of one in which the system was asked before the standstill.
    await this.host.turn();
    await this.host.turn();
    this.#standstill = "over";
    if (!this.stopped) this.wake();
  }

  /** Keeps the host's one timer at the next deadline; done once a drain, so a call that is answered costs none. */
  #syncTimer(): void {
    const next = this.#standstill === "listening" ? Infinity : this.timers.nextVisit;
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
      this.io(wake, this, undefined);
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

  addTracer(tracer: Tracer, { detail = "all", types }: TraceOptions): void {
    // What was given may be good for one look only, and is asked again when others come and go.
    this.#tracers.set(tracer, { detail, types: types && new Set<string>(types) });
    this.#composeTracers();
  }

  removeTracer(tracer: Tracer): void {
    this.#tracers.delete(tracer);
    this.#composeTracers();
  }

  #composeTracers(): void {
    const all = [...this.#tracers].map(([see, { detail, types }]) => ({ see: this.#guarded(see), detail, types }));
    this.observer = Audience.of(all);
    this.tracer = Audience.of(all.filter(({ detail }) => detail !== "life"));
    this.stateTracer = Audience.of(all.filter(({ detail }) => detail === "states"));
  }

  /** What is seen happens in the middle of other work, which must not break because a tracer does. */
  #guarded(see: Tracer): Tracer {
    return (event) => {
      try {
        see(event);
      } catch (error) {
        this.removeTracer(see);
        log(this.logger, "error", () => ({ err: error }), "a tracer has thrown, and sees nothing any more");
      }
    };
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

  /** Reports what a machine has made of an event; the caller has seen that there is a tracer for that. */
  traceState(subject: Subject, event: unknown, from: unknown, to: unknown): void {
    this.#emit(this.stateTracer, "handled", subject, { event, from, to }, this.cause);
  }

  /** Reports an event of life. Answers its id, or 0 if nobody listens. */
  observe<Type extends keyof TraceEvents>(type: Type, subject: Subject, fields: TraceEvents[Type]): number {
    return this.observer === null ? 0 : this.#emit(this.observer, type, subject, fields, this.cause);
  }

  #emit<Type extends keyof TraceEvents>(
    audience: Audience | null,
    type: Type,
    subject: Subject,
    fields: TraceEvents[Type],
    cause: number,
  ): number {
    const id = this.#nextEvent;
    this.#nextEvent += 1;
    const tracer = audience === null ? null : audience.of(type);
    if (tracer === null) return id;
    const event = { type, id, cause, time: this.host.now(), subject: this.#identify(subject), ...fields };
    // The compiler cannot see that a type and the fields of that type make a member of the union.
    tracer(event as unknown as TraceEvent);
    return id;
  }

  /** Who it is about: an object that outlives the actor without keeping it. */
  #identify(subject: Subject): Subject {
    const { pid } = subject;
    const known = this.#subjects?.get(pid);
    if (known !== undefined) return known;
    const { path, incarnation } = subject;
    const identity: Subject = { pid, path, incarnation };
    this.#subjects?.set(pid, identity);
    return identity;
  }

  /** An actor has moved to another place in the tree, and all below it. */
  forgetSubjects(): void {
    this.#subjects?.clear();
  }

  report(process: ActorProcess, report: Report): void {
    this.observe("report", process, { report });
    const { logger, pid, path } = process;
    if (logger === silentLogger) return;
    const { level, text, type } = report;
    const fields = () => {
      const who = { report: type, actor: pid.toString(), path };
      return report.type === "crash" ? { ...who, ...crashFields(report, process.summary) } : who;
    };
    log(logger, level, fields, text);
  }

  /** What there is to say of an actor beside its reports. */
  log({ logger, pid, path }: ActorProcess, level: LogLevel, fields: object, text: string): void {
    log(logger, level, () => ({ actor: pid.toString(), path, ...fields }), text);
  }
}

function wake(kernel: Kernel): void {
  kernel.wake();
}

/** A sink that is broken costs its own lines, and not whoever is logged about, who may be in the middle of its end. */
function log(logger: Logger, level: LogLevel, fields: () => object, text: string): void {
  try {
    logger[level](fields(), text);
  } catch {
    // There is nobody left to tell.
  }
}
