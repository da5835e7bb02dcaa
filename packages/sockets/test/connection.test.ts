import { type ExitReason, fromAsync, isExpected, type Pid, shutdown } from "@espalier/actors";
import { encodeFrame, type ListenerOptions } from "@espalier/sockets";
import { terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import {
  type ConnectionTypes,
  echo,
  fragileEcho,
  ignorant,
  type Puppet,
  puppetry,
  typesOf,
} from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import { pattern } from "./support/transport-world.ts";

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;

/** A start that goes on when the test says so. */
function gate() {
  const opens: Array<() => void> = [];
  return {
    wait: () => new Promise<void>((resolve) => void opens.push(resolve)),
    open: () => {
      for (const open of opens) open();
    },
  };
}

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

/** The only connection, once it has ended. */
async function stopped() {
  await world.until(() => world.of("connectionStopped").length === 1);
  const [stop] = world.of("connectionStopped");
  if (stop === undefined) throw new Error("no connection has stopped");
  return stop;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("the hand-off", () => {
    test("nothing is read before it, and what an eager client has sent comes after it, in order", async () => {
      const { wait, open } = gate();
      const { handler, puppets } = puppetry({ init: wait });
      const listener = await world.open(handler, { packet: "line" });
      const client = await world.connect(listener);
      client.write("one\ntwo\n");
      client.write("three\n");
      await world.until(() => puppets.length === 1);
      await world.settle();
      const [puppet] = puppets as [Puppet];
      expect([puppet.heard, puppet.connection.bytesReceived]).toEqual([[], 0]);
      open();
      await world.until(() => puppet.heard.length === 1);
      puppet.connection.activate(true);
      await world.until(() => puppet.heard.length === 4);
      expect(puppet.heard).toEqual(["socketReady", "data one\n", "data two\n", "data three\n"]);
    });

    test("what a handler activates before it counts from then on", async () => {
      const { wait, open } = gate();
      const { handler, puppets } = puppetry({
        init: ({ connection }) => {
          connection.activate(2);
          return wait();
        },
      });
      const listener = await world.open(handler, { packet: "line" });
      const client = await world.connect(listener);
      client.write("one\ntwo\nthree\n");
      await world.until(() => puppets.length === 1);
      await world.settle();
      const [puppet] = puppets as [Puppet];
      expect([puppet.heard, puppet.connection.bytesReceived]).toEqual([[], 0]);
      open();
      await world.until(() => puppet.heard.length === 3);
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "data one\n", "data two\n"]);
    });

    test("a greeting may be sent before it", async () => {
      const { handler, one } = puppetry({ init: ({ connection }) => void connection.send("welcome") });
      const client = await world.connect(await world.open(handler));
      expect(await client.text(7)).toBe("welcome");
      expect((await one()).heard).toEqual(["socketReady"]);
    });

    test("one whose client is lost meanwhile is told so after it", async () => {
      const { wait, open } = gate();
      const { handler, puppets } = puppetry({ init: wait });
      const listener = await world.open(handler);
      const client = await world.connect(listener);
      await world.until(() => puppets.length === 1);
      client.close("reset");
      await client.next("closed");
      const [puppet] = puppets as [Puppet];
      puppet.connection.send("is anybody there?");
      await world.settle();
      expect(puppet.heard).toEqual([]);
      open();
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.heard).toEqual(["socketReady", "error ECONNRESET"]);
    });

    test("one that has closed its connection before it is told nothing at all", async () => {
      const { handler, puppets } = puppetry({
        init({ connection }) {
          connection.send("no");
          connection.close();
        },
      });
      const client = await world.connect(await world.open(handler));
      await client.next("closed");
      await world.settle();
      expect([client.received.toString(), puppets[0]?.heard]).toEqual(["no", []]);
    });
  });

  describe("the client's end", () => {
    test("comes behind all that the client has sent, however slowly that is let in", async () => {
      const { handler, one } = puppetry();
      const listener = await world.open(handler, { packet: "line" });
      const client = await world.connect(listener);
      client.write("one\ntwo\nthree\n");
      client.end();
      const puppet = await one();
      for (const packets of [1, 2, 3]) {
        puppet.connection.activate("once");
        await world.until(() => puppet.heard.length > packets);
        await world.settle();
      }
      puppet.connection.activate("once");
      await world.until(() => puppet.heard.length === 5);
      expect(puppet.heard).toEqual(["socketReady", "data one\n", "data two\n", "data three\n", "closed"]);
    });

    test("right behind its question leaves it its answer", async () => {
      const listener = await world.open(echo);
      const client = await world.connect(listener);
      client.write("question");
      client.end();
      await client.next("closed");
      expect(client.received.toString()).toBe("question");
      expect((await stopped()).reason).toEqual(shutdown("peerClosed"));
    });

    test("closes one direction: a handler may go on sending until it ends", async () => {
      const { handler, one } = puppetry({ react: (_event, { connection }) => connection.activate() });
      const client = await world.connect(await world.open(handler));
      client.end();
      const puppet = await one();
      await world.until(() => puppet.heard.includes("closed"));
      expect(puppet.connection.isOpen).toBe(false);
      expect(puppet.connection.send("still here")).toBe(true);
      expect(await client.text(10)).toBe("still here");
      puppet.connection.close();
      expect(await client.next("closed")).toBeUndefined();
      expect(puppet.heard).toEqual(["socketReady", "closed"]);
    });

    test("in the middle of a packet loses that packet, and nothing else", async () => {
      const { handler, one } = puppetry({ react: (_event, { connection }) => connection.activate() });
      const client = await world.connect(await world.open(handler, { packet: 2 }));
      client.write(Buffer.concat([encodeFrame(2, "whole"), encodeFrame(2, "cut off").subarray(0, 6)]));
      client.end();
      const puppet = await one();
      await world.until(() => puppet.heard.includes("closed"));
      expect(puppet.heard).toEqual(["socketReady", "data whole", "closed"]);
    });

    test("by reset is an error with the system's code", async () => {
      const { handler, one } = puppetry({ react: (_event, { connection }) => connection.activate() });
      const client = await world.connect(await world.open(handler));
      const puppet = await one();
      client.close("reset");
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.heard).toEqual(["socketReady", "error ECONNRESET"]);
      expect(puppet.connection.send("?")).toBe(false);
    });
  });

  describe("a machine that does not handle", () => {
    test("the client's end, ends: shutdown peerClosed", async () => {
      const listener = await world.open(ignorant);
      const client = await world.connect(listener);
      client.write("hello");
      await client.bytes(5);
      client.end();
      expect((await stopped()).reason).toEqual(shutdown("peerClosed"));
      expect(listener.shutdownCounts).toEqual({ peerClosed: 1 });
    });

    test("an error, ends: shutdown with its code", async () => {
      const listener = await world.open(ignorant);
      const client = await world.connect(listener);
      client.write("hello");
      await client.bytes(5);
      client.close("reset");
      expect((await stopped()).reason).toEqual(shutdown("ECONNRESET"));
      expect(listener.shutdownCounts).toEqual({ ECONNRESET: 1 });
    });

    test("a packet that is too large, ends: shutdown frameTooLarge", async () => {
      const listener = await world.open(ignorant, { packet: "line", maxPacketSize: 5 });
      const client = await world.connect(listener);
      client.write("too long");
      expect((await stopped()).reason).toEqual(shutdown("frameTooLarge"));
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
      expect((await stopped()).reason).toEqual(shutdown("together"));
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
      const { reason } = await stopped();
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

  describe("the account of a connection", () => {
    test("is one start and one stop, with the reason and the bytes that went each way", async () => {
      const listener = await world.open(fragileEcho, { packet: 2 });
      const sizes = [0, 1, 1000, 60_000];
      const clients = await world.connectMany(listener, sizes.length);
      for (const [index, size] of sizes.entries()) clients[index]?.write(encodeFrame(2, Buffer.alloc(size)));
      for (const [index, size] of sizes.entries()) await clients[index]?.bytes(size + 2);
      clients[0]?.write(encodeFrame(2, "boom"));
      clients[1]?.close("reset");
      clients[2]?.end();
      await world.until(() => world.of("connectionStopped").length === 3);
      await listener.close();
      const [starts, stops] = [world.of("connectionStarted"), world.of("connectionStopped")];
      const ports = clients.map((client) => world.portOf(client));
      expect(starts).toHaveLength(clients.length);
      expect(new Set(starts.map(({ peer }) => peer.port))).toEqual(new Set(ports));
      const byPort = new Map(stops.map((stop) => [stop.peer.port, stop]));
      const account = ports.map((port = 0) => {
        const stop = byPort.get(port);
        return [stop?.reason.type, stop?.bytesReceived, stop?.bytesSent];
      });
      expect(account).toEqual([
        ["error", 2 + 6, 2],
        ["shutdown", 3, 3],
        ["shutdown", 1002, 1002],
        ["shutdown", 60_002, 60_002],
      ]);
      expect(new Set(stops.map(({ connection }) => connection)).size).toBe(4);
      expect(listener.shutdownCounts).toEqual({ error: 1, socketError: 1, peerClosed: 1, shutdown: 1 });
      expect(world.logged.splice(0)).toHaveLength(2);
    });

    test("of one that was ended by the supervisor's management is complete, too", async () => {
      const listener = await world.open(echo);
      const [client] = await world.connectMany(listener, 1);
      const [connection] = (await listener.connections()) as [Pid];
      const supervisor = world.pidOf(listener, "connection_sup");
      expect(await terminateChild(world.system, supervisor, connection)).toEqual({ ok: true });
      await client?.next("closed");
      expect(world.of("connectionStopped").map(({ reason }) => reason)).toEqual([shutdown()]);
      expect([listener.currentClients, listener.shutdownCounts]).toEqual([0, { shutdown: 1 }]);
    });

    test("counts ends by their reason", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler);
      const ends: ExitReason[] = [
        { type: "normal" },
        { type: "normal" },
        shutdown(),
        shutdown("quota"),
        shutdown({ type: "banned", by: "admin" }),
        { type: "error", error: new Error("boom") },
      ];
      await world.connectMany(listener, ends.length);
      await world.until(() => puppets.length === ends.length);
      for (const [index, reason] of ends.entries()) {
        const puppet = puppets[index] as Puppet;
        world.system.send(puppet.self.ref, ({ self }) => self.exit(reason));
      }
      await world.until(() => world.of("connectionStopped").length === ends.length);
      expect(listener.shutdownCounts).toEqual({ normal: 2, shutdown: 1, quota: 1, banned: 1, error: 1 });
      const unexpected = ends.filter((reason) => !isExpected(reason)).length;
      expect(world.logged.splice(0)).toHaveLength(2 * unexpected);
    });
  });

  test("a crash takes one connection down, and is reported with its peer's address", async () => {
    const listener = await world.open(fragileEcho);
    const clients = await world.connectMany(listener, 5);
    const [victim, ...others] = clients as [(typeof clients)[0], ...typeof clients];
    victim.write("boom");
    expect(await victim.next("closed")).toBeUndefined();
    for (const client of others) client.write("alive");
    for (const client of others) expect(await client.text(5)).toBe("alive");
    expect([listener.currentClients, listener.shutdownCounts]).toEqual([4, { error: 1 }]);
    const reports = world.logged.splice(0).join("\n");
    expect(reports).toContain(`127.0.0.1:${world.portOf(victim)}`);
    expect(reports).toContain("boom");
  });
});

