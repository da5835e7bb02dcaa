import { Buffer } from "node:buffer";
import { fromAsync, isExpected } from "@espalier/actors";
import {
  buildProxyHeader,
  type ConnectionEvent,
  type ConnectionInput,
  encodeFrame,
  type Listener,
} from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { echo, ignorant, polite, puppetry } from "./support/handlers.ts";
import { bytewise, cut } from "./support/proxy-headers.ts";
import { unixAddress } from "../src/transport.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import { pattern } from "./support/transport-world.ts";

const source = { host: "203.0.113.7", port: 56_324 };
const destination = { host: "198.51.100.2", port: 443 };
const header = buildProxyHeader({ source, destination, isChecksummed: true, tlvs: { authority: "example.com" } });
const line = buildProxyHeader({ version: 1, source, destination });

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;

/** Neither the first byte nor the rest is a header's. */
const GARBAGE = "GET / HTTP/1.1\r\n\r\n";

/** How the only connection ended, of which no handler was told. */
async function refusal(listener: Listener) {
  const { type, reason } = await world.ended();
  expect(type).toBe("connectionFailed");
  expect(listener.stats).toMatchObject({ accepted: 1 });
  return reason;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("a header", () => {
    test.each([
      [1, line],
      [2, header],
    ])("of version %s says from whom a connection is, from socketReady on", async (version, bytes) => {
      const { handler, one } = puppetry();
      const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
      client.write(bytes);
      const { connection, heard } = await one();
      expect(heard).toEqual(["socketReady"]);
      expect(connection.peername).toEqual(source);
      expect(connection.describe()).toBe("203.0.113.7:56324");
      expect(connection.proxy).toMatchObject({ version, command: "proxy", family: "ipv4", source, destination });
      expect(connection.socketPeername).toEqual(client.socket.local);
      client.end();
      connection.activate();
      await world.until(() => heard.length === 2);
    });

    test("brings what the proxy knows of the client", async () => {
      const { handler, one } = puppetry();
      const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
      const tls = { version: "TLSv1.3", hasCertificate: true, commonName: "device-7" };
      client.write(buildProxyHeader({ source, destination, tlvs: { alpn: "mqtt", tls } }));
      const { connection } = await one();
      expect(connection.proxy?.tlvs).toMatchObject({ alpn: "mqtt", tls: { ...tls, isVerified: true } });
    });

    test("is nothing that the handler reads, and what follows it is, however it is cut", async () => {
      const listener = await world.open(echo, { proxyProtocol: {}, packet: 2 });
      const stream = Buffer.concat([header, encodeFrame(2, "one"), encodeFrame(2, "two")]);
      const expected = stream.subarray(header.length);
      const clients = [
        [stream],
        bytewise(stream),
        cut(stream, [20, 60]),
        cut(stream, [header.length, header.length + 1]),
      ];
      for (const chunks of clients) {
        const client = await world.connect(listener);
        for (const chunk of chunks) client.write(chunk);
        expect(await client.bytes(expected.length)).toEqual(expected);
      }
    });

    test("is all that is read, until the handler lets more in", async () => {
      const { handler, one } = puppetry();
      const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
      client.write(header);
      const { connection, heard } = await one();
      client.write("hello");
      await world.settle();
      expect([connection.bytesReceived, heard]).toEqual([header.length, ["socketReady"]]);
      connection.activate();
      await world.until(() => heard.length === 2);
      expect(heard).toEqual(["socketReady", "data hello"]);
    });

    test("of the proxy itself leaves the socket's own address", async () => {
      const listener = await world.open(echo, {
        proxyProtocol: {},
        accessRules: [{ allow: "127.0.0.0/8" }, { deny: "all" }],
      });
      const local = buildProxyHeader({ command: "local", source, destination });
      const unknown = buildProxyHeader({ version: 1 });
      for (const bytes of [local, unknown]) {
        const client = await world.connect(listener);
        client.write(Buffer.concat([bytes, Buffer.from("hello")]));
        expect(await client.text(5)).toBe("hello");
        client.end();
      }
      await world.until(() => world.of("connectionStopped").length === 2);
      expect(world.of("connectionStopped").map(({ peer }) => peer.host)).toEqual(Array(2).fill("127.0.0.1"));
    });

    test("is waited for without the acceptor, and without anybody else", async () => {
      const listener = await world.open(echo, { proxyProtocol: {}, acceptors: 1 });
      const silent = await world.connectMany(listener, 20);
      for (const client of silent) client.write(header.subarray(0, 10));
      const client = await world.connect(listener);
      client.write(Buffer.concat([header, Buffer.from("hello")]));
      expect(await client.text(5)).toBe("hello");
      expect(listener.currentClients).toBe(21);
      for (const slow of silent) slow.write(Buffer.concat([header.subarray(10), Buffer.from("me too")]));
      for (const slow of silent) expect(await slow.text(6)).toBe("me too");
    });
  });

  describe("a connection without a good header", () => {
    const bad = Buffer.from(header);
    bad.write("w", bad.indexOf("example"));

    test.each([
      ["sends something else", Buffer.from(GARBAGE), { type: "proxyProtocolError", code: "notProxy" }],
      ["sends a wrong checksum", bad, { type: "proxyProtocolError", code: "checksumMismatch" }],
    ])("is refused when it %s, under one key, and nobody is told", async (_name, bytes, detail) => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { proxyProtocol: {} });
      const client = await world.connect(listener);
      client.write(bytes);
      expect(await client.next("closed")).toBe("ECONNRESET");
      const reason = await refusal(listener);
      expect(reason).toMatchObject({ type: "shutdown", detail: { ...detail, message: expect.any(String) } });
      expect(listener.shutdownCounts).toEqual({ [detail.type]: 1 });
      expect(puppets.map(({ heard }) => heard)).toEqual([[]]);
    });

    test("is closed when its client has gone before", async () => {
      const listener = await world.open(echo, { proxyProtocol: {} });
      const ended = await world.connect(listener);
      ended.write(header.subarray(0, 20));
      ended.end();
      expect(await ended.next("closed")).toBe("ECONNRESET");
      const reset = await world.connect(listener);
      await world.until(() => listener.stats.accepted === 2);
      reset.close("reset");
      await world.until(() => world.of("connectionFailed").length === 2);
      expect(listener.shutdownCounts).toEqual({ proxyProtocolClosed: 2 });
      await world.settle();
      const supervisor = world.pidOf(listener, "connection_sup");
      const left = world.system.inspect().processes.find(({ pid }) => pid === supervisor)?.resources ?? [];
      expect(left.filter(({ kind }) => kind === "socket")).toEqual([]);
    });

    test("is refused when it has another version than those that are wanted", async () => {
      const listener = await world.open(echo, { proxyProtocol: { versions: [2] } });
      const client = await world.connect(listener);
      client.write(line);
      expect(await client.next("closed")).toBe("ECONNRESET");
      expect(await refusal(listener)).toMatchObject({ detail: { code: "unsupportedVersion" } });
    });

    test("is refused when its header is larger than it may be", async () => {
      const listener = await world.open(echo, { proxyProtocol: { maxHeaderSize: 107 } });
      const client = await world.connect(listener);
      client.write(buildProxyHeader({ source, destination, padding: 80 }).subarray(0, 16));
      expect(await client.next("closed")).toBe("ECONNRESET");
      expect(await refusal(listener)).toMatchObject({ detail: { code: "tooLarge" } });
    });

    test("ends whatever its handler is, and is no crash", async () => {
      const loop = fromAsync<ConnectionEvent, ConnectionInput>(async (self) => {
        await self.receive({ match: (event) => event.type === "socketReady" });
      });
      const handlers = [echo, ignorant, polite, loop, puppetry().handler];
      for (const [index, handler] of handlers.entries()) {
        const listener = await world.open(handler, { name: `listener${index}`, proxyProtocol: {} });
        const client = await world.connect(listener);
        client.write(GARBAGE);
        expect(await client.next("closed")).toBe("ECONNRESET");
        await world.until(() => listener.currentClients === 0);
        expect(listener.shutdownCounts).toEqual({ proxyProtocolError: 1 });
      }
      expect(world.of("connectionFailed").map(({ reason }) => isExpected(reason))).toEqual(Array(5).fill(true));
    });

    test("tells a handler that traps exits of the exit, and then that the socket is broken", async () => {
      const { handler, puppets } = puppetry({ trapExit: true });
      const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
      client.write(GARBAGE);
      await world.until(() => puppets[0]?.heard.length === 1);
      expect(puppets[0]?.heard).toEqual(["error proxyProtocolError"]);
      expect(puppets[0]?.connection.isOpen).toBe(false);
    });
  });

  describe("access rules", () => {
    const accessRules = [{ deny: "203.0.113.0/24" }];

    test("are asked again for the client that the header names", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { proxyProtocol: {}, accessRules });
      const client = await world.connect(listener);
      client.write(Buffer.concat([header, Buffer.from("hello")]));
      expect(await client.next("closed")).toBe("ECONNRESET");
      expect(await refusal(listener)).toEqual({
        type: "shutdown",
        detail: { type: "proxyProtocolForbidden", source: "203.0.113.7" },
      });
      expect(listener.shutdownCounts).toEqual({ proxyProtocolForbidden: 1 });
      expect(puppets[0]?.heard).toEqual([]);
    });

    test.each([
      ["let in", [{ allow: "127.0.0.0/8" }, { allow: "unix:" }, { deny: "all" }], true],
      ["refuse", [{ allow: "127.0.0.0/8" }, { deny: "all" }], false],
    ])("%s clients that came to the proxy by a unix socket", async (_name, rules, isLetIn) => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { proxyProtocol: {}, accessRules: rules });
      const client = await world.connect(listener);
      client.write(buildProxyHeader({ source: unixAddress(""), destination: unixAddress("/run/proxy.sock") }));
      await world.until(() => puppets[0]?.heard.length === 1 || listener.currentClients === 0);
      expect(listener.shutdownCounts).toEqual(isLetIn ? {} : { proxyProtocolForbidden: 1 });
      expect(puppets[0]?.connection.describe() === "unix:").toBe(isLetIn);
    });

    test("let in whom they do not refuse", async () => {
      const listener = await world.open(echo, { proxyProtocol: {}, accessRules });
      const client = await world.connect(listener);
      const other = buildProxyHeader({ source: { host: "2001:db8::1", port: 1 }, destination });
      client.write(Buffer.concat([other, Buffer.from("hello")]));
      expect(await client.text(5)).toBe("hello");
    });
  });

  describe("a handler that does not wait for its socket", () => {
    test("may send, and activate, and neither is lost", async () => {
      const { handler, one } = puppetry({
        init({ connection }) {
          connection.activate();
          connection.send(pattern(BIG));
        },
      });
      const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
      expect((await client.bytes(BIG)).equals(pattern(BIG))).toBe(true);
      await world.settle();
      client.write(header);
      const { heard } = await one();
      client.write("hello");
      await world.until(() => heard.length === 2);
      expect(heard).toEqual(["socketReady", "data hello"]);
    });

    test("may close it, and hears no more of it", async () => {
      const { handler, puppets } = puppetry({
        init({ connection }) {
          connection.send("no thanks");
          connection.close();
        },
      });
      const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
      client.write(GARBAGE);
      expect(await client.next("closed")).toBeUndefined();
      expect(client.received.toString()).toBe("no thanks");
      await world.settle();
      expect(puppets[0]?.heard).toEqual([]);
    });

    test("may close it while the header is on its way", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { proxyProtocol: {} });
      const client = await world.connect(listener);
      client.write(header.subarray(0, 20));
      await world.until(() => listener.stats.accepted === 1);
      await world.settle();
      puppets[0]?.connection.abort();
      expect(await client.next("closed")).toBe("ECONNRESET");
      await world.settle();
      expect([puppets[0]?.heard, listener.currentClients, listener.shutdownCounts]).toEqual([[], 1, {}]);
    });

    test("may have lost it before it could be read", async () => {
      const starts: Array<() => void> = [];
      const { handler, puppets } = puppetry({ init: () => new Promise<void>((resolve) => void starts.push(resolve)) });
      const listener = await world.open(handler, { proxyProtocol: { timeoutMs: 1e9 } });
      const client = await world.connect(listener);
      await world.until(() => puppets.length === 1);
      client.close("reset");
      await world.settle();
      puppets[0]?.connection.send("anybody there?");
      await world.settle();
      starts[0]?.();
      expect(await world.ended()).toMatchObject({ type: "connectionFailed", failure: "proxyProtocolClosed" });
      expect(listener.shutdownCounts).toEqual({ proxyProtocolClosed: 1 });
    });

    test("may die meanwhile, and its socket goes with it", async () => {
      const { handler, puppets } = puppetry();
      const listener = await world.open(handler, { proxyProtocol: {} });
      const client = await world.connect(listener);
      client.write(header.subarray(0, 20));
      await world.until(() => listener.stats.accepted === 1);
      await world.settle();
      if (puppets[0] !== undefined) world.system.kill(puppets[0].self.pid);
      await client.until(() => client.isClosed);
      expect(listener.shutdownCounts).toEqual({ killed: 1 });
      expect(world.of("connectionFailed")).toMatchObject([{ reason: { type: "killed" }, failure: undefined }]);
    });
  });
});

