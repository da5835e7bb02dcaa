import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createSystem, silentLogger } from "@espalier/actors";
import { inspector } from "@espalier/inspector";
import type { ChildrenAnswer, CommandAnswer, ListenersAnswer } from "@espalier/inspector/api-types";
import { packetMachine, startSockets } from "@espalier/sockets";

// A server that is looked at over HTTP while it runs: its page in a browser, its API here. One connection is killed through
// it; its siblings do not notice.

const system = createSystem({ logger: silentLogger });
const sockets = await startSockets(system);
const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });
const listener = await sockets.open("echo", "127.0.0.1:0", {}, echo);

// Whoever knows the token may command; without one everybody on this machine may look, and nobody command.
const token = "correct-horse-battery";
const inspected = inspector(system, { sockets, token });
// 4848 unless told otherwise, where `npx espalier top` looks for it.
const { url } = await inspected.listen({ port: 0 });
console.log(`the page is at ${url}/`);

async function ask(question: string, init?: RequestInit) {
  return JSON.parse(await (await fetch(`${url}/api/v1/${question}`, init)).text());
}

function kill(id: string): Promise<CommandAnswer> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return ask("commands/kill", { method: "POST", headers, body: JSON.stringify({ id }) });
}

async function say(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [echoed]: unknown[] = await once(client, "data");
  return String(echoed);
}

const bob = connect(listener.port, "127.0.0.1");
const siblings = [connect(listener.port, "127.0.0.1"), connect(listener.port, "127.0.0.1")];
await say(bob, "I am bob");
for (const sibling of siblings) await say(sibling, "hi");

const { listeners }: ListenersAnswer = await ask("listeners");
const family = `children?id=${encodeURIComponent(listeners[0]?.connectionSupervisor ?? "")}`;
const { items }: ChildrenAnswer = await ask(`${family}&sort=bytes&order=desc`);
for (const { state, bytesReceived } of items) console.log(`a connection in ${state} has sent ${bytesReceived} bytes`);

// An id names one actor and no other, ever: whoever comes after bob is not meant.
const { id = "" } = items.find(({ label }) => label?.endsWith(`:${bob.localPort}`)) ?? {};
const closed = once(bob, "close");
console.log("a kill is answered", (await kill(id)).ok);
await closed;
const { total }: ChildrenAnswer = await ask(family);
console.log(`bob is gone, ${total} are left`);
for (const sibling of siblings) console.log("a sibling says hello, and hears", await say(sibling, "hello"));

await inspected.close();
await system.shutdown();
