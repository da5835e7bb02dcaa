import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { type Child, Families, type Family } from "./family.ts";
import { countOwned } from "./inspection.ts";
import { PidFlags } from "./pid-flags.ts";

const ID = "I13-supervision";

/**
 * Supervisors run what their specs say: in start order, stopped in the reverse of it, one after the other; temporary
 * children once; and when all faults are over, permanent ones live, and nobody depends on somebody who is dead.
 */
export function supervisorsKeepSpecs(): Invariant {
  return {
    id: ID,
    says: "supervisors start children in order, stop them in reverse, restart no temporary one and, at last, run all permanent ones",
    watch: (run) => new Supervision(run),
  };
}

/** Where a supervisor stands within what it does in one go. */
interface Round {
  readonly number: number;
  /** Among its children, and among those of the supervisor that was there before. */
  lastStarted: number;
  lastStartedBefore: number;
  lastStopped: Child | undefined;
}

class Supervision implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #families = new Families();
  readonly #parents = new Map<Pid, Pid>();
  readonly #rounds = new Map<Pid, Round>();
  /** By path: the order of the children in the last supervisor there. */
  readonly #orders = new Map<string, readonly string[]>();
  /** What has made a supervisor restart children last: the event of the end. */
  readonly #restartedFor = new Map<Pid, number>();
  readonly #dynamic = new PidFlags();

  constructor(run: RunView) {
    this.#run = run;
    const families = this.#families;
    this.on = {
      spawn: (event) => {
        const { subject, parent } = event;
        if (parent !== undefined) this.#parents.set(subject.pid, parent);
        const born = families.spawned(event);
        if (born !== undefined) this.#started(born.family, born.child, subject.incarnation);
      },
      exit: ({ subject: { pid, path } }) => {
        const family = families.all.get(pid);
        if (family !== undefined && !family.isChanged) this.#orders.set(path, [...family.children.keys()]);
        families.died(pid, this.#parents.get(pid));
        this.#parents.delete(pid);
        this.#rounds.delete(pid);
        this.#restartedFor.delete(pid);
      },
      report: ({ report }) => families.reported(report),
      deliver: (event) => {
        const family = families.all.get(event.subject.pid);
        if (family !== undefined) families.handled(family, event);
      },
      exitSignal: ({ subject, to }) => {
        const family = families.all.get(subject.pid);
        const child = family?.byPid.get(to);
        if (family !== undefined && child !== undefined) this.#stopped(family, child);
      },
    };
  }

  after(phase: string): void {
    if (phase !== "healed" || this.#run.isEnding || this.#run.world.signalsInFlight > 0) return;
    for (const family of this.#families.all.values()) {
      const supervisor = this.#run.system.process(family.pid);
      // One that waits for the time to try again is not done.
      if (supervisor?.status !== "waiting" || countOwned(supervisor, "timer") > 0) continue;
      if (family.isChanged) continue;
      this.#checkLiving(family);
      this.#checkDependants(family, strategyOf(supervisor.describe()));
    }
  }

  #started(family: Family, child: Child, incarnation: number): void {
    const { pid, path, isChanged, gone } = family;
    const { id, place } = child;
    if (incarnation === 1) gone.delete(id);
    else if (gone.has(id)) this.#run.violate(ID, `${path} restarts ${id}, which is temporary`);
    if (child.due !== undefined) this.#restartedFor.set(pid, child.due.event);
    child.due = undefined;
    if (isChanged) return;
    const round = this.#roundOf(family);
    round.lastStopped = undefined;
    const before = this.#orders.get(path)?.indexOf(id) ?? -1;
    const isLate = place < round.lastStarted || (before >= 0 && before < round.lastStartedBefore);
    if (isLate && !this.#isDynamic(pid)) {
      this.#run.violate(ID, `${path} starts ${id} after children that come after it`);
    }
    round.lastStarted = place;
    round.lastStartedBefore = Math.max(round.lastStartedBefore, before);
  }

  #roundOf({ pid, round: number }: Family): Round {
    let round = this.#rounds.get(pid);
    if (round?.number !== number) {
      round = { number, lastStarted: -1, lastStartedBefore: -1, lastStopped: undefined };
      this.#rounds.set(pid, round);
    }
    return round;
  }

  #stopped(family: Family, child: Child): void {
    if (family.isChanged) return;
    const round = this.#roundOf(family);
    const last = round.lastStopped;
    round.lastStopped = child;
    round.lastStarted = -1;
    round.lastStartedBefore = -1;
    if (last === undefined || last === child || this.#isDynamic(family.pid)) return;
    const { path } = family;
    if (child.place > last.place)
      this.#run.violate(ID, `${path} stops ${child.id} after ${last.id}, which comes before it`);
    else if (this.#run.system.isAlive(last.pid))
      this.#run.violate(ID, `${path} stops ${child.id} while ${last.id} still lives`);
  }

  #checkLiving({ path, children }: Family): void {
    for (const { id, spec, isAlive, hasFailed, hasStarted } of children.values()) {
      if (isAlive || spec?.restart !== "permanent" || spec.decides === true) continue;
      // One that has nothing to do, and said so, has neither.
      if (hasStarted || hasFailed) this.#run.violate(ID, `${path} does not run its permanent child ${id}`);
    }
  }

  #checkDependants({ pid, path, children }: Family, strategy: unknown): void {
    const living = [...children.values()].filter(({ isAlive }) => isAlive);
    if (strategy === "restForOne") {
      for (const [index, child] of living.entries()) {
        const next = living[index + 1];
        if (next === undefined || next.startedBy > child.startedBy) continue;
        this.#run.violate(ID, `${path} runs ${next.id} that was started before ${child.id}, on which it depends`);
      }
    } else if (strategy === "oneForAll") {
      const since = this.#restartedFor.get(pid) ?? 0;
      for (const { id, startedBy } of living) {
        if (startedBy < since) this.#run.violate(ID, `${path} still runs the ${id} of before the last restart of all`);
      }
    }
  }

  /** Children without an order. Asked when one seems to be broken, and once. */
  #isDynamic(supervisor: Pid): boolean {
    if (this.#dynamic.has(supervisor)) return true;
    const strategy = strategyOf(this.#run.system.process(supervisor)?.describe());
    if (strategy !== undefined && strategy !== "simpleOneForOne") return false;
    this.#dynamic.add(supervisor);
    return true;
  }
}

function strategyOf(state: unknown): unknown {
  return typeof state === "object" && state !== null && "strategy" in state ? state.strategy : undefined;
}
