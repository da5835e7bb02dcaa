import type { AutoShutdown, Restart, Strategy } from "@espalier/supervisor";

/*
 * What a supervisor does, on paper: written from the rules of OTP's supervisor.erl and not from our own, without
 * processes, time or messages but a list of what stands in the mailbox. How its children start and stop, its
 * surroundings know.
 */

interface CommonFlags {
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
}

export interface ModelFlags extends CommonFlags {
  readonly strategy: Strategy;
}

/** Of a dynamic supervisor, which has no children to begin with. */
export interface PoolFlags extends CommonFlags {
  readonly strategy: "simpleOneForOne";
}

/** What the rules go by. */
export interface RuledSpec {
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
}

/** How a child ends by itself, as `formatReason` shows it. */
export type Ending = "normal" | "shutdown" | "shutdown: done" | "error: boom" | "killed";

export type ModelCall<Spec extends RuledSpec = RuledSpec> =
  | { readonly type: "startChild"; readonly spec: Spec }
  | { readonly type: "terminateChild" | "restartChild" | "deleteChild"; readonly id: string }
  | { readonly type: "whichChildren" | "countChildren" };

/** A process: `a#2` is the second that was started for `a`. Two of them are the same only if they are identical. */
export interface ModelProcess {
  readonly who: string;
  isAlive: boolean;
}

/** What comes of a start: a process, nothing, or a reason why not, as the journal shows it. */
export type ModelStart = ModelProcess | "ignore" | { readonly failed: string };

/** Where a supervisor lives. `start` and `stop` write what happens into a journal. */
export interface Surroundings<Spec extends RuledSpec> {
  now(): number;
  /** Starts a child for the n-th time. */
  start(spec: Spec, nth: number): ModelStart;
  /** Stops a child that lives. */
  stop(process: ModelProcess, spec: Spec): void;
  /** Stops the living children of a dynamic supervisor, all at once. Absent: there is none. */
  stopAll?(children: ReadonlyArray<{ readonly process: ModelProcess; readonly spec: Spec }>): void;
}

/** A child record. */
interface Row<Spec> {
  readonly spec: Spec;
  pid: ModelProcess | "restarting" | undefined;
  starts: number;
}

/** The child that was to be started, and why that has failed. */
interface FailedStart<Spec> {
  readonly row: Row<Spec>;
  readonly reason: string;
}

/** What a supervisor is told. */
export type Mail<Spec extends RuledSpec> =
  | { readonly type: "EXIT"; readonly pid: ModelProcess; readonly reason: Ending }
  | { readonly type: "tryAgainRestart"; readonly id: string }
  | { readonly type: "call"; readonly call: ModelCall<Spec>; readonly answer: (text: string) => void };

export class SupervisorRules<Spec extends RuledSpec> {
  readonly #flags: ModelFlags | PoolFlags;
  /** The child whose start is under way. */
  #starting: Row<Spec> | undefined;
  readonly #surroundings: Surroundings<Spec>;
  /** In start order. */
  #rows: Array<Row<Spec>>;
  /** Whole seconds, newest first. */
  #restarts: number[] = [];
  #mailbox: Array<Mail<Spec>> = [];
  #isAlive = true;

  constructor(flags: ModelFlags | PoolFlags, specs: readonly Spec[], surroundings: Surroundings<Spec>) {
    this.#flags = flags;
    this.#surroundings = surroundings;
    this.#rows = specs.map((spec) => ({ spec, pid: undefined, starts: 0 }));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** The living children, in start order. */
  get living(): readonly ModelProcess[] {
    return this.#rows.flatMap(({ pid }) => (typeof pid === "object" && pid.isAlive ? [pid] : []));
  }

  get #isDynamic(): boolean {
    return this.#flags.strategy === "simpleOneForOne";
  }

  // — What happens to it —————————————————————————————————————————————————————————————————————————————————————————

  /** init/1. Answers which child has failed to start and why, if one has. */
  boot(): { readonly id: string; readonly reason: string } | undefined {
    const failed = this.#startChildren(this.#rows);
    if (failed === undefined) return undefined;
    this.stop();
    return { id: failed.row.spec.id, reason: failed.reason };
  }

  /** A child has ended by itself, or somebody else has ended it. */
  exit(pid: ModelProcess, reason: Ending): void {
    this.#mailbox.push({ type: "EXIT", pid, reason });
  }

