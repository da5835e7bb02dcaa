import { describe, expect, test } from "vitest";
import { replaying } from "../../src/choices.ts";
import { focus, sprinkle, swarm } from "../../src/choosers.ts";
import { standard } from "../../src/invariants/standard.ts";
import { Random } from "../../src/random.ts";
import { type Failure, run } from "../../src/run.ts";
import type { Target } from "../../src/target.ts";
import type { Plan } from "../../src/plan.ts";
import { echo, echoPlan, quietPlan, treeOf, treeRoot, wholeLines } from "../support/targets.ts";

/** It is a matter of seconds, unless the machine has other things to do. */
const PATIENCE_MS = 120_000;

/** Of many random runs, those that break a law, with their seeds. */
async function alarms<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  plan: Plan,
  runs: number,
  isMeant: (id: string) => boolean = () => true,
) {
  const found: Array<Failure & { readonly seed: number }> = [];
  const invariants = standard({ model: wholeLines }).filter(({ id }) => isMeant(id));
  let injected = 0;
  for (let seed = 0; seed < runs; seed += 1) {
    const random = new Random(seed);
    const chooser = [swarm(random), focus(random), sprinkle(random, 300)][seed % 3] ?? swarm(random);
    const { failure, injections } = await run({ target, plan, chooser, invariants });
    injected += injections.length;
    if (failure !== undefined) found.push({ seed, ...failure });
  }
  return { found, injected };
}

describe("what must be so for every server", () => {
  test("is so in a supervision tree, whatever crashes and whatever is late", { timeout: PATIENCE_MS }, async () => {
    const serves = new Set(["I8-probe", "I15-model"]);
    const { found, injected } = await alarms(treeOf(treeRoot()), quietPlan, 200, (id) => !serves.has(id));
    expect(found).toEqual([]);
    expect(injected).toBeGreaterThan(50);
  });

  test("is so in an echo server with its clients", { timeout: PATIENCE_MS }, async () => {
    const { found, injected } = await alarms(echo, echoPlan, 200);
    expect(found).toEqual([]);
    expect(injected).toBeGreaterThan(50);
  });

  test("is so wherever the supervisor of connections crashes", { timeout: PATIENCE_MS }, async () => {
    const invariants = standard({ model: wholeLines });
    const subject = "sockets/listener_sup:echo:5000/connection_sup";
    const found: Failure[] = [];
    for (let ordinal = 0; ordinal < 40; ordinal += 1) {
      for (const value of [1, 2]) {
        const deviations = [{ kind: "crash", subject, ordinal, value }] as const;
        const { failure } = await run({
          target: echo,
          plan: { ...echoPlan, deviations },
          chooser: replaying(deviations),
          invariants,
        });
        if (failure !== undefined) found.push(failure);
      }
    }
    expect(found).toEqual([]);
  });

  test("has a name and a sentence each", () => {
    const laws = standard({ model: wholeLines });
    expect(new Set(laws.map(({ id }) => id)).size).toBe(laws.length);
    for (const { id, says } of laws) {
      expect(id).toMatch(/^I\d+-[a-z]+$/);
      expect(says.length).toBeGreaterThan(20);
    }
  });
});
