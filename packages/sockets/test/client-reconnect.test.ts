import { type ExitReason, shutdown, sys } from "@espalier/actors";
import {
  type ClientEnd,
  type ClientOptions,
  type ClientStep,
  clientOf,
  ConnectError,
  defineClient,
  type Listener,
  NotConnectedError,
  type Reconnect,
} from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOf, attemptTimes, listening, order, pauses, tap, useClients } from "./support/client-world.ts";
import { echo, ignorant, polite, puppetry } from "./support/handlers.ts";
import { world } from "./support/server-world.ts";

useClients("memory");

const NOWHERE = "127.0.0.1:7";

/** A client that need not be connected at once. */
function start(to: string, options: ClientOptions = {}, { handler } = listening()) {
  const own = tap();
  const definition = defineClient(world.system, to, { transport: own.transport, ...options }, handler);
  const pid = world.system.spawn(definition, undefined, { id: "client" });
  return { own, pid, client: clientOf(world.system, pid), ended: world.system.exited(pid) };
}

async function connectedTo(server: Listener, options: ClientOptions = {}, mine = listening()) {
  const started = start(addressOf(server), options, mine);
  await started.client.connected();
  return { ...started, mine };
}

describe("the back-off", () => {
  test("grows by the factor up to the longest pause, to the millisecond", async () => {
    start(NOWHERE, { backoff: { initialMs: 100, factor: 3, maxMs: 2000, jitter: 0 } });
    await world.manual.advance(10_000);
    expect(attemptTimes()).toEqual([0, 100, 400, 1300, 3300, 5300, 7300, 9300]);
    expect(world.of("clientConnecting").map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(world.logged.splice(0)).toEqual([
      "warn client 127.0.0.1:7: cannot connect to 127.0.0.1:7: connection refused (ECONNREFUSED), attempt 1",
    ]);
  });

  test("has the defaults that the options say", async () => {
    start(NOWHERE);
    await world.manual.advance(200_000);
    const all = pauses();
    expect(all.length).toBeGreaterThan(8);
    for (const [index, pauseMs] of all.entries()) {
      const full = Math.min(500 * 2 ** index, 30_000);
      expect(pauseMs).toBeGreaterThan(full / 2);
      expect(pauseMs).toBeLessThanOrEqual(full);
    }
    expect(new Set(all.map((pause, index) => pause / Math.min(500 * 2 ** index, 30_000))).size).toBe(all.length);
    world.logged.length = 0;
  });

  test("begins anew after a connection that was stable, and not after one that was not", async () => {
    const theirs = listening();
    const server = await world.open(theirs.handler);
    const { client } = await connectedTo(server, { stableMs: 1000, backoff: { initialMs: 10, jitter: 0 } });
    for (const lasted of [999, 999, 1000, 999]) {
      await world.manual.advance(lasted);
      order(theirs.last(), "finish");
      await world.settle();
      await world.manual.advance(pauses().at(-1) ?? 0);
      await client.connected();
    }
    // The time of a pause is not part of what a connection has lasted.
    expect(pauses()).toEqual([10, 20, 10, 20]);
    expect(world.of("clientConnected").map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1, 2]);
  });
});

