import type { Pid, ProcessInfo } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";

const ID = "I1-orphan";

/**
 * Nobody outlives the parent that he is linked to: the exit signal ends him, and if he traps it he has to end himself. He
 * may take his time for that.
 */
export function noOrphans(): Invariant {
  return {
    id: ID,
    says: "an actor whose parent is dead is dead as well, or is on its way there",
    watch: (run) => new Orphans(run),
  };
}

/** Somebody who is busy is looked at again so much later. */
const AGAIN_MS = 1000;

class Orphans implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #parents = new Map<Pid, Pid>();
  /** Linked children by their parents. */
  readonly #children = new Map<Pid, Set<Pid>>();
  /** Those who lived when their parents died, with these. */
  readonly #suspects = new Map<Pid, Pid>();
  #notBefore = 0;

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      spawn: ({ subject, parent }) => void (parent !== undefined && this.#parents.set(subject.pid, parent)),
      link: ({ subject, with: other }) => {
        if (this.#parents.get(other) === subject.pid) this.#add(subject.pid, other);
        else if (this.#parents.get(subject.pid) === other) this.#add(other, subject.pid);
      },
      unlink: ({ subject, with: other }) => {
        this.#children.get(subject.pid)?.delete(other);
        this.#children.get(other)?.delete(subject.pid);
      },
      exit: ({ subject }) => this.#died(subject.pid),
    };
  }

  quiet(): void {
    if (this.#suspects.size > 0 && this.#run.world.now() >= this.#notBefore) this.#judge();
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
      this.#notBefore = 0;
    }
    this.#suspects.delete(pid);
    const parent = this.#parents.get(pid);
    if (parent === undefined) return;
    this.#parents.delete(pid);
    this.#children.get(parent)?.delete(pid);
  }

  #judge(): void {
    const { world, system } = this.#run;
    if (world.signalsInFlight > 0) return;
    const living = new Map(system.inspect().processes.map((info) => [info.pid, info]));
    for (const [pid, parent] of this.#suspects) {
      const info = living.get(pid);
      if (info === undefined || info.parent !== parent || info.status === "terminating") this.#suspects.delete(pid);
      else if (isIdle(info)) this.#run.violate(ID, `${info.path} lives on, and its parent is dead`);
    }
    this.#notBefore = world.now() + AGAIN_MS;
  }
}

/** It has handled all there was. */
function isIdle({ status, mailboxLength }: ProcessInfo): boolean {
  return status === "waiting" && mailboxLength === 0;
}
