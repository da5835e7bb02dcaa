import { type Pid, shutdown, sys } from "@espalier/actors";
import {
  definePool,
  FrameTooLargeError,
  type Listener,
  NotConnectedError,
  type Pool,
  type PoolConnection,
  type PoolOptions,
  type PoolStep,
  startPool,
} from "@espalier/sockets";
import { child, defineSupervisor, whichChildren } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import {
  addressOf,
  attemptTimes,
  listening,
  type Listening,
  order,
  pauses,
  tap,
  useClients,
} from "./support/client-world.ts";
import { echo, polite, puppetry } from "./support/handlers.ts";
import { transports, world } from "./support/server-world.ts";

const QUICK = { initialMs: 10, jitter: 0 } as const;

/** Connections a, b, … of one pool, each tapped. */
function connectionsTo(servers: readonly Listener[], options: PoolOptions = {}, allowed = 1): PoolConnection[] {
  return servers.map((server, index) => ({
    id: String.fromCodePoint("a".codePointAt(0)! + index),
    to: addressOf(server),
    options: { transport: tap(allowed).transport, ...options },
  }));
}

interface World {
  readonly servers: readonly Listener[];
  readonly theirs: readonly Listening[];
  readonly mine: Listening;
  readonly pool: Pool;
}

/** A pool with one connection to each of so many servers. */
async function poolTo(count: number, options: PoolOptions = {}): Promise<World> {
  const theirs = Array.from({ length: count }, () => listening());
  const servers: Listener[] = [];
  for (const [index, { handler }] of theirs.entries()) servers.push(await world.open(handler, { name: `s${index}` }));
  const mine = listening();
  const { name, choice, ...each } = options;
  const own = { ...(name !== undefined && { name }), ...(choice !== undefined && { choice }) };
  const pool = startPool(world.system, connectionsTo(servers, { backoff: QUICK, ...each }), own, mine.handler);
  await pool.connected(count);
  await world.until(() => theirs.every(({ connections }) => connections[0]?.events[0] === "socketReady"));
  return { servers, theirs, mine, pool };
}

async function states(pool: Pool): Promise<Record<string, string>> {
  return Object.fromEntries((await pool.connections()).map(({ id, state }) => [id, state]));
}

/** What each server has heard. */
function texts({ theirs }: World): string[] {
  return theirs.map(({ connections }) => connections.map(({ text }) => text).join("|"));
}

