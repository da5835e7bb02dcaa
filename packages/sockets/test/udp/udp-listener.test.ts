import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSystem, defineServer, fromAsync, noreply, ok, shutdown, stop } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  FrameTooLargeError,
  InvalidOptionError,
  ListenError,
  packetMachine,
  startSockets,
  UdpListener,
} from "@espalier/sockets";
import { restartChild, type SupervisorRef, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { directoryOfTest } from "../support/directories.ts";
import { echo, ignorant, polite, puppetry } from "../support/handlers.ts";
import { pattern } from "../support/transport-world.ts";
import { transports, useUdpWorld, world } from "../support/udp-world.ts";

/** An echo with `gen_server`'s callbacks. */
const echoServer = defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
  name: "echo",
  init: ({ connection }) => ok(connection),
  handleInfo(event, connection) {
    if (event.type !== "socketReady" && event.type !== "data") return stop(shutdown(event.type), connection);
    if (event.type === "data") connection.send(event.data);
    connection.activate("once");
    return noreply(connection);
  },
});

const echoLoop = fromAsync<ConnectionEvent, ConnectionInput>(async (self, { connection }) => {
  for (;;) {
    connection.activate("once");
    const event = await self.receive();
    if (event.type === "data") connection.send(event.data);
    else if (event.type !== "socketReady") return;
  }
});

