import { defineServer, ok, type System } from "@espalier/actors";
import type { ChildrenAnswer, OverviewAnswer, ProcessAnswer, TreeAnswer, TreeNode } from "@espalier/inspector";
import { formatAddress } from "@espalier/sockets";
import { child, defineDynamicSupervisor, startDynamicChild } from "@espalier/supervisor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { treeText, withChildren } from "../src/terminal/tree-text.ts";
import { askOf } from "./support/ask-of.ts";
import { InspectedWorld, keeper, pair } from "./support/world.ts";

function nodesOf(nodes: readonly TreeNode[]): TreeNode[] {
  return nodes.flatMap((node) => [node, ...nodesOf(node.children)]);
}

/** Actors that the answer stands for: each node, and the children of aggregates with all below them. */
function countOf(nodes: readonly TreeNode[]): number {
  return nodes.reduce((sum, node) => {
    return sum + 1 + (node.aggregate === undefined ? countOf(node.children) : node.below.processes);
  }, 0);
}

async function treeOf(world: InspectedWorld, query = ""): Promise<TreeAnswer> {
  const { body } = await world.ask<TreeAnswer>(`tree${query}`);
  return body;
}

function livingPaths(system: System): string[] {
  return system.inspect().processes.map(({ path }) => path);
}

describe("the tree", () => {
  test("stands for exactly the actors that inspect lists, each once", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open({ acceptors: 3 });
    await world.connect(listener, 30);
    await world.system.start(pair, undefined, { id: "pair" });
    const { roots, omitted } = await treeOf(world);
    expect(countOf(roots) + omitted).toBe(world.system.inspect().processes.length);
    expect(omitted).toBe(0);
    const ids = nodesOf(roots).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("lists no connection, and says how many are in which state", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open();
    await world.connect(listener, 30);
    const { roots } = await treeOf(world);
    const supervisor = nodesOf(roots).find(({ key }) => key === "connection_sup");
    expect(supervisor?.children).toEqual([]);
    expect(supervisor?.aggregate?.count).toBe(30);
    expect(Object.values(supervisor?.aggregate?.states ?? {}).reduce((sum, count) => sum + count, 0)).toBe(30);
  });

  test("has a size that does not grow with the number of connections", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open();
    await world.connect(listener, 20);
    const few = (await world.ask("tree")).text.length;
    await world.connect(listener, 1980);
    expect((await world.ask("tree")).text.length).toBeLessThan(few + 50);
  });

  test("says what is below each actor", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open();
    const [client] = await world.connect(listener, 5);
    await world.send(client, "hello");
    const { roots } = await treeOf(world);
    for (const node of nodesOf(roots)) {
      const path = world.system.inspect().processes.find(({ pid }) => pid.toString() === node.pid)?.path ?? "";
      const below = livingPaths(world.system).filter((other) => other.startsWith(`${path}/`));
      expect([node.key, node.below.processes]).toEqual([node.key, below.length]);
    }
    expect(roots[0]?.below).toMatchObject({ bytesReceived: 5, bytesSent: 5 });
  });

  test("is bounded for a static tree of any shape", async () => {
    const world = await InspectedWorld.create();
    const worker = defineServer({ name: "worker", init: () => ok(undefined) });
    for (let index = 0; index < 1500; index += 1) world.system.spawn(worker);
    await world.settle();
    const { roots, omitted } = await treeOf(world);
    expect(countOf(roots) + omitted).toBe(world.system.inspect().processes.length);
    expect(nodesOf(roots).length).toBeLessThanOrEqual(1000);
  });

  test.each([100, 30, 10, 3])("is bounded for 101 families of %d", async (count) => {
    const world = await InspectedWorld.create();
    const worker = defineServer({ name: "worker", init: () => ok(undefined) });
    const parent = defineServer({
      name: "parent",
      init: (_: undefined, self) => {
        for (let index = 0; index < count; index += 1) self.spawn(worker);
        return ok(undefined);
      },
    });
    for (let index = 0; index < 101; index += 1) world.system.spawn(parent, undefined);
    await world.settle();
    const { roots, omitted } = await treeOf(world);
    expect(countOf(roots) + omitted).toBe(world.system.inspect().processes.length);
    expect(nodesOf(roots).length).toBeLessThanOrEqual(1000);
  });

  test("lists as deep as is asked for", async () => {
    const world = await InspectedWorld.create();
    await world.system.start(pair, undefined, { id: "pair" });
    const whole = await treeOf(world, `?root=${encodeURIComponent(world.idOf("pair"))}`);
    expect(whole.roots[0]?.children.map(({ key }) => key)).toEqual(["one", "two"]);
    const top = await treeOf(world, `?depth=0&root=${encodeURIComponent(world.idOf("pair"))}`);
    expect(top.roots[0]).toMatchObject({ children: [], aggregate: { count: 2, definitions: { keeper: 2 } } });
  });

  test("no more shows an actor that was killed, and still shows its siblings", async () => {
    const world = await InspectedWorld.create();
    const many = defineDynamicSupervisor<string>({
      child: { start: (text) => child(keeper, text), restart: "temporary" },
    });
    const started = await world.system.start(many, undefined, { id: "many", name: "many" });
    if (!started.ok) throw new Error("many did not start");
    for (let index = 0; index < 5; index += 1) await startDynamicChild(world.system, started.ref, "", `k${index}`);
    await world.tell("kill", { id: world.idOf("many/k2") });
    const page = await world.ask<ChildrenAnswer>(`children?id=${encodeURIComponent(world.idOf("many"))}`);
    expect(page.body.items.map(({ key }) => key)).toEqual(["k0", "k1", "k3", "k4"]);
  });
});

