import { failure, kill } from "@espalier/actors";
import { adoptChild, child, defineSupervisor, type SupervisorRef, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { endsAsTold, slowToStop, steady } from "./support/actors.ts";
import { actorAt, childrenOf, living, startSupervisor, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const boom = failure(new Error("boom"));

describe("an adopted actor", () => {
  test("stands last in the start order, under the path of its id", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", steady)] });
    const stray = system.spawn(endsAsTold);
    await expect(adoptChild(system, sup, worker("b", endsAsTold), stray)).resolves.toEqual({ ok: true });
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1");
    expect(actorAt(system, "sup/b")).toBe(stray);
  });

  test("is restarted by its spec when it ends", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [] });
    const stray = system.spawn(endsAsTold);
    await adoptChild(system, sup, worker("b", endsAsTold), stray);
    system.send(stray, boom);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("b#2");
  });

  test("hears its new parent: it is cleaned up in the time that its spec gives it", async () => {
    const { system, clock } = createWorld();
    const sup = await startSupervisor(system, { children: [] });
    const stray = system.spawn(slowToStop(100));
    await adoptChild(system, sup, worker("b", slowToStop(100), { shutdown: 500 }), stray);
    const terminated = terminateChild(system, sup, "b");
    await clock.advance(99);
    expect(living(system)).toEqual(["sup#1", "sup/b#1"]);
    await clock.advance(1);
    await expect(terminated).resolves.toEqual({ ok: true });
    expect(living(system)).toEqual(["sup#1"]);
  });

  test("must be alive, and its id free", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", steady)] });
    const stray = system.spawn(steady);
    await expect(adoptChild(system, sup, worker("a", steady), stray)).resolves.toMatchObject({
      error: "alreadyStarted",
    });
    await expect(
      adoptChild(system, sup, { ...worker("b", steady), restart: "maybe" as "permanent" }, stray),
    ).resolves.toMatchObject({
      error: "badSpec",
      problem: { problem: "invalidRestartType" },
    });
    system.exit(stray, kill);
    await expect(adoptChild(system, sup, worker("b", steady), stray)).resolves.toEqual({
      ok: false,
      error: "noProcess",
    });
    await expect(childrenOf(system, sup)).resolves.toBe("a#1");
  });

  test("is nobody above its new parent, nor that one itself: the tree is as it was, and every path has an end", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, {
      children: [{ id: "middle", start: child(defineSupervisor({ children: [worker("inner", steady)] })) }],
    });
    const middle = actorAt(system, "sup/middle") as SupervisorRef;
    const before = living(system);
    for (const above of [sup, middle]) {
      await expect(adoptChild(system, middle, worker("loop", steady), above)).resolves.toEqual({
        ok: false,
        error: "isAncestor",
      });
    }
    expect(living(system)).toEqual(before);
    await expect(childrenOf(system, middle)).resolves.toBe("inner#1");
    // A grandchild is below, and may come nearer.
    await expect(adoptChild(system, sup, worker("near", steady), actorAt(system, "sup/middle/inner"))).resolves.toEqual(
      {
        ok: true,
      },
    );
    expect(living(system)).toEqual(["sup#1", "sup/middle#1", "sup/near#1"]);
  });
});
