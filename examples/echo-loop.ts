import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { createSystem, fromAsync } from "@espalier/actors";
import { type ConnectionEvent, type ConnectionInput, startSockets } from "@espalier/sockets";

// A connection as an async function: the form for protocols that go step by step, as here a greeting and then an echo.

const echo = fromAsync<ConnectionEvent, ConnectionInput>(
  async (self, { connection }) => {
    // The socket is handed over first. `match` picks a message out of the mailbox; others stay there, in order.
    await self.receive({ match: (event) => event.type === "socketReady" });
    connection.send("welcome\n");
    for (;;) {
      connection.activate("once");
      const event = await self.receive();
      // `closed`, `error` and `timeout` all mean that there is nothing more to do. When the function returns, the actor
      // ends, and its socket is closed.
      if (event.type !== "data") return;
      connection.send(event.data);
    }
  },
  { name: "echo" },
);

const system = createSystem();
const sockets = await startSockets(system);
// With `packet: "line"` each event holds one line, however TCP has cut the bytes.
const listener = await sockets.open("echo", "127.0.0.1:0", { packet: "line" }, echo);

// Says hello and that this was all; the answer is everything that comes until the server ends as well.
const answer = await text(connect(listener.port, "127.0.0.1").end("hello\n"));
console.log(`sent hello, received ${answer.trimEnd().replaceAll("\n", " and ")}`);

await system.shutdown();
