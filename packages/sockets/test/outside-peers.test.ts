import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { formatAddress, fromConnection, type Listener, packetMachine, type TlsFacts } from "@espalier/sockets";
import { beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { directoryOfBlock } from "./support/directories.ts";
import { missingOf, run } from "./support/programs.ts";
import { type OpenOptions, useWorld, world } from "./support/server-world.ts";
import { useUdpWorld, world as udpWorld } from "./support/udp-world.ts";

/*
 * Programs that nobody here has written speak with the server: OpenSSL's client, OpenBSD's netcat, curl, and the clients of
 * Node. HAProxy has a file of its own. Each program ends by itself.
 */
const missing = missingOf("openssl", "nc", "curl");
const authority = missing === "" ? createAuthority() : undefined;
const NAMES = "DNS:localhost,IP:127.0.0.1";
const server = authority?.issue("server", NAMES);
const other = authority?.issue("other", "DNS:other.example");
const device = authority?.issue("device-42", "DNS:d42.local");

const directory = directoryOfBlock();

beforeAll(() => {
  const files = { "ca.pem": authority?.cert, "device.pem": device?.cert, "device.key": device?.key };
  for (const [name, content = ""] of Object.entries(files)) writeFileSync(join(directory, name), content);
});

function file(name: string): string {
  return join(directory, name);
}

const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });

/** Reads everything up to the client's end, and only then says how much it was. */
const summing = fromConnection(async (connection) => {
  let bytes = 0;
  for await (const chunk of connection) bytes += chunk.length;
  connection.send(`${bytes} bytes\n`);
});

/** What the last connection knew of its TLS. */
let facts: TlsFacts | undefined;

/** Sends back one line, and hangs up. */
const answerOnce = fromConnection(async (connection) => {
  facts = connection.tls;
  const line = await connection.recv();
  if (line !== undefined) connection.send(line);
});

/** As much of HTTP/1.1 as a question without a body takes: says what was asked, and by whom. */
const http = fromConnection(async (connection) => {
  let request = "";
  for await (const packet of connection) {
    const line = Buffer.from(packet).toString().trimEnd();
    if (request === "") request = line;
    if (line !== "") continue;
    const { peername, proxy, tls } = connection;
    const told = { request, peer: formatAddress(peername), proxy: proxy?.version, alpn: tls?.alpn };
    const body = JSON.stringify(told);
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    request = "";
  }
});

/** What OpenSSL prints of a connection to which it says a line. */
async function shakeHands(tls: OpenOptions["tls"], ...args: readonly string[]): Promise<string> {
  facts = undefined;
  const listener = await world.open(answerOnce, {
    name: `number ${world.listeners.length}`,
    packet: "line",
    tls: tls ?? false,
  });
  const where = ["s_client", "-connect", `127.0.0.1:${listener.port}`, "-ign_eof"];
  const { out, err } = await run("openssl", [...where, ...args], "hello from openssl\n");
  return out + err;
}

function trusting(): string[] {
  return ["-CAfile", file("ca.pem"), "-verify_return_error"];
}

