import { type ExitReason, type Pid, shutdown, sys } from "@espalier/actors";
import {
  type AccessRule,
  type ListenEvents,
  type Listener,
  type ListenerOptions,
  startSockets,
  type Transport,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { type ConnectionTypes, echo, polite, puppetry, typesOf } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";
import { pattern } from "./support/transport-world.ts";

const nothing = {
  accepted: 0,
  closedMaxLimit: 0,
  closedForbidden: 0,
  closedRateLimited: 0,
  closedOverloaded: 0,
  closedSysLimit: 0,
  closedOther: 0,
  discarded: 0,
};

async function echoes(client: SocketRecorder): Promise<boolean> {
  const before = client.receivedBytes;
  client.write("alive");
  await client.until(() => client.isClosed || client.receivedBytes === before + 5);
  return !client.isClosed;
}

/** What becomes of a client that comes from this address. */
async function isLetIn(listener: Listener, from: string): Promise<boolean> {
  const { accepted } = listener.stats;
  const client = world.startConnecting(listener, { from });
  await world.until(() => client.isClosed || listener.stats.accepted > accepted);
  return !client.isClosed;
}

/** The listener's socket is closed behind its back. */
function loseListeningSocket(): void {
  world.listening.findLast(() => true)?.close();
}

function reasons(): ExitReason[] {
  return world.of("connectionStopped").map(({ reason }) => reason);
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("its traffic is all that went over its connections, also those that have ended, and never becomes less", async () => {
    const listener = await world.open(echo);
    let total = 0;
    for (const size of [10, 2000, 1, 333]) {
      const client = await world.connect(listener);
      client.write("x".repeat(size));
      await client.bytes(size);
      total += size;
      expect(listener.traffic).toMatchObject({ bytesReceived: total, bytesSent: total });
      const before = listener.currentClients;
      if (size > 100) {
        client.end();
        await world.until(() => listener.currentClients < before);
      }
      expect(listener.traffic).toMatchObject({ bytesReceived: total, bytesSent: total });
    }
    world.system.kill(world.pidOf(listener, "connection_sup"));
    await world.until(() => listener.currentClients === 0);
    expect(listener.traffic).toEqual({ bytesReceived: total, bytesSent: total, unsentBytes: 0 });
    await world.settle();
    expect(world.logged.splice(0)).toEqual([expect.stringContaining("connection_sup")]);
  });

  describe("maxClients", () => {
    test("refuses exactly those beyond, and counts each of them once", async () => {
      const listener = await world.open(echo, { maxClients: 3 });
      const clients = Array.from({ length: 8 }, () => world.startConnecting(listener));
      await world.until(() => listener.stats.accepted + listener.stats.closedMaxLimit === 8);
      expect(listener.stats).toEqual({ ...nothing, accepted: 3, closedMaxLimit: 5 });
      expect(listener.currentClients).toBe(3);
      await world.until(() => clients.filter(({ isClosed }) => isClosed).length === 5);
      const refused = clients.filter(({ isClosed }) => isClosed);
      for (const client of refused) expect(await client.next("closed")).toBe("ECONNRESET");
      const served = clients.filter((client) => !refused.includes(client));
      expect(await Promise.all(served.map((client) => echoes(client)))).toEqual([true, true, true]);
      expect(world.of("connectionRefused").map(({ counter }) => counter)).toEqual(Array(5).fill("closedMaxLimit"));
    });

    test("has a place again as soon as a client has left", async () => {
      const listener = await world.open(echo, { maxClients: 1, acceptors: 1 });
      for (let round = 1; round <= 3; round += 1) {
        const client = await world.connect(listener);
        expect(await echoes(client)).toBe(true);
        expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
        client.end();
        await world.until(() => listener.currentClients === 0);
      }
      expect(listener.stats).toEqual({ ...nothing, accepted: 3, closedMaxLimit: 3 });
    });

    test("infinity refuses nobody", async () => {
      const listener = await world.open(echo, { maxClients: "infinity" });
      await world.connectMany(listener, 50);
      expect(listener.stats).toEqual({ ...nothing, accepted: 50 });
    });
  });

  describe("access rules", () => {
    const cases: ReadonlyArray<readonly [readonly AccessRule[], boolean]> = [
      [[], true],
      [[{ allow: "all" }], true],
      [[{ deny: "all" }], false],
      [[{ deny: "127.0.0.1" }], false],
      [[{ deny: "127.0.0.2" }], true],
      [[{ allow: "127.0.0.0/8" }, { deny: "all" }], true],
      [[{ deny: "127.0.0.0/8" }, { allow: "127.0.0.1" }], false],
      [[{ allow: "10.0.0.0/8" }], true],
      [[{ allow: "10.0.0.0/8" }, { deny: "all" }], false],
      [[{ deny: "::/0" }], true],
    ];

    test.for(cases)("%j: a client from 127.0.0.1 is let in: %s", async ([accessRules, isAllowed]) => {
      const listener = await world.open(echo, { accessRules });
      const client = world.startConnecting(listener);
      client.write("alive");
      await client.until(() => client.isClosed || client.receivedBytes === 5);
      expect(client.isClosed).toBe(!isAllowed);
      expect(listener.stats).toEqual({ ...nothing, [isAllowed ? "accepted" : "closedForbidden"]: 1 });
    });

    test("are asked after the limit, as in eSockd, so that a socket counts once", async () => {
      const accessRules: AccessRule[] = [{ allow: "127.0.0.1" }, { deny: "all" }];
      const listener = await world.open(echo, { maxClients: 1, accessRules });
      await world.connectMany(listener, 1);
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      expect(listener.stats).toEqual({ ...nothing, accepted: 1, closedMaxLimit: 1 });
    });
  });

  describe("closing", () => {
    test("shuts the door first; those inside are told, and may say goodbye", async () => {
      const [listener, other] = [await world.open(polite, { name: "polite" }), await world.open(echo)];
      const clients = await world.connectMany(listener, 3);
      const bystander = await world.connect(other);
      const closed = listener.close();
      for (const client of clients) expect(await client.text(7)).toBe("goodbye");
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNREFUSED");
      expect([listener.currentClients, world.of("connectionStopped")]).toEqual([3, []]);
      expect(await listener.acceptors()).toEqual([]);
      expect(await echoes(bystander)).toBe(true);
      for (const client of clients) client.write("bye");
      await closed;
      for (const client of clients) expect(await client.next("closed")).toBeUndefined();
      expect(reasons()).toEqual([shutdown(), shutdown(), shutdown()]);
      expect(await echoes(bystander)).toBe(true);
      expect(await echoes(await world.connect(other))).toBe(true);
    });

    test("ends at once those that do not mind, with all that they have sent", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler);
      const clients = await world.connectMany(listener, 3);
      await world.until(() => puppets.filter(({ heard }) => heard.length === 1).length === 3);
      for (const { connection } of puppets) connection.send("the end");
      await listener.close();
      for (const client of clients) {
        expect(await client.next("closed")).toBeUndefined();
        expect(client.received.toString()).toBe("the end");
      }
      expect(listener.shutdownCounts).toEqual({ shutdown: 3 });
    });

    test("brutalKill ends all without a word, and reports none of them", async () => {
      const listener = await world.open(polite, { shutdown: "brutalKill" });
      const clients = await world.connectMany(listener, 3);
      await listener.close();
      for (const client of clients) await client.next("closed");
      expect(clients.map(({ receivedBytes }) => receivedBytes)).toEqual([0, 0, 0]);
      expect([listener.shutdownCounts, world.logged]).toEqual([{ killed: 3 }, []]);
    });

    test("waits for each as long as it takes when it may: infinity", async () => {
      const listener = await world.open(polite, { shutdown: "infinity" });
      const [first, second] = (await world.connectMany(listener, 2)) as [SocketRecorder, SocketRecorder];
      const closed = listener.close();
      await Promise.all([first.text(7), second.text(7)]);
      first.write("bye");
      await first.next("closed");
      await world.until(() => world.of("connectionStopped").length === 1);
      expect([listener.isRunning, listener.currentClients]).toEqual([true, 1]);
      second.write("bye");
      await closed;
      expect([listener.isRunning, listener.currentClients]).toEqual([false, 0]);
    });

    test("may be asked for by a connection, which is ended like the others", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler);
      const clients = await world.connectMany(listener, 3);
      await world.until(() => puppets.filter(({ heard }) => heard.length === 1).length === 3);
      const closed: Array<Promise<void>> = [];
      const [first] = puppets;
      if (first !== undefined) world.system.send(first.self.pid, () => closed.push(listener.close()));
      for (const client of clients) expect(await client.next("closed")).toBeUndefined();
      await Promise.all(closed);
      expect([closed.length, listener.status, listener.shutdownCounts]).toEqual([1, "down", { shutdown: 3 }]);
    });

    test("refuses a connection that is still being started", async () => {
      const { handler, puppets } = puppetry({ init: () => new Promise<void>(() => undefined) });
      const listener = await world.open(handler);
      const client = await world.connect(listener);
      await world.until(() => puppets.length === 1);
      await listener.close();
      expect(await client.next("closed")).toBe("ECONNRESET");
      expect(listener.stats).toEqual({ ...nothing, closedOther: 1 });
      expect([listener.shutdownCounts, world.of("connectionStopped")]).toEqual([{}, []]);
    });
  });

  describe("a listening socket that is lost", () => {
    test("is opened again on the same port, and connections do not notice", async () => {
      const listener = await world.open(echo, { acceptors: 2 });
      const clients = await world.connectMany(listener, 5);
      const [port, connections] = [listener.port, await listener.connections()];
      const acceptors = await listener.acceptors();
      loseListeningSocket();
      await world.until(() => world.of("listening").length === 2);
      await world.settle();
      expect([listener.port, listener.isRunning]).toEqual([port, true]);
      expect(await listener.connections()).toEqual(connections);
      const after = await listener.acceptors();
      expect(after).toHaveLength(2);
      expect(after.filter((pid) => acceptors.includes(pid))).toEqual([]);
      for (const client of clients) expect(await echoes(client)).toBe(true);
      expect(await echoes(await world.connect(port))).toBe(true);
      const crash = /^error crash in .*\/listener .*: error: ListeningSocketLost: the listening socket is gone$/;
      expect(world.logged.splice(0)).toEqual([
        expect.stringMatching(crash),
        expect.stringContaining("ListeningSocketLost"),
      ]);
    });
  });
});

