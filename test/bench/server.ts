import net from "node:net";
import { createSystem } from "@espalier/actors";
import { type Inspector, inspector } from "@espalier/inspector";
import {
  fastTransport,
  packetMachine,
  type Sockets,
  startSockets,
  tcpTransport,
  type Transport,
} from "@espalier/sockets";
import { cpuMicros } from "./measure.ts";

/*
 * One server under load, as a process of its own: `raw` is the least that node:net can do, and `espalier` and `fast` are a
 * supervised machine a connection on one transport or the other. With `framed` each message has a length of two bytes
 * before it. The parent asks for figures by IPC, and may have an inspector attached and taken off again.
 */

const system = createSystem();
let sockets: Sockets | undefined;
let inspected: Inspector | undefined;

async function startRaw(serve: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    serve(socket);
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 1024, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function serveBytes(socket: net.Socket): void {
  socket.on("data", (data) => socket.write(data));
}

/** A write for each message, as it is done where nobody thinks of it. */
function serveFrames(socket: net.Socket): void {
  let rest: Buffer | undefined;
  socket.on("data", (data) => {
    const bytes = rest === undefined ? data : Buffer.concat([rest, data]);
    let offset = 0;
    while (bytes.length - offset >= 2) {
      const end = offset + 2 + bytes.readUInt16BE(offset);
      if (end > bytes.length) break;
      socket.write(bytes.subarray(offset, end));
      offset = end;
    }
    rest = offset < bytes.length ? bytes.subarray(offset) : undefined;
  });
}

async function startEspalier(transport: Transport): Promise<number> {
  sockets = await startSockets(system, { transport });
  const machine = packetMachine({ onData: (connection, data) => void connection.send(data) });
  const packet = isFramed ? 2 : "raw";
  const listener = await sockets.open("echo", "127.0.0.1:0", { maxClients: "infinity", packet }, machine);
  return listener.port;
}

function start(kind: string | undefined): Promise<number> {
  if (kind === "raw") return startRaw(isFramed ? serveFrames : serveBytes);
  if (kind === "espalier") return startEspalier(tcpTransport());
  const transport = fastTransport();
  if (transport.fallback !== undefined) throw new Error(transport.fallback);
  return startEspalier(transport);
}

const [kind, framing] = process.argv.slice(2);
const isFramed = framing === "framed";
const port = await start(kind);

/** Answers where the inspector is to be reached. */
async function attach(): Promise<string> {
  if (sockets === undefined) throw new Error("there is nothing to be inspected");
  inspected = inspector(system, { sockets });
  return (await inspected.listen({ port: 0 })).url;
}

async function answer(question: "cpu" | "memory" | "attach" | "detach"): Promise<object> {
  if (question === "attach") return { url: await attach() };
  if (question === "detach") await inspected?.close();
  const cpu = cpuMicros();
  // Garbage is the server's cost where it falls, and not where memory is weighed.
  if (question === "memory") globalThis.gc?.();
  return { cpu, rss: process.memoryUsage().rss };
}

process.on("message", (question: "cpu" | "memory" | "attach" | "detach") => {
  void answer(question).then((told) => process.send?.(told));
});
process.send?.({ port });
