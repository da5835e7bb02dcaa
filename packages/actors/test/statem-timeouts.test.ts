import { type InvalidOptionError, normal, shutdown, statem } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { assign } from "xstate";
import { noteIn, run, settle, type Run, ways } from "./support/machines.ts";

const boom = new Error("boom");

function fail(): never {
  throw boom;
}

/** The armed timers of the whole system. */
function timers({ world }: Run): number {
  return world.system.inspect().timers;
}

describe.each(ways)("a state timeout, by %s,", (_way, options) => {
  const config = {
    initial: "idle",
    context: { n: 0 },
    states: {
      idle: {
        on: {
          start: { target: "working", actions: statem.stateTimeout(100, { type: "late" }) },
        },
      },
      working: {
        on: {
          late: "gaveUp",
          count: { actions: assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 }) },
          same: { target: "working" },
          anew: { target: "working", reenter: true },
          longer: { actions: statem.stateTimeout(200, { type: "late" }) },
          never: { actions: statem.stateTimeout(Infinity, { type: "late" }) },
          cancel: { actions: statem.cancelTimeout("state") },
          done: "idle",
        },
      },
      gaveUp: {},
    },
  };

  test("comes when the state has not changed for so long, and not before", async () => {
    const machine = run(config, options);
    await machine.send("start");
    await machine.advance(99);
    expect(machine.value()).toBe("working");
    await machine.advance(1);
    expect(machine.value()).toBe("gaveUp");
    expect(timers(machine)).toBe(0);
  });

  test("that is set in a transition is for the state which that leads to, by an action or on entry", async () => {
    const machine = run(
      {
        initial: "a",
        states: {
          a: { entry: statem.stateTimeout(10, { type: "late" }), on: { go: "b" } },
          b: { entry: statem.stateTimeout(20, { type: "late" }), on: { late: "c" } },
          c: {},
        },
      },
      options,
    );
    await machine.advance(5);
    await machine.send("go");
    await machine.advance(19);
    expect(machine.value()).toBe("b");
    expect(timers(machine)).toBe(1);
    await machine.advance(1);
    expect(machine.value()).toBe("c");
  });

  test("is cancelled by a change of the state", async () => {
    const machine = run(config, options);
    await machine.send("start", "done");
    expect(timers(machine)).toBe(0);
    await machine.advance(1000);
    expect(machine.value()).toBe("idle");
  });

  test.each(["unknown", "count", "same", "anew"])("goes on when nothing changes the state: %s", async (event) => {
    const machine = run(config, options);
    await machine.send("start");
    await machine.advance(60);
    await machine.send(event);
    await machine.advance(39);
    expect(machine.value()).toBe("working");
    await machine.advance(1);
    expect(machine.value()).toBe("gaveUp");
  });

  test("begins anew when it is set again", async () => {
    const machine = run(config, options);
    await machine.send("start");
    await machine.advance(60);
    await machine.send("longer");
    expect(timers(machine)).toBe(1);
    await machine.advance(199);
    expect(machine.value()).toBe("working");
    await machine.advance(1);
    expect(machine.value()).toBe("gaveUp");
  });

  test.each(["never", "cancel"])("can be cancelled: %s", async (event) => {
    const machine = run(config, options);
    await machine.send("start", event);
    expect(timers(machine)).toBe(0);
    await machine.advance(1000);
    expect(machine.value()).toBe("working");
  });

  test("that has come up behind the event which changes the state is void", async () => {
    const machine = run(config, options);
    await machine.send("start");
    await machine.suspend();
    await machine.send("done");
    await machine.advance(100);
    await machine.send("start");
    await machine.resume();
    expect(machine.value()).toBe("working");
    await machine.advance(100);
    expect(machine.value()).toBe("gaveUp");
  });

  test('comes as { type: "timeout" } if it names no event', async () => {
    const machine = run(
      { initial: "a", entry: statem.stateTimeout(5), states: { a: { on: { timeout: "b" } }, b: {} } },
      options,
    );
    await machine.advance(5);
    expect(machine.value()).toBe("b");
  });

  test("can be made of the context", async () => {
    const machine = run(
      {
        initial: "a",
        context: { ms: 30 },
        entry: statem.stateTimeout(
          ({ context }: { context: { ms: number } }) => context.ms,
          ({ context }: { context: { ms: number } }) => ({ type: `after ${context.ms}` }),
        ),
        states: { a: { on: { "after 30": "b" } }, b: {} },
      },
      options,
    );
    await machine.advance(29);
    expect(machine.value()).toBe("a");
    await machine.advance(1);
    expect(machine.value()).toBe("b");
  });

  test("of 0 comes before all mail", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        on: { "*": { actions: noteIn(seen) } },
        states: { a: { on: { go: "b" } }, b: { entry: statem.stateTimeout(0, { type: "zero" }) } },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["zero", "mail"]);
  });

  test("of 0 is cancelled by an inserted event that changes the state", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        on: { "*": { actions: noteIn(seen) } },
        states: {
          a: { on: { go: { actions: [statem.stateTimeout(0), statem.nextEvent({ type: "leave" })] }, leave: "b" } },
          b: {},
        },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["mail"]);
  });

  test("is cancelled by the change of one region, and not when another is entered anew", async () => {
    const machine = run(
      {
        type: "parallel",
        entry: statem.stateTimeout(10),
        on: { timeout: { actions: statem.namedTimeout("kept", 1000, { type: "never" }) } },
        states: {
          left: { initial: "a", on: { again: { target: "left", reenter: true } }, states: { a: {} } },
          right: { initial: "x", states: { x: { on: { go: "y" } }, y: {} } },
        },
      },
      options,
    );
    await machine.send("again");
    expect(timers(machine)).toBe(1);
    await machine.send("go");
    expect(timers(machine)).toBe(0);
  });
});

