import type { AutoShutdown, Restart, Strategy } from "@espalier/supervisor";
import type { Outcome } from "./actors.ts";

/*
 * A supervisor on paper, written from the rules of OTP's supervisor.erl and not from our own: no processes, no time, no
 * messages but a list of what stands in the mailbox. It says what must happen, as lines of a journal (see `keepJournal`).
 */

export interface ModelFlags {
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
}

export interface ModelSpec {
  readonly id: string;
  readonly restart: Restart;
  readonly shutdown: "brutalKill" | number;
  readonly significant: boolean;
  /** How its starts turn out, one after the other; those that are not listed go well. */
  readonly outcomes: readonly Outcome[];
}

/** How a child ends by itself, as `formatReason` shows it. */
export type Ending = "normal" | "shutdown" | "shutdown: done" | "error: boom" | "killed";

export type ModelCall =
  | { readonly type: "startChild"; readonly spec: ModelSpec }
  | { readonly type: "terminateChild" | "restartChild" | "deleteChild"; readonly id: string }
  | { readonly type: "whichChildren" | "countChildren" };

/** A process: `a#2` is the second that was started for `a`. Two of them are the same only if they are identical. */
export interface ModelProcess {
  readonly who: string;
}

/** A child record. */
interface Row {
  readonly spec: ModelSpec;
  pid: ModelProcess | "restarting" | undefined;
  starts: number;
}

type Mail =
  | { readonly type: "EXIT"; readonly pid: ModelProcess; readonly reason: Ending }
  | { readonly type: "tryAgainRestart"; readonly id: string }
  | { readonly type: "call"; readonly call: ModelCall; readonly answer: (text: string) => void };

export class SupervisorModel {
  readonly #flags: ModelFlags;
  /** In start order. */
  #rows: Row[];
  readonly #living = new Set<ModelProcess>();
  /** Whole seconds, newest first. */
  #restarts: number[] = [];
  #mailbox: Mail[] = [];
  #journal: string[] = [];
  #isAlive = true;
  now = 0;

  constructor(flags: ModelFlags, specs: readonly ModelSpec[]) {
    this.#flags = flags;
    this.#rows = specs.map((spec) => ({ spec, pid: undefined, starts: 0 }));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** The living children, in the order in which they were started. */
  get living(): readonly ModelProcess[] {
    return [...this.#living];
  }

  /** The lines since the last time that somebody asked. */
  take(): string[] {
    const lines = this.#journal;
    this.#journal = [];
    return lines;
  }

  // — What happens to it —————————————————————————————————————————————————————————————————————————————————————————

  /** init/1. Answers the id of the child that has failed to start, if one has. */
  boot(): string | undefined {
    const failed = this.#startChildren(this.#rows);
    if (failed === undefined) {
      this.#journal.push("start sup#1");
      return undefined;
    }
    this.#terminateChildren(this.#rows);
    this.#isAlive = false;
    return failed.spec.id;
  }

  /** A child ends by itself, or is ended by somebody else. */
  dies(pid: ModelProcess, reason: Ending): void {
    this.#living.delete(pid);
    this.#journal.push(`stop sup/${pid.who} ${reason}`);
    this.#mailbox.push({ type: "EXIT", pid, reason });
  }

  /** Somebody calls. The answer is there when the supervisor has worked. */
  call(call: ModelCall): { text: string } {
    const answer = { text: "exit noproc" };
    if (this.#isAlive) this.#mailbox.push({ type: "call", call, answer: (text) => void (answer.text = text) });
    return answer;
  }

  /** Serves what stands in the mailbox, and what that brings into it. */
  work(): void {
    for (let mail = this.#mailbox.shift(); mail !== undefined; mail = this.#mailbox.shift()) {
      if (mail.type === "EXIT") this.#handleExit(mail.pid, mail.reason);
      else if (mail.type === "tryAgainRestart") this.#handleTryAgain(mail.id);
      else mail.answer(this.#handleCall(mail.call));
      if (this.#isAlive) continue;
      for (const left of this.#mailbox) if (left.type === "call") left.answer("exit shutdown");
      this.#mailbox = [];
    }
  }

  /** The end, whoever wants it: terminate/2. */
  stop(): void {
    this.#terminateChildren(this.#rows);
    this.#isAlive = false;
    this.#journal.push("stop sup#1 shutdown");
  }

  // — Calls: handle_call/3 ———————————————————————————————————————————————————————————————————————————————————————

  #handleCall(call: ModelCall): string {
    switch (call.type) {
      case "startChild":
        return this.#handleStartChild(call.spec);
      case "whichChildren":
        return `list ${this.list()}`;
      case "countChildren":
        return `counts ${this.counts()}`;
      case "terminateChild":
      case "restartChild":
      case "deleteChild":
        return this.#handleById(call.type, call.id);
    }
  }

  #handleStartChild(spec: ModelSpec): string {
    const present = this.#rows.find((row) => row.spec.id === spec.id);
    if (present !== undefined) {
      return typeof present.pid === "object" ? `alreadyStarted ${present.pid.who}` : "alreadyPresent";
    }
    const row: Row = { spec, pid: undefined, starts: 0 };
    const outcome = this.#doStartChild(row);
    if (outcome === "fail") return `startFailed start ${row.starts} failed`;
    if (outcome === "ok" || spec.restart !== "temporary") this.#rows.push(row);
    return typeof row.pid === "object" ? `ok ${row.pid.who}` : "ok nobody";
  }

  #handleById(type: "terminateChild" | "restartChild" | "deleteChild", id: string): string {
    const row = this.#rows.find(({ spec }) => spec.id === id);
    if (row === undefined) return "notFound";
    if (type === "terminateChild") {
      this.#doTerminate(row);
      this.#delChild(row);
      return "ok";
    }
    if (row.pid !== undefined) return row.pid === "restarting" ? "restarting" : "running";
    if (type === "deleteChild") {
      this.#rows = this.#rows.filter((other) => other !== row);
      return "ok";
    }
    const outcome = this.#doStartChild(row);
    if (outcome === "fail") return `startFailed start ${row.starts} failed`;
    return outcome === "ok" ? `ok ${id}#${row.starts}` : "ok nobody";
  }

  /** which_children, in start order. */
  list(): string {
    const shown = this.#rows.map(({ spec, pid }) => {
      if (pid === undefined) return spec.id;
      return pid === "restarting" ? `${spec.id}#restarting` : pid.who;
    });
    return shown.join(" ");
  }

  /** count_children: specs and active. */
  counts(): string {
    const active = this.#rows.filter(({ pid }) => typeof pid === "object" && this.#living.has(pid)).length;
    return `${this.#rows.length} ${active}`;
  }

  // — Ends and restarts: restart_child/3, do_restart/3, restart/2 ————————————————————————————————————————————————

  #handleExit(pid: ModelProcess, reason: Ending): void {
    const row = this.#rows.find((other) => other.pid === pid);
    if (row === undefined) return;
    const isOrderly = reason === "normal" || reason.startsWith("shutdown");
    const { restart, significant } = row.spec;
    if (restart === "permanent" || (restart === "transient" && !isOrderly)) {
      this.#restart(row);
      return;
    }
    this.#delChild(row);
    if (significant) this.#doAutoShutdown();
  }

