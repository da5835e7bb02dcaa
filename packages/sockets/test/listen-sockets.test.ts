import {
  type Listener,
  type ListenerOptions,
  startSockets,
  tcpTransport,
  tlsTransport,
  type Transport,
} from "@espalier/sockets";
import { memoryTransport } from "@espalier/sockets/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canReusePort } from "../src/transports/reuse-port.ts";
import { createAuthority } from "./support/certificates.ts";
import { echo } from "./support/handlers.ts";
import { ServerWorld, transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

const tcp = tcpTransport();
/** Where several sockets can share a port. */
const sharing = transports.filter((transport) => transport === "memory" || tcp.canReusePort === true);

const four: ListenerOptions = { reusePort: true, listenSockets: 4 };

async function echoes(client: SocketRecorder): Promise<boolean> {
  const before = client.receivedBytes;
  client.write("alive");
  await client.until(() => client.isClosed || client.receivedBytes === before + 5);
  return !client.isClosed;
}

/** What becomes of so many clients that come at once. The system deals them out to whoever shares the port. */
function visit(to: Listener | number, count: number): Promise<boolean[]> {
  return Promise.all(Array.from({ length: count }, () => echoes(world.startConnecting(to))));
}

const all = (count: number, value: boolean): boolean[] => Array<boolean>(count).fill(value);

describe.each(sharing)("%s", (transport) => {
  useWorld(transport);

  test("several sockets listen on one address, and all of them serve", async () => {
    const accepted: number[] = [];
    const counting: Transport = {
      ...world.watched,
      listen(options, events) {
        const index = accepted.push(0) - 1;
        return world.watched.listen(options, {
          listening: (address) => events.listening(address),
          failed: (code) => events.failed(code),
          closed: () => events.closed(),
          accepted(socket) {
            accepted[index] = (accepted[index] ?? 0) + 1;
            events.accepted(socket);
          },
        });
      },
    };
    const server = await startSockets(world.system, { name: "counting", transport: counting });
    const listener = await server.open("echo", "127.0.0.1:0", four, echo);
    world.listeners.push(listener);
    expect(world.listenedOn.map(({ port, reusePort }) => [port, reusePort])).toEqual(
      [0, listener.port, listener.port, listener.port].map((port) => [port, true]),
    );
    expect(await visit(listener, 64)).toEqual(all(64, true));
    expect(accepted).toHaveLength(4);
    expect(accepted.every((count) => count > 0)).toBe(true);
    expect(accepted.reduce((sum, count) => sum + count, 0)).toBe(64);
    expect(listener.stats.accepted).toBe(64);
  });

  test.for([0, 1, 2, 3])("the loss of socket %i is the loss of all, and connections do not notice", async (lost) => {
    const listener = await world.open(echo, four);
    const [port, clients] = [listener.port, await world.connectMany(listener, 8)];
    world.listening[lost]?.close();
    await world.until(() => world.of("listening").length === 2);
    await world.settle();
    expect([listener.port, listener.status, world.listening.length]).toEqual([port, "running", 8]);
    expect(await Promise.all(clients.map(echoes))).toEqual(all(8, true));
    expect(await visit(port, 32)).toEqual(all(32, true));
    expect(world.logged.splice(0)).toEqual([
      expect.stringContaining("error: ListeningSocketLost: the listening socket is gone"),
      expect.stringContaining("ListeningSocketLost"),
    ]);
  });

  test("several lost at once cost one crash", async () => {
    const listener = await world.open(echo, four);
    for (const socket of world.listening.slice(1)) socket.close();
    await world.until(() => world.of("listening").length === 2);
    await world.settle();
    expect(await visit(listener, 8)).toEqual(all(8, true));
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("suspending closes every one of them, and resuming opens as many again", async () => {
    const listener = await world.open(echo, four);
    const { port } = listener;
    const [client] = (await world.connectMany(listener, 1)) as [SocketRecorder];
    await listener.suspend();
    expect(await visit(port, 16)).toEqual(all(16, false));
    await listener.resume();
    expect([listener.port, world.listening.length]).toEqual([port, 8]);
    expect(await visit(listener, 16)).toEqual(all(16, true));
    expect(await echoes(client)).toBe(true);
  });

  test("reopening and draining mean all of them", async () => {
    const { port } = await world.open(echo, four);
    const again = await world.sockets.reopen("echo", "127.0.0.1:0");
    world.listeners.push(again);
    expect([again.port, world.listening.length]).toEqual([port, 8]);
    expect(await visit(again, 16)).toEqual(all(16, true));
    await again.drain();
    expect(await visit(port, 16)).toEqual(all(16, false));
  });

  test("their number is changed by the next resume", async () => {
    const listener = await world.open(echo);
    await listener.setOptions({ ...four, listenSockets: 3 });
    expect(listener.info.options).toMatchObject({ reusePort: true, listenSockets: 3 });
    await listener.suspend();
    await listener.resume();
    expect(world.listening).toHaveLength(1 + 3);
    await listener.setOptions({ reusePort: false, listenSockets: 1 });
    await listener.suspend();
    await listener.resume();
    expect(world.listening).toHaveLength(1 + 3 + 1);
    expect(await visit(listener, 4)).toEqual(all(4, true));
  });

  test("two listeners share a port if both want to, as two processes do", async () => {
    const first = await world.open(echo, { reusePort: true });
    const on = `127.0.0.1:${first.port}`;
    await expect(world.open(echo, { name: "selfish", on })).rejects.toMatchObject({ reason: "EADDRINUSE" });
    const second = await world.open(echo, { name: "second", on, reusePort: true });
    expect(await visit(first, 64)).toEqual(all(64, true));
    expect(first.stats.accepted + second.stats.accepted).toBe(64);
    expect(Math.min(first.stats.accepted, second.stats.accepted)).toBeGreaterThan(0);
    await first.close();
    expect(await visit(second, 8)).toEqual(all(8, true));
    world.logged.length = 0;
  });
});

describe("a socket that cannot be bound", () => {
  useWorld("memory");

  test.for([1, 2, 3])("fails the others, number %i being refused: ERR_LISTEN, and none is left", async (refused) => {
    let asked = 0;
    const { memory } = world;
    const moody: Transport = {
      ...memory,
      listen(options, events) {
        asked += 1;
        return memory.listen({ ...options, reusePort: asked - 1 !== refused }, events);
      },
    };
    const server = await startSockets(world.system, { name: "moody", transport: moody });
    const opening = server.open("echo", "127.0.0.1:0", four, echo);
    await expect(opening).rejects.toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE" });
    await world.settle();
    expect([server.listeners(), memory.openListeners]).toEqual([[], 0]);
    expect(world.logged.splice(0)).toEqual([expect.stringContaining("startError")]);
    expect(await world.sockets.open("echo", "127.0.0.1:0", four, echo)).toMatchObject({ status: "running" });
  });
});

type Step =
  | { readonly do: "connect" | "suspend" | "resume" | "reopen" }
  | { readonly do: "lose"; readonly which: number }
  | { readonly do: "setOptions"; readonly listenSockets: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constantFrom("connect" as const, "suspend" as const, "resume" as const, "reopen" as const) }),
    fc.record({ do: fc.constant("lose" as const), which: fc.nat(3) }),
    fc.record({ do: fc.constant("setOptions" as const), listenSockets: fc.integer({ min: 1, max: 4 }) }),
  ),
  { maxLength: 12 },
);