async function withConnections(count: number) {
  const world = await InspectedWorld.create();
  const listener = await world.open();
  const clients = await world.connect(listener, count);
  const parent = encodeURIComponent(world.idOf(`sockets/listener_sup:${listener.id}/connection_sup`));
  const page = async (query: string) => (await world.ask<ChildrenAnswer>(`children?id=${parent}&${query}`)).body;
  return { world, clients, page };
}

describe("a page of children", () => {
  test("pages of any size together are all children, each once, in order", async () => {
    const { page } = await withConnections(57);
    const all = await page("limit=200");
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (limit) => {
        const rows = [];
        for (let offset = 0; offset < 57; offset += limit) {
          rows.push(...(await page(`limit=${limit}&offset=${offset}`)).items);
        }
        expect(rows).toEqual(all.items);
      }),
      { numRuns: 10 },
    );
    expect(all.total).toBe(57);
  });

  test("tells the rate of each actor when it is sorted by that: what it handled, by the time since an earlier look", async () => {
    const { world, clients, page } = await withConnections(20);
    const handled = async () => new Map((await page("limit=200")).items.map(({ id, reductions }) => [id, reductions]));
    const first = await page("sort=rate");
    expect([...first.items, ...(await page("")).items].filter(({ rate }) => rate !== undefined)).toEqual([]);
    const before = await handled();
    for (const client of clients.slice(5, 12)) await world.send(client, "hello");
    await world.clock.advance(500);
    const soon = await page("sort=rate&order=desc");
    await world.send(clients[3], "hello");
    await world.clock.advance(1500);
    const later = await page("sort=rate&order=desc");
    const now = await handled();
    const rates = later.items.map(({ id, rate }) => [id, rate]);
    expect(rates).toEqual(later.items.map(({ id }) => [id, ((now.get(id) ?? 0) - (before.get(id) ?? 0)) / 2]));
    expect(soon.items.filter(({ rate = 0 }) => rate > 0).length).toBe(7);
    expect(rates.map(([, rate]) => rate)).toEqual(
      rates.map(([, rate]) => Number(rate)).toSorted((left, right) => right - left),
    );
  });

  test("is sorted and filtered before it is cut", async () => {
    const { world, clients, page } = await withConnections(20);
    await world.send(clients[7], "x".repeat(700));
    await world.send(clients[3], "x".repeat(300));
    const sorted = await page("sort=bytesReceived&order=desc&limit=3");
    expect(sorted.items.map(({ bytesReceived }) => bytesReceived)).toEqual([700, 300, 0]);
    const [busiest] = sorted.items;
    const filtered = await page(`filter=${encodeURIComponent(busiest?.label ?? "")}`);
    expect(filtered).toMatchObject({ total: 20, matching: 1, items: [{ id: busiest?.id }] });
    const state = encodeURIComponent(busiest?.state ?? "");
    expect((await page(`state=${state}`)).matching).toBe(20);
    expect((await page("state=elsewhere")).matching).toBe(0);
  });
});

