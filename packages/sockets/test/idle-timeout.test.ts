import { encodeFrame, type ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { ignorant, puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

describe("the time without data", () => {
  useWorld("memory");
  const options: ListenerOptions = { idleTimeoutMs: 120_000 };

  test("ends a machine that does not handle timeout: shutdown idleTimeout", async () => {
    const listener = await world.open(ignorant, options);
    const client = await world.connect(listener);
    await world.manual.advance(119_999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.currentClients).toBe(0);
    expect(await client.next("closed")).toBeUndefined();
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
  });

  test("begins anew with each of the client's bytes", async () => {
    // Another limit would not bear with such a packet.
    const listener = await world.open(ignorant, { packet: 2, packetTimeoutMs: "infinity", ...options });
    const client = await world.connect(listener);
    for (const byte of encodeFrame(2, "ab")) {
      client.write(Buffer.from([byte]));
      await world.manual.advance(119_999);
    }
    expect([listener.currentClients, client.receivedBytes]).toEqual([1, 4]);
    await world.manual.advance(1);
    expect(listener.currentClients).toBe(0);
  });

  test("is not moved by what the server sends", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler, options));
    const puppet = await one();
    for (let minute = 0; minute < 2; minute += 1) {
      puppet.connection.send("tick");
      await world.manual.advance(59_999);
    }
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(2);
    expect([client.receivedBytes, puppet.heard]).toEqual([8, ["socketReady", "timeout"]]);
  });

  test("comes again and again to a handler that lives on", async () => {
    const { handler, one } = puppetry();
    await world.connect(await world.open(handler, options));
    const puppet = await one();
    await world.manual.advance(360_000);
    expect(puppet.heard).toEqual(["socketReady", "timeout", "timeout", "timeout"]);
  });

  test("passes also while the handler lets nothing in, whatever the client has sent", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler, options));
    const puppet = await one();
    await world.manual.advance(119_999);
    client.write("nobody reads this");
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "timeout"]);
    puppet.connection.activate();
    await world.manual.advance(119_999);
    expect(puppet.heard).toEqual(["socketReady", "timeout", "data nobody reads this"]);
  });

  test("ends with the socket", async () => {
    const { handler, one } = puppetry();
    const client = await world.connect(await world.open(handler, options));
    const puppet = await one();
    puppet.connection.activate();
    client.end();
    await world.manual.advance(1_000_000);
    expect(puppet.heard).toEqual(["socketReady", "closed"]);
  });

  test("can be without end", async () => {
    const { handler, one } = puppetry();
    await world.connect(await world.open(handler, { idleTimeoutMs: "infinity" }));
    await world.manual.advance(1e9);
    expect((await one()).heard).toEqual(["socketReady"]);
  });
});
