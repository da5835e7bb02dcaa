import type { Pid, ProcessInfo } from "@espalier/actors";
import { residue } from "@espalier/actors/testing";
import type { Listener } from "@espalier/sockets";
import { beforeEach, describe, expect, test } from "vitest";
import { fragileEcho, polite } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";
import { type Chatter, chatter, fateOf } from "./support/traffic.ts";

/** Who stands in the tree of a listener, by role, the oldest first. */
type Tree = Readonly<Record<Role, readonly Pid[]>>;
type Role = "listener_sup" | "connection_sup" | "listener" | "acceptor_sup" | "acceptors" | "connections";

const CLIENTS = 20;
const BYSTANDERS = 5;
const ACCEPTORS = 4;

/** What dies with whom, in numbers: clients that are still served, clients that are not, actors that were replaced. */
interface Fate {
  readonly echoing: number;
  readonly disconnected: number;
  readonly replaced: Readonly<Record<Role, number>>;
  /** How the server counts the ends of connections. */
  readonly counted: Readonly<Record<string, number>>;
}

const nobody = { listener_sup: 0, connection_sup: 0, listener: 0, acceptor_sup: 0, acceptors: 0, connections: 0 };
const door = { ...nobody, acceptor_sup: 1, acceptors: ACCEPTORS };

/** connection_sup, listener and acceptor_sup. */
const orphans = ["crash", "crash", "crash"];

const fates: ReadonlyArray<readonly [Role, Fate]> = [
  ["connections", { echoing: 19, disconnected: 1, replaced: { ...nobody, connections: 1 }, counted: { killed: 1 } }],
  ["acceptors", { echoing: 20, disconnected: 0, replaced: { ...nobody, acceptors: 1 }, counted: {} }],
  ["acceptor_sup", { echoing: 20, disconnected: 0, replaced: door, counted: {} }],
  ["listener", { echoing: 20, disconnected: 0, replaced: { ...door, listener: 1 }, counted: {} }],
  [
    "connection_sup",
    {
      echoing: 0,
      disconnected: 20,
      replaced: { ...door, listener: 1, connection_sup: 1, connections: 20 },
      counted: { killed: 20 },
    },
  ],
  [
    "listener_sup",
    {
      echoing: 0,
      disconnected: 20,
      replaced: { ...door, listener: 1, connection_sup: 1, connections: 20, listener_sup: 1 },
      counted: { shutdown: 20 },
    },
  ],
];

function treeOf(listener: Listener): Tree {
  const root = `sockets/listener_sup:${listener.id}`;
  const all = world.system.inspect().processes.filter(({ status }) => status !== "starting");
  const at = (path: string): Pid[] => all.filter((process) => process.path === path).map(({ pid }) => pid);
  const below = (path: string): Pid[] =>
    all.filter((process: ProcessInfo) => process.path.startsWith(`${path}/`)).map(({ pid }) => pid);
  return {
    listener_sup: at(root),
    connection_sup: at(`${root}/connection_sup`),
    listener: at(`${root}/listener`),
    acceptor_sup: at(`${root}/acceptor_sup`),
    acceptors: below(`${root}/acceptor_sup`),
    connections: below(`${root}/connection_sup`),
  };
}

function isWhole(tree: Tree): boolean {
  const singles = [tree.listener_sup, tree.connection_sup, tree.listener, tree.acceptor_sup];
  return singles.every(({ length }) => length === 1) && tree.acceptors.length === ACCEPTORS;
}

/** How many of each role are not there any more. */
function replaced(before: Tree, after: Tree): Record<string, number> {
  return Object.fromEntries(
    Object.entries(before).map(([role, pids]) => [
      role,
      pids.filter((pid) => !after[role as Role].includes(pid)).length,
    ]),
  );
}

/** A client that comes now is served, at the same port. */
async function isFreshClientServed(listener: Listener): Promise<boolean> {
  const client = await world.connect(listener);
  client.write("hello\n");
  return (await client.text(6)) === "hello\n";
}

