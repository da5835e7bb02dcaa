import type { ExitReason, Pid, System, TraceEvent } from "@espalier/actors";
import { fromExitReason } from "./reason.ts";
import type { Recorder } from "./record.ts";
import type { InitOutcome, Kind, Reason } from "./scenario.ts";

/** What one call of an init callback is to do, with everything filled in. */
interface InitPlan {
  readonly outcome: "ok" | "ignore" | "error" | "exit" | "raise";
  readonly reason: Reason;
  readonly delayMs: number;
}

/** One process of the tree, from the moment its init callback was entered. */
export class TreeProcess {
  readonly path: string;
  readonly kind: Kind;
  readonly pid: Pid;
  /** How many init callbacks have been called for this path, this one included. */
  readonly incarnation: number;
  hasStarted = false;
  /** Of a worker: its clean-up was entered. */
  hasCleanedUp = false;
  /** Of a supervisor: its children have no ids. */
  isDynamic = false;

  constructor(path: string, kind: Kind, pid: Pid, incarnation: number) {
    this.path = path;
    this.kind = kind;
    this.pid = pid;
    this.incarnation = incarnation;
  }

  get who(): string {
    return `${this.path}#${this.incarnation}`;
  }

  planOf(outcomes: readonly InitOutcome[] = []): InitPlan {
    const given = outcomes[this.incarnation - 1] ?? "ok";
    const { do: outcome, reason = "undefined", delayMs = 0 } = typeof given === "string" ? { do: given } : given;
    return { outcome, reason, delayMs };
  }
}

/** How an init callback ended that made no process. */
type InitFailure = "ignore" | { readonly error: Reason } | { readonly exit: Reason } | { readonly raise: Reason };

/** Knows the processes of the tree by the names of the scenario, and records their starts and ends. */
export class Processes {
  readonly #system: System;
  readonly #recorder: Recorder;
  readonly #strangers: ReadonlyMap<Pid, string>;
  /** By path, the process that was spawned there last. */
  readonly #spawned = new Map<string, Pid>();
  /** By path, how many init callbacks have been called. */
  readonly #entered = new Map<string, number>();
  readonly #byPid = new Map<Pid, TreeProcess>();
  /** Those that have started, by who; and by path the one that started there last. */
  readonly #started = new Map<string, TreeProcess>();
  #rootDown: Reason | undefined;

  /** @param strangers - the names of those that are not part of the tree */
  constructor(system: System, recorder: Recorder, strangers: ReadonlyMap<Pid, string>) {
    this.#system = system;
    this.#recorder = recorder;
    this.#strangers = strangers;
    system.trace((event) => this.#see(event), { detail: "life" });
  }

  #see(event: TraceEvent): void {
    const { pid, path } = event.subject;
    if (event.type === "spawn") this.#spawned.set(pathBelowOwner(path), pid);
    if (event.type === "exit") this.#ended(pid, event.reason);
  }

  #ended(pid: Pid, exitReason: ExitReason): void {
    const process = this.#byPid.get(pid);
    if (process?.hasStarted !== true) return;
    const { path, who, kind, hasCleanedUp } = process;
    const reason = fromExitReason(exitReason);
    this.#recorder.stopped(who, { kind, reason, ...(kind === "worker" ? { cleanup: hasCleanedUp } : {}) });
    if (path === "root") this.#rootDown = reason;
  }

  /** The init callback for this path was entered, as the first step of the process that was spawned there. */
  enter(path: string, kind: Kind): TreeProcess {
    const pid = this.#spawned.get(path);
    if (pid === undefined) throw new Error(`nothing was spawned at ${path}`);
    const incarnation = (this.#entered.get(path) ?? 0) + 1;
    this.#entered.set(path, incarnation);
    const process = new TreeProcess(path, kind, pid, incarnation);
    this.#byPid.set(pid, process);
    return process;
  }

  /** A worker's init is about to succeed; a supervisor's goes on to start its children. */
  started(process: TreeProcess): void {
    process.hasStarted = true;
    this.#started.set(process.path, process);
    this.#started.set(process.who, process);
    this.#recorder.started(process.who, { kind: process.kind });
  }

  failed({ kind, who }: TreeProcess, outcome: InitFailure): void {
    this.#recorder.event({ ev: "initFail", kind, who, outcome });
  }

  /** A worker that traps exits got the exit signal of somebody who is not its parent. */
  trapped({ who }: TreeProcess, from: Pid, reason: ExitReason): void {
    const sender = this.#strangers.get(from) ?? this.byPid(from).who;
    this.#recorder.event({ ev: "trapped", who, from: sender, reason: fromExitReason(reason) });
  }

  /** What a step names: a path or a who. */
  find(target: string): TreeProcess | undefined {
    return this.#started.get(target);
  }

  byPid(pid: Pid): TreeProcess {
    const process = this.#byPid.get(pid);
    if (process === undefined) throw new Error(`${pid.toString()} is no process of the tree`);
    return process;
  }

  isAlive({ pid }: TreeProcess): boolean {
    return this.#system.isAlive(pid);
  }

  livingSupervisors(): readonly TreeProcess[] {
    return [...this.#byPid.values()].filter((process) => process.kind === "supervisor" && this.isAlive(process));
  }

  /** Why the root has ended, if it has since this was last asked. */
  takeRootDown(): Reason | undefined {
    const reason = this.#rootDown;
    this.#rootDown = undefined;
    return reason;
  }
}

/** Without the first name, which is that of the actor that owns the scenario's tree. */
function pathBelowOwner(path: string): string {
  return path.slice(path.indexOf("/") + 1);
}