describe("a listening socket that is lost when its listener is about to close it", () => {
  useWorld("memory");

  test.each([
    ["to suspend", false],
    ["to suspend and resume", true],
  ])("is not missed: %s", async (_what, resumesAtOnce) => {
    const listener = await world.open(echo);
    const client = await world.connect(listener);
    const [pid, { port }] = [world.pidOf(listener, "listener"), listener];
    await sys.suspend(world.system, pid);
    const done = [listener.suspend(), ...(resumesAtOnce ? [listener.resume()] : [])];
    await world.settle();
    loseListeningSocket();
    await world.settle();
    await sys.resume(world.system, pid);
    await Promise.all(done);
    expect(listener.status).toBe(resumesAtOnce ? "running" : "suspended");
    await listener.resume();
    expect([listener.status, listener.port, world.pidOf(listener, "listener")]).toEqual(["running", port, pid]);
    expect(await echoes(await world.connect(listener))).toBe(true);
    expect(await echoes(client)).toBe(true);
  });
});

describe("a connection that fails before it is accepted", () => {
  useWorld("memory");

  test("is counted by the system's code, and told; the listening socket is as good as before", async () => {
    const events: ListenEvents[] = [];
    const transport: Transport = {
      ...world.watched,
      listen: (options, listening) => {
        events.push(listening);
        return world.watched.listen(options, listening);
      },
    };
    const server = await startSockets(world.system, { name: "own", transport });
    const listener = await server.open("echo", "127.0.0.1:0", {}, echo);
    world.listeners.push(listener);
    for (const code of ["EPROTO", "ECONNABORTED", "EPROTO"]) events[0]?.acceptFailed?.(code);
    expect(listener.acceptErrors).toEqual({ EPROTO: 2, ECONNABORTED: 1 });
    expect(world.of("acceptFailed").map(({ code }) => code)).toEqual(["EPROTO", "ECONNABORTED", "EPROTO"]);
    expect([listener.status, listener.stats]).toEqual(["running", nothing]);
    expect(await echoes(await world.connect(listener))).toBe(true);
  });
});

