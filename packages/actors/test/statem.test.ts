import {
  type Call,
  type CallExitError,
  failure,
  type From,
  fromMachine,
  type InfoEvent,
  normal,
  shutdown,
  silentLogger,
  statem,
  sys,
} from "@espalier/actors";
import { collectTrace, createProbe, ManualClock } from "@espalier/actors/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { assign, createActor, createMachine, enqueueActions, raise, setup } from "xstate";
import { answer, assembled, noteIn, run, settle, ways } from "./support/machines.ts";
import { defer, errorOf } from "./support/promises.ts";
import { createWorld } from "./support/world.ts";

const boom = new Error("boom");

function packet(n: number): { type: string; n: number } {
  return { type: "packet", n };
}

function fail(): never {
  throw boom;
}

function data(n: number): { type: string; n: number } {
  return { type: "data", n };
}

/** An event as a caller of a machine may await it. */
type AnyCall = Call<"get", number>;

/** Takes no data until it is open. */
function door(seen: string[]): object {
  return {
    initial: "closed",
    context: { n: 0 },
    on: { "*": { actions: noteIn(seen) } },
    states: {
      closed: {
        on: {
          data: { actions: statem.postpone },
          count: { actions: assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 }) },
          open: "opened",
          leave: "locked",
        },
      },
      locked: { on: { data: { actions: statem.postpone }, open: "opened" } },
      opened: { on: { close: "closed" } },
    },
  };
}

