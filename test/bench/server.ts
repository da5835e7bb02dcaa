import net from "node:net";
import { createSystem } from "@espalier/actors";
import { packetMachine, startSockets } from "@espalier/sockets";
import { cpuMicros } from "./measure.ts";

/*
 * One server under load, as a process of its own: `raw` is the least that node:net can do, `espalier` is a supervised
 * machine a connection. The parent asks for figures by IPC.
 */

async function startRaw(): Promise<number> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("data", (data) => socket.write(data));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 1024, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function startEspalier(): Promise<number> {
  const sockets = await startSockets(createSystem());
  const machine = packetMachine({ onData: (connection, data) => void connection.send(data) });
  const listener = await sockets.open("echo", "127.0.0.1:0", { maxClients: "infinity" }, machine);
  return listener.port;
}

const [kind] = process.argv.slice(2);
const port = kind === "raw" ? await startRaw() : await startEspalier();

process.on("message", (question: "cpu" | "memory") => {
  const cpu = cpuMicros();
  // Garbage is the server's cost where it falls, and not where memory is weighed.
  if (question === "memory") globalThis.gc?.();
  process.send?.({ cpu, rss: process.memoryUsage().rss });
});
process.send?.({ port });