describe("access rules by address", () => {
  useWorld("memory");

  test("the first that matches decides, and no match allows", async () => {
    const listener = await world.open(echo, {
      acceptors: 1,
      accessRules: [{ deny: "10.0.0.5" }, { allow: "10.0.0.0/24" }, { deny: "10.0.0.0/8" }, { deny: "2001:db8::/32" }],
    });
    const verdicts: Record<string, boolean> = {};
    for (const from of ["10.0.0.5", "10.0.0.6", "10.0.1.6", "192.168.0.1", "2001:db8::1", "2001:db9::1"]) {
      verdicts[from] = await isLetIn(listener, from);
    }
    expect(verdicts).toEqual({
      "10.0.0.5": false,
      "10.0.0.6": true,
      "10.0.1.6": false,
      "192.168.0.1": true,
      "2001:db8::1": false,
      "2001:db9::1": true,
    });
    expect(listener.stats).toEqual({ ...nothing, accepted: 3, closedForbidden: 3 });
    expect(listener.accessRules.slice(0, 2)).toEqual([{ deny: "10.0.0.5/32" }, { allow: "10.0.0.0/24" }]);
  });

  test("a peer that is gone before anybody asked for its address is counted, and nobody is started", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler);
    const client = world.startConnecting(listener, {
      react: (name, self) => name === "connected" && self.close("reset"),
    });
    await client.next("closed");
    await world.settle();
    expect(listener.stats).toEqual({ ...nothing, discarded: 1 });
    expect(puppets).toEqual([]);
  });

  test("such a peer takes no place in the rate of connections, and is no refusal that an alarm counts", async () => {
    const listener = await world.open(echo, {
      maxConnectionRate: { capacity: 1, intervalMs: 3_600_000 },
      alarms: { refusals: { high: 1 } },
    });
    const gone = Array.from({ length: 3 }, () =>
      world.startConnecting(listener, { react: (name, self) => name === "connected" && self.close("reset") }),
    );
    for (const client of gone) await client.next("closed");
    await world.settle();
    await world.connectMany(listener, 1);
    expect(listener.stats).toEqual({ ...nothing, accepted: 1, discarded: 3 });
    expect(world.of("alarmSet")).toEqual([]);
  });
});

