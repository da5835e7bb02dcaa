import { type ExitReason, fromAsync, type Pid, shutdown } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { type ConnectionTypes, fragileEcho, ignorant, type Puppet, puppetry, typesOf } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import { pattern } from "./support/transport-world.ts";

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;

/** Ends as the test says, after it has sent something. */
const farewells: ReadonlyArray<readonly [string, (puppet: Puppet) => void, ExitReason["type"]]> = [
  ["ends by itself", ({ self }) => self.exit({ type: "normal" }), "normal"],
  ["shuts down with a detail", ({ self }) => self.exit(shutdown("done")), "shutdown"],
  [
    "crashes",
    () => {
      throw new Error("boom");
    },
    "error",
  ],
  ["is killed", ({ self }) => self.exit(self.pid, { type: "kill" }), "killed"],
];

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("a machine that does not handle", () => {
    test("the client's end, ends: shutdown peerClosed", async () => {
      const listener = await world.open(ignorant);
      const client = await world.connect(listener);
      client.write("hello");
      await client.bytes(5);
      client.end();
      expect((await world.stopped()).reason).toEqual(shutdown("peerClosed"));
      expect(listener.shutdownCounts).toEqual({ peerClosed: 1 });
    });

    test("an error, ends: shutdown with its code", async () => {
      const listener = await world.open(ignorant);
      const client = await world.connect(listener);
      client.write("hello");
      await client.bytes(5);
      client.close("reset");
      expect((await world.stopped()).reason).toEqual(shutdown("ECONNRESET"));
      expect(listener.shutdownCounts).toEqual({ ECONNRESET: 1 });
    });

    test("a packet that is too large, ends: shutdown frameTooLarge", async () => {
      const listener = await world.open(ignorant, { packet: "line", maxPacketSize: 5 });
      const client = await world.connect(listener);
      client.write("too long");
      expect((await world.stopped()).reason).toEqual(shutdown("frameTooLarge"));
      expect(listener.shutdownCounts).toEqual({ frameTooLarge: 1 });
    });

    test("exits, ends with an actor that it is linked to, unless that ends normally", async () => {
      const listener = await world.open(ignorant);
      await world.connectMany(listener, 1);
      const [connection] = (await listener.connections()) as [Pid];
      for (const reason of [{ type: "normal" }, shutdown("together")] satisfies ExitReason[]) {
        world.system.spawn(
          fromAsync(async (self) => {
            self.link(connection);
            self.exit(reason);
          }),
        );
        await world.settle();
        expect(world.system.isAlive(connection)).toBe(reason.type === "normal");
      }
      expect((await world.stopped()).reason).toEqual(shutdown("together"));
    });
  });

  describe("what a handler has sent when it", () => {
    test.for(farewells)("%s still reaches its client", async ([, end, type]) => {
      const { handler, one } = puppetry();
      const client = await world.connect(await world.open(handler), { reads: false });
      const puppet = await one();
      world.system.send(puppet.self.ref, (told) => {
        told.connection.send(pattern(BIG));
        told.connection.send("goodbye");
        end(told);
      });
      const { reason } = await world.stopped();
      expect(reason.type).toBe(type);
      client.resume();
      expect(await client.next("closed")).toBeUndefined();
      expect(client.received.subarray(0, BIG).equals(pattern(BIG))).toBe(true);
      expect(client.received.subarray(BIG).toString()).toBe("goodbye");
      world.logged.splice(0);
    });

    test("ends reaches also a client that goes on talking", async () => {
      const { handler, one } = puppetry({ react: (_event, { connection }) => connection.activate() });
      const client = await world.connect(await world.open(handler), {
        react: (name, self) => name === "data" && self.write("and another thing"),
      });
      const puppet = await one();
      client.write("question");
      await world.until(() => puppet.heard.length === 2);
      client.write("one that is never read");
      world.system.send(puppet.self.ref, ({ connection, self }) => {
        connection.send(pattern(1_000_000));
        self.exit(shutdown("enough"));
      });
      expect(await client.next("closed")).toBeUndefined();
      expect(client.received.equals(pattern(1_000_000))).toBe(true);
    });
  });
});

describe("a machine that handles the ends of its socket", () => {
  useWorld("memory");
  const patient = setup({ types: typesOf<ConnectionTypes>() }).createMachine({
    context: ({ input }) => input,
    initial: "open",
    states: {
      open: {
        on: {
          socketReady: { actions: ({ context }) => context.connection.activate(true) },
          timeout: { actions: ({ context }) => void context.connection.send("are you there?") },
          closed: "over",
          error: "over",
        },
      },
      over: { after: { 1000: "done" } },
      done: { type: "final" },
    },
  });

  test("lives on until it ends by itself", async () => {
    const listener = await world.open(patient, { idleTimeoutMs: 500 });
    const [left, right] = [await world.connect(listener), await world.connect(listener)];
    await world.manual.advance(500);
    expect([left.received.toString(), right.received.toString()]).toEqual(["are you there?", "are you there?"]);
    left.end();
    right.close("reset");
    await world.manual.advance(999);
    expect(listener.currentClients).toBe(2);
    await world.manual.advance(1);
    expect([listener.currentClients, listener.shutdownCounts]).toEqual([0, { normal: 2 }]);
  });
});

describe("a client that does not read", () => {
  useWorld("memory");

  test("keeps nobody waiting when its handler ends, and is buried within the time for sending", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, { maxClients: 1, sendTimeoutMs: 1000 });
    const client = await world.connect(listener, { reads: false });
    await world.until(() => puppets[0]?.heard.length === 1);
    world.system.send((puppets[0] as Puppet).self.ref, ({ connection, self }) => {
      connection.send(Buffer.alloc(200_000));
      self.exit(shutdown("done"));
    });
    await world.settle();
    expect(listener.currentClients).toBe(0);
    await world.connect(listener);
    await world.until(() => puppets[1]?.heard.length === 1);
    expect(listener.stats).toMatchObject({ accepted: 2, closedMaxLimit: 0 });
    expect(world.memory.openSockets).toBe(4);
    await world.manual.advance(999);
    expect(world.memory.openSockets).toBe(4);
    await world.manual.advance(1);
    expect(world.memory.openSockets).toBe(3);
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });

  test("is reset when its listener closes and has waited long enough: half an answer does not look like the whole", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { sendTimeoutMs: "infinity", shutdown: 1000 });
    const client = await world.connect(listener, { reads: false });
    const puppet = await one();
    world.system.send(puppet.self.ref, ({ connection, self }) => {
      connection.send(Buffer.alloc(200_000));
      self.exit(shutdown("done"));
    });
    await world.settle();
    const closing = listener.close();
    await world.manual.advance(1000);
    await closing;
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });

  test("nor does one that keeps its side open", async () => {
    const listener = await world.open(fragileEcho, { sendTimeoutMs: 1000 });
    const client = await world.connect(listener, { lingers: true });
    client.write("boom");
    await client.next("end");
    expect(listener.currentClients).toBe(0);
    await world.manual.advance(999);
    expect(world.memory.openSockets).toBe(2);
    await world.manual.advance(1);
    expect(world.memory.openSockets).toBe(1);
    world.logged.splice(0);
  });
});
