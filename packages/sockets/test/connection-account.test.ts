import { buildProxyHeader, packetMachine } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { puppetry } from "./support/handlers.ts";
import { ServerWorld, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";
import { connect } from "node:tls";
import { text } from "node:stream/consumers";

/** Does what each line says; what it does not know, it sends back. */
const obedient = packetMachine({
  onData(connection, data) {
    const order = Buffer.from(data).toString().trim();
    if (order === "throw") throw new Error("as told");
    else if (order === "close") connection.close();
    else if (order === "abort") connection.abort();
    else connection.send(data);
  },
});

const destination = { host: "198.51.100.1", port: 443 };

/** What a client begins with where a PROXY header is asked for. */
type Beginning = "header" | "garbage" | "half" | "silence";
type Ending = "end" | "reset" | "throw" | "close" | "abort" | "kill" | "stay";

interface Life {
  readonly beginning: Beginning;
  readonly lines: readonly string[];
  readonly ending: Ending;
  /** What is under way arrives before the end. */
  readonly isCalm: boolean;
}

const life: fc.Arbitrary<Life> = fc.record({
  beginning: fc.constantFrom<Beginning>("header", "header", "header", "garbage", "half", "silence"),
  lines: fc.array(fc.stringMatching(/^[xyz]{0,200}$/), { maxLength: 4 }),
  ending: fc.constantFrom<Ending>("end", "end", "reset", "throw", "close", "abort", "kill", "stay"),
  isCalm: fc.boolean(),
});

/** Where the header says that client comes from: a port of its own for each. */
function sourceOf(index: number) {
  return { host: "203.0.113.7", port: 1000 + index };
}

function beginningOf(beginning: Beginning, index: number): Buffer {
  const header = Buffer.from(buildProxyHeader({ source: sourceOf(index), destination }));
  if (beginning === "header") return header;
  if (beginning === "half") return header.subarray(0, 9);
  return Buffer.from(beginning === "garbage" ? "GET / HTTP/1.1\r\n\r\n" : "");
}

/** Leads the life, and answers how many bytes the client has sent. */
async function lead(own: ServerWorld, client: SocketRecorder, plan: Life, begin: Buffer): Promise<number> {
  let sent = 0;
  const write = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    sent += bytes.length;
    client.write(Uint8Array.from(bytes));
  };
  write(begin);
  for (const line of plan.lines) write(Buffer.from(`${line}\n`));
  if (plan.isCalm) await own.settle();
  const { ending } = plan;
  if (ending === "end") client.end();
  else if (ending === "reset") client.close("reset");
  else if (ending === "throw" || ending === "close" || ending === "abort") write(Buffer.from(`${ending}\n`));
  else if (ending === "kill") {
    const [pid] = (await own.listeners[0]?.connections()) ?? [];
    if (pid !== undefined) own.system.kill(pid);
  }
  return sent;
}

