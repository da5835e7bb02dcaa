import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { text } from "node:stream/consumers";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { fromAsync, shutdown } from "@espalier/actors";
import {
  type ConnectionEvent,
  type ConnectionInput,
  type Listener,
  packetMachine,
  TlsContext,
  type TlsFacts,
  type TlsOptions,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { echo, ignorant, polite, puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

const authority = createAuthority();
const stranger = createAuthority("Somebody else");
const NAMES = "DNS:localhost,IP:127.0.0.1";
const server = authority.issue("server", NAMES);
const device = authority.issue("device-42", "DNS:d42.local,IP:10.0.0.42,email:d42@example.org,URI:urn:dev:42");

/** What the last connection knew of its TLS. */
let facts: TlsFacts | undefined;

const curious = packetMachine({
  onReady: (connection) => void (facts = connection.tls),
  onData: (connection, data) => void connection.send(data),
});

function open(tls: Partial<TlsOptions> = {}, handler: object = curious): Promise<Listener> {
  return world.open(handler, { tls: { ...server, ...tls } });
}

function client({ port }: Listener, options: ConnectionOptions = {}): TLSSocket {
  return connect({ port, host: "127.0.0.1", servername: "localhost", ca: authority.cert, ...options });
}

/** What comes back, up to the end. */
function ask(listener: Listener, options?: ConnectionOptions): Promise<string> {
  return text(client(listener, options).end("hello"));
}

/** What a client fails with, or undefined if it is served. With TLS 1.3 it hears of it after the handshake. */
function refusalOf(listener: Listener, options?: ConnectionOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = client(listener, options);
    let isAnswered = false;
    let words: string | undefined;
    socket.on("error", ({ message }) => (words = message));
    socket.on("data", () => (isAnswered = true));
    socket.on("close", () => resolve(isAnswered ? undefined : (words ?? "end")));
    socket.end("hello");
  });
}

/** How the only connection ended. */
async function detail(): Promise<unknown> {
  const { reason } = await world.ended();
  return reason.type === "shutdown" ? reason.detail : reason;
}