describe.each(ways)("postpone, by %s,", (_way, options) => {
  test("of a raised event puts off that one, and what has raised it stays done", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        on: {
          data: { actions: [noteIn(seen), raise(packet(1)), raise(packet(2))] },
          mail: { actions: noteIn(seen) },
        },
        states: {
          a: { on: { packet: { actions: statem.postpone }, go: "b" } },
          b: { on: { packet: { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.send("data", "go", "mail");
    expect(seen).toEqual(["data", "packet 1", "packet 2", "mail"]);
  });

  test("puts an event off until the state changes; then it comes again, before all mail", async () => {
    const seen: string[] = [];
    const machine = run(door(seen), options);
    await machine.send(data(1), "other", "open", "mail");
    expect(seen).toEqual(["other", "data 1", "mail"]);
  });

  test("lets several come again in their order, the oldest first", async () => {
    const seen: string[] = [];
    const machine = run(door(seen), options);
    await machine.send(data(1), data(2), data(3));
    expect(seen).toEqual([]);
    await machine.send(data(4), "open", "mail");
    expect(seen).toEqual(["data 1", "data 2", "data 3", "data 4", "mail"]);
  });

  test("can be done again in the next state, and the order stays", async () => {
    const seen: string[] = [];
    const machine = run(door(seen), options);
    await machine.send(data(1), data(2), "leave", data(3));
    expect(machine.value()).toBe("locked");
    expect(seen).toEqual([]);
    await machine.send("open", "mail");
    expect(seen).toEqual(["data 1", "data 2", "data 3", "mail"]);
    // What came again and was handled is not kept.
    await machine.send("close", "open");
    expect(seen).toHaveLength(4);
  });

  test("leaves what is still to come in its place when the state changes on the way", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { x: { actions: statem.postpone }, y: { actions: statem.postpone }, go: "b" } },
          // The first that comes again leads on; the second is handled there.
          b: { on: { x: "c", y: { actions: () => seen.push("y in b") } } },
          c: { on: { y: { actions: () => seen.push("y in c") }, z: { actions: () => seen.push("z in c") } } },
        },
      },
      options,
    );
    await machine.send("x", "y", "go", "z");
    expect(seen).toEqual(["y in c", "z in c"]);
  });

  test("puts those that came again once more in front of younger ones", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { "*": { actions: statem.postpone }, go: "b" } },
          b: { on: { first: { actions: statem.postpone }, second: "c" } },
          c: { on: { "*": { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.send("first", "second", "third", "go", "mail");
    expect(seen).toEqual(["first", "third", "mail"]);
  });

  test("of the event that changes the state lets it come again in the new one", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { data: { target: "b", actions: statem.postpone } } },
          b: { on: { data: { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.send(data(1));
    expect(seen).toEqual(["data 1"]);
  });

  test("by two actions is one", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { data: { actions: [statem.postpone, statem.postpone] }, go: "b" } },
          b: { on: { data: { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.send(data(1), "go");
    expect(seen).toEqual(["data 1"]);
  });

  test("works among enqueued actions", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { data: { actions: enqueueActions(({ enqueue }) => enqueue(statem.postpone)) }, go: "b" } },
          b: { on: { data: { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.send(data(1), "go");
    expect(seen).toEqual(["data 1"]);
  });

  test("at the start means nothing: there is no event", async () => {
    const warnings: string[] = [];
    const clock = new ManualClock({ logger: { ...silentLogger, warn: (_fields, text) => warnings.push(text) } });
    const machine = run(
      { initial: "a", entry: statem.postpone, states: { a: { on: { go: "b" } }, b: {} } },
      options,
      createWorld({ clock }),
    );
    await machine.send("go");
    expect(machine.value()).toBe("b");
    expect(warnings).toEqual([]);
  });

  test.each([
    ["no transition", {}],
    ["an action without a target", { actions: assign({ n: 2 }) }],
    ["a transition to itself", { target: "a" }],
    ["a transition that enters it anew", { target: "a", reenter: true }],
    ["a way there and back", { target: "b", actions: raise({ type: "back" }) }],
  ])("ends by a change of the state value only, not by %s", async (_what, transition) => {
    const seen: string[] = [];
    const note = { actions: noteIn(seen) };
    const machine = run(
      {
        initial: "a",
        context: { n: 1 },
        states: {
          a: { on: { data: { actions: statem.postpone }, step: transition, go: "c" } },
          b: { on: { back: "a" } },
          c: { on: { data: note } },
        },
      },
      options,
    );
    await machine.send(data(1), "step");
    expect(seen).toEqual([]);
    expect(machine.value()).toBe("a");
    await machine.send("go");
    expect(seen).toEqual(["data 1"]);
  });

  test("ends when one region changes, and not when one is entered anew", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        type: "parallel",
        states: {
          left: {
            initial: "a",
            on: { again: { target: "left", reenter: true } },
            states: { a: { on: { data: { actions: [noteIn(seen), statem.postpone] } } } },
          },
          right: { initial: "x", states: { x: { on: { go: "y" } }, y: {} } },
        },
      },
      options,
    );
    await machine.send(data(1), "again");
    expect(seen).toEqual(["data 1"]);
    await machine.send("go");
    expect(seen).toEqual(["data 1", "data 1"]);
  });

  test("ends when a state inside another changes", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "outer",
        states: {
          outer: {
            initial: "a",
            states: {
              a: { on: { data: { actions: statem.postpone }, go: "b" } },
              b: { on: { data: { actions: noteIn(seen) } } },
            },
          },
        },
      },
      options,
    );
    await machine.send(data(1), "go");
    expect(seen).toEqual(["data 1"]);
  });

  test("ends by a timeout that changes the state", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { after: { 10: "b" }, on: { data: { actions: statem.postpone } } },
          b: { on: { data: { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.send(data(1));
    await machine.advance(10);
    expect(seen).toEqual(["data 1"]);
  });

  test("works for casts, messages that are no events, ends of actors and timeouts", async () => {
    const seen: unknown[] = [];
    const world = createWorld();
    const probe = createProbe(world.system);
    const machine = run(
      {
        initial: "a",
        states: {
          a: { entry: statem.stateTimeout(5), on: { go: "b", "*": { actions: statem.postpone } } },
          b: {
            on: { "*": { actions: ({ event }: { event: { type: string; message?: unknown } }) => seen.push(event) } },
          },
        },
      },
      { ...options, trapExit: true },
      world,
    );
    await settle(world);
    world.system.cast(machine.ref, { type: "word" });
    world.system.send(machine.ref, "hello");
    probe.self.exit(machine.ref, shutdown());
    await machine.advance(5);
    expect(seen).toEqual([]);
    await machine.send("go");
    expect(seen).toMatchObject([
      { type: "word" },
      { type: "info", message: "hello" },
      { type: "exit", reason: shutdown() },
      { type: "timeout" },
    ]);
  });

  test("is seen in the state for as long as it lasts", async () => {
    const machine = run(door([]), options);
    await machine.send(data(1), data(2));
    const { system } = machine.world;
    expect(await answer(machine.world, sys.getState(system, machine.ref))).toEqual({
      value: "closed",
      context: { n: 0 },
      tags: [],
      postponed: [data(1), data(2)],
    });
    await machine.send("open");
    expect(await answer(machine.world, sys.getState(system, machine.ref))).toEqual({
      value: "opened",
      context: { n: 0 },
      tags: [],
    });
  });

  test("waits while the actor is suspended", async () => {
    const seen: string[] = [];
    const machine = run(door(seen), options);
    await machine.send(data(1));
    await machine.suspend();
    await machine.send("open", "mail");
    expect(seen).toEqual([]);
    await machine.resume();
    expect(seen).toEqual(["data 1", "mail"]);
  });

  test("of the parent's shutdown lets the machine end when it is ready, with that reason", async () => {
    const machine = run(
      {
        initial: "busy",
        states: {
          busy: { on: { shutdown: { actions: statem.postpone }, done: "idle" } },
          idle: { on: { shutdown: "gone" } },
          gone: { type: "final" },
        },
      },
      { ...options, trapExit: true },
    );
    await settle(machine.world);
    machine.world.system.exit(machine.ref, shutdown("please"));
    await settle(machine.world);
    expect(machine.end.reason).toBeUndefined();
    await machine.send("done");
    expect(machine.end.reason).toEqual(shutdown("please"));
  });

  describe("of a call", () => {
    const config = {
      initial: "connecting",
      states: {
        connecting: { on: { call: { actions: statem.postpone }, connected: "connected", crash: { actions: fail } } },
        connected: { on: { call: { actions: statem.reply(42) } } },
      },
    };

    test("answers it later", async () => {
      const machine = run(config, options);
      const call = machine.world.system.call(machine.ref, { type: "get" });
      await machine.advance(4000);
      await machine.send("connected");
      await expect(call).resolves.toBe(42);
    });

    test("fails it when the machine crashes", async () => {
      const machine = run(config, options);
      const failed = errorOf(machine.world.system.call(machine.ref, { type: "get" }));
      await machine.send("crash");
      expect(((await failed) as CallExitError).reason).toEqual(failure(boom));
    });

    test("does not lengthen its time", async () => {
      const machine = run(config, options);
      const failed = errorOf(machine.world.system.call(machine.ref, { type: "get" }));
      await machine.advance(5000);
      expect(await failed).toMatchObject({ code: "ERR_CALL_TIMEOUT" });
      // The answer to a caller that has given up is dropped.
      await machine.send("connected");
      expect(machine.value()).toBe("connected");
    });
  });

  test("shows in a crash report, with the event that came again as the last message", async () => {
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { data: { actions: statem.postpone }, hold: { actions: statem.postpone }, go: "b" } },
          b: { on: { hold: { actions: statem.postpone }, data: { actions: fail } } },
        },
      },
      options,
    );
    await machine.send("hold", data(7), "go");
    expect(machine.end.reason).toEqual(failure(boom));
    expect(machine.crashes).toMatchObject([
      { lastMessage: data(7), state: { value: "b", postponed: [{ type: "hold" }] } },
    ]);
  });

  test("ends with the actor", async () => {
    const machine = run(door([]), options);
    await machine.send(data(1));
    machine.world.system.kill(machine.ref);
    await settle(machine.world);
    expect(machine.end.reason).toEqual({ type: "killed" });
  });
});

