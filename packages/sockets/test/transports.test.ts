import { execFileSync } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Server, Socket } from "node:net";
import { constants } from "node:os";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryTransport, type MemoryTransportOptions } from "../src/testing/memory-transport.ts";
import { descriptors } from "../src/transports/descriptors.ts";
import { fastTransport } from "../src/transports/fast.ts";
import { tcpTransport } from "../src/transports/tcp.ts";
import { unixTransport } from "../src/transports/unix.ts";
import type { Transport, TransportSocket } from "../src/transport.ts";
import { SecureSocket } from "../src/transports/secure-socket.ts";
import { tlsTransport } from "../src/transports/tls.ts";
import { createAuthority } from "./support/certificates.ts";
import { directoryOfBlock } from "./support/directories.ts";
import type { ListenRecorder, Reaction } from "./support/socket-recorder.ts";
import { transportLaws } from "./support/transport-parity.ts";
import { echo, type Pair, pattern, type Subject, World } from "./support/transport-world.ts";

function tcp(transport: Transport = tcpTransport()): Subject {
  return {
    transport,
    beyondBuffers: 16 * 1024 * 1024,
    openHandles: () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length,
  };
}

function fast(): Subject {
  const transport = fastTransport();
  if (transport.fallback !== undefined) throw new Error(transport.fallback);
  return tcp(transport);
}

interface HandlePrototype {
  setNoDelay(isOn: boolean): number;
  setKeepAlive(isOn: boolean, delay: number): number;
  writeBuffer(): number;
}

/** That of the handles below Node's sockets. */
function handlePrototype(): HandlePrototype {
  const insides = process as unknown as { binding(name: string): { TCP: { prototype: HandlePrototype } } };
  return insides.binding("tcp_wrap").TCP.prototype;
}

function pipes(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length;
}

/** Where unix sockets are made. */
const directory = directoryOfBlock();

function unix(): Subject {
  // This process talks to its parent through pipes of its own.
  const before = pipes();
  return {
    transport: unixTransport(),
    beyondBuffers: 16 * 1024 * 1024,
    directory,
    refusal: "ENOENT",
    hasReset: false,
    openHandles: () => pipes() - before,
  };
}

const authority = createAuthority();
const identity = authority.issue("server", "IP:127.0.0.1,DNS:localhost");

function isUp(socket: TransportSocket): boolean {
  return socket instanceof SecureSocket && socket.tls !== undefined;
}

/** @param under - what TLS stands on */
function tls(under: Subject): Subject {
  const transport = tlsTransport({ ...identity, over: under.transport, client: { ca: authority.cert } });
  return { ...under, transport, isUp, isStill: false };
}

function memory(options?: MemoryTransportOptions): Subject {
  const transport = memoryTransport(options);
  return { transport, beyondBuffers: 200_000, openHandles: () => transport.openSockets + transport.openListeners };
}

describe.each([
  ["tcp", () => tcp()],
  ["fast", fast],
  ["unix", unix],
  ["memory", memory],
  ["tls", () => tls(tcp())],
  ["tls on fast", () => tls(fast())],
  // TLS reads ahead what newer versions of Node hold for a paused reader: more than all that memory would.
  ["tls on memory", () => tls({ ...memory(), beyondBuffers: 1_000_000 })],
  ["memory that cuts everything into small pieces", () => memory({ capacity: 4096, chunk: (bytes) => bytes / 3 })],
])("%s", (_name, create) => {
  transportLaws(create());
});

/** Node's server as well, to which a test can do what only the system does. */
async function listenAndReveal(world: World, react?: Reaction): Promise<[ListenRecorder, Server]> {
  const servers: Server[] = [];
  const reveal = (message: unknown): unknown => servers.push((message as { server: Server }).server);
  subscribe("tracing:net.server.listen:asyncStart", reveal);
  const listener = await world.listen({}, react);
  unsubscribe("tracing:net.server.listen:asyncStart", reveal);
  const [server] = servers;
  if (server === undefined) throw new Error("no server was made");
  return [listener, server];
}

function systemError(code: string): Error {
  return Object.assign(new Error(`accept ${code}`), { code });
}

