import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { shutdown } from "@espalier/actors";
import {
  connect,
  type ConnectionDefinition,
  connectionMachine,
  connector,
  fromConnection,
  fromConnector,
  InvalidOptionError,
  ReceiveError,
  StartTlsError,
  TlsClientContext,
  TlsContext,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import type { TransportSocket } from "../src/transport.ts";
import { createAuthority } from "./support/certificates.ts";
import { directoryOfTest } from "./support/directories.ts";
import { puppetry } from "./support/handlers.ts";
import { type OpenOptions, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

const authority = createAuthority();
const server = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
const trust = new TlsClientContext({ ca: authority.cert });
const secret = { packet: "line", startTls: true, tls: server } as const;

/** A mail server, as far as one gets before the mail. It says over what each line came. */
const mail = connectionMachine()
  .extend({
    actions: {
      answer({ context: { connection }, event }) {
        const line = event.type === "data" ? Buffer.from(event.data).toString().trim() : "";
        connection.send(`250 ${line} ${connection.tls === undefined ? "plain" : "secure"}\r\n`);
      },
      offer: ({ context }) => void context.connection.send("250-mail.example.org\r\n250 STARTTLS\r\n"),
    },
    guards: {
      isStart: ({ event }) => event.type === "data" && Buffer.from(event.data).toString() === "STARTTLS\r\n",
      isHello: ({ event }) => event.type === "data" && Buffer.from(event.data).toString().startsWith("EHLO"),
    },
  })
  .createMachine({
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: { target: "talking", actions: { type: "send", params: "220 hello\r\n" } } } },
      talking: {
        entry: "activate",
        on: {
          data: [
            { guard: "isStart", target: "securing" },
            { guard: "isHello", actions: ["offer", "activate"] },
            { actions: ["answer", "activate"] },
          ],
        },
      },
      securing: { entry: [{ type: "send", params: "220 go\r\n" }, "startTls"], on: { secured: "talking" } },
    },
  });

/** The client's end of TLS over what the recorder is attached to; its bytes are the recorder's from here on. */
function secure(client: SocketRecorder, to = "localhost"): { readonly outcome: Promise<string> } {
  const socket = trust.secure(client.socket, { host: to, port: 0 });
  socket.setEvents(client.events);
  client.attach(socket);
  client.resume();
  const outcome = new Promise<string>((resolve) => {
    socket.handshake([], { secured: () => resolve("secured"), failed: (code) => resolve(code ?? "ended") });
  });
  return { outcome };
}

