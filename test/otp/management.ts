import type { System } from "@espalier/actors";
import {
  countChildren,
  deleteChild,
  type DeleteChildResult,
  type DynamicSupervisorRef,
  restartChild,
  type RestartChildResult,
  startChild,
  type StartChildResult,
  startDynamicChild,
  terminateChild,
  type TerminateChildResult,
  whichChildren,
} from "@espalier/supervisor";
import type { Processes, TreeProcess } from "./processes.ts";
import { fromExitReason, problemOf } from "./reason.ts";
import type { SupervisionStep } from "./scenario.ts";
import type { DynamicExtra, Tree } from "./tree.ts";

/** A step that asks a supervisor something. */
type ManagementStep = Extract<SupervisionStep, { sup: string }>;
type StartStep = Extract<ManagementStep, { op: "startChild" }>;

type ChangeResult = StartChildResult | TerminateChildResult | RestartChildResult | DeleteChildResult;

/** A child as the traces list it. */
interface ListedChild {
  readonly id: string | null;
  /** A who, `"restarting"` or `"undefined"`. */
  readonly child: string;
  readonly type: string;
}

/** Asks supervisors what a scenario wants to be asked, and puts the answers in the words of the traces. */
export class Management {
  readonly #system: System;
  readonly #processes: Processes;
  readonly #tree: Tree;

  constructor(system: System, processes: Processes, tree: Tree) {
    this.#system = system;
    this.#processes = processes;
    this.#tree = tree;
  }

  async ask(supervisor: TreeProcess, step: ManagementStep): Promise<unknown> {
    const { pid } = supervisor;
    switch (step.op) {
      case "startChild":
        return this.#startChild(supervisor, step);
      case "terminateChild": {
        const child = "id" in step ? step.id : this.#processes.find(step.child)?.pid;
        return child === undefined ? "noTarget" : this.#changed(await terminateChild(this.#system, pid, child));
      }
      case "restartChild":
        return this.#changed(await restartChild(this.#system, pid, step.id));
      case "deleteChild":
        return this.#changed(await deleteChild(this.#system, pid, step.id));
      case "whichChildren": {
        const children = await this.#children(supervisor);
        return supervisor.isDynamic ? { set: children } : { list: children };
      }
      case "countChildren":
        return { counts: await this.#counts(supervisor) };
    }
  }

  /** All supervisors that are alive, with their children. */
  async snapshot(): Promise<Record<string, unknown>> {
    const entries = this.#processes.livingSupervisors().map(async (supervisor): Promise<[string, unknown]> => {
      const children = await this.#children(supervisor);
      const names = children.map(({ id, child }) => (child.includes("#") ? lastPart(child) : `${id}=${child}`));
      const counts = await this.#counts(supervisor);
      return [supervisor.path, { children: supervisor.isDynamic ? names.toSorted() : names, counts }];
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async #startChild({ pid, path, isDynamic }: TreeProcess, step: StartStep): Promise<unknown> {
    if ("spec" in step) {
      if (isDynamic) return "wrongKind";
      return this.#changed(await startChild(this.#system, pid, this.#tree.childSpec(path, step.spec)));
    }
    if (!isDynamic) return "wrongKind";
    const { key, worker } = step;
    const supervisor: DynamicSupervisorRef<DynamicExtra> = pid;
    return this.#changed(await startDynamicChild(this.#system, supervisor, { key, worker }, key));
  }

  #changed(result: ChangeResult): unknown {
    if (result.ok) {
      if (!("child" in result)) return "ok";
      return { ok: result.child === undefined ? null : this.#processes.byPid(result.child).who };
    }
    switch (result.error) {
      case "alreadyStarted":
        return { error: { alreadyStarted: this.#processes.byPid(result.pid).who } };
      case "startFailed":
        return { error: { startFailed: fromExitReason(result.reason) } };
      case "badSpec":
        return { error: { badSpec: problemOf(result.problem) } };
      case "alreadyPresent":
      case "notFound":
      case "restarting":
      case "running":
      case "simpleOneForOne":
        return { error: result.error };
    }
  }

  /** In start order; OTP and the package list the newest first. */
  async #children({ pid }: TreeProcess): Promise<ListedChild[]> {
    const children = await whichChildren(this.#system, pid);
    return children.toReversed().map(({ id = null, child, type }) => ({
      id,
      child: typeof child === "object" ? this.#processes.byPid(child).who : (child ?? "undefined"),
      type,
    }));
  }

  async #counts({ pid }: TreeProcess): Promise<number[]> {
    const { specs, active, supervisors, workers } = await countChildren(this.#system, pid);
    return [specs, active, supervisors, workers];
  }
}

/** `root/a#2` → `a#2`. */
function lastPart(who: string): string {
  return who.slice(who.lastIndexOf("/") + 1);
}
