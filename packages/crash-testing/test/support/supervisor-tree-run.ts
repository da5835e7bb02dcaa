import { type Pid, shutdown, type Subject } from "@espalier/actors";
import { child, type ChildSpec, defineSupervisor, type SupervisorInit } from "@espalier/supervisor";
import { type Outcome, startsAsNext } from "../../../supervisor/test/support/actors.ts";
import { reasons, showReason, SupervisorCalls } from "./supervisor-calls.ts";
import type { Ending, ModelCall } from "../../src/tree/supervisor-rules.ts";
import type { TreeSpec, TreeSupervisorSpec } from "./supervisor-tree-model.ts";
import { type Journal, keepJournal } from "../../../supervisor/test/support/tree.ts";
import { createWorld, type World } from "../../../supervisor/test/support/world.ts";

/** A real tree that is driven as its model is, and tells what it does in the same words. */
export class SupervisorTreeRun {
  readonly world: World = createWorld();
  readonly #names = new Map<Pid, string>();
  readonly #pids = new Map<string, Pid>();
  readonly #starts = new Map<TreeSpec, number>();
  readonly #journal: Journal;
  readonly #calls: SupervisorCalls<TreeSpec>;

  constructor() {
    const { system } = this.world;
    system.trace((event) => void (event.type === "spawn" && this.#name(event.subject, event.parent)), {
      detail: "life",
    });
    this.#journal = keepJournal(system, { nameOf: ({ pid }) => this.#nameOf(pid), showReason });
    this.#calls = new SupervisorCalls(
      system,
      (pid) => this.#nameOf(pid),
      (spec) => this.#toSpec(spec),
    );
  }

  /** Answers why it has failed to start, if it has. */
  async boot(spec: TreeSupervisorSpec, ms: number): Promise<string | undefined> {
    const starting = this.world.system.start(defineSupervisor(this.#toInit(spec)), undefined, { id: "sup" });
    this.advance(ms);
    const result = await starting;
    if (result.ok) return undefined;
    return result.error === "failed" ? showReason(result.reason) : result.error;
  }

  /** Who lives, in the order of their names. */
  get living(): readonly string[] {
    const { processes } = this.world.system.inspect();
    return processes.map(({ pid }) => this.#nameOf(pid)).toSorted();
  }

  take(): string[] {
    return this.#journal.take();
  }

  /** Has actors end, one after the other. It happens when time passes, and be it none. */
  die(who: readonly string[], reason: Ending): void {
    const { system } = this.world;
    for (const pid of who.map((name) => this.#pidOf(name))) {
      if (reason === "killed") system.kill(pid);
      else system.send(pid, reasons[reason]);
    }
  }

  call(sup: string, call: ModelCall<TreeSpec>): Promise<string> {
    return this.#calls.call(this.#pidOf(sup), call);
  }

  stop(): void {
    const root = this.#pids.get("sup#1");
    if (root !== undefined) this.world.system.exit(root, shutdown());
  }

  advance(ms: number): void {
    this.world.clock.advanceSync(ms);
  }

  #toSpec(spec: TreeSpec): ChildSpec {
    const { id, restart, shutdown: how, significant } = spec;
    return { id, restart, shutdown: how, significant, start: child(this.#definition(spec)) };
  }

  #definition(spec: TreeSpec): ReturnType<typeof startsAsNext> | ReturnType<typeof defineSupervisor> {
    const next = (): Outcome => this.#next(spec);
    if (spec.type === "worker") return startsAsNext(next, spec.cleanupMs);
    return defineSupervisor<void>(() => {
      const outcome = next();
      if (outcome === "fail") throw new Error("no start");
      return outcome === "ignore" ? undefined : this.#toInit(spec);
    });
  }

  #toInit({ flags, children }: TreeSupervisorSpec): SupervisorInit {
    return { ...flags, children: children.map((spec) => this.#toSpec(spec)) };
  }

  #next(spec: TreeSpec): Outcome {
    const count = this.#starts.get(spec) ?? 0;
    this.#starts.set(spec, count + 1);
    return spec.outcomes[count] ?? "ok";
  }

  #name({ pid, path, incarnation }: Subject, parent: Pid | undefined): void {
    const above = parent === undefined ? undefined : this.#names.get(parent);
    const who = `${above === undefined ? "" : `${above}/`}${path.split("/").at(-1)}#${incarnation}`;
    this.#names.set(pid, who);
    this.#pids.set(who, pid);
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
