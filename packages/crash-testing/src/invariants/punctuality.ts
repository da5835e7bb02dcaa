import type { Pid, TimerRef } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { nameOf } from "./name-of.ts";

const ID = "I22-late";

/** A timer fires when it is due, and later by no more than what was injected. */
export function timersAreInTime(): Invariant {
  return {
    id: ID,
    says: "a timer fires when it is due, later by no more than everything that was injected, as long as its owner lives",
    watch: (run) => new TimersInTime(run),
  };
}

interface Due {
  readonly owner: Pid;
  readonly at: number;
}

/** Times are sums of fractions. */
const ROUNDING_MS = 1e-6;

class TimersInTime implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #due = new Map<TimerRef, Due>();
  /** Of each owner, so that the death of one costs no look at the timers of all. */
  readonly #owned = new Map<Pid, Set<TimerRef>>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      timerSet: ({ subject: { pid }, time, dueIn, timer }) => {
        this.#forget(timer);
        this.#due.set(timer, { owner: pid, at: time + dueIn });
        const owned = this.#owned.get(pid);
        if (owned === undefined) this.#owned.set(pid, new Set([timer]));
        else owned.add(timer);
      },
      timerCancelled: ({ timer }) => void this.#forget(timer),
      timerFired: ({ timer, time }) => {
        const due = this.#forget(timer);
        if (due !== undefined) this.#check(due, time);
      },
      exit: ({ subject: { pid } }) => {
        for (const timer of this.#owned.get(pid) ?? []) this.#due.delete(timer);
        this.#owned.delete(pid);
      },
    };
  }

  after(): void {
    const now = this.#run.world.now();
    for (const due of this.#due.values()) this.#check(due, now);
  }

  #forget(timer: TimerRef): Due | undefined {
    const due = this.#due.get(timer);
    if (due === undefined) return undefined;
    this.#due.delete(timer);
    this.#owned.get(due.owner)?.delete(timer);
    return due;
  }

  #check({ owner, at }: Due, now: number): void {
    if (now <= at + this.#run.world.injectedMs + ROUNDING_MS) return;
    this.#run.violate(ID, `a timer of ${nameOf(this.#run, owner)} that is due at ${at} has not fired before ${now}`);
  }
}
