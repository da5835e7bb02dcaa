import { formatTree, type Pid, shutdown } from "@espalier/actors";
import { formatAddress, type Listener, type ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { tlsTransport } from "../src/transports/tls.ts";
import { createAuthority } from "./support/certificates.ts";
import { useWorld, world, type WorldKind, type WorldOptions } from "./support/server-world.ts";
import type { Reaction } from "./support/socket-recorder.ts";
import { styles } from "./support/styles.ts";

const lines: ListenerOptions = { packet: "line", maxPacketSize: 100 };

const greet: Reaction = (event, self) => void (event === "connected" && self.write("hello\n"));

/** The actor of the only connection. */
async function only(listener: Listener): Promise<Pid> {
  const [pid] = await listener.connections();
  if (pid === undefined) throw new Error("there is no connection");
  return pid;
}

const authority = createAuthority();
const identity = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
const secure: WorldOptions = {
  over: (bare) => tlsTransport({ ...identity, over: bare, client: { ca: authority.cert } }),
};

describe.each<[string, WorldKind, WorldOptions]>([
  ["memory", "memory", {}],
  ["tcp", "tcp", {}],
  ["unix", "unix", {}],
  ["tls", "tcp", secure],
  ["tls on memory", "memory", secure],
])("%s", (_transport, kind, worldOptions) => {
  useWorld(kind, worldOptions);

  describe.each(styles)("%s", (_name, handler) => {
    /** A client whose connection has answered it once, so that it is in full swing. */
    async function conversation(options: ListenerOptions = {}) {
      const listener = await world.open(handler, { ...lines, ...options });
      const client = await world.connect(listener);
      client.write("hello\n");
      await client.text(6);
      return { listener, client, pid: await only(listener) };
    }

    test("answers every packet, in order, however they are cut", async () => {
      const { listener, client } = await conversation();
      client.write("one\ntw");
      await world.settle();
      client.write("o\nthree\nfo");
      client.write("ur\n");
      expect(await client.text(25)).toBe("hello\none\ntwo\nthree\nfour\n");
      expect(listener.currentClients).toBe(1);
    });

    test("ends when its client has, and its stop event says what went over it", async () => {
      const { listener, client } = await conversation();
      client.write("bye\n");
      client.end();
      expect(await client.next("closed")).toBeUndefined();
      expect(client.received.toString()).toBe("hello\nbye\n");
      const stop = await world.stopped();
      expect(stop).toMatchObject({ reason: shutdown("peerClosed"), bytesReceived: 10, bytesSent: 10 });
      expect(listener.shutdownCounts).toEqual({ peerClosed: 1 });
      expect(world.of("connectionStarted").map(({ connection }) => connection)).toEqual([stop.connection]);
    });

    test("ends when the connection breaks", async () => {
      const listener = await world.open(handler, lines);
      const client = await world.connect(listener, { reads: false });
      client.write("hello\n");
      await world.settle();
      expect(listener.traffic.bytesSent).toBe(6);
      // Over a unix socket it breaks because the answer was never read.
      client.close("reset");
      expect((await world.stopped()).reason).toEqual(shutdown("ECONNRESET"));
      expect(listener.shutdownCounts).toEqual({ ECONNRESET: 1 });
    });

    test("ends at a packet that is too large", async () => {
      const { client } = await conversation();
      client.write("x".repeat(101));
      expect((await world.stopped()).reason).toEqual(shutdown("frameTooLarge"));
    });

    test("ends when there is no PROXY header where there must be one, before it has the socket", async () => {
      const listener = await world.open(handler, { ...lines, proxyProtocol: {} });
      // With TLS it is never connected: its handshake is no header either.
      const client = world.startConnecting(listener, { react: greet });
      await client.next("closed");
      expect(await world.ended()).toMatchObject({ type: "connectionFailed", failure: "proxyProtocolError" });
      expect(listener.shutdownCounts).toEqual({ proxyProtocolError: 1 });
      expect(client.receivedBytes).toBe(0);
    });

    test("crashes alone, and what it has sent still reaches its client", async () => {
      const { listener, client } = await conversation();
      const neighbour = await world.connect(listener);
      client.write("last words\nboom\nnever read\n");
      expect((await world.stopped()).reason).toMatchObject({ type: "error", error: new Error("boom") });
      await client.next("end");
      expect(client.received.toString()).toBe("hello\nlast words\n");
      neighbour.write("still there?\n");
      expect(await neighbour.text(13)).toBe("still there?\n");
      expect(listener.shutdownCounts).toEqual({ error: 1 });
      // Its crash, and what its supervisor has to say.
      expect(world.logged.splice(0)).toHaveLength(2);
    });

    test("is killed alone", async () => {
      const { listener, client, pid } = await conversation();
      const neighbour = await world.connect(listener);
      world.system.kill(pid);
      expect((await world.stopped()).reason).toEqual({ type: "killed" });
      await client.next("end");
      neighbour.write("still there?\n");
      expect(await neighbour.text(13)).toBe("still there?\n");
      expect(listener.shutdownCounts).toEqual({ killed: 1 });
      expect(world.logged).toEqual([]);
    });

    test("says goodbye when its listener closes, while the socket is open", async () => {
      const { listener, client } = await conversation();
      const closed = listener.close();
      expect(await client.next("closed")).toBeUndefined();
      await closed;
      expect(client.received.toString()).toBe("hello\ngoodbye\n");
      expect((await world.stopped()).reason).toEqual(shutdown());
    });

    test("can be sent through and stopped from outside", async () => {
      const { listener, client, pid } = await conversation();
      expect(await listener.sendSync(pid, "from afar\n")).toEqual({ ok: true });
      expect(listener.sendAsync(pid, "and again\n")).toBe(true);
      expect(await client.text(26)).toBe("hello\nfrom afar\nand again\n");
      expect(await listener.stopConnection(pid, { reason: shutdown("enough") })).toBe(true);
      await client.next("closed");
      expect((await world.stopped()).reason).toEqual(shutdown("enough"));
      expect(await listener.stopConnection(pid)).toBe(false);
      expect(await listener.sendSync(pid, "too late")).toEqual({ ok: false, error: "noConnection" });
      expect(listener.sendAsync(pid, "too late")).toBe(false);
    });

    test("is called in the tree what it calls its connection", async () => {
      const { listener, client, pid } = await conversation();
      expect(world.system.inspect(pid)?.label).toBe(formatAddress(listener.connectionOf(pid)!.peername));
      client.write("I am sensor-7\n");
      await client.text(20);
      expect(formatTree(world.system.inspect())).toMatch(/ 1 <[\d.]+> \w+ \(sensor-7[,)]/u);
    });

    test("counts what goes over it", async () => {
      const { listener, client, pid } = await conversation();
      client.write("more\n");
      await client.text(11);
      // TLS hears a little later than the client that all is sent.
      await world.settle();
      expect(listener.connectionOf(pid)?.getStat()).toMatchObject({
        bytesReceived: 11,
        bytesSent: 11,
        unsentBytes: 0,
        packetsReceived: 2,
        packetsSent: 2,
      });
    });

    test("can leave the limit, so that another client comes in its place", async () => {
      const { listener, client, pid } = await conversation({ maxClients: 1 });
      await world.startConnecting(listener).next("closed");
      listener.connectionOf(pid)?.leaveLimit();
      const second = await world.connect(listener);
      second.write("me too\n");
      expect(await second.text(7)).toBe("me too\n");
      await world.startConnecting(listener).next("closed");
      expect([listener.currentClients, listener.stats.closedMaxLimit]).toEqual([2, 2]);
      expect([listener.activeClients, listener.info.activeClients]).toEqual([1, 1]);
      // What does not count, does not make room either.
      client.end();
      await client.next("closed");
      await world.until(() => listener.currentClients === 1);
      expect(listener.activeClients).toBe(1);
      await world.startConnecting(listener).next("closed");
      expect(listener.stats.closedMaxLimit).toBe(3);
    });
  });
});

describe.each(styles)("with time, %s", (_name, handler) => {
  useWorld("memory");

  test("ends when its client is silent", async () => {
    const listener = await world.open(handler, { ...lines, idleTimeoutMs: 1000 });
    const client = await world.connect(listener);
    await world.manual.advance(999);
    client.write("hello\n");
    await client.text(6);
    await world.manual.advance(999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
    await client.next("closed");
  });

  test("ends when not one byte comes in for an interval of its keepalive", async () => {
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    await world.manual.advance(0);
    const connection = listener.connectionOf(await only(listener));
    connection?.keepalive(1000);
    for (let beat = 0; beat < 3; beat += 1) {
      await world.manual.advance(900);
      client.write(".");
      await world.manual.advance(100);
    }
    connection?.send("only received bytes count\n");
    await world.manual.advance(999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ keepaliveTimeout: 1 });
    await client.next("closed");
  });

  test("leaves nothing behind when it is killed at shutdown", async () => {
    const listener = await world.open(handler, { ...lines, shutdown: "brutalKill" });
    await world.connectMany(listener, 3);
    await listener.close();
    expect(listener.shutdownCounts).toEqual({ killed: 3 });
  });
});
