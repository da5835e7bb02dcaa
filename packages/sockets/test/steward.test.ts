import { defineServer, fromAsync, noreply, ok, type Pid, shutdown, sys } from "@espalier/actors";
import { type Connection, type ConnectionEvent, fromStart, type Start } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { transports, useWorld, world } from "./support/server-world.ts";

/** An actor that waits for connections: it keeps what it hears, and does what it is told. */
function keeper(trapExit = false) {
  const heard: string[] = [];
  const connections: Connection[] = [];
  const pid = world.system.spawn(
    defineServer<{ state: undefined; info: ConnectionEvent | (() => void) }>({
      name: "keeper",
      trapExit,
      init: () => ok(undefined),
      handleInfo(message) {
        if (typeof message === "function") {
          message();
        } else {
          const { type } = message;
          heard.push("data" in message ? `${type} ${Buffer.from(message.data).toString()}` : type);
          if (type === "data" || type === "socketReady") for (const connection of connections) connection.activate();
        }
        world.changed();
        return noreply(undefined);
      },
    }),
  );
  return { pid, heard, connections };
}

async function pool() {
  const { pid, heard, connections } = keeper();
  const handler = fromStart(
    (connection) => {
      connections.push(connection);
      return pid;
    },
    { isShared: true },
  );
  const listener = await world.open(handler, { packet: "line" });
  const clients = await world.connectMany(listener, 3);
  await world.until(() => heard.length === 3);
  for (const [index, client] of clients.entries()) client.write(`${index}\n`);
  await world.until(() => heard.length === 6);
  expect(heard.slice(3).toSorted()).toEqual(["data 0\n", "data 1\n", "data 2\n"]);
  return { pid, heard, connections, listener, clients };
}