test("whatever is done to it, a listener has all its sockets or none", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (first, plan) => {
      const own = await new ServerWorld("memory").start();
      let listener = await own.open(echo, { reusePort: true, listenSockets: first });
      let [wanted, open, isSuspended] = [first, first, false];
      for (const step of plan) {
        if (step.do === "connect" && !isSuspended) await own.connectMany(listener, 1);
        if (step.do === "suspend") await listener.suspend();
        if (step.do === "resume") await listener.resume();
        if (step.do === "setOptions") await listener.setOptions({ listenSockets: step.listenSockets });
        if (step.do === "lose" && !isSuspended) own.listening.at(-1 - (step.which % open))?.close();
        if (step.do === "reopen") {
          listener = await own.sockets.reopen("echo", "127.0.0.1:0");
          own.listeners.push(listener);
        }
        await own.settle();
        if (step.do === "setOptions") wanted = step.listenSockets;
        // What was asked for meanwhile counts as soon as they are opened again.
        else if (step.do === "reopen" || (step.do === "resume" && isSuspended)) open = wanted;
        else if (step.do === "lose" && !isSuspended) open = wanted;
        if (step.do === "suspend") isSuspended = true;
        if (step.do === "resume" || step.do === "reopen") isSuspended = false;
        expect(own.memory.openListeners).toBe(isSuspended ? 0 : open);
        expect(listener.status).toBe(isSuspended ? "suspended" : "running");
      }
      own.logged.length = 0;
      await own.dispose();
    }),
    { numRuns: 60 },
  );
});

