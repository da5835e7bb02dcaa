import { defineServer, noreply, ok, type Pid } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePlan, encodePlan } from "../src/codec.ts";
import { KINDS } from "../src/deviation.ts";
import { arbFaults } from "../src/faults.ts";
import { always } from "../src/invariants/always.ts";
import { arbKnobs } from "../src/knob-arbitrary.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import { arbPlan, type DrawnPlan, deviationsOf } from "../src/plan-arbitrary.ts";
import { runPlan } from "../src/run-plan.ts";
import type { Target } from "../src/target.ts";
import { CrashFoundError } from "../src/errors.ts";
import { echo } from "./support/targets.ts";

/** Two workers, of which nobody sees to it that the second comes back when the first has ended: the planted bug. */
const ticker = defineServer<{ state: number; info: "tick" }>({
  name: "ticker",
  init: (_args, self) => {
    self.sendAfter(self.pid, "tick", 5);
    return ok(0);
  },
  handleInfo: (_message, count, self) => {
    if (count < 5) self.sendAfter(self.pid, "tick", 5);
    return noreply(count + 1);
  },
});

const forgetful: Target<Pid> = {
  async start({ system, transport }) {
    const root = defineSupervisor({
      intensity: 5,
      children: [
        { id: "one", start: child(ticker) },
        { id: "two", start: child(ticker), restart: "temporary" },
      ],
    });
    const started = await system.start(root, undefined, { id: "root" });
    if (!started.ok) throw new Error("the tree has not started");
    // Somebody who wants to be visited, so that clients have a part in it.
    transport.listen(
      { port: 1, backlog: 5, noDelay: true, keepAlive: false },
      { listening() {}, failed() {}, closed() {}, accepted: (socket) => void visits.add(socket) },
    );
    visits.clear();
    return started.ref;
  },
  port: () => 1,
};
const visits = new Set<object>();

const twoLives = always(
  ({ system, phase, isEnding }) =>
    phase !== "workload" ||
    isEnding ||
    visits.size === 0 ||
    system.inspect().processes.some(({ path }) => path === "root/two"),
  "whoever comes finds both",
);

async function findPlan(seed: number, path?: string): Promise<fc.RunDetails<[DrawnPlan]>> {
  const property = fc.asyncProperty(arbPlan({ peers: arbPeers({ maxPeers: 3 }) }), (plan) =>
    runPlan(forgetful, plan, [twoLives]),
  );
  return fc.check(property, { seed, numRuns: 2000, ...(path !== undefined && { path }) });
}

describe("plans as values of fast-check", () => {
  test("shrink to the fault and the client that it takes, and say all there is to say", async () => {
    for (const seed of [1, 2, 3]) {
      const { failed, counterexample, errorInstance } = await findPlan(seed);
      expect(failed).toBe(true);
      const [plan] = counterexample as [DrawnPlan];
      expect(plan.faults).toBeUndefined();
      expect(plan.deviations.length).toBeLessThanOrEqual(2);
      expect(plan.deviations.some(({ kind, subject }) => kind === "crash" && subject === "root/two")).toBe(true);
      expect(plan.peers).toHaveLength(1);
      expect(errorInstance).toBeInstanceOf(CrashFoundError);
      const { message } = errorInstance as CrashFoundError;
      expect(message).toContain("whoever comes finds both");
      expect(message).toContain(`CRASH_REPLAY=${encodePlan(plan)}`);
    }
  });

  test("are had again by the seed, by the place where it failed, and by the line as an example", async () => {
    const first = await findPlan(7);
    const [plan] = first.counterexample as [DrawnPlan];
    const again = await findPlan(7);
    expect(again.counterexample).toEqual([plan]);

    const [place] = first.counterexamplePath?.split(":") ?? [];
    const here = await findPlan(7, place);
    expect(here.counterexample).toEqual([plan]);
    expect(here.numRuns).toBe(1);

    const property = fc.asyncProperty(arbPlan(), (given) => runPlan(forgetful, given, [twoLives]));
    const byLine = await fc.check(property, { examples: [[decodePlan(encodePlan(plan))]], numRuns: 1 });
    expect(byLine.failed).toBe(true);
    const [replayed] = byLine.counterexample as [DrawnPlan];
    expect(encodePlan(replayed)).toBe(encodePlan(plan));
  });

  test("that were not yet run cannot be shrunk, and those that hold are left as they are", async () => {
    const arbitrary = arbPlan();
    const [drawn] = fc.sample(arbitrary, { seed: 1, numRuns: 1 }) as [DrawnPlan];
    expect([...arbitrary.shrink(drawn, undefined)]).toEqual([]);
    await runPlan(echo, drawn);
    for (const { value } of arbitrary.shrink(drawn, undefined)) {
      expect(value.faults).toBeUndefined();
      expect(value.deviations.length).toBeLessThanOrEqual(deviationsOf(drawn).length);
    }
  });

  test("have no faults of kinds that are not asked for", async () => {
    const plans = fc.sample(arbPlan({ faults: arbFaults({ kinds: ["chunk"], heat: 5 }) }), { seed: 1, numRuns: 20 });
    const kinds = new Set<string>();
    for (const plan of plans) {
      await runPlan(echo, plan);
      for (const { kind } of deviationsOf(plan)) kinds.add(kind);
    }
    expect([...kinds]).toEqual(["chunk"]);
  });
});

describe("faults", () => {
  test("may be of all kinds, and shrink to none", () => {
    const all = fc.sample(arbFaults(), { seed: 1, numRuns: 200 });
    const kinds = new Set(all.flatMap(({ onceIn }) => Object.keys(onceIn)));
    expect([...kinds].toSorted()).toEqual([...KINDS].toSorted());
    const { counterexample } = fc.check(fc.property(arbFaults(), () => false));
    expect(counterexample).toEqual([{ seed: 0, onceIn: {} }]);
  });
});

describe("knobs", () => {
  test("have values of their own, and shrink to the ordinary ones", () => {
    const arbitrary = arbKnobs<{ size: number; name: string }>({ size: [8, 1, 64], name: ["a", "b"] });
    const drawn = fc.sample(arbitrary, { seed: 1, numRuns: 100 });
    expect(new Set(drawn.map(({ size }) => size))).toEqual(new Set([8, 1, 64]));
    expect(new Set(drawn.map(({ name }) => name))).toEqual(new Set(["a", "b"]));
    const { counterexample } = fc.check(fc.property(arbitrary, () => false));
    expect(counterexample).toEqual([{ size: 8, name: "a" }]);
  });
});
