import { Down, type MonitorRef, type Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { nameOf } from "./name-of.ts";

const ID = "I2-monitor";

/** A monitor tells of the end of its target once: never not at all, never twice, never after it was taken back. */
export function monitorsTellOnce(): Invariant {
  return {
    id: ID,
    says: "each monitor tells of the end of its target exactly once, unless its owner has died or taken it back",
    watch: (run) => new Monitors(run),
  };
}

interface Open {
  readonly owner: Pid;
  readonly target: Pid;
}

class Monitors implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #open = new Map<MonitorRef, Open>();
  readonly #byTarget = new Map<Pid, Set<MonitorRef>>();
  readonly #byOwner = new Map<Pid, Set<MonitorRef>>();
  /** Told, or taken back: nothing may come of them any more. */
  readonly #over = new Set<MonitorRef>();
  readonly #handled = new Set<MonitorRef>();
  /** Their targets are dead. */
  #due: MonitorRef[] = [];

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      monitor: ({ subject, target, ref }) => this.#add(ref, { owner: subject.pid, target }),
      demonitor: ({ ref }) => this.#close(ref),
      send: ({ message }) => void (message instanceof Down && this.#told(message)),
      deliver: ({ message }) => void (message instanceof Down && this.#heard(message)),
      exit: ({ subject }) => this.#died(subject.pid),
    };
  }

  quiet(): void {
    if (this.#due.length === 0) return;
    for (const ref of this.#due) {
      const lost = this.#open.get(ref);
      if (lost !== undefined)
        this.#run.violate(
          ID,
          `${nameOf(this.#run, lost.owner)} was never told of the end of ${nameOf(this.#run, lost.target)}`,
        );
    }
    this.#due = [];
  }

  #add(ref: MonitorRef, open: Open): void {
    this.#open.set(ref, open);
    put(this.#byTarget, open.target, ref);
    put(this.#byOwner, open.owner, ref);
  }

  #close(ref: MonitorRef): void {
    this.#over.add(ref);
    const open = this.#open.get(ref);
    if (open === undefined) return;
    this.#open.delete(ref);
    this.#byTarget.get(open.target)?.delete(ref);
    this.#byOwner.get(open.owner)?.delete(ref);
  }

  #told({ ref, pid, reason }: Down): void {
    if (this.#open.has(ref)) this.#close(ref);
    else if (this.#over.has(ref))
      this.#run.violate(ID, `the end of ${nameOf(this.#run, pid)} is told by a monitor that is over`);
    // That of somebody who was dead when it was made tells at once.
    else if (reason.type === "noproc") this.#over.add(ref);
    else this.#run.violate(ID, `the end of ${nameOf(this.#run, pid)} is told by a monitor that nobody has set`);
  }

  #heard({ ref, pid }: Down): void {
    if (this.#handled.has(ref)) this.#run.violate(ID, `the end of ${nameOf(this.#run, pid)} is handled twice`);
    this.#handled.add(ref);
  }

  #died(pid: Pid): void {
    for (const ref of this.#byOwner.get(pid) ?? []) this.#close(ref);
    this.#byOwner.delete(pid);
    const refs = this.#byTarget.get(pid);
    if (refs === undefined) return;
    this.#byTarget.delete(pid);
    this.#due.push(...refs);
  }
}

function put(map: Map<Pid, Set<MonitorRef>>, pid: Pid, ref: MonitorRef): void {
  const refs = map.get(pid);
  if (refs === undefined) map.set(pid, new Set([ref]));
  else refs.add(ref);
}
