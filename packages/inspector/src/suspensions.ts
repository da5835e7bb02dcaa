import { type Pid, sys, type System } from "@espalier/actors";
import { Refusal } from "./refusal.ts";

/** How long an actor may take to do what it is told. */
const patience = { timeoutMs: 30_000 } as const;

/**
 * The actors that this inspector has suspended: whoever has done that through it can resume them through it alone, so none
 * of them stays behind when it is gone.
 */
export class Suspensions {
  readonly #system: System;
  /** Who suspends: others may have suspended the same actor for reasons of their own. */
  readonly #by = Symbol("inspector");
  readonly #suspended = new Set<Pid>();
  #isClosed = false;

  constructor(system: System) {
    this.#system = system;
  }

  async suspend(pid: Pid): Promise<void> {
    if (this.#isClosed) throw new Refusal("notFound", "this inspector is closed");
    for (const known of this.#suspended) if (!this.#system.isAlive(known)) this.#suspended.delete(known);
    // Before it is told: one that does not answer in time will do it later.
    this.#suspended.add(pid);
    await sys.suspend(this.#system, pid, { ...patience, by: this.#by });
  }

  /** For an operator an actor that is resumed goes on, whoever has suspended it. */
  async resume(pid: Pid): Promise<void> {
    // Before it is told: who suspends it meanwhile does so after this.
    this.#suspended.delete(pid);
    await sys.resume(this.#system, pid, patience);
  }

  /** Lets go of all of them. Those that somebody else has suspended too stay so. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const pids = [...this.#suspended];
    this.#suspended.clear();
    await Promise.allSettled(pids.map((pid) => sys.resume(this.#system, pid, { by: this.#by })));
  }
}
