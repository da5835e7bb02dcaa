import { type ActorRef, type Definition, fromMachine, statem, sys, type TraceEvent } from "@espalier/actors";
import { collectTrace } from "@espalier/actors/testing";
import { describe, expect, test, vi } from "vitest";
import { type AnyStateMachine, assign, createMachine, type EventObject, raise } from "xstate";
import { puppet } from "./support/actors.ts";
import { answer, run, type Run, settle } from "./support/machines.ts";
import { createWorld } from "./support/world.ts";

type Transition = Extract<TraceEvent, { type: "transition" }>;

function transitionsOf({ world }: Pick<Run, "world">): Transition[] {
  const transitions: Transition[] = [];
  world.system.trace((event) => {
    if (event.type === "transition") transitions.push(event);
  });
  return transitions;
}

function watch({ world, ref }: Run, on: boolean): Promise<void> {
  return answer(world, sys.traceTransitions(world.system, ref, on));
}

const door = {
  id: "door",
  initial: "closed",
  context: { n: 0 },
  states: {
    closed: { on: { open: { target: "open", actions: ["creak", assign({ n: 1 })] } }, exit: "unlock" },
    open: {
      entry: "light",
      on: { close: "closed", count: { actions: assign({ n: 2 }) }, ignore: {} },
      after: { 50: "closed" },
    },
  },
};

