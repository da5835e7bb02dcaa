import { describe, expect, test } from "vitest";
import { encodePlan } from "../../src/codec.ts";
import { readEnvironment } from "../../src/vitest/environment.ts";

const nothing = {
  replay: undefined,
  runs: undefined,
  timeMs: undefined,
  seed: undefined,
  journal: undefined,
  isMutating: false,
};

describe("the environment", () => {
  test("says nothing where nothing is set, or set to nothing", () => {
    expect(readEnvironment({})).toEqual(nothing);
    expect(readEnvironment({ CRASH_RUNS: "", CRASH_REPLAY: "", CRASH_MUTATE: "" })).toEqual(nothing);
  });

  test("says how to search; time is in seconds", () => {
    const variables = { CRASH_RUNS: "20", CRASH_TIME: "0.5", CRASH_SEED: "0" };
    expect(readEnvironment(variables)).toEqual({ ...nothing, runs: 20, timeMs: 500, seed: 0 });
  });

  test("holds a plan", () => {
    const plan = { peers: [], operations: [{ at: 1, name: "drain" }], deviations: [] };
    expect(readEnvironment({ CRASH_REPLAY: ` ${encodePlan(plan)}\n` }).replay).toEqual(plan);
  });

  test.each([
    ["CRASH_RUNS", "many", 'CRASH_RUNS is "many"; expected a number of at least 1'],
    ["CRASH_RUNS", "0", 'CRASH_RUNS is "0"; expected a number of at least 1'],
    ["CRASH_TIME", "-1", 'CRASH_TIME is "-1"; expected a number of at least 0'],
    ["CRASH_SEED", "x", 'CRASH_SEED is "x"; expected a number of at least 0'],
    ["CRASH_REPLAY", "ct9.x", 'a plan begins with ct1., and not with "ct9.x"'],
  ])("%s=%s is refused", (name, value, message) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(message);
  });
});