function fail(message: string): never {
  throw new Error(message);
}

/** What each `data` brought, of the bytes `abcdef` written as three. */
async function arrivals(options: MemoryTransportOptions): Promise<string[]> {
  const chunks: string[] = [];
  const world = new World(memory(options));
  const { client, server } = await world.pair({
    server: (name, _recorder, bytes) => {
      if (name === "data") chunks.push(Buffer.from(bytes).toString());
    },
  });
  server.resume();
  for (const part of ["ab", "cde", "f"]) client.write(part);
  await server.bytes(6);
  await world.dispose();
  return chunks;
}

/** What both transports of TCP ask the system through. */
const insides = [
  ["tcp", () => tcp(), Socket.prototype, "write"],
  ["fast", fast, handlePrototype(), "writeBuffer"],
] as const;

describe.each(insides)("%s", (_name, create, prototype, write) => {
  let world: World;

  beforeEach(() => {
    world = new World(create());
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await world.dispose();
  });

  test("without a host it takes IPv4 and IPv6, and shows IPv4 as IPv4", async () => {
    const listener = await world.listen({ host: "any" });
    expect(listener.address.host).toBe("::");
    for (const host of ["127.0.0.1", "::1"])
      await world.startConnecting(listener.port, undefined, host).next("connected");
    await listener.connection(1);
    const hosts = listener.accepted.map(({ socket }) => `${socket.peer?.host} at ${socket.local?.host}`);
    expect(new Set(hosts)).toEqual(new Set(["127.0.0.1 at 127.0.0.1", "::1 at ::1"]));
  });

  test("options are asked of the system, those that stay as they are too", async () => {
    const noDelay = vi.spyOn(prototype, "setNoDelay");
    const keepAlive = vi.spyOn(prototype, "setKeepAlive");
    const { server } = await world.pair();
    noDelay.mockClear();
    server.setOptions({ noDelay: false, keepAlive: true });
    server.setOptions({ noDelay: true, keepAlive: true });
    expect([noDelay, keepAlive].map(({ mock }) => mock.calls.map(([isOn]) => isOn))).toEqual([
      [false, true],
      [true, true],
    ]);
  });

  test("an address of somebody else fails with EADDRNOTAVAIL", async () => {
    expect(await world.startListening({ host: "192.0.2.1" }).next("failed")).toBe("EADDRNOTAVAIL");
  });

  test("a name that is none fails to be listened on, and to be connected to", async () => {
    const listener = world.startListening({ host: "no such name" });
    expect(await listener.next("failed")).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    const client = world.startConnecting(1, undefined, "no such name");
    expect(await client.next("closed")).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    expect([listener.log, client.log]).toEqual([["failed"], ["closed"]]);
  });

  test("what is no address is thrown at, and counts as no socket", () => {
    const before = descriptors.sockets;
    const noDelay = true;
    const events = { connected() {}, data() {}, end() {}, drain() {}, closed() {} };
    const { transport } = create();
    expect(() => transport.connect({ host: "127.0.0.1", port: 70_000, noDelay }, events)).toThrow(RangeError);
    const from = { localHost: "nonsense", noDelay };
    expect(() => transport.connect({ host: "127.0.0.1", port: 1, ...from }, events)).toThrow(TypeError);
    expect(descriptors.sockets).toBe(before);
  });

  test("a connection whose peer is gone before it is accepted is delivered without a peer", async () => {
    const listener = await world.listen();
    const resetting = `const s = require("node:net").connect(${listener.port}, "127.0.0.1", () => s.resetAndDestroy())`;
    // This process is blocked until the other one is over, and accepts only then.
    execFileSync(process.execPath, ["-e", resetting]);
    const server = await listener.connection(0);
    expect(server.socket.peer).toBeUndefined();
    server.resume();
    expect(await server.next("closed")).toBe("ECONNRESET");
  });

  test("bytes and a reset that arrive together are never taken for a stream that ended", async () => {
    const { client, server } = await world.pair();
    client.resume();
    // Not a whole number of read buffers, upon which the libuv of Node 20 guesses.
    server.write(Buffer.alloc(100_000, 1));
    server.close("reset");
    expect(await client.next("closed")).toBe("ECONNRESET");
    expect(client.count("end")).toBe(0);
  });

  test("an error of the listening socket closes it, and its connections stay", async () => {
    const [listener, nodeServer] = await listenAndReveal(world, echo);
    const client = await world.connect(listener.port);
    const server = await listener.connection(0);
    nodeServer.emit("error", systemError("EINVAL"));
    await listener.next("closed");
    nodeServer.emit("error", systemError("EINVAL"));
    client.resume();
    server.resume();
    client.write("alive");
    expect(await client.text(5)).toBe("alive");
    expect(listener.log).toEqual(["listening", "accepted", "closed"]);
  });

  test("an error of one connection that was not accepted yet does not close the listening socket", async () => {
    const [listener, nodeServer] = await listenAndReveal(world);
    nodeServer.emit("error", systemError("EPROTO"));
    await world.connect(listener.port);
    await listener.connection(0);
    expect(listener.log).toEqual(["listening", "acceptFailed", "accepted"]);
  });

  test("all answers to what one read brings are one write", async () => {
    const { client, server } = await world.pair({
      server: (name, recorder, bytes) => {
        if (name === "data") for (const byte of bytes) recorder.put(Uint8Array.of(byte));
      },
    });
    client.resume();
    server.resume();
    client.write("a hundred answers or so");
    const writes = vi.spyOn(prototype as unknown as Record<string, () => unknown>, write);
    expect(await client.text(23)).toBe("a hundred answers or so");
    expect(writes).toHaveBeenCalledOnce();
  });

  test("what is written to a socket in a tick is one write, also behind promises, and of no other socket", async () => {
    const [one, other] = [await world.pair(), await world.pair()];
    const writes = vi.spyOn(prototype as unknown as Record<string, () => unknown>, write);
    for (const { client, server } of [one, other]) {
      client.resume();
      for (const part of ["a", "b", "c"]) server.put(part);
    }
    expect(writes).not.toHaveBeenCalled();
    await Promise.resolve();
    one.server.put("d");
    await Promise.resolve();
    one.server.put("e");
    expect([await one.client.text(5), await other.client.text(3)]).toEqual(["abcde", "abc"]);
    expect(writes).toHaveBeenCalledTimes(2);
    one.server.put("f");
    one.server.put(pattern(100_000));
    const sizes = writes.mock.calls
      .slice(2)
      .map((call) => (call as readonly unknown[]).find((given) => given instanceof Uint8Array));
    expect(sizes.map((bytes) => (bytes as Uint8Array).length)).toEqual([1, 100_000]);
  });

  test("what is written while data is handled is sent before the socket is closed now", async () => {
    const { client, server } = await world.pair({
      server: (name, recorder) => {
        if (name !== "data") return;
        for (const part of ["good", "bye"]) recorder.put(part);
        recorder.close("now");
      },
    });
    client.resume();
    server.resume();
    client.write("?");
    await client.next("end");
    expect(client.received.toString()).toBe("goodbye");
  });
});

