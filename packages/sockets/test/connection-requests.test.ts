import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatTree } from "@espalier/actors";
import { type Connection, type ListenerOptions, Received, Sent } from "@espalier/sockets";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { takeBytes } from "../src/demands.ts";
import { directoryOfBlock } from "./support/directories.ts";
import { type Puppet, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import { pattern } from "./support/transport-world.ts";

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;

async function puppetWithClient(options: ListenerOptions = {}, reads = true) {
  const replies: string[] = [];
  const { handler, one } = puppetry({
    hear: (message) => {
      if (message instanceof Received) {
        const { outcome } = message;
        replies.push(
          outcome.ok ? `received ${Buffer.from(outcome.data).toString()}` : `not received: ${outcome.error}`,
        );
      } else if (message instanceof Sent) {
        replies.push(message.outcome.ok ? "sent" : `not sent: ${message.outcome.error}`);
      }
    },
  });
  const listener = await world.open(handler, options);
  const client = await world.connect(listener, { reads });
  const puppet: Puppet = await one();
  return { listener, client, puppet, connection: puppet.connection, replies };
}

/** Its client takes nothing more. Of a file that is read, no event tells. */
async function stalled(connection: Connection): Promise<void> {
  while (connection.unsentBytes === 0) await world.settle();
}

const sendOptions: ListenerOptions = { highWaterMark: BIG };

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("what is sent in pieces is one packet, in its turn, and is refused as one", async () => {
    const { client, connection } = await puppetWithClient({ packet: 1 });
    const header = Buffer.from("ab");
    connection.send("1");
    expect(connection.sendPieces([header, "cd", Uint8Array.of(0x65)])).toBe(true);
    // They were copied.
    header.fill(0);
    connection.send("2");
    expect(() => connection.sendPieces([new Uint8Array(200), new Uint8Array(56)])).toThrow(/256 bytes/u);
    const expected = "\u00011\u0005abcde\u00012";
    expect((await client.bytes(expected.length)).toString()).toBe(expected);
    expect(connection.getStat()).toMatchObject({ packetsSent: 3, bytesSent: expected.length });
    connection.abort();
    expect(connection.sendPieces(["too late"])).toBe(false);
  });

  describe("asyncRecv", () => {
    test("brings exactly so many bytes, however they come, and each request its own", async () => {
      const { client, connection, replies } = await puppetWithClient();
      for (const length of [4, 1, 5]) connection.asyncRecv(length);
      client.write("ab");
      await world.settle();
      expect(replies).toEqual([]);
      client.write("cdefg");
      await world.until(() => replies.length === 2);
      client.write("hijkl");
      await world.until(() => replies.length === 3);
      expect(replies).toEqual(["received abcd", "received e", "received fghij"]);
      connection.asyncRecv();
      await world.until(() => replies.length === 4);
      expect(replies.at(-1)).toBe("received kl");
    });

    test("brings the next packet where there is a framing", async () => {
      const { client, connection, replies } = await puppetWithClient({ packet: "line" });
      connection.asyncRecv();
      connection.asyncRecv();
      client.write("one\ntwo\nthree\n");
      await world.until(() => replies.length === 2);
      await world.settle();
      expect(replies).toEqual(["received one\n", "received two\n"]);
      expect(() => connection.asyncRecv(5)).toThrow("length must be absent, since packets are cut by a framing, got 5");
    });

    test("reads nothing from a client but what is asked for, and one read", async () => {
      const { client, puppet, connection, replies } = await puppetWithClient();
      client.write("x".repeat(10));
      await world.settle();
      expect(connection.bytesReceived).toBe(0);
      connection.asyncRecv(10);
      await world.until(() => replies.length === 1);
      const chunk = Buffer.alloc(65_536, "y");
      while (client.write(chunk));
      await world.settle();
      expect(connection.bytesReceived).toBeLessThanOrEqual(10 + 65_536);
      expect(puppet.heard).toEqual(["socketReady"]);
    });

    test("goes before what is activated, which goes on behind it", async () => {
      const { client, puppet, connection, replies } = await puppetWithClient({ packet: "line" });
      connection.activate(true);
      connection.asyncRecv();
      client.write("one\ntwo\n");
      await world.until(() => puppet.heard.length === 2);
      expect([replies, puppet.heard]).toEqual([["received one\n"], ["socketReady", "data two\n"]]);
    });

    test("at the end of the client fails, leaves what there is, and is followed by the event", async () => {
      const { client, puppet, connection, replies } = await puppetWithClient();
      connection.asyncRecv(10);
      client.write("short");
      client.end();
      await world.until(() => replies.length === 1);
      expect([replies, puppet.heard]).toEqual([["not received: closed"], ["socketReady"]]);
      connection.asyncRecv(5);
      await world.until(() => puppet.heard.length === 2);
      connection.asyncRecv(1);
      await world.until(() => replies.length === 3);
      expect(replies).toEqual(["not received: closed", "received short", "not received: closed"]);
      expect(puppet.heard).toEqual(["socketReady", "closed"]);
    });

    test("fails with what the connection breaks of, or that it is closed", async () => {
      const broken = await puppetWithClient();
      broken.connection.asyncRecv();
      broken.client.close("reset");
      await world.until(() => broken.replies.length === 1);
      expect(broken.replies).toEqual(["not received: ECONNRESET"]);
    });

    test("of a connection that is closed here, fails at once", async () => {
      const { connection, replies } = await puppetWithClient();
      connection.asyncRecv();
      connection.close();
      connection.asyncRecv();
      await world.until(() => replies.length === 2);
      expect(replies).toEqual(["not received: closed", "not received: closed"]);
    });

    test("that is given up takes nothing", async () => {
      const { client, connection, replies } = await puppetWithClient();
      const request = connection.asyncRecv(3);
      connection.abandonRecv(request);
      client.write("abcdef");
      await world.settle();
      expect(connection.bytesReceived).toBe(0);
      connection.asyncRecv(6);
      await world.until(() => replies.length === 1);
      expect(replies).toEqual(["received abcdef"]);
    });
  });

  describe("asyncSend", () => {
    test("says when the system has the packet, which a client that does not read puts off", async () => {
      const { client, connection, replies } = await puppetWithClient(sendOptions, false);
      connection.asyncSend("small");
      await world.until(() => replies.length === 1);
      connection.asyncSend(pattern(BIG));
      connection.asyncSend("last");
      await world.settle();
      expect(replies).toEqual(["sent"]);
      client.resume();
      await world.until(() => replies.length === 3);
      expect(replies).toEqual(["sent", "sent", "sent"]);
      await client.bytes(BIG + 9);
    });

    test("says so when the connection ends before", async () => {
      const { connection, client, replies } = await puppetWithClient(sendOptions, false);
      connection.asyncSend(pattern(BIG));
      connection.abort();
      connection.asyncSend("too late");
      await world.until(() => replies.length === 2);
      expect(replies.toSorted()).toEqual(["not sent: closed", "not sent: closed"]);
      client.resume();
      await client.next("closed");
    });
  });

  test("a packet that is more than may be unsent is not sent, and says so", async () => {
    const { client, connection, puppet, replies } = await puppetWithClient({ maxUnsentBytes: 1000 }, false);
    connection.asyncSend(pattern(BIG));
    await world.until(() => replies.length === 1);
    expect(replies).toEqual(["not sent: tooManyUnsentBytes"]);
    await world.until(() => puppet.heard.length === 2);
    expect(puppet.heard).toEqual(["socketReady", "error tooManyUnsentBytes"]);
    client.resume();
    await client.next("closed");
  });

  describe("shutdown", () => {
    test("ends this direction behind what was sent, and leaves the other open", async () => {
      const { client, puppet, connection } = await puppetWithClient({}, true);
      // The client does not answer the end by its own.
      connection.send("that was all");
      connection.shutdown();
      expect(connection.send("one more")).toBe(false);
      connection.activate(true);
      await client.next("end");
      expect(client.received.toString()).toBe("that was all");
      await world.until(() => puppet.heard.includes("closed"));
      expect(connection.send("one more")).toBe(false);
      connection.shutdown();
      connection.close();
    });

    test("lets a client that has more to say, say it", async () => {
      const { handler, one } = puppetry();
      const client = await world.connect(await world.open(handler, { packet: "line" }), { lingers: true });
      const puppet = await one();
      puppet.connection.shutdown("write");
      puppet.connection.activate(true);
      await client.next("end");
      client.write("one\n");
      client.write("two\n");
      await world.until(() => puppet.heard.length === 3);
      client.end();
      await world.until(() => puppet.heard.length === 4);
      expect(puppet.heard).toEqual(["socketReady", "data one\n", "data two\n", "closed"]);
    });
  });

  describe("sendFile", () => {
    const directory = directoryOfBlock();
    const file = join(directory, "file");
    beforeAll(() => writeFileSync(file, pattern(BIG)));

    test("sends a file, reading no more of it than the client takes", async () => {
      const { client, connection } = await puppetWithClient({}, false);
      const sending = connection.sendFile(file);
      await stalled(connection);
      await world.settle();
      const { unsentBytes } = connection;
      expect(unsentBytes).toBeLessThanOrEqual(65_536);
      client.resume();
      expect(await sending).toEqual({ ok: true, bytes: BIG });
      expect((await client.bytes(BIG)).equals(pattern(BIG))).toBe(true);
      expect(connection.getStat()).toMatchObject({ bytesSent: BIG, packetsSent: 0 });
    });

    test("never has more of it unsent than is allowed, also behind a packet", async () => {
      const { client, connection } = await puppetWithClient({ maxUnsentBytes: 1000 });
      connection.send(pattern(900));
      expect(await connection.sendFile(file, { length: 500_000 })).toEqual({ ok: true, bytes: 500_000 });
      await client.bytes(500_900);
      expect(connection.isOpen).toBe(true);
    });

    test("sends a part of it, and what there is of a part that is too long", async () => {
      const { client, connection } = await puppetWithClient();
      expect(await connection.sendFile(file, { offset: 1000, length: 100_000 })).toEqual({ ok: true, bytes: 100_000 });
      expect((await client.bytes(100_000)).equals(pattern(BIG).subarray(1000, 101_000))).toBe(true);
      expect(await connection.sendFile(file, { offset: BIG - 3, length: 10 })).toEqual({ ok: true, bytes: 3 });
      expect(await connection.sendFile(file, { offset: BIG })).toEqual({ ok: true, bytes: 0 });
      await client.bytes(100_003);
    });

    test("says why it cannot", async () => {
      const { client, connection } = await puppetWithClient({}, false);
      expect(await connection.sendFile(join(directory, "none"))).toEqual({ ok: false, error: "ENOENT", bytes: 0 });
      execFileSync("mkfifo", [join(directory, "pipe")]);
      for (const other of [join(directory, "pipe"), directory, "/dev/zero"]) {
        expect(await connection.sendFile(other)).toEqual({ ok: false, error: "notAFile", bytes: 0 });
      }
      await expect(connection.sendFile(file, { offset: -1, length: 0.5 })).rejects.toThrow("2 invalid options");
      const sending = connection.sendFile(file);
      await stalled(connection);
      client.close("reset");
      expect(await sending).toMatchObject({ ok: false, error: expect.stringMatching(/^(ECONNRESET|EPIPE)$/u) });
    });

    test("ends with its owner", async () => {
      const { client, connection, puppet } = await puppetWithClient({}, false);
      const sending = connection.sendFile(file);
      await stalled(connection);
      world.system.kill(puppet.self.pid);
      await world.stopped();
      client.resume();
      expect(await sending).toMatchObject({ ok: false, error: "closed" });
      await client.next("end");
      expect(client.receivedBytes).toBeLessThan(BIG);
      world.logged.splice(0);
    });
  });

  test("metadata is shown by inspection, and the address alone where a connection is printed", async () => {
    const { client, puppet, connection } = await puppetWithClient();
    const address = `127.0.0.1:${world.portOf(client)}`;
    connection.metadata.set("user", "ada").set("roles", ["admin"]);
    const info = world.system.inspect().processes.find(({ pid }) => pid === puppet.self.pid);
    expect(info?.resources).toContainEqual({
      kind: "socket",
      description: `${address} user="ada" roles=an array of 1`,
    });
    expect(JSON.stringify(connection)).toBe(`"${address}"`);
  });

  test("a label is what its actor is called in the tree and in the log, until the actor gives itself one", async () => {
    const { client, puppet, connection } = await puppetWithClient();
    const info = () => world.system.inspect(puppet.self.pid);
    const address = `127.0.0.1:${world.portOf(client)}`;
    expect([connection.label, info()?.label]).toEqual([address, address]);
    connection.label = `sensor-7 ${connection.label}`;
    expect(info()?.label).toBe(`sensor-7 ${address}`);
    connection.label = "sensor-7";
    expect(formatTree(world.system.inspect())).toContain("(sensor-7)");
    // The address is not lost by that.
    expect(info()?.resources).toContainEqual({ kind: "socket", description: `${address} sensor-7` });
    world.system.send(puppet.self.ref, ({ self }) => {
      self.label = "mine";
      throw new Error("boom");
    });
    await world.stopped();
    const [crash, report] = world.logged.splice(0);
    expect([crash, report]).toEqual([
      expect.stringContaining("(mine): error: boom"),
      expect.stringContaining("sensor-7"),
    ]);
  });

  test("refuses what cannot be meant", async () => {
    const { connection } = await puppetWithClient();
    expect(() => connection.keepalive(0)).toThrow(
      'intervalMs must be milliseconds from 1 to 2147483647, or "infinity"',
    );
    expect(() => connection.asyncRecv(-1)).toThrow("length must be an integer of bytes of at least 0, got -1");
    expect(() => connection.asyncRecv(1, { timeoutMs: Number.NaN })).toThrow("timeoutMs must be");
  });
});

