import type { Shutdown } from "@espalier/supervisor";
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

interface CommonSpec extends RuledSpec {
  readonly shutdown: Shutdown;
  /** How its starts turn out, one after the other, whoever starts it; those that are not listed go well. */
  readonly outcomes: readonly Outcome[];
}

export interface TreeWorkerSpec extends CommonSpec {
  readonly type: "worker";
  /** 0: it does not trap exits. Else it does, and takes so long to clean up. */
  readonly cleanupMs: number;
}

export interface TreeSupervisorSpec extends CommonSpec {
  readonly type: "supervisor";
  readonly flags: ModelFlags;
  readonly children: readonly TreeSpec[];
}

export type TreeSpec = TreeWorkerSpec | TreeSupervisorSpec;

/** Somebody in the tree; `sup#1/a#2/b#1`. */
interface ModelActor extends ModelProcess {
  readonly spec: TreeSpec;
  readonly parent: ModelSupervisor | undefined;
}

export interface ModelSupervisor extends ModelActor {
  readonly rules: SupervisorRules<TreeSpec>;
}

/** Things that happen one after the other, and at the same time as those of other strands. */
export interface Strand {
  /** The line of another strand that this one comes after. */
  readonly after: string | undefined;
  readonly lines: string[];
  /** When it has come to rest. */
  now: number;
}

/**
 * A tree of supervisors on paper: each goes by the rules, and an end is told to the one above. One thing happens at a
 * time, and the tree comes to rest before the next; only those who lose their supervisor to a kill end in strands of
 * their own, whose order among each other OTP leaves open.
 */
export class SupervisorTreeModel {
  readonly #living = new Set<ModelActor>();
  readonly #starts = new Map<TreeSpec, number>();
  readonly #root: ModelSupervisor;
  #strands: Strand[] = [];
  #strand: Strand;
  #now = 0;

  constructor(spec: TreeSupervisorSpec) {
    this.#strand = this.#newStrand(undefined);
    this.#root = this.#supervisor("sup#1", spec, undefined);
  }

  get isAlive(): boolean {
    return this.#root.isAlive;
  }

  /** Oldest first. */
  get workers(): readonly ModelActor[] {
    return [...this.#living].filter(({ spec }) => spec.type === "worker");
  }

  /** Oldest first. */
  get supervisors(): readonly ModelSupervisor[] {
    return [...this.#living].filter(isSupervisor);
  }

  /** Who lives, in the order of their names. */
  get living(): readonly string[] {
    return [...this.#living].map(({ who }) => who).toSorted();
  }

  /** Lets the tree come to rest: what has happened since the last time, and how long it has taken. */
  rest(): { readonly strands: readonly Strand[]; readonly ms: number } {
    const strands = this.#strands;
    const end = Math.max(...strands.map(({ now }) => now));
    const ms = end - this.#now;
    this.#now = end;
    this.#strands = [];
    this.#strand = this.#newStrand(undefined);
    return { strands, ms };
  }

  // — What happens to it —————————————————————————————————————————————————————————————————————————————————————————

  /** Answers why it has failed to start, if it has. */
  boot(): string | undefined {
    const started = this.#boot(this.#root);
    return started === this.#root ? undefined : (started as { readonly failed: string }).failed;
  }

  advance(ms: number): void {
    this.#strand.now += ms;
  }

  /** Workers of one supervisor end, before it hears of any. One that takes its time must be the only one. */
  die(workers: readonly ModelActor[], reason: Ending): void {
    for (const worker of workers) {
      if (reason !== "killed") this.#strand.now += cleanupOf(worker);
      this.#end(worker, reason);
      worker.parent?.rules.exit(worker, reason);
    }
    this.#work(workers[0]?.parent);
  }

  kill(sup: ModelSupervisor): void {
    this.#kill(sup);
    sup.parent?.rules.exit(sup, "killed");
    this.#work(sup.parent);
  }

  call(sup: ModelSupervisor, call: ModelCall<TreeSpec>): string {
    const answer = sup.rules.call(call);
    this.#work(sup);
    return answer.text;
  }

  stop(): void {
    if (!this.isAlive) return;
    this.#root.rules.stop();
    this.#end(this.#root, "shutdown");
  }

  // — Its parts ——————————————————————————————————————————————————————————————————————————————————————————————————

  #newStrand(after: string | undefined): Strand {
    const strand: Strand = { after, lines: [], now: after === undefined ? this.#now : this.#strand.now };
    this.#strands.push(strand);
    return strand;
  }

  #note(line: string): void {
    this.#strand.lines.push(line);
  }

  #supervisor(who: string, spec: TreeSupervisorSpec, parent: ModelSupervisor | undefined): ModelSupervisor {
    const rules = new SupervisorRules<TreeSpec>(spec.flags, spec.children, {
      now: () => this.#strand.now,
      start: (child, nth) => this.#start(`${who}/${child.id}#${nth}`, child, sup),
      // Nobody else has made a process.
      stop: (process) => this.#stop(process as ModelActor),
    });
    const sup: ModelSupervisor = { who, spec, parent, rules, isAlive: false };
    return sup;
  }

  #start(who: string, spec: TreeSpec, parent: ModelSupervisor): ModelStart {
    const count = this.#starts.get(spec) ?? 0;
    this.#starts.set(spec, count + 1);
    switch (spec.outcomes[count] ?? "ok") {
      case "ok":
        return spec.type === "supervisor"
          ? this.#boot(this.#supervisor(who, spec, parent))
          : this.#begin({ who, spec, parent, isAlive: false });
      case "ignore":
        this.#note(`ignore ${who}`);
        return "ignore";
      case "fail":
        return this.#fail(who, "error: no start");
    }
  }

