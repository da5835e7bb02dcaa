import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../supervisor/test/support/actors.ts";
import type { Ending, ModelCall, ModelFlags } from "../src/tree/supervisor-rules.ts";
import {
  type Strand,
  SupervisorTreeModel,
  type TreeSpec,
  type TreeSupervisorSpec,
  type TreeWorkerSpec,
} from "./support/supervisor-tree-model.ts";
import { SupervisorTreeRun } from "./support/supervisor-tree-run.ts";
import { leavesNothing } from "../../supervisor/test/support/world.ts";

/** More for a long night: `SUPERVISOR_RUNS=100000`. */
const RUNS = Number(process.env.SUPERVISOR_RUNS ?? 100);
const TIME_MS = 10_000 + RUNS * 20;

/** What may happen to a tree at rest. Who it happens to are numbers, since nobody knows yet who will live. */
type Step =
  | { readonly type: "advance"; readonly ms: number }
  /** A worker ends by itself. */
  | { readonly type: "end"; readonly which: number; readonly reason: Ending }
  /** Workers of the same supervisor are killed, before it hears of any. */
  | { readonly type: "killWorkers"; readonly which: number; readonly others: readonly number[] }
  | { readonly type: "killSupervisor"; readonly which: number }
  | { readonly type: "call"; readonly which: number; readonly call: ModelCall<TreeSpec> };

interface Scenario {
  readonly root: TreeSupervisorSpec;
  readonly steps: readonly Step[];
}

function weighted<Value>(...choices: Array<[number, Value]>): fc.Arbitrary<Value> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

const id = fc.constantFrom("a", "b", "c", "d");
const firstOutcome = weighted<Outcome>([60, "ok"], [2, "ignore"], [1, "fail"]);
const laterOutcome = weighted<Outcome>([6, "ok"], [2, "fail"], [1, "ignore"]);
const outcomes = fc
  .tuple(firstOutcome, fc.array(laterOutcome, { maxLength: 5, size: "max" }))
  .map(([first, later]) => later.toSpliced(0, 0, first));

const flags: fc.Arbitrary<ModelFlags> = fc.record({
  strategy: fc.constantFrom("oneForOne", "oneForAll", "restForOne"),
  intensity: fc.nat(4),
  periodMs: fc.constantFrom(1000, 2000, 3000),
  autoShutdown: weighted<ModelFlags["autoShutdown"]>([4, "never"], [1, "anySignificant"], [1, "allSignificant"]),
});
const rules = {
  id,
  restart: fc.constantFrom<TreeSpec["restart"][]>("permanent", "permanent", "transient", "temporary"),
  significant: fc.boolean(),
  outcomes,
};

const worker: fc.Arbitrary<TreeWorkerSpec> = fc.record({
  ...rules,
  type: fc.constant("worker" as const),
  cleanupMs: weighted([3, 0], [1, 300], [1, 700]),
  shutdown: fc.constantFrom<TreeSpec["shutdown"][]>(5000, 500, "infinity", "brutalKill"),
});

/** A supervisor with so many levels of supervisors, itself included. */
function supervisor(levels: number): fc.Arbitrary<TreeSupervisorSpec> {
  return fc
    .record({
      ...rules,
      type: fc.constant("supervisor" as const),
      // More than all clean-ups below it can take.
      shutdown: fc.constantFrom<TreeSpec["shutdown"][]>("infinity", "infinity", 1_000_000, "brutalKill"),
      flags,
      children: fc.uniqueArray(child(levels - 1), {
        selector: (spec) => spec.id,
        // The higher it stands, the more stand under it.
        minLength: levels - 1,
        maxLength: 4,
        size: "max",
      }),
    })
    .map(withoutBadCombinations);
}

function child(levels: number): fc.Arbitrary<TreeSpec> {
  return levels === 0
    ? worker
    : fc.oneof({ weight: 2, arbitrary: worker }, { weight: 3, arbitrary: supervisor(levels) });
}

function withoutBadCombinations(spec: TreeSupervisorSpec): TreeSupervisorSpec {
  return { ...spec, children: spec.children.map((one) => withoutBadCombination(one, spec.flags)) };
}

function withoutBadCombination(spec: TreeSpec, { autoShutdown }: ModelFlags): TreeSpec {
  const mayBeSignificant = spec.restart !== "permanent" && autoShutdown !== "never";
  return { ...spec, significant: spec.significant && mayBeSignificant };
}

/** For a supervisor that nobody has chosen yet. */
function notSignificant(spec: TreeSpec): TreeSpec {
  return { ...spec, significant: false };
}