describe.each(ways)("an event timeout, by %s,", (_way, options) => {
  const config = {
    initial: "waiting",
    states: {
      waiting: {
        on: {
          arm: { actions: statem.eventTimeout(100, { type: "silence" }) },
          silence: "silent",
          taken: { actions: () => undefined },
          odd: { guard: () => false, target: "silent" },
          postponed: { actions: statem.postpone },
          insert: { actions: [statem.eventTimeout(100, { type: "silence" }), statem.nextEvent({ type: "ignored" })] },
          info: {
            guard: ({ event }: { event: { message: unknown } }) => event.message === "taken",
            actions: () => undefined,
          },
          name: {
            actions: [
              statem.namedTimeout("other", 50, { type: "ignored" }),
              statem.eventTimeout(100, { type: "silence" }),
            ],
          },
          state: {
            actions: [statem.stateTimeout(50, { type: "ignored" }), statem.eventTimeout(100, { type: "silence" })],
          },
          cancel: { actions: statem.cancelTimeout("event") },
        },
        after: { 80: { actions: () => undefined } },
      },
      silent: {},
    },
  };
  const withFallback = { ...options, fallback: { odd: () => undefined } };

  test("comes when no event has come for so long", async () => {
    const machine = run(
      {
        ...config,
        initial: "silent",
        states: {
          ...config.states,
          silent: { on: { arm: "armed" } },
          armed: { entry: statem.eventTimeout(100, { type: "silence" }), on: { silence: "waiting" } },
        },
      },
      options,
    );
    await machine.send("arm");
    await machine.advance(99);
    expect(machine.value()).toBe("armed");
    await machine.advance(1);
    expect(machine.value()).toBe("waiting");
  });

  test.each<[string, (machine: Run) => Promise<void>]>([
    ["with a transition", (machine) => machine.send("taken")],
    ["without one", (machine) => machine.send("unknown")],
    ["that is postponed", (machine) => machine.send("postponed")],
    ["left to a fallback", (machine) => machine.send("odd")],
    [
      "cast",
      async (machine) => {
        machine.world.system.cast(machine.ref, { type: "unknown" });
        await settle(machine.world);
      },
    ],
    [
      "that is a message it takes",
      async (machine) => {
        machine.world.system.send(machine.ref, "taken");
        await settle(machine.world);
      },
    ],
    [
      "that is a message it does not take",
      async (machine) => {
        machine.world.system.send(machine.ref, "dropped");
        await settle(machine.world);
      },
    ],
    ["to cancel it", (machine) => machine.send("cancel")],
  ])("is cancelled by any event: one %s", async (_what, happen) => {
    const machine = run(config, withFallback);
    await machine.advance(80);
    await machine.send("arm");
    await machine.advance(50);
    expect(timers(machine)).toBe(1);
    await happen(machine);
    expect(timers(machine)).toBe(0);
    await machine.advance(1000);
    expect(machine.value()).toBe("waiting");
  });

  test.each(["name", "state", "insert"])("is cancelled by what the machine has set going itself: %s", async (event) => {
    const machine = run(config, options);
    await machine.advance(80);
    await machine.send(event);
    await machine.advance(1000);
    expect(machine.value()).toBe("waiting");
  });

  test("is cancelled by a timeout of the state", async () => {
    const machine = run(config, options);
    await machine.send("arm");
    await machine.advance(1000);
    expect(machine.value()).toBe("waiting");
  });

  test("is cancelled by a postponed event that comes again", async () => {
    const machine = run(
      {
        initial: "a",
        on: { silence: ".silent" },
        states: {
          a: {
            on: {
              data: { actions: statem.postpone },
              go: { target: "b", actions: statem.eventTimeout(10, { type: "silence" }) },
            },
          },
          b: {},
          silent: {},
        },
      },
      options,
    );
    await machine.send("data", "go");
    expect(timers(machine)).toBe(0);
    await machine.advance(1000);
    expect(machine.value()).toBe("b");
  });

  test("that each event sets anew is one timer", async () => {
    const machine = run(config, options);
    await machine.advance(80);
    for (let round = 0; round < 5; round += 1) {
      await machine.advance(99);
      await machine.send("arm");
      expect(timers(machine)).toBe(1);
    }
    await machine.advance(99);
    expect(machine.value()).toBe("waiting");
    await machine.advance(1);
    expect(machine.value()).toBe("silent");
  });

  test("that has come up behind another event is void", async () => {
    const machine = run(config, options);
    await machine.advance(80);
    await machine.send("arm");
    await machine.suspend();
    await machine.send("unknown");
    await machine.advance(100);
    await machine.resume();
    expect(machine.value()).toBe("waiting");
  });

  test("of 0 comes before all mail, and not if an event is inserted", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          go: { actions: statem.eventTimeout(0, { type: "zero" }) },
          both: { actions: [statem.eventTimeout(0, { type: "zero" }), statem.nextEvent({ type: "next" })] },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["zero", "mail"]);
    await machine.send("both", "mail");
    expect(seen).toEqual(["zero", "mail", "next", "mail"]);
  });

  test("of 0 is cancelled by another timeout of 0 that was set before it, and not by one behind it", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          before: { actions: [statem.stateTimeout(0, { type: "state" }), statem.eventTimeout(0, { type: "event" })] },
          behind: { actions: [statem.eventTimeout(0, { type: "event" }), statem.stateTimeout(0, { type: "state" })] },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("before");
    expect(seen).toEqual(["state"]);
    await machine.send("behind");
    expect(seen).toEqual(["state", "event", "state"]);
  });

  test("does not hear system messages", async () => {
    const machine = run(config, options);
    await machine.advance(80);
    await machine.send("arm");
    await machine.advance(50);
    await machine.suspend();
    await machine.resume();
    await machine.advance(50);
    expect(machine.value()).toBe("silent");
  });
});

