import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SocketOptions, UNIX_HOST } from "../../src/transport.ts";
import type { Reaction, SocketRecorder } from "./socket-recorder.ts";
import { echo, pattern, type Subject, World } from "./transport-world.ts";

const pausing: Reaction = (name, recorder) => {
  if (name === "data") recorder.pause();
};

const talking: Reaction = (name, recorder) => {
  if (name === "data") recorder.write("still talking");
};

const closing: Reaction = (name, recorder) => {
  if (name === "data") recorder.close("now");
};

/** When FIN and RST come together, it depends on the moment which of them is told. */
function hearsOfTheEnd(peer: SocketRecorder): boolean {
  return peer.count("end") + peer.count("closed") > 0;
}

/** All calls there are, and that none of them throws. */
function useInVain(recorder: SocketRecorder): void {
  expect(recorder.write("too late")).toBe(true);
  recorder.setOptions({ noDelay: false, keepAlive: true });
  recorder.end();
  recorder.pause();
  recorder.resume();
  recorder.close("flush");
}

/** A law of other transports. */
function none(): void {}

/**
 * The laws of every transport: what `src/transport.ts` promises, and what it leaves open but the transports of this
 * package have in common. Beyond what a law asserts, each of its sockets is watched for what none may do, and after each
 * law nothing may be open.
 */