/** Answers with this word and what it was sent. */
function answering(word: string) {
  return packetMachine({
    onData: (connection, data) => void connection.send(`${word} ${Buffer.from(data).toString()}`),
  });
}

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("a file goes out in datagrams, as large as they can be", async () => {
    const { handler, hears } = puppetry();
    const file = join(directoryOfTest(), "file");
    const bytes = pattern(70_000);
    writeFileSync(file, bytes);
    const client = await world.client();
    client.send(await world.open(handler), "the file, please");
    const { connection } = await hears(0, 1);
    expect(await connection.sendFile(file)).toEqual({ ok: true, bytes: bytes.length });
    await client.texts(2);
    expect(client.received.map(({ length }) => length)).toEqual([65_507, 4493]);
    expect(Buffer.concat(client.received).equals(bytes)).toBe(true);
  });

  test("what is sent in pieces is one datagram", async () => {
    const doubling = packetMachine({ onData: (connection, data) => void connection.sendPieces(["re: ", data, data]) });
    const listener = await world.open(doubling);
    const client = await world.client();
    client.send(listener, "a", "");
    expect(await client.texts(2)).toEqual(["re: aa", "re: "]);
  });

  test.each([
    ["a machine", echo],
    ["a server", echoServer],
    ["an async function", echoLoop],
  ])("each peer has %s of its own, and gets its own datagrams back, in order and uncut", async (_name, handler) => {
    const listener = await world.open(handler);
    const clients = [await world.client(), await world.client(), await world.client()];
    for (const [index, client] of clients.entries()) client.send(listener, `a${index}`, "", `b${index}`);
    for (const [index, client] of clients.entries())
      expect(await client.texts(3)).toEqual([`a${index}`, "", `b${index}`]);
    expect([listener.currentClients, listener.stats.accepted]).toEqual([3, 3]);
    expect(await listener.connections()).toHaveLength(3);
    expect(listener.datagrams).toMatchObject({ received: 9, delivered: 9, sent: 9, sendFailed: 0 });
  });

  test("a connection tells whose it is and what went over it", async () => {
    const { handler, hears } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const listener = await world.open(handler);
    const client = await world.client();
    client.send(listener, "hello", "world!");
    const { connection, heard } = await hears(0, 3);
    expect(heard).toEqual(["socketReady", "data hello", "data world!"]);
    connection.send("hi");
    connection.send(Uint8Array.of(33));
    expect(await client.texts(2)).toEqual(["hi", "!"]);
    const { peername, sockname, bytesReceived, bytesSent, unsentBytes, isOpen } = connection;
    expect({ peername, sockname, bytesReceived, bytesSent, unsentBytes, isOpen }).toEqual({
      peername: client.address,
      sockname: listener.address,
      bytesReceived: 11,
      bytesSent: 3,
      unsentBytes: 0,
      isOpen: true,
    });
    expect(connection.describe()).toBe(`127.0.0.1:${client.address.port}`);
  });

  test("after close the handler goes on without its peer, whose next datagram is that of a new one", async () => {
    const { handler, puppets, hears } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const listener = await world.open(handler);
    const client = await world.client();
    client.send(listener, "one");
    const { connection } = await hears(0, 2);
    connection.close();
    expect([connection.isOpen, connection.send("?")]).toEqual([false, false]);
    expect(world.system.inspect().timers).toBe(0);
    client.send(listener, "two");
    expect((await hears(1, 2)).heard).toEqual(["socketReady", "data two"]);
    expect(puppets[0]?.heard).toEqual(["socketReady", "data one"]);
    expect([listener.currentClients, listener.stats.accepted]).toEqual([2, 2]);
  });

  test("a handler that ends is forgotten, and its end counted", async () => {
    const bye = packetMachine({
      onData(connection, data) {
        connection.send(data);
        if (Buffer.from(data).toString() === "bye") connection.abort();
      },
    });
    const listener = await world.open(bye);
    const other = await world.open(echoServer, { name: "server" });
    const client = await world.client();
    client.send(other, "hello");
    await client.texts(1);
    const [pid] = await other.connections();
    if (pid === undefined) throw new Error("there is no peer");
    world.system.exit(pid, shutdown("dismissed"));
    await world.until(() => other.currentClients === 0);
    expect(other.shutdownCounts).toEqual({ dismissed: 1 });
    client.send(listener, "bye");
    expect(await client.texts(2)).toEqual(["hello", "bye"]);
  });

  test("the crash of a handler costs its peer what was under way, and nobody else anything", async () => {
    const fragile = packetMachine({
      onData(connection, data) {
        if (Buffer.from(data).toString() === "boom") throw new Error("boom");
        connection.send(data);
      },
    });
    const listener = await world.open(fragile);
    const [one, other] = [await world.client(), await world.client()];
    one.send(listener, "1");
    other.send(listener, "1");
    await one.texts(1);
    await other.texts(1);
    one.send(listener, "boom");
    await world.until(() => world.of("connectionStopped").length === 1);
    one.send(listener, "again");
    other.send(listener, "still");
    expect([await one.texts(2), await other.texts(2)]).toEqual([
      ["1", "again"],
      ["1", "still"],
    ]);
    expect([listener.stats.accepted, listener.shutdownCounts]).toEqual([3, { error: 1 }]);
    // The crash report and that of the supervisor.
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("when the listener closes, peers can say goodbye and hear the answer; strangers get nothing", async () => {
    const listener = await world.open(polite);
    const [client, stranger] = [await world.client(), await world.client()];
    client.send(listener, "hello");
    await client.texts(1);
    const { port } = listener;
    const closed = listener.close();
    expect(await client.texts(2)).toEqual(["hello", "goodbye"]);
    stranger.send(port, "let me in", "are you there?");
    client.send(port, "bye");
    await closed;
    expect([listener.isRunning, listener.shutdownCounts]).toEqual([false, { shutdown: 1 }]);
    expect(listener.datagrams).toMatchObject({ refused: 2, delivered: 2, healthChecks: 0 });
    expect(stranger.received).toEqual([]);
    expect(world.sockets.listeners()).toEqual([]);
    const again = await world.open(polite, { on: port });
    expect(again.port).toBe(port);
  });

  test("a suspended listener keeps its peers and its port", async () => {
    const listener = await world.open(echo);
    const client = await world.client();
    client.send(listener, "before");
    await client.texts(1);
    const { port } = listener;
    await listener.suspend();
    expect([listener.status, listener.currentClients]).toEqual(["suspended", 1]);
    await listener.resume();
    client.send(listener, "after");
    expect(await client.texts(2)).toEqual(["before", "after"]);
    expect([listener.status, listener.port, listener.stats.accepted]).toEqual(["running", port, 1]);
  });

  test("a listener that is opened paused begins when it is resumed", async () => {
    const listener = await world.open(echo, { paused: true });
    expect([listener.status, listener.isRunning]).toEqual(["suspended", true]);
    await listener.resume();
    const client = await world.client();
    client.send(listener, "hello");
    expect(await client.texts(1)).toEqual(["hello"]);
  });

  test("a listener that is stopped apart leaves its socket to the peers, and takes it back", async () => {
    const listener = await world.open(echo);
    const [client, stranger] = [await world.client(), await world.client()];
    client.send(listener, "1");
    await client.texts(1);
    const supervisor = world.pidOf(listener, "listener_sup") as SupervisorRef;
    await terminateChild(world.system, supervisor, "listener");
    stranger.send(listener, "let me in");
    client.send(listener, "2");
    await client.texts(2);
    expect(await restartChild(world.system, supervisor, "listener")).toMatchObject({ ok: true });
    client.send(listener, "3");
    stranger.send(listener, "now?");
    expect([await client.texts(3), await stranger.texts(1)]).toEqual([["1", "2", "3"], ["now?"]]);
  });

  test("what a peer sends while there is no socket is lost, and counted", async () => {
    const { handler, hears } = puppetry();
    const listener = await world.open(handler);
    const client = await world.client();
    client.send(listener, "hello");
    const { connection } = await hears(0, 1);
    await listener.suspend();
    expect(connection.send("hello?")).toBe(true);
    expect(listener.datagrams).toMatchObject({ sent: 0, sendFailed: 1 });
    await listener.resume();
    connection.send("hello!");
    expect(await client.texts(1)).toEqual(["hello!"]);
  });

  test("what no datagram can carry is refused, and the largest is not", async () => {
    const { handler, hears } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const listener = await world.open(handler);
    const client = await world.client();
    client.send(listener, Buffer.alloc(65_507, "x"));
    const { connection } = await hears(0, 2);
    expect(connection.bytesReceived).toBe(65_507);
    expect(() => connection.send(Buffer.alloc(65_508))).toThrow(FrameTooLargeError);
    connection.send(Buffer.alloc(65_507, "y"));
    expect((await client.texts(1))[0]).toHaveLength(65_507);
  });

  test("an address that is taken cannot be opened, whoever has it", async () => {
    const listener = await world.open(echo);
    await expect(world.open(echo, { on: listener.port })).rejects.toThrow(ListenError);
    const on = `127.0.0.1:${listener.port}`;
    await expect(world.open(echo, { name: "other", on })).rejects.toMatchObject({ reason: "EADDRINUSE" });
    await expect(world.sockets.openUdp("echo", "unix:/tmp/x", {}, echo as never)).rejects.toThrow(InvalidOptionError);
    const path = await world.open(echo, { name: "path" });
    const given = `127.0.0.1:${path.port}`;
    await path.close();
    await world.open(echo, { name: "twice", on: given });
    await expect(world.open(echo, { name: "twice", on: given })).rejects.toMatchObject({ code: "ERR_LISTENER_EXISTS" });
    expect(world.logged.splice(0)).toEqual([
      expect.stringContaining("startError"),
      expect.stringContaining("startError"),
    ]);
  });

  test("a listener is listed, told about, and opened again as it was", async () => {
    const listener = await world.open(echo, { maxClients: 7 });
    const [listed] = world.sockets.listeners();
    expect(listed).toBeInstanceOf(UdpListener);
    expect([listed?.id, listed?.maxClients]).toEqual([listener.id, 7]);
    expect((await listener.children()).map(({ id }) => id)).toEqual(["listener", "connection_sup"]);
    expect(await listener.acceptors()).toEqual([]);
    expect(listener.info).toMatchObject({ transport: transport === "udp" ? "udp" : "memory", status: "running" });
    const again = await world.sockets.reopen("echo", "127.0.0.1:0");
    expect([again.port, again.maxClients]).toEqual([listener.port, 7]);
    const client = await world.client();
    client.send(again as UdpListener, "hello");
    expect(await client.texts(1)).toEqual(["hello"]);
    world.listeners.push(again as UdpListener);
  });

  test("a new handler runs for new peers, and for those that are there", async () => {
    const listener = await world.open(answering("old"));
    const client = await world.client();
    client.send(listener, "1");
    await client.texts(1);
    expect(await listener.upgrade(answering("new"))).toEqual({ upgraded: 1, stayed: [] });
    client.send(listener, "2");
    expect(await client.texts(2)).toEqual(["old 1", "new 2"]);
  });

  test("options that are changed count for who comes next, or not at all", async () => {
    const listener = await world.open(ignorant);
    const [one, other] = [await world.client(), await world.client()];
    one.send(listener, "one");
    await one.texts(1);
    await listener.setOptions({ maxClients: 1, healthCheck: { request: "ping", reply: "pong" } });
    other.send(listener, "other", "ping");
    expect(await other.texts(1)).toEqual(["pong"]);
    expect([listener.maxClients, listener.stats.closedMaxLimit]).toEqual([1, 1]);
    await expect(listener.setOptions({ maxClients: 0, maxWaiting: 0 })).rejects.toThrow(/2 invalid options/u);
    const elsewhere = { name: "elsewhere", bind: () => ({ send: () => true, close: () => undefined }) };
    await expect(listener.setOptions({ transport: elsewhere })).rejects.toThrow(InvalidOptionError);
    expect(listener.maxClients).toBe(1);
    await listener.resetOptions({});
    other.send(listener, "other");
    expect(await other.texts(2)).toEqual(["pong", "other"]);
  });
});

describe("udp", () => {
  test("a listener on all addresses serves IPv4 and IPv6, and shows an IPv4 peer as such", async () => {
    const system = createSystem();
    const sockets = await startSockets(system);
    const listener = await sockets.openUdp("all", 0, {}, echo as never);
    const seen: string[] = [];
    for (const [type, host] of [
      ["udp4", "127.0.0.1"],
      ["udp6", "::1"],
    ] as const) {
      const client = createSocket(type);
      client.send("hello", listener.port, host);
      const [data] = (await once(client, "message")) as [Buffer];
      seen.push(`${host} ${data.toString()}`);
      client.close();
    }
    expect(seen).toEqual(["127.0.0.1 hello", "::1 hello"]);
    const labels = system.inspect().processes.flatMap(({ label }) => label?.replace(/:\d+$/u, "") ?? []);
    expect(labels).toEqual(expect.arrayContaining(["127.0.0.1", "[::1]"]));
    await system.shutdown();
  });
});