  /** Somebody calls. The answer is there when the supervisor has worked. */
  call(call: ModelCall<Spec>): { text: string } {
    const answer = { text: "exit noproc" };
    if (this.#isAlive) this.#mailbox.push({ type: "call", call, answer: (text) => void (answer.text = text) });
    return answer;
  }

  /** Serves what stands in the mailbox, and what that brings into it. */
  work(): void {
    for (let mail = this.#mailbox.shift(); mail !== undefined; mail = this.#mailbox.shift()) {
      this.serve(mail);
      if (this.#isAlive) continue;
      for (const left of this.#mailbox) if (left.type === "call") left.answer("exit shutdown");
      this.#mailbox = [];
    }
  }

  /** Serves one piece of mail, for those who keep the mailbox themselves. */
  serve(mail: Mail<Spec>): void {
    if (mail.type === "EXIT") this.#handleExit(mail.pid, mail.reason);
    else if (mail.type === "tryAgainRestart") this.#handleTryAgain(mail.id);
    else mail.answer(this.#handleCall(mail.call));
  }

  /**
   * It is crashed while it waits for the start of this process, which is one of its children from here on. OTP's supervisor
   * cannot be: it is blocked in the start, and whoever kills it then has the child hear of that by its link alone.
   */
  crashedInStart(process: ModelProcess): void {
    const row = this.#starting;
    if (row === undefined) return;
    row.pid = process;
    if (!this.#rows.includes(row)) this.#rows.push(row);
  }

  /** The end, whoever wants it: terminate/2. */
  stop(): void {
    this.#isAlive = false;
    if (this.#isDynamic) this.#terminateDynamicChildren();
    else this.#terminateChildren(this.#rows);
  }

  // — Calls: handle_call/3 ———————————————————————————————————————————————————————————————————————————————————————

  #handleCall(call: ModelCall<Spec>): string {
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

  #handleStartChild(spec: Spec): string {
    const present = this.#rows.find((row) => row.spec.id === spec.id);
    if (present !== undefined) {
      return typeof present.pid === "object" ? `alreadyStarted ${present.pid.who}` : "alreadyPresent";
    }
    const row: Row<Spec> = { spec, pid: undefined, starts: 0 };
    const start = this.#doStartChild(row);
    if (isFailed(start)) return `startFailed ${start.failed}`;
    if (start !== "ignore" || !(this.#isDynamic || spec.restart === "temporary")) this.#rows.push(row);
    return start === "ignore" ? "ok nobody" : `ok ${start.who}`;
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
    const start = this.#doStartChild(row);
    if (isFailed(start)) return `startFailed ${start.failed}`;
    return start === "ignore" ? "ok nobody" : `ok ${start.who}`;
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
    const active = this.#rows.filter(({ pid }) => typeof pid === "object" && pid.isAlive).length;
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

  #restart(row: Row<Spec>): void {
    if (!this.#addRestart()) {
      this.#delChild(row);
      this.stop();
      return;
    }
    const failed = this.#restartBy(this.#flags.strategy, row);
    if (failed === undefined) return;
    failed.row.pid = "restarting";
    this.#mailbox.push({ type: "tryAgainRestart", id: failed.row.spec.id });
  }

  #restartBy(strategy: (ModelFlags | PoolFlags)["strategy"], row: Row<Spec>): FailedStart<Spec> | undefined {
    if (strategy === "oneForOne" || strategy === "simpleOneForOne") return this.#startChildren([row]);
    const first = strategy === "oneForAll" ? 0 : this.#rows.indexOf(row);
    row.pid = undefined;
    const group = this.#rows.slice(first);
    this.#terminateChildren(group);
    return this.#startChildren(group.filter((other) => this.#rows.includes(other)));
  }

  /** add_restart/1: whether this restart is still allowed. */
  #addRestart(): boolean {
    const now = Math.floor(this.#surroundings.now() / 1000);
    const threshold = now - this.#flags.periodMs / 1000;
    this.#restarts = [now, ...this.#restarts.filter((then) => then >= threshold)];
    return this.#restarts.length <= this.#flags.intensity;
  }

  // — Start and stop of children —————————————————————————————————————————————————————————————————————————————————

  /** start_children/2: one after the other, as far as it goes; answers the one that failed. */
  #startChildren(rows: ReadonlyArray<Row<Spec>>): FailedStart<Spec> | undefined {
    for (const row of rows) {
      const start = this.#doStartChild(row);
      if (isFailed(start)) return { row, reason: start.failed };
      if (start === "ignore") this.#delChild(row);
    }
    return undefined;
  }

  #doStartChild(row: Row<Spec>): ModelStart {
    row.starts += 1;
    this.#starting = row;
    const start = this.#surroundings.start(row.spec, row.starts);
    this.#starting = undefined;
    if (start !== "ignore" && !isFailed(start)) row.pid = start;
    return start;
  }

  /** terminate_children/2: in reverse order; temporary ones are dropped, all others have no process then. */
  #terminateChildren(rows: ReadonlyArray<Row<Spec>>): void {
    for (const row of rows.toReversed()) {
      this.#doTerminate(row);
      this.#delChild(row);
    }
  }

  /** terminate_dynamic_children/1: all at once, and none is left. */
  #terminateDynamicChildren(): void {
    const children = this.#rows.flatMap(({ pid, spec }) =>
      typeof pid === "object" && pid.isAlive ? [{ process: pid, spec }] : [],
    );
    this.#surroundings.stopAll?.(children);
    this.#rows = [];
  }

  #doTerminate({ pid, spec }: Row<Spec>): void {
    if (typeof pid !== "object") return;
    // Its death may stand in the mailbox: that is taken out, as unlink_flush/2 does.
    this.#mailbox = this.#mailbox.filter((mail) => mail.type !== "EXIT" || mail.pid !== pid);
    if (pid.isAlive) this.#surroundings.stop(pid, spec);
  }

  /** del_child/2: the spec stays without a process, unless it is temporary; dynamic children have none of their own. */
  #delChild(row: Row<Spec>): void {
    row.pid = undefined;
    if (this.#isDynamic || row.spec.restart === "temporary") this.#rows = this.#rows.filter((other) => other !== row);
  }
}

function isFailed(start: ModelStart): start is { readonly failed: string } {
  return typeof start === "object" && "failed" in start;
}
