import type { Pid, TimerRef } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { nameOf } from "./name-of.ts";

const ID = "I16-timer";

/** A timer fires once, not before its time, and not after it was cancelled or its owner has died. */
export function timersObey(): Invariant {
  return {
    id: ID,
    says: "no timer fires before its time, twice, or after it was cancelled or its owner has died",
    watch: (run) => new Timers(run),
  };
}

interface Armed {
  owner: Pid;
  due: number;
}

/** Times are sums of fractions. */
const ROUNDING_MS = 1e-6;

class Timers implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #armed = new Map<TimerRef, Armed>();
  /** Those that were armed once, so that their silence is meant. Deadlines of resources only fire. */
  readonly #known = new Set<TimerRef>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      timerSet: ({ subject, time, dueIn, timer }) => this.#set(timer, subject.pid, time + dueIn),
      timerCancelled: ({ timer }) => void this.#armed.delete(timer),
      timerFired: ({ subject, time, timer }) => this.#fired(timer, subject.pid, time),
    };
  }

  #set(timer: TimerRef, owner: Pid, due: number): void {
    const armed = this.#armed.get(timer);
    if (armed === undefined) {
      this.#armed.set(timer, { owner, due });
      this.#known.add(timer);
    } else {
      armed.owner = owner;
      armed.due = due;
    }
  }

  #fired(timer: TimerRef, owner: Pid, time: number): void {
    const armed = this.#armed.get(timer);
    if (armed === undefined) {
      if (this.#known.has(timer))
        this.#run.violate(ID, `a timer of ${nameOf(this.#run, owner)} fires that is over or was cancelled`);
      return;
    }
    this.#armed.delete(timer);
    if (armed.owner !== owner)
      this.#run.violate(ID, `a timer of ${nameOf(this.#run, armed.owner)} fires for ${nameOf(this.#run, owner)}`);
    if (time + ROUNDING_MS < armed.due)
      this.#run.violate(ID, `a timer of ${nameOf(this.#run, owner)} fires before its time`);
  }
}