describe("the deadline", () => {
  useWorld("memory");

  test("is one for the whole header, however slowly it comes", async () => {
    const listener = await world.open(echo, { proxyProtocol: { timeoutMs: 1000 } });
    const client = await world.connect(listener);
    for (const byte of bytewise(header.subarray(0, 10))) {
      client.write(byte);
      await world.manual.advance(99);
    }
    await world.manual.advance(9);
    expect([listener.currentClients, client.isClosed]).toEqual([1, false]);
    await world.manual.advance(1);
    expect(await client.next("closed")).toBe("ECONNRESET");
    expect(await refusal(listener)).toEqual({
      type: "shutdown",
      detail: { type: "proxyProtocolTimeout", timeoutMs: 1000 },
    });
    expect(listener.shutdownCounts).toEqual({ proxyProtocolTimeout: 1 });
  });

  test("is 3 s unless it is said", async () => {
    const listener = await world.open(echo, { proxyProtocol: {} });
    await world.connect(listener);
    await world.manual.advance(2999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.currentClients).toBe(0);
  });

  test("is over with the header, and the client's time begins then", async () => {
    const listener = await world.open(ignorant, { proxyProtocol: {}, idleTimeoutMs: 10_000 });
    const client = await world.connect(listener);
    await world.manual.advance(2999);
    client.write(header);
    await world.manual.advance(9999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
  });

  test("gives way to that of sending, when the handler closes first", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, { proxyProtocol: {}, sendTimeoutMs: 20_000 });
    const client = await world.connect(listener, { lingers: true });
    client.write(header.subarray(0, 20));
    await world.settle();
    puppets[0]?.connection.close();
    await world.manual.advance(19_999);
    expect(world.memory.openSockets).toBe(2);
    await world.manual.advance(1);
    expect(world.memory.openSockets).toBe(1);
  });

  test("does not run for a connection that is over already", async () => {
    const { handler } = puppetry({ init: ({ connection }) => connection.abort() });
    const listener = await world.open(handler, { proxyProtocol: {} });
    await world.connect(listener);
    await world.manual.advance(10_000);
    expect([listener.currentClients, listener.shutdownCounts]).toEqual([1, {}]);
  });
});

