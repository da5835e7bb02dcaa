import { type Connection, fromConnection, type ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createDecoder, encodeFrame } from "../src/framing.ts";
import { puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";
import { pattern } from "./support/transport-world.ts";

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;
const MARK = 65_536;

/** Two clients of one server, and the server's end of each. */
async function pair(options: ListenerOptions = {}, reads = true) {
  const { handler, hears } = puppetry();
  const listener = await world.open(handler, options);
  const left = await world.connect(listener, { lingers: true });
  const a = await hears(0, 1);
  const right = await world.connect(listener, { lingers: true, reads });
  const b = await hears(1, 1);
  return { left, right, a, b };
}

function both(a: Connection, b: Connection): void {
  a.pipe(b);
  b.pipe(a);
}

/** Writes until that is felt by the client, and wherever else it is to be. Answers how much it was. */
async function flood(client: SocketRecorder, isFelt = () => true): Promise<number> {
  const chunk = Buffer.alloc(65_536, "x");
  let written = 0;
  for (;;) {
    if (client.socket.unsentBytes === 0) {
      client.write(chunk);
      written += chunk.length;
    }
    await world.settle();
    if (client.socket.unsentBytes > 0 && isFelt()) return written;
  }
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("what comes in on one goes out on the other, whole and in order, both ways at once, and so do the ends", async () => {
    const { left, right, a, b } = await pair();
    both(a.connection, b.connection);
    const [there, back] = [pattern(BIG), pattern(BIG).toReversed()];
    left.write(there);
    left.end();
    right.write(back);
    right.end();
    expect((await right.bytes(BIG)).equals(there)).toBe(true);
    expect((await left.bytes(BIG)).equals(back)).toBe(true);
    await left.next("closed");
    await right.next("closed");
    expect([a.heard, b.heard]).toEqual([
      ["socketReady", "closed"],
      ["socketReady", "closed"],
    ]);
  });

  test("one direction goes on when the other has ended", async () => {
    const { left, right, a, b } = await pair();
    both(a.connection, b.connection);
    left.write("that is all");
    left.end();
    await right.next("end");
    expect(right.received.toString()).toBe("that is all");
    right.write("and now me");
    right.end();
    await left.next("end");
    expect(left.received.toString()).toBe("and now me");
  });

  test("no more is read than the other takes, and nothing is lost", async () => {
    const { left, right, a, b } = await pair({}, false);
    both(a.connection, b.connection);
    const written = await flood(left, () => b.connection.unsentBytes > 0);
    // One read beyond the mark, at most.
    expect(b.connection.unsentBytes).toBeLessThanOrEqual(2 * MARK);
    right.resume();
    expect((await right.bytes(written)).every((byte) => byte === 0x78)).toBe(true);
  });

  test("a peer that does not read may still send", async () => {
    const { left, right, a, b } = await pair({}, false);
    both(a.connection, b.connection);
    await flood(left, () => b.connection.unsentBytes > 0);
    right.write("I am busy");
    expect(await left.text(9)).toBe("I am busy");
  });

  test("what has come and was not let in goes first, cut as the connection cuts it", async () => {
    const { left, right, a, b } = await pair({ packet: "line" });
    a.connection.activate();
    left.write("for you\nfor him\nand t");
    await world.until(() => a.heard.length === 2);
    a.connection.pipe(b.connection);
    left.write("his\n");
    expect(await right.text(17)).toBe("for him\nand this\n");
    expect(a.heard).toEqual(["socketReady", "data for you\n"]);
    // What comes the other way is the handler's.
    b.connection.activate();
    right.write("not piped\n");
    await world.until(() => b.heard.length === 2);
    expect(b.heard).toEqual(["socketReady", "data not piped\n"]);
  });

  test("a last line without its line feed goes out as it came, before the end", async () => {
    const { left, right, a, b } = await pair({ packet: "line" });
    a.connection.pipe(b.connection);
    left.write("first\nlast");
    left.end();
    await right.next("end");
    expect(right.received.toString()).toBe("first\nlast");
    expect(a.heard).toEqual(["socketReady", "closed"]);
  });

  test.each([1, 2, 4] as const)(
    "a packet behind %i bytes of length that is cut off is no end, but an error",
    async (packet) => {
      const { left, right, a, b } = await pair({ packet });
      a.connection.pipe(b.connection);
      const whole = encodeFrame(packet, "whole");
      left.write(Buffer.concat([whole, whole.subarray(0, -1)]));
      left.end();
      await world.until(() => a.heard.length === 2);
      await world.settle();
      expect(a.heard).toEqual(["socketReady", "error badFrame"]);
      expect(right.received).toEqual(Buffer.from(whole));
      expect([right.count("end") + right.count("closed"), b.connection.isOpen]).toEqual([0, true]);
    },
  );

  test.each([1, 2] as const)("a stream is cut to what a packet with %i bytes of length can hold", async (packet) => {
    const { handler, one } = puppetry();
    const sink = await world.connect(await world.open(handler, { name: "sink", packet }));
    const { connection } = await one();
    const source = puppetry();
    const client = await world.connect(await world.open(source.handler));
    (await source.one()).connection.pipe(connection);
    const sent = pattern(300_000);
    client.write(sent);
    client.end();
    await sink.next("end");
    const decoder = createDecoder(packet, { maxPacketSize: 65_536 });
    decoder?.push(sink.received);
    const packets: Buffer[] = [];
    for (let next = decoder?.next(); next !== undefined; next = decoder?.next()) packets.push(next);
    expect(Buffer.concat(packets).equals(sent)).toBe(true);
  });

  test("a packet that the other cannot send breaks its connection", async () => {
    const { handler, one } = puppetry();
    const sink = await world.connect(await world.open(handler, { name: "sink", packet: 1 }));
    const { connection } = await one();
    const source = puppetry();
    const client = await world.connect(await world.open(source.handler, { packet: "line" }));
    (await source.one()).connection.pipe(connection);
    client.write(`${"x".repeat(300)}\n`);
    const { heard } = await source.hears(0, 2);
    expect(heard).toEqual(["socketReady", "error frameTooLarge"]);
    expect([sink.receivedBytes, connection.isOpen]).toEqual([0, true]);
  });

  test.each(["kill", "close", "abort"] as const)("%s of the one is no end of what the other sends", async (end) => {
    const { left, right, a, b } = await pair();
    both(a.connection, b.connection);
    left.write("a part");
    expect(await right.text(6)).toBe("a part");
    if (end === "kill") world.system.kill(a.self.pid);
    else a.connection[end]();
    left.end();
    await left.next("closed");
    await world.settle();
    expect(right.count("end") + right.count("closed")).toBe(0);
    expect([b.connection.isOpen, b.heard]).toEqual([true, ["socketReady"]]);
  });

  test("when the other is over nothing more is read, and the rest is up to the owner", async () => {
    const { left, a, b } = await pair();
    both(a.connection, b.connection);
    b.connection.abort();
    await flood(left);
    expect(a.heard).toEqual(["socketReady"]);
    expect(a.connection.isOpen).toBe(true);
    a.connection.close();
    left.resume();
    await world.until(() => !a.connection.isOpen);
  });

  test("a connection may be piped into itself", async () => {
    const { left, a } = await pair();
    a.connection.pipe(a.connection);
    const sent = pattern(BIG);
    left.write(sent);
    left.end();
    expect((await left.bytes(BIG)).equals(sent)).toBe(true);
    await left.next("closed");
  });

  test("to a function that asks for bytes the end of a pipe is the end of them", async () => {
    const { left, b } = await pair();
    const told: unknown[] = [];
    const asking = fromConnection(async (connection) => {
      connection.pipe(b.connection);
      told.push(await connection.recv());
    });
    const client = await world.connect(await world.open(asking, { name: "asking" }));
    client.write("on its way");
    client.end();
    await client.next("closed");
    expect(told).toEqual([undefined]);
    expect(left.isClosed).toBe(false);
  });
});

describe("the time without data", () => {
  useWorld("memory");

  test("of two that are piped both ways is one: what either sends counts for both", async () => {
    const { left, right, a, b } = await pair({ idleTimeoutMs: 1000 });
    both(a.connection, b.connection);
    for (let round = 0; round < 5; round += 1) {
      left.write("x");
      await world.manual.advance(999);
    }
    expect([a.heard, b.heard]).toEqual([["socketReady"], ["socketReady"]]);
    expect(right.receivedBytes).toBe(5);
    await world.manual.advance(1);
    expect([a.heard, b.heard]).toEqual([
      ["socketReady", "timeout"],
      ["socketReady", "timeout"],
    ]);
  });
});
