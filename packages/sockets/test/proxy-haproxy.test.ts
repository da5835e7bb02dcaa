import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { buildProxyHeader, type Listener, type ProxyHeader } from "@espalier/sockets";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Haproxy, type Identity, missing } from "./support/haproxy.ts";
import { type Puppet, puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

const SSL = "ssl crt CRT ca-file CA verify optional crt-ignore-err all alpn h2,http/1.1";
const OPTIONS = "proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id";

/** How HAProxy is set up, by the name of the frontend. */
const proxies = {
  v1: { server: "send-proxy" },
  v2: { server: "send-proxy-v2" },
  crc: { server: "send-proxy-v2 proxy-v2-options crc32c,unique-id" },
  tls: { bind: SSL, server: `send-proxy-v2-ssl-cn ${OPTIONS}` },
  // One that does not wait for an answer resets what it has just sent.
  health: {
    lines: ["option tcp-check", "tcp-check connect default", "tcp-check send hello", "tcp-check expect string hello"],
    server: "send-proxy-v2 check-send-proxy check inter 100ms",
  },
  again1: { bind: "accept-proxy", server: "send-proxy" },
  again2: { bind: "accept-proxy", server: "send-proxy-v2 proxy-v2-options crc32c" },
};

const source = { host: "203.0.113.7", port: 56_324 };
const destination = { host: "198.51.100.2", port: 443 };

describe.skipIf(missing !== "")(`a real HAProxy${missing && ` (skipped: ${missing})`}`, () => {
  let haproxy: Haproxy;
  let client: Identity;

  beforeAll(async () => {
    ({ haproxy, client } = await Haproxy.start(proxies));
  }, 60_000);

  afterAll(() => haproxy.stop());

  useWorld("tcp");
  let listener: Listener;
  let puppets: readonly Puppet[];

  beforeEach(async () => {
    // It echoes what it gets, and whoever listens long enough hears of each header.
    const puppetShow = puppetry({
      init: ({ connection }) => connection.activate(true),
      react(event, { connection, self }) {
        if (event.type === "data") connection.send(event.data);
        if (event.type === "closed" || event.type === "error") self.exit({ type: "normal" });
      },
    });
    puppets = puppetShow.puppets;
    const on = { host: "127.0.0.1", port: haproxy.port("target") };
    listener = await world.open(puppetShow.handler, { on, proxyProtocol: {} });
  });

  /** The first header of which this holds. */
  async function header(isWanted: (header: ProxyHeader) => boolean): Promise<ProxyHeader> {
    const find = () =>
      puppets.map(({ connection }) => connection.proxy).find((proxy) => proxy !== undefined && isWanted(proxy));
    await world.until(() => find() !== undefined);
    return find() as ProxyHeader;
  }

  /** What of the client is told behind the proxy. */
  async function tell(socket: Socket, first: Uint8Array | string = "hello"): Promise<ProxyHeader> {
    socket.write(first);
    const [echo] = (await once(socket, "data")) as [Buffer];
    expect(echo.toString()).toBe("hello");
    return header(({ command }) => command === "proxy");
  }

  async function open(frontend: keyof typeof proxies): Promise<Socket> {
    const socket = connect(haproxy.port(frontend), "127.0.0.1");
    await once(socket, "connect");
    return socket;
  }

  test.each([
    ["v1", 1, false],
    ["v2", 2, false],
    ["crc", 2, true],
  ] as const)("sends %s, and what the client sends comes behind it", async (frontend, version, isChecksummed) => {
    const socket = await open(frontend);
    const id = `id-127.0.0.1:${socket.localPort}`;
    expect(await tell(socket)).toEqual({
      version,
      command: "proxy",
      family: "ipv4",
      protocol: "stream",
      source: { host: "127.0.0.1", port: socket.localPort },
      destination: { host: "127.0.0.1", port: haproxy.port(frontend) },
      tlvs: { others: [], ...(frontend === "crc" && { uniqueId: new Uint8Array(Buffer.from(id)) }) },
      isChecksummed,
    });
    const told = puppets.find(({ connection }) => connection.proxy?.command === "proxy")?.connection;
    expect(told?.peername.port).toBe(socket.localPort);
    expect(told?.socketPeername?.port).not.toBe(socket.localPort);
    socket.destroy();
  });

  test.each([
    ["with a certificate", true],
    ["without one", false],
  ])("tells of a TLS client %s", async (_name, hasCertificate) => {
    const socket = connectTls({
      port: haproxy.port("tls"),
      host: "127.0.0.1",
      servername: "server.example",
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      ...(hasCertificate && client),
    });
    await once(socket, "secureConnect");
    const { tlvs, isChecksummed } = await tell(socket);
    expect(isChecksummed).toBe(true);
    expect(tlvs).toEqual({
      alpn: "h2",
      authority: "server.example",
      uniqueId: new Uint8Array(Buffer.from(`id-127.0.0.1:${socket.localPort}`)),
      tls: {
        isTls: true,
        hasCertificate,
        hasSessionCertificate: hasCertificate,
        // HAProxy finds no fault with a certificate that is not there.
        verify: 0,
        isVerified: hasCertificate,
        version: "TLSv1.3",
        ...(hasCertificate && { commonName: "client.example" }),
        cipher: "TLS_AES_256_GCM_SHA384",
        signatureAlgorithm: "RSA-SHA256",
        keyAlgorithm: "RSA2048",
        others: [],
      },
      others: [],
    });
    socket.destroy();
  });

  test("checks the health of a listener, which sees that there is no client", async () => {
    expect(await header(({ command }) => command === "local")).toMatchObject({ version: 2, family: "unspecified" });
    expect(listener.shutdownCounts["proxyProtocolError"]).toBeUndefined();
  });

  test.each(["again1", "again2"] as const)("takes what is built here, and sends it on: %s", async (frontend) => {
    const tlvs = { authority: "example.com", others: [{ type: 0xe5, value: Buffer.from("own") }] };
    const built = [
      buildProxyHeader({ version: 1, source, destination }),
      buildProxyHeader({ source, destination, tlvs, isChecksummed: true, padding: 7 }),
    ];
    for (const bytes of built) {
      const socket = await open(frontend);
      const told = await tell(socket, Buffer.concat([bytes, Buffer.from("hello")]));
      expect(told).toMatchObject({ family: "ipv4", source, destination, isChecksummed: frontend === "again2" });
      socket.destroy();
    }
  });

  test("refuses what is built here once a bit of it is flipped", async () => {
    const bytes = buildProxyHeader({ source, destination, isChecksummed: true });
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
    const socket = await open("again2");
    const closed = new Promise((resolve) => socket.on("error", resolve).on("close", resolve));
    socket.resume().write(bytes);
    await closed;
    expect(puppets.some(({ connection }) => connection.proxy?.source !== undefined)).toBe(false);
  });
});
