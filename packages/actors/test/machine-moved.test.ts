import * as fc from "fast-check";
import { expect, test } from "vitest";
import { byKernel, canBuild, take } from "./support/machine-ways.ts";
import { anyChart, anyStep, type Chart, sendsToItself, type Step } from "./support/random-machine.ts";

const RUNS = Math.max(200, Number(process.env.MACHINE_RUNS ?? 0) / 10);

/** How many of the runs came upon what, so that a property that tests nothing is seen. */
const seen = new Map<string, number>();

function count(fact: string): void {
  seen.set(fact, (seen.get(fact) ?? 0) + 1);
}

/** Runs a chart twice: left alone, and given the code of an equal machine before each step. */
async function compare(chart: Chart, steps: readonly Step[]): Promise<void> {
  const alone = byKernel(chart, "compiled");
  const moved = byKernel(chart, "moved");
  const isSelfSender = sendsToItself(chart);
  try {
    for (const step of [undefined, ...steps]) {
      for (const runner of [alone, moved]) take(runner, step, isSelfSender);
      expect(moved.picture()).toEqual(alone.picture());
    }
    const { status, value, history, dues } = alone.picture();
    count(status);
    if (value.includes(",")) count("parallel");
    if (history !== "[]") count("history");
    if (dues.length > 0) count("pending");
  } finally {
    await alone.close();
    await moved.close();
  }
}

test(
  "a machine that is given the code of an equal one, again and again, does what it would have done",
  {
    timeout: 0,
  },
  async () => {
    await fc.assert(
      fc.asyncProperty(anyChart, fc.array(anyStep, { maxLength: 14, size: "max" }), async (chart, steps) => {
        fc.pre(canBuild(chart));
        await compare(chart, steps);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 30_000 + 50 * RUNS, markInterruptAsFailure: true },
    );
    const facts = ["active", "done", "error", "parallel", "history", "pending"];
    expect(facts.filter((fact) => (seen.get(fact) ?? 0) < Math.floor(RUNS / 500))).toEqual([]);
  },
);
