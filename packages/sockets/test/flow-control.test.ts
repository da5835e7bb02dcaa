import { encodeFrame, type Framing, type ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { Reaction } from "./support/socket-recorder.ts";
import { pattern } from "./support/transport-world.ts";

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;

const lines: ListenerOptions = { packet: "line" };

async function puppetWithClient(options: ListenerOptions, reads = true) {
  const { handler, one } = puppetry();
  const listener = await world.open(handler, options);
  const client = await world.connect(listener, { reads });
  return { listener, client, puppet: await one() };
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("activation", () => {
    test("nothing is delivered to a handler that has activated nothing", async () => {
      const { client, puppet } = await puppetWithClient(lines);
      client.write("one\ntwo\n");
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady"]);
      expect(puppet.connection.bytesReceived).toBe(0);
    });

    test("once lets one packet in", async () => {
      const { client, puppet } = await puppetWithClient(lines);
      client.write("one\ntwo\nthree\n");
      puppet.connection.activate("once");
      await world.until(() => puppet.heard.length === 2);
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data one\n"]);
      puppet.connection.activate();
      await world.until(() => puppet.heard.length === 3);
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data one\n", "data two\n"]);
    });

    test("once and once again, with nothing in between, is once", async () => {
      const { client, puppet } = await puppetWithClient(lines);
      puppet.connection.activate("once");
      puppet.connection.activate("once");
      client.write("one\ntwo\n");
      await world.until(() => puppet.heard.length === 2);
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data one\n"]);
    });

    test("a number lets in so many more, added to those before", async () => {
      const { client, puppet } = await puppetWithClient(lines);
      puppet.connection.activate(1);
      puppet.connection.activate(2);
      client.write("1\n2\n3\n4\n5\n");
      await world.until(() => puppet.heard.length === 4);
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data 1\n", "data 2\n", "data 3\n"]);
    });

    test("true lets in all that comes, and false nothing more", async () => {
      const { client, puppet } = await puppetWithClient(lines);
      puppet.connection.activate(true);
      client.write("1\n2\n");
      await world.until(() => puppet.heard.length === 3);
      client.write("3\n");
      await world.until(() => puppet.heard.length === 4);
      puppet.connection.activate(false);
      client.write("4\n");
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data 1\n", "data 2\n", "data 3\n"]);
      puppet.connection.activate(true);
      await world.until(() => puppet.heard.length === 5);
      expect(puppet.heard.at(-1)).toBe("data 4\n");
    });

    test("without framing one activation lets in one read, and none of it is lost", async () => {
      const { client, puppet } = await puppetWithClient({});
      puppet.connection.activate();
      client.write("first");
      await world.until(() => puppet.heard.length === 2);
      client.write("second");
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data first"]);
      puppet.connection.activate();
      await world.until(() => puppet.heard.length === 3);
      expect(puppet.heard.at(-1)).toBe("data second");
    });

    test("a handler that activates nothing brings its client's writes to a halt", async () => {
      const { client, puppet } = await puppetWithClient({});
      const chunk = Buffer.alloc(65_536, "x");
      while (client.write(chunk));
      await world.settle();
      const { bytesSent, unsentBytes } = client.socket;
      expect(unsentBytes).toBeGreaterThan(0);
      expect(puppet.connection.bytesReceived).toBe(0);
      puppet.connection.activate(true);
      await client.next("drain");
      await world.until(() => puppet.connection.bytesReceived === bytesSent);
      expect(client.write(".")).toBe(true);
    });
  });

  describe("packets", () => {
    const packets = ["", "a", "hello", "x".repeat(200)].map((text) => Buffer.from(text));

    test.for([1, 2, 4] satisfies Framing[])("of %i bytes of length go both ways", async (packet) => {
      const listener = await world.open(echo, { packet });
      const client = await world.connect(listener);
      const stream = Buffer.concat(packets.map((data) => encodeFrame(packet, data)));
      client.write(stream);
      expect(await client.bytes(stream.length)).toEqual(stream);
    });

    test("that are lines go both ways, with what ends them", async () => {
      const { client, puppet } = await puppetWithClient(lines);
      puppet.connection.activate(true);
      client.write("one\r\ntwo\n\nthr");
      await world.until(() => puppet.heard.length === 4);
      client.write("ee\n");
      await world.until(() => puppet.heard.length === 5);
      expect(puppet.heard.slice(1)).toEqual(["data one\r\n", "data two\n", "data \n", "data three\n"]);
      puppet.connection.send("bye\n");
      expect(await client.text(4)).toBe("bye\n");
    });

    test("that are cut in any place are whole again", async () => {
      const { client, puppet } = await puppetWithClient({ packet: 2 });
      puppet.connection.activate(true);
      for (const byte of Buffer.concat([encodeFrame(2, "hello"), encodeFrame(2, "world")])) {
        client.write(Buffer.from([byte]));
        await world.settle();
      }
      expect(puppet.heard).toEqual(["socketReady", "data hello", "data world"]);
    });

    test("one that is too large ends its connection, and no other", async () => {
      const { handler, puppets } = puppetry({ react: (_event, { connection }) => connection.activate() });
      const listener = await world.open(handler, { packet: 2, maxPacketSize: 5 });
      const [large, small] = [await world.connect(listener), await world.connect(listener)];
      await world.until(() => puppets.length === 2);
      large.write(encodeFrame(2, "hello"));
      large.write(encodeFrame(2, "hello!"));
      await large.next("closed");
      expect(puppets[0]?.heard).toEqual(["socketReady", "data hello", "error frameTooLarge"]);
      expect(puppets[0]?.connection.isOpen).toBe(false);
      small.write(encodeFrame(2, "hello"));
      await world.until(() => puppets[1]?.heard.length === 2);
      expect(puppets[1]?.heard).toEqual(["socketReady", "data hello"]);
    });

    test("one whose length its header cannot say is not sent; the handler crashes", async () => {
      const { client, puppet } = await puppetWithClient({ packet: 1 });
      const ended = world.system.exited(puppet.self.pid);
      world.system.send(puppet.self.ref, ({ connection }) => void connection.send("x".repeat(256)));
      expect(await ended).toMatchObject({ type: "error", error: { code: "ERR_FRAME_TOO_LARGE", size: 256 } });
      await client.next("closed");
      expect(client.receivedBytes).toBe(0);
      expect(world.logged.splice(0)).toHaveLength(2);
    });
  });

  describe("sending", () => {
    test("answers true up to the high-water mark, and false above it", async () => {
      const { client, puppet } = await puppetWithClient({ highWaterMark: BIG + 1000 }, false);
      const { connection } = puppet;
      expect(connection.send("hello")).toBe(true);
      expect(connection.send(Buffer.alloc(BIG))).toBe(true);
      expect(connection.send(Buffer.alloc(BIG + 1000 - connection.unsentBytes))).toBe(true);
      expect(connection.send("!")).toBe(false);
      client.resume();
      await client.until(() => client.receivedBytes === connection.bytesSent);
      expect(connection.send("again")).toBe(true);
    });

    test("above the high-water mark nothing is read, until all is sent", async () => {
      const { client, puppet } = await puppetWithClient(lines, false);
      puppet.connection.activate(true);
      client.write("before\n");
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.connection.send(pattern(BIG))).toBe(false);
      client.write("after\n");
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data before\n"]);
      client.resume();
      await world.until(() => puppet.heard.length === 3);
      expect(puppet.heard.at(-1)).toBe("data after\n");
      expect((await client.bytes(BIG)).equals(pattern(BIG))).toBe(true);
    });

    test("more than may wait unsent ends the connection, and no other", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { maxUnsentBytes: BIG / 2, packet: "line" });
      const [slow, other] = [await world.connect(listener, { reads: false }), await world.connect(listener)];
      await world.until(() => puppets.every(({ heard }) => heard.length === 1) && puppets.length === 2);
      expect(puppets[0]?.connection.send(pattern(BIG))).toBe(false);
      expect(puppets[0]?.connection.isOpen).toBe(false);
      await world.until(() => puppets[0]?.heard.length === 2);
      expect(puppets[0]?.heard).toEqual(["socketReady", "error tooManyUnsentBytes"]);
      expect(puppets[0]?.connection.send("too late")).toBe(false);
      slow.resume();
      expect(await slow.next("closed")).toBe("ECONNRESET");
      puppets[1]?.connection.send("still here\n");
      expect(await other.text(11)).toBe("still here\n");
    });

    test("up to what may wait unsent nothing ends, and the connection can change it", async () => {
      const { client, puppet } = await puppetWithClient({ maxUnsentBytes: 2 * BIG }, false);
      puppet.connection.send(pattern(BIG));
      expect(puppet.connection.isOpen).toBe(true);
      puppet.connection.setOptions({ maxUnsentBytes: "infinity" });
      puppet.connection.setOptions({ maxUnsentBytes: 1 });
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.heard).toEqual(["socketReady", "error tooManyUnsentBytes"]);
      client.resume();
      expect(await client.next("closed")).toBe("ECONNRESET");
    });

    test("a connection of the kit that has too much unsent is counted by that", async () => {
      const listener = await world.open(echo, { maxUnsentBytes: 1, highWaterMark: 1 });
      const client = await world.connect(listener, { reads: false });
      while (!client.isClosed && Object.keys(listener.shutdownCounts).length === 0) {
        client.write(Buffer.alloc(1_000_000));
        await world.settle();
      }
      expect(listener.shutdownCounts).toEqual({ tooManyUnsentBytes: 1 });
    });

    test("more than maxUnsentBytes that are sent while the handler starts are told behind socketReady", async () => {
      const { handler, one } = puppetry({ init: ({ connection }) => void connection.send(pattern(BIG)) });
      const listener = await world.open(handler, { maxUnsentBytes: 1000 });
      world.startConnecting(listener, { reads: false });
      const puppet = await one();
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "error tooManyUnsentBytes"]);
    });

    test("does nothing any more when the connection is closed", async () => {
      const { client, puppet } = await puppetWithClient({});
      puppet.connection.send("bye");
      puppet.connection.close();
      expect(puppet.connection.send("too late")).toBe(false);
      expect(puppet.connection.isOpen).toBe(false);
      await client.next("closed");
      expect(client.received.toString()).toBe("bye");
      expect(world.system.isAlive(puppet.self.pid)).toBe(true);
    });

    test("what is aborted is reset", async () => {
      const { client, puppet } = await puppetWithClient({});
      puppet.connection.abort();
      expect(await client.next("closed")).toBe("ECONNRESET");
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady"]);
    });
  });
});

