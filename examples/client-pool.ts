import { type Call, createSystem, defineServer, type From, noreply, ok, shutdown, stop } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  packetMachine,
  startPool,
  startSockets,
} from "@espalier/sockets";

// A pool with a connection to each of two servers. When one of them goes away the other one gets all requests, and when
// it is back, so is its connection.

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).trimEnd();
const serverOf = (name: string) =>
  packetMachine({ onData: (connection, data) => void connection.send(`${text(data)} ${name}\n`) });

// What runs for each connection of the pool. Answers come in the order of the requests.
const asking = defineServer<{
  args: ConnectionInput;
  state: { connection: Connection; askers: From[] };
  call: Call<"ask", string, { line: string }>;
  info: ConnectionEvent;
}>({
  init: ({ connection }) => ok({ connection, askers: [] }),
  handleCall({ line }, from, { connection, askers }) {
    connection.send(`${line}\n`);
    return noreply({ connection, askers: [...askers, from] });
  },
  handleInfo(event, { connection, askers: [first, ...others] }) {
    if (event.type === "closed" || event.type === "error") return stop(shutdown(event.type));
    connection.activate("once");
    if (event.type !== "data" || first === undefined) return noreply({ connection, askers: first ? [first] : [] });
    first.reply(text(event.data));
    return noreply({ connection, askers: others });
  },
});

const system = createSystem();
const sockets = await startSockets(system);
const left = await sockets.open("left", "127.0.0.1:0", { packet: "line" }, serverOf("left"));
const right = await sockets.open("right", "127.0.0.1:0", { packet: "line" }, serverOf("right"));

const connections = [left, right].map(({ name, port }) => ({ id: name, to: `127.0.0.1:${port}` }));
const pool = startPool(system, connections, { packet: "line", backoff: { initialMs: 10 } }, asking);
await pool.connected(2);

const ask = (line: string) => pool.call<string>({ type: "ask", line });
console.log("both are up:  ", [await ask("1"), await ask("2"), await ask("3")].join(", "));
await left.close();
console.log("left is down: ", [await ask("4"), await ask("5"), await ask("6")].join(", "));
await sockets.open("left", `127.0.0.1:${left.port}`, { packet: "line" }, serverOf("left"));
await pool.connected(2);
console.log("left is back: ", [await ask("7"), await ask("8"), await ask("9")].join(", "));

await system.shutdown();