describe("giving up", () => {
  test("comes after so many attempts, as the error of the last one", async () => {
    const { ended } = start(NOWHERE, { attempts: 3, backoff: { initialMs: 10, jitter: 0 } });
    await world.manual.advance(1000);
    const reason = await ended;
    expect(attemptTimes()).toEqual([0, 10, 30]);
    expect(reason.type === "error" && reason.error).toBeInstanceOf(ConnectError);
    expect(reason).toMatchObject({ error: { reason: "ECONNREFUSED", attempt: 3 } });
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("is told to those who wait for a connection", async () => {
    const { client } = start(NOWHERE, { attempts: 2, backoff: { initialMs: 10, jitter: 0 } });
    const connected = client.connected().catch((error: unknown) => error);
    await world.manual.advance(10);
    expect(await connected).toBeInstanceOf(ConnectError);
    world.logged.length = 0;
  });

  test("happens too when connections do not last", async () => {
    const theirs = listening();
    const server = await world.open(theirs.handler);
    const { ended, client } = await connectedTo(server, { attempts: 2, backoff: { initialMs: 10, jitter: 0 } });
    await world.settle();
    order(theirs.last(), "finish");
    await world.manual.advance(10);
    await client.connected();
    await world.settle();
    order(theirs.last(), "finish");
    await world.settle();
    expect(await ended).toMatchObject({
      type: "error",
      error: { code: "ERR_CONNECT", reason: "unstable", attempt: 2 },
    });
    world.logged.length = 0;
  });

  test("may be answered by a long pause, after which attempts are counted anew", async () => {
    const plan = { gaveUp: { reconnectAfterMs: 5000 } };
    start(NOWHERE, { attempts: 2, plan, backoff: { initialMs: 10, jitter: 0 } });
    await world.manual.advance(12_000);
    expect(attemptTimes()).toEqual([0, 10, 5010, 5020, 10_020, 10_030]);
    expect(world.of("clientFailed").map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2, 1, 2]);
    world.logged.length = 0;
  });
});

describe("an attempt", () => {
  test("that gets no answer fails after its time", async () => {
    const server = await world.open(echo);
    const own = tap();
    own.isSilent = true;
    start(addressOf(server), {
      transport: own.transport,
      connectTimeoutMs: 250,
      backoff: { initialMs: 50, jitter: 0 },
    });
    await world.manual.advance(249);
    expect([world.of("clientFailed"), own.open]).toEqual([[], 1]);
    await world.manual.advance(1);
    expect(world.of("clientFailed")).toMatchObject([{ time: 250, error: { reason: "connectTimeout" } }]);
    expect(own.open).toBe(0);
    own.isSilent = false;
    await world.manual.advance(50);
    expect(world.of("clientConnected")).toMatchObject([{ time: 300, attempt: 2 }]);
    expect(world.logged.splice(0)).toEqual([expect.stringContaining("no answer in time (connectTimeout), attempt 1")]);
    expect(world.told.at(-1)).toContain("connected, attempt 2");
  });

  test("may take all the time there is", async () => {
    const server = await world.open(echo);
    const own = tap();
    own.isSilent = true;
    const { client } = start(addressOf(server), { transport: own.transport, connectTimeoutMs: "infinity" });
    await world.manual.advance(1e9);
    expect(await client.info()).toMatchObject({ state: "connecting", attempt: 1 });
  });

  test("is not made without a descriptor to spare", async () => {
    const own = tap();
    const transport = { ...own.transport, hasRoom: false };
    const { ended } = start(NOWHERE, { transport, attempts: 1 });
    expect(await ended).toMatchObject({ error: { reason: "EMFILE" } });
    expect(own.sockets).toEqual([]);
    world.logged.length = 0;
  });

  test("that finds itself has found nobody", async () => {
    const own = tap();
    const self = { host: "127.0.0.1", port: 7 };
    const transport = {
      ...own.transport,
      hasRoom: true,
      connect(...[, events]: Parameters<typeof own.transport.connect>) {
        let isClosed = false;
        queueMicrotask(() => events.connected());
        const socket = own.transport.connect(
          { host: "127.0.0.1", port: 8 },
          { ...events, connected() {}, closed() {} },
        );
        return new Proxy(socket, {
          get(target, key) {
            if (key === "local" || key === "peer") return self;
            if (key === "setEvents") return () => undefined;
            if (key !== "close") return Reflect.get(target, key, target);
            return () => {
              if (!isClosed) queueMicrotask(() => events.closed(undefined));
              isClosed = true;
              target.close("now");
            };
          },
        });
      },
    };
    start(NOWHERE, { transport });
    await world.settle();
    expect(world.of("clientFailed")).toMatchObject([{ error: { reason: "ECONNREFUSED" } }]);
    expect(world.of("clientConnected")).toEqual([]);
    world.logged.length = 0;
  });
});

/** How to bring about each kind of end. */
type Kind = Exclude<ClientEnd["kind"], "gaveUp">;

async function endBy(kind: Kind, options: ClientOptions = {}) {
  const theirs = listening();
  const server = await world.open(theirs.handler, { name: `server ${world.listeners.length}` });
  if (kind === "connectFailed") {
    await server.close();
    const started = start(addressOf(server), options);
    await world.settle();
    return started;
  }
  const started = await connectedTo(server, options);
  await world.settle();
  if (kind === "closed") order(theirs.last(), "finish");
  else if (kind === "broken") theirs.last().connection.abort();
  else if (kind === "finished") order(started.mine.last(), "finish");
  else order(started.mine.last(), "boom");
  await world.settle();
  return started;
}

const policies: ReadonlyArray<readonly [Reconnect, readonly Kind[]]> = [
  ["never", []],
  ["onError", ["connectFailed", "broken", "crashed"]],
  ["always", ["connectFailed", "closed", "broken", "finished", "crashed"]],
];
const kinds: readonly Kind[] = ["connectFailed", "closed", "broken", "finished", "crashed"];

/** As what a client ends that does not connect anew. */
const reasons: Readonly<Record<Kind, ExitReason["type"]>> = {
  connectFailed: "error",
  closed: "shutdown",
  broken: "shutdown",
  finished: "shutdown",
  crashed: "error",
};

describe.each(policies)("reconnect: %s", (reconnect, after) => {
  test.each(kinds)("after %s", async (kind) => {
    const { pid, ended } = await endBy(kind, { reconnect });
    const outcome = world.system.isAlive(pid) ? "reconnects" : (await ended).type;
    const expected = after.includes(kind) ? "reconnects" : reasons[kind];
    expect([outcome, pauses().length]).toEqual([expected, expected === "reconnects" ? 1 : 0]);
    world.logged.length = 0;
  });
});

test("a handler that has closed its connection itself has finished, whatever the peer does then", async () => {
  const theirs = listening();
  const server = await world.open(theirs.handler);
  const { mine, own } = await connectedTo(server, { reconnect: "never" });
  await world.settle();
  mine.last().connection.close();
  await world.settle();
  expect([theirs.last().events, own.open]).toEqual([["socketReady", "closed"], 0]);
  order(mine.last(), "finish");
  await world.settle();
  expect(world.of("clientDisconnected")).toMatchObject([{ kind: "finished" }]);
});

describe("a plan", () => {
  const steps: ReadonlyArray<readonly [ClientStep, object]> = [
    ["reconnect", { pauses: [500] }],
    [{ reconnectAfterMs: 123 }, { pauses: [123] }],
    ["stop", { reason: { type: "shutdown", detail: "peerClosed" } }],
    [{ stop: shutdown("enough") }, { reason: { type: "shutdown", detail: "enough" } }],
    ["default", { reason: { type: "shutdown", detail: "peerClosed" } }],
  ];

  test.each(steps)("that says %j has its way, by the kind of end or by a function", async (step, outcome) => {
    for (const plan of [{ closed: step }, () => step]) {
      const before = pauses().length;
      const { pid, ended, client } = await endBy("closed", { reconnect: "onError", plan, backoff: { jitter: 0 } });
      const isThere = world.system.isAlive(pid);
      expect(isThere ? { pauses: pauses().slice(before) } : { reason: await ended }).toEqual(outcome);
      await client.close();
    }
  });

  test("is told how it ended, and for how long it had been well", async () => {
    const ends: ClientEnd[] = [];
    const plan = (end: ClientEnd): ClientStep => {
      ends.push(end);
      return "default";
    };
    const theirs = listening();
    const server = await world.open(theirs.handler);
    const { mine } = await connectedTo(server, { plan, backoff: { initialMs: 10, jitter: 0 } });
    await world.manual.advance(1234);
    order(mine.last(), "boom");
    await server.close();
    await world.manual.advance(10);
    expect(ends).toMatchObject([
      { kind: "crashed", reason: { type: "error" }, attempt: 1, lastedMs: 1234, error: undefined },
      { kind: "connectFailed", attempt: 2, lastedMs: 0, error: { reason: "ECONNREFUSED" } },
    ]);
    world.logged.length = 0;
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no plan");
      },
      { message: "no plan" },
    ],
    ["answers something else", () => "delete", { code: "ERR_BAD_RETURN" }],
  ])("that %s crashes the client", async (_what, plan, expected) => {
    const { ended } = await endBy("closed", { plan: plan as () => ClientStep });
    expect(await ended).toMatchObject({ type: "error", error: expected });
    world.logged.length = 0;
  });
});

