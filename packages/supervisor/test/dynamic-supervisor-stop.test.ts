import { Down, Exit, failure, killed, shutdown } from "@espalier/actors";
import { child, startDynamicChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { slowToStop, startsAs, steady, trapExitAndIgnore } from "./support/actors.ts";
import { startedPid, startPool } from "./support/pool.ts";
import { collectReports, keepJournal, living } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const boom = failure(new Error("boom"));

describe("a dynamic supervisor that is stopped", () => {
  test("stops all its children at the same time", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    for (const ms of [300, 100, 200]) await startDynamicChild(world.system, sup, child(slowToStop(ms)), `${ms}`);
    world.system.exit(sup, shutdown());
    await world.clock.advance(100);
    expect(living(world.system)).toEqual(["sup#1", "sup/300#1", "sup/200#1"]);
    await world.clock.advance(100);
    expect(living(world.system)).toEqual(["sup#1", "sup/300#1"]);
    await world.clock.advance(100);
    expect(living(world.system)).toEqual([]);
  });

  test("kills those that are not done when the one time for all is over", async () => {
    const world = createWorld();
    const sup = await startPool(world, { shutdown: 1000 });
    const journal = keepJournal(world.system);
    for (const ms of [999, 2000, 3000]) await startDynamicChild(world.system, sup, child(slowToStop(ms)), `${ms}`);
    await startDynamicChild(world.system, sup, child(trapExitAndIgnore), "never");
    journal.take();
    world.system.exit(sup, shutdown());
    await world.clock.advance(999);
    expect(journal.take()).toEqual(["stop sup/999#1 shutdown"]);
    expect(world.system.inspect().timers).toBe(3);
    await world.clock.advance(1);
    expect(journal.take()).toEqual([
      "stop sup/2000#1 killed",
      "stop sup/3000#1 killed",
      "stop sup/never#1 killed",
      "stop sup#1 shutdown",
    ]);
  });

  test("gives them their time, whatever it gets before or meanwhile", async () => {
    const world = createWorld();
    const { clock, system } = world;
    const sup = await startPool(world);
    await startDynamicChild(system, sup, child(slowToStop(300)), "a");
    const journal = keepJournal(system);
    const strays = [null, undefined, "stray", new Down({ kind: "monitor" }, sup, "a", boom), new Exit(sup, boom)];
    system.exit(sup, shutdown());
    for (const stray of strays) system.send(sup, stray);
    await clock.advance(100);
    for (const stray of strays) system.send(sup, stray);
    await clock.advance(199);
    expect(journal.take()).toEqual([]);
    await clock.advance(1);
    expect(journal.take()).toEqual(["stop sup/a#1 shutdown", "stop sup#1 shutdown"]);
  });

  test("does not wait for those that have died just before, and tells how they did", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startPool(world);
    const pids = [];
    for (let count = 0; count < 5; count += 1) {
      pids.push(startedPid(await startDynamicChild(system, sup, child(steady))));
    }
    const reports = collectReports(system);
    // The notices of the deaths stand behind the order to stop when that is received.
    for (const pid of pids.slice(0, 3)) system.kill(pid);
    system.exit(sup, shutdown());
    await system.idle();
    expect(living(system)).toEqual([]);
    expect(reports).toMatchObject([{ errorContext: "shutdownError", reason: killed, offender: { count: 3 } }]);
  });

  test("arms one timer, however many children it stops", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    for (let count = 0; count < 100; count += 1) await startDynamicChild(world.system, sup, child(trapExitAndIgnore));
    world.system.exit(sup, shutdown());
    await world.clock.advance(0);
    expect(world.system.inspect()).toMatchObject({ timers: 1, nextTimer: 5000 });
    await world.clock.advance(5000);
    expect(living(world.system)).toEqual([]);
  });

  test.each(["brutalKill", "infinity"] as const)("with shutdown %s arms none", async (how) => {
    const world = createWorld();
    const sup = await startPool(world, { shutdown: how });
    await startDynamicChild(world.system, sup, child(slowToStop(10)));
    world.system.exit(sup, shutdown());
    await world.clock.advance(0);
    // The child's own, if it was told and not killed.
    expect(world.system.inspect().timers).toBe(how === "infinity" ? 1 : 0);
    await world.clock.advance(10);
    expect(living(world.system)).toEqual([]);
  });

  test("forgets a child that is being restarted", async () => {
    const world = createWorld();
    const { system } = world;
    const fails = Array.from({ length: 50 }, () => "fail" as const);
    const sup = await startPool(world, {}, { intensity: 1000 });
    const pid = startedPid(await startDynamicChild(system, sup, child(startsAs("ok", ...fails))));
    const journal = keepJournal(system);
    system.send(pid, boom);
    while (!journal.take().some((line) => line.startsWith("fail"))) system.step();
    const reports = collectReports(system);
    system.exit(sup, shutdown());
    await system.idle();
    // Nothing is to be said of how it ended: it had no process that could have.
    expect(reports.filter((report) => report.type === "supervisor" && report.errorContext === "shutdownError")).toEqual(
      [],
    );
    expect(journal.take().at(-1)).toBe("stop sup#1 shutdown");
  });

  test("by a kill takes its children along as killed", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    for (const id of ["a", "b"]) await startDynamicChild(world.system, sup, child(steady), id);
    const journal = keepJournal(world.system);
    world.system.kill(sup);
    await world.system.idle();
    expect(journal.take().toSorted()).toEqual(["stop sup#1 killed", "stop sup/a#1 killed", "stop sup/b#1 killed"]);
  });
});
