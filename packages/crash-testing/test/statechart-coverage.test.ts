import { createSystem, fromMachine } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import type { RunView } from "../src/invariant.ts";
import { StatechartCoverage } from "../src/statechart-coverage.ts";

const door = createMachine({
  id: "door",
  context: { coins: 0 },
  initial: "locked",
  states: {
    locked: {
      on: { coin: [{ guard: "isReal", target: "checking" }, { target: "alarm" }], push: {} },
    },
    // It never rests here.
    checking: { always: { target: "open" } },
    open: {
      initial: "ajar",
      after: { 5000: "locked" },
      states: { ajar: { on: { push: "wide" } }, wide: {} },
    },
    alarm: { type: "final" },
  },
}).provide({ guards: { isReal: ({ event }) => (event as { real?: boolean }).real === true } });

/** What machines have come by that got these events. */
async function coverageOf(...lives: readonly (readonly object[])[]): Promise<StatechartCoverage> {
  const coverage = new StatechartCoverage(door);
  const clock = new ManualClock();
  const system = createSystem({ host: clock });
  // It asks nothing of the run.
  const { on } = coverage.watcher.watch({} as RunView);
  system.trace((event) => (on?.[event.type] as ((event: unknown) => void) | undefined)?.(event), { detail: "states" });
  for (const events of lives) {
    const ref = system.spawn(fromMachine(door));
    for (const event of events) system.send(ref, event as never);
    await clock.advance(0);
  }
  await clock.advance(6000);
  await system.shutdown();
  return coverage;
}

const pass = { type: "coin", real: true };
const push = { type: "push" };

describe("the coverage of a statechart", () => {
  test("counts what it declares, and nothing is reached before there is a machine", async () => {
    const { states, pairs, transitions } = await coverageOf();
    expect([...states.counts.keys()]).toEqual(["locked", "checking", "open", "open.ajar", "open.wide", "alarm"]);
    expect([...pairs.counts.keys()]).toEqual([
      "locked at coin",
      "locked at push",
      "open at after 5000",
      "open.ajar at push",
    ]);
    expect(transitions.missed).toEqual([
      "locked at coin [isReal] → checking",
      "locked at coin [otherwise] → alarm",
      "locked at push stays",
      "checking by itself → open",
      "open at after 5000 → locked",
      "open.ajar at push → open.wide",
    ]);
    expect([states.share, pairs.share, transitions.share]).toEqual([0, 0, 0]);
  });

  test("tells transitions of the same event apart by where they lead, and passes through states that do not rest", async () => {
    const { states, transitions } = await coverageOf([pass]);
    expect(states.missed).toEqual(["open.wide", "alarm"]);
    expect(transitions.missed).toEqual([
      "locked at coin [otherwise] → alarm",
      "locked at push stays",
      "open.ajar at push → open.wide",
    ]);
  });

  test("is whole when all was taken", async () => {
    const { states, pairs, transitions } = await coverageOf([push, pass, push], [{ type: "coin" }]);
    expect([states.missed, pairs.missed, transitions.missed]).toEqual([[], [], []]);
    expect([states.share, pairs.share, transitions.share]).toEqual([1, 1, 1]);
  });
});
