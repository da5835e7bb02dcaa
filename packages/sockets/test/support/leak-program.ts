import { createSystem, defineServer, nodeHost, noreply, ok, type Pid, silentLogger, stop } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  type Listener,
  packetMachine,
  type SocketEvents,
  startSockets,
  tcpTransport,
  type Transport,
  type TransportSocket,
  tlsTransport,
} from "@espalier/sockets";
import { memoryTransport } from "@espalier/sockets/testing";
import { createAuthority } from "./certificates.ts";
import { runBatches } from "./leak-batches.ts";

/*
 * Makes connections that end in every way there is, on the transport that is its first argument, and looks what is left of
 * them: see `runBatches`. At last it says how often what has been counted.
 */

const [kind = ""] = process.argv.slice(2);

const bare: Transport = kind === "memory" ? memoryTransport() : tcpTransport();
const authority = createAuthority();
const identity = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
const transport = kind === "tls" ? tlsTransport({ ...identity, over: bare, client: { ca: authority.cert } }) : bare;

const system = createSystem({ host: nodeHost({ logger: silentLogger }) });
const sockets = await startSockets(system, { transport });

/** Does as it is told. */
const obedient = packetMachine({
  onData(connection, line) {
    const order = Buffer.from(line).toString();
    connection.send(line);
    if (order === "crash\n") throw new Error("as told");
    if (order === "kill\n") system.kill(connection.ownerPid as Pid);
  },
});

/** It ends connections by itself, and traps exits. */
const trapping = defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
  name: "trapping",
  trapExit: true,
  init: ({ connection }) => ok(connection),
  handleInfo(event, connection) {
    if (event.type === "closed" || event.type === "error") return stop({ type: "normal" }, connection);
    if (event.type === "data") {
      const order = Buffer.from(event.data).toString();
      connection.send(event.data);
      if (order === "close\n") connection.close();
      if (order === "abort\n") connection.abort();
      if (order !== "hello\n") return stop({ type: "normal" }, connection);
    }
    connection.activate();
    return noreply(connection);
  },
});

const lines = { packet: "line", maxPacketSize: 100, acceptors: 4 } as const;
const open = await sockets.open("open", "127.0.0.1:0", lines, obedient);
const other = await sockets.open("other", "127.0.0.1:0", lines, trapping);
const denied = await sockets.open("denied", "127.0.0.1:0", { accessRules: [{ deny: "all" }] }, obedient);
const proxied = await sockets.open("proxied", "127.0.0.1:0", { ...lines, proxyProtocol: {} }, obedient);
const tls = await sockets.open("tls", "127.0.0.1:0", kind === "tls" ? lines : { ...lines, tls: identity }, obedient);
const listeners = [open, other, denied, proxied, tls];

/** Where a client goes, what it says, and what it does at the answer. */
type Visit = readonly [to: Listener, says: string, then: "end" | "reset" | "wait"];
const visits: readonly Visit[] = [
  [open, "hello\n", "end"],
  [open, "hello\n", "reset"],
  [open, "crash\n", "wait"],
  [open, "kill\n", "wait"],
  [open, "x".repeat(200), "wait"],
  [other, "hello\n", "end"],
  [other, "hello\n", "reset"],
  [other, "close\n", "wait"],
  [other, "abort\n", "wait"],
  [other, "stop\n", "wait"],
  [denied, "hello\n", "wait"],
  [proxied, "PROXY TCP4 192.0.2.7 192.0.2.8 7 8\r\nhello\n", "end"],
  [proxied, "PROXY TCP4 nonsense\r\n", "wait"],
  [tls, "no handshake\r\n\r\n", kind === "tls" ? "end" : "wait"],
];

function visit([{ port }, says, then]: Visit): Promise<void> {
  return new Promise((resolve) => {
    let client: TransportSocket | undefined;
    const events: SocketEvents = {
      connected: () => void client?.write(Buffer.from(says)),
      data() {
        if (then === "end") client?.end();
        if (then === "reset") client?.close("reset");
      },
      end: () => client?.end(),
      drain() {},
      closed: () => resolve(),
    };
    client = transport.connect({ host: "127.0.0.1", port }, events);
    client.resume();
  });
}

await runBatches({
  system,
  visits: visits.map((one) => () => visit(one)),
  isQuiet: () => Promise.all(listeners.map((listener) => listener.waitForConnections("==", 0))),
  handles: "TCPSocketWrap",
});
const ends = listeners.map(({ name, stats, shutdownCounts }) => [name, { ...stats, ...shutdownCounts }]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(ends))}\n`);
await system.shutdown();