describe("trusted sources", () => {
  useWorld("memory");
  const trusted = ["10.0.0.0/8", "::1"];

  test.each([
    ["10.1.2.3", true],
    ["::ffff:10.1.2.3", true],
    ["::1", true],
    ["11.1.2.3", false],
    ["::2", false],
  ])("%s: %s", async (from, isTrusted) => {
    const listener = await world.open(echo, { proxyProtocol: { trusted } });
    const client = await world.connect(listener, { from });
    client.write(Buffer.concat([header, Buffer.from("hello")]));
    await client.until(() => client.isClosed || client.receivedBytes === 5);
    client.end();
    const { type } = await world.ended();
    expect(type).toBe(isTrusted ? "connectionStopped" : "connectionFailed");
    expect(listener.shutdownCounts).toEqual(isTrusted ? { peerClosed: 1 } : { proxyProtocolUntrusted: 1 });
  });

  test("nothing is read of others, not even waited for", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, { proxyProtocol: { trusted } });
    const client = await world.connect(listener, { from: "11.0.0.1" });
    expect(await client.next("closed")).toBe("ECONNRESET");
    expect(await refusal(listener)).toEqual({
      type: "shutdown",
      detail: { type: "proxyProtocolUntrusted", peer: "11.0.0.1" },
    });
    expect(puppets[0]?.connection.bytesReceived).toBe(0);
  });
});