describe("a handshake", () => {
  useWorld("tcp");

  test("makes a connection like any other, which knows what was agreed on", async () => {
    const listener = await open({ alpnProtocols: ["mqtt", "http/1.1"] });
    expect(await ask(listener, { ALPNProtocols: ["http/1.1", "mqtt"] })).toBe("hello");
    expect(facts).toEqual({
      protocol: "TLSv1.3",
      cipher: "TLS_AES_256_GCM_SHA384",
      alpn: "mqtt",
      servername: "localhost",
      isAuthorized: false,
      authorizationError: undefined,
      peerCertificate: undefined,
      pskIdentity: undefined,
      isResumed: false,
    });
    expect([listener.stats.accepted, listener.shutdownCounts]).toEqual([1, { peerClosed: 1 }]);
  });

  test("with no protocol in common is refused", async () => {
    const listener = await open({ alpnProtocols: ["mqtt"] });
    expect(await refusalOf(listener, { ALPNProtocols: ["h2"] })).toMatch("no application protocol");
    expect(await detail()).toMatchObject({ type: "tlsHandshakeFailed" });
  });

  test("with an old version is refused, and the client is told why", async () => {
    const listener = await open({ minVersion: "TLSv1.3" });
    expect(await refusalOf(listener, { maxVersion: "TLSv1.2" })).toMatch("alert protocol version");
    expect(await detail()).toEqual({ type: "tlsHandshakeFailed", code: "ERR_SSL_UNSUPPORTED_PROTOCOL" });
    expect(listener.shutdownCounts).toEqual({ tlsHandshakeFailed: 1 });
  });

  test.each([
    ["a question in HTTP", "GET / HTTP/1.1\r\n\r\n", { type: "tlsHandshakeFailed", code: "ERR_SSL_HTTP_REQUEST" }],
    ["garbage", "\xff".repeat(100), { type: "tlsHandshakeFailed", code: "ERR_SSL_WRONG_VERSION_NUMBER" }],
    ["nothing, and an end", "", { type: "tlsHandshakeClosed" }],
    ["half of it, and an end", Buffer.from("1603010200010001fc0303", "hex"), { type: "tlsHandshakeClosed" }],
  ])("that is %s ends the connection, without a crash", async (_what, bytes, expected) => {
    const listener = await open();
    const socket = connectPlain(listener.port, "127.0.0.1").on("error", () => {});
    socket.resume().end(bytes, "latin1");
    await new Promise((resolve) => socket.on("close", resolve));
    expect(await detail()).toEqual(expected);
    expect(listener.shutdownCounts).toEqual({ [expected.type]: 1 });
    // The listener is as good as ever.
    expect(await ask(listener)).toBe("hello");
  });

  test("lets what the handler has sent before it go out behind it, and nothing in the clear", async () => {
    const { handler } = puppetry({
      init: ({ connection }) => void connection.send("welcome\n"),
      react: (event, { connection }) => void (event.type === "socketReady" && connection.close()),
    });
    const listener = await open({}, handler);
    expect(await text(client(listener))).toBe("welcome\n");
    const plain = connectPlain(listener.port, "127.0.0.1").on("error", () => {});
    expect(await text(plain.end("hello?")).catch(() => "")).not.toContain("welcome");
  });

  test("carries many bytes in both directions", async () => {
    const listener = await open();
    const bytes = Buffer.alloc(4_000_000, "0123456789");
    const socket = client(listener);
    socket.end(bytes);
    const hash = createHash("sha256");
    for await (const chunk of socket) hash.update(chunk as Buffer);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("keeps no other client waiting, however many are silent in it", async () => {
    const listener = await world.open(curious, { tls: server, acceptors: 1 });
    const silent = await world.connectMany(listener, 50);
    expect(await ask(listener)).toBe("hello");
    for (const { isClosed } of silent) expect(isClosed).toBe(false);
  });

  test("stands behind a PROXY header, also when both come together", async () => {
    const listener = await world.open(curious, { tls: server, proxyProtocol: {} });
    const plain = connectPlain(listener.port, "127.0.0.1");
    plain.write("PROXY TCP4 192.0.2.7 192.0.2.8 7 8\r\n");
    const socket = connect({ socket: plain, servername: "localhost", ca: authority.cert });
    expect(await text(socket.end("hello"))).toBe("hello");
    expect(world.of("connectionStarted")).toHaveLength(1);
    expect(facts?.protocol).toBe("TLSv1.3");
  });

  test("is part of a unix socket as well", async () => {
    const listener = await world.open(curious, { tls: server, on: `unix:/tmp/espalier-tls-${process.pid}.sock` });
    const socket = connect({ path: listener.address.path ?? "", servername: "localhost", ca: authority.cert });
    expect(await text(socket.end("hello"))).toBe("hello");
  });
});

describe("a handshake that fails ends", () => {
  useWorld("tcp");

  const loop = fromAsync<ConnectionEvent, ConnectionInput>(async (self) => {
    await self.receive({ match: (event) => event.type === "socketReady" });
  });

  test.each<[string, object]>([
    ["a packet machine", echo],
    ["a machine that knows nothing of it", ignorant],
    ["a machine that says goodbye", polite],
    ["an async function that waits for its socket", loop],
    ["a server", puppetry().handler],
  ])("%s", async (_name, handler) => {
    const listener = await open({}, handler);
    const plain = connectPlain(listener.port, "127.0.0.1").on("error", () => {});
    plain.end("no TLS at all");
    await new Promise((resolve) => plain.on("close", resolve));
    expect(await detail()).toMatchObject({ type: "tlsHandshakeFailed" });
    expect(listener.currentClients).toBe(0);
  });
});

describe("a handler that traps exits", () => {
  useWorld("tcp");

  test("is told of a handshake that failed, and ends by itself", async () => {
    const { handler, puppets } = puppetry({
      trapExit: true,
      react: (event, { self }) => void (event.type === "error" && self.exit(shutdown(event.reason))),
    });
    const listener = await open({}, handler);
    const plain = connectPlain(listener.port, "127.0.0.1").on("error", () => {});
    plain.end("no TLS at all");
    expect(await detail()).toBe("tlsHandshakeFailed");
    const failure = { type: "tlsHandshakeFailed", code: "ERR_SSL_WRONG_VERSION_NUMBER" };
    expect(puppets[0]?.events).toEqual([{ type: "error", reason: failure.type, detail: failure }]);
    expect(world.told.splice(0).join()).toContain(`: ${failure.type} (code "${failure.code}")`);
    plain.destroy();
  });
});

describe("the deadline of a handshake", () => {
  useWorld("memory");

  test.each([
    ["nothing", []],
    ["a byte now and then", ["\x16", "\x03", "\x01"]],
  ])("ends a client that sends %s, to the millisecond", async (_what, bytes) => {
    const listener = await open({ handshakeTimeoutMs: 3000 });
    const socket = await world.connect(listener);
    for (const byte of bytes) {
      socket.write(byte);
      await world.manual.advance(900);
    }
    await world.manual.advance(2999 - 900 * bytes.length);
    expect([listener.currentClients, socket.isClosed]).toEqual([1, false]);
    await world.manual.advance(1);
    expect(await detail()).toEqual({ type: "tlsHandshakeTimeout", timeoutMs: 3000 });
    await socket.until(() => socket.isClosed);
    expect(listener.shutdownCounts).toEqual({ tlsHandshakeTimeout: 1 });
  });

  test("is one for the PROXY header before it and the handshake", async () => {
    const options = { tls: { ...server, handshakeTimeoutMs: 3000 }, proxyProtocol: { timeoutMs: 2500 } };
    const listener = await world.open(curious, options);
    const socket = await world.connect(listener);
    await world.manual.advance(2000);
    socket.write("PROXY TCP4 192.0.2.7 192.0.2.8 7 8\r\n");
    await world.manual.advance(999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ tlsHandshakeTimeout: 1 });
  });

  test("is eSockd's 15 seconds, and over when the handshake is", async () => {
    const { handler } = puppetry();
    const listener = await world.open(handler, { tls: server, idleTimeoutMs: "infinity" });
    await world.connect(listener);
    await world.manual.advance(14_999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ tlsHandshakeTimeout: 1 });
  });
});

