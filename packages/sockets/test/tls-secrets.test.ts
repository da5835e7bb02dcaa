import { execFileSync, spawn } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { inspect } from "node:util";
import { sys } from "@espalier/actors";
import { getChildSpec } from "@espalier/supervisor";
import { InvalidOptionError, packetMachine, TlsContext, type TlsOptions, tlsTransport } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { directoryOfTest } from "./support/directories.ts";
import { puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

const authority = createAuthority();
const server = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
const other = authority.issue("other", "DNS:other.example");
const PASSPHRASE = "correct horse battery staple";
const locked = createPrivateKey(server.key)
  .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PASSPHRASE })
  .toString();

/** What is wrong with options as plain JavaScript may give them. */
function faultOf(tls: unknown): InvalidOptionError | undefined {
  try {
    JSON.stringify(new TlsContext(tls as TlsOptions));
    return undefined;
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
}

/** Every text that can be reached from a value by its properties, as a log, a debugger or a report would. */
function textsIn(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === "string") return [value];
  if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) return [];
  seen.add(value);
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("latin1")];
  const parts: unknown[] = value instanceof Map || value instanceof Set ? [...value.entries()] : [];
  for (const key of Reflect.ownKeys(value)) parts.push(Object.getOwnPropertyDescriptor(value, key)?.value);
  return [...parts.flatMap((part) => textsIn(part, seen)), `${inspect(value)} ${toJson(value)}`];
}

function toJson(value: object): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    // A circle, whose parts are looked at one by one.
    return "";
  }
}

/** Every line of the key, and what unlocks it. */
const SECRETS: readonly string[] = [
  ...[server.key, locked, other.key].flatMap((key) => key.split("\n").filter((line) => /^[\w+/=]{16,}$/u.test(line))),
  PASSPHRASE,
];

function secretsIn(value: unknown): readonly string[] {
  const shown = textsIn(value).join("\n");
  return SECRETS.filter((secret) => shown.includes(secret));
}

test("printing finds secrets where there are some", () => {
  expect(secretsIn({ deep: { options: { key: server.key } } }).length).toBeGreaterThan(0);
});

describe("options", () => {
  test("of every kind are accepted", () => {
    const all: Required<TlsOptions> = {
      cert: server.cert,
      key: Buffer.from(locked),
      passphrase: PASSPHRASE,
      ca: [authority.cert, Buffer.from(authority.cert)],
      crl: [],
      requestCert: true,
      rejectUnauthorized: false,
      alpnProtocols: ["mqtt"],
      sni: { "other.example": other, "*.example": other },
      psk: { key: () => undefined, hint: "" },
      ocsp: () => undefined,
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.3",
      ciphers: "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384",
      handshakeTimeoutMs: 1,
    };
    expect(faultOf(all)).toBeUndefined();
    const nothing = Object.fromEntries(Object.keys(all).map((name) => [name, undefined]));
    expect(faultOf({ ...nothing, ...server })).toBeUndefined();
  });

  test("that are wrong are named all at once, each with what is allowed", () => {
    const options = {
      cert: server.cert,
      key: other.key,
      ca: "no certificate",
      crl: 1,
      requestCert: "yes",
      rejectUnauthorized: 0,
      alpnProtocols: [],
      sni: { "other.example": { cert: "x" }, "*": other, "third.example": { ...other, keys: "" } },
      psk: { keys: PASSPHRASE },
      ocsp: {},
      minVersion: "TLSv1",
      maxVersion: "SSLv3",
      ciphers: "",
      handshakeTimeoutMs: 0,
      keyy: server.key,
    };
    expect(faultOf(options)?.message).toBe(
      [
        "18 invalid options:",
        "tls.keyy is not an option (did you mean key?)",
        "tls.key must be the key of tls.cert",
        "tls.ca must be certificates in PEM",
        "tls.crl must be revocation lists in PEM",
        "tls.rejectUnauthorized must be true or false",
        "tls.alpnProtocols must be an array of names of 1 to 255 bytes",
        'tls.minVersion must be "TLSv1.2" or "TLSv1.3"',
        'tls.maxVersion must be "TLSv1.2" or "TLSv1.3"',
        "tls.ciphers must be a cipher list of OpenSSL",
        "tls.requestCert must be true or false",
        'tls.sni["other.example"].cert must be a certificate in PEM',
        'tls.sni["other.example"].key must be a private key in PEM',
        'tls.sni["*"] must be named after a host, such as "example.org" or "*.example.org"',
        'tls.sni["third.example"].keys is not an option (did you mean key?)',
        "tls.psk.keys is not an option (did you mean key?)",
        "tls.psk.key must be a function",
        "tls.ocsp must be a function",
        "tls.handshakeTimeoutMs must be milliseconds from 1 to 2147483647",
      ].join("\n  "),
    );
  });

  test.each<[string, unknown, string]>([
    ["nothing", {}, "tls must be given cert and key, or sni, or psk"],
    ["no object", "server.pem", "tls must be an object"],
    ["a certificate without a key", { cert: server.cert }, "tls.key must be a private key in PEM"],
    ["a key without a certificate", { key: server.key }, "tls.cert must be a certificate in PEM"],
    ["both in each other's place", { cert: server.key, key: server.cert }, "2 invalid options"],
    ["a locked key", { cert: server.cert, key: locked }, "tls.passphrase must be what tls.key is encrypted with"],
    [
      "a locked key with another passphrase",
      { cert: server.cert, key: locked, passphrase: "wrong" },
      "tls.passphrase must be what tls.key is encrypted with",
    ],
    ["versions that exclude each other", { ...server, minVersion: "TLSv1.3", maxVersion: "TLSv1.2" }, "tls.maxVersion"],
    ["ciphers that OpenSSL does not know", { ...server, ciphers: "ROT13" }, "tls.ciphers must be accepted by OpenSSL"],
  ])("with %s are refused", (_what, options, message) => {
    expect(faultOf(options)?.message).toContain(message);
  });

  test("are refused before there is a transport", () => {
    expect(() => tlsTransport({ cert: "x", key: "y" })).toThrow("2 invalid options");
  });
});

