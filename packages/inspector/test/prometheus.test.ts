import { InvalidOptionError, type OverviewAnswer } from "@espalier/inspector";
import { prometheus, type PrometheusOptions } from "@espalier/inspector/prometheus";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { InspectedWorld, pair } from "./support/world.ts";

const ends: Array<() => void> = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function withMetrics(options: PrometheusOptions = {}) {
  const world = await InspectedWorld.create();
  const metrics = prometheus(world.inspector, options);
  ends.push(() => metrics.close());
  /** The value of each line. */
  const scrape = async (): Promise<Map<string, number>> => {
    const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
    );
  };
  return { world, metrics, scrape };
}

test("metrics are what the system and its listeners count, at each scrape", async () => {
  const { world, scrape } = await withMetrics();
  const listener = await world.open({ maxClients: 3 });
  const [client] = await world.connect(listener, 5);
  await world.system.start(pair, undefined, { id: "pair" });
  for (let round = 0; round < 2; round += 1) {
    await world.send(client, "hello");
    world.system.send("one", { type: "crash", text: "" });
    await world.settle();
    const values = await scrape();
    const overview = (await world.ask<OverviewAnswer>("overview")).body;
    const labels = `listener="${listener.id}"`;
    expect(Object.fromEntries(values)).toMatchObject({
      espalier_processes: overview.processes,
      espalier_mailbox_messages: 0,
      espalier_signals_total: overview.counters.steps,
      espalier_crashes_total: round + 1,
      espalier_restarts_total: round + 1,
      [`espalier_connections{${labels}}`]: 3,
      [`espalier_listener_up{${labels}}`]: 1,
      [`espalier_accepts_total{${labels},outcome="accepted"}`]: 3,
      [`espalier_accepts_total{${labels},outcome="closedMaxLimit"}`]: 2,
      [`espalier_received_bytes_total{${labels}}`]: 5 * (round + 1),
      [`espalier_sent_bytes_total{${labels}}`]: 5 * (round + 1),
    });
  }
});

test("ends of connections are counted by reason, and a closed listener is told of no more", async () => {
  const { world, scrape } = await withMetrics({ eventLoopDelay: false, prefix: "mine_" });
  const listener = await world.open();
  const [first, second] = await world.connect(listener, 2);
  first?.end();
  await world.send(second, "boom");
  const values = await scrape();
  const labels = `listener="${listener.id}"`;
  expect(values.get(`mine_connections_ended_total{${labels},reason="peerClosed"}`)).toBe(1);
  expect(values.get(`mine_connections_ended_total{${labels},reason="error"}`)).toBe(1);
  expect([...values.keys()].filter((name) => name.includes("event_loop"))).toEqual([]);
  const closed = listener.close();
  await world.clock.advance(10_000);
  await closed;
  expect([...(await scrape()).keys()].filter((name) => name.includes(listener.id))).toEqual([]);
});

test("they share a registry with others, and leave it when they are closed", async () => {
  const register = new Registry();
  const { metrics } = await withMetrics({ register });
  expect((await metrics.response()).headers.get("content-type")).toMatch(/^text\/plain/u);
  expect(register.getMetricsAsArray().length).toBeGreaterThan(10);
  metrics.close();
  expect(register.getMetricsAsArray()).toEqual([]);
});

test("a prefix that no metric may have is refused", async () => {
  const { world } = await withMetrics();
  expect(() => prometheus(world.inspector, { prefix: "1-" })).toThrow(InvalidOptionError);
});
