import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createSystem } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { type DiagnosticsMessages, type Listener, startSockets } from "@espalier/sockets";
import { memoryTransport } from "@espalier/sockets/testing";
import { afterEach, describe, expect, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";
import { transports, useUdpWorld, world as udpWorld } from "./support/udp-world.ts";

type Name = keyof DiagnosticsMessages;

const names: readonly Name[] = [
  "espalier.sockets.connection.start",
  "espalier.sockets.connection.stop",
  "espalier.sockets.connection.failed",
  "espalier.sockets.connection.refused",
  "espalier.sockets.listener.open",
  "espalier.sockets.listener.close",
  "espalier.sockets.listener.suspend",
  "espalier.sockets.listener.resume",
];

const subscriptions: Array<() => void> = [];

afterEach(() => {
  for (const end of subscriptions.splice(0)) end();
});

/** What is published from now on, in order: the end of the channel's name, and the message. */
function listen(): Array<readonly [string, unknown]> {
  const heard: Array<readonly [string, unknown]> = [];
  for (const name of names) {
    const keep = (message: unknown): void => void heard.push([name.replace("espalier.sockets.", ""), message]);
    subscribe(name, keep);
    subscriptions.push(() => unsubscribe(name, keep));
  }
  return heard;
}

function nothing(): void {
  // This client only connects.
}

function kinds(heard: ReadonlyArray<readonly [string, unknown]>): string[] {
  return heard.map(([kind]) => kind);
}

describe("subscribers", () => {
  useWorld("memory");

  test("hear of a connection that it starts and stops, as those who trace do", async () => {
    const heard = listen();
    const listener = await world.open(echo);
    const client = await world.connect(listener);
    client.write("hello");
    await client.bytes(5);
    client.end();
    const stopped = await world.stopped();
    expect(kinds(heard)).toEqual(["listener.open", "connection.start", "connection.stop"]);
    const { type: _type, id: _id, cause: _cause, time: _time, subject: _subject, ...facts } = stopped;
    expect(heard[2]?.[1]).toEqual(facts);
    expect(facts).toMatchObject({ bytesReceived: 5, bytesSent: 5, reason: { type: "shutdown" } });
    expect(heard[1]?.[1]).toEqual({
      listener: listener.id,
      connection: facts.connection,
      peer: facts.peer,
      proxy: undefined,
      tls: undefined,
    });
  });

  test("hear of one that comes to nothing that it has failed, and of one that is not accepted that it is refused", async () => {
    const heard = listen();
    const listener = await world.open(echo, { proxyProtocol: {}, accessRules: [{ deny: "10.0.0.0/8" }] });
    const bad = await world.connect(listener);
    bad.write("GET / HTTP/1.1\r\n\r\n");
    await bad.next("closed");
    await world.startConnecting(listener, { from: "10.0.0.1" }).next("closed");
    await world.settle();
    expect(heard.slice(1)).toMatchObject([
      ["connection.failed", { listener: listener.id, failure: "proxyProtocolError", reason: { type: "shutdown" } }],
      ["connection.refused", { listener: listener.id, counter: "closedForbidden", peer: { host: "10.0.0.1" } }],
    ]);
  });

  test("hear of a listener when it listens and when it does not, by whatever cause", async () => {
    const heard = listen();
    const listener = await world.open(echo);
    await listener.suspend();
    await listener.suspend();
    await listener.resume();
    await listener.resume();
    await world.kill(world.pidOf(listener, "listener"));
    await world.until(() => listener.status === "running");
    await world.settle();
    await listener.close();
    expect(kinds(heard)).toEqual([
      "listener.open",
      "listener.close",
      "listener.suspend",
      "listener.open",
      "listener.resume",
      "listener.close",
      "listener.open",
      "listener.close",
    ]);
    const { address } = listener;
    expect(new Set(heard.map(([, message]) => message))).toEqual(
      new Set(heard.map(() => ({ listener: listener.id, address }))),
    );
    world.logged.length = 0;
  });

  test("hear nothing once they have unsubscribed", async () => {
    const heard = listen();
    const listener = await world.open(echo);
    for (const end of subscriptions.splice(0)) end();
    const client = await world.connect(listener);
    client.end();
    await world.stopped();
    expect(kinds(heard)).toEqual(["listener.open"]);
  });
});

describe.each(transports)("subscribers, of datagrams by %s,", (transport) => {
  useUdpWorld(transport);

  test("hear of a listener, its peers, and those who may not be one, as of TCP", async () => {
    const heard = listen();
    const listener = await udpWorld.open(echo, { maxClients: 1 });
    const { id, address } = listener;
    const [peer, stranger] = [await udpWorld.client(), await udpWorld.client()];
    peer.send(listener, "hello");
    await peer.texts(1);
    stranger.send(listener, "hello");
    await udpWorld.settle(listener);
    await listener.close();
    expect(heard).toMatchObject([
      ["listener.open", { listener: id, address }],
      ["connection.start", { listener: id, peer: peer.address }],
      ["connection.refused", { listener: id, peer: stranger.address, counter: "closedMaxLimit" }],
      ["listener.close", { listener: id, address }],
      ["connection.stop", { listener: id, peer: peer.address, bytesReceived: 5, bytesSent: 5 }],
    ]);
  });

  test("hear of a listener that is killed before they hear of the next one", async () => {
    const heard = listen();
    const listener = await udpWorld.open(echo);
    const { pid } = udpWorld.system.inspect().processes.find(({ path }) => path.endsWith("/listener")) ?? {};
    if (pid === undefined) throw new Error("there is no listener");
    udpWorld.system.kill(pid);
    await udpWorld.system.exited(pid);
    expect(kinds(heard)).toEqual(["listener.open", "listener.close"]);
    await udpWorld.until(() => kinds(heard).length === 3);
    await listener.suspend();
    await listener.resume();
    expect(kinds(heard).slice(2)).toEqual([
      "listener.open",
      "listener.close",
      "listener.suspend",
      "listener.open",
      "listener.resume",
    ]);
    udpWorld.logged.length = 0;
  });
});

test("nobody needs to trace for it", async () => {
  const heard = listen();
  const clock = new ManualClock();
  const system = createSystem({ host: clock });
  const transport = memoryTransport();
  const sockets = await startSockets(system, { transport });
  const listener: Listener = await sockets.open("echo", 7, {}, echo);
  let isConnected = false;
  const socket = transport.connect(
    { host: "127.0.0.1", port: 7 },
    { connected: () => void (isConnected = true), data: nothing, end: nothing, drain: nothing, closed: nothing },
  );
  await clock.advance(0);
  socket.close("now");
  await clock.advance(0);
  await listener.close();
  expect([isConnected, kinds(heard)]).toEqual([
    true,
    ["listener.open", "connection.start", "connection.stop", "listener.close"],
  ]);
  const stopped = system.shutdown();
  await clock.advance(60_000);
  await stopped;
});
