import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { createSystem } from "@espalier/actors";
import { type Connection, type ConnectionEvent, type ConnectionInput, startSockets } from "@espalier/sockets";
import { assign, setup } from "xstate";

// A connection as an XState machine of one's own. Every accepted connection runs it as an actor, under a supervisor.

interface Echo {
  readonly connection: Connection;
  readonly packets: number;
}

// `setup` reads the types off this; its value is not used. A machine may have more events than those of its connection.
const types: { input?: ConnectionInput; context?: Echo; events?: ConnectionEvent } = {};

const echo = setup({
  types,
  actions: {
    // Packets come one at a time, and each time for the asking: a slow handler is not flooded, its client is slowed down.
    activate: ({ context }) => context.connection.activate("once"),
    count: assign({ packets: ({ context }) => context.packets + 1 }),
  },
}).createMachine({
  id: "echo",
  context: ({ input }) => ({ connection: input.connection, packets: 0 }),
  initial: "waiting",
  states: {
    // The socket is on its way here. Until it is, its packets would go to somebody else.
    waiting: { on: { socketReady: { target: "echoing", actions: "activate" } } },
    echoing: {
      on: {
        data: {
          actions: ["count", ({ context, event }) => void context.connection.send(event.data), "activate"],
        },
      },
    },
    // Nothing is said of `closed`, `error` and `timeout`: an end of the socket that no state handles ends the actor.
  },
});

const system = createSystem();
const sockets = await startSockets(system);
const listener = await sockets.open("echo", "127.0.0.1:0", {}, echo);

// Says hello and that this was all; the answer is everything that comes until the server ends as well.
const answer = await text(connect(listener.port, "127.0.0.1").end("hello"));
console.log(`sent hello, received ${answer}`);

await system.shutdown();
