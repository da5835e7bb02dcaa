import { inspect } from "node:util";
import { sys } from "@espalier/actors";
import {
  type Client,
  type ClientOptions,
  connect,
  ConnectError,
  defineClient,
  type Listener,
  startPool,
  tcpTransport,
  TlsClientContext,
  type TlsClientOptions,
  type TlsFacts,
  type TlsOptions,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { addressOf, listening, tap, useClients } from "./support/client-world.ts";
import { puppetry } from "./support/handlers.ts";
import { transports, world } from "./support/server-world.ts";

const authority = createAuthority();
const server = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
const elsewhere = authority.issue("elsewhere", "DNS:elsewhere.example");
const device = authority.issue("device-42", "DNS:d42.local");
const trusting = { ca: authority.cert };

/** A server that keeps what it knows of the TLS of each connection, and sends everything back. */
function openServer(tls: Partial<TlsOptions> = {}) {
  const name = `server ${world.listeners.length}`;
  const facts: Array<TlsFacts | undefined> = [];
  const { handler } = puppetry({
    init: ({ connection }) => connection.activate(true),
    react(event, { connection, self }) {
      if (event.type === "socketReady") facts.push(connection.tls);
      if (event.type === "data") connection.send(event.data);
      if (event.type === "closed" || event.type === "error") self.exit(self.pid, { type: "shutdown" });
    },
  });
  return world.open(handler, { name, tls: { ...server, ...tls } }).then((listener) => ({ listener, facts }));
}

/** A client of it, with what its handler has heard. */
async function open(to: Listener | string, tls: ClientOptions["tls"], options: ClientOptions = {}) {
  const heard = listening();
  const address = typeof to === "string" ? to : addressOf(to);
  const transport = tap().transport;
  const client = await connect(
    world.system,
    address,
    { transport, ...(tls !== undefined && { tls }), ...options },
    heard.handler,
  );
  return { client, ...heard };
}

/** Why a client cannot connect. */
async function refusalOf(...args: Parameters<typeof open>): Promise<string> {
  const error = await open(...args).then(
    () => new Error("it is connected"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConnectError)) throw error;
  return error.reason;
}

async function echoes(client: Client, heard: () => string): Promise<string> {
  await client.send("hello");
  await world.until(() => heard() === "hello");
  return heard();
}

describe.each(transports)("%s", (transport) => {
  useClients(transport);

  test("a client speaks TLS with a server that it trusts, and both know what was agreed on", async () => {
    const { listener, facts } = await openServer({ alpnProtocols: ["mqtt", "http/1.1"] });
    const { client, last } = await open(listener, { ...trusting, alpnProtocols: ["http/1.1", "mqtt"] });
    expect(await echoes(client, () => last().text)).toBe("hello");
    const own = last().connection.tls;
    expect(own).toMatchObject({ protocol: "TLSv1.3", alpn: "mqtt", isAuthorized: true, authorizationError: undefined });
    expect(own?.peerCertificate?.commonName).toBe("server");
    expect(facts).toMatchObject([{ alpn: "mqtt", servername: undefined }]);
  });

  test("a client shows its certificate to a server that wants to see it", async () => {
    const { listener, facts } = await openServer({ requestCert: true, ca: authority.cert });
    await open(listener, { ...trusting, ...device });
    await world.until(() => facts.length === 1);
    expect(facts).toMatchObject([{ isAuthorized: true, peerCertificate: { commonName: "device-42" } }]);
  });

  test("a server that nobody who is trusted has vouched for is refused, by its code", async () => {
    const { listener } = await openServer();
    const error = await open(listener, true).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ reason: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", attempt: 1, port: listener.port });
    expect(String(error)).toContain("nobody who is trusted has signed the server's certificate");
    expect(await refusalOf(listener, { ca: createAuthority("Somebody else").cert })).toMatch(/^UNABLE_TO/u);
  });

  test("a server with the certificate of another is refused, unless that is who was meant", async () => {
    const { listener, facts } = await openServer(elsewhere);
    expect(await refusalOf(listener, trusting)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    const { client, last } = await open(listener, { ...trusting, servername: "elsewhere.example" });
    expect(await echoes(client, () => last().text)).toBe("hello");
    expect(facts.at(-1)?.servername).toBe("elsewhere.example");
  });

  test("who does not care whom it talks to says so, and can look", async () => {
    const { listener } = await openServer(elsewhere);
    const { last } = await open(listener, { rejectUnauthorized: false });
    expect(last().connection.tls).toMatchObject({
      isAuthorized: false,
      authorizationError: expect.any(String) as string,
    });
  });

  test("a server that does not speak TLS, or not that protocol, or not that version, is told apart", async () => {
    const plain = puppetry({
      init: ({ connection }) => connection.activate(true),
      react: (event, { connection }) => void (event.type === "data" && connection.send("what?\n")),
    });
    const listener = await world.open(plain.handler, { name: "plain" });
    expect(await refusalOf(listener, trusting)).toBe("ERR_SSL_WRONG_VERSION_NUMBER");
    const { listener: picky } = await openServer({ alpnProtocols: ["mqtt"], minVersion: "TLSv1.3" });
    expect(await refusalOf(picky, { ...trusting, alpnProtocols: ["h2"] })).toMatch(/ALPN|NO_APPLICATION_PROTOCOL/u);
    expect(await refusalOf(picky, { ...trusting, maxVersion: "TLSv1.2" })).toMatch(/PROTOCOL_VERSION/u);
    world.logged.length = 0;
  });

  test("a key that both know takes the place of certificates", async () => {
    const key = Buffer.from("0123456789abcdef0123456789abcdef");
    const psk = { key: (identity: string) => (identity === "sensor-1" ? key : undefined) };
    const versions = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
    const facts: Array<TlsFacts | undefined> = [];
    const { handler } = puppetry({
      init: ({ connection }) => connection.activate(true),
      react(event, { connection, self }) {
        if (event.type === "socketReady") facts.push(connection.tls);
        if (event.type === "closed") self.exit(self.pid, { type: "shutdown" });
      },
    });
    const listener = await world.open(handler, { tls: { psk, ...versions } });
    await open(listener, { psk: { identity: "sensor-1", key }, ...versions });
    await world.until(() => facts.length === 1);
    expect(facts).toMatchObject([{ pskIdentity: "sensor-1" }]);
    expect(await refusalOf(listener, { psk: { identity: "sensor-2", key }, ...versions })).toMatch(/^E/u);
    // One with a certificate has to be whom the client wants, key or no key.
    const { listener: other } = await openServer(elsewhere);
    const both = { psk: { identity: "sensor-1", key }, ...trusting };
    expect(await refusalOf(other, both)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("certificates that are reloaded count for the next connection, and a context may be shared", async () => {
    const { listener, facts } = await openServer({ requestCert: true, ca: authority.cert });
    const context = new TlsClientContext({ ...trusting, ...device });
    const [one, two] = [await open(listener, context), await open(listener, context)];
    expect(() => context.reload({ key: server.key })).toThrow("tls.key must be the key of tls.cert");
    context.reload(authority.issue("device-43", "DNS:d43.local"));
    await one.client.reconnect();
    await two.client.connected();
    await world.until(() => facts.length === 3);
    expect(facts.map((fact) => fact?.peerCertificate?.commonName)).toEqual(["device-42", "device-42", "device-43"]);
  });

  test("the connections of a pool share the options of the pool, and may have their own", async () => {
    const [one, two] = [await openServer(), await openServer(elsewhere)];
    const connections = [
      { id: "one", to: addressOf(one.listener) },
      { id: "two", to: addressOf(two.listener), options: { tls: { ...trusting, servername: "elsewhere.example" } } },
    ];
    const { handler } = listening();
    const pool = startPool(world.system, connections, { transport: tap(2).transport, tls: trusting }, handler);
    await pool.connected(2);
    await world.until(() => one.facts.length + two.facts.length === 2);
    expect(two.facts).toMatchObject([{ servername: "elsewhere.example" }]);
    await pool.close();
  });
});

test("a transport whose clients speak TLS can do what the one below can", () => {
  const below = tcpTransport();
  const { mostSockets, canReusePort, reusePortNeeds } = new TlsClientContext().over(below);
  const can = { mostSockets, canReusePort, reusePortNeeds };
  expect(can).toEqual({
    mostSockets: below.mostSockets,
    canReusePort: below.canReusePort,
    reusePortNeeds: below.reusePortNeeds,
  });
});

describe("tcp", () => {
  useClients("tcp");

  test("the server is asked for the host of the address, if that is a name", async () => {
    const { listener, facts } = await openServer({ sni: { localhost: server } });
    await open(`localhost:${listener.port}`, trusting);
    await world.until(() => facts.length === 1);
    expect(facts[0]?.servername).toBe("localhost");
  });

  test("a server that wants a certificate and gets none breaks a connection that was up, which is no success", async () => {
    const { listener } = await openServer({ requestCert: true, ca: authority.cert });
    const { handler } = listening();
    const options = { transport: tap().transport, tls: trusting, attempts: 2, backoff: { initialMs: 1, maxMs: 1 } };
    const ended = world.system.exited(
      world.system.spawn(defineClient(world.system, addressOf(listener), options, handler)),
    );
    expect(await ended).toMatchObject({ error: { code: "ERR_CONNECT", reason: "unstable", attempt: 2 } });
    expect(world.of("clientDisconnected").map(({ kind }) => kind)).toEqual(["broken", "broken"]);
    world.logged.length = 0;
  });
});

describe("in time", () => {
  useClients("memory");

  test("the handshake is part of the attempt, and ends with it", async () => {
    const silent = puppetry();
    const listener = await world.open(silent.handler, { name: "silent" });
    const refusal = refusalOf(listener, trusting, { connectTimeoutMs: 400 });
    await world.manual.advance(399);
    expect(world.of("clientFailed")).toEqual([]);
    await world.manual.advance(1);
    expect(await refusal).toBe("connectTimeout");
  });
});

describe("what is wrong with the options", () => {
  useClients("memory");

  const wrong: ReadonlyArray<readonly [unknown, readonly string[]]> = [
    ["yes", ["tls must be an object"]],
    [{ cert: server.cert }, ["tls.key must be a private key in PEM"]],
    [{ ...server, key: device.key }, ["tls.key must be the key of tls.cert"]],
    [{ passphrase: "secret" }, ["tls.cert must be", "tls.key must be"]],
    [{ ca: "nobody", crl: 1 }, ["tls.ca must be certificates in PEM", "tls.crl must be"]],
    [{ servername: "127.0.0.1" }, ["tls.servername must be a host name"]],
    [{ rejectUnauthorised: false }, ["tls.rejectUnauthorised is not an option (did you mean rejectUnauthorized?)"]],
    [{ handshakeTimeoutMs: 5 }, ["tls.handshakeTimeoutMs is not an option"]],
    [
      { checkServerIdentity: true, alpnProtocols: [] },
      ["tls.alpnProtocols must be", "tls.checkServerIdentity must be"],
    ],
    [{ psk: { identity: 1, key: "short" } }, ["tls.psk.identity must be", "tls.psk.key must be at least 16 bytes"]],
    [{ minVersion: "TLSv1.3", maxVersion: "TLSv1.2" }, ["tls.maxVersion must be no earlier than minVersion"]],
    [{ ciphers: "ROT13" }, ["tls.ciphers must be accepted by OpenSSL"]],
  ];

  test.each(wrong)("%# is said at once, before anything begins", async (tls, messages) => {
    const options = { tls: tls as TlsClientOptions, transport: tap().transport };
    const { handler } = listening();
    const text = String(await connect(world.system, "127.0.0.1:1", options, handler).catch((error: unknown) => error));
    for (const message of messages) expect(text).toContain(message);
    expect(text.match(/^\s*tls/gmu) ?? [text]).toHaveLength(messages.length);
    const pool = [{ id: "a", to: "127.0.0.1:1", options }];
    expect(() => startPool(world.system, pool, {}, handler)).toThrow("connections[0].options.tls");
    expect(world.of("clientConnecting")).toEqual([]);
  });

  test("keys are in no error, and in nothing that is printed of a client", async () => {
    const { listener } = await openServer();
    const tls = { ...trusting, ...device };
    const lines = device.key.split("\n").filter((line) => /^[\w+/=]{16,}$/u.test(line));
    const { client, last } = await open(listener, tls);
    const states = world.system.inspect().processes.map(({ pid }) => sys.getStatus(world.system, pid).catch(String));
    const error = await connect(
      world.system,
      "127.0.0.1:1",
      { tls: { ...tls, cert: device.key } },
      last as never,
    ).catch((reason: unknown) => reason);
    const printed = [await Promise.all(states), world.system.inspect(), world.events, await client.info(), error];
    const text = inspect(printed, { depth: 8, maxStringLength: null });
    expect(lines.filter((line) => text.includes(line))).toEqual([]);
    expect(JSON.stringify(new TlsClientContext(tls))).toBe('"TLS"');
  });
});