describe.each([
  ["tcp", () => tcp()],
  ["unix", unix],
  ["fast", fast],
  ["tls on fast", () => tls(fast())],
])("what is written, %s", (_name, create) => {
  let world: World;

  beforeEach(() => {
    world = new World(create());
  });

  afterEach(async () => {
    await world.dispose();
  });

  test.each([
    ["while data is handled", (write: () => void) => write()],
    ["in a tick of its own", (write: () => void) => process.nextTick(write)],
    ["behind a promise", (write: () => void) => void Promise.resolve().then(write)],
    ["in parts of it, each in another tick", undefined],
  ])(
    "%s arrives, all of it and in order, however large, and whatever is called after it",
    { timeout: 20_000 },
    async (_when, when) => {
      const size = fc.oneof(fc.nat(100), fc.nat(100_000));
      const step = fc.oneof(size, fc.constant("look" as const));
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 20 }),
          fc.constantFrom("end" as const, "flush" as const),
          async (steps, end) => {
            const sizes = steps.filter((next) => next !== "look");
            const stream = pattern(sizes.reduce((sum, next) => sum + next, 0));
            const looks: number[] = [];
            let offset = 0;
            const { client, server } = await world.pair({
              server: (name, recorder) => {
                if (name !== "data") return;
                const acts = steps.map((next) => () => {
                  if (next === "look") looks.push(recorder.socket.unsentBytes);
                  else recorder.put(Buffer.from(stream.subarray(offset, (offset += next))));
                });
                acts.push(() => (end === "end" ? recorder.end() : recorder.close("flush")));
                if (when === undefined) void inTurn(acts);
                else when(() => acts.forEach((act) => act()));
              },
            });
            client.resume();
            server.resume();
            client.write("?");
            await client.next("end");
            expect(client.received.equals(stream)).toBe(true);
            expect([looks.length, server.socket.bytesSent]).toEqual([steps.length - sizes.length, stream.length]);
            client.close("flush");
            await server.next(end === "end" ? "end" : "closed");
          },
        ),
        { numRuns: 15 },
      );
    },
  );
});