describe("the trace of transitions", () => {
  test("has one event for each, with the event, the states before and after, and the actions in order", async () => {
    const machine = run(createMachine(door as object, { actions: { creak: () => undefined, light: () => undefined } }));
    const transitions = transitionsOf(machine);
    await watch(machine, true);
    await machine.send("open", "count", "close");
    expect(transitions.map(({ event, from, to, actions }) => ({ event, from, to, actions }))).toEqual([
      { event: { type: "open" }, from: "closed", to: "open", actions: ["unlock", "creak", "light", "xstate.raise"] },
      { event: { type: "count" }, from: "open", to: "open", actions: [] },
      { event: { type: "close" }, from: "open", to: "closed", actions: ["xstate.cancel"] },
    ]);
    expect(transitions[0]?.subject).toMatchObject({ pid: machine.ref, path: "door-1" });
  });

  test("has none for an event that has no transition", async () => {
    const machine = run(door);
    const transitions = transitionsOf(machine);
    await watch(machine, true);
    await machine.send("close", "unknown");
    expect(transitions).toEqual([]);
  });

  test("has one for all that an event sets going within the machine", async () => {
    const machine = run({
      initial: "a",
      states: {
        a: { on: { go: { target: "b", actions: raise({ type: "on" }) } } },
        b: { on: { on: "c" } },
        c: { always: "d" },
        d: {},
      },
    });
    const transitions = transitionsOf(machine);
    await watch(machine, true);
    await machine.send("go");
    expect(transitions).toMatchObject([{ event: { type: "go" }, from: "a", to: "d", actions: ["xstate.raise"] }]);
  });

  test("has one for a timeout, an inserted event and the end", async () => {
    const machine = run({
      initial: "a",
      states: {
        a: { after: { 10: "b" } },
        b: { entry: statem.nextEvent({ type: "next" }), on: { next: "c" } },
        c: { type: "final" },
      },
    });
    const transitions = transitionsOf(machine);
    await watch(machine, true);
    await machine.advance(10);
    expect(transitions).toMatchObject([
      { event: { type: "xstate.after.10.(machine).a" }, from: "a", to: "b" },
      { event: { type: "next" }, from: "b", to: "c" },
    ]);
  });

  test("has none for an event that crashes the machine", async () => {
    const machine = run({
      initial: "a",
      states: {
        a: {
          on: {
            go: {
              target: "b",
              actions: () => {
                throw new Error("boom");
              },
            },
          },
        },
        b: {},
      },
    });
    const transitions = transitionsOf(machine);
    await watch(machine, true);
    await machine.send("go");
    expect(machine.end.reason).toMatchObject({ type: "error" });
    expect(transitions).toEqual([]);
  });

  test("is off unless asked for, and then the machine goes by plans and not through XState", async () => {
    // With a bound of its own a machine is run as it is, so that its methods can be watched.
    const machine = createMachine({ ...door, options: { maxIterations: 100 } } as object);
    const byXState = vi.spyOn(machine, "transition");
    const running = run(machine);
    const transitions = transitionsOf(running);
    await running.send("open", "close");
    expect(transitions).toEqual([]);
    expect(byXState).not.toHaveBeenCalled();
    await watch(running, true);
    await running.send("open");
    expect(byXState).toHaveBeenCalledTimes(1);
    await watch(running, false);
    await running.send("close");
    expect(byXState).toHaveBeenCalledTimes(1);
    expect(transitions).toHaveLength(1);
  });

  test("is switched on and off in mid-life, and the machine goes on as it was", async () => {
    const machine = run(door);
    const transitions = transitionsOf(machine);
    await machine.send("open");
    await machine.advance(20);
    await watch(machine, true);
    await machine.advance(20);
    await watch(machine, false);
    await machine.advance(9);
    expect(machine.value()).toBe("open");
    await machine.advance(1);
    expect(machine.value()).toBe("closed");
    await watch(machine, true);
    await machine.send("open");
    await watch(machine, false);
    await machine.send("close");
    expect(transitions.map(({ event }) => (event as EventObject).type)).toEqual(["open"]);
  });

  test("is for one actor, and leaves others of its definition alone", async () => {
    const world = createWorld();
    const definition = fromMachine(createMachine(door as object) as AnyStateMachine) as Definition<
      void,
      ActorRef<EventObject>
    >;
    const transitions = transitionsOf({ world });
    const [first, second] = [world.system.spawn(definition), world.system.spawn(definition)];
    await answer(world, sys.traceTransitions(world.system, second, true));
    world.system.send(first, { type: "open" });
    world.system.send(second, { type: "open" });
    await settle(world);
    expect(transitions.map(({ subject }) => subject.pid)).toEqual([second]);
  });

  test("can be asked for in the definition, for all its actors", async () => {
    const machine = run(door, { traceTransitions: true });
    const transitions = transitionsOf(machine);
    await machine.send("open");
    await watch(machine, false);
    await machine.send("close");
    expect(transitions.map(({ to }) => to)).toEqual(["open"]);
  });

  test("is switched when new code asks for something else than the old", async () => {
    const machine = run(door);
    const transitions = transitionsOf(machine);
    const { world, ref } = machine;
    const definition = (options: object): Definition<never> =>
      fromMachine(createMachine(door as object) as AnyStateMachine, options) as Definition<never>;
    await answer(world, sys.swapCode(world.system, ref, definition({ traceTransitions: true })));
    await machine.send("open");
    expect(transitions.map(({ to }) => to)).toEqual(["open"]);
    await answer(world, sys.swapCode(world.system, ref, definition({})));
    await machine.send("close");
    expect(transitions).toHaveLength(1);
    // What was asked for of this one actor stays.
    await watch(machine, true);
    await answer(world, sys.swapCode(world.system, ref, definition({})));
    await machine.send("open");
    expect(transitions).toHaveLength(2);
  });

  test("shows its cause: the message that was delivered", async () => {
    const world = createWorld();
    const trace = collectTrace(world.system);
    const machine = run(door, { traceTransitions: true }, world);
    await machine.send("open");
    const [transition] = trace.of("transition");
    const delivered = trace.events.find(({ id }) => id === transition?.cause);
    expect(delivered).toMatchObject({ type: "deliver", message: { type: "open" } });
    const sent = trace.events.find(({ id }) => id === delivered?.cause);
    expect(sent).toMatchObject({ type: "send", message: { type: "open" } });
    trace.stop();
  });

  test("reaches those who watch nothing but life", async () => {
    const world = createWorld();
    const types: string[] = [];
    world.system.trace((event) => types.push(event.type), { detail: "life" });
    const machine = run(door, { traceTransitions: true }, world);
    await machine.send("open");
    expect(types).toEqual(["spawn", "started", "transition"]);
  });

  test("is refused for an actor that is no machine", async () => {
    const { system } = createWorld();
    const ref = system.spawn(puppet());
    await expect(sys.traceTransitions(system, ref, true)).rejects.toThrow("a server has no transitions");
  });
});
