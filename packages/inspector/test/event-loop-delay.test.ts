import { createSystem } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { inspector, type RateSample } from "@espalier/inspector";
import { expect, test } from "vitest";

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