/** At once, behind a promise, in the next tick, and so on. */
async function inTurn(acts: ReadonlyArray<() => void>): Promise<void> {
  for (const [index, act] of acts.entries()) {
    act();
    if (index % 3 === 1) await Promise.resolve();
    else if (index % 3 === 2) await new Promise<void>((resolve) => process.nextTick(resolve));
  }
}

describe.each([
  ["tcp", () => tcp()],
  ["unix", unix],
  ["fast", fast],
])("what is written while data is handled and is not all taken, %s", (_name, create) => {
  let world: World;
  let written = 0;

  const generous: Reaction = (name, recorder) => {
    if (name !== "data") return;
    for (let part = 0; part < 4; part += 1) recorder.put(pattern(10_000));
    written += 40_000;
  };

  /** A reader that does not read, until its writer notices. */
  async function pile(react: Reaction): Promise<Pair> {
    written = 0;
    const { client, server } = await world.pair({ server: react });
    server.resume();
    while (server.log.at(-1) !== "unsent" && !server.isClosed) {
      client.write(".");
      await world.settle();
    }
    return { client, server };
  }

  beforeEach(() => {
    world = new World(create());
  });

  afterEach(async () => {
    await world.dispose();
  });

  test("is told of, and drains", async () => {
    const { client, server } = await pile(generous);
    expect(server.socket.unsentBytes).toBeGreaterThan(0);
    client.resume();
    await server.next("drain");
    const expected = Buffer.concat(Array.from({ length: written / 10_000 }, () => pattern(10_000)));
    expect((await client.bytes(written)).equals(expected)).toBe(true);
    expect([server.count("unsent"), server.count("drain")]).toEqual([1, 1]);
  });

  test("is told of, and drains, where it is written later in the tick", async () => {
    const { client, server } = await pile((name, recorder) => {
      if (name !== "data") return;
      queueMicrotask(() => {
        for (let part = 0; part < 4; part += 1) recorder.put(pattern(4000));
        written += 16_000;
      });
    });
    expect(server.socket.unsentBytes).toBeGreaterThan(0);
    client.resume();
    await server.next("drain");
    expect(await client.bytes(written)).toHaveLength(written);
    expect([server.count("unsent"), server.count("drain")]).toEqual([1, 1]);
  });

  test("is told of and drains although this end has ended meanwhile", async () => {
    const { client, server } = await pile((name, recorder, bytes) => {
      generous(name, recorder, bytes);
      // At the last moment, so that this is what is not taken.
      if (name === "data" && recorder.socket.unsentBytes > 0) recorder.end();
    });
    client.resume();
    await server.next("drain");
    await client.next("end");
    expect(client.receivedBytes).toBe(written);
    expect(server.count("unsent")).toBe(1);
  });

  test.each<[string, (run: () => void) => void]>([
    ["while data is handled", (run) => run()],
    ["later in the tick", (run) => queueMicrotask(run)],
  ])("is told of and drains although the socket is closed in the tick that wrote it, %s", async (_when, when) => {
    const { client, server } = await pile((name, recorder) => {
      if (name !== "data") return;
      when(() => {
        recorder.put(pattern(10_000));
        written += 10_000;
        if (recorder.socket.unsentBytes > 0) recorder.close("flush");
      });
    });
    client.resume();
    await server.next("drain");
    await client.next("end");
    expect(client.receivedBytes).toBe(written);
    expect([server.count("unsent"), server.count("drain")]).toEqual([1, 1]);
  });
});

