import { describe, expect, test } from "vitest";
import { compareTraces } from "./compare.ts";
import type { EventList, Trace, TraceStep } from "./scenario.ts";

function traceOf(...steps: ReadonlyArray<Partial<TraceStep>>): Trace {
  return { format: 1, steps: steps.map((step, i) => Object.assign({ i, op: "act" }, step)), final: { alive: [] } };
}

/** The fields in which the second trace differs from the first. */
function fieldsOf(recorded: Trace, own: Trace): string[] {
  return compareTraces(recorded, own).map(({ field }) => field);
}

function fields(recorded: Partial<TraceStep>, own: Partial<TraceStep>): string[] {
  return fieldsOf(traceOf(recorded), traceOf(own));
}

const a = { ev: "start", who: "a" };
const b = { ev: "start", who: "b" };
const c = { ev: "start", who: "c" };
const d = { ev: "start", who: "d" };

describe("the order of events", () => {
  const recorded: EventList = [a, { par: [[b, c], [d]] }, a];

  test.each([
    ["branch after branch", [a, b, c, d, a]],
    ["branches interleaved", [a, b, d, c, a]],
    ["the last branch first", [a, d, b, c, a]],
  ])("is allowed with %s", (_name, events) => {
    expect(fields({ events: recorded }, { events })).toEqual([]);
  });

  test.each([
    ["a branch turned round", [a, c, b, d, a]],
    ["a branch that began too early", [d, a, b, c, a]],
    ["a branch that ended too late", [a, b, c, a, d]],
    ["one event missing", [a, b, c, a]],
    ["one event too many", [a, b, c, d, a, a]],
  ])("is refused with %s", (_name, events) => {
    expect(fields({ events: recorded }, { events })).toEqual(["events"]);
  });

  test("is found also where two branches begin alike", () => {
    const branches: EventList = [
      {
        par: [
          [a, b],
          [a, c],
        ],
      },
    ];
    expect(fields({ events: branches }, { events: [a, a, c, b] })).toEqual([]);
    expect(fields({ events: branches }, { events: [a, c, a, b] })).toEqual([]);
    expect(fields({ events: branches }, { events: [a, c, b, a] })).toEqual(["events"]);
  });
});

describe("values", () => {
  test("match whatever stands there if a star is recorded", () => {
    expect(fields({ result: { counts: [1, "*", 0, 1] } }, { result: { counts: [1, 7, 0, 1] } })).toEqual([]);
    expect(fields({ result: { counts: [1, 7, 0, 1] } }, { result: { counts: [1, "*", 0, 1] } })).toEqual(["result"]);
  });

  test("of a set have no order, those of a list do", () => {
    expect(fields({ result: { set: ["x", "y"] } }, { result: { set: ["y", "x"] } })).toEqual([]);
    expect(fields({ result: { list: ["x", "y"] } }, { result: { list: ["y", "x"] } })).toEqual(["result"]);
  });

  test("of a step that was not waited for are its result alone", () => {
    const deferred = { deferred: true, result: "ok" } as const;
    expect(fields(deferred, { ...deferred, events: [a] })).toEqual([]);
    expect(fields(deferred, { ...deferred, result: "dead" })).toEqual(["result"]);
  });
});

describe("an actor that ends in its own step", () => {
  const stopped = { by: "x", events: [{ ev: "stop", who: "x", reason: "boom" }] };

  test("may report what it did last", () => {
    expect(fields({ ...stopped, results: ["ok"] }, { ...stopped, results: ["ok", "ok"] })).toEqual([]);
    expect(fields({ by: "x", results: ["ok"] }, { by: "x", results: ["ok", "ok"] })).toEqual(["results"]);
  });

  test("has an inbox that says nothing", () => {
    const own = { ...stopped, inbox: { x: [{ msg: "m", from: "y" }] } };
    expect(fields(stopped, own)).toEqual([]);
    expect(fields({ by: "x" }, { by: "x", inbox: own.inbox })).toEqual(["inbox of x"]);
  });
});

describe("snapshots and names", () => {
  test("may be told in full or by what has changed", () => {
    const entry = { children: ["a#1"], counts: [1, 1, 0, 1] };
    const full = traceOf({ snapshot: { root: entry } }, { snapshot: { root: entry } }, { snapshot: { root: null } });
    const changed = traceOf({ snapshot: { root: entry } }, {}, { snapshot: { root: null } });
    expect(compareTraces(full, changed)).toEqual([]);
    expect(compareTraces(changed, full)).toEqual([]);
  });

  test("differ until they agree again", () => {
    const recorded = traceOf({ names: { n: "a" } }, {}, { names: { n: "b" } });
    expect(fieldsOf(recorded, traceOf({}, {}, { names: { n: "b" } }))).toEqual([
      "owner of the name n",
      "owner of the name n",
    ]);
  });
});

test("every difference is told, with its step", () => {
  const recorded = traceOf({ alive: 1, result: "ok" }, { alive: 2 });
  expect(compareTraces(recorded, traceOf({ alive: 3, result: "dead" }, { alive: 4 })).map(({ text }) => text)).toEqual([
    'step 0 (act), result: expected "ok", got "dead"',
    "step 0 (act), alive: expected 1, got 3",
    "step 1 (act), alive: expected 2, got 4",
  ]);
});
