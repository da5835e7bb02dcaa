import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { createSystem, defineServer, noreply, ok, shutdown, stop } from "@espalier/actors";
import { type Connection, type ConnectionEvent, type ConnectionInput, startSockets } from "@espalier/sockets";

// A connection as a server (OTP's gen_server): the events of its socket arrive as messages, in `handleInfo`.

const echo = defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
  name: "echo",
  init: ({ connection }) => ok(connection),
  handleInfo(event, connection) {
    // Unlike a machine, a server is not ended by what it does not handle: it has to stop when its socket is closed. An
    // orderly stop is no crash, and the listener counts it under this detail.
    if (event.type !== "socketReady" && event.type !== "data") return stop(shutdown(event.type), connection);
    if (event.type === "data") connection.send(event.data);
    // One packet is asked for at a time, after the last one was answered: a client waits for a server that is slow.
    connection.activate("once");
    return noreply(connection);
  },
});

const system = createSystem();
const sockets = await startSockets(system);
const listener = await sockets.open("echo", "127.0.0.1:0", {}, echo);

// Says hello and that this was all; the answer is everything that comes until the server ends as well.
const answer = await text(connect(listener.port, "127.0.0.1").end("hello"));
console.log(`sent hello, received ${answer}`);
console.log("connections ended:", listener.shutdownCounts);

await system.shutdown();