test(
  "whatever becomes of connections, each that is accepted has started and stopped once, or has failed once",
  { timeout: 60_000 },
  async () => {
    const seen = new Set<string>();
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 6 }), fc.boolean(), async (lives, isProxied) => {
        const own = await new ServerWorld("memory").start();
        const proxyProtocol = isProxied ? ({ timeoutMs: 1000 } as const) : false;
        const listener = await own.open(obedient, { packet: "line", proxyProtocol, acceptors: 2, shutdown: 100 });
        const led: Array<{ readonly client: SocketRecorder; readonly plan: Life; readonly sent: number }> = [];
        for (const [index, plan] of lives.entries()) {
          const client = await own.connect(listener);
          const begin = isProxied ? beginningOf(plan.beginning, index) : Buffer.alloc(0);
          led.push({ client, plan, sent: await lead(own, client, plan, begin) });
        }
        await own.settle();
        const closed = listener.close();
        await own.manual.advance(60_000);
        await closed;
        await own.settle();

        const fates = new Map<string, string[]>();
        for (const event of own.events) {
          if (
            event.type !== "connectionStarted" &&
            event.type !== "connectionStopped" &&
            event.type !== "connectionFailed"
          )
            continue;
          seen.add(event.type);
          fates.set(event.connection, [...(fates.get(event.connection) ?? []), event.type]);
        }
        expect(fates.size).toBe(listener.stats.accepted);
        for (const fate of fates.values()) {
          expect([["connectionStarted", "connectionStopped"], ["connectionFailed"]]).toContainEqual(fate);
        }
        const { accepted, closedOther } = listener.stats;
        expect(accepted + closedOther + listener.stats.discarded).toBe(lives.length);

        // Where nobody was killed and the client has ended in order, both ends have counted the same.
        const isDisturbed = lives.some(({ ending }) => ending === "kill");
        for (const [index, { client, plan, sent }] of led.entries()) {
          if (isDisturbed || plan.ending !== "end" || (isProxied && plan.beginning !== "header")) continue;
          const port = isProxied ? sourceOf(index).port : own.portOf(client);
          const stop = own.of("connectionStopped").find(({ peer }) => peer.port === port);
          expect(stop).toMatchObject({ bytesReceived: sent, bytesSent: client.receivedBytes });
          compared += 1;
          expect(stop?.durationMs).toBeGreaterThanOrEqual(0);
        }
        own.logged.length = 0;
        await own.dispose();
      }),
      { numRuns: 100 },
    );
    expect(compared).toBeGreaterThan(20);
    expect([...seen].toSorted()).toEqual(["connectionFailed", "connectionStarted", "connectionStopped"]);
  },
);

describe("a start", () => {
  useWorld("memory");

  test("comes when the handler gets the socket, with the client behind the proxy, whom inspection shows from then on", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { proxyProtocol: {} });
    const client = await world.connect(listener);
    const labels = (): ReadonlyArray<string | undefined> => {
      const path = `sockets/listener_sup:${listener.id}/connection_sup/1`;
      return world.system
        .inspect()
        .processes.filter((process) => process.path === path)
        .map(({ label }) => label);
    };
    await world.settle();
    expect(listener.stats.accepted).toBe(1);
    expect(world.of("connectionStarted")).toEqual([]);
    expect(labels()).toEqual([`127.0.0.1:${world.portOf(client)}`]);
    await world.manual.advance(500);
    client.write(Uint8Array.from(buildProxyHeader({ source: sourceOf(1), destination })));
    const { connection } = await one();
    expect(world.of("connectionStarted")).toMatchObject([
      {
        listener: listener.id,
        peer: sourceOf(1),
        proxy: { host: "127.0.0.1", port: world.portOf(client) },
        tls: undefined,
      },
    ]);
    expect(labels()).toEqual(["203.0.113.7:1001"]);
    await world.manual.advance(1234);
    connection.send("bye");
    client.end();
    await listener.close();
    expect(await world.stopped()).toMatchObject({ durationMs: 1234, bytesSent: 3, peer: sourceOf(1) });
  });

  test("leaves the label alone that a handler has given itself", async () => {
    const { handler, one } = puppetry({ init: ({ self }) => void (self.label = "alice") });
    const client = await world.connect(await world.open(handler, { proxyProtocol: {} }));
    client.write(Uint8Array.from(buildProxyHeader({ source: sourceOf(1), destination })));
    const { self } = await one();
    expect(self.label).toBe("alice");
  });
});

describe("a start with TLS", () => {
  useWorld("tcp");

  test("says in short what was agreed on", async () => {
    const authority = createAuthority();
    const listener = await world.open(obedient, { tls: authority.issue("server", "DNS:localhost"), packet: "line" });
    const socket = connect({ port: listener.port, host: "127.0.0.1", servername: "localhost", ca: authority.cert });
    expect(await text(socket.end("hello\n"))).toBe("hello\n");
    await world.stopped();
    expect(world.of("connectionStarted")).toMatchObject([
      { tls: { protocol: "TLSv1.3", servername: "localhost" }, proxy: undefined },
    ]);
  });
});