/** Closes the listener; answers how long that took. */
async function closingTime(listener: Listener): Promise<number> {
  const clock = world.manual;
  const start = clock.now();
  const ends: number[] = [];
  const closed = listener.close().finally(() => ends.push(clock.now()));
  await clock.advance(0);
  while (ends.length === 0) await clock.advance(1);
  await closed;
  return (ends[0] ?? 0) - start;
}

/** When its listener closes it waits for a word of its client, and leaves it a lot. */
const generous = setup({
  types: typesOf<ConnectionTypes>(),
  actions: { give: ({ context }) => void context.connection.send(pattern(200_000)) },
}).createMachine({
  context: ({ input }) => input,
  initial: "open",
  states: {
    open: { on: { socketReady: { actions: ({ context }) => context.connection.activate() }, shutdown: "leaving" } },
    leaving: { on: { data: { target: "gone", actions: "give" } } },
    gone: { type: "final" },
  },
});

describe("the shutdown time", () => {
  useWorld("memory");
  const options: ListenerOptions = { shutdown: 1000, sendTimeoutMs: 60_000 };

  test("is not used up by those who go", async () => {
    const listener = await world.open(echo, options);
    await world.connectMany(listener, 3);
    expect(await closingTime(listener)).toBe(0);
  });

  test("up, those who have not gone are killed, and reported", async () => {
    const listener = await world.open(polite, options);
    const [client] = (await world.connectMany(listener, 1)) as [SocketRecorder];
    expect(await closingTime(listener)).toBe(1000);
    await client.next("closed");
    expect([client.received.toString(), reasons()]).toEqual(["goodbye", [{ type: "killed" }]]);
    expect(world.logged.splice(0)).toEqual([expect.stringMatching(/context: +shutdownError\n +reason: +killed/)]);
  });

  test("may be changed at any time before, and is then that of connections that are there already", async () => {
    const listener = await world.open(polite, options);
    await world.connectMany(listener, 2);
    await listener.setOptions({ shutdown: 70 });
    expect(await closingTime(listener)).toBe(70);
    expect(listener.shutdownCounts).toEqual({ killed: 2 });
    world.logged.length = 0;
  });

  test("is the limit also for clients that do not read what they are sent", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, options);
    await world.connect(listener, { reads: false });
    (await one()).connection.send(pattern(200_000));
    expect(await closingTime(listener)).toBe(1000);
    expect(listener.shutdownCounts).toEqual({ shutdown: 1 });
  });

  test("is given to the last who sends, also when another has been through long before", async () => {
    const listener = await world.open(generous, options);
    const [quick, slow] = (await world.connectMany(listener, 2)) as [SocketRecorder, SocketRecorder];
    const closed = listener.close();
    await world.settle();
    quick.write("bye");
    await quick.next("closed");
    slow.pause();
    await world.manual.advance(500);
    slow.write("bye");
    await world.settle();
    expect([listener.currentClients, listener.isRunning]).toEqual([0, true]);
    slow.resume();
    await closed;
    await slow.next("closed");
    expect(slow.received.equals(pattern(200_000))).toBe(true);
    expect(world.manual.now()).toBe(500);
  });
});

/** Crashes the listener as often as its supervisor bears, and once more. */
async function wearOut(listener: Listener): Promise<void> {
  for (let crash = 1; crash <= 11; crash += 1) await world.kill(world.pidOf(listener, "listener"));
  await world.until(() => world.logged.at(-1)?.includes("takes no connections any more") === true);
}

