import { type Pid, shutdown } from "@espalier/actors";
import { child, type ChildSpec, defineSupervisor, type SupervisorRef } from "@espalier/supervisor";
import { startsAs } from "../../../supervisor/test/support/actors.ts";
import { reasons, SupervisorCalls } from "./supervisor-calls.ts";
import type { ModelSpec } from "./supervisor-model.ts";
import type { Ending, ModelCall, ModelFlags } from "../../src/tree/supervisor-rules.ts";
import { type Journal, keepJournal } from "../../../supervisor/test/support/tree.ts";
import { createWorld, type World } from "../../../supervisor/test/support/world.ts";

function toSpec({ outcomes, ...spec }: ModelSpec): ChildSpec {
  return { ...spec, start: child(startsAs(...outcomes)) };
}

/** A real supervisor that is driven as its model is, and tells what it does in the same words. */
export class SupervisorRun {
  readonly world: World = createWorld();
  readonly #journal: Journal = keepJournal(this.world.system);
  /** Who an actor is, and who was the last to be called so. */
  readonly #names = new Map<Pid, string>();
  readonly #pids = new Map<string, Pid>();
  readonly #calls = new SupervisorCalls<ModelSpec>(this.world.system, (pid) => this.#nameOf(pid), toSpec);
  #sup: SupervisorRef | undefined;

  constructor() {
    this.world.system.trace(
      ({ type, subject }) => {
        if (type !== "spawn") return;
        const who = `${subject.path.replace("sup/", "")}#${subject.incarnation}`;
        this.#names.set(subject.pid, who);
        this.#pids.set(who, subject.pid);
      },
      { detail: "life" },
    );
  }

  /** Starts the supervisor; answers the id of the child that has failed to start, if one has. */
  async boot(flags: ModelFlags, specs: readonly ModelSpec[]): Promise<string | undefined> {
    const definition = defineSupervisor({ ...flags, children: specs.map(toSpec) });
    const starting = this.world.system.start(definition, undefined, { id: "sup" });
    this.settle();
    const result = await starting;
    if (result.ok) {
      this.#sup = result.ref;
      return undefined;
    }
    const detail = result.error === "failed" && result.reason.type === "shutdown" ? result.reason.detail : undefined;
    return (detail as { readonly id: string }).id;
  }

  get isAlive(): boolean {
    return this.#sup !== undefined && this.world.system.isAlive(this.#sup);
  }

  take(): string[] {
    return this.#journal.take();
  }

  /** Has children end, one after the other, before the supervisor hears of any of them. */
  die(deaths: ReadonlyArray<{ readonly who: string; readonly reason: Ending }>): void {
    const { system } = this.world;
    for (const { who, reason } of deaths) {
      const pid = this.#pidOf(who);
      if (reason === "killed") system.kill(pid);
      else system.send(pid, reasons[reason]);
    }
    // Nobody else has anything to do, so each of these steps is one death.
    for (const _ of deaths) system.step();
  }

  /** Lets everything happen that can happen without time. */
  settle(): void {
    this.world.clock.advanceSync(0);
  }

  advance(ms: number): void {
    this.world.clock.advanceSync(ms);
  }

  stop(): void {
    if (this.#sup !== undefined) this.world.system.exit(this.#sup, shutdown());
    this.settle();
  }

  /** Puts a call into the supervisor's mailbox. */
  call(call: ModelCall<ModelSpec>): Promise<string> {
    if (this.#sup === undefined) throw new Error("it was never started");
    return this.#calls.call(this.#sup, call);
  }

  #nameOf(pid: Pid): string {
    return this.#names.get(pid) ?? "somebody unknown";
  }

  #pidOf(who: string): Pid {
    const pid = this.#pids.get(who);
    if (pid === undefined) throw new Error(`there was no ${who}`);
    return pid;
  }
}
