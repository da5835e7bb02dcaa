import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  InvalidChildSpecError,
  InvalidSupervisorFlagsError,
  type SupervisorFlags,
  type SupervisorInit,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { completeFlags } from "../src/flags.ts";
import { steady } from "./support/actors.ts";
import { worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

/** Flags as somebody without a type checker may write them. */
type Careless = { readonly [Flag in keyof SupervisorInit]?: unknown };

const wrong: Array<[Careless, string, unknown, string]> = [
  [{ intensity: -1 }, "invalidIntensity", -1, "intensity is -1; expected an integer of at least 0"],
  [{ intensity: 1.5 }, "invalidIntensity", 1.5, "intensity is 1.5; expected an integer of at least 0"],
  [{ intensity: "1" }, "invalidIntensity", "1", 'intensity is "1"; expected an integer of at least 0'],
  [{ intensity: Infinity }, "invalidIntensity", Infinity, "intensity is Infinity; expected an integer of at least 0"],
  [{ periodMs: 0 }, "invalidPeriod", 0, "periodMs is 0; expected milliseconds above 0"],
  [{ periodMs: -5 }, "invalidPeriod", -5, "periodMs is -5; expected milliseconds above 0"],
  [{ periodMs: Infinity }, "invalidPeriod", Infinity, "periodMs is Infinity; expected milliseconds above 0"],
  [{ periodMs: null }, "invalidPeriod", null, "periodMs is null; expected milliseconds above 0"],
  [
    { autoShutdown: "always" },
    "invalidAutoShutdown",
    "always",
    'autoShutdown is "always"; expected "never", "anySignificant" or "allSignificant"',
  ],
];
const wrongStrategies: Array<[Careless, string, unknown, string]> = ["one_for_one", "simpleOneForOne", 1, null].map(
  (strategy) => [
    { strategy },
    "invalidStrategy",
    strategy,
    `strategy is ${typeof strategy === "string" ? `"${strategy}"` : String(strategy)}; ` +
      'expected "oneForOne", "oneForAll" or "restForOne"',
  ],
);

function problemOf(check: () => unknown): InvalidSupervisorFlagsError {
  try {
    check();
  } catch (error) {
    if (error instanceof InvalidSupervisorFlagsError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("supervisor flags", () => {
  test("allow one restart in five seconds and no automatic shutdown, unless they say otherwise", () => {
    expect(completeFlags({}, [], [])).toEqual({ intensity: 1, periodMs: 5000, autoShutdown: "never" });
  });

  test("are taken as they are when they are complete", () => {
    const flags: SupervisorFlags = { intensity: 0, periodMs: 0.5, autoShutdown: "anySignificant" };
    expect(completeFlags(flags, [], [])).toEqual(flags);
  });

  test.each([...wrong, ...wrongStrategies])(
    "with %o are refused, and the error names flag, value and what is allowed",
    (flags, problem, value, message) => {
      const error = problemOf(() => defineSupervisor({ children: [], ...flags } as SupervisorInit));
      expect(error).toMatchObject({ name: "InvalidSupervisorFlagsError", code: "ERR_INVALID_SUPERVISOR_FLAGS" });
      expect(error).toMatchObject({ problem, message });
      expect(error.value).toBe(value);
    },
  );

  test.each(wrong)("of a dynamic supervisor with %o are refused alike", (flags, problem, _value, message) => {
    const template = { start: () => child(steady) };
    const error = problemOf(() => defineDynamicSupervisor({ child: template, ...(flags as SupervisorFlags) }));
    expect(error).toMatchObject({ problem, message });
  });

  test.each([undefined, null, [], {}, { children: "none" }])("cannot be %o", (init) => {
    const error = problemOf(() => defineSupervisor(init as unknown as SupervisorInit));
    expect(error).toMatchObject({
      problem: "invalidType",
      message: "a supervisor needs { strategy, children: [...] }",
    });
  });

  test.each([undefined, null, {}, { child: null }, { child: {} }, { child: { start: child(steady) } }])(
    "of a dynamic supervisor cannot be %o",
    (init) => {
      const error = problemOf(() => defineDynamicSupervisor(init as never));
      const message = "a dynamic supervisor needs { child: { start: (extra) => child(…) } }";
      expect(error).toMatchObject({ problem: "invalidType", message });
    },
  );
});

describe("all that is wrong with a supervisor", () => {
  test("is in one error", () => {
    const children = [
      worker("a", steady),
      { id: "b", start: steady, restart: "always" },
      { start: child(steady), restart: "permanent", significant: true },
      null,
      worker("a", steady, { shutdown: -1 }),
    ];
    const backoff = { initialMs: 0, factor: 0.5 };
    const flags: Careless = { strategy: "any", intensity: -1, periodMs: 0, autoShutdown: "always", backoff, children };
    const error = problemOf(() => defineSupervisor(flags as unknown as SupervisorInit));
    expect(error).toMatchObject({ code: "ERR_INVALID_SUPERVISOR_FLAGS", problem: "invalidStrategy", value: "any" });
    expect(error.issues.map(({ path, problem, value }) => [path, problem, value])).toEqual([
      ["strategy", "invalidStrategy", "any"],
      ["intensity", "invalidIntensity", -1],
      ["periodMs", "invalidPeriod", 0],
      ["autoShutdown", "invalidAutoShutdown", "always"],
      ["backoff.initialMs", "invalidBackoff", 0],
      ["backoff.factor", "invalidBackoff", 0.5],
      ["children[1].start", "missingStart", steady],
      ["children[1].restart", "invalidRestartType", "always"],
      ["children[2].id", "missingId", undefined],
      ["children[2].significant", "badCombination", true],
      ["children[3].spec", "invalidChildSpec", null],
      ["children[4].shutdown", "invalidShutdown", -1],
      ["children[4].id", "duplicateChildName", "a"],
    ]);
    expect(error.message.split("\n")).toEqual(["13 faults:", ...error.issues.map(({ message }) => `  ${message}`)]);
    expect(error.message).toContain('restart of child "b" is "always"');
    expect(error.message).toContain("id of children[2] is undefined");
  });

  test("is a matter of its children alone where the flags are right", () => {
    const children = [worker("a", steady, { shutdown: -1 }), worker("b", steady, { shutdown: -2 })];
    expect(() => defineSupervisor({ children })).toThrow(
      expect.objectContaining({
        name: "InvalidChildSpecError",
        message: [
          "2 faults:",
          'shutdown of child "a" is -1; expected "brutalKill", "infinity" or milliseconds of at least 0',
          'shutdown of child "b" is -2; expected "brutalKill", "infinity" or milliseconds of at least 0',
        ].join("\n  "),
      }),
    );
  });

  test("is in one error for a dynamic supervisor too, its template included", () => {
    const wrongTemplate = { start: () => child(steady), restart: "always", shutdwon: 5 };
    const error = problemOf(() => defineDynamicSupervisor({ intensity: -1, child: wrongTemplate } as never));
    expect(error.issues.map(({ path }) => path)).toEqual(["intensity", "child.restart", "child.shutdwon"]);
  });

  test.each<[Careless & Record<string, unknown>, string]>([
    [{ intesity: 5 }, "intesity is not known; did you mean intensity?"],
    [{ period: 5 }, "period is not known; did you mean periodMs?"],
    [{ stratgy: "oneForAll" }, "stratgy is not known; did you mean strategy?"],
    [{ backoff: { initialMs: 1, maxMS: 5 } }, "backoff.maxMS is not known; did you mean maxMs?"],
    [
      { children: [{ ...worker("a", steady), restrat: "temporary" }] },
      'restrat of child "a" is not known; did you mean restart?',
    ],
  ])("includes keys that are nearly known ones: %o", (flags, message) => {
    expect(() => defineSupervisor({ children: [], ...flags } as SupervisorInit)).toThrow(
      expect.objectContaining({ problem: "misspelt", message }),
    );
  });

  test("does not include keys that are like none, as in OTP", () => {
    const init = { children: [{ ...worker("a", steady), modules: [], state: 1 }], comment: "", strategies: 1 };
    expect(() => defineSupervisor({ strategy: "oneForAll", ...init })).not.toThrow();
  });
});

describe("a definition", () => {
  test("is checked when it is made, children included", () => {
    expect(() => defineSupervisor({ children: [worker("a", steady), worker("a", steady)] })).toThrow(
      InvalidChildSpecError,
    );
    expect(() => defineDynamicSupervisor({ child: { start: () => child(steady), shutdown: -1 } })).toThrow(
      expect.objectContaining({
        problem: "invalidShutdown",
        message: 'shutdown of child "child" is -1; expected "brutalKill", "infinity" or milliseconds of at least 0',
      }),
    );
  });

  test("that is made by a function is checked when the supervisor starts", async () => {
    const { system } = createWorld();
    const careless = defineSupervisor(() => ({ intensity: -1, children: [] }));
    await expect(system.start(careless)).resolves.toMatchObject({
      ok: false,
      error: "failed",
      reason: { type: "error", error: { code: "ERR_INVALID_SUPERVISOR_FLAGS", problem: "invalidIntensity" } },
    });
    const twice = defineSupervisor(() => ({ children: [worker("a", steady), worker("a", steady)] }));
    await expect(system.start(twice)).resolves.toMatchObject({
      reason: { type: "error", error: { code: "ERR_INVALID_CHILD_SPEC", problem: "duplicateChildName" } },
    });
  });

  test("is called supervisor in paths, unless it says otherwise", async () => {
    const { system } = createWorld();
    await system.start(defineSupervisor({ children: [] }));
    await system.start(defineSupervisor({ children: [] }, { name: "rooms" }));
    await system.start(defineDynamicSupervisor({ child: { start: () => child(steady) } }, { name: "pool" }));
    const { processes } = system.inspect();
    expect(processes.map(({ path, behaviour }) => [path, behaviour])).toEqual([
      ["supervisor-1", "supervisor"],
      ["rooms-2", "supervisor"],
      ["pool-3", "supervisor"],
    ]);
  });
});
