import { InvalidOptionError } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { toCrashConfig } from "../src/crash-options.ts";
import type { Target } from "../src/target.ts";
import { standard } from "../src/invariants/standard.ts";

const target: Target<{ port: number }, { seats: number }> = {
  start: () => ({ port: 1 }),
  knobs: { seats: [100, 1] },
  operations: { drain: () => {}, upgrade: () => {} },
};

function refusal(options: object): string {
  try {
    toCrashConfig(target, options);
    return "accepted";
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    return error.message;
  }
}

describe("options", () => {
  test("may all be left out", () => {
    const { runs, timeMs, seed, without, require, invariants } = toCrashConfig(target, {});
    expect({ runs, timeMs, seed, without, require }).toEqual({
      runs: Infinity,
      timeMs: 5000,
      seed: 1,
      without: [],
      require: {},
    });
    expect(invariants.map(({ id }) => id)).toEqual(standard().map(({ id }) => id));
  });

  test("who asks for runs gets them, however long they take", () => {
    expect(toCrashConfig(target, { runs: 10 })).toMatchObject({ runs: 10, timeMs: Infinity });
    expect(toCrashConfig(target, { runs: 10, timeMs: 1 })).toMatchObject({ runs: 10, timeMs: 1 });
  });

  test("a model is one more invariant", () => {
    const { invariants } = toCrashConfig(target, { model: ({ sent }) => sent, invariants: [] });
    expect(invariants.map(({ id }) => id)).toEqual(["I15-model"]);
  });

  test("knobs replace the target's, and operations are chosen from them", () => {
    const chosen = toCrashConfig(target, { knobs: { seats: [2] }, operations: ["drain"] }).target;
    expect(chosen.knobs).toEqual({ seats: [2] });
    expect(Object.keys(chosen.operations ?? {})).toEqual(["drain"]);
  });

  test("the time to recover replaces the target's", () => {
    expect(toCrashConfig({ ...target, healMs: 1000 }, {}).target.healMs).toBe(1000);
    expect(toCrashConfig({ ...target, healMs: 1000 }, { healMs: 2000 }).target.healMs).toBe(2000);
  });

  test("all that is wrong with them is said at once", () => {
    const wrong = {
      runs: 0,
      without: ["delay", "rain"],
      operations: ["close"],
      require: { states: 1, crashPoints: 2 },
    };
    expect(refusal(wrong)).toBe(
      [
        "5 invalid options:",
        "runs must be a number of at least 1, got 0",
        "without must be a list of any of delay, crash, timer, net, chunk, write, reset, accept, bind, connect, knob, tls, got an array of 2",
        "require.crashPoints must be a share from 0 to 1, got 2",
        'operations must be one of drain, upgrade, got "close"',
        "require.states must be absent, since the target gives no machine, got 1",
      ].join("\n  "),
    );
  });

  test("one that there is not is named, with those that there are", () => {
    expect(refusal({ time: 5 })).toMatch(/time.*peers, invariants, model, runs, timeMs/);
  });

  test.each([
    ["peers", {}],
    ["invariants", [{}]],
    ["model", "echo"],
    ["timeMs", "5s"],
    ["seed", -1],
    ["knobs", { seats: [] }],
    ["operations", "drain"],
    ["healMs", Infinity],
    ["require", true],
  ])("%s is checked", (option, value) => {
    expect(refusal({ [option]: value })).toMatch(new RegExp(`^invalid option: ${option} must be `));
  });
});
