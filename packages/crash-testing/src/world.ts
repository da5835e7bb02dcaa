import {
  type Cancel,
  type Host,
  type InjectedEnd,
  type Logger,
  type Pid,
  silentLogger,
  type Simulation,
  type Subject,
} from "@espalier/actors";
import { Agenda } from "./agenda.ts";
import type { Choices, Stream } from "./choices.ts";
import { LATENCIES } from "./deviation.ts";
import { Tripwire, type UncontrolledGlobal } from "./tripwire.ts";
import { turn } from "./wall-clock.ts";

/** What is known of an actor by its pid. */
interface Member {
  /** Its path, and which of those who had it it is: the same in every run. */
  readonly name: string;
  readonly crash: Stream;
  readonly timer: Stream;
  /** By the receiver. */
  readonly pairs: Map<Pid, Pair>;
}

/** The signals from one actor to another. */
interface Pair {
  readonly stream: Stream;
  /** How many are on their way, and when the last of them arrives. */
  pending: number;
  last: number;
}

/** A crash that was injected. */
export interface Injection {
  readonly actor: string;
  readonly effect: string;
  readonly end: InjectedEnd;
  readonly time: number;
}

export interface WorldOptions {
  /** Where reports go. @defaultValue nowhere */
  readonly logger?: Logger;
  /** Hears of each effect that an actor is about to have, and may crash at. */
  readonly onEffect?: (actor: string, effect: string) => void;
  /** Called when nothing is left to do at a time, before the next. */
  readonly onQuiet?: () => void;
  /**
   * What code of actors may call although it makes runs differ; the rest throws an `UncontrolledNondeterminismError`
   * (`ERR_UNCONTROLLED_NONDETERMINISM`) while {@link armTripwires} is on. @defaultValue nothing
   */
  readonly allow?: readonly UncontrolledGlobal[];
}

/**
 * A host in which a run is a function of its choices: time passes when nothing else is left to do, and the order of
 * signals is what the choices make of it. Any number of systems and networks may live in one world.
 */
export class World implements Host, Simulation {
  readonly choices: Choices;
  readonly logger: Logger;
  /** Itself: what is out of the ordinary. */
  readonly simulation: Simulation = this;
  /** By how much everything together was late, in milliseconds: what a bound on time has to allow for. */
  injectedMs = 0;
  /** Signals that were sent and, being late, have not arrived. */
  signalsInFlight = 0;
  readonly injections: Injection[] = [];
  readonly tripwire: Tripwire;
  readonly #agenda = new Agenda();
  readonly #members = new Map<Pid, Member>();
  readonly #onEffect: ((actor: string, effect: string) => void) | undefined;
  readonly #onQuiet: (() => void) | undefined;
  #pending: Array<() => boolean> = [];
  #now = 0;
  #draws = new Map<string, number>();

  constructor(choices: Choices, options: WorldOptions = {}) {
    this.choices = choices;
    this.logger = options.logger ?? silentLogger;
    this.#onEffect = options.onEffect;
    this.#onQuiet = options.onQuiet;
    this.tripwire = new Tripwire(options.allow ?? []);
  }

  // — Host ———————————————————————————————————————————————————————————————————————————————————————————————————————

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now;
  }

  at(time: number, run: () => void): Cancel {
    return this.#agenda.add(Math.max(time, this.#now), run);
  }

  wake(drain: () => boolean): void {
    this.#pending.push(drain);
  }

  turn(): Promise<void> {
    return turn();
  }

  /** The same for the same draw of the same subject, whatever else happens. */
  random(subject: string): number {
    const draw = this.#draws.get(subject) ?? 0;
    this.#draws.set(subject, draw + 1);
    let hash = 0x811c9dc5 ^ draw;
    for (let index = 0; index < subject.length; index += 1) {
      hash = Math.imul(hash ^ subject.charCodeAt(index), 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
  }

  // — Simulation —————————————————————————————————————————————————————————————————————————————————————————————————

  crashAt(actor: Subject, effect: string): InjectedEnd | undefined {
    const member = this.#memberOf(actor);
    // Once all is ordinary nobody can crash any more, and where he could is of no interest.
    if (!this.choices.isHealed) this.#onEffect?.(member.name, effect);
    const outcome = member.crash.next(3);
    if (outcome === 0) return undefined;
    const end = outcome === 1 ? "throw" : "kill";
    this.injections.push({ actor: member.name, effect, end, time: this.#now });
    return end;
  }

  delays(from: Pid, to: Subject, arrive: () => void): boolean {
    // One that was never seen to do anything has sent nothing; it can only have died.
    const sender = this.#members.get(from);
    const receiver = this.#memberOf(to);
    if (sender === undefined) return false;
    let pair = sender.pairs.get(to.pid);
    if (pair === undefined) {
      pair = { stream: this.choices.about("delay", `${sender.name}>${receiver.name}`), pending: 0, last: 0 };
      sender.pairs.set(to.pid, pair);
    }
    const late = this.late(pair.stream);
    if (late === 0 && pair.pending === 0) return false;
    const { pending } = pair;
    pair.last = pending === 0 ? this.#now + late : Math.max(pair.last, this.#now + late);
    pair.pending = pending + 1;
    const known = pair;
    this.signalsInFlight += 1;
    this.#agenda.add(pair.last, () => {
      known.pending -= 1;
      this.signalsInFlight -= 1;
      arrive();
    });
    return true;
  }

  lateness(owner: Subject): number {
    return this.late(this.#memberOf(owner).timer);
  }

  onStep(actor: Subject | null): void {
    this.tripwire.watch(actor);
  }

  /** By how many milliseconds something is late. */
  late(stream: Stream): number {
    const ms = LATENCIES[stream.next(LATENCIES.length)] ?? 0;
    this.injectedMs += ms;
    return ms;
  }

  #memberOf(actor: Subject): Member {
    const { pid } = actor;
    let member = this.#members.get(pid);
    if (member === undefined) {
      const { path, incarnation } = actor;
      const name = incarnation === 1 ? path : `${path}~${incarnation}`;
      const { choices } = this;
      member = { name, crash: choices.about("crash", name), timer: choices.about("timer", name), pairs: new Map() };
      this.#members.set(pid, member);
    }
    return member;
  }

  /** The name of an actor that has done anything so far: its path, and `~2` for its second incarnation. */
  nameOf(pid: Pid): string | undefined {
    return this.#members.get(pid)?.name;
  }

  // — Time passes ————————————————————————————————————————————————————————————————————————————————————————————————

  /** Something is left to do at this time. */
  get isBusy(): boolean {
    return this.#pending.length > 0;
  }

  /** When the next thing happens; Infinity if nothing does. */
  get next(): number {
    return this.isBusy ? this.#now : this.#agenda.next;
  }

  /** Does all there is to do at this time, but for what is on the agenda. */
  work(): void {
    while (this.#pending.length > 0) {
      const pending = this.#pending;
      this.#pending = [];
      for (const drain of pending) if (drain()) this.#pending.push(drain);
    }
    this.#onQuiet?.();
  }

  /** The next thing on the agenda happens, and all that follows from it at once; answers whether there was one by then. */
  advance(until: number): boolean {
    const { next } = this.#agenda;
    if (next === Infinity || next > until) return false;
    this.#now = Math.max(this.#now, next);
    this.#agenda.take()?.();
    this.work();
    return true;
  }

  /** Nothing happens any more until then. */
  skipTo(time: number): void {
    this.#now = Math.max(this.#now, time);
  }
}
