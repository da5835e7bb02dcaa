import { Exit, type ExitReason, type Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { PidFlags } from "./pid-flags.ts";
import { nameOf } from "./name-of.ts";

const ID = "I3-link";

/**
 * An end goes along each link once, and whoever it reaches dies of it, or is told, if he traps exits. Nobody is linked to
 * the dead.
 */
export function linksTellOnce(): Invariant {
  return {
    id: ID,
    says: "the end of an actor reaches each actor that it is linked to exactly once, and no link leads to the dead",
    watch: (run) => new Links(run),
  };
}

class Links implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #links = new Map<Pid, Set<Pid>>();
  readonly #dead = new PidFlags();
  /** Who has died last, and those who have not had its signal. */
  #lastDead: Pid | undefined;
  #owed: Set<Pid> | undefined;
  /** How many signals each actor was sent that it has to die of, or to be told of. */
  readonly #unresolved = new Map<Pid, number>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      link: ({ subject, with: other }) => this.#link(subject.pid, other),
      unlink: ({ subject, with: other }) => this.#unlink(subject.pid, other),
      exitSignal: ({ subject, to, reason }) => this.#signalled(subject.pid, to, reason),
      send: ({ to, message }) => void (message instanceof Exit && this.#told(to, message)),
      exit: ({ subject }) => this.#died(subject.pid),
    };
  }

  quiet(): void {
    this.#settle();
    if (this.#unresolved.size === 0 || this.#run.world.signalsInFlight > 0) return;
    for (const pid of this.#unresolved.keys()) {
      this.#run.violate(ID, `${nameOf(this.#run, pid)} has neither died of an exit signal nor been told of it`);
    }
    this.#unresolved.clear();
  }

  #link(one: Pid, other: Pid): void {
    if (this.#dead.has(one) || this.#dead.has(other)) {
      this.#run.violate(
        ID,
        `a link between ${nameOf(this.#run, one)} and ${nameOf(this.#run, other)}, of whom one is dead`,
      );
      return;
    }
    put(this.#links, one, other);
    put(this.#links, other, one);
  }

  #unlink(one: Pid, other: Pid): void {
    this.#links.get(one)?.delete(other);
    this.#links.get(other)?.delete(one);
    // A child of a machine takes its link off in its end, which the machine is told of by an event.
    if (one === this.#lastDead) this.#owed?.delete(other);
  }

  #died(pid: Pid): void {
    this.#settle();
    this.#dead.add(pid);
    this.#unresolved.delete(pid);
    const others = this.#links.get(pid);
    if (others === undefined) return;
    this.#links.delete(pid);
    for (const other of others) this.#links.get(other)?.delete(pid);
    this.#lastDead = pid;
    this.#owed = others;
  }

  /** The signals of an end leave with it, before anything else happens. */
  #settle(): void {
    const owed = this.#owed;
    if (owed === undefined) return;
    this.#owed = undefined;
    for (const other of owed)
      this.#run.violate(
        ID,
        `the end of ${nameOf(this.#run, this.#lastDead)} has not gone along its link to ${nameOf(this.#run, other)}`,
      );
  }

  #signalled(from: Pid, to: Pid, reason: ExitReason): void {
    if (this.#dead.has(from) && (from !== this.#lastDead || this.#owed?.delete(to) !== true)) {
      this.#run.violate(
        ID,
        `the end of ${nameOf(this.#run, from)} is told to ${nameOf(this.#run, to)}, who is not linked to it any more`,
      );
    }
    // Whoever does not trap exits may ignore a normal one.
    if (reason.type !== "normal") this.#unresolved.set(to, (this.#unresolved.get(to) ?? 0) + 1);
  }

  #told(to: Pid, { from, reason }: Exit): void {
    if (reason.type === "normal") return;
    const count = this.#unresolved.get(to) ?? 0;
    if (count > 1) this.#unresolved.set(to, count - 1);
    else if (count === 1) this.#unresolved.delete(to);
    // Of a link to the dead that somebody wanted to make, he is told without a signal.
    else if (reason.type !== "noproc")
      this.#run.violate(ID, `${nameOf(this.#run, to)} is told twice of the end of ${nameOf(this.#run, from)}`);
  }
}

function put(links: Map<Pid, Set<Pid>>, one: Pid, other: Pid): void {
  const others = links.get(one);
  if (others === undefined) links.set(one, new Set([other]));
  else others.add(other);
}