export function transportLaws(subject: Subject): void {
  const BIG = subject.beyondBuffers;
  const HOST = subject.directory === undefined ? "127.0.0.1" : UNIX_HOST;
  const REFUSAL = subject.refusal ?? "ECONNREFUSED";
  const [withReset, withoutReset] = subject.hasReset === false ? [none, test] : [test, none];
  const whereStill = subject.isStill === false ? none : withReset;
  let world: World;

  beforeEach(() => {
    world = new World(subject);
  });

  afterEach(async () => {
    await world.dispose();
  });

  describe("listening", () => {
    test("port 0 is a free port, another one each time", async () => {
      const [first, second] = [await world.listen(), await world.listen()];
      expect(first.port).toBeGreaterThan(0);
      expect(second.port).not.toBe(first.port);
      expect(first.address.host).toBe(HOST);
    });

    test("a port in use fails with EADDRINUSE, and nothing follows", async () => {
      const { port } = await world.listen();
      const second = world.startListening({ port });
      expect(await second.next("failed")).toBe("EADDRINUSE");
      second.close();
      await world.settle();
      expect(second.log).toEqual(["failed"]);
    });

    test("each of two listening sockets gets its own connections", async () => {
      const [left, right] = [await world.listen(), await world.listen()];
      await world.connect(left.port);
      await world.connect(right.port);
      await world.connect(right.port);
      await right.connection(1);
      await world.settle();
      expect([left.accepted.length, right.accepted.length]).toEqual([1, 2]);
    });

    test("connections outlive their listening socket", async () => {
      const listener = await world.listen({}, echo);
      const client = await world.connect(listener.port);
      const server = await listener.connection(0);
      listener.close();
      await listener.next("closed");
      client.resume();
      server.resume();
      client.write("still here");
      expect(await client.text(10)).toBe("still here");
    });

    test("a closed listening socket refuses connections, and its port is free again", async () => {
      const listener = await world.listen();
      const { port } = listener;
      listener.close();
      await listener.next("closed");
      expect(await world.startConnecting(port).next("closed")).toBe(REFUSAL);
      const again = await world.listen({ port });
      expect([listener.log, again.port]).toEqual([["listening", "closed"], port]);
    });

    test("closing a listening socket twice is closing it once", async () => {
      const listener = await world.listen();
      listener.close();
      listener.close();
      await listener.next("closed");
      const successor = await world.listen({ port: listener.port });
      listener.close();
      await world.connect(successor.port);
      await successor.connection(0);
      expect(listener.log).toEqual(["listening", "closed"]);
    });

    test("a listening socket closed before it fails says only that it failed", async () => {
      const { port } = await world.listen();
      const second = world.startListening({ port });
      second.close();
      expect(await second.next("failed")).toBe("EADDRINUSE");
      await world.settle();
      expect(second.log).toEqual(["failed"]);
    });

    test("a listening socket closed before it listens says both", async () => {
      const listener = world.startListening();
      listener.close();
      await listener.next("closed");
      expect(listener.log).toEqual(["listening", "closed"]);
    });

    test("200 connections opened at once are all served", { timeout: 20_000 }, async () => {
      const listener = await world.listen({}, echo);
      const clients = Array.from({ length: 200 }, (_, index) => {
        const client = world.startConnecting(listener.port);
        client.write(`client ${index}`);
        client.resume();
        return client;
      });
      await listener.connection(199);
      for (const server of listener.accepted) server.resume();
      const answers = await Promise.all(clients.map((client, index) => client.text(`client ${index}`.length)));
      expect(answers).toEqual(clients.map((_, index) => `client ${index}`));
    });
  });

  describe("connecting", () => {
    test(`nobody listening is ${REFUSAL}, and never connected`, async () => {
      const listener = await world.listen();
      listener.close();
      await listener.next("closed");
      const client = world.startConnecting(listener.port);
      expect(await client.next("closed")).toBe(REFUSAL);
      expect(client.log).toEqual(["closed"]);
      expect([client.socket.peer, client.socket.local]).toEqual([undefined, undefined]);
    });

    test("what is written before the connection is up is sent when it is", async () => {
      const listener = await world.listen();
      const client = world.startConnecting(listener.port);
      expect(client.write("early")).toBe(false);
      expect(client.socket.unsentBytes).toBe(5);
      await client.next("drain");
      const server = await listener.connection(0);
      server.resume();
      expect(await server.text(5)).toBe("early");
      expect(client.log).toEqual(["connected", "drain"]);
    });

    test.for(["now", "reset"] as const)("closing %s before the connection is up is an orderly end", async (how) => {
      const listener = await world.listen();
      const client = world.startConnecting(listener.port);
      client.close(how);
      expect(await client.next("closed")).toBeUndefined();
      await world.settle();
      expect(client.log).toEqual(["closed"]);
    });

    test.for(["now", "reset"] as const)(
      "closing %s before the connection is refused is an orderly end",
      async (how) => {
        const listener = await world.listen();
        listener.close();
        await listener.next("closed");
        const client = world.startConnecting(listener.port);
        client.close(how);
        expect(await client.next("closed")).toBeUndefined();
      },
    );

    test("closing with flush before the connection is up still sends what was written", async () => {
      const listener = await world.listen({}, echo);
      const client = world.startConnecting(listener.port);
      client.write("early");
      client.close("flush");
      const server = await listener.connection(0);
      server.resume();
      expect(await client.next("closed")).toBeUndefined();
      expect(server.received.toString()).toBe("early");
      expect(client.log).toEqual(["drain", "closed"]);
    });

    test("there are no addresses before the connection is up", async () => {
      const listener = await world.listen();
      const client = world.startConnecting(listener.port);
      expect([client.socket.peer, client.socket.local]).toEqual([undefined, undefined]);
      await client.next("connected");
      const server = await listener.connection(0);
      expect([client.socket.peer, client.socket.local]).toEqual([server.socket.local, server.socket.peer]);
    });

    test("both ends agree on their addresses, and know them after the end if they asked before", async () => {
      const { client, server } = await world.pair();
      const { peer, local } = server.socket;
      expect([peer?.host, local?.host]).toEqual([HOST, HOST]);
      expect(client.socket.peer).toEqual(local);
      expect(client.socket.local).toEqual(peer);
      server.close("now");
      await server.next("closed");
      expect([server.socket.peer, server.socket.local]).toEqual([peer, local]);
    });

    test("an end that never asked for its addresses does not know them when it is over", async () => {
      const { server } = await world.pair();
      server.close("now");
      await server.next("closed");
      expect([server.socket.peer, server.socket.local]).toEqual([undefined, undefined]);
    });
  });

  describe("bytes", () => {
    test("an echo brings back what was sent", async () => {
      const { client, server } = await world.pair({ server: echo });
      client.resume();
      server.resume();
      client.write("hello ");
      client.write("world");
      expect(await client.text(11)).toBe("hello world");
      expect([server.socket.bytesReceived, server.socket.bytesSent]).toEqual([11, 11]);
      await world.settle();
      expect(server.socket.unsentBytes).toBe(0);
    });

    test("any sequence of writes, pauses and ends is the same stream of bytes", { timeout: 30_000 }, async () => {
      const listener = await world.listen();
      let connections = 0;
      const size = fc.oneof(fc.nat(50), fc.nat(200_000));
      await fc.assert(
        fc.asyncProperty(fc.array(size, { maxLength: 12 }), fc.nat(5), async (sizes, pauseEvery) => {
          const stream = pattern(sizes.reduce((sum, next) => sum + next, 0));
          const client = await world.connect(listener.port);
          const server = await listener.connection(connections);
          connections += 1;
          server.resume();
          let offset = 0;
          for (const [index, length] of sizes.entries()) {
            client.write(Buffer.from(stream.subarray(offset, offset + length)));
            offset += length;
            if (index % (pauseEvery + 1) === pauseEvery) {
              server.pause();
              await world.settle();
              server.resume();
            }
          }
          client.end();
          await server.next("end");
          server.end();
          client.resume();
          expect([await client.next("closed"), await server.next("closed")]).toEqual([undefined, undefined]);
          expect(server.received.equals(stream)).toBe(true);
          expect([client.socket.bytesSent, server.socket.bytesReceived]).toEqual([stream.length, stream.length]);
        }),
        { numRuns: 25 },
      );
    });

    test("an accepted socket is paused: bytes wait for the first resume", async () => {
      const { client, server } = await world.pair();
      client.write("waiting");
      client.end();
      await world.settle();
      expect(server.log).toEqual([]);
      server.resume();
      await server.next("end");
      expect(server.received.toString()).toBe("waiting");
    });

    test("a client is paused: bytes wait for the first resume", async () => {
      const { client, server } = await world.pair();
      server.write("waiting");
      server.end();
      await world.settle();
      expect(client.log).toEqual(["connected"]);
      client.resume();
      await client.next("end");
      expect(client.received.toString()).toBe("waiting");
    });

    test("no data comes between a pause and the next resume", async () => {
      const { client, server } = await world.pair();
      server.resume();
      client.write("one");
      await server.bytes(3);
      server.pause();
      client.write("two");
      await world.settle();
      expect(server.received.toString()).toBe("one");
      server.resume();
      server.pause();
      await world.settle();
      expect(server.received.toString()).toBe("one");
      server.resume();
      expect(await server.text(6)).toBe("onetwo");
    });

    test("a pause from within data holds the rest back", async () => {
      const { client, server } = await world.pair({ server: pausing });
      const stream = pattern(Math.min(BIG, 1_000_000));
      client.write(Buffer.from(stream));
      client.end();
      while (server.receivedBytes < stream.length) {
        const chunks = server.count("data");
        server.resume();
        await server.next("data");
        await world.settle();
        expect(server.count("data")).toBe(chunks + 1);
      }
      server.resume();
      await server.next("end");
      expect(server.received.equals(stream)).toBe(true);
    });

    test("a receiver that is replaced hears nothing more", async () => {
      const { client, server } = await world.pair();
      let heard = "";
      server.resume();
      client.write("old");
      await server.bytes(3);
      const over = new Promise<void>((resolve) => {
        server.socket.setEvents({
          ...server.events,
          data: (bytes) => (heard += Buffer.from(bytes).toString()),
          end: () => (heard += " end"),
          closed: (code) => {
            server.events.closed(code);
            resolve();
          },
        });
      });
      client.write("new");
      client.close("flush");
      await world.settle();
      server.end();
      await over;
      expect([server.received.toString(), heard]).toEqual(["old", "new end"]);
    });
  });

  describe("backpressure", () => {
    test("a write larger than all buffers answers false, and drains exactly once", async () => {
      const { client, server } = await world.pair();
      const stream = pattern(BIG);
      expect(client.write(Buffer.from(stream))).toBe(false);
      expect(client.socket.bytesSent).toBe(BIG);
      server.resume();
      await client.next("drain");
      expect(client.socket.unsentBytes).toBe(0);
      expect((await server.bytes(BIG)).equals(stream)).toBe(true);
      await world.settle();
      expect(client.log).toEqual(["connected", "drain"]);
    });

    test("a reader that does not read stops the writer, with the rest of the bytes still unsent", async () => {
      const { client, server } = await world.pair();
      let written = 0;
      let drains = 0;
      // A transport may answer false a little early; only a drain that does not come means that no more is taken.
      do {
        drains = client.count("drain");
        do written += 65_536;
        while (client.write(Buffer.alloc(65_536, 1)));
        await world.settle();
      } while (client.count("drain") > drains);
      expect(client.socket.unsentBytes).toBeGreaterThan(0);
      expect(client.socket.unsentBytes).toBeLessThanOrEqual(65_536);
      server.resume();
      await client.next("drain");
      await server.bytes(written);
      if (!client.write("more")) await client.next("drain");
    });

    test("writes behind unsent bytes answer false, however small, and share one drain", async () => {
      const { client, server } = await world.pair();
      const answers = [client.write(Buffer.alloc(BIG, 1)), client.write("a"), client.write("b"), client.write("c")];
      expect(answers).toEqual([false, false, false, false]);
      server.resume();
      await client.next("drain");
      expect((await server.bytes(BIG + 3)).subarray(BIG).toString()).toBe("abc");
      await world.settle();
      expect(client.count("drain")).toBe(1);
    });

    test("one who writes at each drain drains each time", async () => {
      let rounds = 0;
      const again: Reaction = (name, recorder) => {
        if (name !== "drain") return;
        rounds += 1;
        if (rounds < 3) recorder.write(Buffer.alloc(BIG, rounds));
        else recorder.end();
      };
      const { client, server } = await world.pair({ client: again });
      client.write(Buffer.alloc(BIG, 0));
      server.resume();
      await server.next("end");
      expect([client.count("drain"), server.receivedBytes]).toEqual([3, 3 * BIG]);
    });

    test("a drain that is due comes although end was called meanwhile", async () => {
      const { client, server } = await world.pair();
      client.write(Buffer.alloc(BIG, 1));
      client.write("last");
      client.end();
      server.resume();
      await client.next("drain");
      await server.next("end");
      expect([client.count("drain"), server.receivedBytes]).toEqual([1, BIG + 4]);
    });

    test("a drain that is due comes although the last write and end came while others were being sent", async () => {
      const { client, server } = await world.pair();
      client.write(Buffer.alloc(BIG, 1));
      client.write(Buffer.alloc(BIG, 2));
      server.resume();
      await server.bytes(BIG + 1);
      client.write(Buffer.alloc(BIG, 3));
      client.end();
      await client.next("drain");
      await server.next("end");
      expect([client.count("drain"), server.receivedBytes]).toEqual([1, 3 * BIG]);
    });

    test("a drain that is due does not come when the rest is thrown away", async () => {
      const { client, server } = await world.pair();
      client.write(Buffer.alloc(BIG, 1));
      client.write(Buffer.alloc(BIG, 2));
      server.resume();
      await server.bytes(BIG + 1);
      client.close("now");
      await client.next("closed");
      expect(client.log).toEqual(["connected", "closed"]);
    });
  });

  describe("options", () => {
    const all: SocketOptions[] = [true, false].flatMap((noDelay) =>
      [true, false].map((keepAlive) => ({ noDelay, keepAlive })),
    );

    test("change nothing of what is on its way, in either direction", async () => {
      const { client, server } = await world.pair({ server: echo });
      const stream = pattern(1000 * all.length);
      client.resume();
      server.resume();
      for (const [index, options] of all.entries()) {
        client.setOptions(options);
        server.setOptions(options);
        client.write(Buffer.from(stream.subarray(1000 * index, 1000 * (index + 1))));
      }
      expect((await client.bytes(stream.length)).equals(stream)).toBe(true);
    });

    test("bring no event, and let nothing be read", async () => {
      const { client, server } = await world.pair();
      client.write("waiting");
      for (const options of all) server.setOptions(options);
      await world.settle();
      expect([client.count("closed"), server.log]).toEqual([0, []]);
    });

    test("may be set before the connection is up", async () => {
      const listener = await world.listen();
      const client = world.startConnecting(listener.port);
      client.setOptions({ noDelay: false, keepAlive: true });
      await client.next("connected");
      const server = await listener.connection(0);
      client.write("hello");
      server.resume();
      expect(await server.text(5)).toBe("hello");
    });
  });

  describe("FIN", () => {
    test("end comes after all bytes, and the other direction stays open", async () => {
      const { client, server } = await world.pair();
      client.write("question");
      client.end();
      server.resume();
      await server.next("end");
      expect(server.received.toString()).toBe("question");
      server.write("answer");
      client.resume();
      expect(await client.text(6)).toBe("answer");
      expect([client.isClosed, server.isClosed]).toEqual([false, false]);
      server.end();
      expect([await client.next("closed"), await server.next("closed")]).toEqual([undefined, undefined]);
      expect(client.log.slice(-2)).toEqual(["end", "closed"]);
      // Had the system not taken the answer at once, it would say when it did.
      expect(server.log.filter((name) => name !== "drain").slice(-2)).toEqual(["end", "closed"]);
    });

    test("whoever has ended writes nothing more, and ending twice is ending once", async () => {
      const { client, server } = await world.pair();
      client.end();
      client.end();
      expect(client.write("too late")).toBe(true);
      server.resume();
      await server.next("end");
      expect([server.receivedBytes, client.socket.bytesSent]).toEqual([0, 0]);
    });

    whereStill("an end waits for the first resume", async () => {
      const { client, server } = await world.pair();
      client.end();
      await world.settle();
      expect(server.log).toEqual([]);
      server.resume();
      await server.next("end");
      expect(server.log).toEqual(["end"]);
    });

    test("one who reads but is paused hears of an end that has no bytes before it", async () => {
      const { client, server } = await world.pair();
      server.resume();
      await world.settle();
      server.pause();
      client.end();
      await server.next("end");
      expect(server.log).toEqual(["end"]);
    });

    test("an end with bytes before it waits for the resume", async () => {
      const { client, server } = await world.pair();
      server.resume();
      await world.settle();
      server.pause();
      client.write("first");
      client.end();
      await world.settle();
      expect(server.log).toEqual([]);
      server.resume();
      await server.next("end");
      expect(server.received.toString()).toBe("first");
    });
  });

  describe("close with flush", () => {
    test("delivers everything, also to a slow reader", async () => {
      const { client, server } = await world.pair();
      const stream = pattern(BIG);
      server.write(Buffer.from(stream));
      server.close("flush");
      await world.settle();
      expect(server.log).toEqual([]);
      client.resume();
      await client.next("end");
      expect(client.received.equals(stream)).toBe(true);
      client.end();
      expect([await server.next("closed"), await client.next("closed")]).toEqual([undefined, undefined]);
      expect(server.log).toEqual(["drain", "closed"]);
    });

    test("delivers everything although bytes of the peer were never read, and more come", async () => {
      const { client, server } = await world.pair({ client: talking });
      const stream = pattern(BIG);
      client.write(Buffer.alloc(50_000, 1));
      await world.settle();
      server.write(Buffer.from(stream));
      server.close("flush");
      client.resume();
      await client.next("end");
      client.write("and talking");
      client.close("flush");
      expect([await server.next("closed"), await client.next("closed")]).toEqual([undefined, undefined]);
      expect(client.received.equals(stream)).toBe(true);
      expect([server.count("data"), server.count("end")]).toEqual([0, 0]);
    });

    test("throws away what the peer sends until it ends too", async () => {
      const { client, server } = await world.pair();
      server.resume();
      server.close("flush");
      client.resume();
      await client.next("end");
      server.pause();
      client.write(Buffer.alloc(BIG, 1));
      await client.next("drain");
      expect(server.log).toEqual([]);
      client.end();
      await server.next("closed");
      expect(server.log).toEqual(["closed"]);
      expect(server.socket.bytesReceived).toBe(0);
    });

    test("of both ends at once closes both", async () => {
      const { client, server } = await world.pair();
      client.write("to server");
      server.write("to client");
      client.close("flush");
      server.close("flush");
      expect([await client.next("closed"), await server.next("closed")]).toEqual([undefined, undefined]);
      expect([client, server].map(({ log }) => log.filter((name) => name !== "drain"))).toEqual([
        ["connected", "closed"],
        ["closed"],
      ]);
    });

    test("after the peer's end closes at once", async () => {
      const { client, server } = await world.pair();
      client.end();
      server.resume();
      await server.next("end");
      server.write("bye");
      server.close("flush");
      expect(await server.next("closed")).toBeUndefined();
      client.resume();
      expect(await client.next("closed")).toBeUndefined();
      expect(client.received.toString()).toBe("bye");
    });

    test("of a connection that the peer resets meanwhile is closed with its code", async () => {
      const { client, server } = await world.pair();
      server.write(Buffer.alloc(BIG, 1));
      server.close("flush");
      client.close("reset");
      expect(await server.next("closed")).toBe("ECONNRESET");
      expect(server.log).toEqual(["closed"]);
    });
  });

  describe("close now", () => {
    test("loses what is unsent, and the peer gets the beginning and an end", async () => {
      const { client, server } = await world.pair();
      const stream = pattern(BIG + 10);
      if (!server.write(Buffer.from(stream.subarray(0, 10)))) await server.next("drain");
      server.write(Buffer.from(stream.subarray(10)));
      const drains = server.count("drain");
      server.close("now");
      expect(server.socket.unsentBytes).toBe(0);
      expect(await server.next("closed")).toBeUndefined();
      expect([server.count("drain"), server.log.at(-1)]).toEqual([drains, "closed"]);
      client.resume();
      await client.next("end");
      expect(client.receivedBytes).toBeGreaterThan(0);
      expect(client.receivedBytes).toBeLessThan(BIG);
      expect(client.received.equals(stream.subarray(0, client.receivedBytes))).toBe(true);
    });

    test("delivers what was sent", async () => {
      const { client, server } = await world.pair();
      if (!server.write("sent")) await server.next("drain");
      server.close("now");
      client.resume();
      await client.next("end");
      expect(client.received.toString()).toBe("sent");
    });

    test("with bytes that nobody read is a reset at the peer", async () => {
      const { client, server } = await world.pair();
      client.write("never read");
      await world.settle();
      client.resume();
      server.close("now");
      expect(await client.next("closed")).toBe("ECONNRESET");
      expect(await server.next("closed")).toBeUndefined();
    });

    test("overtakes a flush under way", async () => {
      const { client, server } = await world.pair();
      server.write(Buffer.alloc(BIG, 1));
      server.close("flush");
      await world.settle();
      expect(server.isClosed).toBe(false);
      server.close("now");
      expect(await server.next("closed")).toBeUndefined();
      client.resume();
      await client.next("end");
      expect(client.receivedBytes).toBeLessThan(BIG);
      expect(server.log).toEqual(["closed"]);
    });

    test("ends a flush whose peer keeps its side open", async () => {
      const { client, server } = await world.pair();
      server.write("bye");
      server.close("flush");
      client.resume();
      await client.next("end");
      await world.settle();
      expect(server.isClosed).toBe(false);
      server.close("now");
      expect(await server.next("closed")).toBeUndefined();
      expect(client.received.toString()).toBe("bye");
    });

    test("one who goes on writing to it gets EPIPE", async () => {
      const { client, server } = await world.pair();
      client.resume();
      server.close("now");
      await client.next("end");
      while (!client.isClosed) {
        client.write("anybody there?");
        await world.settle();
      }
      expect(await client.next("closed")).toBe("EPIPE");
    });
  });

  describe("close with reset", () => {
    withReset("is ECONNRESET at the peer", async () => {
      const { client, server } = await world.pair();
      client.resume();
      server.close("reset");
      expect(await client.next("closed")).toBe("ECONNRESET");
      expect(await server.next("closed")).toBeUndefined();
      expect([client.log, server.log]).toEqual([["connected", "closed"], ["closed"]]);
    });

    whereStill("of one who never read is heard at its first resume", async () => {
      const { client, server } = await world.pair();
      client.close("reset");
      await world.settle();
      expect(server.log).toEqual([]);
      server.resume();
      expect(await server.next("closed")).toBe("ECONNRESET");
    });

    withReset("of one who never read is heard at its next write", async () => {
      const { client, server } = await world.pair();
      client.close("reset");
      await world.settle();
      expect(server.write("anybody there?")).toBe(true);
      expect(await server.next("closed")).toBe("ECONNRESET");
      expect(server.log).toEqual(["closed"]);
    });

    withReset("of one who is paused is heard at once", async () => {
      const { client, server } = await world.pair();
      server.resume();
      await world.settle();
      server.pause();
      client.close("reset");
      expect(await server.next("closed")).toBe("ECONNRESET");
    });

    whereStill("loses what is unsent on both sides, and no drain follows", async () => {
      const { client, server } = await world.pair();
      client.write(Buffer.alloc(BIG, 1));
      server.write(Buffer.alloc(BIG, 1));
      server.close("reset");
      expect([await server.next("closed"), await client.next("closed")]).toEqual([undefined, "ECONNRESET"]);
      expect([client.log, server.log]).toEqual([["connected", "closed"], ["closed"]]);
      expect([client.socket.unsentBytes, server.socket.unsentBytes]).toEqual([0, 0]);
    });

    withReset("overtakes a flush that has bytes to send", async () => {
      const { client, server } = await world.pair();
      server.write(Buffer.alloc(BIG, 1));
      server.close("flush");
      server.close("reset");
      client.resume();
      expect([await server.next("closed"), await client.next("closed")]).toEqual([undefined, "ECONNRESET"]);
    });

    withoutReset("is an end at the peer, and what is unsent is lost", async () => {
      const { client, server } = await world.pair();
      client.resume();
      server.write(Buffer.alloc(BIG, 1));
      server.close("reset");
      expect(await server.next("closed")).toBeUndefined();
      await client.next("end");
      expect(client.receivedBytes).toBeLessThan(BIG);
      expect([server.log, server.socket.unsentBytes]).toEqual([["closed"], 0]);
    });

    withoutReset("with bytes that nobody read is ECONNRESET at the peer", async () => {
      const { client, server } = await world.pair();
      client.write("never read");
      client.resume();
      server.close("reset");
      expect([await client.next("closed"), await server.next("closed")]).toEqual(["ECONNRESET", undefined]);
    });

    test("overtakes a flush that has just sent its FIN", async () => {
      const { client, server } = await world.pair();
      client.resume();
      server.close("flush");
      server.close("reset");
      expect(await server.next("closed")).toBeUndefined();
      await client.until(() => hearsOfTheEnd(client));
      expect(server.log).toEqual(["closed"]);
    });

    test("overtakes a flush whose FIN has arrived", async () => {
      const { client, server } = await world.pair();
      client.resume();
      server.close("flush");
      await client.next("end");
      server.close("reset");
      expect(await server.next("closed")).toBeUndefined();
      // One who answers an end finds out, and others do not.
      expect(client.log.filter((name) => name !== "closed")).toEqual(["connected", "end"]);
    });

    test("after an end of one's own works as well", async () => {
      const { client, server } = await world.pair();
      server.end();
      server.close("reset");
      expect(await server.next("closed")).toBeUndefined();
      client.resume();
      await client.until(() => hearsOfTheEnd(client));
      expect(server.log).toEqual(["closed"]);
    });
  });

  describe("after the end", () => {
    test.for(["flush", "now", "reset"] as const)("closing twice with %s is closing once", async (how) => {
      const { client, server } = await world.pair();
      server.close(how);
      server.close(how);
      client.close("now");
      await server.next("closed");
      server.close(how);
      await world.settle();
      expect(server.log).toEqual(["closed"]);
    });

    test("a weaker close does not hold up a stronger one", async () => {
      const { server } = await world.pair();
      server.close("now");
      server.close("flush");
      expect(await server.next("closed")).toBeUndefined();
    });

    test.for(["flush", "now", "reset"] as const)("every call after close %s is harmless", async (how) => {
      const { client, server } = await world.pair();
      server.close(how);
      useInVain(server);
      client.close("now");
      await server.next("closed");
      useInVain(server);
      await world.settle();
      expect(server.log).toEqual(["closed"]);
      expect(server.socket).toMatchObject({ unsentBytes: 0, bytesSent: 0, bytesReceived: 0 });
    });

    withReset("every call after the peer's reset is harmless", async () => {
      const { client, server } = await world.pair();
      server.resume();
      client.close("reset");
      expect(await server.next("closed")).toBe("ECONNRESET");
      useInVain(server);
      await world.settle();
      expect(server.log).toEqual(["closed"]);
      expect(server.socket).toMatchObject({ unsentBytes: 0, bytesSent: 0, bytesReceived: 0 });
    });

    test("closing from within any event is the last thing but closed", async () => {
      const { client, server } = await world.pair({ server: closing });
      client.write(Buffer.alloc(500_000, 1));
      client.end();
      server.resume();
      expect(await server.next("closed")).toBeUndefined();
      expect(server.log).toEqual(["data", "closed"]);
    });
  });
}
