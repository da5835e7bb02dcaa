import type { Address, DatagramEvents, DatagramTransport } from "@espalier/sockets";
import { memoryDatagrams } from "@espalier/sockets/testing";
import { describe, expect, test } from "vitest";
import { echo, puppetry } from "../support/handlers.ts";
import { useUdpWorld, world } from "../support/udp-world.ts";

/*
 * What stands where DTLS would: a transport with sessions on top of another. The handshake goes there and back with a
 * cookie, as DTLS's does, so that nothing is kept for an address that somebody has made up; records have a number, under
 * which they are encrypted, and one that is not newer than the last is dropped.
 *
 *   hello → cookie COOKIE → open COOKIE → (a session) → records … → bye
 */
function toyDtls(inner: DatagramTransport): DatagramTransport & { readonly sessions: Map<string, Session> } {
  const sessions = new Map<string, Session>();
  return {
    name: "toy dtls",
    sessions,
    bind(options, events) {
      const below: DatagramEvents = {
        bound: (address) => events.bound(address),
        failed: (code) => events.failed(code),
        closed: () => events.closed(),
        sendFailed: (to, code) => events.sendFailed(to, code),
        ended: (peer, code) => events.ended(peer, code),
        received(bytes, from) {
          const text = Buffer.from(bytes).toString();
          const session = sessions.get(keyOf(from));
          if (text === "hello") socket.send(Buffer.from(cookieOf(from)), from);
          else if (text === `open ${cookieOf(from)}`) sessions.set(keyOf(from), { sent: 0, received: 0 });
          else if (session !== undefined && text === "bye") {
            sessions.delete(keyOf(from));
            events.ended(from, undefined);
          } else if (session !== undefined && text === "garbage") {
            sessions.delete(keyOf(from));
            events.ended(from, "ERR_DTLS_ALERT");
          } else if (session !== undefined && (bytes[0] ?? 0) > session.received) {
            session.received = bytes[0] ?? 0;
            events.received(unseal(bytes), from);
          }
        },
      };
      const socket = inner.bind(options, below);
      return {
        send(bytes, to) {
          const session = sessions.get(keyOf(to));
          if (session === undefined) return false;
          session.sent += 1;
          return socket.send(seal(session.sent, bytes), to);
        },
        forget: (peer) => {
          if (sessions.delete(keyOf(peer))) socket.send(Buffer.from("bye"), peer);
        },
        close: () => socket.close(),
      };
    },
  };
}

function keyOf({ host, port }: Address): string {
  return `${host} ${port}`;
}

function cookieOf(peer: Address): string {
  return `cookie ${keyOf(peer).length * 7 + peer.port}`;
}

/** The numbers of the last records. */
interface Session {
  sent: number;
  received: number;
}

function seal(sequence: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(sequence, ...bytes.map((byte) => byte ^ 0x5a ^ sequence));
}

function unseal(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(1).map((byte) => byte ^ 0x5a ^ (sealed[0] ?? 0));
}

let sequence = 0;

/** The next record of a client. */
function secret(text: string): Uint8Array {
  sequence += 1;
  return seal(sequence, Buffer.from(text));
}

async function openSecure(handler: object) {
  const transport = toyDtls(world.memory);
  const listener = await world.open(handler, { name: "secure", transport, healthCheck: undefined as never });
  return { transport, listener };
}

async function shakeHands(port: number) {
  const client = await world.client();
  client.send(port, "hello");
  const [cookie] = await client.texts(1);
  client.received.length = 0;
  client.send(port, `open ${cookie}`);
  return client;
}

