import { failure, normal, shutdown } from "@espalier/actors";
import { type ChildExit, type ExitDecision, restartChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { endsAsTold } from "./support/actors.ts";
import { actorAt, childrenOf, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = failure(new Error("boom"));

/** Starts a supervisor with `a`, whose ends are decided so, and `b` beside it. */
async function start({ system }: World, decision: ExitDecision, restart: "permanent" | "temporary" = "permanent") {
  const asked: ChildExit[] = [];
  const onExit = (exit: ChildExit): ExitDecision => {
    asked.push(exit);
    return decision;
  };
  const children = [worker("a", endsAsTold, { restart, onExit }), worker("b", endsAsTold)];
  const sup = await startSupervisor(system, { intensity: 3, children });
  return { sup, asked };
}

async function end({ system }: World, reason = boom): Promise<void> {
  system.send(actorAt(system, "sup/a"), reason);
  await system.idle();
}

describe("what a child's onExit decides", () => {
  test("is made of its id, its reason and how often it was started", async () => {
    const world = createWorld();
    const { asked } = await start(world, "restart");
    await end(world);
    await end(world, normal);
    expect(asked).toEqual([
      { id: "a", reason: boom, starts: 1 },
      { id: "a", reason: normal, starts: 2 },
    ]);
  });

  test.each<[ExitDecision, string]>([
    ["default", "a#2 b#1"],
    ["restart", "a#2 b#1"],
    ["keep", "a b#1"],
    ["delete", "b#1"],
    [{ restartAfterMs: 50 }, "a#restarting b#1"],
  ])("%j leaves the children %s", async (decision, children) => {
    const world = createWorld();
    const { sup } = await start(world, decision);
    await end(world);
    await expect(childrenOf(world.system, sup)).resolves.toBe(children);
  });

  test("restart brings back even a temporary child", async () => {
    const world = createWorld();
    const { sup } = await start(world, "restart", "temporary");
    await end(world, normal);
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 b#1");
  });

  test("a restart after a pause comes after exactly that", async () => {
    const world = createWorld();
    const { sup } = await start(world, { restartAfterMs: 50 });
    await end(world);
    await world.clock.advance(49);
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#restarting b#1");
    await world.clock.advance(1);
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 b#1");
  });

  test("restarts count against the intensity", async () => {
    const world = createWorld();
    const { sup } = await start(world, "restart");
    for (const _ of [1, 2, 3]) await end(world, normal);
    expect(world.system.isAlive(sup)).toBe(true);
    await end(world, normal);
    expect(world.system.isAlive(sup)).toBe(false);
  });

  test("what is kept can be started by hand", async () => {
    const world = createWorld();
    const { sup } = await start(world, "keep");
    await end(world);
    await expect(restartChild(world.system, sup, "a")).resolves.toMatchObject({ ok: true });
  });

  test.each<[ExitDecision, object]>([
    ["stop", shutdown()],
    [{ stop: boom }, boom],
  ])("%j ends the supervisor, siblings included", async (decision, reason) => {
    const world = createWorld();
    const { sup } = await start(world, decision);
    const ended = world.system.exited(sup);
    await end(world);
    await expect(ended).resolves.toEqual(reason);
    expect(world.system.inspect().processes).toEqual([]);
  });

  test("to restart after no time at all is a decision too", async () => {
    const world = createWorld();
    const { sup } = await start(world, { restartAfterMs: 0 });
    await end(world);
    await world.clock.advance(0);
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#2 b#1");
  });

  // What TypeScript would refuse, JavaScript may still answer.
  test.each<[unknown, string]>([
    ["restrat", '"restrat"'],
    [undefined, "undefined"],
    [null, "null"],
    [0, "0"],
    [{}, "{}"],
    [{ restartAfterMs: -1 }, "{ restartAfterMs }"],
    [{ restartAfterMs: NaN }, "{ restartAfterMs }"],
    [{ restartAfterMs: Infinity }, "{ restartAfterMs }"],
    [{ restartAfterMs: "50" }, "{ restartAfterMs }"],
  ])("as %o, which is no decision, crashes the supervisor with an error that names it", async (decision, shown) => {
    const world = createWorld();
    const { sup } = await start(world, decision as ExitDecision);
    const ended = world.system.exited(sup);
    await end(world);
    const expected = '"default", "restart", { restartAfterMs }, "keep", "delete", "stop" or { stop: reason }';
    await expect(ended).resolves.toMatchObject({
      type: "error",
      error: {
        code: "ERR_BAD_RETURN",
        message: expect.stringContaining(`onExit of child "a" returned ${shown}; expected ${expected}`),
      },
    });
  });
});
