import { InvalidOptionError, type OverviewAnswer } from "@espalier/inspector";
import { prometheus, type PrometheusOptions } from "@espalier/inspector/prometheus";
import { packetMachine } from "@espalier/sockets";
import { memoryDatagrams } from "@espalier/sockets/testing";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { InspectedWorld, pair } from "./support/world.ts";

/** Takes what comes, and says nothing. */
const idle = packetMachine({ onData: () => undefined });

function ignore(): void {
  // Nobody waits for it.
}

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

test("how full a listener is can be told: its connections, its limit, and who waits", async () => {
  const { world, scrape } = await withMetrics();
  const listener = await world.open({ maxClients: 2, overLimit: "queue" });
  await world.connect(listener, 5);
  const open = await world.sockets.open("open", "127.0.0.1:0", { maxClients: "infinity" }, idle);
  const values = await scrape();
  const of = (metric: string, { id } = listener) => values.get(`espalier_${metric}{listener="${id}"}`);
  expect([of("connections"), of("max_connections"), of("waiting_connections")]).toEqual([2, 2, 3]);
  expect(of("max_connections", open)).toBe(Infinity);
});

test("datagrams are counted by what became of them, each once", async () => {
  const { world, scrape } = await withMetrics();
  const transport = memoryDatagrams();
  const options = { transport, maxPacketSize: 5, healthCheck: { request: "ping", reply: "pong" } };
  const { id, port } = await world.sockets.openUdp("datagrams", "127.0.0.1:0", options, idle);
  const events = { bound: ignore, failed: ignore, received: ignore, sendFailed: ignore, ended: ignore, closed: ignore };
  const peer = transport.bind({ port: 0 }, events);
  await world.settle();
  for (const text of ["hello", "too long", "ping"]) peer.send(Buffer.from(text), { host: "127.0.0.1", port });
  await world.settle();
  const counts = [...(await scrape())].filter(
    ([name, count]) => name.includes(`datagrams_total{listener="${id}"`) && count > 0,
  );
  const one = (outcome: string) => [`espalier_datagrams_total{listener="${id}",outcome="${outcome}"}`, 1];
  expect(counts).toEqual(["delivered", "healthChecks", "tooLarge", "sent"].map(one));
  peer.close();
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
