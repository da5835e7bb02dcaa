import {
  type ExitReason,
  failure,
  killed,
  type Logger,
  normal,
  shutdown,
  silentLogger,
  type System,
} from "@espalier/actors";
import { type ApplicationOptions, child, defineSupervisor, startApplication } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { endsAsTold, failToStart, slowToStop, steady, trapExitAndIgnore } from "./support/actors.ts";
import { actorAt, keepJournal, living, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const boom = failure(new Error("boom"));

async function start(system: System, options: Partial<ApplicationOptions> = {}) {
  const children = [worker("a", steady), worker("b", slowToStop(100)), worker("c", steady)];
  const top = defineSupervisor({ intensity: 0, children });
  const started = await startApplication(system, { name: "app", start: child(top), ...options });
  if (!started.ok) throw new Error("the application did not start");
  return started.application;
}

function fail(): never {
  throw new Error("no");
}

/** Keeps the fields of what is logged as an error. */
function keepErrors(log: unknown[]): Logger {
  return { ...silentLogger, error: (fields) => log.push(fields) };
}

describe("an application", () => {
  test("is up as a whole when its start resolves, under its name", async () => {
    const { system } = createWorld();
    const application = await start(system);
    expect(living(system)).toEqual(["app#1", "app/a#1", "app/b#1", "app/c#1"]);
    expect(system.whereis("app")).toBe(application.top);
  });

  test("that cannot start says why, and leaves nothing", async () => {
    const { system } = createWorld();
    const top = defineSupervisor({ children: [worker("a", steady), worker("b", failToStart("no"))] });
    const started = await startApplication(system, { name: "app", start: child(top) });
    expect(started).toMatchObject({
      ok: false,
      error: "failed",
      reason: { detail: { type: "failedToStart", id: "b" } },
    });
    expect(living(system)).toEqual([]);
  });

  test("stops in the reverse of its start order, between prepareStop and stopped", async () => {
    const { system, clock } = createWorld();
    const log: string[] = [];
    const application = await start(system, {
      prepareStop: () => log.push(`prepare with ${living(system).length}`),
      stopped: (reason) => log.push(`stopped as ${reason.type} with ${living(system).length}`),
    });
    const journal = keepJournal(system);
    const stopped = application.stop();
    await clock.advance(100);
    await expect(stopped).resolves.toEqual(shutdown());
    expect(log).toEqual(["prepare with 4", "stopped as shutdown with 0"]);
    expect(journal.take()).toEqual([
      "stop app/c#1 shutdown",
      "stop app/b#1 shutdown",
      "stop app/a#1 shutdown",
      "stop app#1 shutdown",
    ]);
  });

  test("is killed when its stop takes longer than allowed", async () => {
    const { system, clock } = createWorld();
    const top = defineSupervisor({ children: [worker("a", trapExitAndIgnore, { shutdown: "infinity" })] });
    const application = await start(system, { start: child(top) });
    const stopped = application.stop(1000);
    await clock.advance(1000);
    await expect(stopped).resolves.toEqual(killed);
    system.kill(actorAt(system, "app/a"));
    await system.idle();
  });

  test.each<[ApplicationOptions["type"], ExitReason, boolean]>([
    ["permanent", normal, true],
    ["permanent", boom, true],
    ["transient", normal, false],
    ["transient", boom, true],
    ["temporary", boom, false],
    [undefined, boom, false],
  ])("of type %s that ends as %o by itself ends the system: %s", async (type, reason, endsSystem) => {
    const { system } = createWorld();
    const other = system.spawn(steady);
    const application = await start(system, { start: child(endsAsTold), ...(type === undefined ? {} : { type }) });
    system.send<ExitReason>(application.top, reason);
    await expect(application.ended).resolves.toEqual(reason);
    expect(system.isAlive(other)).toBe(!endsSystem);
  });

  test.each([
    ["throws", () => fail()],
    ["rejects", async () => fail()],
  ])("ends its system, and says how it ended, also if stopped %s", async (_how, stopped) => {
    const log: unknown[] = [];
    const { system } = createWorld({ logger: keepErrors(log) });
    const other = system.spawn(steady);
    const application = await start(system, { start: child(endsAsTold), type: "permanent", stopped });
    system.send<ExitReason>(application.top, normal);
    await expect(application.ended).resolves.toEqual(normal);
    expect(system.isAlive(other)).toBe(false);
    expect(log).toEqual([{ application: "app", err: new Error("no") }]);
  });

  test.each([
    ["throws", () => fail()],
    ["rejects", async () => fail()],
  ])("stops all the same if prepareStop %s", async (_how, prepareStop) => {
    const log: unknown[] = [];
    const { system, clock } = createWorld({ logger: keepErrors(log) });
    const application = await start(system, { prepareStop, stopped: () => log.push("stopped") });
    const stopped = application.stop();
    await clock.advance(100);
    await expect(stopped).resolves.toEqual(shutdown());
    expect(living(system)).toEqual([]);
    expect(log).toEqual([{ application: "app", err: new Error("no") }, "stopped"]);
  });

  test("that was to be stopped within a time that is none goes on, and is not taken for one that stops", async () => {
    const { system } = createWorld();
    const other = system.spawn(steady);
    const application = await start(system, { start: child(endsAsTold), type: "permanent", prepareStop: fail });
    await expect(application.stop(-1)).rejects.toThrow("timeoutMs is -1");
    system.send<ExitReason>(application.top, normal);
    await application.ended;
    expect(system.isAlive(other)).toBe(false);
  });

  test("of any type that is stopped leaves the system running", async () => {
    const { system, clock } = createWorld();
    const other = system.spawn(steady);
    const application = await start(system, { type: "permanent" });
    const stopped = application.stop();
    await clock.advance(100);
    await stopped;
    expect(system.isAlive(other)).toBe(true);
  });
});