describe("under live traffic", () => {
  useWorld("tcp");

  let listener: Listener;
  let other: Listener;
  let chatters: readonly Chatter[];
  let bystanders: readonly Chatter[];
  let port: number;

  beforeEach(async () => {
    listener = await world.open(fragileEcho, { packet: "line", acceptors: ACCEPTORS });
    other = await world.open(fragileEcho, { name: "other", packet: "line", acceptors: ACCEPTORS });
    chatters = await chatter(listener, CLIENTS);
    bystanders = await chatter(other, BYSTANDERS);
    ({ port } = listener);
  });

  /** Kills one of them, waits until its supervisors have done what they can, and states what came of it. */
  async function fateAfterKilling(role: Role): Promise<Fate> {
    const before = treeOf(listener);
    const counted = { ...listener.shutdownCounts };
    const [victim] = before[role] as [Pid];
    world.system.kill(victim);
    expect(await world.system.exited(victim)).toEqual({ type: "killed" });
    await world.until(() => isWhole(treeOf(listener)));
    const fate = await fateOf(chatters);
    await world.until(() => listener.currentClients === fate.echoing);
    const newlyCounted = Object.entries(listener.shutdownCounts)
      .map(([key, count]) => [key, count - (counted[key] ?? 0)] as const)
      .filter(([, count]) => count > 0);
    return {
      ...fate,
      replaced: replaced(before, treeOf(listener)) as Fate["replaced"],
      counted: Object.fromEntries(newlyCounted),
    };
  }

  test.for(fates)("a kill among the %s goes so far and no further", async ([role, fate]) => {
    const untouched = treeOf(other);
    const table = world.system.whereis("sockets.server");
    expect(await fateAfterKilling(role)).toEqual(fate);
    expect([listener.isRunning, listener.port]).toEqual([true, port]);
    expect(await isFreshClientServed(listener)).toBe(true);
    expect(listener.currentClients).toBe(fate.echoing + 1);
    expect(treeOf(other)).toEqual(untouched);
    expect(await fateOf(bystanders)).toEqual({ echoing: BYSTANDERS, disconnected: 0 });
    expect(world.system.whereis("sockets.server")).toBe(table);
    // Whoever traps exits and loses its supervisor to a kill reports that, as in OTP. Nobody says that a listener is down.
    const lines = world.logged.splice(0).map((text) => /^error (crash|supervisor report)/.exec(text)?.[1] ?? text);
    expect(lines.filter((text) => text !== "supervisor report")).toEqual(role === "listener_sup" ? orphans : []);
  });

  test("the kill of the root takes everything along and leaves nothing, so that it can be started anew", async () => {
    world.system.kill(world.sockets.supervisor);
    expect(await fateOf([...chatters, ...bystanders])).toEqual({ echoing: 0, disconnected: CLIENTS + BYSTANDERS });
    await world.until(() => world.system.inspect().processes.length === 0);
    expect(residue(world.system)).toEqual({ actors: [], names: [], resources: [], timers: 0, tasks: 0 });
    expect([listener.currentClients, listener.isRunning]).toEqual([0, false]);
    await world.start();
    const again = await world.open(fragileEcho, { packet: "line", on: `127.0.0.1:${port}` });
    expect(await isFreshClientServed(again)).toBe(true);
    world.logged.length = 0;
  });

  test("connections that take their time to end do not mix with those of the new tree", async () => {
    const slow = await world.open(polite, { name: "slow" });
    const before = await world.connectMany(slow, 3);
    world.system.kill(treeOf(slow).listener_sup[0] as Pid);
    for (const client of before) expect(await client.text(7)).toBe("goodbye");
    await world.until(() => slow.isRunning);
    await world.connectMany(slow, 2);
    for (const client of before) client.write("bye");
    for (const client of before) expect(await client.next("closed")).toBeUndefined();
    await world.until(() => world.of("connectionStopped").length === 3);
    expect(slow.currentClients).toBe(2);
    expect(await slow.connections()).toHaveLength(2);
    world.logged.length = 0;
  });

  test("the crash of a connection takes one client along", async () => {
    const before = treeOf(listener);
    const fragile = await world.connect(listener);
    fragile.write("boom\n");
    await fragile.next("closed");
    expect(await fateOf(chatters)).toEqual({ echoing: CLIENTS, disconnected: 0 });
    expect(replaced(before, treeOf(listener))).toEqual(nobody);
    expect([listener.currentClients, listener.shutdownCounts]).toEqual([CLIENTS, { error: 1 }]);
    expect(await isFreshClientServed(listener)).toBe(true);
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("one kill after the other, the most harmless first, is as survivable", async () => {
    let remaining = CLIENTS;
    for (const [role, fate] of fates.slice(0, -1)) {
      const { echoing } = await fateAfterKilling(role);
      expect([role, echoing]).toEqual([role, Math.max(0, remaining - fate.disconnected)]);
      expect([role, await isFreshClientServed(listener)]).toEqual([role, true]);
      for (const client of world.clients.slice(CLIENTS + BYSTANDERS)) client.close("now");
      await world.until(() => listener.currentClients === echoing);
      remaining = echoing;
    }
    chatters = await chatter(listener, CLIENTS);
    expect((await fateAfterKilling("listener_sup")).disconnected).toBe(CLIENTS);
    expect([await isFreshClientServed(listener), listener.port]).toEqual([true, port]);
    expect(await fateOf(bystanders)).toEqual({ echoing: BYSTANDERS, disconnected: 0 });
    world.logged.length = 0;
  });
});
