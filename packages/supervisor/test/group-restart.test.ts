import { failure } from "@espalier/actors";
import { startChild, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import type { Strategy } from "../src/flags.ts";
import { endsAsTold, slowToStop, startsAs, steady } from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, living, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = failure(new Error("boom"));
const ids = ["a", "b", "c", "d"];

async function crash({ system }: World, id: string): Promise<void> {
  system.send(actorAt(system, `sup/${id}`), boom);
  await system.idle();
}

/** What happens when the child `b` of four crashes. */
async function afterCrashOfB(strategy: Strategy): Promise<string[]> {
  const world = createWorld();
  await startSupervisor(world.system, { strategy, children: ids.map((id) => worker(id, endsAsTold)) });
  const journal = keepJournal(world.system);
  await crash(world, "b");
  return journal.take();
}

describe("when a child crashes", () => {
  test("oneForOne restarts it alone", async () => {
    await expect(afterCrashOfB("oneForOne")).resolves.toEqual(["stop sup/b#1 error: boom", "start sup/b#2"]);
  });

  test("oneForAll stops all others, the last first, and starts all in order", async () => {
    await expect(afterCrashOfB("oneForAll")).resolves.toEqual([
      "stop sup/b#1 error: boom",
      "stop sup/d#1 shutdown",
      "stop sup/c#1 shutdown",
      "stop sup/a#1 shutdown",
      "start sup/a#2",
      "start sup/b#2",
      "start sup/c#2",
      "start sup/d#2",
    ]);
  });

  test("restForOne stops those started after it, the last first, and starts it and them in order", async () => {
    await expect(afterCrashOfB("restForOne")).resolves.toEqual([
      "stop sup/b#1 error: boom",
      "stop sup/d#1 shutdown",
      "stop sup/c#1 shutdown",
      "start sup/b#2",
      "start sup/c#2",
      "start sup/d#2",
    ]);
  });
});

describe.each<Strategy>(["oneForAll", "restForOne"])("a restart of a group by %s", (strategy) => {
  test("waits for each sibling that is to stop before anything is started", async () => {
    const world = createWorld();
    const children = [worker("a", endsAsTold), worker("b", slowToStop(100)), worker("c", slowToStop(100))];
    await startSupervisor(world.system, { strategy, children });
    await crash(world, "a");
    await world.clock.advance(100);
    expect(living(world.system)).toEqual(["sup#1", "sup/b#1"]);
    await world.clock.advance(100);
    expect(living(world.system)).toEqual(["sup#1", "sup/a#2", "sup/b#2", "sup/c#2"]);
  });

  test("counts as one restart", async () => {
    const world = createWorld();
    const children = ids.map((id) => worker(id, endsAsTold));
    const sup = await startSupervisor(world.system, { strategy, intensity: 2, children });
    await crash(world, "a");
    await crash(world, "a");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#3 b#3 c#3 d#3");
    await crash(world, "a");
    expect(living(world.system)).toEqual([]);
  });

  test("drops temporary siblings for good", async () => {
    const world = createWorld();
    const children = [
      worker("a", endsAsTold),
      worker("b", steady, { restart: "temporary" }),
      worker("c", steady, { restart: "transient" }),
    ];
    const sup = await startSupervisor(world.system, { strategy, children });
    await crash(world, "a");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 c#2");
  });

  test("revives siblings that had ended by themselves, had ignored their start, or had been stopped by hand", async () => {
    const world = createWorld();
    const children = [
      worker("a", endsAsTold),
      worker("ended", endsAsTold, { restart: "transient" }),
      worker("ignored", startsAs("ignore")),
      worker("stopped", steady),
    ];
    const sup = await startSupervisor(world.system, { strategy, children });
    world.system.send(actorAt(world.system, "sup/ended"), { type: "normal" });
    await terminateChild(world.system, sup, "stopped");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#1 ended ignored stopped");
    await crash(world, "a");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 ended#2 ignored#2 stopped#2");
  });

  test("counts a sibling that died at the same time as stopped, and not as one more restart", async () => {
    const world = createWorld();
    const children = ids.map((id) => worker(id, endsAsTold));
    const sup = await startSupervisor(world.system, { strategy, intensity: 1, children });
    for (const id of ids) world.system.send(actorAt(world.system, `sup/${id}`), boom);
    await world.system.idle();
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 b#2 c#2 d#2");
  });

  test("is not set off by a child that ends and is not to be restarted", async () => {
    const world = createWorld();
    const children = [
      worker("a", endsAsTold, { restart: "transient" }),
      worker("b", endsAsTold, { restart: "temporary" }),
      worker("c", steady),
    ];
    const sup = await startSupervisor(world.system, { strategy, children });
    world.system.send(actorAt(world.system, "sup/a"), { type: "normal" });
    world.system.send(actorAt(world.system, "sup/b"), boom);
    await world.system.idle();
    await expect(childrenOf(world.system, sup)).resolves.toBe("a c#1");
  });
});

describe("a restart of a group", () => {
  test("by restForOne leaves those before the child alone, and starts the child first", async () => {
    const world = createWorld();
    const sup = await startSupervisor(world.system, {
      strategy: "restForOne",
      intensity: 3,
      children: ids.map((id) => worker(id, endsAsTold)),
    });
    await crash(world, "d");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#1 b#1 c#1 d#2");
    await crash(world, "c");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#1 b#1 c#2 d#3");
    await crash(world, "a");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 b#2 c#3 d#4");
  });

  test("by restForOne of two at once goes from the first that was noticed", async () => {
    const world = createWorld();
    const children = ids.map((id) => worker(id, endsAsTold));
    const sup = await startSupervisor(world.system, { strategy: "restForOne", intensity: 2, children });
    // The later child first: it is restarted, and then once more as one of the rest.
    for (const id of ["c", "b"]) world.system.send(actorAt(world.system, `sup/${id}`), boom);
    await world.system.idle();
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#1 b#2 c#3 d#3");
  });

  test("includes children that were added later, in the order in which they were added", async () => {
    const world = createWorld();
    const sup = await startSupervisor(world.system, { strategy: "oneForAll", children: [worker("a", endsAsTold)] });
    await startChild(world.system, sup, worker("b", steady));
    await startChild(world.system, sup, worker("c", steady));
    const journal = keepJournal(world.system);
    await crash(world, "a");
    expect(journal.take().slice(1)).toEqual([
      "stop sup/c#1 shutdown",
      "stop sup/b#1 shutdown",
      "start sup/a#2",
      "start sup/b#2",
      "start sup/c#2",
    ]);
  });
});