describe("reconnect, by hand", () => {
  test("cuts the pause short, and counts anew", async () => {
    const { client } = start(NOWHERE, { backoff: { initialMs: 1000, jitter: 0 } });
    await world.manual.advance(1500);
    await client.reconnect();
    await world.manual.advance(1000);
    expect(attemptTimes()).toEqual([0, 1000, 1500, 2500]);
    expect(world.of("clientConnecting").map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);
    world.logged.length = 0;
  });

  test("when the pause is over at the same moment begins one attempt, and not two", async () => {
    const { client, pid, own } = start(NOWHERE, { backoff: { initialMs: 1000, jitter: 0 } });
    await world.settle();
    await sys.suspend(world.system, pid);
    const asked = client.reconnect();
    await world.manual.advance(1000);
    await sys.resume(world.system, pid);
    await asked;
    await world.settle();
    expect([attemptTimes(), own.sockets.length]).toEqual([[0, 1000], 2]);
    world.logged.length = 0;
  });

  test("leaves an attempt alone that is under way", async () => {
    const server = await world.open(echo);
    const own = tap();
    own.isSilent = true;
    const { client } = start(addressOf(server), { transport: own.transport });
    await client.reconnect();
    expect(own.sockets).toHaveLength(1);
  });

  test("replaces the connection, whatever the plan says", async () => {
    const server = await world.open(echo);
    const { client, mine } = await connectedTo(server, { reconnect: "never" });
    await client.reconnect();
    await world.settle();
    expect(await client.info()).toMatchObject({ state: "connected", connections: 2, attempt: 1 });
    expect([mine.connections.length, pauses()]).toEqual([2, []]);
  });

  test("kills a handler that takes longer than it may", async () => {
    const server = await world.open(puppetry({ react: (_event, { connection }) => connection.activate() }).handler);
    // It waits for an answer to its goodbye.
    const handler = polite as never;
    const options = { shutdown: 700, reconnect: "never" } as const;
    const { client, ended } = await connectedTo(server, options, { ...listening(), handler });
    await client.reconnect();
    // It is told once.
    await client.reconnect();
    await world.manual.advance(699);
    expect(await client.info()).toMatchObject({ connections: 1 });
    await world.manual.advance(1);
    const info = await client.info();
    expect(info).toMatchObject({ state: "connected", connections: 2 });
    world.system.kill(info.handler as never);
    // What it has sent gets as long as it would have had itself.
    await world.manual.advance(700);
    expect(await ended).toEqual({ type: "killed" });
    world.logged.length = 0;
  });
});