/** Longer runs: when the root has given up, nothing is left to happen. */
function morePatient(root: TreeSupervisorSpec): TreeSupervisorSpec {
  return { ...root, flags: { ...root.flags, intensity: root.flags.intensity + 4 } };
}

const someone = fc.nat(99);
const call: fc.Arbitrary<ModelCall<TreeSpec>> = fc.oneof(
  fc.record({
    type: fc.constant("startChild" as const),
    spec: child(2).map(notSignificant),
  }),
  fc.record({ type: fc.constantFrom("terminateChild" as const, "restartChild" as const, "deleteChild" as const), id }),
);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.nat(4000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      which: someone,
      reason: weighted<Ending>([4, "error: boom"], [2, "normal"], [1, "shutdown"], [1, "shutdown: done"]),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("killWorkers" as const),
      which: someone,
      others: fc.array(someone, { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("killSupervisor" as const), which: someone }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("call" as const), which: someone, call }) },
);

const scenario: fc.Arbitrary<Scenario> = fc.record({
  root: supervisor(3).map(morePatient),
  steps: fc.array(anyStep, { minLength: 1, maxLength: 20, size: "max" }),
});

/** Has the same happen to both, and compares what they do and what they answer. */
async function take(step: Step, model: SupervisorTreeModel, run: SupervisorTreeRun): Promise<void> {
  switch (step.type) {
    case "advance":
      model.advance(step.ms);
      break;
    case "end":
    case "killWorkers": {
      const { workers } = model;
      const first = workers[step.which % workers.length];
      if (first === undefined) return;
      const siblings = workers.filter(({ parent }) => parent === first.parent);
      const others = step.type === "end" ? [] : step.others.flatMap((n) => siblings[n % siblings.length] ?? []);
      const all = [...new Set([first, ...others])];
      const reason = step.type === "end" ? step.reason : "killed";
      model.die(all, reason);
      run.die(
        all.map(({ who }) => who),
        reason,
      );
      break;
    }
    case "killSupervisor": {
      const sup = pick(model.supervisors, step.which);
      model.kill(sup);
      run.die([sup.who], "killed");
      break;
    }
    case "call": {
      const sup = pick(model.supervisors, step.which);
      const answer = run.call(sup.who, step.call);
      const expected = model.call(sup, step.call);
      await agree(model, run);
      expect(await answer).toBe(expected);
      return;
    }
  }
  await agree(model, run);
}

function pick<Value>(from: readonly Value[], which: number): Value {
  const picked = from[which % from.length];
  if (picked === undefined) throw new Error("there is nobody");
  return picked;
}

/** Lets the real tree have the time that the model has had, and compares. */
async function agree(model: SupervisorTreeModel, run: SupervisorTreeRun): Promise<void> {
  const { strands, ms } = model.rest();
  run.advance(ms);
  // It has come to rest at the same time: nobody waits any longer.
  expect(run.world.clock.timers).toBe(0);
  haveHappened(strands, run.take());
  expect(run.living).toEqual(model.living);
  const { supervisors } = model;
  const answers = supervisors.map(({ who }) => run.call(who, { type: "whichChildren" }));
  run.advance(0);
  expect(await Promise.all(answers)).toEqual(supervisors.map(({ rules: own }) => `list ${own.list()}`));
}

/** Nothing else has happened than in the strands, each in its order, and after the line that sets it off. */
function haveHappened(strands: readonly Strand[], lines: readonly string[]): void {
  expect(lines.toSorted()).toEqual(strands.flatMap((strand) => strand.lines).toSorted());
  for (const strand of strands) {
    const expected = strand.after === undefined ? strand.lines : [strand.after, ...strand.lines];
    const wanted = new Set(expected);
    expect(lines.filter((line) => wanted.has(line))).toEqual(expected);
  }
}

async function play({ root, steps }: Scenario): Promise<void> {
  const model = new SupervisorTreeModel(root);
  const run = new SupervisorTreeRun();
  const failed = model.boot();
  const { strands, ms } = model.rest();
  expect(await run.boot(root, ms)).toBe(failed);
  haveHappened(strands, run.take());
  for (const step of steps) {
    if (!model.isAlive) break;
    await take(step, model, run);
  }
  if (model.isAlive) {
    model.stop();
    run.stop();
    await agree(model, run);
  }
  await leavesNothing(run.world);
}

describe("a tree of static supervisors", () => {
  test("does what OTP's rules say, on every level, whatever happens to whom", { timeout: TIME_MS }, async () => {
    await fc.assert(fc.asyncProperty(scenario, play), { numRuns: RUNS });
    expect.hasAssertions();
  });
});
