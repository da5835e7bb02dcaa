import { CallExitError, type ExitReason, failure, formatReason, normal, type Pid, shutdown } from "@espalier/actors";
import {
  child,
  type ChildInfo,
  type ChildSpec,
  countChildren,
  defineSupervisor,
  deleteChild,
  type DeleteChildResult,
  restartChild,
  type RestartChildResult,
  startChild,
  type StartChildResult,
  type SupervisorRef,
  terminateChild,
  type TerminateChildResult,
  whichChildren,
} from "@espalier/supervisor";
import { startsAs } from "./actors.ts";
import type { Ending, ModelCall, ModelFlags, ModelSpec } from "./supervisor-model.ts";
import { type Journal, keepJournal } from "./tree.ts";
import { createWorld, type World } from "./world.ts";

const reasons: Record<Exclude<Ending, "killed">, ExitReason> = {
  normal,
  shutdown: shutdown(),
  "shutdown: done": shutdown("done"),
  "error: boom": failure(new Error("boom")),
};

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
      else system.send<ExitReason>(pid, reasons[reason]);
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
  async call(call: ModelCall): Promise<string> {
    try {
      return await this.#call(call);
    } catch (error) {
      if (error instanceof CallExitError) return `exit ${formatReason(error.reason)}`;
      throw error;
    }
  }

  async #call(call: ModelCall): Promise<string> {
    const { system } = this.world;
    const sup = this.#sup;
    if (sup === undefined) throw new Error("it was never started");
    switch (call.type) {
      case "startChild":
        return this.#show(await startChild(system, sup, toSpec(call.spec)));
      case "terminateChild":
        return this.#show(await terminateChild(system, sup, call.id));
      case "restartChild":
        return this.#show(await restartChild(system, sup, call.id));
      case "deleteChild":
        return this.#show(await deleteChild(system, sup, call.id));
      case "whichChildren":
        return `list ${this.#showList(await whichChildren(system, sup))}`;
      case "countChildren": {
        const { specs, active } = await countChildren(system, sup);
        return `counts ${specs} ${active}`;
      }
    }
  }

  #show(result: StartChildResult | RestartChildResult | DeleteChildResult | TerminateChildResult): string {
    if (result.ok)
      return "child" in result ? `ok ${result.child === undefined ? "nobody" : this.#nameOf(result.child)}` : "ok";
    if (result.error === "alreadyStarted") return `alreadyStarted ${this.#nameOf(result.pid)}`;
    if (result.error === "startFailed") return `startFailed ${formatReason(result.reason).replace("error: ", "")}`;
    return result.error;
  }

  #showList(children: readonly ChildInfo[]): string {
    const shown = children.map(({ id, child: state }) => {
      if (state === undefined) return String(id);
      return state === "restarting" ? `${String(id)}#restarting` : this.#nameOf(state);
    });
    return shown.toReversed().join(" ");
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