describe("a transport with sessions", () => {
  useUdpWorld("memory");

  test("gives handlers what was decrypted, and nobody a handler without a handshake", async () => {
    const { transport, listener } = await openSecure(echo);
    const stranger = await world.client();
    stranger.send(listener, secret("let me in"), "open cookie 1", "hello");
    const client = await shakeHands(listener.port);
    client.send(listener, secret("hello there"));
    await client.texts(1);
    expect(client.received.map((record) => Buffer.from(unseal(record)).toString())).toEqual(["hello there"]);
    expect([listener.stats.accepted, listener.datagrams.received, transport.sessions.size]).toEqual([1, 1, 1]);
    expect(listener.info.transport).toBe("toy dtls");
  });

  test("drops what it has had before, and what nobody of the session has encrypted", async () => {
    const { handler, puppets } = puppetry({ init: ({ connection }) => connection.activate(true) });
    const { listener } = await openSecure(handler);
    const client = await shakeHands(listener.port);
    const [one, two] = [secret("one"), secret("two")];
    client.send(listener, two, one, two, two, secret("three"));
    await world.manual.advance(0);
    expect(puppets[0]?.heard).toEqual(["socketReady", "data two", "data three"]);
    expect(listener.datagrams).toMatchObject({ received: 2, delivered: 2 });
  });

  test("tells the handler the end of its session, behind everything before it", async () => {
    const { handler, puppets } = puppetry();
    const { listener } = await openSecure(handler);
    const [polite, broken] = [await shakeHands(listener.port), await shakeHands(listener.port)];
    polite.send(listener, secret("one"), secret("two"), "bye");
    broken.send(listener, secret("one"), "garbage");
    await world.manual.advance(0);
    expect(puppets.map(({ heard }) => heard)).toEqual([["socketReady"], ["socketReady", "error ERR_DTLS_ALERT"]]);
    puppets[0]?.connection.activate(true);
    await world.manual.advance(0);
    expect(puppets[0]?.heard).toEqual(["socketReady", "data one", "data two", "closed"]);
    expect(listener.datagrams).toMatchObject({ delivered: 2, lost: 1 });
  });

  test("may begin a new session with a peer whose last one is still to be heard", async () => {
    const { handler, puppets } = puppetry();
    const { transport, listener } = await openSecure(handler);
    const client = await shakeHands(listener.port);
    client.send(listener, secret("old"), "bye", "hello");
    const [cookie] = await client.texts(1);
    client.send(listener, `open ${cookie}`, secret("new"));
    await world.manual.advance(0);
    expect(listener.currentClients).toBe(2);
    // Whoever holds the address now is not whom this is meant for.
    puppets[0]?.connection.send("for the old session");
    puppets[0]?.connection.close();
    await world.manual.advance(0);
    expect(transport.sessions.size).toBe(1);
    puppets[1]?.connection.activate(true);
    client.send(listener, secret("newer"));
    await world.manual.advance(0);
    expect(puppets.map(({ heard }) => heard)).toEqual([["socketReady"], ["socketReady", "data new", "data newer"]]);
    expect(client.received).toHaveLength(1);
  });

  test("hears which peers are forgotten, and ends their sessions", async () => {
    const { transport, listener } = await openSecure(echo);
    const client = await shakeHands(listener.port);
    client.send(listener, secret("hello"));
    await world.manual.advance(60_000);
    expect([transport.sessions.size, listener.currentClients]).toEqual([1, 1]);
    await world.manual.advance(60_000);
    expect([transport.sessions.size, listener.currentClients, listener.shutdownCounts]).toEqual([
      0,
      0,
      { idleTimeout: 1 },
    ]);
    expect(client.received.at(-1)?.toString()).toBe("bye");
  });

  test("ends all sessions when the listener closes", async () => {
    const { transport, listener } = await openSecure(echo);
    const clients = [await shakeHands(listener.port), await shakeHands(listener.port)];
    for (const client of clients) client.send(listener, secret("hello"));
    await world.manual.advance(0);
    await listener.close();
    expect([transport.sessions.size, listener.shutdownCounts]).toEqual([0, { shutdown: 2 }]);
    for (const client of clients) expect(client.received.at(-1)?.toString()).toBe("bye");
  });

  test("is one listener's; others of the same server have the server's", async () => {
    const { listener } = await openSecure(echo);
    const plain = await world.open(echo);
    const client = await world.client();
    client.send(plain, "hello");
    expect(await client.texts(1)).toEqual(["hello"]);
    expect([plain.info.transport, listener.info.transport]).toEqual(["memory", "toy dtls"]);
    await listener.setOptions({ maxClients: 3 });
    expect(listener.maxClients).toBe(3);
    await expect(listener.setOptions({ transport: memoryDatagrams() })).rejects.toThrow("when the listener was opened");
  });
});

describe("a transport that says more than it should", () => {
  useUdpWorld("memory");

  test("is not heard once its socket was closed", async () => {
    const heard: DatagramEvents[] = [];
    const transport: DatagramTransport = {
      name: "talkative",
      bind(options, events) {
        heard.push(events);
        return world.memory.bind(options, events);
      },
    };
    const listener = await world.open(echo, { transport });
    await listener.suspend();
    const [events] = heard;
    const from = { host: "127.0.0.1", port: 5 };
    events?.received(Buffer.from("hello"), from);
    events?.sendFailed(from, "ECONNREFUSED");
    events?.ended(from, undefined);
    events?.failed("EADDRINUSE");
    events?.closed();
    await world.manual.advance(0);
    expect([listener.datagrams.received, listener.status, listener.currentClients]).toEqual([0, "suspended", 0]);
  });
});