describe("with time", () => {
  useWorld("memory");

  test("a request to receive has its own, from when it is the first", async () => {
    const { client, connection, replies } = await puppetWithClient();
    connection.asyncRecv(3, { timeoutMs: 1000 });
    connection.asyncRecv(3, { timeoutMs: 500 });
    await world.manual.advance(999);
    expect(replies).toEqual([]);
    await world.manual.advance(1);
    expect(replies).toEqual(["not received: timeout"]);
    client.write("ab");
    await world.manual.advance(499);
    client.write("c");
    await world.manual.advance(1000);
    expect(replies).toEqual(["not received: timeout", "received abc"]);
  });

  test("sendSync has its own, and looks at its own bytes", async () => {
    const { client, connection, listener, puppet } = await puppetWithClient({ ...sendOptions }, false);
    const first = listener.sendSync(puppet.self.pid, Buffer.alloc(70_000), { timeoutMs: 1000 });
    const second = listener.sendSync(puppet.self.pid, Buffer.alloc(70_000));
    const third = listener.sendSync(puppet.self.pid, Buffer.alloc(70_000), { timeoutMs: "infinity" });
    await world.manual.advance(1000);
    expect(await first).toEqual({ ok: false, error: "timeout" });
    await world.manual.advance(4000);
    expect(await second).toEqual({ ok: false, error: "timeout" });
    client.resume();
    expect(await third).toEqual({ ok: true });
    expect(connection.getStat()).toMatchObject({ packetsSent: 3, since: 0 });
    await expect(listener.sendSync(puppet.self.pid, "", { timeoutMs: -1 })).rejects.toThrow("timeoutMs must be");
  });

  test("a keepalive finds a silence within one to two intervals, idleTimeoutMs to the millisecond", async () => {
    const { client, connection, puppet } = await puppetWithClient();
    connection.activate(true);
    connection.keepalive(1000);
    connection.setOptions({ idleTimeoutMs: 900 });
    await world.manual.advance(1);
    client.write("a");
    await world.manual.advance(899);
    expect(puppet.heard).toEqual(["socketReady", "data a"]);
    await world.manual.advance(1);
    expect(puppet.heard.slice(2)).toEqual(["timeout"]);
    await world.manual.advance(899);
    expect(puppet.heard.slice(2)).toEqual(["timeout"]);
    connection.setOptions({ idleTimeoutMs: "infinity" });
    await world.manual.advance(199);
    expect(puppet.heard.slice(2)).toEqual(["timeout"]);
    await world.manual.advance(1);
    expect(puppet.heard.slice(2)).toEqual(["timeout", "error keepaliveTimeout"]);
  });

  test("a keepalive can be ended, and begins with the socket", async () => {
    const { handler, puppets } = puppetry({ init: ({ connection }) => connection.keepalive(1000) });
    const listener = await world.open(handler);
    await world.connect(listener);
    await world.until(() => puppets[0]?.heard.length === 1);
    const [puppet] = puppets as [Puppet];
    puppet.connection.keepalive("infinity");
    await world.manual.advance(5000);
    expect(puppet.heard).toEqual(["socketReady"]);
    puppet.connection.keepalive(1000);
    await world.manual.advance(1000);
    expect(puppet.heard).toEqual(["socketReady", "error keepaliveTimeout"]);
  });
});