/** The common name of the certificate that this name is shown. */
async function shownTo(listener: Listener, servername: string): Promise<string | undefined> {
  const socket = client(listener, { servername, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return [subject.CN].flat()[0];
}

describe("server names", () => {
  useWorld("tcp");

  const byName = {
    "a.example": authority.issue("a", "DNS:a.example"),
    "*.b.example": authority.issue("all of b", "DNS:*.b.example"),
  };

  test("choose the certificate, by name or by a star, and the other is for all others", async () => {
    const listener = await open({ sni: byName });
    const asked = ["a.example", "A.EXAMPLE", "x.b.example", "x.y.b.example", "b.example", "localhost"];
    const names: unknown[] = [];
    for (const name of asked) names.push(await shownTo(listener, name));
    expect(names).toEqual(["a", "a", "all of b", "server", "server", "server"]);
  });

  test("choose nothing but the certificate: ciphers and versions are those of the options", async () => {
    const ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
    const listener = await open({ sni: byName, ciphers, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
    for (const servername of ["a.example", "localhost"]) {
      const both = { servername, rejectUnauthorized: false };
      expect(await refusalOf(listener, { ...both, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).toBeDefined();
      expect(await refusalOf(listener, { ...both, minVersion: "TLSv1.3" })).toBeDefined();
      expect(await ask(listener, both)).toBe("hello");
      expect(facts?.cipher).toBe("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    }
  });

  test("are looked up in the middle of the handshake, by somebody who may take his time", async () => {
    const asked: string[] = [];
    const sni = async (name: string) => {
      asked.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      if (name === "nobody.example") return null;
      return name === "a.example" ? byName["a.example"] : undefined;
    };
    const listener = await open({ sni });
    expect([await shownTo(listener, "a.example"), await shownTo(listener, "localhost")]).toEqual(["a", "server"]);
    expect(await refusalOf(listener, { servername: "nobody.example" })).toBeDefined();
    await world.until(() => listener.shutdownCounts["tlsHandshakeFailed"] === 1);
    expect(asked).toEqual(["a.example", "localhost", "nobody.example"]);
  });

  test("whose look-up throws, or answers nonsense, are refused", async () => {
    const listener = await open({
      sni: (name) => {
        if (name === "throw.example") throw new Error("no such table");
        return { cert: "nonsense", key: "nonsense" };
      },
    });
    expect(await refusalOf(listener, { servername: "throw.example" })).toBeDefined();
    expect(await refusalOf(listener, { servername: "nonsense.example" })).toBeDefined();
    await world.until(() => listener.shutdownCounts["tlsHandshakeFailed"] === 2);
    expect(listener.stats.accepted).toBe(2);
  });
});

describe.each<[string, Partial<TlsOptions>]>([
  ["certificates of clients", {}],
  ["certificates of clients that ask for a name of which there is another identity", { sni: { localhost: server } }],
])("%s", (_name, sni) => {
  useWorld("tcp");

  test("say who the client is", async () => {
    const listener = await open({ ...sni, requestCert: true, ca: authority.cert });
    expect(await ask(listener, device)).toBe("hello");
    const certificate = new X509Certificate(device.cert);
    expect(facts).toMatchObject({ isAuthorized: true, authorizationError: undefined });
    expect(facts?.peerCertificate).toEqual({
      subject: "CN=device-42,O=Espalier",
      commonName: "device-42",
      subjectAltNames: { dns: ["d42.local"], ip: ["10.0.0.42"], email: ["d42@example.org"], uri: ["urn:dev:42"] },
      issuer: "CN=Test CA",
      serialNumber: certificate.serialNumber,
      fingerprint: certificate.fingerprint256,
      validFrom: certificate.validFrom,
      validTo: certificate.validTo,
      raw: certificate.raw,
    });
  });

  test.each<[string, ConnectionOptions, string]>([
    ["that are missing", {}, "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"],
    ["of another authority", stranger.issue("device-42", "DNS:d42.local"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ])("%s are refused, and the cause is told", async (_what, options, code) => {
    const listener = await open({ ...sni, requestCert: true, ca: authority.cert });
    expect(await refusalOf(listener, options)).toBeDefined();
    expect(await detail()).toEqual({ type: "tlsHandshakeFailed", code });
    expect(listener.shutdownCounts).toEqual({ tlsHandshakeFailed: 1 });
  });

  test("that are revoked are refused, as soon as the list that says so is reloaded", async () => {
    const context = new TlsContext({ ...server, ...sni, requestCert: true, ca: authority.cert });
    const listener = await world.open(curious, { tls: context });
    expect(await ask(listener, device)).toBe("hello");
    context.reload({ crl: authority.revoke(device.cert) });
    expect(await refusalOf(listener, device)).toBeDefined();
    await world.until(() => world.of("connectionFailed").length === 1);
    expect(world.of("connectionFailed")[0]?.reason).toEqual(
      shutdown({ type: "tlsHandshakeFailed", code: "CERT_REVOKED" }),
    );
    expect(await ask(listener, authority.issue("device-43", "DNS:d43.local"))).toBe("hello");
  });

  test("that are no good may be let in, for the handler to judge", async () => {
    const listener = await open({ ...sni, requestCert: true, rejectUnauthorized: false, ca: authority.cert });
    expect(await ask(listener, stranger.issue("device-42", "DNS:d42.local"))).toBe("hello");
    expect(facts).toMatchObject({ isAuthorized: false, authorizationError: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    expect(facts?.peerCertificate?.commonName).toBe("device-42");
    expect(await ask(listener)).toBe("hello");
    expect(facts).toMatchObject({ isAuthorized: false, peerCertificate: undefined });
  });
});

test("names in a certificate may have anything in them", async () => {
  const { readAltNames } = await import("../src/transports/tls-facts.ts");
  expect(readAltNames('DNS:a.example, DNS:"b, DNS:c", IP Address:::1, othername:<unsupported>, URI:urn:x:y')).toEqual({
    dns: ["a.example", "b, DNS:c"],
    ip: ["::1"],
    email: [],
    uri: ["urn:x:y"],
  });
});

function sensor(identity: string, secret: Buffer): ConnectionOptions {
  return {
    ciphers: "PSK",
    maxVersion: "TLSv1.2",
    pskCallback: () => ({ identity, psk: secret }),
    checkServerIdentity: () => undefined,
  };
}

describe("keys that both know", () => {
  useWorld("tcp");

  const key = Buffer.from("0123456789abcdef0123456789abcdef");
  const psk = { hint: "ask your vendor", key: (identity: string) => (identity === "sensor-1" ? key : undefined) };

  test("take the place of certificates, and say who the client is", async () => {
    const listener = await world.open(curious, { tls: { psk, ciphers: "PSK", maxVersion: "TLSv1.2" } });
    expect(await ask(listener, sensor("sensor-1", key))).toBe("hello");
    expect(facts).toMatchObject({ pskIdentity: "sensor-1", protocol: "TLSv1.2", isAuthorized: false });
  });

  test.each([
    ["a stranger", "sensor-2", key],
    ["the wrong key", "sensor-1", Buffer.alloc(32, 1)],
  ])("are refused for %s", async (_what, identity, secret) => {
    const listener = await world.open(curious, { tls: { psk, ciphers: "PSK", maxVersion: "TLSv1.2" } });
    expect(await refusalOf(listener, sensor(identity, secret))).toBeDefined();
    expect(await detail()).toMatchObject({ type: "tlsHandshakeFailed" });
  });
});

function stapledFor(listener: Listener): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const socket = client(listener, { requestOCSP: true } as ConnectionOptions).on("error", reject);
    socket.on("OCSPResponse", (response: Buffer | null) => {
      resolve(response);
      socket.destroy();
    });
  });
}

describe("an OCSP response", () => {
  useWorld("tcp");

  test("is stapled for those who ask", async () => {
    const response = authority.vouchFor(server.cert);
    const asked: string[] = [];
    const listener = await open({
      ocsp: async ({ certificate }) => {
        asked.push(new X509Certificate(Buffer.from(certificate)).subject);
        return response;
      },
    });
    expect(await stapledFor(listener)).toEqual(response);
    expect(await ask(listener)).toBe("hello");
    expect(asked).toEqual(["O=Espalier\nCN=server"]);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("no answer"))],
    ["has none", () => undefined],
  ])("of a provider that %s is left out", async (_what, ocsp) => {
    const listener = await open({ ocsp });
    const stapled = await stapledFor(listener);
    expect(stapled === null || stapled.length === 0).toBe(true);
  });
});

async function shown(listener: Listener): Promise<string> {
  const socket = client(listener);
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

describe("new certificates", () => {
  useWorld("tcp");

  test("count for new connections, and those that are there stay", async () => {
    const tls = new TlsContext({ ...server, alpnProtocols: ["mqtt"] });
    const listener = await world.open(curious, { tls });
    const old = client(listener).setEncoding("utf8");
    await once(old, "secureConnect");
    tls.reload(authority.issue("renewed", NAMES));
    expect(await shown(listener)).toBe("renewed");
    expect(await ask(listener, { ALPNProtocols: ["mqtt"] })).toBe("hello");
    expect(facts?.alpn).toBe("mqtt");
    old.end("still here");
    expect(await text(old)).toBe("still here");
  });

  test("that are no good are refused, and the old ones stay", async () => {
    const tls = new TlsContext(server);
    const listener = await world.open(curious, { tls });
    expect(() => tls.reload({ cert: device.cert })).toThrow("invalid option: tls.key must be the key of tls.cert");
    expect(await shown(listener)).toBe("server");
  });

  test("end the sessions of before, which somebody may have been let in by", async () => {
    const tls = new TlsContext({ ...server, maxVersion: "TLSv1.2" });
    const listener = await world.open(curious, { tls });
    const first = client(listener);
    const [session] = (await once(first, "session")) as [Buffer];
    first.destroy();
    expect(await ask(listener, { session })).toBe("hello");
    expect(facts?.isResumed).toBe(true);
    tls.reload({});
    expect(await ask(listener, { session })).toBe("hello");
    expect(facts?.isResumed).toBe(false);
  });

  test("may be given as an option of an open listener", async () => {
    const listener = await open();
    await listener.setOptions({ tls: authority.issue("set", NAMES) });
    expect(await shown(listener)).toBe("set");
    await expect(listener.setOptions({ tls: { cert: "x", key: "y" } })).rejects.toMatchObject({
      code: "ERR_INVALID_OPTION",
    });
    expect(await shown(listener)).toBe("set");
  });
});
