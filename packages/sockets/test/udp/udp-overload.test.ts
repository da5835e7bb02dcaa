import type { OverloadFacts } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo } from "../support/handlers.ts";
import { transports, useUdpWorld, world } from "../support/udp-world.ts";

function clueless(): boolean {
  throw new Error("no idea");
}

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("while there is too much to do nobody becomes a peer, and those who are there go on", async () => {
    let isOverloaded = false;
    const listener = await world.open(echo, { overload: () => isOverloaded });
    const [old, fresh] = [await world.client(), await world.client()];
    old.send(listener, "1");
    await old.texts(1);
    isOverloaded = true;
    fresh.send(listener, "1", "2");
    old.send(listener, "2");
    await old.texts(2);
    await world.settle(listener);
    expect([fresh.received, listener.currentClients]).toEqual([[], 1]);
    expect(listener.stats).toMatchObject({ accepted: 1, closedOverloaded: 2, closedOther: 0 });
    expect(listener.datagrams).toMatchObject({ refused: 2, delivered: 2 });
    isOverloaded = false;
    fresh.send(listener, "3");
    expect(await fresh.texts(1)).toEqual(["3"]);
  });
});

describe("the hook", () => {
  useUdpWorld("memory");

  test("is told who comes, and asked about nobody who is refused anyhow, or is there", async () => {
    const asked: OverloadFacts[] = [];
    const overload = (facts: OverloadFacts): boolean => asked.push(facts) < 0;
    const accessRules = [{ deny: "10.0.0.0/8" }];
    const listener = await world.open(echo, { overload, accessRules, maxClients: 2 });
    const clients = [await world.client(), await world.client(), await world.client(), await world.client("10.0.0.1")];
    for (const client of clients) client.send(listener, "1", "2");
    await world.manual.advance(0);
    expect(asked.map(({ peer }) => peer)).toEqual(clients.slice(0, 2).map(({ address }) => address));
    expect(asked[1]).toMatchObject({ listener: listener.id, waiting: 0 });
    expect(listener.stats).toMatchObject({ accepted: 2, closedMaxLimit: 2, closedForbidden: 2, closedOverloaded: 0 });
  });

  test("that refuses costs nobody his place in the rate", async () => {
    let left = 3;
    const overload = (): boolean => (left -= 1) >= 0;
    const listener = await world.open(echo, { overload, maxConnectionRate: { capacity: 1 } });
    const client = await world.client();
    client.send(listener, "1", "2", "3", "4");
    await world.manual.advance(0);
    expect(client.received.map(String)).toEqual(["4"]);
    expect(listener.stats).toMatchObject({ accepted: 1, closedOverloaded: 3, closedRateLimited: 0 });
  });

  test("that throws refuses, and the log says so once in a minute", async () => {
    const listener = await world.open(echo, { overload: clueless });
    const client = await world.client();
    client.send(listener, "1", "2", "3");
    await world.manual.advance(59_999);
    client.send(listener, "4");
    await world.manual.advance(0);
    const warning = `warn ${listener.id}: overload has thrown Error: no idea; refusing connections`;
    expect([world.logged.splice(0), listener.stats.closedOverloaded]).toEqual([[warning], 4]);
    await world.manual.advance(1);
    client.send(listener, "5");
    await world.manual.advance(0);
    expect(world.logged.splice(0)).toEqual([warning]);
  });
});
