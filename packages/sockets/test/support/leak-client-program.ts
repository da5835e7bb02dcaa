import {
  createSystem,
  defineServer,
  nodeHost,
  noreply,
  ok,
  type Pid,
  shutdown,
  silentLogger,
  stop,
} from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  connect,
  packetMachine,
  startPool,
  startSockets,
  tcpTransport,
} from "@espalier/sockets";
import { memoryTransport } from "@espalier/sockets/testing";
import { runBatches } from "./leak-batches.ts";

/*
 * Makes clients, and connections of a pool, that end in every way there is, on the transport that is its first argument, and
 * looks what is left of them: see `runBatches`. At last it says how often what has been counted.
 */

const [kind = ""] = process.argv.slice(2);
const transport = kind === "memory" ? memoryTransport() : tcpTransport();
const system = createSystem({ host: nodeHost({ logger: silentLogger }) });
const sockets = await startSockets(system, { transport });

/** Does as it is told. */
const obedient = packetMachine({
  onData(connection, line) {
    const order = Buffer.from(line).toString();
    connection.send(line);
    if (order === "close\n") connection.close();
    if (order === "abort\n") connection.abort();
    if (order === "crash\n") throw new Error("as told");
  },
});
const server = await sockets.open("server", "127.0.0.1:0", { packet: "line", acceptors: 4 }, obedient);
const gone = await sockets.open("gone", "127.0.0.1:0", {}, obedient);
const nowhere = gone.port;
await gone.close();

/** Says its one line, and does something itself when that comes back, or waits for the end. */
function saying(order: string) {
  return defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
    name: "saying",
    init: ({ connection }) => ok(connection),
    handleInfo(event, connection, { pid }) {
      if (event.type === "closed" || event.type === "error") return stop(shutdown(event.type), connection);
      if (event.type === "socketReady") {
        connection.activate(true);
        connection.send(`${order}\n`);
      }
      if (event.type === "data" && order === "finish") return stop(shutdown("finished"), connection);
      if (event.type === "data" && order === "boom") throw new Error("boom");
      if (event.type === "data" && order === "die") system.kill(pid);
      return noreply(connection);
    },
  });
}

const options = { packet: "line", transport } as const;
const to = `127.0.0.1:${server.port}`;
const counts = { closedFailed: 0 };

/** A client with one connection. */
async function visit(order: string): Promise<void> {
  const client = await connect(system, to, { ...options, reconnect: "never" }, saying(order));
  if (order === "stay") await client.close();
  else await system.exited(client.ref as Pid);
}

/** A client that is not let in. */
async function fail(): Promise<void> {
  const failing = connect(system, `127.0.0.1:${nowhere}`, { ...options, reconnect: "never" }, saying("none"));
  await failing.catch(() => (counts.closedFailed += 1));
}

let members = 0;
const pool = startPool(system, [], { ...options, backoff: { initialMs: 1, maxMs: 1 } }, saying("stay"));

/** A connection of a pool that comes and goes. */
async function join(): Promise<void> {
  members += 1;
  const id = `member ${members}`;
  await pool.add({ id, to });
  while ((await pool.connections()).find((member) => member.id === id)?.state !== "connected") {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await pool.remove(id);
}

await runBatches({
  system,
  visits: [
    ...["close", "abort", "crash", "finish", "boom", "die", "stay"].map((order) => () => visit(order)),
    fail,
    join,
    () => visit("close"),
  ],
  isQuiet: () => server.waitForConnections("==", 0),
  handles: "TCPSocketWrap",
});
const { stats, shutdownCounts } = server;
process.stdout.write(`${JSON.stringify({ server: { ...stats, ...shutdownCounts }, clients: counts })}\n`);
await system.shutdown();
