import { defineServer, type ExitReason, failure, kill, noreply, normal, ok, shutdown } from "@espalier/actors";
import { connect as connectPlain } from "node:net";
import type { ConnectionEvent, ConnectionInput, ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { echo, puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

/** All that the log has got since the last time, but for what supervisors say of starts while somebody traces. */
function said(): readonly string[] {
  return [...world.logged.splice(0), ...world.told.splice(0)].filter((line) => !line.startsWith("progress"));
}

const PROXIED: ListenerOptions = { proxyProtocol: { timeoutMs: 1000 } };
const GARBAGE = "GET / HTTP/1.1\r\n\r\n";
const MINUTE_MS = 60_000;

describe("of how a connection ends", () => {
  useWorld("memory");

  const ends: ReadonlyArray<readonly [ExitReason, string, number]> = [
    [normal, "normal", 0],
    [shutdown(), "shutdown", 0],
    [shutdown("loggedOut"), "loggedOut", 0],
    [shutdown({ type: "quota", left: 0 }), "quota", 0],
    [failure(new Error("boom")), "error", 2],
    [failure("boom"), "error", 2],
  ];

  test.each(ends)("%j is counted under %s, and takes %i lines of level error", async (reason, key, lines) => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler);
    await world.connect(listener);
    const { self } = await one();
    world.system.send(self.pid, () => self.exit(reason));
    await world.stopped();
    await world.settle();
    expect(listener.shutdownCounts).toEqual({ [key]: 1 });
    expect(said().map((line) => line.slice(0, 6))).toEqual(Array(lines).fill("error "));
  });

  test("a kill by whoever has the right to is counted, and is no news", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler);
    await world.connect(listener);
    const { self } = await one();
    world.system.exit(self.pid, kill);
    await world.stopped();
    await world.settle();
    expect([listener.shutdownCounts, said()]).toEqual([{ killed: 1 }, []]);
  });

  test("a handler that does not end in time is reported, since it should have", async () => {
    const stubborn = defineServer<{ args: ConnectionInput; state: undefined; info: ConnectionEvent }>({
      name: "stubborn",
      trapExit: true,
      init: () => ok(undefined),
      handleInfo: (_event, state) => noreply(state),
      terminate: () => new Promise(() => {}),
    });
    const listener = await world.open(stubborn, { shutdown: 100 });
    await world.connectMany(listener, 1);
    const closed = listener.close();
    await world.manual.advance(100);
    await closed;
    expect(listener.shutdownCounts).toEqual({ killed: 1 });
    expect(said()).toEqual([expect.stringMatching(/^error supervisor report: .*shutdownError/s)]);
  });
});

describe("of a client whose connection fails before there is one", () => {
  useWorld("memory");

  test("a line at info says who and why", async () => {
    const listener = await world.open(echo, PROXIED);
    const client = await world.connect(listener, { from: "192.0.2.1" });
    client.write(GARBAGE);
    await client.next("closed");
    await world.settle();
    expect(world.logged).toEqual([]);
    expect(said()).toEqual([
      expect.stringMatching(
        /^echo:127\.0\.0\.1:0: no connection with 192\.0\.2\.1:\d+: proxyProtocolError \(code "?notProxy/,
      ),
    ]);
    const slow = await world.connect(listener);
    await world.manual.advance(1000);
    await slow.next("closed");
    expect(said()).toEqual([expect.stringMatching(/: proxyProtocolTimeout \(timeoutMs 1000\)$/)]);
  });

  test("one who connects and leaves is no news", async () => {
    const listener = await world.open(echo, PROXIED);
    const probe = await world.connect(listener);
    probe.end();
    await probe.next("closed");
    await world.settle();
    expect([listener.shutdownCounts, said()]).toEqual([{ proxyProtocolClosed: 1 }, []]);
  });

  test("however many there are, the log has ten lines a minute of each kind, and then their number", async () => {
    const listener = await world.open(echo, { ...PROXIED, accessRules: [{ deny: "10.0.0.0/8" }] });
    const bother = async (count: number, from: string): Promise<void> => {
      for (let left = count; left > 0; left -= 1) {
        const client = world.startConnecting(listener, { from });
        client.write(GARBAGE);
        await client.next("closed");
      }
      await world.settle();
    };
    await bother(25, "127.0.0.1");
    await bother(13, "10.0.0.1");
    const lines = said();
    expect(lines.filter((line) => line.includes("proxyProtocolError"))).toHaveLength(10);
    expect(lines.filter((line) => line.includes("closedForbidden"))).toHaveLength(10);
    await world.manual.advance(MINUTE_MS - 1);
    expect(said()).toEqual([]);
    await world.manual.advance(1);
    expect(said()).toEqual([
      "15 more of proxyProtocolError were not logged",
      "3 more of closedForbidden were not logged",
    ]);
    await world.manual.advance(10 * MINUTE_MS);
    expect(said()).toEqual([]);
    await bother(11, "127.0.0.1");
    expect(said()).toHaveLength(10);
    await listener.close();
    expect(said()).toEqual(["1 more of proxyProtocolError were not logged"]);
    expect(listener.shutdownCounts).toEqual({ proxyProtocolError: 36 });
    expect(listener.stats.closedForbidden).toBe(13);
  });
});

describe("of a handshake that fails", () => {
  useWorld("tcp");

  test("a line at info says who and why, unless the client has just left", async () => {
    const tls = createAuthority().issue("server", "IP:127.0.0.1");
    const listener = await world.open(echo, { tls });
    for (const bytes of ["", GARBAGE]) {
      const socket = connectPlain(listener.port, "127.0.0.1").on("error", () => {});
      socket.resume().end(bytes);
      await new Promise((resolve) => socket.on("close", resolve));
    }
    await world.until(() => world.of("connectionFailed").length === 2);
    expect(said()).toEqual([expect.stringMatching(/: tlsHandshakeFailed \(code "?ERR_SSL_HTTP_REQUEST"?\)$/)]);
    expect(listener.shutdownCounts).toEqual({ tlsHandshakeClosed: 1, tlsHandshakeFailed: 1 });
  });
});
