import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { nameOf } from "./name-of.ts";

const ID = "I12-name";

/** A name leads to somebody who lives, and to him who has it. */
export function namesAreLive(): Invariant {
  return {
    id: ID,
    says: "each name leads to the living actor that has it, and nobody takes a name that another one has",
    watch: (run) => new Names(run),
  };
}

class Names implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  /** Also of names that were given up: nobody has those. */
  readonly #owners = new Map<string, Pid | undefined>();
  readonly #names = new Map<Pid, string>();
  /** Of actors that are dead. */
  #stale: string[] = [];

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      register: ({ subject, name }) => this.#taken(name, subject.pid),
      unregister: ({ subject, name }) => this.#given(name, subject.pid),
      exit: ({ subject }) => {
        const name = this.#names.get(subject.pid);
        if (name !== undefined) this.#stale.push(name);
      },
    };
  }

  quiet(): void {
    if (this.#stale.length === 0) return;
    for (const name of this.#stale) this.#look(name);
    this.#stale = [];
  }

  after(): void {
    const { system } = this.#run;
    for (const [name, owner] of this.#owners) {
      const pid = system.whereis(name);
      if (pid !== undefined && !system.isAlive(pid))
        this.#run.violate(ID, `the name ${name} leads to ${nameOf(this.#run, pid)}, who is dead`);
      else if (pid !== undefined && pid !== owner)
        this.#run.violate(ID, `the name ${name} leads to ${nameOf(this.#run, pid)}, whose it is not`);
      else if (pid !== owner)
        this.#run.violate(ID, `the name ${name} does not lead to ${nameOf(this.#run, owner)}, whose it is`);
    }
    for (const { name, pid } of system.processes()) {
      if (name !== undefined && this.#owners.get(name) !== pid)
        this.#run.violate(ID, `${nameOf(this.#run, pid)} has the name ${name}, and nobody has given it`);
    }
  }

  /** Its owner has died since the last time. */
  #look(name: string): void {
    const pid = this.#owners.get(name);
    if (pid !== this.#run.system.whereis(name)) this.#run.violate(ID, `the name ${name} does not lead to its owner`);
    if (pid !== undefined && !this.#run.system.isAlive(pid)) {
      this.#run.violate(ID, `the name ${name} is still that of ${nameOf(this.#run, pid)}, who is dead`);
    }
  }

  #taken(name: string, pid: Pid): void {
    const owner = this.#owners.get(name);
    if (owner !== undefined)
      this.#run.violate(ID, `${nameOf(this.#run, pid)} takes the name ${name}, which ${nameOf(this.#run, owner)} has`);
    this.#owners.set(name, pid);
    this.#names.set(pid, name);
  }

  #given(name: string, pid: Pid): void {
    if (this.#owners.get(name) !== pid)
      this.#run.violate(ID, `${nameOf(this.#run, pid)} gives up the name ${name}, which it does not have`);
    this.#owners.set(name, undefined);
    this.#names.delete(pid);
  }
}
