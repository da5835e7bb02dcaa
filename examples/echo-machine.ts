import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { createSystem } from "@espalier/actors";
import { connectionMachine, startSockets } from "@espalier/sockets";
import { assign } from "xstate";

// A connection as an XState machine of one's own. Every accepted connection runs it as an actor, under a supervisor.

const echo = connectionMachine<{ context: { packets: number } }>().createMachine({
  id: "echo",
  context: ({ input }) => ({ connection: input.connection, packets: 0 }),
  initial: "waiting",
  states: {
    // The socket is on its way here. Until it is, its packets would go to somebody else.
    waiting: { on: { socketReady: { target: "echoing", actions: "activate" } } },
    echoing: {
      on: {
        data: {
          actions: [
            assign({ packets: ({ context }) => context.packets + 1 }),
            { type: "send", params: ({ event }) => event.data },
            // Packets come one at a time, and each time for the asking: a slow handler is not flooded, its client is
            // slowed down.
            "activate",
          ],
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
