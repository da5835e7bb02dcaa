import { residue } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { echo, polite } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";

const seen = new WeakMap<object, number>();

/** What was told of alarms since the last time, in order, in events and in the log. */
function told(): string[] {
  const since = seen.get(world) ?? 0;
  seen.set(world, world.events.length);
  const events = world.events
    .slice(since)
    .flatMap((event) =>
      event.type === "alarmSet" || event.type === "alarmCleared"
        ? [`${event.type} ${event.alarm} ${event.value} ${event.threshold}`]
        : [],
    );
  const lines = world.logged.splice(0);
  expect(lines.every((line) => / alarm (set|cleared): /u.test(line))).toBe(true);
  expect(lines).toHaveLength(events.length);
  return events;
}

/** The same, where crashes are logged, too. */
function alarmsTold(): string[] {
  world.logged.splice(0, world.logged.length, ...world.logged.filter((line) => line.includes("alarm")));
  return told();
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("too many connections raise an alarm, and enough that have gone end it", async () => {
    const alarms = { connections: { high: 3, low: 1 }, cooldownMs: 0 };
    const listener = await world.open(echo, { alarms });
    const clients = [];
    for (let count = 0; count < 4; count += 1) clients.push(...(await world.connectMany(listener, 1)));
    const [set] = world.of("alarmSet");
    expect(set).toMatchObject({ listener: listener.id, alarm: "connections", value: 3, threshold: 3 });
    expect(world.logged.splice(0)).toEqual([`warn ${listener.id}: alarm set: 3 connections (high: 3)`]);
    for (const client of clients.slice(1)) client.end();
    await world.until(() => world.of("alarmCleared").length === 1);
    expect(world.of("alarmCleared")[0]).toMatchObject({ alarm: "connections", value: 1, threshold: 1 });
    expect(world.logged.splice(0)).toEqual([`warn ${listener.id}: alarm cleared: 1 connections (low: 1)`]);
    expect(world.of("alarmSet")).toHaveLength(1);
  });

  test("an alarm that is set is cleared when its listener closes", async () => {
    const listener = await world.open(echo, {
      alarms: { connections: { high: 1 }, refusals: { high: 2 } },
      maxClients: 1,
    });
    await world.connectMany(listener, 1);
    for (let count = 0; count < 2; count += 1) await world.startConnecting(listener).next("closed");
    await world.until(() => world.of("alarmSet").length === 2);
    await listener.close();
    await world.until(() => world.of("alarmCleared").length === 2);
    expect(world.logged.splice(0)).toHaveLength(4);
  });
});