describe("the time for sending", () => {
  useWorld("memory");
  const options: ListenerOptions = { sendTimeoutMs: 1000, idleTimeoutMs: "infinity" };

  test("a client that reads nothing is reset when it is up", async () => {
    const { client, puppet } = await puppetWithClient(options, false);
    puppet.connection.send(Buffer.alloc(100_000));
    await world.manual.advance(999);
    expect([client.isClosed, puppet.heard]).toEqual([false, ["socketReady"]]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "error sendTimeout"]);
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });

  test("begins with the first byte that is not taken, however much is sent after it", async () => {
    const { puppet } = await puppetWithClient(options, false);
    puppet.connection.send(Buffer.alloc(65_536));
    for (let beat = 0; beat < 10; beat += 1) {
      expect([beat, puppet.heard]).toEqual([beat, ["socketReady"]]);
      puppet.connection.send(".");
      await world.manual.advance(100);
    }
    expect(puppet.heard).toEqual(["socketReady", "error sendTimeout"]);
  });

  test("up after the client's own end, resets the connection and says nothing more", async () => {
    const { client, puppet } = await puppetWithClient(options, false);
    puppet.connection.activate();
    client.end();
    await world.settle();
    expect(puppet.connection.send(Buffer.alloc(200_000))).toBe(false);
    await world.manual.advance(1000);
    expect(puppet.heard).toEqual(["socketReady", "closed"]);
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });

  test("ends when all is taken", async () => {
    const { client, puppet } = await puppetWithClient(options, false);
    puppet.connection.send(Buffer.alloc(100_000));
    await world.manual.advance(999);
    client.resume();
    await world.manual.advance(10_000);
    expect([client.receivedBytes, puppet.heard]).toEqual([100_000, ["socketReady"]]);
  });

  test("bounds the close of a connection whose handler lives on", async () => {
    const { client, puppet } = await puppetWithClient(options, false);
    puppet.connection.send(Buffer.alloc(100_000));
    await world.manual.advance(500);
    puppet.connection.close();
    await world.manual.advance(999);
    expect(world.memory.openSockets).toBe(2);
    await world.manual.advance(1);
    expect(world.memory.openSockets).toBe(1);
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
    expect(world.system.isAlive(puppet.self.pid)).toBe(true);
  });

  test("can be without end", async () => {
    const { client, puppet } = await puppetWithClient({ ...options, sendTimeoutMs: "infinity" }, false);
    puppet.connection.send(Buffer.alloc(100_000));
    await world.manual.advance(1e9);
    client.resume();
    await client.bytes(100_000);
    expect(puppet.heard).toEqual(["socketReady"]);
  });
});

const pausing: Reaction = (name, client) => name === "data" && client.pause();

describe("a client that is always behind", () => {
  const capacity = 65_536;
  // It takes so much at a time.
  useWorld("memory", { memory: { capacity, chunk: () => 2000 } });

  test("but reads, has its time for each byte, and not for all together", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { sendTimeoutMs: 1000 });
    const client = await world.connect(listener, { reads: false, react: pausing });
    const puppet = await one();
    puppet.connection.send(Buffer.alloc(capacity + 10_000));
    for (let beat = 0; beat < 50; beat += 1) {
      await world.manual.advance(100);
      client.resume();
      await client.next("data");
      puppet.connection.send(Buffer.alloc(2000));
      expect(puppet.connection.unsentBytes).toBe(10_000);
    }
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(2000);
    expect(puppet.heard).toEqual(["socketReady", "error sendTimeout"]);
  });
});