/** Has two named timeouts, and notes what else comes. */
function alarmClock(seen: string[]): object {
  return {
    initial: "a",
    states: { a: { on: { go: "b" } }, b: {} },
    on: {
      arm: { actions: statem.namedTimeout("one", 100, { type: "first" }) },
      other: { actions: statem.namedTimeout("two", 50, { type: "second" }) },
      again: { actions: statem.namedTimeout("one", 100, { type: "third" }) },
      infinite: { actions: statem.namedTimeout("one", Infinity, { type: "never" }) },
      cancel: { actions: statem.cancelTimeout({ name: "one" }) },
      "*": { actions: noteIn(seen) },
    },
  };
}

describe.each(ways)("a named timeout, by %s,", (_way, options) => {
  test("comes after so long, whatever happens meanwhile", async () => {
    const seen: string[] = [];
    const machine = run(alarmClock(seen), options);
    await machine.send("arm", "other", "go", "unknown");
    await machine.advance(50);
    expect(seen).toEqual(["unknown", "second"]);
    await machine.advance(50);
    expect(seen).toEqual(["unknown", "second", "first"]);
  });

  test("begins anew when its name is set again, also with another event", async () => {
    const seen: string[] = [];
    const machine = run(alarmClock(seen), options);
    await machine.send("arm");
    await machine.advance(60);
    await machine.send("again");
    expect(timers(machine)).toBe(1);
    await machine.advance(99);
    expect(seen).toEqual([]);
    await machine.advance(1);
    expect(seen).toEqual(["third"]);
  });

  test.each(["cancel", "infinite"])("can be cancelled by its name: %s", async (event) => {
    const seen: string[] = [];
    const machine = run(alarmClock(seen), options);
    await machine.send("arm", "other", event);
    await machine.advance(1000);
    expect(seen).toEqual(["second"]);
    // Without a timeout there is nothing to cancel.
    await machine.send(event);
    expect(machine.end.reason).toBeUndefined();
  });

  test("that has come up already can still be cancelled, until it is handled", async () => {
    const seen: string[] = [];
    const machine = run(alarmClock(seen), options);
    await machine.send("arm");
    await machine.suspend();
    await machine.send("cancel");
    await machine.advance(100);
    await machine.resume();
    expect(seen).toEqual([]);
  });

  test("of 0 comes in the order in which it was set; set again it goes to the end", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          go: {
            actions: [
              statem.namedTimeout("a", 0, { type: "a" }),
              statem.namedTimeout("b", 0, { type: "b" }),
              statem.namedTimeout("c", 0, { type: "c" }),
              statem.namedTimeout("a", 0, { type: "a again" }),
              statem.cancelTimeout({ name: "b" }),
            ],
          },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["c", "a again", "mail"]);
  });

  test("of 0 that is cancelled by the one before it does not come", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        on: {
          go: { actions: [statem.namedTimeout("a", 0, { type: "a" }), statem.namedTimeout("b", 0, { type: "b" })] },
          a: { actions: [noteIn(seen), statem.cancelTimeout({ name: "b" })] },
          "*": { actions: noteIn(seen) },
        },
      },
      options,
    );
    await machine.send("go", "mail");
    expect(seen).toEqual(["a", "mail"]);
  });

  test("that is postponed comes again, and is not set any more", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        entry: statem.namedTimeout("x", 10, { type: "late" }),
        states: {
          a: {
            on: {
              late: { actions: statem.postpone },
              go: { target: "b", actions: statem.cancelTimeout({ name: "x" }) },
            },
          },
          b: { on: { late: { actions: noteIn(seen) } } },
        },
      },
      options,
    );
    await machine.advance(10);
    await machine.send("go");
    expect(seen).toEqual(["late"]);
  });
});

