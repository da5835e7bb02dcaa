import { type Pid, type ProcessView, sys, type System } from "@espalier/actors";
import type { ProcessId, Shown, TracedEvent } from "./api-types.ts";
import { messageType, toPlain } from "./discretion.ts";
import { formatProcessId } from "./process-id.ts";
import { Refusal } from "./refusal.ts";

const MOST_ACTORS = 8;
const MOST_KEPT = 200;
/** After so many the tracing of an actor ends by itself: it may be one of those that take 100,000 a second. */
const MOST_EVENTS = 10_000;

/** One actor whose messages are watched. */
class Traced {
  readonly pid: Pid;
  readonly #show: Shown;
  #events: TracedEvent[] = [];
  #count = 0;
  isOver = false;

  constructor(pid: Pid, show: Shown) {
    this.pid = pid;
    this.#show = show;
  }

  get events(): readonly TracedEvent[] {
    return this.#events.slice(-MOST_KEPT);
  }

  /** Answers false once it has seen enough. */
  see(event: sys.DebugEvent): boolean {
    if (this.isOver) return false;
    this.#count += 1;
    const { type: direction, at, message } = event;
    const to = event.type === "out" ? event.to : undefined;
    const shown = this.#show.messages ? toPlain(message) : undefined;
    this.#events.push({ number: this.#count, at, direction, type: messageType(message), to, message: shown });
    if (this.#events.length >= 2 * MOST_KEPT) this.#events = this.#events.slice(-MOST_KEPT);
    this.isOver = this.#count >= MOST_EVENTS;
    return !this.isOver;
  }
}

/** The actors whose messages are shown, because somebody has asked for that: `sys.trace`, kept in bounds. */
export class Tracing {
  readonly #system: System;
  readonly #show: Shown;
  readonly #traced = new Map<ProcessId, Traced>();
  /** Those that have seen enough, and are told so outside the step of their actor. */
  readonly #letGo = new Map<ProcessId, () => void>();

  constructor(system: System, show: Shown) {
    this.#system = system;
    this.#show = show;
  }

  isTraced(id: ProcessId): boolean {
    return this.#traced.get(id)?.isOver === false;
  }

  /** The events after a number; all that are kept without one. Oldest first. */
  events(id: ProcessId, after = 0): readonly TracedEvent[] {
    return this.#traced.get(id)?.events.filter(({ number }) => number > after) ?? [];
  }

  /** Watches an actor from now on; what was kept of it before is forgotten. */
  async start(process: ProcessView): Promise<void> {
    const id = formatProcessId(process);
    this.#forgetDead();
    if (!this.#traced.has(id) && this.#traced.size >= MOST_ACTORS) {
      throw new Refusal("busy", `${MOST_ACTORS} actors are traced already`);
    }
    const traced = new Traced(process.pid, this.#show);
    this.#traced.set(id, traced);
    try {
      await sys.trace(this.#system, process.pid, (event) => {
        if (!traced.see(event)) this.#stopSoon(id, traced);
      });
    } catch (error) {
      if (this.#traced.get(id) === traced) this.#traced.delete(id);
      throw error;
    }
  }

  async stop(process: ProcessView): Promise<void> {
    const id = formatProcessId(process);
    this.#traced.delete(id);
    await sys.trace(this.#system, process.pid, undefined);
  }

  /** Lets go of all of them. One that is busy is asked, and nothing more is kept of it. */
  async close(): Promise<void> {
    for (const cancel of this.#letGo.values()) cancel();
    this.#letGo.clear();
    this.#forgetDead();
    const pids = [...this.#traced.values()].map((traced) => {
      traced.isOver = true;
      return traced.pid;
    });
    this.#traced.clear();
    await Promise.allSettled(pids.map((pid) => sys.trace(this.#system, pid, undefined)));
  }

  #forgetDead(): void {
    for (const [id, { pid }] of this.#traced) if (!this.#system.isAlive(pid)) this.#traced.delete(id);
  }

  #stopSoon(id: ProcessId, traced: Traced): void {
    if (!traced.isOver || this.#letGo.has(id) || this.#traced.get(id) !== traced) return;
    const { host } = this.#system;
    const cancel = host.at(host.now(), () => {
      this.#letGo.delete(id);
      // It has ended meanwhile, or is too busy to be asked: either way nothing is kept of it any more.
      sys.trace(this.#system, traced.pid, undefined).catch(() => undefined);
    });
    this.#letGo.set(id, cancel);
  }
}
