import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { Ledger } from "./ledger.ts";
import { PidFlags } from "./pid-flags.ts";
import { nameOf } from "./name-of.ts";

const ID = "I6-dead";

/** Nothing is handled by the dead, nor by whoever stands in their place; and they do nothing. */
export function deadAreSilent(): Invariant {
  return {
    id: ID,
    says: "a message is handled at most once, by the very actor it was sent to, and the dead do nothing",
    watch: (run) => new Silence(run),
  };
}

/** Instead of the receiver, when its message has been handled. */
const HANDLED = -1;

class Silence implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #dead = new PidFlags();
  /** By the event of sending. */
  readonly #receivers = new Ledger();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      send: ({ id, to }) => this.#receivers.set(id, to.id),
      deliver: ({ cause, subject }) => this.#handled(cause, subject.pid),
      exit: ({ subject }) => {
        this.#check(subject.pid, "dies once more");
        this.#dead.add(subject.pid);
      },
      spawn: ({ parent }) => void (parent !== undefined && this.#check(parent, "spawns")),
      started: ({ subject }) => this.#check(subject.pid, "has started"),
      link: ({ subject }) => this.#check(subject.pid, "links"),
      monitor: ({ subject }) => this.#check(subject.pid, "monitors"),
      register: ({ subject }) => this.#check(subject.pid, "is registered"),
      timerSet: ({ subject }) => this.#check(subject.pid, "sets a timer"),
      timerFired: ({ subject }) => this.#check(subject.pid, "has a timer that fires"),
      acquire: ({ subject }) => this.#check(subject.pid, "acquires something"),
    };
  }

  #check(pid: Pid, what: string): void {
    if (this.#dead.has(pid)) this.#run.violate(ID, `${nameOf(this.#run, pid)} is dead, and ${what}`);
  }

  #handled(sent: number, pid: Pid): void {
    if (this.#dead.has(pid)) this.#run.violate(ID, `${nameOf(this.#run, pid)} is dead, and handles a message`);
    const receiver = this.#receivers.get(sent);
    // What a machine has put off, or inserted, nobody has sent: one event may lead to several of those.
    if (receiver === 0) return;
    if (receiver === HANDLED)
      this.#run.violate(ID, `${nameOf(this.#run, pid)} handles a message that was handled before`);
    else if (receiver !== pid.id) {
      this.#run.violate(ID, `${nameOf(this.#run, pid)} handles a message that was sent to <0.${receiver}>`);
    }
    this.#receivers.set(sent, HANDLED);
  }
}