function crashTable(): Promise<void> {
  return world.kill(world.system.whereis("sockets.server") as Pid);
}

describe("a listener that cannot be healed", () => {
  useWorld("memory");

  test("gives up when its actor has crashed eleven times in an hour, and says so; the others go on", async () => {
    const [listener, other] = [await world.open(echo, { on: 6000 }), await world.open(echo, { name: "other" })];
    const [client] = (await world.connectMany(listener, 1)) as [SocketRecorder];
    const bystander = await world.connect(other);
    await wearOut(listener);
    expect(world.logged.splice(0).at(-1)).toBe(
      "error listener echo:6000 is down (shutdown); it takes no connections any more",
    );
    expect(world.listening).toHaveLength(2 + 10);
    expect(await client.next("closed")).toBeUndefined();
    expect([listener.isRunning, other.isRunning]).toEqual([false, true]);
    expect(world.sockets.listeners().map(({ id }) => id)).toEqual(["echo:6000", other.id]);
    expect([await listener.connections(), await listener.acceptors(), await listener.children()]).toEqual([[], [], []]);
    expect(await echoes(bystander)).toBe(true);
    await listener.close();
    expect(await echoes(await world.connect(await world.open(echo, { on: 6000 })))).toBe(true);
  });

  test("nor does the server bear more than ten crashes of its table in a hundred seconds", async () => {
    const listener = await world.open(echo, { on: 6000 });
    for (let count = 1; count <= 10; count += 1) await crashTable();
    await world.manual.advance(101_000);
    for (let count = 1; count <= 10; count += 1) await crashTable();
    expect(await echoes(await world.connect(listener))).toBe(true);
    await crashTable();
    expect([listener.isRunning, world.system.isAlive(world.sockets.supervisor)]).toEqual([false, false]);
    world.logged.length = 0;
  });

  test("a thousand crashes of acceptors in a second cost nobody a connection, and one more the acceptors", async () => {
    const listener = await world.open(echo, { on: 6000, acceptors: 1 });
    const client = await world.connect(listener);
    const acceptorSupervisor = world.pidOf(listener, "acceptor_sup");
    for (let count = 1; count <= 1000; count += 1) {
      const [acceptor] = await listener.acceptors();
      if (acceptor !== undefined) await world.kill(acceptor);
    }
    expect(world.system.isAlive(acceptorSupervisor)).toBe(true);
    const [last] = await listener.acceptors();
    if (last !== undefined) await world.kill(last);
    expect(world.system.isAlive(acceptorSupervisor)).toBe(false);
    expect([listener.status, (await listener.acceptors()).length]).toEqual(["running", 1]);
    expect([await echoes(client), await echoes(await world.connect(listener))]).toEqual([true, true]);
    world.logged.length = 0;
  });

  test("is not called down when a try to start it anew has failed, and the next one has not", async () => {
    const listener = await world.open(echo, { on: 6000 });
    const first = world.pidOf(listener, "listener");
    world.system.kill(world.pidOf(listener, "listener_sup"));
    // Its listener is there, and does not listen yet.
    while (world.pidOf(listener, "listener") === first) await Promise.resolve();
    world.system.kill(world.pidOf(listener, "listener"));
    await world.settle();
    expect(await echoes(await world.connect(listener))).toBe(true);
    const said = world.logged.splice(0);
    expect(said.filter((line) => line.includes("startError"))).toHaveLength(2);
    expect(said.filter((line) => line.includes("is down"))).toEqual([]);
  });

  test("can be opened again without being closed first", async () => {
    const listener = await world.open(echo, { on: 6000 });
    await wearOut(listener);
    world.logged.length = 0;
    const again = await world.open(echo, { on: 6000 });
    expect(await echoes(await world.connect(again))).toBe(true);
    await listener.close();
    expect([listener.isRunning, again.isRunning]).toEqual([false, true]);
  });
});

describe("the management of a connection supervisor", () => {
  useWorld("memory");

  test("is that of a dynamic supervisor, for those who walk the tree", async () => {
    const listener = await world.open(echo);
    await world.connectMany(listener, 3);
    const connections = await listener.connections();
    expect(connections).toHaveLength(3);
    const ages = connections.map(({ id }: Pid) => id);
    expect(ages).toEqual(ages.toSorted((left, right) => right - left));
    const info = world.system.inspect().processes.find(({ pid }) => pid === world.pidOf(listener, "connection_sup"));
    expect(info?.state).toMatchObject({ strategy: "simpleOneForOne", children: 3, maxClients: 1024 });
  });
});
