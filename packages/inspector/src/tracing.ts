import { type Pid, type ProcessView, sys, type System } from "@espalier/actors";
import type { ProcessId, Shown, TracedEvent } from "./api-types.ts";
import { messageType, toPlain } from "./discretion.ts";
import { formatProcessId } from "./process-id.ts";
import { Refusal } from "./refusal.ts";

const MOST_ACTORS = 8;
const MOST_KEPT = 200;
/** After so many the tracing of an actor ends by itself: it may be one of those that take 100,000 a second. */
const MOST_EVENTS = 10_000;

type Handler = (event: sys.DebugEvent) => void;

/** One actor whose messages are watched. */
class Traced {
  readonly pid: Pid;
  /** What the actor shows its messages to; by it, this tracing is known from others. */
  readonly handler: Handler;
  readonly #show: Shown;
  #events: TracedEvent[] = [];
  #count = 0;
  isOver = false;

  /** `seen` is called when it has seen enough. */
  constructor(pid: Pid, show: Shown, seen: () => void) {
    this.pid = pid;
    this.#show = show;
    this.handler = (event) => {
      if (!this.#see(event)) seen();
    };
  }

  get events(): readonly TracedEvent[] {
    return this.#events.slice(-MOST_KEPT);
  }

  /** Answers false once it has seen enough. */
  #see(event: sys.DebugEvent): boolean {
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
  #isClosed = false;

  constructor(system: System, show: Shown) {
    this.#system = system;
    this.#show = show;
  }

  isTraced(id: ProcessId): boolean {
    return this.#traced.get(id)?.isOver === false;
  }

  /** The events after a number; all that are kept without one. Oldest first. Also of one that has died, for a while. */
  events(id: ProcessId, after = 0): readonly TracedEvent[] {
    return this.#traced.get(id)?.events.filter(({ number }) => number > after) ?? [];
  }

  /** Watches an actor from now on; what was kept of it before is forgotten. */
  async start(process: ProcessView): Promise<void> {
    if (this.#isClosed) throw new Refusal("notFound", "this inspector is closed");
    const id = formatProcessId(process);
    if (!this.#traced.has(id)) this.#makeRoom();
    const traced = new Traced(process.pid, this.#show, () => this.#stopSoon(id, traced));
    this.#traced.set(id, traced);
    try {
      await sys.trace(this.#system, process.pid, traced.handler);
    } catch (error) {
      if (this.#traced.get(id) === traced) this.#traced.delete(id);
      // One that has not answered in time would begin later.
      this.#untrace(traced).catch(() => undefined);
      throw error;
    }
  }

  async stop(process: ProcessView): Promise<void> {
    const id = formatProcessId(process);
    const traced = this.#traced.get(id);
    this.#traced.delete(id);
    if (traced !== undefined) await this.#untrace(traced);
  }

  /** Lets go of all of them. One that is busy is asked, and nothing more is kept of it. A trace of somebody else stays on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#letGo.values()) cancel();
    this.#letGo.clear();
    const all = [...this.#traced.values()];
    for (const traced of all) traced.isOver = true;
    this.#traced.clear();
    await Promise.allSettled(all.map((traced) => this.#untrace(traced)));
  }

  #untrace({ pid, handler }: Traced): Promise<void> {
    return sys.untrace(this.#system, pid, handler);
  }

  /** Of one that has died or has had its share, what is kept can be read until another one needs its place. */
  #makeRoom(): void {
    if (this.#traced.size < MOST_ACTORS) return;
    const finished = [...this.#traced].find(([, { pid, isOver }]) => isOver || !this.#system.isAlive(pid));
    if (finished === undefined) throw new Refusal("busy", `${MOST_ACTORS} actors are traced already`);
    this.#traced.delete(finished[0]);
  }

  #stopSoon(id: ProcessId, traced: Traced): void {
    if (!traced.isOver || this.#letGo.has(id) || this.#traced.get(id) !== traced) return;
    const { host } = this.#system;
    const cancel = host.at(host.now(), () => {
      this.#letGo.delete(id);
      // It has ended meanwhile, or is too busy to be asked: either way nothing is kept of it any more.
      this.#untrace(traced).catch(() => undefined);
    });
    this.#letGo.set(id, cancel);
  }
}
