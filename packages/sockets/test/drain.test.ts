import { defineSupervisor, type SupervisorRef } from "@espalier/supervisor";
import { drainOnSignal, embedListener, startSockets } from "@espalier/sockets";
import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { echo, polite, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

async function echoes(client: SocketRecorder): Promise<boolean> {
  const before = client.receivedBytes;
  client.write("alive");
  await client.until(() => client.isClosed || client.receivedBytes === before + 5);
  return !client.isClosed;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("drain", () => {
    test("takes nobody any more, tells those that are there, and is over when they have ended", async () => {
      const listener = await world.open(polite);
      const clients = await world.connectMany(listener, 3);
      const draining = listener.drain({ timeoutMs: "infinity" });
      for (const client of clients) expect((await client.bytes(7)).toString()).toBe("goodbye");
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNREFUSED");
      for (const client of clients) client.write("thanks");
      await expect(draining).resolves.toEqual({ ended: 3, killed: 0 });
      expect(listener.status).toBe("down");
    });

    test("of all listeners at once", async () => {
      const listeners = [await world.open(echo), await world.open(polite, { name: "polite" })];
      const clients = await Promise.all(listeners.map((listener) => world.connect(listener)));
      await world.until(() => listeners.every(({ currentClients }) => currentClients === 1));
      const draining = world.sockets.drain({ timeoutMs: "infinity" });
      await clients[1]?.bytes(7);
      clients[1]?.write("thanks");
      await expect(draining).resolves.toEqual({ ended: 2, killed: 0 });
      expect(world.sockets.listeners()).toEqual([]);
    });

    test("without connections is over at once", async () => {
      const listener = await world.open(echo);
      await expect(listener.drain()).resolves.toEqual({ ended: 0, killed: 0 });
    });

    test.each([-1, Number.NaN, Infinity, "long"])(
      "for %s ms is refused, and nothing has happened",
      async (timeoutMs) => {
        const listener = await world.open(echo);
        await expect(listener.drain({ timeoutMs: timeoutMs as number })).rejects.toMatchObject({
          code: "ERR_INVALID_OPTION",
        });
        expect(await echoes(await world.connect(listener))).toBe(true);
      },
    );

    test("at the first signal; the second is for the impatient", async () => {
      const listener = await world.open(polite);
      const client = await world.connect(listener);
      await world.until(() => listener.currentClients === 1);
      const source = new EventEmitter();
      const seen: unknown[] = [];
      const done = new Promise<void>((resolve) => {
        drainOnSignal(source, world.sockets, {
          timeoutMs: "infinity",
          onDrain: () => seen.push("draining"),
          onImpatience: () => seen.push("again"),
          onDrained(drained) {
            seen.push(drained);
            resolve();
          },
        });
      });
      source.emit("SIGTERM");
      source.emit("SIGINT");
      await client.bytes(7);
      client.write("thanks");
      await done;
      expect(seen).toEqual(["draining", "again", { ended: 1, killed: 0 }]);
    });

    test("says so when there is nobody any more who could do it", async () => {
      const server = await startSockets(world.system, { name: "own", transport: world.watched });
      await server.open("polite", "127.0.0.1:0", {}, polite);
      const source = new EventEmitter();
      const failed = new Promise((resolve) => drainOnSignal(source, server, { onFailed: resolve }));
      source.emit("SIGTERM");
      world.system.exit(server.supervisor, { type: "kill" });
      expect(await failed).toMatchObject({ code: "ERR_CALL_EXIT" });
      world.logged.splice(0);
    });
  });

  describe("waitForConnections", () => {
    test("resolves when there are so many, or so few", async () => {
      const listener = await world.open(echo);
      const order: string[] = [];
      const waits = [
        listener.waitForConnections("==", 0).then(() => order.push("none")),
        listener.waitForConnections(">=", 2).then(() => order.push("two")),
      ];
      const clients = await world.connectMany(listener, 2);
      await Promise.all(waits);
      expect(order).toEqual(["none", "two"]);
      const left = listener.waitForConnections("<", 1);
      for (const client of clients) client.end();
      await left;
      expect(listener.currentClients).toBe(0);
    });

    test("with something that is no comparison is refused", async () => {
      const listener = await world.open(echo);
      expect(() => listener.waitForConnections("=" as never, 0)).toThrow(
        expect.objectContaining({ code: "ERR_INVALID_OPTION" }) as Error,
      );
    });
  });

  describe("reopen", () => {
    test("begins anew with the same options, handler and port", async () => {
      const listener = await world.open(echo, { maxClients: 1 });
      const client = await world.connect(listener);
      const again = await world.sockets.reopen("echo", "127.0.0.1:0");
      world.listeners.push(again);
      await client.until(() => client.isClosed);
      expect([again.port, again.maxClients]).toEqual([listener.port, 1]);
      expect(await echoes(await world.connect(again))).toBe(true);
      expect(await world.startConnecting(again).next("closed")).toBe("ECONNRESET");
    });

    test("of a listener that is not open is refused", async () => {
      await expect(world.sockets.reopen("echo", 1)).rejects.toMatchObject({ code: "ERR_UNKNOWN_LISTENER" });
    });
  });

  describe("embedded in a tree of one's own", () => {
    test("it is started, restarted and stopped by its supervisor", async () => {
      const { spec, listener } = embedListener(world.system, "own", "127.0.0.1:0", {}, echo, world.watched);
      world.listeners.push(listener);
      expect(listener.status).toBe("down");
      const started = await world.system.start(defineSupervisor({ children: [spec] }), undefined, { id: "app" });
      const supervisor = (started as { ref: SupervisorRef }).ref;
      expect(await echoes(await world.connect(listener))).toBe(true);
      const before = await listener.children();
      expect(before.map(({ id }) => id)).toEqual(["starter", "acceptor_sup", "listener", "connection_sup"]);
      const path = world.system.inspect().processes.map((process) => process.path);
      expect(path).toContain(`app/listener_sup:${listener.id}/listener`);
      world.system.exit(supervisor, { type: "shutdown" });
      await world.until(() => listener.status === "down");
    });

    test("close ends it and nothing else", async () => {
      const { handler } = puppetry();
      const { spec, listener } = embedListener(world.system, "own", "127.0.0.1:0", {}, handler, world.watched);
      world.listeners.push(listener);
      const started = await world.system.start(defineSupervisor({ children: [spec] }), undefined, { id: "app" });
      await listener.close();
      await listener.close();
      expect(listener.status).toBe("down");
      expect(world.system.isAlive((started as { ref: SupervisorRef }).ref)).toBe(true);
    });
  });
});

describe("the time of a drain", () => {
  useWorld("memory");

  test("is the same for all, and what is left is killed", async () => {
    const { handler, one } = puppetry({ trapExit: true });
    const listener = await world.open(handler);
    await world.connect(listener);
    await one();
    const other = await world.open(polite, { name: "polite" });
    await world.connectMany(other, 2);
    const draining = world.sockets.drain({ timeoutMs: 5000 });
    await world.manual.advance(4999);
    expect([listener.currentClients, other.currentClients]).toEqual([0, 2]);
    await world.manual.advance(1);
    await expect(draining).resolves.toEqual({ ended: 1, killed: 2 });
    world.logged.splice(0);
  });

  test("stays what it is when options are set meanwhile", async () => {
    const listener = await world.open(polite);
    await world.connectMany(listener, 1);
    const draining = listener.drain({ timeoutMs: 3000 });
    const setting = listener.setOptions({ maxClients: 1 });
    await world.manual.advance(3000);
    await setting;
    await expect(draining).resolves.toEqual({ ended: 0, killed: 1 });
    world.logged.splice(0);
  });
});