describe("a header that need not be there", () => {
  useWorld("memory");
  const proxyProtocol = { trusted: ["10.0.0.0/8"], required: false };

  test("is data when it comes from one who may not send any", async () => {
    const { handler, one } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const client = await world.connect(await world.open(handler, { proxyProtocol }), { from: "11.0.0.1" });
    client.write(line);
    const { connection, heard } = await one();
    await world.until(() => heard.length === 2);
    expect([connection.peername.host, connection.proxy]).toEqual(["11.0.0.1", undefined]);
    expect(heard).toEqual(["socketReady", `data ${line.toString()}`]);
  });

  test("is taken from one who may", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler, { proxyProtocol }), { from: "10.0.0.1" });
    client.write(header);
    expect((await one()).connection.peername).toEqual(source);
  });

  test("is not made out of anything else, and nothing is lost by the attempt", async () => {
    const signatures = [header.subarray(0, 12), line.subarray(0, 6)];
    const nearly = fc
      .tuple(fc.constantFrom(...signatures), fc.nat(11))
      .map(([bytes, size]) => bytes.subarray(0, size % bytes.length));
    const other = fc
      .tuple(nearly, fc.constantFrom("", "x", "\r", "hello"))
      .map(([start, end]) => Buffer.concat([start, Buffer.from(end)]));
    const listener = await world.open(echo, { proxyProtocol });
    await fc.assert(
      fc.asyncProperty(other, fc.array(fc.nat()), async (bytes, at) => {
        fc.pre(bytes.length > 0);
        const client = await world.connect(listener, { from: "10.0.0.1" });
        for (const chunk of cut(bytes, at).filter(({ length }) => length > 0)) {
          client.write(chunk);
          await world.settle();
        }
        // Either more is awaited, until the time is up, or it is seen to be none at once.
        await world.manual.advance(3000);
        expect(await client.bytes(bytes.length)).toEqual(bytes);
        client.end();
        await client.next("closed");
      }),
      { numRuns: 50 },
    );
    expect(Object.keys(listener.shutdownCounts)).toEqual(["peerClosed"]);
  });

  test("is not waited for from a client that has ended", async () => {
    const { handler, one } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const client = await world.connect(await world.open(handler, { proxyProtocol }), { from: "10.0.0.1" });
    client.write("PRO");
    client.end();
    const { heard } = await one();
    await world.until(() => heard.length === 3);
    expect(heard).toEqual(["socketReady", "data PRO", "closed"]);
  });

  test("has to be whole, and right, once it has begun", async () => {
    const listener = await world.open(echo, { proxyProtocol });
    const late = await world.connect(listener, { from: "10.0.0.1" });
    late.write(line.subarray(0, 6));
    await world.manual.advance(3000);
    expect(await late.next("closed")).toBe("ECONNRESET");
    const wrong = await world.connect(listener, { from: "10.0.0.1" });
    wrong.write("PROXY TCP5\r\n");
    expect(await wrong.next("closed")).toBe("ECONNRESET");
    expect(listener.shutdownCounts).toEqual({ proxyProtocolTimeout: 1, proxyProtocolError: 1 });
  });
});

describe("without the option", () => {
  useWorld("memory");

  test("a header is what any bytes are", async () => {
    const { handler, one } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const client = await world.connect(await world.open(handler), { from: "10.0.0.1" });
    client.write(line);
    const { connection, heard } = await one();
    await world.until(() => heard.length === 2);
    expect([connection.peername.host, connection.proxy]).toEqual(["10.0.0.1", undefined]);
    expect(connection.socketPeername).toEqual(connection.peername);
  });
});