describe("one process", () => {
  test("says of a connection what its socket and its machine say", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open();
    const [client] = await world.connect(listener);
    await world.send(client, "hello");
    const id = world.idOf(`sockets/listener_sup:${listener.id}/connection_sup/1`);
    const { body } = await world.ask<ProcessAnswer>(`process?id=${encodeURIComponent(id)}`);
    const info = world.system.inspect().processes.find(({ path }) => path === body.path);
    expect(body).toMatchObject({
      id,
      label: info?.label,
      reductions: info?.reductions,
      state: info?.summary,
      hasStatechart: true,
      restarts: 0,
      sockets: [{ peer: info?.label, bytesReceived: 5, bytesSent: 5, packetsReceived: 1, packetsSent: 1 }],
    });
    expect(body.links.map(({ path }) => path)).toContain(`sockets/listener_sup:${listener.id}/connection_sup`);
    expect(body).not.toHaveProperty("detail");
  });

  test("is called as its connection was labelled, by itself, in lists and in the terminal, and is found by that", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open();
    await world.connect(listener, 3);
    const [, pid] = await listener.connections();
    const connection = pid && listener.connectionOf(pid);
    if (connection === undefined) throw new Error("there should be a connection");
    connection.label = "sensor-7";
    const id = world.idOf(`sockets/listener_sup:${listener.id}/connection_sup/2`);
    const parent = encodeURIComponent(world.idOf(`sockets/listener_sup:${listener.id}/connection_sup`));
    const { body: page } = await world.ask<ChildrenAnswer>(`children?id=${parent}&filter=SENSOR`);
    expect(page.items).toMatchObject([{ id, label: "sensor-7" }]);
    const { body } = await world.ask<ProcessAnswer>(`process?id=${encodeURIComponent(id)}`);
    expect([body.label, body.sockets[0]?.peer]).toEqual(["sensor-7", formatAddress(connection.peername)]);
    const { body: tree } = await world.ask<TreeAnswer>("tree");
    const lines = treeText(await withChildren(askOf(world), tree, 10)).map((line) =>
      line.map(({ text }) => text).join(""),
    );
    expect(lines.filter((line) => line.includes("(sensor-7, WAIT_FOR_DATA)"))).toHaveLength(1);
  });

  test("is found by its pid too, and only one that lives", async () => {
    const world = await InspectedWorld.create();
    await world.system.start(pair, undefined, { id: "pair" });
    for (const { pid, path } of world.system.inspect().processes) {
      for (const given of [pid.toString(), `0.${pid.id}`, String(pid.id)]) {
        const { body } = await world.ask<ProcessAnswer>(`process?pid=${encodeURIComponent(given)}`);
        expect([given, body.id, body.path]).toEqual([given, world.idOf(path), path]);
      }
    }
    const refused = ["pid=999999", "pid=pair", "pid=", "pid=1&id=1.1.pair", "pid=1.5", ""];
    const statuses = await Promise.all(refused.map(async (query) => (await world.ask(`process?${query}`)).status));
    expect(statuses).toEqual([404, 400, 400, 400, 400, 400]);
  });

  test("shows the state when that was asked for", async () => {
    const world = await InspectedWorld.create({ show: { states: true } });
    await world.system.start(pair, undefined, { id: "pair" });
    const { body } = await world.ask<ProcessAnswer>(`process?id=${encodeURIComponent(world.idOf("pair/one"))}`);
    expect(body.detail).toEqual(["first"]);
  });

  test("is not found under the id of one that was there before it", async () => {
    const world = await InspectedWorld.create();
    await world.system.start(pair, undefined, { id: "pair" });
    const before = world.idOf("pair/one");
    await world.tell("kill", { id: before });
    expect((await world.ask(`process?id=${encodeURIComponent(before)}`)).status).toBe(404);
    const after = world.idOf("pair/one");
    const { body } = await world.ask<ProcessAnswer>(`process?id=${encodeURIComponent(after)}`);
    expect(body).toMatchObject({ incarnation: 2, restarts: 1 });
  });
});

test("the overview has the figures of inspect", async () => {
  const world = await InspectedWorld.create();
  await world.connect(await world.open(), 7);
  const { body } = await world.ask<OverviewAnswer>("overview");
  const info = world.system.inspect();
  expect(body).toMatchObject({
    processes: info.processes.length,
    mailboxes: info.processes.reduce((sum, { mailboxLength }) => sum + mailboxLength, 0),
    timers: info.timers,
    listeners: 1,
    counters: { steps: info.steps, crashes: info.crashes, accepted: 7, refused: 0 },
  });
});