/** Puts bytes before the first that is written, in one write with it. */
function before(first: string, socket: TransportSocket): TransportSocket {
  let isFirst = true;
  return new Proxy(socket, {
    get(target, name) {
      if (name === "write" && isFirst) {
        return (bytes: Uint8Array) => {
          isFirst = false;
          return target.write(Buffer.concat([Buffer.from(first), bytes]));
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

async function detail(): Promise<unknown> {
  const { reason } = await world.stopped();
  return reason.type === "shutdown" ? reason.detail : reason;
}

/** A puppet whose connection is in plain and has TLS to start, and its client. */
async function plain(options: OpenOptions = secret) {
  const { handler, one } = puppetry();
  const listener = await world.open(handler, options);
  const client = await world.connect(listener);
  const puppet = await one();
  return { listener, client, puppet, connection: puppet.connection };
}

/** A client and its server, each in the hand of the test, and both about to begin. */
async function both(options: OpenOptions = secret) {
  const far = puppetry();
  const listener = await world.open(far.handler, options);
  const near = puppetry();
  const to = { host: "localhost", port: listener.port };
  const { transport } = world;
  await connect(world.system, to, { packet: "line", reconnect: "never", transport }, near.handler);
  return { client: await near.hears(0, 1), server: await far.one() };
}

/** What comes back of a line in plain, and of one over TLS behind it. */
async function echoOf(handler: ConnectionDefinition): Promise<string> {
  const client = await world.connect(await world.open(handler, secret));
  client.write("STARTTLS\n");
  await client.bytes(9);
  await secure(client).outcome;
  client.write("over TLS\n");
  return client.text(18);
}

describe("on the memory transport", () => {
  useWorld("memory");

  test("what was said before goes out in plain, and what is said after over TLS", async () => {
    const listener = await world.open(mail, secret);
    const client = await world.connect(listener);
    client.write("NOOP\r\nSTARTTLS\r\n");
    const inPlain = "220 hello\r\n250 NOOP plain\r\n220 go\r\n";
    expect(await client.text(inPlain.length)).toBe(inPlain);
    expect(await secure(client).outcome).toBe("secured");
    client.write("NOOP\r\n");
    const all = `${inPlain}250 NOOP secure\r\n`;
    expect(await client.text(all.length)).toBe(all);
    client.end();
    expect(await detail()).toBe("peerClosed");
  });

  test("the figures of the connection go on", async () => {
    const { client, puppet, connection } = await plain();
    connection.activate();
    client.write("STARTTLS\n");
    await world.until(() => puppet.heard.length === 2);
    connection.send("go\n");
    connection.startTls();
    await client.bytes(3);
    await secure(client).outcome;
    await world.until(() => puppet.heard.at(-1) === "secured");
    connection.activate();
    client.write("more\n");
    await world.until(() => puppet.heard.at(-1) === "data more\n");
    connection.send("done\n");
    await client.bytes(8);
    expect(connection.getStat()).toMatchObject({ bytesReceived: 14, bytesSent: 8, packetsReceived: 2, packetsSent: 2 });
    expect(connection.tls).toMatchObject({ protocol: "TLSv1.3" });
  });

  test("what is sent in the handshake waits, and goes out in its order, encrypted", async () => {
    const { client, connection } = await plain();
    connection.send("go\n");
    connection.startTls();
    connection.send("one\n");
    connection.send("two\n");
    await world.settle();
    expect(client.received.toString()).toBe("go\n");
    expect(connection.unsentBytes).toBe(8);
    expect(await secure(client).outcome).toBe("secured");
    expect(await client.text(11)).toBe("go\none\ntwo\n");
  });

  test("what a slow reader has not got in plain, it gets before the first byte of TLS", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { ...secret, maxUnsentBytes: "infinity" });
    const client = await world.connect(listener, { reads: false });
    const { connection } = await one();
    const big = `${"x".repeat(400_000)}\n`;
    connection.send(big);
    connection.startTls();
    connection.send("over TLS\n");
    expect(connection.unsentBytes).toBeGreaterThan(300_000);
    client.resume();
    await client.bytes(big.length);
    expect(await secure(client).outcome).toBe("secured");
    expect(await client.text(big.length + 9)).toBe(`${big}over TLS\n`);
    await world.settle();
    expect(connection.unsentBytes).toBe(0);
  });

  test("a client hello may follow its command at once", async () => {
    const listener = await world.open(mail, secret);
    const client = await world.connect(listener, { reads: false });
    client.attach(before("STARTTLS\r\n", client.socket));
    // It knows what will be said to it in plain, and skips it.
    const skipped = "220 hello\r\n220 go\r\n".length;
    const raw = client.socket;
    const setEvents = raw.setEvents.bind(raw);
    let left = skipped;
    client.attach(
      new Proxy(raw, {
        get(target, name) {
          if (name === "setEvents") {
            return (events: Parameters<typeof setEvents>[0]) =>
              setEvents({
                ...events,
                data(bytes) {
                  const rest = bytes.subarray(left);
                  left -= bytes.length - rest.length;
                  if (rest.length > 0) events.data(rest);
                },
              });
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      }),
    );
    expect(await secure(client).outcome).toBe("secured");
    client.write("NOOP\r\n");
    expect(await client.text(17)).toBe("250 NOOP secure\r\n");
  });

  describe("what is slipped in behind the command, in plain,", () => {
    test.each([
      ["a whole packet", "line", "STARTTLS\r\n", "RCPT TO:<thief>\r\n"],
      ["a part of a packet", "line", "STARTTLS\r\n", "RCPT TO:<thi"],
      ["a packet with a header", 2, "\0\x08STARTTLS", "\0\x04RCPT"],
      ["a header that is cut", 2, "\0\x08STARTTLS", "\0"],
    ] as const)("breaks the connection and is delivered to nobody: %s", async (_what, packet, command, injected) => {
      const { handler, one } = puppetry({
        react: (event, { connection }) => {
          if (event.type === "socketReady") connection.activate();
          if (event.type === "data") connection.startTls();
        },
      });
      const listener = await world.open(handler, { ...secret, packet });
      const client = await world.connect(listener);
      client.write(command + injected);
      await client.next("closed");
      await world.settle();
      const { heard } = await one();
      expect(heard).toEqual([
        "socketReady",
        `data ${typeof packet === "number" ? command.slice(packet) : command}`,
        "error plaintextBeforeTls",
      ]);
    });

    test("breaks it, raw as it is, also where somebody waits for exactly so many bytes of it", async () => {
      const { client, puppet, connection } = await plain({ ...secret, packet: "raw" });
      connection.asyncRecv(100);
      client.write("inject");
      await world.settle();
      connection.startTls();
      expect(await client.next("closed")).toBe("ECONNRESET");
      await world.settle();
      expect(puppet.heard).toEqual(["socketReady", "error plaintextBeforeTls"]);
    });

    test("is handshake to TLS if it begins so, and no good one", async () => {
      const { client, puppet, connection } = await plain({ ...secret, packet: "raw" });
      connection.asyncRecv(100);
      client.write("\x16\x03\x01\0\x05RCPT TO");
      await world.settle();
      connection.startTls();
      await client.next("closed");
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.heard).toEqual(["socketReady", "error tlsHandshakeFailed"]);
    });

    test("is what was let in before, and comes before `secured`", async () => {
      const { client, puppet, connection } = await plain();
      connection.activate(2);
      client.write("one\ntwo\n");
      await world.until(() => puppet.heard.length === 3);
      connection.startTls();
      await secure(client).outcome;
      await world.until(() => puppet.heard.length === 4);
      expect(puppet.heard.slice(1)).toEqual(["data one\n", "data two\n", "secured"]);
    });
  });

  test("what is activated in the handshake, or was before, counts for what comes over TLS", async () => {
    const { client, puppet, connection } = await plain();
    connection.activate(2);
    connection.startTls();
    connection.activate(1);
    await secure(client).outcome;
    client.write("1\n2\n3\n4\n");
    await world.until(() => puppet.heard.length === 5);
    await world.settle();
    expect(puppet.heard).toEqual(["socketReady", "secured", "data 1\n", "data 2\n", "data 3\n"]);
  });

  describe("a handshake that fails ends the connection", () => {
    test("when the time is up, and no other clock runs meanwhile", async () => {
      const { client, puppet, connection } = await plain({ ...secret, idleTimeoutMs: 1000, sendTimeoutMs: 1000 });
      connection.keepalive(1000);
      connection.startTls();
      connection.send("waits\n");
      await world.manual.advance(14_999);
      expect(puppet.heard).toEqual(["socketReady"]);
      await world.manual.advance(1);
      expect(puppet.heard).toEqual(["socketReady", "error tlsHandshakeTimeout"]);
      expect(puppet.events.at(-1)).toMatchObject({ detail: { type: "tlsHandshakeTimeout", timeoutMs: 15_000 } });
      await client.next("closed");
    });

    test("and the clocks run again when it is done", async () => {
      const { client, puppet, connection } = await plain({ ...secret, idleTimeoutMs: 1000 });
      connection.startTls();
      await world.manual.advance(5000);
      await secure(client).outcome;
      await world.until(() => puppet.heard.at(-1) === "secured");
      await world.manual.advance(1000);
      expect(puppet.heard).toEqual(["socketReady", "secured", "timeout"]);
    });

    test("and a keepalive that was asked for meanwhile begins then", async () => {
      const { client, puppet, connection } = await plain();
      connection.startTls();
      connection.keepalive(1000);
      await world.manual.advance(5000);
      expect(puppet.heard).toEqual(["socketReady"]);
      await secure(client).outcome;
      await world.until(() => puppet.heard.at(-1) === "secured");
      await world.manual.advance(999);
      expect(puppet.heard).toEqual(["socketReady", "secured"]);
      await world.manual.advance(1);
      expect(puppet.heard).toEqual(["socketReady", "secured", "error keepaliveTimeout"]);
    });

    test("and the time of a request to receive begins anew then", async () => {
      const outcomes: unknown[] = [];
      const { handler, one } = puppetry({ hear: ({ outcome }) => outcomes.push(outcome) });
      const client = await world.connect(await world.open(handler, secret));
      const { connection, heard } = await one();
      connection.asyncRecv(undefined, { timeoutMs: 1000 });
      await world.manual.advance(999);
      connection.startTls();
      await world.manual.advance(5000);
      await secure(client).outcome;
      await world.until(() => heard.at(-1) === "secured");
      await world.manual.advance(999);
      expect(outcomes).toEqual([]);
      await world.manual.advance(1);
      expect(outcomes).toEqual([{ ok: false, error: "timeout" }]);
    });

    test("when the client ends", async () => {
      const { client, puppet, connection } = await plain();
      connection.startTls();
      client.end();
      await client.next("closed");
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.heard).toEqual(["socketReady", "error tlsHandshakeClosed"]);
    });

    test("when the client has ended before, which nobody has let in yet", async () => {
      const { client, puppet, connection } = await plain();
      connection.asyncRecv();
      client.write("half");
      client.end();
      await world.settle();
      connection.abandonRecv({ kind: "receive" });
      expect(puppet.heard).toEqual(["socketReady"]);
      connection.startTls();
      await world.until(() => puppet.heard.length === 2);
      expect(puppet.heard).toEqual(["socketReady", "error tlsHandshakeClosed"]);
    });

    test("and that is counted, and not shouted", async () => {
      const listener = await world.open(mail, secret);
      const client = await world.connect(listener);
      client.write("STARTTLS\r\n");
      await client.bytes(19);
      client.write("this is no handshake");
      await client.next("closed");
      expect(await detail()).toBe("tlsHandshakeFailed");
      expect(listener.shutdownCounts).toEqual({ tlsHandshakeFailed: 1 });
    });
  });

  test("a connection that is closed in the handshake is told nothing more", async () => {
    const { client, puppet, connection } = await plain();
    connection.startTls();
    connection.close();
    await client.next("closed");
    await world.settle();
    expect(puppet.heard).toEqual(["socketReady"]);
    connection.startTls();
  });

  test("what was sent before it was closed goes out when the handshake is done", async () => {
    const { client, connection } = await plain();
    connection.startTls();
    connection.send("last words\n");
    connection.close();
    expect(await secure(client).outcome).toBe("secured");
    expect(await client.text(11)).toBe("last words\n");
    await client.next("closed");
  });

  test("it is started once, in time, and with what it takes", async () => {
    const early: unknown[] = [];
    const { handler, one } = puppetry({
      init({ connection }) {
        try {
          connection.startTls();
        } catch (error) {
          early.push(error);
        }
      },
    });
    const client = await world.connect(await world.open(handler, secret));
    const { connection } = await one();
    expect(early).toEqual([expect.any(StartTlsError)]);
    expect(() => connection.startTls({ cert: "no" })).toThrow(InvalidOptionError);
    expect(() => connection.startTls(trust)).toThrow(InvalidOptionError);
    connection.startTls();
    expect(() => connection.startTls()).toThrow(expect.objectContaining({ code: "ERR_START_TLS" }));
    await secure(client).outcome;
    expect(() => connection.startTls()).toThrow(StartTlsError);
  });

  test("there must be something to start it with", async () => {
    await expect(world.open(mail, { startTls: true })).rejects.toMatchObject({
      issues: [{ option: "startTls", value: true, expected: "false, unless there is tls" }],
    });
    const { client, connection } = await plain({ packet: "line" });
    expect(() => connection.startTls()).toThrow("tls must be given, here or as an option of the listener");
    connection.startTls(new TlsContext(server));
    expect(await secure(client).outcome).toBe("secured");
  });

  test("this end has to be open for it", async () => {
    const { connection } = await plain();
    connection.shutdown();
    expect(() => connection.startTls()).toThrow(StartTlsError);
  });

  describe("an async function", () => {
    test("awaits it", async () => {
      const handler = fromConnection(async (connection) => {
        for await (const line of connection) {
          connection.send(line);
          if (Buffer.from(line).toString() === "STARTTLS\n") await connection.startTls();
        }
      });
      const client = await world.connect(await world.open(handler, secret));
      client.write("STARTTLS\n");
      await client.bytes(9);
      await secure(client).outcome;
      client.write("over TLS\n");
      expect(await client.text(18)).toBe("STARTTLS\nover TLS\n");
    });

    test("is told by a ReceiveError why it fails, which ends it in order", async () => {
      const caught: unknown[] = [];
      const handler = fromConnection(async (connection) => {
        await connection.startTls().catch((error: unknown) => {
          caught.push(error);
          throw error;
        });
      });
      const client = await world.connect(await world.open(handler, secret));
      await world.settle();
      client.write("this is no handshake");
      await client.next("closed");
      expect(await detail()).toBe("tlsHandshakeFailed");
      const failure = { type: "tlsHandshakeFailed", code: "ERR_SSL_WRONG_VERSION_NUMBER" } as const;
      expect(caught).toEqual([new ReceiveError("tlsHandshakeFailed", { detail: failure })]);
      expect((caught[0] as ReceiveError).detail).toEqual(failure);
    });

    test.each([
      ["by plaintext", "plaintextBeforeTls", "too early"],
      ["by nobody's word", "tlsHandshakeTimeout", ""],
    ])("is not left waiting, %s", async (_what, reason, injected) => {
      const handler = fromConnection(async (connection) => {
        await connection.recv(1);
        await connection.startTls();
      });
      const client = await world.connect(await world.open(handler, { ...secret, packet: "raw" }));
      client.write(`.${injected}`);
      await world.settle();
      await world.manual.advance(15_000);
      expect(await detail()).toBe(reason);
    });

    test("goes on when its listener closes in the middle, and has nothing to receive then", async () => {
      const seen: unknown[] = [];
      const handler = fromConnection(async (connection) => {
        await connection.startTls();
        seen.push(await connection.recv());
      });
      const listener = await world.open(handler, secret);
      await world.connect(listener);
      await world.settle();
      await listener.close();
      expect(seen).toEqual([undefined]);
      expect((await world.stopped()).reason).toEqual(shutdown());
    });
  });

  test("a connector is told by its handleInfo, and goes on", async () => {
    const told: unknown[] = [];
    const handler = fromConnector({
      handlePacket(packet, _state, { connection }) {
        connection.send(packet);
        if (Buffer.from(packet).toString() === "STARTTLS\n") connection.startTls();
        return connector.ok();
      },
      handleInfo(message) {
        told.push(message);
        return connector.ok();
      },
    });
    expect(await echoOf(handler)).toBe("STARTTLS\nover TLS\n");
    expect(told).toEqual([{ type: "secured" }]);
  });

  test("a connector without a handleInfo need not know of it, and nothing is said in the log", async () => {
    const handler = fromConnector({
      handlePacket(packet, _state, { connection }) {
        connection.send(packet);
        if (connection.tls === undefined) connection.startTls();
        return connector.ok();
      },
    });
    expect(await echoOf(handler)).toBe("STARTTLS\nover TLS\n");
    expect(world.logged).toEqual([]);
  });

  describe("a client", () => {
    test("is the other end of the handshake", async () => {
      const { client, server: other } = await both();
      other.connection.startTls();
      client.connection.startTls(trust);
      client.connection.send("over TLS\n");
      await world.until(() => other.heard.length === 2);
      other.connection.activate();
      await world.until(() => other.heard.length === 3);
      expect(other.heard).toEqual(["socketReady", "secured", "data over TLS\n"]);
      expect(client.heard).toEqual(["socketReady", "secured"]);
      expect(client.connection.tls).toMatchObject({ isAuthorized: true });
    });

    test("is told what was wrong as its server is, an alert among it", async () => {
      const { client, server: other } = await both({ ...secret, tls: { ...server, minVersion: "TLSv1.3" } });
      other.connection.startTls();
      client.connection.startTls({ ca: authority.cert, maxVersion: "TLSv1.2" });
      await world.until(() => client.events.length + other.events.length === 4);
      const type = "tlsHandshakeFailed";
      const wrong = (code: string) => ({ type: "error", reason: type, detail: { type, code } });
      expect(other.events.at(-1)).toEqual(wrong("ERR_SSL_UNSUPPORTED_PROTOCOL"));
      expect(client.events.at(-1)).toEqual(wrong("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"));
    });

    test("that is given nothing trusts those that Node trusts", async () => {
      const { client, server: other } = await both();
      other.connection.startTls();
      client.connection.startTls();
      await world.until(() => client.heard.length === 2);
      expect(client.heard).toEqual(["socketReady", "error tlsHandshakeFailed"]);
      await world.until(() => other.heard.length === 2);
    });

    test("takes nothing that came in plain for the beginning of a handshake: it speaks first", async () => {
      const { client, server: other } = await both();
      client.connection.activate();
      other.connection.send("220 go\n\x16 what the thief wants it to hear\n");
      await world.until(() => client.heard.length === 2);
      client.connection.startTls(trust);
      await world.until(() => client.heard.length === 3);
      expect(client.heard).toEqual(["socketReady", "data 220 go\n", "error plaintextBeforeTls"]);
    });

    test("is not given what is a server's", async () => {
      const { client } = await both();
      expect(() => client.connection.startTls(new TlsContext(server))).toThrow(InvalidOptionError);
    });
  });
});

/** What a client is told in plain, and then over TLS. */
async function talk(socket: Socket): Promise<readonly string[]> {
  socket.write("NOOP\r\nSTARTTLS\r\n");
  let inPlain = "";
  while (!inPlain.includes("220 go\r\n")) {
    const [bytes] = (await once(socket, "data")) as [Buffer];
    inPlain += bytes.toString();
  }
  const tls = connectTls({ socket, servername: "localhost", ca: authority.cert });
  tls.end("NOOP\r\n");
  return [inPlain, await text(tls)];
}

const SAID = ["220 hello\r\n250 NOOP plain\r\n220 go\r\n", "250 NOOP secure\r\n"];

describe("on real sockets", () => {
  useWorld("tcp");

  test("Node's TLS takes over the socket of a client", async () => {
    const listener = await world.open(mail, secret);
    const socket = connectPlain({ port: listener.port, host: "127.0.0.1" });
    expect(await talk(socket)).toEqual(SAID);
    expect(await detail()).toBe("peerClosed");
  });

  test("a unix socket has it as well", async () => {
    const directory = directoryOfTest();
    const path = join(directory, "mail.sock");
    const listener = await world.open(mail, { ...secret, on: `unix:${path}` });
    expect(await talk(connectPlain({ path }))).toEqual(SAID);
    await listener.close();
  });

  test("openssl s_client -starttls smtp gets through", async () => {
    const listener = await world.open(mail, secret);
    const directory = directoryOfTest();
    writeFileSync(join(directory, "ca.pem"), authority.cert);
    const args = ["-connect", `127.0.0.1:${listener.port}`, "-starttls", "smtp", "-servername", "localhost"];
    const program = spawn("openssl", ["s_client", ...args, "-CAfile", "ca.pem", "-ign_eof", "-crlf"], {
      cwd: directory,
    });
    program.stdin.write("NOOP\n");
    let shown = "";
    for await (const chunk of program.stdout) {
      shown += String(chunk);
      if (shown.includes("250 NOOP secure")) break;
    }
    program.kill();
    await once(program, "close");
    expect(shown).toContain("Verify return code: 0 (ok)");
  });
});