test("bytes are taken in any lengths out of chunks of any lengths", () => {
  const sizes = fc.array(fc.nat(20), { maxLength: 30 });
  fc.assert(
    fc.property(sizes, sizes, (cuts, lengths) => {
      const stream = pattern(cuts.reduce((sum, cut) => sum + cut, 0));
      let offset = 0;
      const chunks = cuts.map((cut): Uint8Array => stream.subarray(offset, (offset += cut)));
      let taken = 0;
      for (const length of lengths) {
        const bytes = takeBytes(chunks, length);
        const expected = taken + length <= stream.length ? stream.subarray(taken, taken + length) : undefined;
        expect(bytes && Buffer.from(bytes)).toEqual(expected && Buffer.from(expected));
        taken += bytes?.length ?? 0;
      }
      expect(Buffer.concat(chunks)).toEqual(Buffer.from(stream.subarray(taken)));
    }),
  );
});

test("bytes are taken across chunks", () => {
  const chunks = ["abc", "de", "", "fghi"].map((text) => Buffer.from(text));
  const taken = (length: number) => {
    const bytes = takeBytes(chunks, length);
    return bytes && Buffer.from(bytes).toString();
  };
  expect([taken(2), taken(1), taken(3), taken(4), taken(3), taken(1)]).toEqual([
    "ab",
    "c",
    "def",
    undefined,
    "ghi",
    undefined,
  ]);
});