test("the next attempt waits until the last socket has sent what it was given, so long at most", async () => {
  // A server that reads nothing, and keeps its side open.
  const deaf = puppetry();
  const server = await world.open(deaf.handler, { idleTimeoutMs: "infinity" });
  const { own, mine } = await connectedTo(server, { sendTimeoutMs: 3000, backoff: { initialMs: 100, jitter: 0 } });
  mine.last().connection.send(Buffer.alloc(1_000_000));
  order(mine.last(), "finish");
  await world.manual.advance(2999);
  expect([world.of("clientWaiting").length, attemptTimes(), own.open]).toEqual([1, [0], 1]);
  await world.manual.advance(1);
  expect([attemptTimes(), own.most]).toEqual([[0, 3000], 1]);
  for (const { self } of deaf.puppets) world.system.send(self.ref, ({ connection }) => connection.abort());
});

test("a client that waits for its last socket to have sent has no connection, and says so", async () => {
  const deaf = puppetry();
  const server = await world.open(deaf.handler, { idleTimeoutMs: "infinity" });
  const { client, mine } = await connectedTo(server, { sendTimeoutMs: 3000 });
  mine.last().connection.send(Buffer.alloc(1_000_000));
  await client.reconnect();
  await world.settle();
  expect(await client.info()).toMatchObject({ state: "waiting", retryInMs: 0, handler: undefined, connections: 1 });
  expect(await client.send("lost")).toEqual({ ok: false, error: "notConnected", state: "waiting" });
  await expect(client.call({ type: "who" })).rejects.toThrow(NotConnectedError);
  await world.manual.advance(3000);
  expect(await client.info()).toMatchObject({ state: "connected", connections: 2, attempt: 1 });
  for (const { self } of deaf.puppets) world.system.send(self.ref, ({ connection }) => connection.abort());
});

