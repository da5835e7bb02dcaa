import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { isIdle, Patience } from "./patience.ts";

const ID = "I1-orphan";

/**
 * Nobody outlives the parent that he is linked to: the exit signal ends him, and if he traps it he has to end himself. He
 * may take his time for that. Supervisors let go of nobody whom they have not told to end.
 */
export function noOrphans(): Invariant {
  return {
    id: ID,
    says: "an actor whose parent is dead is dead as well, or is on its way there, and supervisors let go of nobody whom they have not told to end",
    watch: (run) => new Orphans(run),
  };
}

class Orphans implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #parents = new Map<Pid, Pid>();
  /** Linked children by their parents. */
  readonly #children = new Map<Pid, Set<Pid>>();
  readonly #supervisors = new Set<Pid>();
  /** Those whom their supervisor has told to end. */
  readonly #told = new Set<Pid>();
  /** Those who lived when their parents died, with these. */
  readonly #suspects = new Map<Pid, Pid>();
  readonly #patience = new Patience();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      spawn: ({ subject: { pid }, parent, behaviour }) => {
        if (behaviour === "supervisor") this.#supervisors.add(pid);
        if (parent !== undefined) this.#parents.set(pid, parent);
      },
      exitSignal: ({ subject, to }) => {
        if (this.#supervisors.has(subject.pid) && this.#parents.get(to) === subject.pid) this.#told.add(to);
      },
      link: ({ subject, with: other }) => {
        if (this.#parents.get(other) === subject.pid) this.#add(subject.pid, other);
        else if (this.#parents.get(subject.pid) === other) this.#add(other, subject.pid);
      },
      unlink: ({ subject, with: other }) => {
        if (!this.#supervisors.has(subject.pid) || this.#told.has(other))
          this.#children.get(subject.pid)?.delete(other);
        this.#children.get(other)?.delete(subject.pid);
      },
      exit: ({ subject }) => this.#died(subject.pid),
    };
  }

  quiet(): void {
    if (this.#suspects.size > 0 && this.#patience.isOver(this.#run.world.now())) this.#judge();
  }

  after(): void {
    if (this.#suspects.size > 0) this.#judge();
  }

  #add(parent: Pid, child: Pid): void {
    const children = this.#children.get(parent);
    if (children === undefined) this.#children.set(parent, new Set([child]));
    else children.add(child);
  }

  #died(pid: Pid): void {
    const children = this.#children.get(pid);
    if (children !== undefined) {
      for (const child of children) this.#suspects.set(child, pid);
      this.#children.delete(pid);
      this.#patience.end();
    }
    this.#suspects.delete(pid);
    this.#supervisors.delete(pid);
    this.#told.delete(pid);
    const parent = this.#parents.get(pid);
    if (parent === undefined) return;
    this.#parents.delete(pid);
    this.#children.get(parent)?.delete(pid);
  }

  #judge(): void {
    const { world, system } = this.#run;
    if (world.signalsInFlight > 0) return;
    for (const [pid, parent] of this.#suspects) {
      const process = system.process(pid);
      if (process?.parentPid !== parent || process.status === "terminating") this.#suspects.delete(pid);
      else if (isIdle(process)) this.#run.violate(ID, `${process.path} lives on, and its parent is dead`);
    }
    this.#patience.begin(world.now());
  }
}
