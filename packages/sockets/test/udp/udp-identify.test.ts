import type { Identify } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, puppetry } from "../support/handlers.ts";
import { transports, useUdpWorld, world } from "../support/udp-world.ts";

/** The first byte is the id, the rest is the handler's. `!` makes it throw, `?` is nobody's. */
const byFirst: Identify = (datagram) => {
  const [id] = datagram;
  if (id === undefined || id === 63) return undefined;
  if (id === 33) throw new Error("a bad datagram");
  return { id: String.fromCodePoint(id), data: datagram.subarray(1) };
};

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("a peer that is known by its id keeps its handler when its address changes, and is answered there", async () => {
    const { handler, puppets, hears } = puppetry({
      init: ({ connection }) => connection.activate(true),
      react: (event, { connection }) => void (event.type === "data" && connection.send(event.data)),
    });
    const listener = await world.open(handler, { identify: byFirst });
    const [home, train] = [await world.client(), await world.client()];
    home.send(listener, "Aone");
    await home.texts(1);
    train.send(listener, "Atwo");
    expect(await train.texts(1)).toEqual(["two"]);
    const { connection, heard } = await hears(0, 3);
    expect(heard).toEqual(["socketReady", "data one", "data two"]);
    connection.send("here");
    expect(await train.texts(2)).toEqual(["two", "here"]);
    expect([connection.peername, connection.describe()]).toEqual([train.address, `127.0.0.1:${train.address.port}`]);
    expect([puppets.length, listener.currentClients, home.received.length]).toEqual([1, 1, 1]);
    expect(world.of("peerMoved")).toMatchObject([{ from: home.address, to: train.address }]);
  });

  test.each([null, 7, {}, { id: "A" }, { id: 1, data: Buffer.from("one") }, Promise.resolve("A")])(
    "an answer that is none, such as %j, is nobody",
    async (answer) => {
      const identify = (([first]) => (first === 65 ? "A" : answer)) as Identify;
      const listener = await world.open(echo, { identify });
      const client = await world.client();
      client.send(listener, "nobody", "A");
      expect(await client.texts(1)).toEqual(["A"]);
      expect(listener.datagrams).toMatchObject({ received: 2, unidentified: 1, delivered: 1 });
    },
  );

  test("several peers behind one address have a handler each", async () => {
    const listener = await world.open(echo, { identify: byFirst });
    const proxy = await world.client();
    proxy.send(listener, "Aone", "Btwo", "Athree", "C");
    expect((await proxy.texts(4)).toSorted()).toEqual(["", "one", "three", "two"]);
    expect(listener.stats.accepted).toBe(3);
  });

  test("an id alone leaves the datagram as it is", async () => {
    const listener = await world.open(echo, { identify: (datagram) => String(datagram.length) });
    const client = await world.client();
    client.send(listener, "aa", "bb", "c");
    expect((await client.texts(3)).toSorted()).toEqual(["aa", "bb", "c"]);
    expect(listener.stats.accepted).toBe(2);
  });

  test("a datagram in which there is nobody, or at which identify throws, is dropped; the log says so once", async () => {
    const listener = await world.open(echo, { identify: byFirst });
    const client = await world.client();
    client.send(listener, "?", "", "!", "!!", "Aone");
    expect(await client.texts(1)).toEqual(["one"]);
    expect(listener.datagrams).toMatchObject({ received: 5, unidentified: 4, delivered: 1 });
    expect(world.logged.splice(0)).toEqual([`warn ${listener.id}: identify has thrown Error: a bad datagram`]);
  });
});

describe("from several addresses", () => {
  useUdpWorld("memory");

  test("nobody moves to an address that is denied", async () => {
    const accessRules = [{ deny: "10.0.0.0/8" }];
    const listener = await world.open(echo, { identify: byFirst, accessRules });
    const [home, away] = [await world.client(), await world.client("10.0.0.1")];
    home.send(listener, "Aone");
    await home.texts(1);
    away.send(listener, "Atwo");
    home.send(listener, "Athree");
    expect(await home.texts(2)).toEqual(["one", "three"]);
    expect([listener.stats.closedForbidden, listener.datagrams.refused, away.received]).toEqual([1, 1, []]);
  });

  test("an address that only looks alike is another peer", async () => {
    const listener = await world.open(echo);
    const clients = [await world.client(), await world.client("127.0.0.2")];
    for (const client of clients) client.send(listener, "hello");
    for (const client of clients) await client.texts(1);
    expect(listener.stats.accepted).toBe(2);
    expect(world.of("connectionStarted").map(({ peer }) => peer)).toEqual(clients.map(({ address }) => address));
  });
});