describe.each([
  ["tls", () => tls(tcp())],
  ["tls on fast", () => tls(fast())],
  ["tls on memory", () => tls({ ...memory(), beyondBuffers: 1_000_000 })],
])("%s, to a reader that does not read", (_name, create) => {
  let world: World;

  beforeEach(() => {
    world = new World(create());
  });

  afterEach(async () => {
    await world.dispose();
  });

  test("what the socket below still holds is unsent, also what it has kept for one write with others", async () => {
    const { client, server } = await world.pair();
    const below = (): number => (server.socket instanceof SecureSocket ? server.socket.raw.unsentBytes : Number.NaN);
    let written = 0;
    while (below() === 0) {
      server.put(pattern(8000));
      written += 8000;
      await world.settle();
    }
    expect(server.socket.unsentBytes).toBeGreaterThan(0);
    const drains = server.count("drain");
    client.resume();
    await server.until(() => server.count("drain") > drains);
    expect([server.socket.unsentBytes, below()]).toEqual([0, 0]);
    expect(await client.bytes(written)).toHaveLength(written);
  });
});

test("a unix socket whose file cannot have its mode has failed, and is told of nothing else", async () => {
  const world = new World(unix());
  const listener = world.startListening({ mode: -1 });
  expect(await listener.next("failed")).toBe("ERR_OUT_OF_RANGE");
  await world.settle();
  expect(listener.log).toEqual(["failed"]);
  await world.dispose();
});

describe("fast", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test("prints nothing when it is made", () => {
    const warn = vi.spyOn(process, "emitWarning");
    fastTransport();
    expect(warn).not.toHaveBeenCalled();
  });

  test.for<[string, () => unknown, RegExp]>([
    ["keeps its insides to itself", () => fail("Access to this API has been restricted"), /restricted/],
    ["has other requests", () => ({}), /no WriteWrap/],
  ])("where Node %s it is the same as tcp, and says why", async ([_how, binding, reason]) => {
    vi.spyOn(process as unknown as { binding(): unknown }, "binding").mockImplementation(binding);
    const transport = fastTransport();
    expect(transport.fallback).toMatch(reason);
    const world = new World(tcp(transport));
    const { client, server } = await world.pair({ server: echo });
    client.resume();
    server.resume();
    client.write("hello");
    expect(await client.text(5)).toBe("hello");
    await world.dispose();
  });

  test("what Node says of a connection that was not accepted is told as by tcp", async () => {
    const world = new World(fast());
    const [listener, server] = await listenAndReveal(world);
    const handle = Reflect.get(server, "_handle") as { onconnection(status: number): void };
    handle.onconnection(-constants.errno.EINVAL);
    await listener.next("closed");
    expect(listener.log).toEqual(["listening", "closed"]);
    await world.dispose();
  });
});

