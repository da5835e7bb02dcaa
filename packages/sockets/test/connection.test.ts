import { type ExitReason, isExpected, type Pid, shutdown } from "@espalier/actors";
import { encodeFrame } from "@espalier/sockets";
import { terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { echo, fragileEcho, type Puppet, puppetry } from "./support/handlers.ts";
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

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test.each([100, BIG])("one array of %i bytes may be sent on many connections, and is not changed", async (length) => {
    const { handler, puppets } = puppetry();
    const clients = await world.connectMany(await world.open(handler), 3);
    await world.until(() => puppets.length === 3);
    await world.settle();
    const shared = pattern(length);
    for (const { connection } of puppets) connection.send(shared);
    for (const { connection } of puppets) connection.send(shared);
    for (const client of clients)
      expect((await client.bytes(2 * length)).equals(Buffer.concat([shared, shared]))).toBe(true);
    expect(pattern(length).equals(shared)).toBe(true);
  });

  const noBytes: ReadonlyArray<readonly [string, unknown]> = [
    ["nothing", undefined],
    ["a number", 5],
    ["a list", [1, 2]],
    ["what has a length", { length: 3 }],
    ["numbers that are no bytes", new Float64Array(2)],
  ];

  describe.each(["raw", 2, "line"] as const)("what is neither text nor bytes, sent with packet %j", (packet) => {
    test.each(noBytes)("crashes who sends it, and nobody else hears of it: %s", async (_name, data) => {
      const { handler, puppets } = puppetry({
        init: ({ connection }) => connection.activate(true),
        react(event, { connection }) {
          if (event.type === "data")
            connection.send(Buffer.from(event.data).includes("!") ? (data as never) : event.data);
        },
      });
      const listener = await world.open(handler, { packet });
      const [good, bad] = await world.connectMany(listener, 2);
      good?.resume();
      await world.until(() => puppets.every(({ heard }) => heard.length > 0) && puppets.length === 2);
      bad?.write(encodeFrame(packet, "!\n"));
      await world.until(() => listener.currentClients === 1);
      const hello = Buffer.from(encodeFrame(packet, "hello\n"));
      good?.write(hello);
      expect((await good?.bytes(hello.length))?.equals(hello)).toBe(true);
      expect(listener.shutdownCounts).toEqual({ error: 1 });
      const logged = world.logged.splice(0);
      expect(logged).toHaveLength(2);
      expect(logged[0]).toContain("data must be text, or bytes as a Uint8Array, got ");
    });

    test.each(noBytes)(
      "is refused where another actor sends it on a connection, which stays: %s",
      async (_name, data) => {
        const { handler, one } = puppetry({ init: ({ connection }) => connection.activate(true) });
        const listener = await world.open(handler, { packet });
        const [client] = await world.connectMany(listener, 1);
        const { self } = await one();
        await expect(listener.sendSync(self.pid, data as never)).rejects.toMatchObject({ code: "ERR_INVALID_OPTION" });
        await listener.sendSync(self.pid, "hello\n");
        const hello = encodeFrame(packet, "hello\n");
        expect((await client?.bytes(hello.length))?.equals(hello)).toBe(true);
      },
    );
  });

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
          connection.send(pattern(BIG));
          return wait();
        },
      });
      const listener = await world.open(handler, { packet: "line" });
      const client = await world.connect(listener);
      client.write("one\ntwo\nthree\n");
      await client.bytes(BIG);
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

  test("a connection knows the addresses of both its ends, and shows its client's", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler);
    const client = await world.connect(listener);
    const { connection, self } = await one();
    expect(connection.peername).toEqual({ host: "127.0.0.1", port: world.portOf(client) });
    expect(connection.sockname).toEqual(listener.address);
    const shown = `127.0.0.1:${world.portOf(client)}`;
    expect(JSON.stringify({ connection })).toBe(`{"connection":"${shown}"}`);
    const info = world.system.inspect().processes.find(({ pid }) => pid === self.pid);
    expect(info?.label).toBe(shown);
    expect(info?.resources).toContainEqual({ kind: "socket", description: shown });
  });

  test("a connection whose handler is dead takes nothing more", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler));
    const { connection, self } = await one();
    world.system.exit(self.pid, shutdown());
    await world.stopped();
    expect([connection.isOpen, connection.send("from the grave")]).toEqual([false, false]);
    connection.activate(true);
    connection.close();
    expect(await client.next("closed")).toBeUndefined();
    expect(client.receivedBytes).toBe(0);
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
      expect((await world.stopped()).reason).toEqual(shutdown("peerClosed"));
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
