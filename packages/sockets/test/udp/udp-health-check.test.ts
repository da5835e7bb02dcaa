import { describe, expect, test } from "vitest";
import { echo } from "../support/handlers.ts";
import { transports, useUdpWorld, world } from "../support/udp-world.ts";

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("a datagram that equals the request is answered, and no peer comes of it", async () => {
    const healthCheck = { request: Uint8Array.of(0, 1, 255), reply: "alive" };
    const listener = await world.open(echo, { healthCheck });
    const client = await world.client();
    client.send(listener, Uint8Array.of(0, 1, 255), Uint8Array.of(0, 1, 255));
    expect(await client.texts(2)).toEqual(["alive", "alive"]);
    expect([listener.currentClients, listener.stats.accepted]).toEqual([0, 0]);
    expect(listener.datagrams).toMatchObject({ received: 2, healthChecks: 2, delivered: 0, sent: 2 });
  });

  test("one that is longer, shorter or different is a peer's", async () => {
    const listener = await world.open(echo, { healthCheck: { request: "ping", reply: "pong" } });
    const client = await world.client();
    client.send(listener, "pin", "pings", "pong", "ping", "");
    expect((await client.texts(5)).toSorted()).toEqual(["", "pin", "pings", "pong", "pong"]);
    expect(listener.datagrams).toMatchObject({ healthChecks: 1, delivered: 4 });
  });

  test("it is answered when there are as many peers as there can be, and when identify knows nobody", async () => {
    const options = { maxClients: 1, healthCheck: { request: "ping", reply: "pong" } };
    const listener = await world.open(echo, { ...options, identify: (data: Uint8Array) => String(data[0]) });
    const [one, other] = [await world.client(), await world.client()];
    one.send(listener, "hello");
    other.send(listener, "ping");
    expect([await one.texts(1), await other.texts(1)]).toEqual([["hello"], ["pong"]]);
  });

  test("without one, the same datagram is a peer's", async () => {
    const listener = await world.open(echo, { healthCheck: undefined as never });
    const client = await world.client();
    client.send(listener, "ping");
    expect(await client.texts(1)).toEqual(["ping"]);
    expect(listener.stats.accepted).toBe(1);
  });
});
