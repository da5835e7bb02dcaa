import type { Outcome } from "../../../supervisor/test/support/actors.ts";
import {
  type Ending,
  type ModelCall,
  type ModelFlags,
  type ModelProcess,
  type ModelStart,
  type RuledSpec,
  SupervisorRules,
} from "../../src/tree/supervisor-rules.ts";

/** A worker whose starts turn out as planned. */
export interface ModelSpec extends RuledSpec {
  readonly shutdown: "brutalKill" | number;
  /** How its starts turn out, one after the other; those that are not listed go well. */
  readonly outcomes: readonly Outcome[];
}

/**
 * A single supervisor on paper. It says what must happen, as lines of a journal (see `keepJournal`).
 */
export class SupervisorModel {
  readonly #rules: SupervisorRules<ModelSpec>;
  /** In the order in which they were started. */
  readonly #living = new Set<ModelProcess>();
  #journal: string[] = [];
  now = 0;

  constructor(flags: ModelFlags, specs: readonly ModelSpec[]) {
    this.#rules = new SupervisorRules(flags, specs, {
      now: () => this.now,
      start: (spec, nth) => this.#start(spec, nth),
      stop: (process, { shutdown }) => this.#end(process, shutdown === "brutalKill" ? "killed" : "shutdown"),
    });
  }

  get isAlive(): boolean {
    return this.#rules.isAlive;
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

  /** Answers the id of the child that has failed to start, if one has. */
  boot(): string | undefined {
    const failed = this.#rules.boot();
    if (failed === undefined) this.#journal.push("start sup#1");
    return failed?.id;
  }

  /** A child ends by itself, or is ended by somebody else. */
  dies(process: ModelProcess, reason: Ending): void {
    this.#end(process, reason);
    this.#rules.exit(process, reason);
  }

  call(call: ModelCall<ModelSpec>): { text: string } {
    return this.#rules.call(call);
  }

  work(): void {
    const { isAlive } = this;
    this.#rules.work();
    if (isAlive && !this.isAlive) this.#journal.push("stop sup#1 shutdown");
  }

  stop(): void {
    this.#rules.stop();
    this.#journal.push("stop sup#1 shutdown");
  }

  list(): string {
    return this.#rules.list();
  }

  counts(): string {
    return this.#rules.counts();
  }

  #start({ id, outcomes }: ModelSpec, nth: number): ModelStart {
    const who = `${id}#${nth}`;
    switch (outcomes[nth - 1] ?? "ok") {
      case "ok": {
        const process: ModelProcess = { who, isAlive: true };
        this.#living.add(process);
        this.#journal.push(`start sup/${who}`);
        return process;
      }
      case "ignore":
        this.#journal.push(`ignore sup/${who}`);
        return "ignore";
      case "fail": {
        const failed = `error: start ${nth} failed`;
        this.#journal.push(`fail sup/${who} ${failed}`);
        return { failed };
      }
    }
  }

  #end(process: ModelProcess, reason: Ending): void {
    process.isAlive = false;
    this.#living.delete(process);
    this.#journal.push(`stop sup/${process.who} ${reason}`);
  }
}
