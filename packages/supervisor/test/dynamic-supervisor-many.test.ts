import { type ExitReason, failure, shutdown } from "@espalier/actors";
import { child, countChildren, defineDynamicSupervisor, startDynamicChild, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { crashInCleanup, endsAsTold, slowToStop, steady } from "./support/actors.ts";
import { startRoot } from "./support/tree.ts";
import { createWorld, leavesNothing } from "./support/world.ts";

/** Nothing here measures time; a test that hangs is to end all the same, on a busy machine too. */
const PATIENCE_MS = 60_000;

/** The kernel's steps for each child in each part of its life, when a supervisor has so many. */
async function stepsPerChild(count: number): Promise<Record<string, number>> {
  const world = createWorld();
  const { clock, system } = world;
  const pool = defineDynamicSupervisor({ intensity: count, child: { start: () => child(endsAsTold) } });
  const sup = await startRoot(system, pool);
  const steps: Record<string, number> = {};

  async function measure(part: string, children: number, run: () => unknown): Promise<void> {
    const before = system.inspect().steps;
    await run();
    await clock.advance(0);
    steps[part] = (system.inspect().steps - before) / children;
  }

  const children = () => system.inspect().processes.slice(1);
  await measure("start", count, async () => {
    for (let index = 0; index < count; index += 1) await startDynamicChild(system, sup, undefined);
  });
  await measure("restart", count, () => {
    for (const { pid } of children()) {
      system.send<ExitReason>(pid, failure("boom"));
      clock.advanceSync(0);
    }
  });
  await measure("terminate", count / 2, async () => {
    for (const { pid } of children().slice(count / 2)) await terminateChild(system, sup, pid);
  });
  expect(await countChildren(system, sup)).toEqual({ specs: 1, active: count / 2, supervisors: 0, workers: count / 2 });
  await measure("stop", count / 2, () => system.exit(sup, shutdown()));
  expect(system.inspect().processes).toEqual([]);
  await leavesNothing(world);
  return steps;
}

describe("the work that a dynamic supervisor has with a child", () => {
  test("does not grow with the number of its siblings", { timeout: PATIENCE_MS }, async () => {
    const few = await stepsPerChild(1000);
    const many = await stepsPerChild(20_000);
    // The supervisor's own stop is one step for all of them.
    const close = Object.entries(few).map(([part, steps]) => [part, expect.closeTo(steps, 1)]);
    expect(many).toEqual(Object.fromEntries(close));
    // The child's own steps, of which one is its start and one its end, are included.
    expect(Math.max(...Object.values(many))).toBeLessThanOrEqual(5);
  });
});

describe("100,000 dynamic children", () => {
  test("are started, and stopped with their supervisor", { timeout: PATIENCE_MS }, async () => {
    const { system } = createWorld();
    const sup = await startRoot(system, defineDynamicSupervisor({ child: { start: () => child(steady) } }));
    for (let index = 0; index < 100_000; index += 1) await startDynamicChild(system, sup, undefined);
    await expect(countChildren(system, sup)).resolves.toMatchObject({ active: 100_000 });
    const ended = system.exited(sup);
    system.exit(sup, shutdown());
    await expect(ended).resolves.toEqual(shutdown());
    expect(system.inspect()).toMatchObject({ processes: [], timers: 0, runQueue: 0 });
  });
});

describe("10,000 dynamic children", () => {
  test("that do not end in order make one report", { timeout: PATIENCE_MS }, async () => {
    const { system } = createWorld();
    const pool = defineDynamicSupervisor({ child: { start: () => child(crashInCleanup("boom")) } });
    const sup = await startRoot(system, pool);
    for (let index = 0; index < 10_000; index += 1) await startDynamicChild(system, sup, undefined);
    const counts: number[] = [];
    system.trace(
      (event) => {
        if (event.type === "report" && event.report.type === "supervisor") counts.push(event.report.offender.count);
      },
      { detail: "life" },
    );
    const ended = system.exited(sup);
    system.exit(sup, shutdown());
    await ended;
    expect(counts).toEqual([10_000]);
  });

  test("are killed together when the one time for all is over", { timeout: PATIENCE_MS }, async () => {
    const { clock, system } = createWorld();
    const pool = defineDynamicSupervisor({ child: { start: () => child(slowToStop(60_000)), shutdown: 1000 } });
    const sup = await startRoot(system, pool);
    for (let index = 0; index < 10_000; index += 1) await startDynamicChild(system, sup, undefined);
    system.exit(sup, shutdown());
    await clock.advance(999);
    expect(system.inspect().processes).toHaveLength(10_001);
    await clock.advance(1);
    expect(system.inspect()).toMatchObject({ processes: [], timers: 0 });
  });
});
