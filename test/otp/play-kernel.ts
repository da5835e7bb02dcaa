import type { Pid, TraceEvent } from "@espalier/actors";
import { type Acquaintances, order, plainActor, type PlainRef } from "./plain-actor.ts";
import { fromExitReason } from "./reason.ts";
import { Recorder } from "./record.ts";
import type { KernelScenario, KernelStep, Leaf, PlainActor, Trace } from "./scenario.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Plays a scenario of the family "kernel". */
export async function playKernel({ actors, steps }: KernelScenario): Promise<Trace> {
  const play = new Play();
  await play.boot(actors);
  for (const step of steps) await play.step(step);
  return play.trace;
}

class Play implements Acquaintances {
  readonly #time = new VirtualTime();
  readonly #system = this.#time.system;
  readonly #recorder = new Recorder();
  readonly #refs = new Map<string, PlainRef>();
  readonly #names = new Map<Pid, string>();
  /** By receiver, what was logged in this step. */
  #inbox: Record<string, Leaf[]> = {};

  constructor() {
    this.#system.trace((event) => this.#see(event), { detail: "life" });
  }

  get trace(): Trace {
    return this.#recorder.trace;
  }

  async boot(actors: readonly PlainActor[]): Promise<void> {
    for (const actor of actors) {
      this.add(actor.name, this.#system.spawn(plainActor(actor, this), undefined, { id: actor.name }));
    }
    await this.#settle({ op: "boot" }, undefined);
  }

  async step(step: KernelStep): Promise<void> {
    if ("op" in step) {
      await this.#time.advance(step.ms);
      await this.#settle({ op: step.op }, undefined);
    } else {
      await this.#order(step.by, step.ops);
    }
  }

  async #order(by: string, ops: Parameters<typeof order>[0]): Promise<void> {
    const actor = this.pidOf(by);
    if (this.#system.isAlive(actor)) {
      const task = order(ops);
      this.#system.send(actor, task);
      await this.#settle({ by }, task.results);
    } else {
      await this.#settle({ by }, "dead");
    }
  }

  async #settle(label: { readonly op: string } | { readonly by: string }, results: unknown): Promise<void> {
    await this.#time.settle();
    const owners = [...this.#system.inspect().names].map(([name, pid]) => [name, this.nameOf(pid)]);
    this.#recorder.settled(label, { results, inbox: this.#inbox, names: Object.fromEntries(owners) });
    this.#inbox = {};
  }

  #see(event: TraceEvent): void {
    const name = lastPart(event.subject.path);
    if (event.type === "spawn") this.#recorder.started(name);
    if (event.type === "exit") this.#recorder.stopped(name, { reason: fromExitReason(event.reason) });
  }

  // — What the actors know ———————————————————————————————————————————————————————————————————————————————————————

  pidOf(name: string): PlainRef {
    const ref = this.#refs.get(name);
    if (ref === undefined) throw new Error(`no actor ${name} has been spawned`);
    return ref;
  }

  nameOf(pid: Pid): string {
    return this.#names.get(pid) ?? pid.toString();
  }

  add(name: string, ref: PlainRef): void {
    this.#refs.set(name, ref);
    this.#names.set(ref, name);
  }

  received(receiver: string, message: Leaf): void {
    (this.#inbox[receiver] ??= []).push(message);
  }
}

/** `a/b` → `b`: the actor's name, wherever it was spawned. */
function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