describe("the time without data", () => {
  useWorld("memory");
  const options: ListenerOptions = { idleTimeoutMs: 120_000 };

  test("ends a machine that does not handle timeout: shutdown idleTimeout", async () => {
    const listener = await world.open(ignorant, options);
    const client = await world.connect(listener);
    await world.manual.advance(119_999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.currentClients).toBe(0);
    expect(await client.next("closed")).toBeUndefined();
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
  });

  test("begins anew with each of the client's bytes", async () => {
    const listener = await world.open(ignorant, { packet: 2, ...options });
    const client = await world.connect(listener);
    for (const byte of encodeFrame(2, "ab")) {
      client.write(Buffer.from([byte]));
      await world.manual.advance(119_999);
    }
    expect([listener.currentClients, client.receivedBytes]).toEqual([1, 4]);
    await world.manual.advance(1);
    expect(listener.currentClients).toBe(0);
  });

  test("is not moved by what the server sends", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler, options));
    const puppet = await one();
    for (let minute = 0; minute < 2; minute += 1) {
      puppet.connection.send("tick");
      await world.manual.advance(59_999);
    }
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(2);
    expect([client.receivedBytes, puppet.heard]).toEqual([8, ["socketReady", "timeout"]]);
  });

  test("comes again and again to a handler that lives on", async () => {
    const { handler, one } = puppetry();
    await world.connect(await world.open(handler, options));
    const puppet = await one();
    await world.manual.advance(360_000);
    expect(puppet.heard).toEqual(["socketReady", "timeout", "timeout", "timeout"]);
  });

  test("ends with the socket", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler, options));
    const puppet = await one();
    puppet.connection.activate();
    client.end();
    await world.manual.advance(1_000_000);
    expect(puppet.heard).toEqual(["socketReady", "closed"]);
  });

  test("can be without end", async () => {
    const { handler, one } = puppetry();
    await world.connect(await world.open(handler, { idleTimeoutMs: "infinity" }));
    await world.manual.advance(1e9);
    expect((await one()).heard).toEqual(["socketReady"]);
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
