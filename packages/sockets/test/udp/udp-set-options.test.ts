import { type BufferName, type DatagramTransport, InvalidOptionError, packetMachine } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo } from "../support/handlers.ts";
import { transports, useUdpWorld, world } from "../support/udp-world.ts";

/** A transport that keeps which sizes its buffers were given, and refuses one of them. */
function buffered(refused = -1) {
  const given: Array<readonly [BufferName, number]> = [];
  const transport: DatagramTransport = {
    name: "buffered",
    bind(options, events) {
      for (const which of ["receiveBuffer", "sendBuffer"] as const) {
        const size = options[which];
        if (size !== undefined) given.push([which, size]);
      }
      const socket = world.memory.bind(options, events);
      return {
        send: (bytes, to) => socket.send(bytes, to),
        close: () => socket.close(),
        setBuffer(which, bytes) {
          if (bytes === refused) return "ENOBUFS";
          given.push([which, bytes]);
          return undefined;
        },
      };
    },
  };
  return { given, transport };
}

/** Answers with this word and what it was sent. */
function answering(word: string) {
  return packetMachine({
    onData: (connection, data) => void connection.send(`${word} ${Buffer.from(data).toString()}`),
  });
}

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("a new handler is that of new peers, and those that are there keep theirs", async () => {
    const listener = await world.open(answering("old"));
    const [old, fresh] = [await world.client(), await world.client()];
    old.send(listener, "1");
    await old.texts(1);
    listener.setHandler(answering("new"));
    fresh.send(listener, "1");
    old.send(listener, "2");
    expect([await old.texts(2), await fresh.texts(1)]).toEqual([["old 1", "old 2"], ["new 1"]]);
  });

  test("buffers of the system are given while the socket is open", async () => {
    const listener = await world.open(echo, { receiveBuffer: 65_536 });
    await listener.setOptions({ receiveBuffer: 131_072, sendBuffer: 32_768 });
    expect(listener.info.options).toMatchObject({ receiveBuffer: 131_072, sendBuffer: 32_768 });
    const client = await world.client();
    client.send(listener, "hello");
    expect(await client.texts(1)).toEqual(["hello"]);
  });

  test("access rules count for those who come, and not for those who are there", async () => {
    const listener = await world.open(echo);
    const [old, fresh] = [await world.client(), await world.client()];
    old.send(listener, "1");
    await old.texts(1);
    expect(await listener.deny("127.0.0.0/8")).toBe(true);
    fresh.send(listener, "1");
    old.send(listener, "2");
    await old.texts(2);
    await world.until(() => listener.stats.closedForbidden === 1);
    expect(await listener.allow("127.0.0.1")).toBe(true);
    fresh.send(listener, "2");
    expect(await fresh.texts(1)).toEqual(["2"]);
    expect(listener.info.options.accessRules).toEqual([
      { allow: "127.0.0.1/32" },
      { deny: "127.0.0.0/8" },
      { allow: "all" },
    ]);
  });
});

describe("options that cannot be put into effect", () => {
  useUdpWorld("memory");

  test("leave everything as it was", async () => {
    const { given, transport } = buffered(13);
    const healthCheck = { request: "ping", reply: "pong" };
    const listener = await world.open(echo, { transport, healthCheck, maxClients: 1, receiveBuffer: 1000 });
    const client = await world.client();
    client.send(listener, "hello");
    await client.texts(1);
    const before = listener.info.options;
    for (const changes of [
      { maxClients: 0, accessRules: [] },
      { healthCheck: { request: "", reply: "x" }, maxClients: 5 },
      { receiveBuffer: 2000, sendBuffer: 13, maxClients: 5 },
    ]) {
      await expect(listener.setOptions(changes)).rejects.toThrow(InvalidOptionError);
      expect(listener.info.options).toEqual(before);
    }
    await expect(listener.setOptions({ sendBuffer: 13 })).rejects.toThrow(
      "sendBuffer must be a size that the system takes (ENOBUFS), got 13",
    );
    expect(given).toEqual([
      ["receiveBuffer", 1000],
      ["receiveBuffer", 2000],
      ["receiveBuffer", 1000],
    ]);
    const stranger = await world.client();
    stranger.send(listener, "let me in", "ping");
    expect(await stranger.texts(1)).toEqual(["pong"]);
    expect(listener.stats.closedMaxLimit).toBe(1);
  });

  test("are only those that have changed", async () => {
    const { given, transport } = buffered();
    const listener = await world.open(echo, { transport, receiveBuffer: 1000, sendBuffer: 500 });
    await listener.setOptions({ maxClients: 7 });
    await listener.setOptions({ sendBuffer: 600 });
    await listener.resetOptions({ sendBuffer: 600 });
    expect(given.slice(2)).toEqual([["sendBuffer", 600]]);
    // The system's own size comes back with the next socket.
    await listener.suspend();
    await listener.resume();
    expect(given.slice(3)).toEqual([["sendBuffer", 600]]);
  });
});

describe("info", () => {
  useUdpWorld("memory");

  test("shows the options of a UDP listener under their own names, complete, and no others", async () => {
    const listener = await world.open(echo, { maxDatagramRate: { capacity: 5 }, maxWaiting: 3 });
    const { options, datagrams, transport } = listener.info;
    expect(options).toEqual({
      accessRules: [{ allow: "all" }],
      alarms: false,
      healthCheck: {
        request: Uint8Array.from(Buffer.from("are you there?")),
        reply: Uint8Array.from(Buffer.from("yes")),
      },
      identify: undefined,
      idleTimeoutMs: 120_000,
      maxClients: 1024,
      maxConnectionRate: "infinity",
      maxDatagramRate: { capacity: 5 },
      maxPacketSize: 65_535,
      maxWaiting: 3,
      overload: false,
      paused: false,
      receiveBuffer: undefined,
      sendBuffer: undefined,
      shutdown: 5000,
      socketReadyTimeoutMs: 15_000,
    });
    expect([datagrams.received, transport]).toEqual([0, "memory"]);
    const [listed] = world.sockets.listeners();
    expect(listed?.info.options).toEqual(options);
  });

  test("finds the connection of a peer that is known by an id", async () => {
    const listener = await world.open(echo, { identify: (data) => String(data[0]) });
    const client = await world.client();
    client.send(listener, "A1");
    await client.texts(1);
    listener.connectionById("65")?.send("for you");
    expect(await client.texts(2)).toEqual(["A1", "for you"]);
    expect([listener.connectionById("66"), (await world.open(echo, { name: "plain" })).connectionById("65")]).toEqual([
      undefined,
      undefined,
    ]);
  });
});