describe("what is asked for", () => {
  useWorld("memory");

  const faults: ReadonlyArray<readonly [ListenerOptions, string]> = [
    [{ listenSockets: 2 }, "listenSockets must be 1 unless reusePort is true, got 2"],
    [
      { reusePort: true, listenSockets: 3, acceptors: 2 },
      "listenSockets must be at most the number of acceptors, 2, got 3",
    ],
  ];

  test.for(faults)("%j is refused: ERR_INVALID_OPTION", async ([options, fault]) => {
    const message = `invalid option: ${fault}`;
    await expect(world.open(echo, options)).rejects.toMatchObject({ code: "ERR_INVALID_OPTION", message });
    const listener = await world.open(echo);
    await expect(listener.setOptions(options)).rejects.toMatchObject({ code: "ERR_INVALID_OPTION", message });
    expect(listener.info.options).toMatchObject({ reusePort: false, listenSockets: 1, acceptors: 16 });
  });

  test("of acceptors may not be less than there are sockets", async () => {
    const listener = await world.open(echo, four);
    await expect(listener.setOptions({ acceptors: 3 })).rejects.toMatchObject({
      issues: [{ option: "listenSockets" }],
    });
    expect(await listener.acceptors()).toHaveLength(16);
  });

  test("of a unix socket is refused, and so is what a transport cannot; with all else that is wrong", async () => {
    const opening = world.open(echo, { on: "unix:/tmp/never.sock", reusePort: true, maxClients: 0 });
    await expect(opening).rejects.toMatchObject({
      issues: [{ option: "maxClients" }, { option: "reusePort", expected: "false for a unix socket" }],
    });
    const { canReusePort: _can, ...simple } = world.memory;
    const server = await startSockets(world.system, { name: "simple", transport: { ...simple, name: "simple" } });
    await expect(server.open("echo", 0, { reusePort: true }, echo)).rejects.toThrow(
      "invalid option: reusePort must be false on the transport simple, got true",
    );
    expect(world.listenedOn).toEqual([]);
  });
});

test("TLS can what it stands on can", () => {
  const identity = createAuthority().issue("server", "IP:127.0.0.1");
  const memory = memoryTransport();
  const { canReusePort: _can, ...simple } = memory;
  const facts = [memory, { ...simple, reusePortNeeds: "luck" }, simple].map((over) => {
    const { canReusePort: can, reusePortNeeds: needs } = tlsTransport({ ...identity, over });
    return [can, needs];
  });
  expect(facts).toEqual([
    [true, undefined],
    [false, "luck"],
    [false, undefined],
  ]);
});

describe("real sockets", () => {
  useWorld("tcp");

  test("share a port where this Node can; elsewhere it says what it takes, before anything starts", async () => {
    const outcome = await world.open(echo, four).then(({ status }) => status, String);
    const refusal =
      "InvalidOptionError: invalid option: reusePort must be false here (it needs Node 22.12, or 23.1 and later, on Linux, FreeBSD, Solaris or AIX), got true";
    const [expected, sockets] = tcp.canReusePort === true ? ["running", 4] : [refusal, 0];
    expect([outcome, world.listening.length, world.sockets.listeners().length]).toEqual([
      expected,
      sockets,
      Math.min(sockets, 1),
    ]);
  });

  test.for([
    ["20.20.2", "linux", false],
    ["22.11.0", "linux", false],
    ["22.12.0", "linux", true],
    ["23.0.0", "linux", false],
    ["23.1.0", "linux", true],
    ["24.0.0", "freebsd", true],
    ["26.10.0", "linux", true],
    ["26.10.0", "darwin", false],
    ["26.10.0", "win32", false],
  ] as const)("Node %s on %s can share ports: %s", ([version, platform, expected]) => {
    expect(canReusePort(version, platform)).toBe(expected);
  });
});
