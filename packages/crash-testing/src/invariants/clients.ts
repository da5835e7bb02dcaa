import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { nameOf } from "./name-of.ts";

const ID = "I21-client";

/** Where a client stands, as far as it has said so. */
type State = "idle" | "connecting" | "connected";

/** A client makes one attempt at a time, and has one connection at most. */
export function clientsHaveOne(): Invariant {
  return {
    id: ID,
    says: "a client makes one attempt to connect at a time, has one connection at most, and tells of the end of each",
    watch: (run) => new Clients(run),
  };
}

class Clients implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #states = new Map<Pid, State>();
  /** Of handlers. */
  readonly #clients = new Map<Pid, Pid>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      clientConnecting: ({ subject: { pid } }) => this.#goes(pid, "connecting", ["idle"]),
      clientConnected: ({ subject: { pid } }) => this.#goes(pid, "connected", ["connecting"]),
      clientFailed: ({ subject: { pid } }) => this.#goes(pid, "idle", ["connecting"]),
      clientDisconnected: ({ subject: { pid } }) => this.#goes(pid, "idle", ["connected"]),
      spawn: ({ subject: { pid }, parent }) => {
        if (parent !== undefined && this.#states.has(parent)) this.#clients.set(pid, parent);
      },
      exit: ({ subject: { pid } }) => {
        const client = this.#clients.get(pid);
        this.#clients.delete(pid);
        // A handler that has never come up: the attempt is over, and there was no connection.
        if (client !== undefined && this.#states.get(client) === "connecting") this.#states.set(client, "idle");
      },
    };
  }

  #goes(client: Pid, to: State, from: readonly State[]): void {
    const state = this.#states.get(client) ?? "idle";
    this.#states.set(client, to);
    if (!from.includes(state)) this.#run.violate(ID, `${nameOf(this.#run, client)} is ${state}, and becomes ${to}`);
  }
}
