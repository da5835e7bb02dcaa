import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { NetSocket } from "../src/transports/net-socket.ts";
import { tcpTransport } from "../src/transports/tcp.ts";
import { SocketRecorder } from "./support/socket-recorder.ts";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, "close");
  }
});

/** A client and the accepted socket, as Node has made it. */
async function pair(): Promise<{ readonly client: SocketRecorder; readonly accepted: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = new SocketRecorder();
  client.attach(tcpTransport().connect({ host: "127.0.0.1", port, noDelay: true }, client.events));
  const [socket] = await accepted;
  return { client, accepted: socket };
}

test.each([
  ["reads by push", () => undefined],
  ["reads in a way of its own", (socket: Socket) => Reflect.deleteProperty(socket, "push")],
])("every byte arrives in order on a Node that %s, however often it is paused", async (_name, change) => {
  const { client, accepted } = await pair();
  client.resume();
  const server = new SocketRecorder((event, recorder) => {
    if (event !== "data") return;
    recorder.pause();
    setImmediate(() => recorder.resume());
  });
  const socket = new NetSocket(accepted);
  change(accepted);
  server.attach(socket);
  socket.setEvents(server.events);
  server.resume();
  const sent = Buffer.alloc(400_000, "0123456789abcdefghij!");
  client.write(sent);
  client.end();
  await server.next("end");
  expect(server.received.equals(sent)).toBe(true);
  expect(socket.bytesReceived).toBe(sent.length);
  server.close("flush");
  await client.next("closed");
  await server.next("closed");
});