  #boot(sup: ModelSupervisor): ModelStart {
    const failed = sup.rules.boot();
    return failed === undefined ? this.#begin(sup) : this.#fail(sup.who, `no ${failed.id}: ${failed.reason}`);
  }

  #begin(actor: ModelActor): ModelActor {
    actor.isAlive = true;
    this.#living.add(actor);
    this.#note(`start ${actor.who}`);
    return actor;
  }

  #fail(who: string, failed: string): ModelStart {
    this.#note(`fail ${who} ${failed}`);
    return { failed };
  }

  /** Has a supervisor work, and the one above if it gives up. */
  #work(sup: ModelSupervisor | undefined): void {
    if (sup === undefined || !sup.isAlive) return;
    sup.rules.work();
    if (sup.rules.isAlive) return;
    this.#end(sup, "shutdown");
    sup.parent?.rules.exit(sup, "shutdown");
    this.#work(sup.parent);
  }

  #end(actor: ModelActor, reason: Ending): void {
    actor.isAlive = false;
    this.#living.delete(actor);
    this.#note(`stop ${actor.who} ${reason}`);
  }

  /** What a supervisor does with a child. */
  #stop(actor: ModelActor): void {
    const { shutdown } = actor.spec;
    if (shutdown === "brutalKill") {
      this.#kill(actor);
      return;
    }
    const isTooSlow = typeof shutdown === "number" && shutdown < cleanupOf(actor);
    this.#strand.now += isTooSlow ? shutdown : cleanupOf(actor);
    // A supervisor is always given enough time.
    if (isSupervisor(actor)) actor.rules.stop();
    this.#end(actor, isTooSlow ? "killed" : "shutdown");
  }

  #kill(actor: ModelActor): void {
    this.#end(actor, "killed");
    if (!isSupervisor(actor)) return;
    const before = this.#strand;
    for (const child of actor.rules.living as readonly ModelActor[]) {
      this.#strand = this.#newStrand(before.lines.at(-1));
      this.#strand.now += cleanupOf(child);
      if (isSupervisor(child)) child.rules.stop();
      this.#end(child, "killed");
      this.#strand = before;
    }
  }
}

function isSupervisor(actor: ModelActor): actor is ModelSupervisor {
  return "rules" in actor;
}

function cleanupOf({ spec }: ModelActor): number {
  return spec.type === "worker" ? spec.cleanupMs : 0;
}
