import { type ExitReason, failure, normal, shutdown } from "@espalier/actors";
import {
  type AutoShutdown,
  child,
  type ChildSpec,
  defineDynamicSupervisor,
  defineSupervisor,
  startDynamicChild,
  terminateChild,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { endsAsTold, startsAs, steady } from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, living, startRoot, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = failure(new Error("boom"));

function significant(id: string, restart: "transient" | "temporary"): ChildSpec {
  return worker(id, endsAsTold, { restart, significant: true });
}

async function end({ system }: World, id: string, reason: ExitReason): Promise<void> {
  system.send(actorAt(system, `sup/${id}`), reason);
  await system.idle();
}

/** A supervisor with two significant children and one that is not. */
async function start(world: World, autoShutdown: AutoShutdown, restart: "transient" | "temporary"): Promise<void> {
  const children = [significant("a", restart), significant("b", restart), worker("c", endsAsTold)];
  await startSupervisor(world.system, { autoShutdown, children });
}

describe("anySignificant", () => {
  test.each<["transient" | "temporary", ExitReason]>([
    ["transient", normal],
    ["transient", shutdown()],
    ["transient", shutdown("done")],
    ["temporary", normal],
    ["temporary", shutdown()],
    ["temporary", boom],
  ])("ends the supervisor when a significant %s child has ended as %o", async (restart, reason) => {
    const world = createWorld();
    await start(world, "anySignificant", restart);
    const ended = world.system.exited(actorAt(world.system, "sup"));
    await end(world, "b", reason);
    await expect(ended).resolves.toEqual(shutdown());
    expect(living(world.system)).toEqual([]);
  });

  test("does not end it when the significant child is restarted", async () => {
    const world = createWorld();
    await start(world, "anySignificant", "transient");
    await end(world, "a", boom);
    await expect(childrenOf(world.system, actorAt(world.system, "sup"))).resolves.toBe("a#2 b#1 c#1");
  });

  test("does not end it for a child that is not significant", async () => {
    const world = createWorld();
    const children = [significant("a", "transient"), worker("b", endsAsTold, { restart: "transient" })];
    const sup = await startSupervisor(world.system, { autoShutdown: "anySignificant", children });
    await end(world, "b", normal);
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#1 b");
  });

  test("stops the others in reverse order", async () => {
    const world = createWorld();
    await start(world, "anySignificant", "transient");
    const journal = keepJournal(world.system);
    await end(world, "a", normal);
    expect(journal.take()).toEqual([
      "stop sup/a#1 normal",
      "stop sup/c#1 shutdown",
      "stop sup/b#1 shutdown",
      "stop sup#1 shutdown",
    ]);
  });
});

describe("allSignificant", () => {
  test.each(["transient", "temporary"] as const)(
    "ends the supervisor with the last significant %s child",
    async (restart) => {
      const world = createWorld();
      await start(world, "allSignificant", restart);
      await end(world, "a", normal);
      expect(living(world.system)).toEqual(["sup#1", "sup/b#1", "sup/c#1"]);
      await end(world, "b", normal);
      expect(living(world.system)).toEqual([]);
    },
  );

  test("does not count significant children that have no process", async () => {
    const world = createWorld();
    const ignored = { ...worker("ignored", startsAs("ignore")), restart: "transient", significant: true } as const;
    const children = [ignored, significant("stopped", "transient"), significant("a", "transient")];
    const sup = await startSupervisor(world.system, { autoShutdown: "allSignificant", children });
    await terminateChild(world.system, sup, "stopped");
    await expect(childrenOf(world.system, sup)).resolves.toBe("ignored stopped a#1");
    await end(world, "a", normal);
    expect(living(world.system)).toEqual([]);
  });
});

describe("allSignificant while a significant child is being restarted", () => {
  test("counts it as one that is left", async () => {
    const world = createWorld();
    const restarting = worker("a", startsAs("ok", "fail"), { restart: "transient", significant: true });
    const children = [restarting, significant("b", "transient")];
    const sup = await startSupervisor(world.system, { autoShutdown: "allSignificant", intensity: 2, children });
    // The end of the one is handled between the two attempts to restart the other.
    world.system.send(actorAt(world.system, "sup/a"), boom);
    await end(world, "b", normal);
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#3 b");
  });
});

describe.each(["anySignificant", "allSignificant"] as const)("%s", (autoShutdown) => {
  test("has nothing to do with terminateChild", async () => {
    const world = createWorld();
    await start(world, autoShutdown, "transient");
    const sup = actorAt(world.system, "sup");
    await terminateChild(world.system, sup, "a");
    await terminateChild(world.system, sup, "b");
    await expect(childrenOf(world.system, sup)).resolves.toBe("a b c#1");
  });

  test("has nothing to do with a child that is stopped because of a sibling", async () => {
    const world = createWorld();
    const children = [worker("c", endsAsTold), significant("a", "transient"), significant("b", "temporary")];
    const sup = await startSupervisor(world.system, { strategy: "oneForAll", autoShutdown, children });
    await end(world, "c", boom);
    await expect(childrenOf(world.system, sup)).resolves.toBe("c#2 a#2");
  });

  test("ends a supervisor that is significant itself, and so the one above", async () => {
    const world = createWorld();
    const inner = defineSupervisor({ autoShutdown, children: [significant("leaf", "transient")] });
    const children = [worker("inner", inner, { restart: "transient", significant: true }), worker("c", steady)];
    await startSupervisor(world.system, { autoShutdown, children });
    await end(world, "inner/leaf", normal);
    expect(living(world.system)).toEqual([]);
  });

  test("of a permanent supervisor leads to its restart", async () => {
    const world = createWorld();
    const inner = defineSupervisor({ autoShutdown, children: [significant("leaf", "transient")] });
    await startSupervisor(world.system, { children: [worker("inner", inner)] });
    await end(world, "inner/leaf", normal);
    expect(living(world.system)).toEqual(["sup#1", "sup/inner#2", "sup/inner/leaf#1"]);
  });
});

describe("never", () => {
  test("keeps a supervisor going when none of its children is left", async () => {
    const world = createWorld();
    const children = ["a", "b"].map((id) => worker(id, endsAsTold, { restart: "temporary" }));
    const sup = await startSupervisor(world.system, { children });
    await end(world, "a", normal);
    await end(world, "b", boom);
    await expect(childrenOf(world.system, sup)).resolves.toBe("");
  });
});

/** A dynamic supervisor with two significant children. */
async function startPool(world: World, autoShutdown: AutoShutdown, restart: "transient" | "temporary"): Promise<void> {
  const template = { start: () => child(endsAsTold), restart, significant: true };
  const sup = await startRoot(world.system, defineDynamicSupervisor({ autoShutdown, child: template }));
  for (const id of ["a", "b"]) await startDynamicChild(world.system, sup, undefined, id);
}

describe("a dynamic supervisor", () => {
  test("with anySignificant ends with the first child", async () => {
    const world = createWorld();
    await startPool(world, "anySignificant", "temporary");
    const ended = world.system.exited(actorAt(world.system, "sup"));
    await end(world, "b", boom);
    await expect(ended).resolves.toEqual(shutdown());
    expect(living(world.system)).toEqual([]);
  });

  test("with allSignificant ends with the last child", async () => {
    const world = createWorld();
    await startPool(world, "allSignificant", "transient");
    await end(world, "a", normal);
    expect(living(world.system)).toEqual(["sup#1", "sup/b#1"]);
    await end(world, "b", boom);
    expect(living(world.system)).toEqual(["sup#1", "sup/b#2"]);
    await end(world, "b", shutdown("done"));
    expect(living(world.system)).toEqual([]);
  });

  test("does not end with children that are terminated", async () => {
    const world = createWorld();
    await startPool(world, "allSignificant", "temporary");
    const sup = actorAt(world.system, "sup");
    for (const id of ["a", "b"]) await terminateChild(world.system, sup, actorAt(world.system, `sup/${id}`));
    expect(living(world.system)).toEqual(["sup#1"]);
  });
});
