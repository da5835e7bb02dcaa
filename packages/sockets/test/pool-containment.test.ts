import type { Pid } from "@espalier/actors";
import { residue } from "@espalier/actors/testing";
import { definePool, startPool, type Listener, type Pool, type PoolConnectionInfo } from "@espalier/sockets";
import { child, defineSupervisor } from "@espalier/supervisor";
import { beforeEach, describe, expect, test } from "vitest";
import {
  addressOf,
  type Heard,
  listening,
  type Listening,
  order,
  pauses,
  tap,
  useClients,
} from "./support/client-world.ts";
import { echo } from "./support/handlers.ts";
import { transports, world } from "./support/server-world.ts";

const COUNT = 4;
/** Longer than a pause, shorter than what would make a connection stable. */
const PAUSE = { initialMs: 1, maxMs: 2 };

function pidAt(path: string): Pid {
  const found = world.system.inspect().processes.find((process) => process.path === path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found.pid;
}

function handlers(infos: readonly PoolConnectionInfo[]): ReadonlyArray<Pid | undefined> {
  return infos.map(({ handler }) => handler);
}

describe("a client that is killed", () => {
  useClients("memory");

  test("comes back after a pause that grows, and is short again after one that was stable", async () => {
    const backend = await world.open(echo);
    const connections = [{ id: "a", to: addressOf(backend), options: { transport: tap().transport } }];
    const options = { backoff: { initialMs: 100, jitter: 0 }, stableMs: 5000 };
    const all = startPool(world.system, connections, options, listening().handler);
    for (const lasted of [0, 4999, 5000, 0]) {
      await all.connected(1);
      await world.manual.advance(lasted);
      await world.kill(world.system.inspect().processes.find(({ id }) => id === "a")?.pid as Pid);
      expect(await all.connections()).toMatchObject([{ state: "waiting", handler: undefined }]);
      await world.manual.advance(pauses().at(-1) ?? 0);
    }
    expect(pauses()).toEqual([100, 200, 100, 200]);
    world.logged.length = 0;
  });
});

describe.each(transports)("%s", (transport) => {
  useClients(transport);

  let server: Listener;
  let mine: Listening;
  let pool: Pool;

  beforeEach(async () => {
    server = await world.open(echo);
    mine = listening();
    const connections = Array.from({ length: COUNT }, (_, index) => ({
      id: `c${index}`,
      to: addressOf(server),
      // When a pool is killed, its supervisor has a new one before the handlers of the old have ended.
      options: { transport: tap(2).transport },
    }));
    const { definition, of } = definePool(world.system, connections, { backoff: PAUSE }, mine.handler);
    const tree = defineSupervisor({
      children: [{ id: "pool", start: child(definition, undefined, { name: "pool" }) }],
    });
    await world.system.start(tree, undefined, { id: "app", name: "app" });
    pool = of("pool");
    await pool.connected(COUNT);
  });

  /** As many as there have to be are connected; time goes on as it must. */
  async function healed(): Promise<readonly PoolConnectionInfo[]> {
    const all = pool.connected(COUNT);
    await world.clock?.advance(100);
    await all;
    return pool.connections();
  }

  /** Sends on each connection, and waits until it has come back. */
  async function isAlive(): Promise<boolean> {
    const before = mine.connections.map(({ text }) => text.length);
    const { sent } = await pool.broadcast("ping ");
    const hasAnswer = ({ text }: Heard, index: number): boolean => text.length === (before[index] ?? 0) + 5;
    await world.until(() => mine.connections.filter(hasAnswer).length === COUNT);
    return sent.length === COUNT;
  }

  test.each([
    ["handler", "app/pool/c1/1", 1],
    ["client", "app/pool/c1", 1],
    ["pool", "app/pool", COUNT],
  ])("the kill of a %s goes so far and no further", async (_role, path, replaced) => {
    const before = await pool.connections();
    expect(await isAlive()).toBe(true);
    await world.kill(pidAt(path));
    const after = await healed();
    const changed = handlers(after).filter((pid, index) => pid !== handlers(before)[index]);
    expect(changed).toHaveLength(replaced);
    expect(await isAlive()).toBe(true);
    await world.until(() => server.currentClients === COUNT);
    world.logged.length = 0;
  });

  test("the crash of a handler, again and again, costs the others nothing", async () => {
    const before = handlers(await pool.connections());
    for (let round = 0; round < 8; round += 1) {
      const { handler } = (await pool.connections())[2] as PoolConnectionInfo;
      order(mine.connections.find(({ self }) => self.pid === handler) as Heard, "boom");
      await world.until(() => world.of("clientDisconnected").length === round + 1);
      await healed();
    }
    const after = await pool.connections();
    expect(handlers(after).map((pid, index) => pid === before[index])).toEqual([true, true, false, true]);
    expect(after[2]).toMatchObject({ connections: 9, restarts: 0, attempt: 9 });
    expect(await isAlive()).toBe(true);
    world.logged.length = 0;
  });

  test("the kill of a client, again and again, does not end the pool", async () => {
    const keeper = world.system.whereis("pool");
    for (let round = 0; round < 8; round += 1) {
      await world.kill(pidAt("app/pool/c0"));
      await healed();
    }
    expect(world.system.whereis("pool")).toBe(keeper);
    expect(await pool.connections()).toMatchObject([
      { restarts: 8 },
      { restarts: 0 },
      { restarts: 0 },
      { restarts: 0 },
    ]);
    world.logged.length = 0;
  });

  test("the kill of a client during an attempt and in a pause leaves nothing of it", async () => {
    await server.close();
    for (let round = 0; round < 4; round += 1) {
      await world.kill(pidAt(`app/pool/c${round}`));
      if (round % 2 === 0) await world.clock?.advance(1);
    }
    await world.open(echo, { on: addressOf(server), name: "again" });
    expect((await healed()).map(({ state }) => state)).toEqual(Array.from({ length: COUNT }, () => "connected"));
    world.logged.length = 0;
  });

  test("the kill of the root takes everything along", async () => {
    world.system.kill(world.system.whereis("app") as Pid);
    await world.until(() => server.currentClients === 0);
    await world.settle();
    expect(residue(world.system).actors.filter((path) => path.startsWith("app"))).toEqual([]);
    expect(residue(world.system).resources.filter((text) => text.includes("app"))).toEqual([]);
    world.logged.length = 0;
  });
});