describe.each(transports)("%s", (transport) => {
  useClients(transport);

  test("sends by turns, at random, by key, to the idlest, to one, and to all", async () => {
    const all = await poolTo(3);
    const { pool } = all;
    const send = async (packet: string, choice?: PoolOptions["choice"]): Promise<string> => {
      const result = await pool.send(packet, choice === undefined ? {} : { choice });
      return result.ok ? result.id : result.error;
    };
    expect([await send("1"), await send("2"), await send("3"), await send("4")]).toEqual(["a", "b", "c", "a"]);
    expect(await send("5", { id: "c" })).toBe("c");
    expect(await send("5", { id: "d" })).toBe("notConnected");
    const key = { key: "user 7" };
    const owner = await send("k", key);
    expect([await send("k", key), await send("k", key)]).toEqual([owner, owner]);
    expect(["a", "b", "c"]).toContain(await send("r", "random"));
    expect(["a", "b", "c"]).toContain(await send("l", "leastUnsent"));
    expect(await pool.broadcast("!")).toEqual({ sent: ["a", "b", "c"], missed: [] });
    await world.until(() => texts(all).every((text) => text.endsWith("!")));
    expect(texts(all).map((text) => text.replaceAll(/[krl]/gu, ""))).toEqual(["14!", "2!", "35!"]);
  });

  test("calls the handlers", async () => {
    const { pool } = await poolTo(2);
    expect(await pool.call({ type: "who" })).toEqual({ heard: "", request: { type: "who" } });
    await expect(pool.call({ type: "who" }, { choice: { id: "c" } })).rejects.toThrow(NotConnectedError);
  });

  test("goes on with the others when one has lost its server, and has it back when that is back", async () => {
    const all = await poolTo(3);
    const { pool, servers } = all;
    const { port } = servers[1] as Listener;
    await servers[1]?.close();
    await world.until(() => world.of("clientFailed").length + world.of("clientWaiting").length > 0);
    expect(await pool.broadcast("x")).toEqual({ sent: ["a", "c"], missed: ["b"] });
    const ids = new Set<string>();
    for (let count = 0; count < 4; count += 1) {
      const result = await pool.send(".");
      if (result.ok) ids.add(result.id);
    }
    expect(ids).toEqual(new Set(["a", "c"]));
    await world.open(echo, { on: `127.0.0.1:${port}`, name: "again" });
    const back = pool.connected(3);
    await world.clock?.advance(60_000);
    await back;
    expect(await states(pool)).toEqual({ a: "connected", b: "connected", c: "connected" });
    world.logged.length = 0;
  });

  test("takes connections in and out while it runs", async () => {
    const all = await poolTo(2);
    const { pool, servers, theirs } = all;
    const [more] = connectionsTo([servers[0] as Listener]);
    const third: PoolConnection = { ...(more as PoolConnection), id: "c" };
    expect([await pool.add(third), await pool.add(third)]).toEqual([
      { ok: true },
      { ok: false, error: "alreadyPresent" },
    ]);
    await pool.connected(3);
    const removed = await Promise.all([pool.remove("a"), pool.remove("a"), pool.remove("x")]);
    expect(removed).toEqual([{ ok: true }, { ok: true }, { ok: false, error: "notFound" }]);
    expect(await states(pool)).toEqual({ b: "connected", c: "connected" });
    await world.until(() => theirs[0]?.connections[0]?.events.includes("closed") === true);
    // The name is free again.
    expect(await pool.add({ ...third, id: "a", options: { transport: tap().transport } })).toEqual({ ok: true });
    await pool.connected(3);
  });

  test("says goodbye on all of them when it is closed", async () => {
    const theirs = listening((text, { connection }) => {
      if (text === "goodbye") connection.send("bye");
    });
    const server = await world.open(theirs.handler);
    const pool = startPool(world.system, connectionsTo([server, server, server]), {}, polite);
    await pool.connected(3);
    await pool.close();
    // All of it is over by now.
    expect(world.system.inspect().processes.filter(({ definition }) => definition === "client")).toEqual([]);
    await world.until(() => world.of("connectionStopped").length === 3);
    expect(theirs.connections.map(({ text }) => text)).toEqual(["goodbye", "goodbye", "goodbye"]);
    expect(world.of("clientDisconnected").map(({ kind, bytesReceived }) => [kind, bytesReceived])).toEqual([
      ["finished", 3],
      ["finished", 3],
      ["finished", 3],
    ]);
    expect(await pool.send("too late")).toEqual({ ok: false, error: "stopped" });
    expect(await pool.remove("a")).toEqual({ ok: false, error: "stopped" });
    expect(await pool.add(connectionsTo([server])[0] as PoolConnection)).toEqual({ ok: false, error: "stopped" });
    await expect(pool.call({ type: "x" })).rejects.toThrow(NotConnectedError);
    await pool.close();
  });

  test("a packet that does not fit throws, and the pool goes on", async () => {
    const { pool } = await poolTo(2, { packet: 1 });
    await expect(pool.send("x".repeat(256))).rejects.toThrow(FrameTooLargeError);
    await expect(pool.broadcast("x".repeat(256))).rejects.toThrow(FrameTooLargeError);
    expect(await pool.broadcast("fits")).toEqual({ sent: ["a", "b"], missed: [] });
  });
});

async function endOfFirst(step: PoolStep): Promise<World> {
  const all = await poolTo(3, { plan: ({ kind }) => (kind === "closed" ? step : "default") });
  order((all.theirs[0] as Listening).last(), "finish");
  await world.settle();
  return all;
}

describe("what a plan of a pool may say", () => {
  useClients("memory");

  test("delete: it is gone", async () => {
    const { pool } = await endOfFirst("delete");
    expect(await states(pool)).toEqual({ b: "connected", c: "connected" });
  });

  test("stop: it stays in the list, until it is restarted", async () => {
    const { pool } = await endOfFirst("stop");
    expect(await pool.connections()).toMatchObject([
      { id: "a", state: "stopped", lastEnd: { kind: "closed" }, handler: undefined, restarts: 0 },
      { id: "b", state: "connected" },
      { id: "c", state: "connected" },
    ]);
    expect([await pool.restart("a"), await pool.restart("x")]).toEqual([
      { ok: true },
      { ok: false, error: "notFound" },
    ]);
    await pool.connected(3);
    expect(await pool.connections()).toMatchObject([{ state: "connected", connections: 2, restarts: 0 }, {}, {}]);
    // What it has once decided does not count for a crash of it.
    await world.kill(world.system.inspect().processes.find(({ id }) => id === "a")?.pid as Pid);
    await world.manual.advance(10);
    await pool.connected(3);
    expect(await pool.connections()).toMatchObject([{ restarts: 1 }, {}, {}]);
    world.logged.length = 0;
  });

  test.each([
    ["stopPool", shutdown()],
    [{ stopPool: shutdown("all of it") }, shutdown("all of it")],
  ] as const)("%j: the pool ends, and all of it", async (step, reason) => {
    const all = await poolTo(3, { plan: { closed: step }, name: "pool" });
    const ended = world.system.exited(world.system.whereis("pool") as never);
    order((all.theirs[0] as Listening).last(), "finish");
    expect(await ended).toEqual(reason);
    await world.settle();
    expect(world.of("clientDisconnected")).toHaveLength(3);
  });

  test("reconnect, and a pause of its own", async () => {
    await endOfFirst({ reconnectAfterMs: 77 });
    await world.manual.advance(100);
    expect([pauses(), attemptTimes()]).toEqual([[77], [0, 0, 0, 77]]);
  });

  test("giving up leaves it in the list, and the others alone", async () => {
    const { pool, servers } = await poolTo(2, { attempts: 2 });
    await servers[0]?.close();
    await world.manual.advance(60_000);
    expect(await pool.connections()).toMatchObject([
      { state: "stopped", lastEnd: { kind: "gaveUp", error: { reason: "ECONNREFUSED" } } },
      { state: "connected" },
    ]);
    world.logged.length = 0;
  });
});

