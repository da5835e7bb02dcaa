import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createSystem } from "@espalier/actors";
import { encodeFrame, startSockets } from "@espalier/sockets";
import { tcpEchoFsm } from "./tcp-echo-fsm/machine.ts";

// The echo server of OTP's classic tutorial, and what its reader is asked to try: say hello, kill the connection's
// process, read the report. The machine is in tcp-echo-fsm/machine.ts.

const system = createSystem();
const sockets = await startSockets(system);
// Each packet has its length before it, in two bytes.
const listener = await sockets.open("tcpEcho", "127.0.0.1:0", { packet: 2 }, tcpEchoFsm);

async function ask(client: Socket, text: string): Promise<string> {
  client.write(encodeFrame(2, text));
  const [answer]: Buffer[] = await once(client, "data");
  return String(answer?.subarray(2));
}

const first = connect(listener.port, "127.0.0.1");
console.log("sent hello, received", await ask(first, "hello"));

// The supervisor's report appears on stderr. A connection is not started again: its socket is gone.
for (const pid of await listener.connections()) system.kill(pid);
await once(first.resume(), "close");
console.log("connections ended:", listener.shutdownCounts);

// Nobody else has noticed.
const second = connect(listener.port, "127.0.0.1");
console.log("sent hello again, received", await ask(second, "hello again"));
second.destroy();

await system.shutdown();