describe.each(ways)("nextEvent, by %s,", (_way, options) => {
  test("lets an event come right after this one, several in their order", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          go: { actions: [statem.nextEvent({ type: "one" }), statem.nextEvent({ type: "two" }), noteIn(seen)] },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["go", "one", "two", "mail"]);
  });

  test("is an event of its own, and not part of the transition as what is raised", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: { on: { go: { target: "b", actions: [statem.nextEvent({ type: "next" }), raise({ type: "raised" })] } } },
          b: {
            on: {
              raised: { actions: noteIn(seen) },
              next: { actions: noteIn(seen) },
            },
          },
        },
      },
      options,
    );
    await machine.send("go");
    expect(seen).toEqual(["raised", "next"]);
  });

  test("of one that was inserted comes before the rest of those", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          go: { actions: [statem.nextEvent({ type: "one" }), statem.nextEvent({ type: "two" })] },
          one: { actions: [noteIn(seen), statem.nextEvent({ type: "inner" })] },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["one", "inner", "two", "mail"]);
  });

  test("comes before postponed events; timeouts of 0 come behind them, and mail last", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        states: {
          a: {
            on: {
              first: { actions: statem.postpone },
              second: { actions: statem.postpone },
              go: {
                target: "b",
                actions: [
                  statem.namedTimeout("z", 0, { type: "zero" }),
                  statem.nextEvent({ type: "next" }),
                  noteIn(seen),
                ],
              },
            },
          },
          b: {
            on: {
              first: {
                actions: [
                  noteIn(seen),
                  statem.namedTimeout("late", 0, { type: "late" }),
                  statem.nextEvent({ type: "inner" }),
                ],
              },
              "*": { actions: noteIn(seen) },
            },
          },
        },
      },
      options,
    );
    await machine.send("first", "second", "go", "mail");
    expect(seen).toEqual(["go", "next", "first", "inner", "second", "zero", "late", "mail"]);
  });

  test("can be made of context and event", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        context: { factor: 3 },
        on: {
          data: {
            actions: statem.nextEvent(
              ({ context, event }: { context: { factor: number }; event: { n: number } }) =>
                ({ type: "product", n: context.factor * event.n }) as { type: string },
            ),
          },
          product: { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send(data(2));
    expect(seen).toEqual(["product 6"]);
  });

  test("at the start comes before whatever was sent", async () => {
    const seen: string[] = [];
    const machine = run(
      { entry: statem.nextEvent({ type: "first" }), on: { "*": { actions: noteIn(seen) } } },
      options,
    );
    await machine.send("mail");
    expect(seen).toEqual(["first", "mail"]);
  });

  test("of an asynchronous action that has waited comes at once", async () => {
    const seen: string[] = [];
    const gate = defer();
    const machine = run(
      {
        on: {
          go: {
            actions: async (args: Parameters<typeof statem.postpone>[0]) => {
              await gate.promise;
              statem.nextEvent({ type: "next" })(args as never);
            },
          },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go");
    expect(seen).toEqual([]);
    gate.resolve();
    await settle(machine.world);
    expect(seen).toEqual(["next"]);
  });

  test("waits while the actor is suspended, and comes before what came meanwhile", async () => {
    const seen: string[] = [];
    const gate = defer();
    const machine = run(
      {
        on: {
          go: {
            actions: async (args: Parameters<typeof statem.postpone>[0]) => {
              await gate.promise;
              statem.namedTimeout("z", 0, { type: "zero" })(args as never);
              statem.nextEvent({ type: "next" })(args as never);
            },
          },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go");
    await machine.suspend();
    await machine.send("mail");
    gate.resolve();
    await settle(machine.world);
    expect(seen).toEqual([]);
    await machine.resume();
    expect(seen).toEqual(["next", "zero", "mail"]);
  });

  test("is handled by a fallback like any other", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          go: { actions: [statem.nextEvent({ type: "odd" }), statem.nextEvent({ type: "even" })] },
          even: { actions: noteIn(seen) },
        },
      },
      { ...options, fallback: { odd: ({ type }: { type: string }) => void seen.push(`fallback ${type}`) } },
    );
    await machine.send("go");
    expect(seen).toEqual(["fallback odd", "even"]);
  });

  test("does not come any more when the machine is done", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        on: { "*": { actions: noteIn(seen) } },
        states: {
          a: { on: { go: { target: "b", actions: statem.nextEvent({ type: "next" }) } } },
          b: { type: "final" },
        },
      },
      options,
    );
    await machine.send("go");
    expect(seen).toEqual([]);
    expect(machine.end.reason).toEqual(normal);
  });

  test("lets other actors have their turn", async () => {
    const world = createWorld();
    const seen: string[] = [];
    let rounds = 0;
    const spinning = run(
      {
        on: {
          spin: {
            guard: () => rounds < 100,
            actions: [() => (rounds += 1), statem.nextEvent({ type: "spin" })],
          },
        },
      },
      options,
      world,
    );
    const other = run({ on: { hello: { actions: () => seen.push(`after ${rounds} rounds`) } } }, options, world);
    world.system.send(spinning.ref, { type: "spin" });
    world.system.send(other.ref, { type: "hello" });
    await settle(world);
    expect(seen).toEqual(["after 1 rounds"]);
    expect(rounds).toBe(100);
  });
});

