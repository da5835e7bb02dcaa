import { type RequestId, Response } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { nameOf } from "./name-of.ts";
import { countOwned } from "./inspection.ts";

const ID = "I18-call";

/** A request is answered or fails, once; one to somebody who has died does not stay open. */
export function callsEndOnce(): Invariant {
  return {
    id: ID,
    says: "each request is answered or fails exactly once, and none waits for the dead",
    watch: (run) => new Calls(run),
  };
}

class Calls implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #answered = new Set<RequestId>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      send: ({ message, to }) => {
        if (!(message instanceof Response)) return;
        if (this.#answered.has(message.id)) run.violate(ID, `a request of ${nameOf(run, to)} is answered twice`);
        this.#answered.add(message.id);
      },
    };
  }

  after(): void {
    const { system } = this.#run;
    for (const process of system.processes()) {
      // Each call watches its callee, and so does each monitor, as long as that lives.
      const watching = countOwned(process, "call", "monitor");
      const watched = watching === 0 ? 0 : (system.inspect(process.pid)?.monitors.length ?? 0);
      if (watching > watched) this.#run.violate(ID, `${process.path} waits for an answer of somebody who is dead`);
    }
  }
}
