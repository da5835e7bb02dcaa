import { failure } from "@espalier/actors";
import {
  type Backoff,
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  startDynamicChild,
} from "@espalier/supervisor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffDelay, completeBackoff } from "../src/backoff.ts";
import { endsAsTold, startsAs } from "./support/actors.ts";
import { actorAt, childrenOf, startRoot, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = failure(new Error("boom"));

/** A back-off without chance, so that each pause is known. */
const backoff = { initialMs: 100, maxMs: 1000, jitter: 0 };

async function crash({ system }: World, path: string): Promise<void> {
  system.send(actorAt(system, path), boom);
  await system.idle();
}

describe("the pause before a restart", () => {
  test("is never longer than the longest, never shorter than chance allows, and grows", () => {
    const options = fc.record({
      initialMs: fc.integer({ min: 1, max: 10_000 }),
      maxMs: fc.integer({ min: 10_000, max: 100_000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(options, fc.nat(100), fc.double({ min: 0, max: 0.999, noNaN: true }), (given, earlier, chance) => {
        const complete = completeBackoff(given, []);
        const delay = backoffDelay(complete, earlier, chance);
        expect(delay).toBeLessThanOrEqual(given.maxMs);
        expect(delay).toBeGreaterThanOrEqual(given.initialMs * (1 - given.jitter));
        expect(backoffDelay(complete, earlier + 1, chance)).toBeGreaterThanOrEqual(delay);
      }),
    );
  });

  test.each([
    [0, 0, 100],
    [0, 0.5, 75],
    [0, 0.75, 62.5],
    [2, 0, 400],
    [2, 0.5, 300],
    [9, 0.5, 750],
  ])("after %i restarts, with the chance %f, is %f milliseconds", (earlier, chance, delay) => {
    expect(backoffDelay({ initialMs: 100, maxMs: 1000, factor: 2, jitter: 0.5 }, earlier, chance)).toBe(delay);
  });

  test("is at most half a minute or the first pause, doubles, and is half left to chance, unless it says otherwise", () => {
    expect(completeBackoff({ initialMs: 100 }, [])).toEqual({ initialMs: 100, maxMs: 30_000, factor: 2, jitter: 0.5 });
    expect(completeBackoff({ initialMs: 40_000 }, [])).toMatchObject({ initialMs: 40_000, maxMs: 40_000 });
  });

  test.each([
    { initialMs: Number.MIN_VALUE, maxMs: Number.MIN_VALUE, factor: 1, jitter: 0 },
    { initialMs: 5, maxMs: 5, factor: 1, jitter: 1 },
  ])("may be made of what is barely allowed: %j", (given) => {
    expect(completeBackoff(given, [])).toEqual(given);
  });

  test.each([
    [{ initialMs: 0 }, 0, "backoff.initialMs is 0; expected milliseconds above 0"],
    [{ initialMs: Infinity }, Infinity, "backoff.initialMs is Infinity; expected milliseconds above 0"],
    [{ initialMs: 10, maxMs: 5 }, 5, "backoff.maxMs is 5; expected milliseconds of at least initialMs (10)"],
    [
      { initialMs: 10, maxMs: Infinity },
      Infinity,
      "backoff.maxMs is Infinity; expected milliseconds of at least initialMs (10)",
    ],
    [{ initialMs: 10, factor: 0.5 }, 0.5, "backoff.factor is 0.5; expected a number of at least 1"],
    [{ initialMs: 10, factor: Infinity }, Infinity, "backoff.factor is Infinity; expected a number of at least 1"],
    [{ initialMs: 10, jitter: 2 }, 2, "backoff.jitter is 2; expected a number from 0 to 1"],
    [{ initialMs: 10, jitter: -0.5 }, -0.5, "backoff.jitter is -0.5; expected a number from 0 to 1"],
    [null, null, "backoff is null; expected an object with initialMs"],
    [500, 500, "backoff is 500; expected an object with initialMs"],
    [{}, undefined, "backoff.initialMs is undefined; expected milliseconds above 0"],
    [{ initialMs: 10, jitter: NaN }, NaN, "backoff.jitter is NaN; expected a number from 0 to 1"],
  ])("cannot be made of %o", (given, value, message) => {
    const expected = { code: "ERR_INVALID_SUPERVISOR_FLAGS", problem: "invalidBackoff", value, message };
    expect(() => defineSupervisor({ children: [], backoff: given as Backoff })).toThrow(
      expect.objectContaining(expected),
    );
  });
});

describe("a supervisor with a back-off", () => {
  test("waits longer before each restart of a period, and answers meanwhile", async () => {
    const world = createWorld();
    const { clock, system } = world;
    const sup = await startSupervisor(system, { intensity: 9, backoff, children: [worker("a", endsAsTold)] });
    for (const [starts, pause] of [100, 200, 400, 800, 1000, 1000].entries()) {
      await crash(world, "sup/a");
      await clock.advance(pause - 1);
      await expect(childrenOf(system, sup)).resolves.toBe("a#restarting");
      await clock.advance(1);
      await expect(childrenOf(system, sup)).resolves.toBe(`a#${starts + 2}`);
    }
  });

  test("begins anew after a calm period", async () => {
    const world = createWorld();
    const { clock, system } = world;
    const sup = await startSupervisor(system, { intensity: 9, backoff, children: [worker("a", endsAsTold)] });
    await crash(world, "sup/a");
    await clock.advance(100);
    await clock.advance(7000);
    await crash(world, "sup/a");
    await clock.advance(100);
    await expect(childrenOf(system, sup)).resolves.toBe("a#3");
  });

  test("pauses before the retry of a failed restart too", async () => {
    const world = createWorld();
    const { clock, system } = world;
    const children = [worker("a", startsAs("ok", "fail", "ok"))];
    const sup = await startSupervisor(system, { intensity: 9, backoff, children });
    await crash(world, "sup/a");
    await clock.advance(100);
    await expect(childrenOf(system, sup)).resolves.toBe("a#restarting");
    await clock.advance(200);
    await expect(childrenOf(system, sup)).resolves.toBe("a#3");
  });

  test("restarts dynamic children after the same pauses", async () => {
    const world = createWorld();
    const { clock, system } = world;
    const sup = await startRoot(
      system,
      defineDynamicSupervisor<undefined>({ intensity: 9, backoff, child: { start: () => child(endsAsTold) } }),
    );
    await startDynamicChild(system, sup, undefined, "x");
    await crash(world, "sup/x");
    await clock.advance(99);
    expect(system.inspect().processes.map(({ path }) => path)).toEqual(["sup"]);
    await clock.advance(1);
    expect(system.inspect().processes.map(({ path }) => path)).toEqual(["sup", "sup/x"]);
  });

  test("gives up all the same when the intensity is reached", async () => {
    const world = createWorld();
    const { clock, system } = world;
    const sup = await startSupervisor(system, { intensity: 1, backoff, children: [worker("a", endsAsTold)] });
    await crash(world, "sup/a");
    await clock.advance(100);
    await crash(world, "sup/a");
    await clock.advance(200);
    expect(system.isAlive(sup)).toBe(false);
  });
});
