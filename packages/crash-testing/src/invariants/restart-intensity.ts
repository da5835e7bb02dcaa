import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { Families } from "./family.ts";
import { nameOf } from "./name-of.ts";

const ID = "I5-intensity";

/**
 * OTP's law of restarts: in no period are there more of them than the intensity allows, since the supervisor would have
 * given up. Times are whole seconds, and the window includes its edge.
 */
export function restartsAreBounded(): Invariant {
  return {
    id: ID,
    says: "no supervisor restarts children more often within its period than its intensity allows",
    watch: (run) => new Restarts(run),
  };
}

/** One restart: it was counted between the two. There is one in a round, of however many children. */
interface Restart {
  readonly round: number;
  notBefore: number;
  readonly notAfter: number;
}

interface Limits {
  readonly intensity: number;
  readonly periodMs: number;
}

class Restarts implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #families = new Families();
  readonly #parents = new Map<Pid, Pid>();
  readonly #restarts = new Map<Pid, Restart[]>();

  constructor(run: RunView) {
    this.#run = run;
    const families = this.#families;
    this.on = {
      spawn: (event) => {
        if (event.parent !== undefined) this.#parents.set(event.subject.pid, event.parent);
        const born = families.spawned(event);
        if (born === undefined) return;
        const { family, child } = born;
        // A new child may have the name of one that is gone for good.
        if (child.due !== undefined && event.subject.incarnation > 1) {
          this.#count(family.pid, { round: family.round, notBefore: child.due.time, notAfter: event.time });
        }
        child.due = undefined;
      },
      exit: ({ subject: { pid } }) => {
        families.died(pid, this.#parents.get(pid));
        this.#parents.delete(pid);
        this.#restarts.delete(pid);
      },
      report: ({ id, time, report }) => {
        families.reported(report);
        if (report.type !== "supervisor" || report.errorContext !== "startError") return;
        const child = families.all.get(report.supervisor.pid)?.children.get(report.offender.id ?? "");
        if (child !== undefined) child.due = { time, event: id };
      },
      deliver: (event) => {
        const family = families.all.get(event.subject.pid);
        if (family === undefined) return;
        families.handled(family, event);
        // Whoever is started by hand is not restarted.
        if (family.isChanged) for (const child of family.children.values()) child.due = undefined;
        family.isChanged = false;
      },
    };
  }

  #count(supervisor: Pid, restart: Restart): void {
    const restarts = this.#restarts.get(supervisor) ?? [];
    this.#restarts.set(supervisor, restarts);
    const last = restarts.at(-1);
    if (last?.round === restart.round) {
      last.notBefore = Math.min(last.notBefore, restart.notBefore);
      return;
    }
    restarts.push(restart);
    const limits = this.#limitsOf(supervisor);
    if (limits === undefined) return;
    const now = Math.floor(restart.notAfter / 1000);
    const within = restarts.filter(({ notBefore }) => now <= Math.floor(notBefore / 1000) + limits.periodMs / 1000);
    if (within.length <= limits.intensity) return;
    this.#run.violate(
      ID,
      `${nameOf(this.#run, supervisor)} has restarted ${within.length} times within ${limits.periodMs} ms, and may ${limits.intensity} times`,
    );
  }

  /** What it says of itself: seldom asked, since restarts are rare. */
  #limitsOf(supervisor: Pid): Limits | undefined {
    const state = this.#run.system.process(supervisor)?.describe();
    if (typeof state !== "object" || state === null || !("intensity" in state) || !("periodMs" in state))
      return undefined;
    const { intensity, periodMs } = state;
    return typeof intensity === "number" && typeof periodMs === "number" ? { intensity, periodMs } : undefined;
  }
}