describe.each(ways)("a timeout that makes no sense, by %s,", (_way, options) => {
  test.each<[string, (ms: number) => unknown]>([
    ["stateTimeout", (ms) => statem.stateTimeout(ms)],
    ["eventTimeout", (ms) => statem.eventTimeout(ms)],
    ["namedTimeout", (ms) => statem.namedTimeout("x", ms, { type: "late" })],
    ["stateTimeout", (ms) => statem.stateTimeout(() => ms)],
  ])("is a crash that names option, value and range: %s", async (option, make) => {
    for (const value of [-1, Number.NaN, -Infinity, "5" as never, undefined as never, null as never]) {
      const machine = run({ on: { go: { actions: make(value) } } }, options);
      await machine.send("go");
      const { error } = machine.end.reason as { error: InvalidOptionError };
      expect(error).toMatchObject({ code: "ERR_INVALID_OPTION", option, value });
      expect(error.message).toContain("expected milliseconds of at least 0, or Infinity");
      expect(machine.crashes).toHaveLength(1);
    }
  });
});

describe.each(ways)("all timeouts, by %s,", (_way, options) => {
  const armed = {
    initial: "a",
    entry: [
      statem.stateTimeout(100),
      statem.eventTimeout(100),
      statem.namedTimeout("x", 100, { type: "late" }),
      statem.namedTimeout("y", 100, { type: "late" }),
    ],
    states: { a: { on: { end: "b", crash: { actions: fail } } }, b: { type: "final" } },
  };

  test.each<[string, (machine: Run) => void]>([
    ["when it is done", ({ world, ref }) => world.system.send(ref, { type: "end" })],
    ["when it crashes", ({ world, ref }) => world.system.send(ref, { type: "crash" })],
    ["when it is killed", ({ world, ref }) => world.system.kill(ref)],
    ["when its parent ends it", ({ world, ref }) => world.system.exit(ref, shutdown())],
  ])("end with the actor %s", async (_when, finish) => {
    const machine = run(armed, options);
    await settle(machine.world);
    expect(timers(machine)).toBe(4);
    finish(machine);
    await settle(machine.world);
    expect(machine.end.reason).toBeDefined();
    expect(timers(machine)).toBe(0);
    expect(machine.world.system.inspect().processes).toEqual([]);
  });

  test("of 0 end with the actor", async () => {
    const seen: string[] = [];
    const machine = run(
      {
        initial: "a",
        on: { "*": { actions: noteIn(seen) } },
        states: {
          a: { on: { go: { target: "b", actions: statem.namedTimeout("x", 0, { type: "zero" }) } } },
          b: { type: "final" },
        },
      },
      options,
    );
    await machine.send("go");
    expect(machine.end.reason).toEqual(normal);
    expect(seen).toEqual([]);
  });

  test("run on while the actor is suspended, and are handled when it is resumed", async () => {
    const seen: string[] = [];
    const machine = run(
      { entry: statem.namedTimeout("x", 100, { type: "late" }), on: { "*": { actions: noteIn(seen) } } },
      options,
    );
    await machine.suspend();
    await machine.advance(150);
    expect(seen).toEqual([]);
    await machine.resume();
    expect(seen).toEqual(["late"]);
  });

  test("of one machine leave those of another alone", async () => {
    const seen: string[] = [];
    const first = run(armed, options);
    const second = run(
      { entry: statem.stateTimeout(50, { type: "late" }), on: { late: { actions: noteIn(seen) } } },
      options,
      first.world,
    );
    await settle(first.world);
    first.world.system.kill(first.ref);
    await second.advance(50);
    expect(seen).toEqual(["late"]);
  });
});