function socketsOf(pid: Pid): number {
  const info = world.system.inspect().processes.find((process) => process.pid === pid);
  return info?.resources.filter(({ kind }) => kind === "socket").length ?? 0;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("an actor becomes the owner, and is told when it may activate", async () => {
    const { pid, heard, connections } = keeper();
    const listener = await world.open(
      fromStart((connection) => {
        expect(connection.ownerPid).not.toBe(pid);
        connections.push(connection);
        return pid;
      }),
      { packet: "line" },
    );
    const client = await world.connect(listener);
    client.write("one\n");
    await world.until(() => heard.length === 2);
    expect(heard).toEqual(["socketReady", "data one\n"]);
    const [connection] = connections as [Connection];
    expect(connection.ownerPid).toBe(pid);
    const info = world.system.inspect().processes.find((process) => process.pid === pid);
    expect(info?.resources.map(({ kind }) => kind)).toContain("socket");
    expect(listener.connectionOf(pid)).toBe(connection);
    expect(await listener.sendSync(pid, "two\n")).toEqual({ ok: true });
    expect(await client.text(4)).toBe("two\n");
    const [steward] = (await listener.connections()) as [Pid];
    expect(listener.connectionOf(steward)).toBe(connection);
  });

  test("the connection ends with the actor, and for its reason", async () => {
    const { pid } = keeper();
    const listener = await world.open(fromStart(() => pid));
    const client = await world.connect(listener);
    await world.until(() => listener.connectionOf(pid) !== undefined);
    world.system.exit(pid, shutdown("done"));
    await client.next("closed");
    expect((await world.stopped()).reason).toEqual(shutdown("done"));
    expect(listener.connectionOf(pid)).toBeUndefined();
  });

  test("an actor that crashes is reported once, and its connection, which ends with it, once more by the supervisor", async () => {
    const { pid } = keeper();
    const listener = await world.open(fromStart(() => pid));
    const client = await world.connect(listener);
    await world.until(() => listener.connectionOf(pid) !== undefined);
    world.system.send(pid, () => {
      throw new Error("boom");
    });
    await client.next("closed");
    expect((await world.stopped()).reason).toMatchObject({ type: "error", error: new Error("boom") });
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("one that is killed has its connection closed; a steward that is killed, its actor killed", async () => {
    const [first, second] = [keeper(), keeper(true)];
    const keepers = [first, second];
    const listener = await world.open(fromStart(() => (keepers.shift() ?? first).pid));
    const clients = [await world.connect(listener), await world.connect(listener)];
    await world.until(() => listener.connectionOf(first.pid) !== undefined);
    await world.until(() => listener.connectionOf(second.pid) !== undefined);
    world.system.kill(first.pid);
    await clients[0]?.next("closed");
    const [steward] = (await listener.connections()) as [Pid];
    world.system.kill(steward);
    await clients[1]?.next("closed");
    await world.until(() => listener.currentClients === 0);
    expect(world.system.isAlive(second.pid)).toBe(false);
    expect(listener.shutdownCounts).toEqual({ killed: 2 });
    expect(world.logged).toEqual([]);
  });

  test("a start that fails, or finds a dead actor, refuses the client and costs nobody else anything", async () => {
    const dead = world.system.spawn(fromAsync(async () => undefined));
    await world.system.exited(dead);
    const { pid } = keeper();
    const starts = [
      () => {
        throw new Error("no");
      },
      () => Promise.reject(new Error("not now")),
      () => undefined as unknown as Pid,
      () => pid,
    ];
    const listener = await world.open(fromStart(() => (starts.shift() ?? (() => dead))()));
    for (let refused = 1; refused <= 3; refused += 1) {
      await world.startConnecting(listener).next("closed");
      await world.until(() => listener.stats.closedOther === refused);
    }
    const served = await world.connect(listener);
    await world.until(() => listener.connectionOf(pid) !== undefined);
    await world.startConnecting(listener).next("closed");
    await world.until(() => listener.stats.closedOther === 4);
    expect(listener.stats.accepted).toBe(1);
    expect(served.isClosed).toBe(false);
    const { logged } = world;
    expect(logged.splice(0).join("\n")).toContain("has answered undefined, and no pid");
  });

  describe("an actor that owns many connections", () => {
    test("outlives each of them, and keeps nothing of it", async () => {
      const { pid, heard, connections, listener, clients } = await pool();
      connections[0]?.close();
      await world.until(() => listener.currentClients === 2);
      clients[1]?.close("reset");
      clients[2]?.close("reset");
      await world.until(() => listener.currentClients === 0);
      expect(listener.shutdownCounts).toEqual({ normal: 1, ECONNRESET: 2 });
      expect(heard.filter((event) => event === "error")).toHaveLength(2);
      expect([world.system.isAlive(pid), socketsOf(pid)]).toEqual([true, 0]);
    });

    test("outlives their listener, which closes them", async () => {
      const { pid, listener, clients } = await pool();
      await listener.close();
      for (const client of clients) expect(await client.next("closed")).toBeUndefined();
      expect(listener.shutdownCounts).toEqual({ shutdown: 3 });
      expect([world.system.isAlive(pid), socketsOf(pid)]).toEqual([true, 0]);
    });

    test("is told which one each event is about", async () => {
      const told: Array<[string, number]> = [];
      const connections: Connection[] = [];
      const owner = world.system.spawn(
        defineServer<{ state: undefined; info: ConnectionEvent }>({
          init: () => ok(undefined),
          handleInfo(message) {
            const { type } = message;
            const connection = "connection" in message ? message.connection : undefined;
            told.push([type, connections.findIndex((one) => one === connection)]);
            if (type === "socketReady") connection?.activate(true);
            else if (type === "closed") connection?.close();
            world.changed();
            return noreply(undefined);
          },
        }),
      );
      const start = (connection: Connection) => {
        connections.push(connection);
        return owner;
      };
      const listener = await world.open(fromStart(start, { isShared: true }));
      const clients = await world.connectMany(listener, 2);
      await world.until(() => told.length === 2);
      // Of the two, one says something, ends and is gone, and then the other.
      for (const [index, client] of clients.entries()) {
        client.write("hello");
        await world.until(() => told.at(-1)?.[0] === "data");
        client.end();
        await world.until(() => listener.currentClients === 1 - index);
      }
      const [first, second] = [told[2]?.[1], told[4]?.[1]];
      expect(new Set([first, second])).toEqual(new Set([0, 1]));
      expect(new Set(told.slice(0, 2).map(String))).toEqual(new Set(["socketReady,0", "socketReady,1"]));
      expect(told.slice(2)).toEqual([
        ["data", first],
        ["closed", first],
        ["data", second],
        ["closed", second],
      ]);
    });

    test("keeps none that was closed before it had it", async () => {
      const { pid, heard } = keeper();
      const connections: Connection[] = [];
      const start: Start = (connection) => {
        connections.push(connection);
        if (connections.length === 1) connection.close();
        return pid;
      };
      const first = await world.open(fromStart(start, { isShared: true }));
      await world.connect(first);
      await world.until(() => first.shutdownCounts["normal"] === 1);
      const second = await world.open(fromStart(start, { isShared: true }), { name: "proxied", proxyProtocol: {} });
      await world.connect(second);
      await world.until(() => second.stats.accepted === 1);
      connections[1]?.close();
      await world.until(() => second.shutdownCounts["normal"] === 1);
      expect([heard, world.system.isAlive(pid), socketsOf(pid)]).toEqual([[], true, 0]);
    });

    test("is known by the oldest that it has, whichever of them end", async () => {
      const { pid, connections, listener } = await pool();
      const known = () => connections.findIndex((connection) => connection === listener.connectionOf(pid));
      const knownAfter: number[] = [];
      for (const [ended, index] of [1, 0, 2].entries()) {
        knownAfter.push(known());
        connections[index]?.close();
        await world.until(() => listener.currentClients === 2 - ended);
      }
      expect([...knownAfter, known()]).toEqual([0, 0, 2, -1]);
    });

    test("has no place to leave with one whose steward was killed", async () => {
      const { listener } = await pool();
      const [steward] = (await listener.connections()) as [Pid];
      const connection = listener.connectionOf(steward);
      await world.kill(steward);
      connection?.leaveLimit();
      expect([listener.currentClients, listener.activeClients]).toEqual([2, 2]);
    });

    test("gets all that a client has sent, also when the socket is gone before it lets that in", async () => {
      const { heard, connections, listener, clients } = await pool();
      heard.splice(0);
      // Of each it lets one packet in, and then nothing until the socket is gone.
      const mine = connections.splice(0);
      for (const client of clients) client.write("a\nb\n");
      for (const connection of mine) connection.shutdown();
      for (const client of clients) await client.next("closed");
      await world.settle();
      expect(heard).toEqual(["data a\n", "data a\n", "data a\n"]);
      const [first, ...others] = mine;
      for (const connection of others) connection.activate();
      // Who wants no more of it closes it.
      first?.close();
      await world.until(() => listener.currentClients === 0);
      expect(heard.slice(3).toSorted()).toEqual(["closed", "closed", "data b\n", "data b\n"]);
    });

    test("takes all of them along", async () => {
      const { pid, listener, clients } = await pool();
      world.system.exit(pid, shutdown());
      for (const client of clients) await client.next("closed");
      await world.until(() => listener.currentClients === 0);
      expect(listener.shutdownCounts).toEqual({ shutdown: 3 });
    });
  });
});

describe.each([false, true])("before the actor has the socket (isShared: %s)", (isShared) => {
  useWorld("memory");

  const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";

  /** One client of an actor, whose steward is there and waits for the header. */
  async function preceded() {
    const { pid, heard } = keeper();
    const listener = await world.open(
      fromStart(() => pid, { isShared }),
      { proxyProtocol: {}, idleTimeoutMs: 1000 },
    );
    const client = await world.connect(listener);
    await world.until(() => listener.stats.accepted === 1);
    const [steward] = (await listener.connections()) as [Pid];
    await sys.suspend(world.system, steward);
    client.write(header);
    return { heard, client, steward };
  }

  test("the end of the peer, right behind its header, is told behind socketReady", async () => {
    const { heard, client, steward } = await preceded();
    client.end();
    await world.settle();
    await sys.resume(world.system, steward);
    await world.settle();
    expect(heard).toEqual(["socketReady", "closed"]);
  });

  test("a reset is, too", async () => {
    const { heard, client, steward } = await preceded();
    await world.settle();
    client.close("reset");
    await world.settle();
    await sys.resume(world.system, steward);
    await world.settle();
    expect(heard).toEqual(["socketReady", "error"]);
  });

  test("a silence is, too", async () => {
    const { heard, steward } = await preceded();
    await world.manual.advance(1000);
    await sys.resume(world.system, steward);
    await world.settle();
    expect(heard).toEqual(["socketReady", "timeout"]);
  });

  test("what was lost while it was being found is, too", async () => {
    const { pid, heard } = keeper();
    const connections: Connection[] = [];
    const search: { end?: () => void } = {};
    const start: Start = (connection) => {
      connections.push(connection);
      return new Promise((resolve) => (search.end = () => resolve(pid)));
    };
    const listener = await world.open(fromStart(start, { isShared }));
    const client = await world.connect(listener);
    await world.until(() => connections.length === 1);
    client.close("reset");
    connections[0]?.send("hello");
    await world.settle();
    search.end?.();
    await world.settle();
    expect(heard).toEqual(["socketReady", "error"]);
  });
});

describe("with time", () => {
  useWorld("memory");

  test("when the steward of one of many is killed, the actor keeps nothing of it, and its client has its time to take what was sent", async () => {
    const { pid } = keeper();
    const start: Start = (connection) => {
      connection.send(new Uint8Array(100_000));
      return pid;
    };
    const listener = await world.open(fromStart(start, { isShared: true }), { sendTimeoutMs: 1000 });
    const client = await world.connect(listener, { reads: false });
    await world.settle();
    const [steward] = (await listener.connections()) as [Pid];
    await world.kill(steward);
    expect([world.system.isAlive(pid), socketsOf(pid)]).toEqual([true, 0]);
    await world.manual.advance(999);
    expect(world.memory.openSockets).toBe(2);
    await world.manual.advance(1);
    expect(world.memory.openSockets).toBe(1);
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });

  test("an actor that does not end when the listener closes, is killed when its time is up", async () => {
    const { pid, heard } = keeper(true);
    const listener = await world.open(
      fromStart(() => pid),
      { shutdown: 1000 },
    );
    await world.connectMany(listener, 1);
    const closed = listener.close();
    await world.manual.advance(999);
    expect([heard, world.system.isAlive(pid)]).toEqual([["socketReady", "exit"], true]);
    await world.manual.advance(1);
    await closed;
    expect(world.system.isAlive(pid)).toBe(false);
    expect(listener.shutdownCounts).toEqual({ killed: 1 });
    world.logged.splice(0);
  });
});
