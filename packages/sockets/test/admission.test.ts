import type { OverloadFacts } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, type Puppet, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";

const hour = 3_600_000;

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("a limit on the rate of connections", () => {
    const rate = { capacity: 2, intervalMs: hour };

    test("lets so many in, refuses the others, and counts each once", async () => {
      const listener = await world.open(echo, { maxConnectionRate: rate, acceptors: 8 });
      const clients = Array.from({ length: 7 }, () => world.startConnecting(listener));
      await world.until(() => listener.stats.closedRateLimited === 5 && listener.stats.accepted === 2);
      await world.until(() => clients.filter(({ isClosed }) => isClosed).length === 5);
      expect(world.of("connectionRefused").map(({ counter }) => counter)).toEqual(Array(5).fill("closedRateLimited"));
      const served = clients.filter(({ isClosed }) => !isClosed);
      for (const client of served) client.write("hello");
      for (const client of served) expect(await client.text(5)).toBe("hello");
    });

    test("set by setOptions counts at once, and lifted too", async () => {
      const listener = await world.open(echo);
      await world.connectMany(listener, 3);
      await listener.setOptions({ maxConnectionRate: { capacity: 1, intervalMs: hour } });
      await world.connectMany(listener, 1);
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      // Something else is changed, and that fills no bucket.
      await listener.setOptions({ maxClients: 100 });
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      await listener.setOptions({ maxConnectionRate: "infinity" });
      await world.connectMany(listener, 5);
      expect(listener.stats).toMatchObject({ accepted: 9, closedRateLimited: 2 });
    });

    test("is not filled by a restart of the listener", async () => {
      const listener = await world.open(echo, { maxConnectionRate: rate });
      await world.connectMany(listener, 2);
      await world.kill(world.pidOf(listener, "listener"));
      await world.until(() => listener.status === "running");
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      expect(listener.stats.closedRateLimited).toBe(1);
      world.logged.length = 0;
    });

    test("with a queue lets the others wait, unread; closing the listener refuses them", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { maxConnectionRate: rate, overLimit: "queue" });
      const clients = [await world.connect(listener), await world.connect(listener), await world.connect(listener)];
      clients[2]?.write("anybody there?");
      await world.until(() => listener.stats.accepted === 2);
      await world.settle();
      expect([puppets.length, listener.stats.closedRateLimited, clients[2]?.isClosed]).toEqual([2, 0, false]);
      await listener.close();
      await clients[2]?.next("closed");
      expect(listener.stats).toMatchObject({ accepted: 2, closedOther: 1 });
    });

    test("with a queue that is lifted lets them all in", async () => {
      const listener = await world.open(echo, { maxConnectionRate: rate, overLimit: "queue" });
      const clients = Array.from({ length: 10 }, () => world.startConnecting(listener));
      for (const client of clients) client.write("hello");
      await world.until(() => listener.stats.accepted === 2);
      await listener.setOptions({ maxConnectionRate: "infinity" });
      for (const client of clients) expect(await client.text(5)).toBe("hello");
      expect(listener.stats).toMatchObject({ accepted: 10, closedRateLimited: 0 });
    });
  });

  describe("a queue before the limit of clients", () => {
    test("lets the next in when one has gone, in the order in which they came", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { maxClients: 2, overLimit: "queue", acceptors: 2 });
      const clients = [];
      for (let count = 0; count < 6; count += 1) clients.push(await world.connect(listener));
      await world.until(() => listener.stats.accepted === 2);
      await world.settle();
      expect([listener.currentClients, listener.stats.closedMaxLimit]).toEqual([2, 0]);
      for (let gone = 0; gone < 4; gone += 1) {
        const puppet = puppets[gone];
        if (puppet !== undefined) world.system.exit(puppet.self.pid, { type: "shutdown" });
        await world.until(() => listener.stats.accepted === gone + 3);
        expect(listener.currentClients).toBe(2);
      }
      expect(puppets.map(({ connection }) => connection.peername.port)).toEqual(
        clients.map((client) => world.portOf(client)),
      );
    });

    test("lets more in as soon as the limit is raised, and refuses when it is to be none any more", async () => {
      const listener = await world.open(echo, { maxClients: 1, overLimit: "queue", acceptors: 4 });
      const clients = Array.from({ length: 4 }, () => world.startConnecting(listener));
      await world.until(() => listener.stats.accepted === 1);
      await listener.setOptions({ maxClients: 3 });
      await world.until(() => listener.stats.accepted === 3);
      await world.settle();
      await listener.setOptions({ overLimit: "reject" });
      await world.until(() => listener.stats.closedMaxLimit === 1);
      await world.until(() => clients.filter(({ isClosed }) => isClosed).length === 1);
      expect(listener.stats).toMatchObject({ accepted: 3, closedMaxLimit: 1 });
    });

    test("refuses those that wait when the listener is closed", async () => {
      const listener = await world.open(echo, { maxClients: 1, overLimit: "queue", acceptors: 2 });
      const clients = Array.from({ length: 5 }, () => world.startConnecting(listener));
      await world.until(() => listener.stats.accepted === 1);
      await world.settle();
      await listener.close();
      await world.until(() => clients.every(({ isClosed }) => isClosed));
      expect(listener.stats).toMatchObject({ accepted: 1, closedOther: 4 });
    });
  });

  describe("the overload hook", () => {
    test("is asked for each client, told how things are, and refuses with true", async () => {
      const asked: OverloadFacts[] = [];
      const overload = (facts: OverloadFacts): boolean => asked.push(facts) > 0 && facts.connections >= 2;
      const listener = await world.open(echo, { overload, acceptors: 1 });
      for (let count = 0; count < 2; count += 1) await world.connectMany(listener, 1);
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      expect(listener.stats).toMatchObject({ accepted: 2, closedOverloaded: 1 });
      expect(asked.map(({ connections }) => connections)).toEqual([0, 1, 2]);
      const peer = expect.objectContaining({ host: "127.0.0.1" }) as object;
      expect(asked[0]).toEqual({ listener: listener.id, peer, connections: 0, waiting: 0 });
    });

    test("that throws refuses, is logged once, and hurts nobody", async () => {
      const listener = await world.open(echo);
      const client = await world.connect(listener);
      await listener.setOptions({
        overload() {
          throw new Error("who knows");
        },
      });
      for (let count = 0; count < 3; count += 1) {
        expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      }
      expect(world.logged.splice(0)).toEqual([
        `warn ${listener.id}: overload has thrown Error: who knows; refusing connections`,
      ]);
      client.write("alive");
      expect(await client.text(5)).toBe("alive");
      await listener.setOptions({ overload: false });
      await world.connectMany(listener, 1);
      expect(listener.stats).toMatchObject({ accepted: 2, closedOverloaded: 3 });
    });

    test("costs no place in the rate of connections", async () => {
      let isBusy = true;
      const listener = await world.open(echo, {
        overload: () => isBusy,
        maxConnectionRate: { capacity: 1, intervalMs: hour },
      });
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      isBusy = false;
      await world.connectMany(listener, 1);
      expect(listener.stats).toMatchObject({ accepted: 1, closedOverloaded: 1, closedRateLimited: 0 });
    });
  });

  describe("sleeping acceptors", () => {
    test("let clients wait, who are served when they wake; connections do not notice", async () => {
      const listener = await world.open(echo, { acceptors: 2 });
      const before = await world.connect(listener);
      await world.until(() => listener.stats.accepted === 1);
      listener.sleepAcceptors();
      expect([listener.isAsleep, listener.status]).toEqual([true, "running"]);
      const clients = [];
      for (let count = 0; count < 5; count += 1) clients.push(await world.connect(listener));
      for (const client of [before, ...clients]) client.write("hello");
      expect(await before.text(5)).toBe("hello");
      await world.settle();
      expect([listener.stats.accepted, clients.some(({ isClosed }) => isClosed)]).toEqual([1, false]);
      listener.wakeAcceptors();
      for (const client of clients) expect(await client.text(5)).toBe("hello");
      expect([listener.isAsleep, listener.stats.accepted]).toEqual([false, 6]);
    });

    test("sleep on when the listener is started anew", async () => {
      const listener = await world.open(echo, { acceptors: 2 });
      listener.sleepAcceptors();
      await world.kill(world.pidOf(listener, "listener"));
      await world.until(() => listener.status === "running");
      const client = await world.connect(listener);
      client.write("hello");
      await world.settle();
      expect(listener.stats.accepted).toBe(0);
      listener.wakeAcceptors();
      expect(await client.text(5)).toBe("hello");
      world.logged.length = 0;
    });
  });

  test("allow and deny put a rule before all others, for the clients to come", async () => {
    const listener = await world.open(echo, { accessRules: [{ allow: "all" }] });
    const client = await world.connect(listener);
    await world.until(() => listener.stats.accepted === 1);
    expect(await listener.deny("127.0.0.0/8")).toBe(true);
    expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
    expect(await listener.allow("127.0.0.1")).toBe(true);
    await world.connectMany(listener, 1);
    expect(await listener.deny("127.1.2.3/8")).toBe(false);
    expect(listener.accessRules).toEqual([{ allow: "127.0.0.1/32" }, { deny: "127.0.0.0/8" }, { allow: "all" }]);
    await expect(listener.deny("nobody")).rejects.toMatchObject({ code: "ERR_INVALID_OPTION" });
    // It is an option like any other: the next change keeps it.
    await listener.setOptions({ maxClients: 10 });
    expect(listener.accessRules).toHaveLength(3);
    client.write("alive");
    expect(await client.text(5)).toBe("alive");
    expect(listener.stats).toMatchObject({ accepted: 2, closedForbidden: 1 });
  });
});

