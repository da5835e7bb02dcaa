import type { Pid } from "@espalier/actors";
import type { UdpListener } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo } from "../support/handlers.ts";
import { type DatagramClient, transports, useUdpWorld, world } from "../support/udp-world.ts";

const PEERS = 5;

/** How many peers keep their handler, and what is replaced in the tree. */
const fates = [
  ["connection", { kept: PEERS - 1, replaced: [], counted: { killed: 1 } }],
  ["listener", { kept: PEERS, replaced: ["listener"], counted: {} }],
  ["connection_sup", { kept: 0, replaced: ["connection_sup", "listener"], counted: { killed: PEERS } }],
  ["listener_sup", { kept: 0, replaced: ["connection_sup", "listener", "listener_sup"], counted: { shutdown: PEERS } }],
] as const;

const ROLES = ["connection_sup", "listener", "listener_sup"] as const;

function tree(listener: UdpListener): Record<string, string> {
  return Object.fromEntries(ROLES.map((role) => [role, world.pidOf(listener, role).toString()]));
}

function isWhole(listener: UdpListener): boolean {
  const { processes } = world.system.inspect();
  const root = `sockets/listener_sup:${listener.id}`;
  const living = processes.filter(({ status }) => status !== "starting").map(({ path }) => path);
  return [root, `${root}/connection_sup`, `${root}/listener`].every(
    (path) => living.filter((other) => other === path).length === 1,
  );
}

/** Each sends something and has it back. */
async function rounds(clients: readonly DatagramClient[], listener: UdpListener): Promise<void> {
  for (const [index, client] of clients.entries()) {
    const count = client.received.length;
    client.send(listener, `${index}: ${count}`);
    expect((await client.texts(count + 1)).at(-1)).toBe(`${index}: ${count}`);
  }
}

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test.each(fates)("the kill of the %s goes so far and no further", async (role, fate) => {
    const listener = await world.open(echo);
    const other = await world.open(echo, { name: "other" });
    const clients = await Promise.all(Array.from({ length: PEERS }, () => world.client()));
    const bystander = await world.client();
    await rounds(clients, listener);
    await rounds([bystander], other);
    const before = await listener.connections();
    const [treeBefore, otherBefore, { port }] = [tree(listener), tree(other), listener];

    const victim: Pid = role === "connection" ? (before[0] as Pid) : world.pidOf(listener, role);
    world.system.kill(victim);
    await world.system.exited(victim);
    await world.until(() => isWhole(listener) && listener.status === "running");
    await world.until(() => listener.currentClients === fate.kept);

    const kept = (await listener.connections()).filter((pid) => before.includes(pid));
    const now = tree(listener);
    expect({
      kept: kept.length,
      replaced: ROLES.filter((name) => now[name] !== treeBefore[name]),
      counted: listener.shutdownCounts,
    }).toEqual(fate);
    expect([listener.port, listener.isRunning, tree(other)]).toEqual([port, true, otherBefore]);
    // Everybody is served again, with the old handler or a new one.
    await rounds(clients, listener);
    await rounds([bystander, await world.client()], other);
    expect(listener.stats.accepted).toBe(2 * PEERS - fate.kept);
    world.logged.length = 0;
  });

  test("a socket that the system takes away is bound anew at its port, and the peers do not notice", async () => {
    const listener = await world.open(echo);
    const clients = [await world.client(), await world.client()];
    await rounds(clients, listener);
    const { port } = listener;
    const [socket] = world.bound;
    const pid = world.pidOf(listener, "listener");
    socket?.close();
    await world.system.exited(pid);
    await world.until(() => isWhole(listener));
    await rounds(clients, listener);
    expect([listener.port, listener.stats.accepted, listener.shutdownCounts]).toEqual([port, 2, {}]);
    const reports = world.logged.splice(0);
    expect(reports).not.toEqual([]);
    expect(reports.every((text) => text.includes("the listening socket is gone"))).toBe(true);
  });

  test("the kill of the root takes everything along and leaves nothing", async () => {
    const listener = await world.open(echo);
    const client = await world.client();
    await rounds([client], listener);
    world.system.kill(world.sockets.supervisor);
    await world.until(() => world.system.inspect().processes.length === 0);
    expect([listener.currentClients, listener.isRunning]).toEqual([0, false]);
    await world.start();
    await rounds([client], await world.open(echo, { on: `127.0.0.1:${listener.port}` }));
    world.logged.length = 0;
  });
});
