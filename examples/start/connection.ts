import type { ConnectionEvent, ConnectionInput } from "@espalier/sockets";
import { setup } from "xstate";

/*
 * One connection of the echo server.
 *
 *   ┌─────────────────┐ socketReady ┌───────────────┐ shutdown ┌──────────┐
 *   │ WAIT_FOR_SOCKET │ ──────────▶ │ WAIT_FOR_DATA │ ───────▶ │ DRAINING │
 *   └─────────────────┘             └───────────────┘          └──────────┘
 *                                     ⟲ data / echo              ⟲ data / echo
 *
 * It says nothing of the ends of its socket (closed, error, timeout): those end it in any state. Of `shutdown` it does
 * speak, which is how a client that is in the middle of something gets the time to finish. The connection supervisor
 * sets the limit: it kills what is left when the listener's `shutdown` time is over.
 */
const types: { context?: ConnectionInput; events?: ConnectionEvent; input?: ConnectionInput } = {};

export const connection = setup({
  types,
  actions: {
    echo: ({ context, event }) => {
      if (event.type === "data") context.connection.send(event.data);
    },
    // One packet at a time: the next is read when this one has been answered.
    activate: ({ context }) => context.connection.activate("once"),
  },
  delays: { handOff: ({ context }) => context.config.socketReadyTimeoutMs },
}).createMachine({
  id: "echo",
  context: ({ input }) => input,
  initial: "WAIT_FOR_SOCKET",
  states: {
    WAIT_FOR_SOCKET: {
      on: { socketReady: { target: "WAIT_FOR_DATA", actions: "activate" } },
      after: { handOff: "LOST" },
    },
    WAIT_FOR_DATA: {
      on: { data: { actions: ["echo", "activate"] }, shutdown: "DRAINING" },
    },
    DRAINING: {
      on: { data: { actions: ["echo", "activate"] } },
    },
    LOST: { type: "final" },
  },
});