describe("memory", () => {
  test("one direction holds as many bytes as its capacity", async () => {
    const world = new World(memory({ capacity: 10 }));
    const { client, server } = await world.pair();
    expect(client.write("0123456789")).toBe(true);
    expect(client.write("abc")).toBe(false);
    expect(client.socket.unsentBytes).toBe(3);
    server.resume();
    await client.next("drain");
    expect(await server.text(13)).toBe("0123456789abc");
    await world.dispose();
  });

  test("writes of one turn arrive as one, and chunk cuts them", async () => {
    expect(await arrivals({})).toEqual(["abcdef"]);
    expect(await arrivals({ chunk: () => 4 })).toEqual(["abcd", "ef"]);
    expect(await arrivals({ chunk: () => 0 })).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  test("bytes are the receiver's to keep, also when the writer uses its array again", async () => {
    const world = new World(memory());
    const kept: Uint8Array[] = [];
    const { client, server } = await world.pair({
      server: (name, _recorder, bytes) => {
        if (name === "data") kept.push(bytes);
      },
    });
    const bytes = Buffer.from("secret");
    client.write(bytes);
    bytes.fill("x");
    server.resume();
    expect(await server.text(6)).toBe("secret");
    expect(bytes.toString()).toBe("xxxxxx");
    expect(Buffer.concat(kept).toString()).toBe("secret");
    await world.dispose();
  });

  test("a client may come from any address", async () => {
    const transport = memoryTransport();
    const peers: (string | undefined)[] = [];
    const listening = { port: 80, backlog: 1, noDelay: true, keepAlive: false };
    const ignored = { connected() {}, data() {}, end() {}, drain() {}, closed() {} };
    transport.listen(listening, {
      listening() {},
      failed() {},
      closed() {},
      accepted: (socket) => peers.push(socket.peer?.host),
    });
    for (const from of [transport, transport.from("10.1.2.3"), transport.from("2001:db8::1")]) {
      await new Promise<void>((resolve) => {
        from.connect({ host: "server", port: 80 }, { ...ignored, connected: resolve });
      });
    }
    expect(peers).toEqual(["127.0.0.1", "10.1.2.3", "2001:db8::1"]);
    expect([transport.openListeners, transport.openSockets]).toEqual([1, 6]);
  });

  test("connections that were not accepted when the listening socket closes are reset", async () => {
    const world = new World(memory());
    const listener = await world.listen();
    const client = world.startConnecting(listener.port, (name) => {
      if (name === "connected") listener.close();
    });
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
    expect(listener.count("accepted")).toBe(0);
    await world.dispose();
  });

  test("FIN and RST that come together are told as the reset", async () => {
    const world = new World(memory());
    const { client, server } = await world.pair();
    client.end();
    client.close("reset");
    server.resume();
    expect(await server.next("closed")).toBe("EPIPE");
    expect(server.log).toEqual(["closed"]);
    await world.dispose();
  });

  test("port 0 passes over ports that are taken", async () => {
    const world = new World(memory());
    const taken = [(await world.listen({ port: 49_153 })).port, (await world.listen({ port: 49_154 })).port];
    const free = [(await world.listen()).port, (await world.listen()).port];
    expect([...taken, ...free]).toEqual([49_153, 49_154, 49_152, 49_155]);
    await world.dispose();
  });

  test("a connection reset before it is accepted is delivered without a peer", async () => {
    const world = new World(memory());
    const listener = await world.listen();
    const client = world.startConnecting(listener.port, (name, recorder) => {
      if (name === "connected") recorder.close("reset");
    });
    await client.next("closed");
    const server = await listener.connection(0);
    expect(server.socket.peer).toBeUndefined();
    await world.dispose();
  });

  test("in whatever order events of different sockets come, each socket's are in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.infiniteStream(fc.nat(2000)), async (scheduler, sizes) => {
        const defer = (run: () => void): void => {
          void scheduler.schedule(Promise.resolve()).then(run);
        };
        const subject = memory({ capacity: 1000, defer, chunk: () => sizes.next().value ?? 1 });
        const world = new World(subject);
        const stream = pattern(5000);
        const exchange = async (): Promise<Buffer[]> => {
          const listener = await world.listen({}, echo);
          const clients = [world.startConnecting(listener.port), world.startConnecting(listener.port)];
          for (const client of clients) {
            client.write(Buffer.from(stream.subarray(0, 2500)));
            client.write(Buffer.from(stream.subarray(2500)));
            client.end();
            client.resume();
          }
          await listener.connection(1);
          for (const server of listener.accepted) server.resume();
          for (const socket of [...clients, ...listener.accepted]) expect(await socket.next("closed")).toBeUndefined();
          return clients.map((client) => client.received);
        };
        const received = await scheduler.waitFor(exchange());
        expect(received.map((bytes) => bytes.equals(stream))).toEqual([true, true]);
        await scheduler.waitFor(world.dispose());
      }),
      { numRuns: 30 },
    );
  });
});
