import * as fc from "fast-check";
import { expect, test } from "vitest";
import { byKernel, byXState, canBuild, take } from "./support/machine-ways.ts";
import { anyChart, anyStep, type Chart, sendsToItself, type Step } from "./support/random-machine.ts";

const RUNS = Number(process.env.MACHINE_RUNS ?? 300);

/** How many of the runs came upon what, so that a property that tests nothing is seen. */
const seen = new Map<string, number>();

function count(fact: string): void {
  seen.set(fact, (seen.get(fact) ?? 0) + 1);
}

/**
 * A message that an actor sends to itself stands behind what waits in its mailbox, where XState has it go first. So an
 * actor that does so gets its events one by one, and is let go when two of its timers, or a timer and the message, have
 * come at the same moment.
 */
async function compare(chart: Chart, steps: readonly Step[]): Promise<void> {
  const xstate = byXState(chart);
  const kernels = (["compiled", "exact", "mixed"] as const).map((way) => byKernel(chart, way));
  const isSelfSender = sendsToItself(chart);
  try {
    for (const step of [undefined, ...steps]) {
      for (const runner of [xstate, ...kernels]) take(runner, step, isSelfSender);
      if (isSelfSender && (xstate.clock.hadTie || xstate.clock.hadInstant)) {
        count("tie");
        return;
      }
      const picture = xstate.picture();
      for (const kernel of kernels) expect(kernel.picture()).toEqual(picture);
    }
    const { status, value, history, dues, lines } = xstate.picture();
    count(status);
    if (value.includes(",")) count("parallel");
    if (history !== "[]") count("history");
    if (dues.length > 0) count("pending");
    if (lines.length > 10) count("busy");
  } finally {
    for (const kernel of kernels) await kernel.close();
  }
}

test("a machine does in an actor exactly what it does in XState", { timeout: 0 }, async () => {
  await fc.assert(
    fc.asyncProperty(anyChart, fc.array(anyStep, { maxLength: 14, size: "max" }), async (chart, steps) => {
      fc.pre(canBuild(chart));
      await compare(chart, steps);
    }),
    // A large chart can be shrunk for hours; the smallest that was found in time will do.
    { numRuns: RUNS, interruptAfterTimeLimit: 30_000 + 50 * RUNS, markInterruptAsFailure: true },
  );
  const facts = ["active", "done", "error", "parallel", "history", "pending", "busy"];
  expect(facts.filter((fact) => (seen.get(fact) ?? 0) < Math.floor(RUNS / 500))).toEqual([]);
});
