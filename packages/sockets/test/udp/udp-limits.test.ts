import type { UdpListener } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, ignorant, puppetry } from "../support/handlers.ts";
import { type DatagramClient, transports, useUdpWorld, world } from "../support/udp-world.ts";

/** So many datagrams, each with its number. */
function numbered(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}

/** How many of so many datagrams come back. */
async function served(client: DatagramClient, listener: UdpListener, count: number): Promise<number> {
  const before = client.received.length;
  client.send(listener, ...numbered(count));
  await world.manual.advance(0);
  return client.received.length - before;
}

async function manyClients(count: number): Promise<DatagramClient[]> {
  return Promise.all(Array.from({ length: count }, () => world.client()));
}

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("there are never more peers than maxClients, and exactly so many can be", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, { maxClients: 3 });
    const clients = await manyClients(6);
    for (const client of clients) client.send(listener, "hello");
    await world.settle(listener);
    expect([puppets.length, listener.currentClients]).toEqual([3, 3]);
    expect(listener.stats).toMatchObject({ accepted: 3, closedMaxLimit: 3 });
    expect(listener.datagrams.refused).toBe(3);
    expect(puppets.map(({ connection }) => connection.peername.port)).toEqual(
      clients.slice(0, 3).map(({ address }) => address.port),
    );
    const [first] = await listener.connections();
    if (first === undefined) throw new Error("there is no peer");
    world.system.kill(first);
    await world.until(() => listener.currentClients === 2);
    clients[5]?.send(listener, "hello");
    clients[4]?.send(listener, "hello");
    await world.settle(listener);
    expect([puppets.length, listener.currentClients, listener.stats.closedMaxLimit]).toEqual([4, 3, 4]);
    world.logged.length = 0;
  });

  test("a peer that has left the limit leaves its place to another, also when it has ended before its handler", async () => {
    const { handler, puppets, hears } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const listener = await world.open(handler, { maxClients: 1 });
    const [first, second, third] = await manyClients(3);
    first?.send(listener, "hello");
    const { connection } = await hears(0, 2);
    connection.leaveLimit();
    second?.send(listener, "hello");
    await hears(1, 2);
    third?.send(listener, "hello");
    await world.settle(listener);
    expect([puppets.length, listener.currentClients, listener.activeClients]).toEqual([2, 2, 1]);
    connection.close();
    third?.send(listener, "hello");
    await world.settle(listener);
    expect([puppets.length, listener.activeClients, listener.stats.closedMaxLimit]).toEqual([2, 1, 2]);
    first?.send(listener, "still the only one to serve");
    await world.settle(listener);
    expect([puppets.length, listener.stats.closedMaxLimit]).toEqual([2, 3]);
  });

  test("a handler that outlives its peer counts as one", async () => {
    const { handler, puppets, hears } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const listener = await world.open(handler, { maxClients: 1 });
    const client = await world.client();
    client.send(listener, "hello");
    (await hears(0, 2)).connection.close();
    client.send(listener, "again");
    await world.settle(listener);
    expect(puppets).toHaveLength(1);
    expect(listener.stats).toMatchObject({ accepted: 1, closedMaxLimit: 1 });
    expect(listener.datagrams).toMatchObject({ delivered: 1, lost: 1 });
  });

  test("a peer whose handler lets nothing in has maxWaiting datagrams waiting; more are dropped and counted", async () => {
    const { handler, hears } = puppetry();
    const listener = await world.open(handler, { maxWaiting: 5 });
    const client = await world.client();
    client.send(listener, ...numbered(8));
    await world.settle(listener);
    const puppet = await hears(0, 1);
    expect(puppet.heard).toEqual(["socketReady"]);
    expect(listener.datagrams).toMatchObject({ delivered: 0, queueFull: 3 });
    puppet.connection.activate("once");
    await hears(0, 2);
    client.send(listener, "9", "10");
    await world.settle(listener);
    expect(listener.datagrams).toMatchObject({ delivered: 1, queueFull: 4 });
    puppet.connection.activate(2);
    puppet.connection.activate(true);
    await hears(0, 7);
    expect(puppet.heard).toEqual(["socketReady", "data 1", "data 2", "data 3", "data 4", "data 5", "data 9"]);
    puppet.connection.activate(false);
    client.send(listener, "11");
    await world.settle(listener);
    expect(puppet.heard).toHaveLength(7);
    puppet.connection.abort();
    expect(listener.datagrams.lost).toBe(1);
  });

  test("datagrams wait for a handler that takes its time to start", async () => {
    const gate: { open?: () => void } = {};
    const { handler, hears } = puppetry({
      init: ({ connection }) => {
        connection.activate(true);
        return new Promise<void>((resolve) => (gate.open = resolve));
      },
    });
    const listener = await world.open(handler, { maxWaiting: 2 });
    const client = await world.client();
    client.send(listener, ...numbered(3));
    await world.settle(listener);
    expect([listener.stats.accepted, listener.currentClients]).toEqual([0, 1]);
    gate.open?.();
    expect((await hears(0, 3)).heard).toEqual(["socketReady", "data 1", "data 2"]);
    expect(listener.datagrams.queueFull).toBe(1);
  });

  test("a handler that cannot be started costs its datagrams, and the next one tries again", async () => {
    let isBroken = true;
    const { handler, hears } = puppetry({
      init({ connection }) {
        if (isBroken) throw new Error("broken");
        connection.activate(true);
      },
    });
    const listener = await world.open(handler);
    const client = await world.client();
    client.send(listener, "1");
    await world.settle(listener);
    expect(listener.stats).toMatchObject({ accepted: 0, closedOther: 1 });
    expect(listener.datagrams.lost).toBe(1);
    isBroken = false;
    client.send(listener, "2");
    expect((await hears(1, 2)).heard).toEqual(["socketReady", "data 2"]);
    world.logged.length = 0;
  });

  test("datagrams larger than maxPacketSize are dropped, before they make a peer", async () => {
    const listener = await world.open(echo, { maxPacketSize: 20 });
    const client = await world.client();
    client.send(listener, "x".repeat(21));
    await world.settle(listener);
    expect(listener.currentClients).toBe(0);
    client.send(listener, "y".repeat(20), "x".repeat(21), "z");
    expect(await client.texts(2)).toEqual(["y".repeat(20), "z"]);
    expect(listener.datagrams).toMatchObject({ tooLarge: 2, delivered: 2 });
  });

  test("who is denied gets nothing, not even an answer to a health check", async () => {
    const listener = await world.open(echo, { accessRules: [{ deny: "127.0.0.0/8" }] });
    const client = await world.client();
    client.send(listener, "hello", "are you there?");
    await world.until(() => listener.datagrams.received === 2);
    expect([listener.currentClients, listener.stats.closedForbidden]).toEqual([0, 1]);
    expect(listener.datagrams).toMatchObject({ refused: 2, sent: 0 });
  });

  test("a bucket that is empty stops new peers, and not those who are there", async () => {
    const day = 86_400_000;
    const listener = await world.open(echo, { maxConnectionRate: { capacity: 2, intervalMs: day } });
    const clients = await manyClients(4);
    for (const client of clients) client.send(listener, "1");
    await world.settle(listener);
    for (const client of clients) client.send(listener, "2");
    await world.settle(listener);
    expect(clients.map(({ received }) => received.length)).toEqual([2, 2, 0, 0]);
    expect(listener.datagrams).toMatchObject({ refused: 4, delivered: 4 });
    expect(listener.stats).toMatchObject({ accepted: 2, closedRateLimited: 4 });
  });

  test("each peer has a bucket of its own for its datagrams", async () => {
    const day = 86_400_000;
    const listener = await world.open(echo, { maxDatagramRate: { capacity: 3, intervalMs: day } });
    const [one, other] = await manyClients(2);
    one?.send(listener, ...numbered(5));
    other?.send(listener, ...numbered(2));
    await world.settle(listener);
    expect([one?.received.map(String), other?.received.map(String)]).toEqual([numbered(3), numbered(2)]);
    expect(listener.datagrams).toMatchObject({ rateLimited: 2, delivered: 5 });
  });
});

