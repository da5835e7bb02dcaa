import {
  checkChildSpecs,
  child,
  type ChildSpec,
  defineDynamicSupervisor,
  defineSupervisor,
  InvalidChildSpecError,
  type Start,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { completeChildSpec } from "../src/child-spec.ts";
import { steady } from "./support/actors.ts";
import { worker } from "./support/tree.ts";

const tree = defineSupervisor({ children: [] });
const pool = defineDynamicSupervisor({ child: { start: () => child(steady) } });

/** Fields as somebody without a type checker may write them. */
type Careless = { readonly [Field in keyof ChildSpec]?: unknown };

function careless(fields: Careless): ChildSpec {
  return { id: "a", start: child(steady), ...fields } as ChildSpec;
}

function problemOf(check: () => void): InvalidChildSpecError {
  try {
    check();
  } catch (error) {
    if (error instanceof InvalidChildSpecError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("a child spec", () => {
  test("of a worker is permanent, has five seconds to stop, and is not significant, unless it says otherwise", () => {
    expect(completeChildSpec({ id: "a", start: child(steady) }, "never")).toEqual({
      id: "a",
      start: { definition: steady, args: undefined, name: undefined, label: undefined },
      restart: "permanent",
      shutdown: 5000,
      type: "worker",
      significant: false,
    });
  });

  test.each([
    ["a supervisor", tree],
    ["a dynamic supervisor", pool],
  ])("of %s has type supervisor and all the time it takes to stop, unless it says otherwise", (_name, definition) => {
    const spec = { id: "tree", start: child(definition) };
    expect(completeChildSpec(spec, "never")).toMatchObject({ type: "supervisor", shutdown: "infinity" });
    expect(completeChildSpec({ ...spec, type: "worker" }, "never")).toMatchObject({ type: "worker", shutdown: 5000 });
    expect(completeChildSpec({ ...spec, shutdown: 1 }, "never")).toMatchObject({ type: "supervisor", shutdown: 1 });
  });

  test("of a worker that is called a supervisor has all the time it takes to stop", () => {
    expect(completeChildSpec(worker("a", steady, { type: "supervisor" }), "never").shutdown).toBe("infinity");
  });

  test("is taken as it is when it is complete", () => {
    const spec = worker("a", steady, { restart: "transient", shutdown: 0, type: "worker", significant: true });
    expect(completeChildSpec(spec, "anySignificant")).toEqual(spec);
  });

  test("may have fields that nobody knows, which are left out", () => {
    const complete = completeChildSpec(careless({ modules: ["steady"] } as Careless), "never");
    expect(complete).not.toHaveProperty("modules");
  });

  test.each([
    [undefined, "invalidChildSpec", "spec of a child spec is undefined; expected an object"],
    ["a", "invalidChildSpec", 'spec of a child spec is "a"; expected an object'],
    [null, "invalidChildSpec", "spec of a child spec is null; expected an object"],
  ])("that is %s is refused", (spec, problem, message) => {
    const error = problemOf(() => completeChildSpec(spec as unknown as ChildSpec, "never"));
    expect(error).toMatchObject({ name: "InvalidChildSpecError", code: "ERR_INVALID_CHILD_SPEC", problem, message });
    expect(error.value).toBe(spec);
  });

  const anything = "what child(definition, args) gives";
  test.each<[Careless, string, unknown, string]>([
    [{ id: undefined }, "missingId", undefined, "id of a child spec is undefined; expected a string that is not empty"],
    [{ id: "" }, "missingId", "", 'id of a child spec is ""; expected a string that is not empty'],
    [{ id: 7 }, "missingId", 7, "id of a child spec is 7; expected a string that is not empty"],
    [{ start: undefined }, "missingStart", undefined, `start of child "a" is undefined; expected ${anything}`],
    [
      { start: steady },
      "missingStart",
      steady,
      `start of child "a" is { name, trapExit, behaviour }; expected ${anything}`,
    ],
    [
      { restart: "always" },
      "invalidRestartType",
      "always",
      'restart of child "a" is "always"; expected "permanent", "transient" or "temporary"',
    ],
    [
      { restart: null },
      "invalidRestartType",
      null,
      'restart of child "a" is null; expected "permanent", "transient" or "temporary"',
    ],
    [{ type: "leaf" }, "invalidChildType", "leaf", 'type of child "a" is "leaf"; expected "worker" or "supervisor"'],
    ...[-1, Number.NaN, Infinity, "soon", null].map((shutdown): [Careless, string, unknown, string] => [
      { shutdown },
      "invalidShutdown",
      shutdown,
      `shutdown of child "a" is ${typeof shutdown === "string" ? `"${shutdown}"` : String(shutdown)}; ` +
        'expected "brutalKill", "infinity" or milliseconds of at least 0',
    ]),
    [{ significant: 1 }, "invalidSignificant", 1, 'significant of child "a" is 1; expected true or false'],
  ])("with %o is refused, and the error names field, value and what is allowed", (fields, problem, value, message) => {
    const error = problemOf(() => completeChildSpec(careless(fields), "allSignificant"));
    expect(error).toMatchObject({ problem, message });
    expect(error.value).toBe(value);
  });

  test("whose start has no definition is refused, not crashed over", () => {
    const start: unknown = { definition: undefined, args: undefined };
    const error = problemOf(() => completeChildSpec(careless({ start }), "never"));
    expect(error).toMatchObject({
      problem: "missingStart",
      message: `start of child "a" is { definition, args }; expected ${anything}`,
    });
  });

  test("of a permanent child cannot be significant", () => {
    const error = problemOf(() => checkChildSpecs([worker("a", steady, { significant: true })]));
    expect(error).toMatchObject({
      problem: "badCombination",
      message: 'significant of child "a" is true; expected false for a permanent child, which never ends by itself',
    });
  });

  test("cannot be significant where nothing shuts down automatically", () => {
    const specs = [worker("a", steady, { significant: true, restart: "transient" })];
    const error = problemOf(() => checkChildSpecs(specs, "never"));
    expect(error).toMatchObject({
      problem: "badCombination",
      message: 'significant of child "a" is true; expected false as long as autoShutdown is "never"',
    });
    expect(() => checkChildSpecs(specs, "anySignificant")).not.toThrow();
    expect(() => checkChildSpecs(specs, "allSignificant")).not.toThrow();
    expect(() => checkChildSpecs(specs)).not.toThrow();
  });
});

describe("the child specs of one supervisor", () => {
  test("have ids that differ", () => {
    const error = problemOf(() => checkChildSpecs([worker("a", steady), worker("b", steady), worker("a", tree)]));
    expect(error).toMatchObject({
      problem: "duplicateChildName",
      value: "a",
      message: 'id of child "a" is "a"; expected an id that no sibling has',
    });
  });

  test("are checked in order: all that is wrong is named, and the problem is the first, as in OTP", () => {
    const specs = [worker("a", steady), careless({ id: "b", type: 1 }), careless({ id: "" })];
    const error = problemOf(() => checkChildSpecs(specs));
    expect(error).toMatchObject({ problem: "invalidChildType", value: 1 });
    expect(error.issues.map(({ path }) => path)).toEqual(["children[1].type", "children[2].id"]);
  });

  test("may be none at all", () => {
    expect(() => checkChildSpecs([], "never")).not.toThrow();
  });
});

describe("a start", () => {
  test("holds the definition, its arguments, and how it is called", () => {
    const start: Start = child(tree, undefined, { name: "registered", label: "for people" });
    expect(start).toEqual({ definition: tree, args: undefined, name: "registered", label: "for people" });
  });
});
