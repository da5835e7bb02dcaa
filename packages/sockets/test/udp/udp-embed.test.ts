import { type Pid, shutdown } from "@espalier/actors";
import { defineSupervisor, type SupervisorRef } from "@espalier/supervisor";
import { embedUdpListener, InvalidOptionError, type UdpOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, polite } from "../support/handlers.ts";
import { transports, useUdpWorld, world } from "../support/udp-world.ts";

/** A listener in a tree of the test's own, which is not running yet. */
function embed(handler: object = echo, options: UdpOptions = {}) {
  const complete = { transport: world.watched, ...options };
  const embedded = embedUdpListener(world.system, "own", "127.0.0.1:0", complete, handler as never);
  world.listeners.push(embedded.listener);
  const start = async (): Promise<SupervisorRef> => {
    const started = await world.system.start(defineSupervisor({ children: [embedded.spec] }), undefined, { id: "app" });
    return (started as { ref: SupervisorRef }).ref;
  };
  return { ...embedded, start };
}

/** The actors of this path and below it that have started, the outermost first. */
function runningBelow(path: string): readonly Pid[] {
  const { processes } = world.system.inspect();
  return processes.flatMap((one) => (one.path.startsWith(path) && one.status !== "starting" ? [one.pid] : []));
}

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test("a listener in one's own tree is started, healed and stopped by its supervisor", async () => {
    const { listener, start } = embed();
    expect([listener.status, listener.currentClients]).toEqual(["down", 0]);
    const supervisor = await start();
    const client = await world.client();
    client.send(listener, "one");
    expect(await client.texts(1)).toEqual(["one"]);
    expect((await listener.children()).map(({ id }) => id)).toEqual(["listener", "connection_sup"]);
    const { port } = listener;
    const path = `app/listener_sup:${listener.id}`;
    const before = runningBelow(path);
    expect(before).toHaveLength(4);
    world.system.kill(before[0] as Pid);
    await world.until(() => runningBelow(path).filter((pid) => !before.includes(pid)).length === 3);
    client.send(listener, "two");
    expect([await client.texts(2), listener.port]).toEqual([["one", "two"], port]);
    world.system.exit(supervisor, shutdown());
    await world.until(() => listener.status === "down");
    expect(world.logged.splice(0)).not.toEqual([]);
  });

  test("close lets peers say goodbye, and ends nothing else", async () => {
    const { listener, start } = embed(polite);
    const supervisor = await start();
    const client = await world.client();
    client.send(listener, "hello");
    await client.texts(1);
    const closed = listener.close();
    expect(await client.texts(2)).toEqual(["hello", "goodbye"]);
    client.send(listener, "bye");
    await closed;
    await listener.close();
    expect([listener.status, listener.shutdownCounts]).toEqual(["down", { shutdown: 1 }]);
    expect(world.system.isAlive(supervisor)).toBe(true);
  });
});

describe("before anything runs", () => {
  useUdpWorld("memory");

  test("its options are checked, and nothing is left of one that is never started", () => {
    expect(() => embed(echo, { maxWaiting: 0, maxClients: 0 })).toThrow(/2 invalid options/u);
    expect(() => embedUdpListener(world.system, "own", "unix:/tmp/x", {}, echo as never)).toThrow(InvalidOptionError);
    embed();
    expect([world.bound, world.system.inspect().processes.filter(({ path }) => path.startsWith("app"))]).toEqual([
      [],
      [],
    ]);
  });
});