describe("in time", () => {
  useUdpWorld("memory");

  test("maxDatagramRate is exact: so many at once, and then one at each part of the interval", async () => {
    const listener = await world.open(echo, { maxDatagramRate: { capacity: 4, intervalMs: 1000 } });
    const client = await world.client();
    expect(await served(client, listener, 10)).toBe(4);
    await world.manual.advance(249);
    expect(await served(client, listener, 10)).toBe(0);
    await world.manual.advance(1);
    expect(await served(client, listener, 10)).toBe(1);
    await world.manual.advance(750);
    expect(await served(client, listener, 10)).toBe(3);
    await world.manual.advance(60_000);
    expect(await served(client, listener, 10)).toBe(4);
  });

  test("maxConnectionRate is exact, and costs only who became a peer", async () => {
    const listener = await world.open(echo, { maxConnectionRate: { capacity: 2 }, maxClients: 4 });
    const wave = async (): Promise<number> => {
      const before = listener.stats.accepted;
      for (const client of await manyClients(5)) client.send(listener, "hello");
      await world.manual.advance(0);
      return listener.stats.accepted - before;
    };
    expect(await wave()).toBe(2);
    await world.manual.advance(499);
    expect(await wave()).toBe(0);
    await world.manual.advance(1);
    expect(await wave()).toBe(1);
    await world.manual.advance(10_000);
    expect([await wave(), listener.stats.closedMaxLimit]).toEqual([1, 4]);
    await listener.setOptions({ maxClients: "infinity" });
    expect(await wave()).toBe(1);
  });

  test("a rate that is not changed is not filled up by a change of other options, and one that is, is", async () => {
    const listener = await world.open(echo, { maxConnectionRate: { capacity: 1 } });
    const [one, two, three] = await manyClients(3);
    one?.send(listener, "hello");
    await world.manual.advance(0);
    await listener.setOptions({ maxClients: 5 });
    two?.send(listener, "hello");
    await world.manual.advance(0);
    expect(listener.stats.accepted).toBe(1);
    await listener.setOptions({ maxConnectionRate: { capacity: 2 } });
    two?.send(listener, "hello");
    three?.send(listener, "hello");
    await world.manual.advance(0);
    expect(listener.stats.accepted).toBe(3);
  });

  test("a peer that is idle for idleTimeoutMs is forgotten, to the millisecond", async () => {
    const listener = await world.open(ignorant, { idleTimeoutMs: 30_000 });
    const client = await world.client();
    client.send(listener, "1");
    await world.manual.advance(29_999);
    client.send(listener, "2");
    await world.manual.advance(29_999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect([listener.currentClients, listener.shutdownCounts]).toEqual([0, { idleTimeout: 1 }]);
    client.send(listener, "3");
    await world.manual.advance(0);
    expect([listener.stats.accepted, client.received.map(String)]).toEqual([2, ["1", "2", "3"]]);
  });

  test("a peer is idle after 120 seconds unless the listener or the connection says otherwise", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler);
    const [one, other] = await manyClients(2);
    one?.send(listener, "hello");
    other?.send(listener, "hello");
    await world.manual.advance(0);
    puppets[1]?.connection.setOptions({ idleTimeoutMs: "infinity" });
    await world.manual.advance(119_999);
    expect(puppets.map(({ heard }) => heard)).toEqual([["socketReady"], ["socketReady"]]);
    await world.manual.advance(200_000);
    expect(puppets.map(({ heard }) => heard)).toEqual([["socketReady", "timeout", "timeout"], ["socketReady"]]);
  });
});

describe("a network that says who is gone", () => {
  useUdpWorld("memory", { refuses: true });

  test("ends the peer with an error, which is counted as such", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler);
    const machines = await world.open(echo, { name: "machines" });
    const [client, slow] = await manyClients(2);
    client?.send(listener, "hello");
    slow?.send(machines, "hello");
    client?.close();
    slow?.close();
    await world.manual.advance(0);
    puppets[0]?.connection.activate();
    puppets[0]?.connection.send("are you still there?");
    await world.manual.advance(0);
    expect(puppets[0]?.heard).toEqual(["socketReady", "data hello", "error ECONNREFUSED"]);
    expect(puppets[0]?.connection.isOpen).toBe(false);
    expect(machines.shutdownCounts).toEqual({ socketError: 1 });
    expect(listener.datagrams).toMatchObject({ sent: 1, sendFailed: 1 });
    expect(world.of("sendFailed")).toHaveLength(2);
  });
});
