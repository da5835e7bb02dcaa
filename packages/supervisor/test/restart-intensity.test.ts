import { failure, shutdown } from "@espalier/actors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RestartIntensity } from "../src/restart-intensity.ts";
import { crashOn, endsAsTold } from "./support/actors.ts";
import { actorAt, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

/** Every restart ever, in whole seconds: OTP's list, without taking anything off it. */
class NaiveIntensity {
  readonly #intensity: number;
  readonly #periodMs: number;
  readonly #all: number[] = [];

  constructor(intensity: number, periodMs: number) {
    this.#intensity = intensity;
    this.#periodMs = periodMs;
  }

  add(nowMs: number): { readonly isAllowed: boolean; readonly count: number } {
    const now = Math.floor(nowMs / 1000);
    this.#all.push(now);
    const count = this.countAt(nowMs);
    return { isAllowed: count <= this.#intensity, count };
  }

  countAt(nowMs: number): number {
    const now = Math.floor(nowMs / 1000);
    return this.#all.filter((then) => (now - then) * 1000 <= this.#periodMs).length;
  }
}

const periodSeconds = fc.integer({ min: 1, max: 6 });
const gapMs = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 999, 1000, 1001, 2000) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 4000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 20_000 }) },
);

describe("the restart intensity", () => {
  test("allows what a list of all restarts allows", () => {
    const period = fc.oneof(
      periodSeconds.map((seconds) => seconds * 1000),
      fc.integer({ min: 1, max: 6000 }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        period,
        fc.nat(5000),
        fc.array(gapMs, { maxLength: 200, size: "max" }),
        (intensity, periodMs, startMs, gaps) => {
          const real = new RestartIntensity(intensity, periodMs);
          const naive = new NaiveIntensity(intensity, periodMs);
          let now = startMs;
          for (const gap of gaps) {
            now += gap;
            expect(real.countAt(now)).toBe(naive.countAt(now));
            const { isAllowed, count } = naive.add(now);
            expect(real.add(now)).toBe(isAllowed);
            expect(real.count).toBe(count);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("counts every restart that is no further back than the period", () => {
    fc.assert(
      fc.property(fc.nat(100_000), periodSeconds, fc.nat(), (then, seconds, rest) => {
        const intensity = new RestartIntensity(1, seconds * 1000);
        intensity.add(then);
        expect(intensity.add(then + (rest % (seconds * 1000 + 1)))).toBe(false);
      }),
    );
  });

  test("counts no restart that is further back than the period and a second", () => {
    fc.assert(
      fc.property(fc.nat(100_000), periodSeconds, fc.nat(100_000), (then, seconds, more) => {
        const intensity = new RestartIntensity(1, seconds * 1000);
        intensity.add(then);
        expect(intensity.add(then + (seconds + 1) * 1000 + more)).toBe(true);
      }),
    );
  });

  test.each([
    ["the same second", 0, 999, false],
    ["the last second of the period", 0, 4999, false],
    ["the second at the period's edge, which is included", 0, 5999, false],
    ["the second after that", 0, 6000, true],
    ["the second after that, though it is but a millisecond more than the period", 999, 6000, true],
  ])("of two restarts allows the other in %s: %i, %i", (_where, first, second, isAllowed) => {
    const intensity = new RestartIntensity(1, 5000);
    expect(intensity.add(first)).toBe(true);
    expect(intensity.add(second)).toBe(isAllowed);
  });

  test("of 0 allows no restart", () => {
    expect(new RestartIntensity(0, 5000).add(0)).toBe(false);
  });

  test("forgets what has left the window, however much that was", () => {
    const intensity = new RestartIntensity(10_000, 1000);
    for (let index = 0; index < 10_000; index += 1) intensity.add(0);
    expect(intensity.count).toBe(10_000);
    expect(intensity.add(0)).toBe(false);
    expect(intensity.add(2000)).toBe(true);
    expect(intensity.count).toBe(1);
  });

  test("that changes applies to the restarts so far too", () => {
    const intensity = new RestartIntensity(1, 1000);
    intensity.add(0);
    intensity.change(2, 5000);
    expect(intensity.countAt(5999)).toBe(1);
    expect(intensity.countAt(6000)).toBe(0);
    expect(intensity.add(5000)).toBe(true);
    expect(intensity.add(5000)).toBe(false);
  });

  test("does not count again what has left the window, even if the period grows", () => {
    const intensity = new RestartIntensity(1, 1000);
    intensity.add(0);
    intensity.add(3000);
    intensity.change(1, 10_000);
    expect(intensity.countAt(3000)).toBe(1);
    expect(intensity.count).toBe(1);
  });
});

/** Lets time pass and the child crash, and answers whether the supervisor is still there. */
async function survives({ clock, system }: World, waitMs: number): Promise<boolean> {
  const sup = actorAt(system, "sup");
  await clock.advance(waitMs);
  system.send(actorAt(system, "sup/a"), "boom");
  await system.idle();
  return system.isAlive(sup);
}

describe("a supervisor", () => {
  test.each([
    ["at the second restart within five seconds, by default", {}, [0, 5999], 1],
    ["not, by default, when the second restart comes six seconds after the first", {}, [0, 6000], 2],
    ["at the first restart when the intensity is 0", { intensity: 0 }, [0], 0],
    ["at the fourth restart when the intensity is 3", { intensity: 3 }, [0, 0, 0, 0], 3],
    ["for restarts that are spread over the period", { intensity: 2, periodMs: 10_000 }, [0, 5000, 5999], 2],
    ["not when the oldest has left the period", { intensity: 2, periodMs: 10_000 }, [0, 5000, 6000], 3],
  ])("gives up %s", async (_when, flags, waits, allowed) => {
    const world = createWorld();
    await startSupervisor(world.system, { ...flags, children: [worker("a", crashOn("boom"))] });
    const outcomes: boolean[] = [];
    for (const wait of waits) outcomes.push(await survives(world, wait));
    expect(outcomes).toEqual(waits.map((_wait, index) => index < allowed));
  });

  test("that gives up stops its children and ends as shutdown", async () => {
    const { system } = createWorld();
    const children = [worker("a", endsAsTold), worker("b", endsAsTold), worker("c", endsAsTold)];
    const sup = await startSupervisor(system, { intensity: 0, children });
    const ended = system.exited(sup);
    const ends = ["a", "c"].map((id) => system.exited(actorAt(system, `sup/${id}`)));
    system.send(actorAt(system, "sup/b"), failure(new Error("boom")));
    await expect(ended).resolves.toEqual(shutdown());
    await expect(Promise.all(ends)).resolves.toEqual([shutdown(), shutdown()]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("counts the restarts of all its children together", async () => {
    const { system } = createWorld();
    const children = [worker("a", crashOn("boom")), worker("b", crashOn("boom"))];
    const sup = await startSupervisor(system, { intensity: 1, children });
    system.send(actorAt(system, "sup/a"), "boom");
    system.send(actorAt(system, "sup/b"), "boom");
    await system.idle();
    expect(system.isAlive(sup)).toBe(false);
  });

  test("does not count the ends that lead to no restart", async () => {
    const { system } = createWorld();
    const children = ["a", "b", "c"].map((id) => worker(id, crashOn("boom"), { restart: "temporary" }));
    const sup = await startSupervisor(system, { intensity: 0, children });
    for (const id of ["a", "b", "c"]) system.send(actorAt(system, `sup/${id}`), "boom");
    await system.idle();
    expect(system.isAlive(sup)).toBe(true);
  });

  test("shows how many restarts there were, and how many of them count", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { intensity: 2, periodMs: 1000, children: [worker("a", crashOn("boom"))] });
    for (const wait of [0, 0, 2000]) await survives(world, wait);
    const [sup] = world.system.inspect().processes;
    expect(sup?.state).toMatchObject({ intensity: 2, periodMs: 1000, restarts: 3, restartsInPeriod: 1 });
  });
});
