import {
  type Cancel,
  type Host,
  type InjectedEnd,
  type Logger,
  nodeHost,
  type Pid,
  silentLogger,
  type Simulation,
  type Subject,
} from "@espalier/actors";
import type { Choices, Stream } from "../choices.ts";
import { LATENCIES } from "../deviation.ts";
import type { WatchedWorld } from "../invariant.ts";
import type { Injection } from "../world.ts";

/** What is known of an actor. */
interface Member {
  readonly name: string;
  readonly crash: Stream;
  readonly timer: Stream;
}

/**
 * Real time, in which actors crash as the choices have it and timers are late. Signals arrive when they are sent: in which
 * order things happen is up to the system, which is what is to be tried.
 */
export class RealWorld implements Host, Simulation, WatchedWorld {
  readonly choices: Choices;
  readonly logger: Logger = silentLogger;
  readonly simulation: Simulation = this;
  readonly injections: Injection[] = [];
  readonly signalsInFlight = 0;
  readonly isBusy = false;
  /** Real timers are late of their own: so much is nobody's fault. */
  injectedMs = 500;
  readonly #host = nodeHost({ logger: silentLogger });
  readonly #members = new Map<Pid, Member>();
  readonly #onPassed: () => void;

  /** @param onPassed - called when something has happened at its time */
  constructor(choices: Choices, onPassed: () => void) {
    this.choices = choices;
    this.#onPassed = onPassed;
  }

  now(): number {
    return this.#host.now();
  }

  wallClock(): number {
    return this.#host.wallClock();
  }

  at(time: number, run: () => void): Cancel {
    return this.#host.at(time, () => {
      run();
      this.#onPassed();
    });
  }

  wake(drain: () => boolean, inIo: boolean): void {
    this.#host.wake(drain, inIo);
  }

  turn(): Promise<void> {
    return this.#host.turn();
  }

  random(subject: string): number {
    return this.#host.random(subject);
  }

  crashAt(actor: Subject, effect: string): InjectedEnd | undefined {
    const { crash, name } = this.#memberOf(actor);
    const outcome = crash.next(3);
    if (outcome === 0) return undefined;
    const end = outcome === 1 ? "throw" : "kill";
    this.injections.push({ actor: name, effect, end, time: this.now() });
    return end;
  }

  delays(): boolean {
    return false;
  }

  lateness(owner: Subject): number {
    return this.late(this.#memberOf(owner).timer);
  }

  /** By how many milliseconds something is late. */
  late(stream: Stream): number {
    const ms = LATENCIES[stream.next(LATENCIES.length)] ?? 0;
    this.injectedMs += ms;
    return ms;
  }

  nameOf(pid: Pid): string | undefined {
    return this.#members.get(pid)?.name;
  }

  #memberOf({ pid, path, incarnation }: Subject): Member {
    const known = this.#members.get(pid);
    if (known !== undefined) return known;
    const name = incarnation === 1 ? path : `${path}~${incarnation}`;
    const { choices } = this;
    const member = { name, crash: choices.about("crash", name), timer: choices.about("timer", name) };
    this.#members.set(pid, member);
    return member;
  }
}