describe("a limit on the rate of connections, to the millisecond", () => {
  useWorld("memory");

  test("refuses until there is a place, evenly", async () => {
    const listener = await world.open(echo, { maxConnectionRate: { capacity: 4, intervalMs: 1000 } });
    const come = async (): Promise<number> => {
      const { accepted } = listener.stats;
      for (let count = 0; count < 6; count += 1) world.startConnecting(listener);
      await world.settle();
      return listener.stats.accepted - accepted;
    };
    const accepted = [await come()];
    for (const pause of [249, 1, 249, 1, 750, 10_000]) {
      await world.manual.advance(pause);
      accepted.push(await come());
    }
    expect(accepted).toEqual([4, 0, 1, 0, 1, 3, 4]);
    expect(listener.stats.closedRateLimited).toBe(6 * 7 - 13);
  });

  test("lets those in the queue in one by one, first come, first served", async () => {
    const { handler, puppets } = puppetry();
    const options = { maxConnectionRate: { capacity: 2, intervalMs: 1000 }, overLimit: "queue", acceptors: 3 } as const;
    const listener = await world.open(handler, options);
    const clients = Array.from({ length: 6 }, () => world.startConnecting(listener));
    await world.settle();
    const accepted = [listener.stats.accepted];
    for (const pause of [499, 1, 499, 1, 500, 500, 5000]) {
      await world.manual.advance(pause);
      accepted.push(listener.stats.accepted);
    }
    expect(accepted).toEqual([2, 2, 3, 3, 4, 5, 6, 6]);
    const ports = clients.map((client) => world.portOf(client));
    expect(puppets.map(({ connection }) => connection.peername.port)).toEqual(ports);
  });

  test("each client is a connection, waits, or is counted as refused, and as one of these alone", async () => {
    const options = { maxClients: 3, overLimit: "queue", acceptors: 2 } as const;
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, options);
    const facts = (): number[] => {
      const { currentClients, waitingClients } = listener.info;
      const { accepted, closedOther, closedMaxLimit } = listener.stats;
      return [currentClients, waitingClients, accepted, closedOther + closedMaxLimit];
    };
    for (let count = 0; count < 8; count += 1) world.startConnecting(listener);
    await world.settle();
    expect(facts()).toEqual([3, 5, 3, 0]);
    world.system.exit((puppets[0] as Puppet).self.pid, { type: "shutdown" });
    await world.settle();
    expect(facts()).toEqual([3, 4, 4, 0]);
    listener.sleepAcceptors();
    world.startConnecting(listener);
    await world.settle();
    expect(facts()).toEqual([3, 5, 4, 0]);
    await listener.setOptions({ maxClients: 6 });
    listener.wakeAcceptors();
    await world.settle();
    expect(facts()).toEqual([6, 2, 7, 0]);
    await listener.close();
    expect(facts()).toEqual([0, 0, 7, 2]);
  });

  test("holds 1024 in the queue, and refuses the next for what keeps them", async () => {
    const options = { maxConnectionRate: { capacity: 1, intervalMs: hour }, overLimit: "queue" } as const;
    const listener = await world.open(echo, options);
    for (let count = 0; count < 1 + 1024 + 3; count += 1) world.startConnecting(listener);
    await world.settle();
    expect(listener.stats).toMatchObject({ accepted: 1, closedRateLimited: 3, closedOther: 0 });
  });

  test("the same before a limit of clients", async () => {
    const listener = await world.open(echo, { maxClients: 1, overLimit: "queue", acceptors: 1 });
    for (let count = 0; count < 1 + 1 + 1024 + 3; count += 1) world.startConnecting(listener);
    await world.settle();
    expect(listener.stats).toMatchObject({ accepted: 1, closedMaxLimit: 3, closedOther: 0 });
  });

  test("and while acceptors sleep", async () => {
    const listener = await world.open(echo);
    listener.sleepAcceptors();
    for (let count = 0; count < 1024 + 3; count += 1) world.startConnecting(listener);
    await world.settle();
    expect(listener.stats).toMatchObject({ accepted: 0, closedOther: 3 });
  });
});

