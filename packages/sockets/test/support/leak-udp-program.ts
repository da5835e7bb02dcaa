import { createSystem, nodeHost, type Pid, silentLogger } from "@espalier/actors";
import { type DatagramSocket, packetMachine, startSockets, udpTransport } from "@espalier/sockets";
import { memoryDatagrams } from "@espalier/sockets/testing";
import { runBatches } from "./leak-batches.ts";

/*
 * Has peers come that go in every way there is, on the transport that is its first argument, and looks what is left of them:
 * see `runBatches`. At last it says how often what has been counted.
 */

const [kind = ""] = process.argv.slice(2);
const datagrams = kind === "memory" ? memoryDatagrams() : udpTransport();
const system = createSystem({ host: nodeHost({ logger: silentLogger }) });
const sockets = await startSockets(system, { datagrams });

/** Does as it is told. */
const obedient = packetMachine({
  onData(connection, datagram) {
    const order = Buffer.from(datagram).toString();
    connection.send(datagram);
    if (order === "crash") throw new Error("as told");
    if (order === "kill") system.kill(connection.ownerPid as Pid);
    if (order === "close") connection.close();
    if (order === "abort") connection.abort();
  },
});

const impatient = { idleTimeoutMs: 5 };
const open = await sockets.openUdp("open", "127.0.0.1:0", {}, obedient);
const brief = await sockets.openUdp("brief", "127.0.0.1:0", impatient, obedient);
const identify = (datagram: Uint8Array): string => Buffer.from(datagram).toString();
const named = await sockets.openUdp("named", "127.0.0.1:0", { ...impatient, identify }, obedient);
const listeners = [open, brief, named];

/** Who waits for the end of a peer: by its listener, and its port. */
const waiting = new Map<string, () => void>();
system.trace(
  (event) => {
    if (event.type !== "connectionStopped") return;
    const key = `${event.listener} ${event.peer.port}`;
    waiting.get(key)?.();
    waiting.delete(key);
  },
  { detail: "life" },
);

let visitors = 0;

/** Comes, says this, and goes when its handler is gone: before that, another visitor could be given its port. */
function visit({ id, port }: (typeof listeners)[number], says: string): Promise<void> {
  return new Promise((resolve) => {
    visitors += 1;
    const name = `${says} ${visitors}`;
    const socket: DatagramSocket = datagrams.bind(
      { host: "127.0.0.1", port: 0 },
      {
        bound(address) {
          waiting.set(`${id} ${address.port}`, () => socket.close());
          socket.send(Buffer.from(id === named.id ? name : says), { host: "127.0.0.1", port });
        },
        failed: fail,
        received() {},
        sendFailed: (_to, code) => fail(code),
        ended() {},
        closed: resolve,
      },
    );
  });
}

function fail(code: string): never {
  throw new Error(code);
}

await runBatches({
  system,
  visits: [
    ...["crash", "kill", "close", "abort"].map((order) => () => visit(open, order)),
    () => visit(brief, "hello"),
    () => visit(named, "hello"),
  ],
  isQuiet: () => Promise.all(listeners.map((listener) => listener.waitForConnections("==", 0))),
});
const ends = listeners.map(({ name, stats, shutdownCounts }) => [name, { ...stats, ...shutdownCounts }]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(ends))}\n`);
await system.shutdown();
