import { residue } from "@espalier/actors/testing";
import { encodeFrame, type ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

useWorld("memory");

async function timed(options: ListenerOptions) {
  const { handler, one } = puppetry();
  const listener = await world.open(handler, {
    packet: 2,
    packetTimeoutMs: 1000,
    idleTimeoutMs: "infinity",
    ...options,
  });
  const client = await world.connect(listener);
  const puppet = await one();
  puppet.connection.activate(true);
  return { client, puppet, listener };
}

const packet = encodeFrame(2, "hello");

describe("the time of a packet", () => {
  test("ends the connection of a client that sends a byte now and then", async () => {
    const { client, puppet } = await timed({});
    for (const byte of packet.subarray(0, 5)) {
      client.write(Uint8Array.of(byte));
      await world.manual.advance(199);
    }
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(5);
    expect(puppet.heard).toEqual(["socketReady", "error packetTimeout"]);
    expect(await client.next("closed")).toBe("ECONNRESET");
  });

  test("begins with each packet anew, and there is none between them", async () => {
    const { client, puppet } = await timed({});
    for (let count = 0; count < 5; count += 1) {
      client.write(packet.slice(0, 3));
      await world.manual.advance(999);
      client.write(Buffer.concat([packet.slice(3), packet.slice(0, 3)]));
      await world.manual.advance(999);
      client.write(packet.slice(3));
      await world.settle();
      expect(residue(world.system).timers).toBe(0);
      await world.manual.advance(100_000);
    }
    expect(puppet.heard).toHaveLength(11);
  });

  test("stands still while the handler lets nothing in, and goes on from there", async () => {
    const { client, puppet } = await timed({});
    client.write(packet.slice(0, 3));
    await world.manual.advance(600);
    puppet.connection.activate(false);
    await world.manual.advance(100_000);
    puppet.connection.activate();
    await world.manual.advance(399);
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "error packetTimeout"]);
  });

  test("stands still while the connection owes for what it has sent", async () => {
    const { client, puppet } = await timed({ maxBytesPerSecond: 1 });
    client.write(packet.slice(0, 5));
    await world.manual.advance(1000);
    client.write(packet.slice(5));
    await world.manual.advance(2999);
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "data hello"]);
  });

  test("is none where bytes are not cut into packets, nor when it is infinite", async () => {
    const raw = await timed({ packet: "raw" });
    raw.client.write("hel");
    await world.manual.advance(100_000);
    expect(raw.puppet.heard).toEqual(["socketReady", "data hel"]);
    expect(raw.puppet.connection.isOpen).toBe(true);
  });

  test("can be changed by the connection; what has passed is forgotten", async () => {
    const { client, puppet } = await timed({ packetTimeoutMs: "infinity" });
    client.write(packet.slice(0, 3));
    await world.manual.advance(100_000);
    puppet.connection.setOptions({ packetTimeoutMs: 500 });
    await world.manual.advance(499);
    puppet.connection.setOptions({ packetTimeoutMs: 500 });
    await world.manual.advance(499);
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "error packetTimeout"]);
  });

  test("that is up is counted by the kit", async () => {
    const listener = await world.open(echo, { packet: "line" });
    const client = await world.connect(listener);
    client.write("no end");
    await world.manual.advance(59_999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ packetTimeout: 1 });
  });
});
