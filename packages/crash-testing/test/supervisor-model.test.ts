import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../supervisor/test/support/actors.ts";
import { type ModelSpec, SupervisorModel } from "./support/supervisor-model.ts";
import type { Ending, ModelCall, ModelFlags } from "../src/tree/supervisor-rules.ts";
import { SupervisorRun } from "./support/supervisor-run.ts";
import { leavesNothing } from "../../supervisor/test/support/world.ts";

/** More for a long night: `SUPERVISOR_RUNS=100000`. */
const RUNS = Number(process.env.SUPERVISOR_RUNS ?? 200);
const TIME_MS = 10_000 + RUNS * 10;

/** What may happen to a running supervisor. */
type Step =
  | { readonly type: "advance"; readonly ms: number }
  | {
      readonly type: "together";
      /** These children end, before the supervisor hears of any. Numbers, since nobody knows yet who will live. */
      readonly deaths: ReadonlyArray<{ readonly which: number; readonly reason: Ending }>;
      /** Then these calls arrive behind the deaths. */
      readonly calls: ReadonlyArray<ModelCall<ModelSpec>>;
    };

interface Scenario {
  readonly flags: ModelFlags;
  readonly specs: readonly ModelSpec[];
  readonly steps: readonly Step[];
}

const ids = ["a", "b", "c", "d", "e", "f"];

function weighted<Value>(...choices: Array<[number, Value]>): fc.Arbitrary<Value> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

const outcome = weighted<Outcome>([6, "ok"], [3, "fail"], [1, "ignore"]);
const ending = weighted<Ending>(
  [4, "error: boom"],
  [2, "killed"],
  [2, "normal"],
  [1, "shutdown"],
  [1, "shutdown: done"],
);

function withoutBadCombination(spec: ModelSpec, { autoShutdown }: ModelFlags): ModelSpec {
  const mayBeSignificant = spec.restart !== "permanent" && autoShutdown !== "never";
  return { ...spec, significant: spec.significant && mayBeSignificant };
}

/** A spec that is valid under these flags. `first`: how its first start turns out. */
function specOf(id: fc.Arbitrary<string>, flags: ModelFlags, first: fc.Arbitrary<Outcome>): fc.Arbitrary<ModelSpec> {
  return fc
    .record({
      id,
      restart: fc.constantFrom("permanent", "permanent", "transient", "temporary"),
      shutdown: fc.constantFrom<ModelSpec["shutdown"][]>(5000, "brutalKill"),
      significant: fc.boolean(),
      outcomes: fc
        .tuple(first, fc.array(outcome, { maxLength: 5 }))
        .map(([one, others]) => others.toSpliced(0, 0, one)),
    })
    .map((spec) => withoutBadCombination(spec, flags));
}

function stepOf(flags: ModelFlags): fc.Arbitrary<Step> {
  const id = fc.constantFrom(...ids);
  const call: fc.Arbitrary<ModelCall<ModelSpec>> = fc.oneof(
    fc.record({ type: fc.constant("startChild" as const), spec: specOf(id, flags, outcome) }),
    fc.record({
      type: fc.constantFrom("terminateChild" as const, "restartChild" as const, "deleteChild" as const),
      id,
    }),
    fc.record({ type: fc.constantFrom("whichChildren" as const, "countChildren" as const) }),
  );
  const death = fc.record({ which: fc.nat(5), reason: ending });
  return fc.oneof(
    { weight: 1, arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.nat(4000) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("together" as const),
        deaths: fc.oneof(fc.constant([]), fc.tuple(death), fc.array(death, { maxLength: 3 })),
        calls: fc.array(call, { maxLength: 3 }),
      }),
    },
  );
}

const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    strategy: fc.constantFrom("oneForOne", "oneForAll", "restForOne"),
    intensity: fc.nat(6),
    periodMs: fc.constantFrom(1000, 2000, 3000),
    autoShutdown: weighted<ModelFlags["autoShutdown"]>([3, "never"], [1, "anySignificant"], [1, "allSignificant"]),
  })
  .chain((flags) => {
    const first = weighted<Outcome>([30, "ok"], [2, "ignore"], [1, "fail"]);
    return fc.record({
      flags: fc.constant(flags),
      specs: fc.uniqueArray(specOf(fc.constantFrom(...ids), flags, first), {
        selector: ({ id }) => id,
        minLength: 1,
        maxLength: 6,
      }),
      steps: fc.array(stepOf(flags), { minLength: 1, maxLength: 20, size: "max" }),
    });
  });

/** Has the same happen to both, and compares what they do and what they answer. */
async function take(step: Step, model: SupervisorModel, run: SupervisorRun): Promise<void> {
  if (step.type === "advance") {
    model.now += step.ms;
    run.advance(step.ms);
    return;
  }
  const { living } = model;
  const chosen = new Map(
    step.deaths.flatMap(({ which, reason }) => {
      const process = living[which % living.length];
      return process === undefined ? [] : [[process, reason] as const];
    }),
  );
  for (const [process, reason] of chosen) model.dies(process, reason);
  const expected = step.calls.map((call) => model.call(call));
  model.work();

  run.die([...chosen].map(([{ who }, reason]) => ({ who, reason })));
  const answers = step.calls.map((call) => run.call(call));
  run.settle();
  expect(await Promise.all(answers)).toEqual(expected.map(({ text }) => text));
}

async function agree(model: SupervisorModel, run: SupervisorRun): Promise<void> {
  expect(run.take()).toEqual(model.take());
  expect(run.isAlive).toBe(model.isAlive);
  if (!model.isAlive) return;
  const answers = (["whichChildren", "countChildren"] as const).map((type) => run.call({ type }));
  run.settle();
  expect(await Promise.all(answers)).toEqual([`list ${model.list()}`, `counts ${model.counts()}`]);
}

async function play({ flags, specs, steps }: Scenario): Promise<void> {
  const model = new SupervisorModel(flags, specs);
  const run = new SupervisorRun();
  const failed = model.boot();
  expect(await run.boot(flags, specs)).toBe(failed);
  // When it has failed, the last line is the supervisor's own failure.
  const lines = run.take();
  expect(failed === undefined ? lines : lines.slice(0, -1)).toEqual(model.take());
  await agree(model, run);
  for (const step of failed === undefined ? steps : []) {
    await take(step, model, run);
    await agree(model, run);
  }
  if (model.isAlive) model.stop();
  run.stop();
  await agree(model, run);
  await leavesNothing(run.world);
}

describe("a static supervisor", () => {
  test("does what OTP's rules say, whatever its children do and whoever calls", { timeout: TIME_MS }, async () => {
    await fc.assert(fc.asyncProperty(scenario, play), { numRuns: RUNS });
    expect.hasAssertions();
  });
});