describe("a queue where descriptors are few", () => {
  useWorld("memory", { memory: { room: 6 } });

  test("does not hold the last of them", async () => {
    const listener = await world.open(echo, { acceptors: 1, maxClients: 1, overLimit: "queue" });
    for (let count = 0; count < 5; count += 1) world.startConnecting(listener);
    await world.settle();
    expect(listener.stats.closedSysLimit).toBeGreaterThan(0);
    expect(listener.stats.closedMaxLimit).toBe(0);
    world.logged.length = 0;
  });

  test("more clients than descriptors are clamped, and the log says so once for each", async () => {
    const listener = await world.open(echo, { maxClients: 1000 });
    expect([listener.maxClients, listener.info.options.maxClients]).toEqual([6, 6]);
    const warning = (asked: number): string =>
      `warn ${listener.id}: maxClients is 6 instead of ${asked}: this process may have no more file descriptors, ` +
      "and all its listeners share them";
    expect(world.logged.splice(0)).toEqual([warning(1000)]);
    await world.kill(world.pidOf(listener, "connection_sup"));
    await world.until(() => listener.status === "running");
    expect(world.logged.splice(0).filter((line) => line.includes("maxClients"))).toEqual([]);
    await listener.setOptions({ acceptors: 2 });
    await listener.setOptions({ maxClients: 5 });
    await world.settle();
    expect([listener.maxClients, world.logged]).toEqual([5, []]);
    await listener.setOptions({ maxClients: 7 });
    await world.settle();
    expect([listener.maxClients, world.logged.splice(0)]).toEqual([6, [warning(7)]]);
    // Nobody has asked for a number, nor for anything.
    await listener.setOptions({ maxClients: "infinity" });
    expect(listener.maxClients).toBe(6);
    await listener.resetOptions({});
    await world.settle();
    expect([listener.maxClients, world.logged]).toEqual([1024, []]);
  });
});

describe("the overload hook", () => {
  useWorld("memory");

  test("knows how many are there from the host of a client, as long as they are", async () => {
    const listener = await world.open(echo, { overload: ({ fromSameHost }) => fromSameHost >= 2 });
    const come = (from: string) => world.connect(listener, { from });
    const [first] = [await come("192.0.2.1"), await come("192.0.2.1"), await come("192.0.2.2")];
    await world.until(() => listener.currentClients === 3);
    expect(await world.startConnecting(listener, { from: "192.0.2.1" }).next("closed")).toBe("ECONNRESET");
    await come("192.0.2.2");
    await world.until(() => listener.currentClients === 4);
    first.end();
    await world.until(() => listener.currentClients === 3);
    await come("192.0.2.1");
    await world.until(() => listener.currentClients === 4);
    expect(listener.stats).toMatchObject({ accepted: 5, closedOverloaded: 1 });
  });
});
