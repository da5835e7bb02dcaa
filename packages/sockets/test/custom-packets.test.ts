import { shutdown } from "@espalier/actors";
import { connect, fromConnection, type ListenerOptions, ReceiveError } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOf, listening, tap, useClients } from "./support/client-world.ts";
import { strict, varint, varintFrame } from "./support/framings.ts";
import { echo, ignorant, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import { styles } from "./support/styles.ts";

// Connections whose packets a framing of one's own cuts. What it cuts is in custom-framing.test.ts.

const options: ListenerOptions = { packet: strict, maxPacketSize: 6 };

const frames = fc.array(
  fc
    .tuple(fc.nat(255), fc.oneof(fc.nat(5), fc.integer({ min: 120, max: 300 })))
    .map(([first, length]) => varintFrame(first, Buffer.alloc(length, first))),
  { maxLength: 10 },
);

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("any packets, in any pieces, come back as they were, and are counted", { timeout: 60_000 }, async () => {
    const listener = await world.open(echo, { packet: varint });
    const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(frames, pieces, async (packets, sizes) => {
        const client = await world.connect(listener);
        const stream = Buffer.concat(packets);
        for (let start = 0, index = 0; start < stream.length; index += 1) {
          const end = start + Math.max(sizes[index % sizes.length] ?? 1, Math.ceil(stream.length / 50));
          client.write(Uint8Array.from(stream.subarray(start, end)));
          start = end;
        }
        await client.bytes(stream.length);
        expect(client.received.equals(stream)).toBe(true);
        const [pid] = (await listener.connections()).slice(-1);
        const connection = pid === undefined ? undefined : listener.connectionOf(pid);
        expect(connection?.getStat()).toMatchObject({ packetsReceived: packets.length, packetsSent: packets.length });
        client.end();
        await client.next("closed");
      }),
      { numRuns: 30 },
    );
  });

  describe.each(styles)("%s", (_name, handler) => {
    test("gets each packet whole", async () => {
      const client = await world.connect(await world.open(handler, options));
      client.write("!5abc!");
      await world.settle();
      expect(client.received.toString()).toBe("!5abc");
      client.write("2!3x");
      expect(await client.text(10)).toBe("!5abc!2!3x");
    });

    test("ends at what is no packet, alone, and that is counted", async () => {
      const listener = await world.open(handler, options);
      const [bad, good] = [await world.connect(listener), await world.connect(listener)];
      bad.write("!3a?");
      expect((await world.stopped()).reason).toEqual(shutdown("badFrame"));
      await bad.next("closed");
      good.write("!3b");
      expect(await good.text(3)).toBe("!3b");
      expect(listener.shutdownCounts).toEqual({ badFrame: 1 });
    });

    test("ends at a packet that is too large, as with any other framing", async () => {
      const client = await world.connect(await world.open(handler, options));
      client.write("!7");
      expect((await world.stopped()).reason).toEqual(shutdown("frameTooLarge"));
      await client.next("closed");
    });
  });

  test("a handler is told of what is no packet behind those before it, and of nothing else", async () => {
    const { handler, one } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const client = await world.connect(await world.open(handler, options));
    const puppet = await one();
    client.write("!3a!2?!3b");
    await client.next("closed");
    expect(puppet.heard).toEqual(["socketReady", "data !3a", "data !2", "error badFrame"]);
  });

  test("who waits for a packet is told by a ReceiveError", async () => {
    const seen: unknown[] = [];
    const handler = fromConnection(async (connection) => {
      await connection.recv().catch((error: unknown) => seen.push(error));
    });
    const client = await world.connect(await world.open(handler, options));
    client.write("?");
    await client.next("closed");
    await world.stopped();
    expect(seen).toEqual([new ReceiveError("badFrame")]);
  });

  test("who asks for a number of bytes is refused, since packets are cut already", async () => {
    const handler = fromConnection(async (connection) => {
      await expect(connection.recv(3)).rejects.toMatchObject({ code: "ERR_INVALID_OPTION" });
      connection.send((await connection.recv()) ?? "");
    });
    const client = await world.connect(await world.open(handler, options));
    client.write("!3a");
    expect(await client.text(3)).toBe("!3a");
  });

  test("a change of the listener's framing counts for the connections that come then", async () => {
    const listener = await world.open(ignorant, { packet: "line" });
    const before = await world.connect(listener);
    before.write("?\n");
    expect(await before.text(2)).toBe("?\n");
    await listener.setOptions({ packet: strict });
    expect(listener.info.options.packet).toBe(strict);
    const after = await world.connect(listener);
    after.write("!3a");
    expect(await after.text(3)).toBe("!3a");
    before.write("?\n");
    expect(await before.text(4)).toBe("?\n?\n");
  });
});

describe("the time of a packet", () => {
  useWorld("memory");

  test("runs for one whose length is not known yet, and for one that is not whole", async () => {
    const listener = await world.open(ignorant, { ...options, packetTimeoutMs: 1000 });
    for (const [index, part] of ["!", "!5ab"].entries()) {
      const client = await world.connect(listener);
      client.write("!3a");
      client.write(part);
      await world.manual.advance(999);
      expect(listener.currentClients).toBe(1);
      await world.manual.advance(1);
      expect(listener.shutdownCounts).toEqual({ packetTimeout: index + 1 });
    }
  });
});

describe("a client", () => {
  useClients("memory");

  test.each([
    ["?", "badFrame"],
    ["!9", "frameTooLarge"],
  ])("gets packets, and its connection breaks at %s: %s", async (bad, reason) => {
    const { handler: server } = puppetry({
      react: (event, { connection }) => void (event.type === "socketReady" && connection.send(`!5abc${bad}`)),
    });
    const { handler, last } = listening();
    const to = addressOf(await world.open(server));
    const shared = { transport: tap().transport, reconnect: "never" } as const;
    await connect(world.system, to, { ...shared, packet: strict, maxPacketSize: 6 }, handler);
    await world.manual.advance(0);
    expect(last().text).toBe("!5abc");
    expect(world.of("clientDisconnected")).toMatchObject([{ kind: "broken", reason: { detail: reason } }]);
  });
});