describe("the trace", () => {
  test("shows the cause of an event that was inserted or came again", async () => {
    const world = createWorld();
    const trace = collectTrace(world.system);
    const machine = run(
      {
        initial: "a",
        states: {
          a: {
            on: {
              data: { actions: statem.postpone },
              go: { target: "b", actions: [statem.nextEvent({ type: "next" }), statem.stateTimeout(0)] },
            },
          },
          b: {},
        },
      },
      {},
      world,
    );
    await machine.send(data(1), "go", "mail");
    const delivered = trace.of("deliver").filter(({ message }) => typeof message === "object");
    const types = delivered.map(({ message }) => (message as { type: string }).type);
    expect(types).toEqual(["data", "go", "next", "data", "timeout", "mail"]);
    const [, go, ...rest] = delivered;
    expect(rest.slice(0, 3).map(({ cause }) => cause)).toEqual([go?.id, go?.id, go?.id]);
    trace.stop();
  });

  test("and the log of an actor show the event itself", async () => {
    const machine = run({ on: { go: { actions: statem.nextEvent(data(1)) } } });
    const { world, ref } = machine;
    await answer(world, sys.log(world.system, ref));
    await machine.send("go");
    const events = await answer(world, sys.getLog(world.system, ref));
    expect(events.map((event) => ("message" in event ? event.message : undefined))).toContainEqual(data(1));
  });
});