  #doAutoShutdown(): void {
    const { autoShutdown } = this.#flags;
    const isOneLeft = this.#rows.some(({ spec, pid }) => spec.significant && pid !== undefined);
    if (autoShutdown === "anySignificant" || (autoShutdown === "allSignificant" && !isOneLeft)) this.stop();
  }

  #handleTryAgain(id: string): void {
    const row = this.#rows.find(({ spec }) => spec.id === id);
    if (row?.pid === "restarting") this.#restart(row);
  }

  #restart(row: Row): void {
    if (!this.#addRestart()) {
      this.#delChild(row);
      this.stop();
      return;
    }
    const failed = this.#restartBy(this.#flags.strategy, row);
    if (failed === undefined) return;
    failed.pid = "restarting";
    this.#mailbox.push({ type: "tryAgainRestart", id: failed.spec.id });
  }

  #restartBy(strategy: Strategy, row: Row): Row | undefined {
    if (strategy === "oneForOne") return this.#startChildren([row]);
    const first = strategy === "oneForAll" ? 0 : this.#rows.indexOf(row);
    row.pid = undefined;
    const group = this.#rows.slice(first);
    this.#terminateChildren(group);
    return this.#startChildren(group.filter((other) => this.#rows.includes(other)));
  }

  /** add_restart/1: whether this restart is still allowed. */
  #addRestart(): boolean {
    const now = Math.floor(this.now / 1000);
    const threshold = now - this.#flags.periodMs / 1000;
    this.#restarts = [now, ...this.#restarts.filter((then) => then >= threshold)];
    return this.#restarts.length <= this.#flags.intensity;
  }

  // — Start and stop of children —————————————————————————————————————————————————————————————————————————————————

  /** start_children/2: one after the other, as far as it goes; answers the one that failed. */
  #startChildren(rows: readonly Row[]): Row | undefined {
    for (const row of rows) {
      const outcome = this.#doStartChild(row);
      if (outcome === "fail") return row;
      if (outcome === "ignore") this.#delChild(row);
    }
    return undefined;
  }

  #doStartChild(row: Row): Outcome {
    const outcome = row.spec.outcomes[row.starts] ?? "ok";
    row.starts += 1;
    const who = `${row.spec.id}#${row.starts}`;
    if (outcome === "ok") {
      row.pid = { who };
      this.#living.add(row.pid);
      this.#journal.push(`start sup/${who}`);
    } else {
      this.#journal.push(
        outcome === "ignore" ? `ignore sup/${who}` : `fail sup/${who} error: start ${row.starts} failed`,
      );
    }
    return outcome;
  }

  /** terminate_children/2: in reverse order; temporary ones are dropped, all others have no process then. */
  #terminateChildren(rows: readonly Row[]): void {
    for (const row of rows.toReversed()) {
      this.#doTerminate(row);
      this.#delChild(row);
    }
  }

  #doTerminate({ pid, spec }: Row): void {
    if (typeof pid !== "object") return;
    // Its death may stand in the mailbox: that is taken out, as unlink_flush/2 does.
    this.#mailbox = this.#mailbox.filter((mail) => mail.type !== "EXIT" || mail.pid !== pid);
    if (!this.#living.delete(pid)) return;
    this.#journal.push(`stop sup/${pid.who} ${spec.shutdown === "brutalKill" ? "killed" : "shutdown"}`);
  }

  /** del_child/2: the spec stays without a process, unless it is temporary. */
  #delChild(row: Row): void {
    row.pid = undefined;
    if (row.spec.restart === "temporary") this.#rows = this.#rows.filter((other) => other !== row);
  }
}
