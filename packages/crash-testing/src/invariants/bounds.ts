import type { Pid } from "@espalier/actors";
import type { RunView } from "../invariant.ts";

/** Something that has to end in time. */
interface Bounded {
  readonly since: number;
  /** What had been late by then. */
  readonly injectedMs: number;
  readonly who: string;
}

/** Times are sums of fractions. */
const ROUNDING_MS = 1e-6;

/**
 * Actors with something that has to end within a time, one thing each. What is injected meanwhile is time that nobody is to
 * blame for. Looks at the oldest at each quiet point, at each as it ends, and at all when a phase is over.
 */
export class Bounds {
  readonly #run: RunView;
  readonly #limitMs: number;
  readonly #exceeded: (who: string, ms: number) => void;
  readonly #open = new Map<Pid, Bounded>();

  constructor(run: RunView, limitMs: number, exceeded: (who: string, ms: number) => void) {
    this.#run = run;
    this.#limitMs = limitMs;
    this.#exceeded = exceeded;
  }

  has(pid: Pid): boolean {
    return this.#open.has(pid);
  }

  begin(pid: Pid, who: string): void {
    const { world } = this.#run;
    this.#open.set(pid, { since: world.now(), injectedMs: world.injectedMs, who });
  }

  end(pid: Pid): void {
    const bounded = this.#open.get(pid);
    if (bounded === undefined) return;
    this.#open.delete(pid);
    this.#check(bounded);
  }

  checkOldest(): void {
    if (this.#open.size === 0) return;
    for (const bounded of this.#open.values()) {
      this.#check(bounded);
      return;
    }
  }

  checkAll(): void {
    for (const bounded of this.#open.values()) this.#check(bounded);
  }

  #check({ since, injectedMs, who }: Bounded): void {
    const { world } = this.#run;
    const ms = world.now() - since;
    if (ms > this.#limitMs + world.injectedMs - injectedMs + ROUNDING_MS) this.#exceeded(who, ms);
  }
}