describe("alarms, to the millisecond", () => {
  useWorld("memory");

  test("there are none unless they are asked for", async () => {
    const listener = await world.open(echo, { maxClients: 1 });
    await world.connectMany(listener, 1);
    for (let count = 0; count < 100; count += 1) await world.startConnecting(listener).next("closed");
    expect(told()).toEqual([]);
  });

  test("what goes up and down is told once, and again when it has cooled down", async () => {
    const listener = await world.open(echo, { alarms: { connections: { high: 2, low: 0 }, cooldownMs: 1000 } });
    const come = () => world.connectMany(listener, 2);
    const go = async (): Promise<void> => {
      for (const client of world.clients) client.close("now");
      await world.until(() => listener.currentClients === 0);
    };
    await come();
    expect(told()).toEqual(["alarmSet connections 2 2"]);
    for (let count = 0; count < 3; count += 1) {
      await go();
      await come();
    }
    await go();
    await world.manual.advance(999);
    expect(told()).toEqual([]);
    // Nothing happens any more, but that it has cooled down.
    await world.manual.advance(1);
    expect(told()).toEqual(["alarmCleared connections 0 0"]);
    await come();
    await world.manual.advance(500);
    await go();
    await world.manual.advance(10_000);
    expect(told()).toEqual([]);
  });

  test("refusals are counted by the second, and an alarm for them ends with a second that has few", async () => {
    const alarms = { refusals: { high: 5, low: 2 }, cooldownMs: 0 };
    const listener = await world.open(echo, { alarms, accessRules: [{ deny: "all" }] });
    const refuse = async (count: number, listenOn = listener): Promise<void> => {
      for (let left = count; left > 0; left -= 1) await world.startConnecting(listenOn).next("closed");
      await world.settle();
    };
    await refuse(4);
    await world.manual.advance(1000);
    await refuse(4);
    expect(told()).toEqual([]);
    await refuse(1);
    expect(told()).toEqual(["alarmSet refusals 5 5"]);
    await refuse(50);
    await world.manual.advance(1000);
    await refuse(3);
    await world.manual.advance(1000);
    expect(told()).toEqual([]);
    await refuse(2);
    await world.manual.advance(999);
    expect(told()).toEqual([]);
    await world.manual.advance(1);
    expect(told()).toEqual(["alarmCleared refusals 2 2"]);
    // Where nothing is refused nothing is watched, and after a minute the log has said what it left out.
    await world.manual.advance(60_000);
    expect(residue(world.system).timers).toBe(0);
    await refuse(5);
    expect(told()).toEqual(["alarmSet refusals 5 5"]);
    await world.manual.advance(1000);
    await world.manual.advance(1000);
    expect(told()).toEqual(["alarmCleared refusals 0 2"]);
  });

  test("all causes of refusal count, also those before anybody is asked", async () => {
    const alarms = { refusals: { high: 3 }, cooldownMs: 0 };
    const listener = await world.open(echo, { alarms, maxConnectionRate: { capacity: 2 }, maxClients: 1 });
    await world.connectMany(listener, 1);
    for (let count = 0; count < 3; count += 1) await world.startConnecting(listener).next("closed");
    expect(listener.stats).toMatchObject({ closedMaxLimit: 1, closedRateLimited: 2 });
    expect(told()).toEqual(["alarmSet refusals 3 3"]);
    await world.manual.advance(2000);
    expect(told()).toEqual(["alarmCleared refusals 0 2"]);
  });

  test("setOptions sets them up, changes them and takes them away", async () => {
    const listener = await world.open(echo, { idleTimeoutMs: "infinity" });
    await world.connectMany(listener, 3);
    await listener.setOptions({ alarms: { connections: { high: 3 } } });
    await world.settle();
    expect(told()).toEqual(["alarmSet connections 3 3"]);
    await listener.setOptions({ maxClients: 50 });
    await world.settle();
    expect(told()).toEqual([]);
    await listener.setOptions({ alarms: { connections: { high: 2 } } });
    await world.settle();
    expect(told()).toEqual(["alarmCleared connections 0 2", "alarmSet connections 3 2"]);
    await listener.setOptions({ alarms: false });
    await world.settle();
    expect(told()).toEqual(["alarmCleared connections 0 1"]);
    expect(residue(world.system).timers).toBe(0);
  });

  test("a restart of the connection supervisor clears them, and begins anew", async () => {
    const listener = await world.open(echo, { alarms: { connections: { high: 2 }, cooldownMs: 0 } });
    await world.connectMany(listener, 2);
    expect(told()).toEqual(["alarmSet connections 2 2"]);
    await world.kill(world.pidOf(listener, "connection_sup"));
    expect(alarmsTold()).toEqual(["alarmCleared connections 0 1"]);
    await world.until(() => listener.status === "running");
    await world.connectMany(listener, 2);
    expect(alarmsTold()).toEqual(["alarmSet connections 2 2"]);
    await listener.close();
    expect(told()).toEqual(["alarmCleared connections 1 1"]);
  });

  test("a restart of the listener clears them while its old connections are still ending, and begins anew", async () => {
    const alarms = { connections: { high: 2 }, refusals: { high: 2 }, cooldownMs: 0 };
    const listener = await world.open(polite, { alarms, maxClients: 2, shutdown: 5000 });
    await world.connectMany(listener, 2);
    expect(told()).toEqual(["alarmSet connections 2 2"]);
    await world.kill(world.pidOf(listener, "listener_sup"));
    await world.until(() => listener.status === "running");
    expect(alarmsTold()).toEqual(["alarmCleared connections 0 1"]);
    await world.connectMany(listener, 2);
    expect(told()).toEqual(["alarmSet connections 2 2"]);
    await world.manual.advance(5000);
    expect(world.of("connectionStopped")).toHaveLength(2);
    expect(alarmsTold()).toEqual([]);
    for (let count = 0; count < 2; count += 1) await world.startConnecting(listener).next("closed");
    expect(told()).toEqual(["alarmSet refusals 2 2"]);
    for (const client of world.clients) client.close("now");
    await world.manual.advance(2000);
    expect(told()).toEqual(["alarmCleared connections 1 1", "alarmCleared refusals 0 1"]);
  });
});
