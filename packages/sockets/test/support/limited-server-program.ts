import { createSystem } from "@espalier/actors";
import { packetMachine, startSockets } from "@espalier/sockets";

/*
 * An echo server as a program of its own, to be run with few descriptors. Prints its port, and its counts for each line
 * of input.
 */

const system = createSystem();
const sockets = await startSockets(system);
const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });
const listener = await sockets.open("echo", "127.0.0.1:0", { acceptors: 2 }, echo);
process.stdout.write(`${listener.port}\n`);
process.stdin.on("data", () => {
  process.stdout.write(`${JSON.stringify({ ...listener.stats, current: listener.currentClients })}\n`);
});
process.stdin.on("end", () => void system.shutdown().then(() => process.exit(0)));
