import { connect } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { addressOf, listening, tap, useClients } from "./support/client-world.ts";
import { puppetry } from "./support/handlers.ts";
import { world } from "./support/server-world.ts";

/** A server that sends so much to whoever connects, at once. */
function openSource(bytes: Uint8Array | string) {
  const { handler } = puppetry({
    react: (event, { connection }) => void (event.type === "socketReady" && connection.send(bytes)),
  });
  return world.open(handler, { highWaterMark: 10_000_000 });
}

describe("what a server may send to a client", () => {
  useClients("memory");

  test("is no more than maxBytesPerSecond and burstBytes let in, and nothing is lost", async () => {
    const server = await openSource(Buffer.alloc(200_000, "x"));
    const { handler, last } = listening();
    const options = { transport: tap().transport, maxBytesPerSecond: 10_000, burstBytes: 20_000 };
    await connect(world.system, addressOf(server), options, handler);
    const received: number[] = [];
    for (let second = 0; second < 5; second += 1) {
      received.push(last().text.length);
      await world.manual.advance(1000);
    }
    // What is read at once is the transport's part: it is paid for before anything else is read.
    const [most] = received.map((count, second) => count - 20_000 - 10_000 * second).toSorted((a, b) => b - a);
    expect(most).toBeLessThanOrEqual(65_536);
    await world.manual.advance(30_000);
    expect(last().text).toHaveLength(200_000);
  });

  test("is no packet beyond maxPacketSize, which breaks the connection", async () => {
    const server = await openSource("x".repeat(101));
    const { handler } = listening();
    const options = { transport: tap().transport, packet: "line", maxPacketSize: 100, reconnect: "never" } as const;
    await connect(world.system, addressOf(server), options, handler);
    await world.manual.advance(0);
    expect(world.of("clientDisconnected")).toMatchObject([
      { kind: "broken", reason: { type: "shutdown", detail: "frameTooLarge" } },
    ]);
  });

  test("may be half a packet for packetTimeoutMs, and for ever unless that is given", async () => {
    const server = await openSource("half");
    const { handler } = listening();
    const transport = tap(2).transport;
    const patient = await connect(world.system, addressOf(server), { transport, packet: "line" }, handler);
    const options = { transport, packet: "line", packetTimeoutMs: 700, reconnect: "never" } as const;
    await connect(world.system, addressOf(server), options, handler);
    await world.manual.advance(699);
    expect(world.of("clientDisconnected")).toEqual([]);
    await world.manual.advance(1);
    expect(world.of("clientDisconnected")).toMatchObject([{ kind: "broken", reason: { detail: "packetTimeout" } }]);
    await world.manual.advance(1e9);
    expect(await patient.info()).toMatchObject({ state: "connected", connections: 1 });
  });
});