describe("a pool", () => {
  useClients("memory");

  test("restart replaces a connection, and cuts a pause short", async () => {
    const { pool, mine, servers } = await poolTo(1, { backoff: { initialMs: 5000, jitter: 0 } });
    await pool.restart("a");
    await world.settle();
    expect([mine.connections.length, (await pool.connections())[0]?.connections]).toEqual([2, 2]);
    const { port } = servers[0] as Listener;
    await servers[0]?.close();
    await world.settle();
    expect(await pool.connections()).toMatchObject([{ state: "waiting", retryInMs: 5000 }]);
    await world.open(echo, { on: `127.0.0.1:${port}`, name: "again" });
    await pool.restart("a");
    await pool.connected(1);
  });

  test("does not choose a connection that is about to end", async () => {
    // It does not answer the goodbye.
    const server = await world.open(listening().handler);
    const pool = startPool(world.system, connectionsTo([server, server]), { shutdown: 1000 }, polite);
    await pool.connected(2);
    const first = world.system.inspect().processes.find(({ id }) => id === "a")?.pid as Pid;
    const ended = world.system.terminate(first, "infinity");
    await world.settle();
    expect(await states(pool)).toEqual({ a: "stopped", b: "connected" });
    expect([await pool.send("1"), await pool.send("2")]).toMatchObject([{ id: "b" }, { id: "b" }]);
    const closed = pool.close();
    await world.manual.advance(2000);
    await closed;
    expect(await ended).toEqual({ type: "shutdown" });
    world.logged.length = 0;
  });

  test("restart at the moment when a client that crashed is due starts it once", async () => {
    const { pool } = await poolTo(1, { backoff: { initialMs: 100, jitter: 0 }, name: "pool" });
    const keeper = world.system.whereis("pool") as Pid;
    await world.kill(world.system.inspect().processes.find(({ id }) => id === "a")?.pid as Pid);
    await sys.suspend(world.system, keeper);
    const restarted = pool.restart("a");
    await world.manual.advance(100);
    await sys.resume(world.system, keeper);
    await restarted;
    await pool.connected(1);
    expect(await pool.connections()).toMatchObject([{ restarts: 1 }]);
    world.logged.length = 0;
  });

  test.each([
    ["while it still sends what it was given", 1_000_000],
    ["when its end is in the mailbox already", 0],
  ])("restart of a connection that is about to stop connects anew: %s", async (_when, bytes) => {
    // A server that reads nothing, and keeps its side open.
    const deaf = puppetry();
    const server = await world.open(deaf.handler, { idleTimeoutMs: "infinity" });
    const mine = listening();
    const connections = connectionsTo([server], { plan: { finished: "stop" }, sendTimeoutMs: 3000, shutdown: 3000 });
    const pool = startPool(world.system, connections, {}, mine.handler);
    await pool.connected(1);
    mine.last().connection.send(Buffer.alloc(bytes));
    const keeper = world.system.inspect().processes.find(({ id }) => id === "a")?.pid as Pid;
    if (bytes === 0) await sys.suspend(world.system, keeper);
    order(mine.last(), "finish");
    await world.settle();
    expect(await pool.restart("a")).toEqual({ ok: true });
    if (bytes === 0) await sys.resume(world.system, keeper);
    await world.manual.advance(3000);
    expect(await pool.connections()).toMatchObject([{ state: "connected", connections: 2, attempt: 1 }]);
    for (const { self } of deaf.puppets) world.system.send(self.ref, ({ connection }) => connection.abort());
    await world.settle();
    world.logged.length = 0;
  });

  test("restart of one that has stopped counts also when its client is killed before its first step", async () => {
    const { pool } = await endOfFirst("stop");
    const untrace = world.system.trace(
      (event) => {
        if (event.type !== "spawn" || !event.subject.path.endsWith("/a")) return;
        untrace();
        world.system.kill(event.subject.pid);
      },
      { detail: "life" },
    );
    expect(await pool.restart("a")).toEqual({ ok: true });
    await world.manual.advance(10);
    expect(world.logged.splice(0)).toHaveLength(1);
    expect(await states(pool)).toEqual({ a: "connected", b: "connected", c: "connected" });
  });

  test("restart of a connection that is about to be deleted finds none", async () => {
    const deaf = puppetry();
    const server = await world.open(deaf.handler, { idleTimeoutMs: "infinity" });
    const mine = listening();
    const connections = connectionsTo([server], { plan: { finished: "delete" }, sendTimeoutMs: 3000 });
    const pool = startPool(world.system, connections, {}, mine.handler);
    await pool.connected(1);
    mine.last().connection.send(Buffer.alloc(1_000_000));
    order(mine.last(), "finish");
    await world.settle();
    const removed = pool.remove("a");
    expect(await pool.restart("a")).toEqual({ ok: false, error: "notFound" });
    await world.manual.advance(3000);
    expect([await removed, await pool.connections()]).toEqual([{ ok: true }, []]);
    for (const { self } of deaf.puppets) world.system.send(self.ref, ({ connection }) => connection.abort());
  });

  test("one that waits too long for connections is told, and kept no longer", async () => {
    const { pool } = await poolTo(1);
    const first = pool.connected(2, { timeoutMs: 100 }).catch((error: unknown) => error);
    await world.manual.advance(100);
    expect(await first).toMatchObject({ code: "ERR_CALL_TIMEOUT" });
    const second = pool.connected(2, { timeoutMs: "infinity" });
    await pool.add({ ...(connectionsTo([world.listeners[0] as Listener])[0] as PoolConnection), id: "z" });
    await second;
  });

  test("does not choose what is full when it may choose the idlest", async () => {
    const deaf = puppetry();
    const stuck = await world.open(deaf.handler, { name: "stuck" });
    const idle = await world.open(echo, { name: "idle" });
    const pool = startPool(world.system, connectionsTo([stuck, idle]), { choice: "leastUnsent" }, listening().handler);
    await pool.connected(2);
    expect(await pool.send(Buffer.alloc(1_000_000))).toEqual({ ok: true, id: "a", isFull: true });
    expect(await pool.send("b")).toEqual({ ok: true, id: "b", isFull: false });
    expect(await pool.send("c")).toMatchObject({ id: "b" });
    expect((await pool.connections())[0]?.unsentBytes).toBeGreaterThan(900_000);
    for (const { self } of deaf.puppets) world.system.send(self.ref, ({ connection }) => connection.abort());
    await world.settle();
  });

  test("a connection may have a handler and options of its own", async () => {
    const server = await world.open(listening().handler, { packet: 2 });
    const special = listening();
    const pool = startPool(
      world.system,
      [
        { id: "a", to: addressOf(server) },
        { id: "b", to: addressOf(server), handler: special.handler, options: { idleTimeoutMs: 5, packet: 4 } },
      ],
      { transport: tap(2).transport, packet: 2 },
      listening().handler,
    );
    await pool.connected(2);
    await world.manual.advance(5);
    expect(special.last().events).toEqual(["socketReady", "timeout"]);
    await pool.close();
  });

  test("in one's own tree is found by its name, and has what was added after a crash of its own", async () => {
    const server = await world.open(echo);
    const { definition, of } = definePool(world.system, connectionsTo([server], {}, 2), {}, listening().handler);
    const tree = defineSupervisor({
      children: [{ id: "pool", start: child(definition, undefined, { name: "backends" }) }],
    });
    await world.system.start(tree);
    const pool = of("backends");
    await pool.connected(1);
    await pool.add({ ...(connectionsTo([server], {}, 2)[0] as PoolConnection), id: "later" });
    await pool.add({ ...(connectionsTo([server])[0] as PoolConnection), id: "gone" });
    await pool.remove("gone");
    await pool.connected(2);
    expect(await whichChildren(world.system, "backends")).toMatchObject([
      { id: "later", type: "supervisor" },
      { id: "a", type: "supervisor" },
    ]);
    await world.kill(world.system.whereis("backends") as never);
    await pool.connected(2);
    expect(await states(pool)).toEqual({ a: "connected", later: "connected" });
    world.logged.length = 0;
  });
});
