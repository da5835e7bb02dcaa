import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createSystem } from "@espalier/actors";
import { connectionMachine, startSockets } from "@espalier/sockets";

// UDP with an actor for each peer: the first datagram from an address starts a machine, which hears all that follow.

const echo = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "echoing", actions: "activate" } } },
    // A machine that does not handle `timeout` ends with it: a peer that is silent for long enough is forgotten.
    echoing: { on: { data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] } } },
  },
});

const system = createSystem();
const sockets = await startSockets(system);
const limits = { idleTimeoutMs: 60_000, maxClients: 1000, maxDatagramRate: { capacity: 100, intervalMs: 1000 } };
const healthCheck = { request: "ping", reply: "pong" };
const listener = await sockets.openUdp("echo", "127.0.0.1:0", { ...limits, healthCheck }, echo);

/** Sends a datagram from a port of its own, and answers what comes back. */
async function ask(question: string): Promise<string> {
  const client = createSocket("udp4");
  client.send(question, listener.port, "127.0.0.1");
  const [answer]: unknown[] = await once(client, "message");
  client.close();
  return String(answer);
}

for (const question of ["hello", "hello again", "ping"]) {
  console.log(`sent ${question}, received ${await ask(question)}`);
}
// The health check has made no peer.
console.log("peers:", listener.currentClients);

await system.shutdown();