describe("reply", () => {
  const types: {
    context: { count: number };
    events: { type: "call"; request: Call<"get", number> | Call<"twice", number>; from: From<number> } | { type: "go" };
  } = { context: { count: 4 } } as never;

  test("answers the call that is being handled, with a value or what is made of context and event", async () => {
    const machine = setup({ types }).createMachine({
      context: { count: 4 },
      on: {
        call: [
          {
            guard: ({ event }) => event.request.type === "get",
            actions: statem.reply(({ context }) => context.count),
          },
          { actions: statem.reply(0) },
        ],
        go: { actions: statem.reply(1) },
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    await expect(answer(world, world.system.call(ref, { type: "get" }))).resolves.toBe(4);
    await expect(answer(world, world.system.call(ref, { type: "twice" }))).resolves.toBe(0);
    // No call: nothing to answer.
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(world.system.isAlive(ref)).toBe(true);
  });

  test("counts once", async () => {
    const machine = run({ on: { call: { actions: [statem.reply(1), statem.reply(2)] } } });
    const call = machine.world.system.call(machine.ref, { type: "get" });
    await expect(answer(machine.world, call)).resolves.toBe(1);
  });
});

describe("a message that is no event", () => {
  test.each(ways)("is an info event for a machine that can take it, by %s", async (_way, options) => {
    const seen: unknown[] = [];
    const machine = run(
      { on: { info: { actions: ({ event }: { event: { message: unknown } }) => seen.push(event.message) } } },
      options,
    );
    for (const message of ["text", 7, undefined, { kind: "x" }]) {
      machine.world.system.send(machine.ref, message);
    }
    machine.world.system.cast(machine.ref, "cast");
    await settle(machine.world);
    expect(seen).toEqual(["text", 7, undefined, { kind: "x" }, "cast"]);
  });

  test("is dropped, with a warning, where the machine cannot take it in its present state", async () => {
    const warnings: string[] = [];
    const clock = new ManualClock({ logger: { ...silentLogger, warn: (_fields, text) => warnings.push(text) } });
    const machine = run(
      { id: "choosy", initial: "a", states: { a: { on: { go: "b" } }, b: { on: { info: "c" } }, c: {} } },
      {},
      createWorld({ clock }),
    );
    machine.world.system.send(machine.ref, "early");
    await machine.send("go");
    machine.world.system.send(machine.ref, "late");
    await settle(machine.world);
    expect(warnings).toEqual(['choosy got "early", which is no event; it is dropped']);
    expect(machine.value()).toBe("c");
  });
});

test("hibernate is a hint without effect", async () => {
  const machine = run({
    initial: "a",
    states: { a: { on: { go: { target: "b", actions: statem.hibernate } } }, b: {} },
  });
  await machine.send("go");
  expect(machine.value()).toBe("b");
});

test.each<[string, (event: never) => unknown]>([
  ["nextEvent", (event) => statem.nextEvent(event)],
  ["stateTimeout", (event) => statem.stateTimeout(0, event)],
  ["eventTimeout", (event) => statem.eventTimeout(5, event)],
  ["namedTimeout", (event) => statem.namedTimeout("x", 5, event)],
])("an event that is none is a crash that names it: %s", async (option, make) => {
  for (const event of ["text", {}, null, () => undefined]) {
    const machine = run({ on: { go: { actions: make(event as never) } } });
    await machine.send("go");
    expect(machine.end.reason).toMatchObject({ error: { code: "ERR_INVALID_OPTION", option } });
  }
});

test("these actions are for machines that an actor runs", () => {
  const errors: unknown[] = [];
  for (const action of [statem.postpone, statem.nextEvent({ type: "x" }), statem.stateTimeout(1)]) {
    const actor = createActor(assembled({ entry: action }));
    actor.subscribe({ error: (error) => errors.push(error) });
    actor.start();
  }
  expect(errors).toHaveLength(3);
  for (const error of errors) expect(error).toBeInstanceOf(TypeError);
});

test("types: an event that the machine does not have is an error of the compiler", () => {
  const goOnly: { events?: { type: "go" } } = {};
  type Events =
    | { type: "go"; n: number }
    | { type: "stop" }
    | { type: "call"; request: AnyCall; from: From<number> }
    | statem.TimeoutEvent
    | InfoEvent;
  const types: { context: { idleMs: number }; events: Events } = { context: { idleMs: 1 } } as never;
  const parts = setup({
    types,
    actions: {
      wait: statem.postpone,
      stop: statem.nextEvent({ type: "stop" }),
      several: (args) => {
        for (const n of [1, 2]) statem.nextEvent({ type: "go", n })(args);
        // @ts-expect-error: there is no such event
        statem.nextEvent({ type: "halt" })(args);
      },
      again: statem.nextEvent(({ context }) => {
        expectTypeOf(context).toEqualTypeOf<{ idleMs: number }>();
        return { type: "go", n: context.idleMs };
      }),
      idle: statem.stateTimeout(({ context }) => context.idleMs),
      silence: statem.eventTimeout(5, { type: "stop" }),
      retry: statem.namedTimeout("retry", 5, ({ context }) => ({ type: "go", n: context.idleMs })),
      noRetry: statem.cancelTimeout({ name: "retry" }),
      answer: statem.reply(({ context }) => context.idleMs),
      rest: statem.hibernate,
      // @ts-expect-error: there is no such event
      unknownNext: statem.nextEvent({ type: "halt" }),
      // @ts-expect-error: the event lacks a field
      incomplete: statem.nextEvent({ type: "go" }),
      // @ts-expect-error: there is no such event
      computed: statem.nextEvent(() => ({ type: "halt" })),
      // @ts-expect-error: there is no such event
      unknownTimeout: statem.stateTimeout(5, { type: "halt" }),
      // @ts-expect-error: there is no such event
      unknownName: statem.namedTimeout("retry", 5, { type: "halt" }),
      // @ts-expect-error: there is no such timeout
      unknownCancel: statem.cancelTimeout("retry"),
    },
  });
  parts.createMachine({
    context: { idleMs: 1 },
    entry: [statem.stateTimeout(5), "idle"],
    on: {
      stop: { actions: ["wait", statem.nextEvent({ type: "go", n: 3 })] },
      go: {
        actions: statem.nextEvent(({ event }) => {
          expectTypeOf(event).toEqualTypeOf<{ type: "go"; n: number }>();
          return event;
        }),
      },
      call: {
        actions: statem.reply(({ event }) => {
          expectTypeOf(event.request).toEqualTypeOf<AnyCall>();
          return 1;
        }),
      },
      // @ts-expect-error: there is no such event
      timeout: { actions: statem.nextEvent({ type: "halt" }) },
      info: {
        actions: enqueueActions(({ enqueue }) => {
          enqueue(statem.postpone);
          // @ts-expect-error: there is no such event
          enqueue(statem.nextEvent({ type: "halt" }));
        }),
      },
    },
  });
  setup({ types: goOnly }).createMachine({
    exit: statem.postpone,
    // @ts-expect-error: the machine has no event "timeout"
    entry: statem.stateTimeout(5),
  });
  expect(createMachine({ entry: [statem.postpone, statem.stateTimeout(5)] }).id).toBe("(machine)");
});
