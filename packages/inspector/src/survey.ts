import type { Pid, ProcessView, System } from "@espalier/actors";
import { Histogram, Sums } from "./totals.ts";

/** The living children of one actor, or of none that lives. */
export class Family {
  /** None for those that no living actor has started. */
  readonly parent: ProcessView | undefined;
  /** The first of them, so many as may have to be listed; all of them if there are no more. */
  readonly first: ProcessView[] = [];
  /** The children's own. */
  readonly own: Sums = new Sums();
  /** All that is below the parent. */
  readonly below: Sums = new Sums();
  readonly states: Histogram = new Histogram();
  readonly definitions: Histogram = new Histogram();
  longestMailbox = 0;

  constructor(parent: ProcessView | undefined) {
    this.parent = parent;
  }

  get count(): number {
    return this.own.processes;
  }
}

/** With more children than this an actor is shown with an aggregate of them. */
export const MOST_LISTED = 100;

/**
 * One walk over a system: who has which children, and their sums. What it keeps does not grow with the children of one
 * actor, and of each that it passes it asks for no more than is summed up.
 */
export class Survey {
  readonly at: number;
  readonly roots: Family = new Family(undefined);
  readonly #families = new Map<Pid, Family>();

  constructor(system: System) {
    this.at = system.now();
    let last = this.roots;
    for (const process of system.processes()) {
      const { parentPid } = process;
      // Siblings were often started one after the other.
      if (last.parent?.pid !== parentPid) last = this.#familyOf(system, parentPid);
      add(last, process);
    }
    this.#sumUp();
  }

  /** The children of an actor; undefined if it has none. */
  familyOf(pid: Pid): Family | undefined {
    return this.#families.get(pid);
  }

  #familyOf(system: System, pid: Pid): Family {
    const known = this.#families.get(pid);
    if (known !== undefined) return known;
    const parent = system.process(pid);
    // The children of the outside, and of the dead.
    if (parent === undefined) return this.roots;
    const family = new Family(parent);
    this.#families.set(pid, family);
    return family;
  }

  /** Each family counts for all that stand above it: there are few families, also where there are many actors. */
  #sumUp(): void {
    this.roots.below.add(this.roots.own);
    for (const family of this.#families.values()) {
      let above: Family | undefined = family;
      while (above?.parent !== undefined) {
        above.below.add(family.own);
        above = this.#families.get(above.parent.parentPid);
      }
      this.roots.below.add(family.own);
    }
  }
}

function add(family: Family, process: ProcessView): void {
  const { own, states, definitions, first } = family;
  if (own.processes < MOST_LISTED + 1) first.push(process);
  own.addProcess(process);
  states.count(process.summary ?? process.status);
  definitions.count(process.definition.name);
  if (process.mailboxLength > family.longestMailbox) family.longestMailbox = process.mailboxLength;
}