describe.skipIf(missing !== "")(`OpenSSL's client${missing}`, () => {
  useWorld("tcp");

  test("shakes hands, finds the certificate good, and is echoed", async () => {
    const said = await shakeHands(server, ...trusting(), "-verify_hostname", "localhost");
    expect(said).toContain("Verify return code: 0 (ok)");
    expect(said).toContain("Verified peername: localhost");
    expect(said).toContain("hello from openssl\n");
    expect(facts).toMatchObject({ protocol: "TLSv1.3", isAuthorized: false });
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("gets %s if that is what it speaks", async (version) => {
    const said = await shakeHands(server, version === "TLSv1.2" ? "-tls1_2" : "-tls1_3", ...trusting());
    expect(said).toMatch(new RegExp(`^New, ${version}, Cipher is `, "m"));
    expect(facts?.protocol).toBe(version);
  });

  test("is shown the certificate of the name that it asks for", async () => {
    const tls = { ...server, sni: { "other.example": other ?? { cert: "", key: "" } } };
    expect(await shakeHands(tls, ...trusting(), "-servername", "other.example")).toMatch(/subject=.*CN ?= ?other$/m);
    expect(facts?.servername).toBe("other.example");
    expect(await shakeHands(tls, ...trusting(), "-servername", "localhost")).toMatch(/subject=.*CN ?= ?server$/m);
  });

  test("agrees on a protocol, or is told that there is none in common", async () => {
    const tls = { ...server, alpnProtocols: ["mqtt", "http/1.1"] };
    expect(await shakeHands(tls, "-alpn", "http/1.1,mqtt")).toContain("ALPN protocol: mqtt");
    expect(facts?.alpn).toBe("mqtt");
    expect(await shakeHands(tls, "-alpn", "h2")).toMatch(/alert no application protocol|alert number 120/);
  });

  test("is let in with its certificate, and not without one", async () => {
    const tls = { ...server, ca: authority?.cert ?? "", requestCert: true };
    const said = await shakeHands(tls, ...trusting(), "-cert", file("device.pem"), "-key", file("device.key"));
    expect(said).toContain("hello from openssl\n");
    expect(facts).toMatchObject({ isAuthorized: true, peerCertificate: { commonName: "device-42" } });
    const refused = await shakeHands(tls, ...trusting());
    expect(refused).not.toContain("hello from openssl\n");
    expect(facts).toBeUndefined();
  });

  test("is let in by a key that both know, and not by another", async () => {
    const key = Buffer.from("0123456789abcdef0123456789abcdef");
    const psk = { key: (identity: string) => (identity === "sensor-1" ? key : undefined) };
    const tls = { psk, ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
    const args = ["-tls1_2", "-cipher", "PSK", "-psk_identity", "sensor-1", "-psk"];
    expect(await shakeHands(tls, ...args, key.toString("hex"))).toContain("hello from openssl\n");
    expect(facts?.pskIdentity).toBe("sensor-1");
    expect(await shakeHands(tls, ...args, Buffer.alloc(32, 1).toString("hex"))).not.toContain("hello from openssl\n");
    expect(facts).toBeUndefined();
  });

  test("is given the OCSP response that it asks for, and only then", async () => {
    const response = authority?.vouchFor(server?.cert ?? "");
    const tls = { ...server, ocsp: () => response };
    expect(await shakeHands(tls, ...trusting(), "-status")).toContain("OCSP Response Status: successful (0x0)");
    expect(await shakeHands(tls, ...trusting())).not.toContain("OCSP Response Status");
    expect(await shakeHands(server, ...trusting(), "-status")).toContain("OCSP response: no response sent");
  });

  test("resumes a session of TLS 1.2", async () => {
    const tls = { ...server, maxVersion: "TLSv1.2" } as const;
    const listener = await world.open(answerOnce, { packet: "line", tls });
    const where = ["s_client", "-connect", `127.0.0.1:${listener.port}`, "-ign_eof"];
    const first = await run("openssl", [...where, "-sess_out", file("session")], "hello\n");
    const second = await run("openssl", [...where, "-sess_in", file("session")], "hello\n");
    expect(first.out).toMatch(/^New, TLSv1\.2/m);
    expect(second.out).toMatch(/^Reused, TLSv1\.2/m);
    expect(facts?.isResumed).toBe(true);
  });
});

describe.skipIf(missing !== "")(`netcat${missing}`, () => {
  useWorld("tcp");

  test("gets back what it sends", async () => {
    const listener = await world.open(echo);
    const words = "one\ntwo\nthree\n".repeat(10_000);
    expect(await run("nc", ["-N", "127.0.0.1", `${listener.port}`], words)).toEqual({ status: 0, out: words, err: "" });
    await world.until(() => listener.currentClients === 0);
    expect(listener.shutdownCounts).toEqual({ peerClosed: 1 });
  });

  test("that has ended its half is still answered", async () => {
    const listener = await world.open(summing);
    const said = await run("nc", ["-N", "127.0.0.1", `${listener.port}`], "x".repeat(100_000));
    expect(said.out).toBe("100000 bytes\n");
  });

  test("finds a unix socket", async () => {
    await world.open(echo, { on: { path: file("nc.sock") } });
    expect((await run("nc", ["-N", "-U", file("nc.sock")], "hello\n")).out).toBe("hello\n");
  });

  test("knows from a refused connection that nobody listens any more", async () => {
    const listener = await world.open(echo);
    expect((await run("nc", ["-z", "127.0.0.1", `${listener.port}`])).status).toBe(0);
    await listener.suspend();
    expect((await run("nc", ["-z", "127.0.0.1", `${listener.port}`])).status).toBe(1);
  });
});

/** What the server has answered, each as JSON. */
async function curl(...args: readonly string[]): Promise<object[]> {
  const { status, out, err } = await run("curl", ["--silent", "--show-error", "--max-time", "20", ...args]);
  if (status !== 0) throw new Error(err);
  return JSON.parse(`[${out.replaceAll("}{", "},{")}]`) as object[];
}

function open(options: OpenOptions = {}): Promise<Listener> {
  return world.open(http, { packet: "line", ...options });
}

describe.skipIf(missing !== "")(`curl${missing}`, () => {
  useWorld("tcp");

  test("asks over TCP, twice on one connection", async () => {
    const listener = await open();
    const url = `http://127.0.0.1:${listener.port}`;
    expect(await curl(`${url}/a`, `${url}/b`)).toMatchObject([
      { request: "GET /a HTTP/1.1" },
      { request: "GET /b HTTP/1.1" },
    ]);
    expect(listener.stats.accepted).toBe(1);
  });

  test("asks over TLS, and has HTTP/1.1 chosen", async () => {
    const listener = await open({ tls: { ...server, alpnProtocols: ["http/1.1"] } });
    const local = ["--cacert", file("ca.pem"), "--resolve", `localhost:${listener.port}:127.0.0.1`];
    expect(await curl(...local, `https://localhost:${listener.port}/`)).toMatchObject([{ alpn: "http/1.1" }]);
  });

  test("asks over a unix socket", async () => {
    await open({ on: { path: file("curl.sock") } });
    expect(await curl("--unix-socket", file("curl.sock"), "http://localhost/here")).toMatchObject([
      { request: "GET /here HTTP/1.1", peer: "unix:" },
    ]);
  });

  test("says in a PROXY header who it is", async () => {
    const listener = await open({ proxyProtocol: {} });
    const [told] = await curl("--haproxy-protocol", `http://127.0.0.1:${listener.port}/`);
    expect(told).toMatchObject({ request: "GET / HTTP/1.1", proxy: 1 });
    await expect(curl(`http://127.0.0.1:${listener.port}/`)).rejects.toThrow("curl");
    expect(listener.shutdownCounts["proxyProtocolError"]).toBe(1);
  });

  test("says so in front of TLS, too", async () => {
    const listener = await open({ proxyProtocol: {}, tls: server ?? false });
    const url = `https://127.0.0.1:${listener.port}/`;
    expect(await curl("--haproxy-protocol", "--cacert", file("ca.pem"), url)).toMatchObject([{ proxy: 1 }]);
  });
});

describe("Node's clients", () => {
  useWorld("tcp");

  test("of TCP are echoed, and may end their half first", async () => {
    const echoing = await world.open(echo);
    expect(await text(connect(echoing.port, "127.0.0.1").end("hello"))).toBe("hello");
    const counting = await world.open(summing, { name: "counting" });
    expect(await text(connect(counting.port, "127.0.0.1").end("hello"))).toBe("5 bytes\n");
  });

  test.skipIf(missing !== "")("of TLS are echoed", async () => {
    const listener = await world.open(echo, { tls: server ?? false });
    const socket = connectTls({ port: listener.port, host: "127.0.0.1", ca: authority?.cert ?? "" });
    expect(await text(socket.end("hello"))).toBe("hello");
  });
});

describe("datagrams", () => {
  useUdpWorld("udp");

  test("of Node's client are echoed, one by one", async () => {
    const listener = await udpWorld.open(echo);
    const client = createSocket("udp4");
    for (const word of ["one", "two", "three"]) {
      client.send(word, listener.port, "127.0.0.1");
      const [answer] = (await once(client, "message")) as [Buffer];
      expect(answer.toString()).toBe(word);
    }
    expect(listener.currentClients).toBe(1);
    client.close();
    await once(client, "close");
  });

  test.skipIf(missing !== "")(`of netcat are echoed${missing}`, async () => {
    const listener = await udpWorld.open(echo);
    // It ends after the first that it gets.
    const { out } = await run("nc", ["-u", "-W", "1", "127.0.0.1", `${listener.port}`], "hello\n");
    expect(out).toBe("hello\n");
  });
});
