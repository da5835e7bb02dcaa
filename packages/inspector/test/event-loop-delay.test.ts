import { createSystem } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { inspector, type RateSample } from "@espalier/inspector";
import * as fc from "fast-check";
import { createHistogram, performance } from "node:perf_hooks";
import { expect, test } from "vitest";
import { EventLoopDelay, INTERVAL_MS, readDelay } from "../src/event-loop-delay.ts";

test("the delay is what looks at the loop were late by: their interval does not count, and nothing is below 0", () => {
  const looks = fc.array(fc.integer({ min: 1, max: 2_000_000_000 }), { maxLength: 50 });
  fc.assert(
    fc.property(looks, fc.constantFrom(1, 10, 20), (times, intervalMs) => {
      const histogram = createHistogram({ figures: 5 });
      for (const time of times) histogram.record(time);
      const { p50, p99, max } = readDelay(histogram, intervalMs);
      const late = times.map((time) => Math.max(0, time / 1e6 - intervalMs)).toSorted((left, right) => left - right);
      const at = (share: number): number => late[Math.max(0, Math.ceil(share * late.length) - 1)] ?? 0;
      for (const [told, expected] of [
        [p50, at(0.5)],
        [p99, at(0.99)],
        [max, at(1)],
      ] as const) {
        // The histogram has five figures, and two places behind the point are told.
        expect(Math.abs(told - expected)).toBeLessThanOrEqual(0.01 + (expected + intervalMs) / 1e4);
        expect(told).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Two looks at least: the first is no interval yet. Who was not let run meanwhile takes the turns in which they are due. */
async function whileLooking(): Promise<void> {
  const from = performance.now();
  while (performance.now() - from < 2 * INTERVAL_MS + 5) await turn();
  for (let count = 0; count < 3; count += 1) await turn();
}

test("a loop that is blocked is late by as long as it is blocked, and by no more than has passed", async () => {
  const delay = new EventLoopDelay();
  const started = performance.now();
  await whileLooking();
  const blocked = performance.now();
  while (performance.now() - blocked < 100);
  await whileLooking();
  const { max } = delay.read();
  delay.stop();
  // A look was due at most an interval after the block began.
  expect(max).toBeGreaterThanOrEqual(100 - INTERVAL_MS - 1);
  expect(max).toBeLessThanOrEqual(performance.now() - started - 2 * INTERVAL_MS + 2);
});

test("samples tell how late the event loop is, as long as the inspector itself listens", async () => {
  const clock = new ManualClock();
  const system = createSystem({ host: clock });
  const inspected = inspector(system);
  const sample = async (): Promise<RateSample | undefined> => {
    await clock.advance(1000);
    return inspected.readings.rates().samples.at(-1);
  };
  expect((await sample())?.eventLoopDelay).toBeUndefined();

  const listening = await inspected.listen({ port: 0 });
  const { p50, p99, max } = (await sample())?.eventLoopDelay ?? { p50: -1, p99: -1, max: -1 };
  expect(p50).toBeGreaterThanOrEqual(0);
  expect([p50, p99, max]).toEqual([p50, p99, max].toSorted((left, right) => left - right));

  await listening.close();
  expect((await sample())?.eventLoopDelay).toBeUndefined();
  await inspected.close();
  await system.shutdown();
});
