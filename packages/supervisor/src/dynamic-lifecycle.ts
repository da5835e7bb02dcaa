import { type ExitReason, formatReason, type Pid, type Process, type Started, type Waiting } from "@espalier/actors";
import { beginStart } from "./child-start.ts";
import type { DynamicChild, DynamicChildren } from "./dynamic-children.ts";
import { type ErrorContext, type Offender, offenderOf, ProgressReport, SupervisorReport } from "./report.ts";
import { isOrderlyEnd, shutdownAll, shutdownChild } from "./shutdown.ts";
import type { StartFailure } from "./start-failure.ts";

/** Starts and ends the children of a dynamic supervisor, enters it in their table, and reports what goes wrong. */
export class DynamicLifecycle<Extra> {
  readonly #process: Process;
  readonly #children: DynamicChildren<Extra>;
  /** The one that is being started: no child yet, and nobody else's. */
  #starting: Pid | undefined;

  constructor(process: Process, children: DynamicChildren<Extra>) {
    this.#process = process;
    this.#children = children;
  }

  /** Starts a child and enters it under its pid; if it ignores, it is not entered. */
  *start(child: DynamicChild<Extra>): Waiting<StartFailure | undefined> {
    const { id, start } = child;
    child.incarnation += 1;
    const underWay = beginStart(this.#process, id, child.incarnation, start);
    this.#starting = underWay.pid;
    const started = yield underWay;
    this.#starting = undefined;
    const { result } = started as Started;
    if (result.ok) {
      child.pid = underWay.pid;
      this.#children.add(child);
      if (this.#process.isTraced) {
        this.#process.report(new ProgressReport(this.#process, this.#offender(child), "debug"));
      }
      return undefined;
    }
    if (result.error === "ignored") return undefined;
    return result;
  }

  *terminate(child: DynamicChild<Extra>): Waiting {
    const { pid } = child;
    if (!child.isRestarting) {
      const { shutdown: how, restart } = this.#children.template;
      const reason = yield* shutdownChild(this.#process, pid, how);
      if (!isOrderlyEnd(reason, how, restart)) this.report("shutdownError", reason, child);
    }
    this.#children.setRestarting(child, false);
    this.#children.delete(pid);
  }

  /** Ends all of them at the same time. */
  *terminateAll(): Waiting {
    const { shutdown: how, restart } = this.#children.template;
    const living = this.#children
      .all()
      .filter(({ isRestarting }) => !isRestarting)
      .map(({ pid }) => pid);
    // A supervisor that crashes while it starts a child leaves that one no more behind than the others.
    if (this.#starting !== undefined) living.push(this.#starting);
    const ends = yield* shutdownAll(this.#process, living, how);
    const disorderly = ends.filter(({ reason }) => !isOrderlyEnd(reason, how, restart));
    for (const [reason, pids] of groupByReason(disorderly)) this.#reportMany(reason, pids);
    this.#children.clear();
  }

  report(context: ErrorContext, reason: SupervisorReport["reason"], child: DynamicChild<Extra>): void {
    this.#process.report(new SupervisorReport(this.#process, context, reason, this.#offender(child)));
  }

  /** One report for all children that ended for the same reason, however many they are. */
  #reportMany(reason: ExitReason, pids: readonly Pid[]): void {
    const [first] = pids;
    const child = first === undefined ? undefined : this.#children.byPid(first);
    if (child === undefined) return;
    const offender = { ...this.#offender(child), count: pids.length };
    this.#process.report(new SupervisorReport(this.#process, "shutdownError", reason, offender));
  }

  #offender({ id, pid, start }: DynamicChild<Extra>): Offender {
    return offenderOf(this.#children.template, id, pid, start);
  }
}

/** Each child has its own error object, so that equal reasons are those that read alike. */
function groupByReason(ends: ReadonlyArray<{ pid: Pid; reason: ExitReason }>): Map<ExitReason, Pid[]> {
  const groups = new Map<string, { reason: ExitReason; pids: Pid[] }>();
  for (const { pid, reason } of ends) {
    const key = formatReason(reason);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { reason, pids: [pid] });
    else group.pids.push(pid);
  }
  return new Map([...groups.values()].map(({ reason, pids }) => [reason, pids]));
}