describe("keys are in nothing that is printed", () => {
  useWorld("tcp");

  test("errors about them", () => {
    for (const options of [
      { cert: server.key, key: server.cert },
      { key: server.key, passphrase: PASSPHRASE },
      { cert: server.cert, key: locked, passphrase: `${PASSPHRASE}!` },
      { ...server, passphrase: [PASSPHRASE], sni: { "a.example": { cert: server.key } } },
      { ...server, pass: PASSPHRASE, psk: PASSPHRASE, alpnProtocols: server.key, ca: server.key, ciphers: PASSPHRASE },
      server.key,
    ]) {
      const fault = faultOf(options);
      expect(fault).toBeInstanceOf(InvalidOptionError);
      expect([secretsIn(fault), secretsIn(fault?.issues)]).toEqual([[], []]);
    }
  });

  test("an open listener, its processes, its connections, its log and its trace", async () => {
    const { handler, one } = puppetry();
    const tls = { cert: server.cert, key: locked, passphrase: PASSPHRASE, sni: { "other.example": other } };
    const listener = await world.open(handler, { tls });
    const socket = connect({ port: listener.port, host: "127.0.0.1", servername: "localhost", ca: authority.cert });
    const { connection, self } = await one();
    await expect(world.open(handler, { name: "second", tls: { ...tls, passphrase: "wrong" } })).rejects.toThrow("tls");
    const states: unknown[] = [];
    for (const { pid } of world.system.inspect().processes) {
      states.push(await sys.getStatus(world.system, pid).catch(String));
    }
    const specs = await Promise.all(
      [`listener_sup:${listener.id}`].map((id) => getChildSpec(world.system, world.sockets.supervisor, id)),
    );
    const all = {
      connection,
      events: world.events,
      facts: connection.tls,
      info: listener.info,
      inspected: world.system.inspect(),
      listener,
      logged: world.logged,
      self,
      specs,
      states,
      told: world.told,
      children: await listener.children(),
    };
    for (const [name, value] of Object.entries(all)) expect([name, secretsIn(value)]).toEqual([name, []]);
    socket.destroy();
  });
});

const isThere = ((): boolean => {
  try {
    return execFileSync("openssl", ["version"]).length > 0;
  } catch {
    return false;
  }
})();

describe("openssl s_client", () => {
  useWorld("tcp");

  test.skipIf(!isThere)("shakes hands, and shows the certificate that it asked for", async () => {
    const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });
    const listener = await world.open(echo, { packet: "line", tls: { ...server, sni: { "other.example": other } } });
    const directory = directoryOfTest();
    writeFileSync(join(directory, "ca.pem"), authority.cert);
    const args = ["-connect", `127.0.0.1:${listener.port}`, "-servername", "other.example", "-CAfile", "ca.pem"];
    const program = spawn("openssl", ["s_client", ...args, "-verify_return_error", "-ign_eof"], { cwd: directory });
    program.stdin.write("hello from openssl\n");
    let shown = "";
    for await (const chunk of program.stdout) {
      shown += String(chunk);
      if (shown.includes("hello from openssl\n")) break;
    }
    program.kill();
    await once(program, "close");
    expect(shown).toContain("subject=O = Espalier, CN = other");
    expect(shown).toContain("Verify return code: 0 (ok)");
    await text(program.stderr).catch(() => "");
  });
});
