import { describe, expect, test } from "vitest";
import { type AnyStateMachine, createActor, fromPromise, setup } from "xstate";
import { statechartMutants } from "../src/statechart-mutants.ts";

/** Has one of everything that can be left out. */
const machine = setup({
  actions: { greet: () => undefined, count: () => undefined },
  guards: { isBrave: () => true },
  actors: { load: fromPromise(() => Promise.resolve(1)) },
}).createMachine({
  id: "chart",
  initial: "idle",
  on: { abort: ".over", note: { actions: "count" } },
  states: {
    idle: {
      entry: ["greet", "count"],
      exit: "greet",
      on: {
        go: [{ guard: "isBrave", target: "busy" }, { target: "over" }],
        look: { actions: ["greet", "greet"] },
      },
      after: { 100: "over" },
    },
    busy: {
      invoke: { src: "load", onDone: "inner", onError: { target: "over", actions: "count" } },
      always: { guard: () => false, target: "over" },
    },
    inner: {
      initial: "first",
      states: { first: { on: { next: "last" } }, last: { type: "final" } },
      onDone: "over",
    },
    over: { type: "final" },
  },
});

const mutants = statechartMutants(machine);

function mutant(name: string): AnyStateMachine {
  const found = mutants.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is none in which ${name}`);
  return found.machine;
}

function statesAfter(logic: AnyStateMachine, ...events: string[]): unknown {
  const actor = createActor(logic).start();
  for (const type of events) actor.send({ type });
  const { value } = actor.getSnapshot();
  actor.stop();
  return value;
}

describe("mutants of a statechart", () => {
  test("leave out one thing each, or lead to an end", () => {
    expect(mutants.map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "the machine ignores abort",
        "the machine ignores note",
        "the machine at note does not count",
        "the machine at note goes to .over",
        "idle ignores go",
        "idle at go asks no guard",
        "idle at go stays where it is",
        "idle at go goes to over",
        "idle at go stays where it is (2)",
        "idle ignores look",
        "idle at look does not greet",
        "idle at look does not greet (2)",
        "idle at look goes to over",
        "idle ignores after 100",
        "idle on entry does not greet",
        "idle on entry does not count",
        "idle on exit does not greet",
        "busy does not invoke load",
        "busy of load ignores onDone",
        "busy of load at onDone goes to over",
        "busy of load ignores onError",
        "busy of load at onError does not count",
        "busy of load at onError stays where it is",
        "busy takes no eventless transition",
        "inner ignores onDone",
        "inner.first ignores next",
      ]
    `);
  });

  test("are machines of their own, which can be started", () => {
    for (const { machine: each } of mutants) {
      expect(each).not.toBe(machine);
      const actor = createActor(each).start();
      expect(actor.getSnapshot().status).not.toBe("error");
      actor.stop();
    }
  });

  test("differ in their names", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  test("leave the machine as it is", () => {
    const before = JSON.stringify(machine.config);
    statechartMutants(machine);
    expect(JSON.stringify(machine.config)).toBe(before);
    expect(statesAfter(machine, "go")).toBe("busy");
  });

  test("do what their names say", () => {
    expect(statesAfter(mutant("idle ignores go"), "go")).toBe("idle");
    expect(statesAfter(mutant("idle at go stays where it is"), "go")).toBe("idle");
    expect(statesAfter(mutant("idle at go goes to over"), "go")).toBe("over");
    expect(statesAfter(mutant("the machine ignores abort"), "abort")).toBe("idle");
    expect(statesAfter(mutant("the machine at note goes to .over"), "note")).toBe("over");
    expect(statesAfter(mutant("busy does not invoke load"), "go")).toBe("busy");
    expect(Object.keys(createActor(mutant("busy does not invoke load")).getSnapshot().children)).toEqual([]);
  });

  test("keep the code behind the names", () => {
    let greetings = 0;
    const provided = machine.provide({ actions: { greet: () => void (greetings += 1) } });
    const found = statechartMutants(provided).find(({ name }) => name === "idle ignores go");
    createActor(found?.machine ?? machine).start();
    expect(greetings).toBe(1);
  });
});
