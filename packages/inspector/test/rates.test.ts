import { type Counters, inspector, type OverviewAnswer, type RatesAnswer } from "@espalier/inspector";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { packetMachine, startSockets } from "@espalier/sockets";
import { memoryTransport } from "@espalier/sockets/testing";
import { InspectedWorld, TOKEN } from "./support/world.ts";

const names: readonly (keyof Counters)[] = [
  "steps",
  "crashes",
  "restarts",
  "accepted",
  "refused",
  "bytesReceived",
  "bytesSent",
];

const doings = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("wait" as const), amount: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ do: fc.constant("send" as const), amount: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({ do: fc.constant("connect" as const), amount: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant("leave" as const), amount: fc.constant(1) }),
    fc.record({ do: fc.constant("crash" as const), amount: fc.constant(1) }),
  ),
  { maxLength: 25 },
);

test("rates times their intervals add up to what the counters have grown, and nothing counts backwards", async () => {
  await fc.assert(
    fc.asyncProperty(doings, async (all) => {
      const world = await InspectedWorld.create();
      const overview = async () => (await world.ask<OverviewAnswer>("overview")).body.counters;
      const begin = await overview();
      let before = begin;
      const listener = await world.open({ maxClients: 5 });
      for (const { do: what, amount } of all) {
        const client = world.clients.at(-1);
        if (what === "wait") await world.clock.advance(amount);
        else if (what === "send") await world.send(client, "x".repeat(amount));
        else if (what === "connect") await world.connect(listener, amount);
        else if (what === "crash") await world.send(client, "boom");
        else world.clients.pop()?.close("reset");
        await world.settle();
        await world.ask("rates");
        const now = await overview();
        for (const name of names) expect(now[name]).toBeGreaterThanOrEqual(before[name]);
        before = now;
      }
      await world.clock.advance(1000);
      const { body } = await world.ask<RatesAnswer>("rates");
      const end = await overview();
      for (const name of names) {
        const sum = body.samples.reduce((total, { perSecond, seconds }) => total + perSecond[name] * seconds, 0);
        expect([name, Math.round(sum)]).toEqual([name, end[name] - begin[name]]);
      }
      await world.dispose();
    }),
    { numRuns: 25 },
  );
});

test("bytes of a listener that is closed are not forgotten", async () => {
  const world = await InspectedWorld.create();
  const listener = await world.open();
  const [client] = await world.connect(listener);
  await world.send(client, "hello");
  expect((await world.ask<OverviewAnswer>("overview")).body.counters.bytesReceived).toBe(5);
  const closed = listener.close();
  await world.clock.advance(10_000);
  await closed;
  const again = await world.open();
  const [other] = await world.connect(again);
  await world.send(other, "you");
  expect((await world.ask<OverviewAnswer>("overview")).body.counters).toMatchObject({ bytesReceived: 8, accepted: 2 });
});

test("listeners of the same id count each for itself, one that two sources have counts once, and no command guesses", async () => {
  const world = await InspectedWorld.create();
  const { system, sockets: one } = world;
  const other = await startSockets(system, { name: "other", transport: memoryTransport() });
  const idle = packetMachine({ onData: () => undefined });
  const mine = await one.open("idle", "127.0.0.1:5000", {}, idle);
  const { id } = await other.open("idle", "127.0.0.1:5000", {}, idle);
  expect(id).toBe(mine.id);
  const both = inspector(system, { sockets: [one, other, one], token: TOKEN });
  const { readings } = both;
  await world.connect(mine);
  const seen = [1, 2, 3].map(() => readings.overview().counters.accepted);
  expect([seen, readings.listeners().listeners.length]).toEqual([[1, 1, 1], 2]);
  const answer = await both.app.request("/api/v1/commands/suspendListener", {
    method: "POST",
    body: JSON.stringify({ listener: id }),
    headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
  });
  expect(answer.status).toBe(409);
  await both.close();
});
