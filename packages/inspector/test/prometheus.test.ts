import { InvalidOptionError, type OverviewAnswer } from "@espalier/inspector";
import { prometheus, type PrometheusOptions } from "@espalier/inspector/prometheus";
import { packetMachine } from "@espalier/sockets";
import { Gauge, Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { InspectedWorld, leaver, pair } from "./support/world.ts";

/** Takes what comes, and says nothing. */
const idle = packetMachine({ onData: () => undefined });

const ends: Array<() => void> = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const nothing = (): void => undefined;

async function withMetrics(options: PrometheusOptions = {}) {
  const world = await InspectedWorld.create();
  const metrics = prometheus(world.inspector, options);
  ends.push(() => metrics.close());
  /** The value of each line. */
  const scrape = async (): Promise<Map<string, number>> => {
    const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => [
        line.slice(0, line.lastIndexOf(" ")),
        Number(line.slice(line.lastIndexOf(" ")).replace("Inf", "Infinity")),
      ]),
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

test("clients without a place are told of while they wait", async () => {
  const { world, scrape } = await withMetrics();
  const listener = await world.open({ maxClients: 2, overLimit: "queue" });
  const waiting = async () => (await scrape()).get(`espalier_waiting_clients{listener="${listener.id}"}`);
  const [first] = await world.connect(listener, 5);
  expect(await waiting()).toBe(3);
  first?.end();
  await world.settle();
  expect(await waiting()).toBe(2);
});

test("how full a listener is can be told: its connections, its limit, and who waits", async () => {
  const { world, scrape } = await withMetrics();
  const listener = await world.open({ maxClients: 2, overLimit: "queue" });
  await world.connect(listener, 5);
  const open = await world.sockets.open("open", "127.0.0.1:0", { maxClients: "infinity" }, idle);
  const values = await scrape();
  const of = (metric: string, { id } = listener) => values.get(`espalier_${metric}{listener="${id}"}`);
  expect([of("connections"), of("max_connections"), of("waiting_clients")]).toEqual([2, 2, 3]);
  expect(of("max_connections", open)).toBe(Infinity);
});

test("datagrams of a UDP listener are counted by what became of them, each that came once", async () => {
  const { world, scrape } = await withMetrics();
  const healthCheck = { request: "ping", reply: "pong" };
  const listener = await world.sockets.openUdp("udp", "127.0.0.1:0", { healthCheck, maxPacketSize: 8 }, leaver);
  const events = {
    bound: nothing,
    failed: nothing,
    received: nothing,
    sendFailed: nothing,
    ended: nothing,
    closed: nothing,
  };
  const socket = world.datagrams.bind({ port: 0 }, events);
  await world.settle();
  const to = { host: "127.0.0.1", port: listener.port };
  for (const text of ["ping", "one", "two", "longer than eight bytes"]) socket.send(Buffer.from(text), to);
  await world.settle();
  const counted = [...(await scrape())].filter(([name, count]) => name.includes("_datagrams_total") && count > 0);
  const labels = `listener="${listener.id}"`;
  expect(Object.fromEntries(counted)).toEqual({
    [`espalier_datagrams_total{${labels},outcome="healthChecks"}`]: 1,
    [`espalier_datagrams_total{${labels},outcome="delivered"}`]: 2,
    [`espalier_datagrams_total{${labels},outcome="tooLarge"}`]: 1,
    [`espalier_datagrams_total{${labels},outcome="sent"}`]: 1,
  });
  expect(listener.datagrams.received).toBe(4);
  const stream = await world.open();
  expect([...(await scrape()).keys()].filter((name) => name.includes("datagrams") && name.includes(stream.id))).toEqual(
    [],
  );
  socket.close();
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

test("a registry that has one of their names is refused, and stays as it was", async () => {
  const { world } = await withMetrics();
  const register = new Registry();
  const theirs = new Gauge({ name: "espalier_connections", help: "mine", registers: [register] });
  expect(() => prometheus(world.inspector, { register })).toThrow(
    new InvalidOptionError([
      {
        option: "register",
        value: register,
        expected: "a registry that has no espalier_connections, or there must be another prefix",
      },
    ]),
  );
  expect(register.getMetricsAsArray()).toEqual([theirs]);
  const other = prometheus(world.inspector, { register, prefix: "other_", eventLoopDelay: false });
  expect(await register.metrics()).toContain("other_connections");
  other.close();
  expect(register.getMetricsAsArray()).toEqual([theirs]);
});

test("a prefix that no metric may have is refused", async () => {
  const { world } = await withMetrics();
  expect(() => prometheus(world.inspector, { prefix: "1-" })).toThrow(InvalidOptionError);
});
