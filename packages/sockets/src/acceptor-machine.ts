import { type Definition, fromMachine } from "@espalier/actors";
import { setup } from "xstate";
import type { Connection } from "./connection.ts";
import type { Exhausted, HandedOff } from "./connection-supervisor.ts";
import type { Accepted } from "./listening-socket.ts";

/** What an acceptor can do; the machine says when. */
interface AcceptorActions {
  /** Asks the listening socket for one connection. */
  accept(): void;
  /** Gives the connection to the connection supervisor, who will answer. */
  handOff(connection: Connection): void;
  /** Closes a connection that there is no room for, and counts it. */
  refuse(connection: Connection): void;
}

export type AcceptorEvent = Accepted | HandedOff | Exhausted;

export interface AcceptorInput {
  readonly actions: AcceptorActions;
  /** How long a suspended acceptor refuses before it tries again. */
  readonly cooldownMs: number;
}

/*
 * One acceptor, as eSockd's: at most one accept outstanding, at most one connection in hand.
 *
 *                 accepted / handOff
 *   ┌───────────┐ ─────────────────▶ ┌─────────┐
 *   │ accepting │                    │ waiting │   for the connection supervisor
 *   └───────────┘ ◀───────────────── └─────────┘
 *         ▲          handedOff            │ exhausted
 *         │                               ▼
 *         │       after cooldown    ┌───────────┐
 *         └──────────────────────── │ suspended │ ⟲ accepted / refuse, accept
 *                                   └───────────┘
 *
 * A suspended acceptor goes on accepting, to refuse at once: one that slept would let the system's queue fill with
 * clients who have long gone.
 */
/** XState reads the types off this; its value is not used. */
const types: { context?: AcceptorInput; events?: AcceptorEvent; input?: AcceptorInput } = {};

const machine = setup({
  types,
  actions: {
    accept: ({ context }) => context.actions.accept(),
    handOff: ({ context, event }) => {
      if (event.type === "accepted") context.actions.handOff(event.connection);
    },
    refuse: ({ context, event }) => {
      if (event.type === "accepted") context.actions.refuse(event.connection);
    },
  },
  delays: { cooldown: ({ context }) => context.cooldownMs },
}).createMachine({
  id: "acceptor",
  context: ({ input }) => input,
  initial: "accepting",
  states: {
    accepting: {
      entry: "accept",
      on: { accepted: { target: "waiting", actions: "handOff" } },
    },
    waiting: {
      on: { handedOff: "accepting", exhausted: "suspended" },
    },
    suspended: {
      entry: "accept",
      on: { accepted: { actions: ["refuse", "accept"] } },
      after: { cooldown: "accepting" },
    },
  },
});

/** The machine as something that runs. */
export const acceptorMachine: Definition<AcceptorInput> = fromMachine(machine);