test("a machine need not mind the end of its socket, and idle time is its own business", async () => {
  const server = await world.open(echo, { idleTimeoutMs: "infinity" });
  const own = tap();
  const options: ClientOptions = { transport: own.transport, reconnect: "never", idleTimeoutMs: 400 };
  const pid = world.system.spawn(defineClient(world.system, addressOf(server), options, ignorant));
  const ended = world.system.exited(pid);
  await world.manual.advance(400);
  expect(await ended).toEqual({ type: "shutdown", detail: "idleTimeout" });
  expect(world.of("clientDisconnected")).toMatchObject([{ kind: "finished", time: 400 }]);
});

describe("a client that sends", () => {
  test("and is answered nothing stays connected for as long as the server is content, and needs no idle time of its own", async () => {
    const reading = puppetry({ react: (_event, { connection }) => connection.activate() });
    const server = await world.open(reading.handler, { idleTimeoutMs: 120_000 });
    const { client } = await connectedTo(server);
    for (let minute = 0; minute < 60; minute += 1) {
      await world.manual.advance(60_000);
      await client.send("news");
    }
    expect(await client.info()).toMatchObject({ state: "connected", connections: 1 });
  });

  test("and is answered nothing has a timeout by an idle time of its own, which counts what comes", async () => {
    const reading = puppetry({ react: (_event, { connection }) => connection.activate() });
    const server = await world.open(reading.handler);
    const { client, mine } = await connectedTo(server, { idleTimeoutMs: 90_000 });
    await world.manual.advance(60_000);
    await client.send("news");
    await world.manual.advance(29_999);
    expect(mine.last().events).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(mine.last().events).toEqual(["socketReady", "timeout"]);
  });

  test("nothing, since it is only told something, is ended by the idle time of the server", async () => {
    const server = await world.open(echo, { idleTimeoutMs: 120_000 });
    const { client } = await connectedTo(server, { backoff: { initialMs: 100, jitter: 0 } });
    await world.manual.advance(119_999);
    expect(await client.info()).toMatchObject({ state: "connected", connections: 1 });
    await world.manual.advance(200);
    expect(await client.info()).toMatchObject({ state: "connected", connections: 2 });
  });

  test("and lets nothing in does not hear that the server has closed", async () => {
    const server = await world.open(echo, { idleTimeoutMs: 120_000 });
    const deaf = puppetry();
    const { client } = await connectedTo(server, {}, { ...listening(), handler: deaf.handler });
    await world.manual.advance(3_600_000);
    expect(await client.info()).toMatchObject({ connections: 1, state: "connected" });
    for (const { self } of deaf.puppets) world.system.send(self.ref, ({ connection }) => connection.abort());
    await client.close();
  });
});

test("no pause is ever outside its bounds, whatever the options", async () => {
  const backoffs = fc.record({
    initialMs: fc.integer({ min: 1, max: 1000 }),
    extra: fc.integer({ min: 0, max: 10_000 }),
    factor: fc.double({ min: 1, max: 5, noNaN: true }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(backoffs, async ({ initialMs, extra, factor, jitter }) => {
      const maxMs = initialMs + extra;
      const before = world.events.length;
      const { client } = start(NOWHERE, { backoff: { initialMs, maxMs, factor, jitter } });
      // At least three pauses, however fast they grow.
      await world.manual.advance(50 * initialMs);
      await client.close();
      const events = world.events.slice(before);
      const seen = events.flatMap((event) => (event.type === "clientWaiting" ? [event.pauseMs] : []));
      const times = events.flatMap((event) => (event.type === "clientConnecting" ? [event.time] : []));
      expect(seen.length).toBeGreaterThanOrEqual(3);
      for (const [index, pauseMs] of seen.entries()) {
        const full = Math.min(initialMs * factor ** index, maxMs);
        expect(pauseMs).toBeLessThanOrEqual(full);
        expect(pauseMs).toBeGreaterThanOrEqual(full * (1 - jitter));
      }
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(gaps.every((gap, index) => Math.abs(gap - (seen[index] ?? 0)) < 1e-6)).toBe(true);
    }),
    { numRuns: 100 },
  );
  world.logged.length = 0;
});
