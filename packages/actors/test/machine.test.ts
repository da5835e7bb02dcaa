import {
  ActorDeadError,
  actorOf,
  type ActorRef,
  type Call,
  CrashReport,
  type Definition,
  type Down,
  type Exit,
  type ExitReason,
  failure,
  formatTree,
  type From,
  fromMachine,
  kill,
  machineOf,
  type MachineRef,
  normal,
  type Pid,
  type ShutdownEvent,
  shutdown,
  silentLogger,
  sys,
} from "@espalier/actors";
import { collectTrace, createProbe, ManualClock } from "@espalier/actors/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type AnyActorRef,
  type AnyStateMachine,
  assign,
  cancel,
  createActor,
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
} from "xstate";
import { defer } from "./support/promises.ts";
import { createWorld, endOf, type World } from "./support/world.ts";

const boom = new Error("boom");

/** A light: the smallest machine with more than one state. */
const light = createMachine({
  id: "light",
  initial: "off",
  states: { off: { on: { toggle: "on" } }, on: { tags: "lit", on: { toggle: "off" } } },
});

/** The types of a machine. XState looks at nothing but the type. */
function typed<Types extends object>(types: Partial<Types> = {}): Types {
  return types as Types;
}

/** An actor of the kernel as a target of `sendTo`, whose types know only XState's own. */
function target(actor: object | undefined): AnyActorRef {
  return actor as AnyActorRef;
}

/** Makes a machine of parts that XState's types cannot follow. */
function assembled(config: object): AnyStateMachine {
  return createMachine(config as Parameters<typeof createMachine>[0]);
}

function fail(): never {
  throw boom;
}

/** The state of a machine in a word. */
function stateOf({ system }: World, pid: Pid): string | undefined {
  return system.inspect().processes.find((process) => process.pid === pid)?.summary;
}

/** Lets everything happen that can happen now. */
async function settle({ clock }: World): Promise<void> {
  await clock.advance(0);
}

/** The crash reports of a system, as they come. */
function crashesOf({ system }: World): CrashReport[] {
  const crashes: CrashReport[] = [];
  system.trace((event) => {
    if (event.type === "report" && event.report instanceof CrashReport) crashes.push(event.report);
  });
  return crashes;
}

describe("events", () => {
  test("a message with a type is an event", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(light));
    await settle(world);
    expect(stateOf(world, ref)).toBe("off");
    world.system.send(ref, { type: "toggle" });
    await settle(world);
    expect(stateOf(world, ref)).toBe("on");
  });

  test("an event that the machine does not take is ignored", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(light));
    world.system.send(ref, { type: "explode" });
    world.system.send(ref, { type: "toggle" });
    await settle(world);
    expect(stateOf(world, ref)).toBe("on");
  });

  test("a cast is the event that was cast", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(light));
    world.system.cast(ref, { type: "toggle" });
    await settle(world);
    expect(stateOf(world, ref)).toBe("on");
  });

  test("a message without a type is dropped with a warning", async () => {
    const warnings: string[] = [];
    const clock = new ManualClock({ logger: { ...silentLogger, warn: (_fields, text) => warnings.push(text) } });
    const world = createWorld({ clock });
    const ref: ActorRef<unknown> = world.system.spawn(fromMachine(light)) as Pid;
    world.system.send(ref, "toggle");
    world.system.send(ref, { kind: "toggle" });
    world.system.send(ref, undefined);
    world.system.cast(ref, 7);
    world.system.send(ref, { type: "toggle" });
    await settle(world);
    expect(warnings).toEqual([
      'light got "toggle", which is no event; it is dropped',
      "light got { kind }, which is no event; it is dropped",
      "light got undefined, which is no event; it is dropped",
      "light got 7, which is no event; it is dropped",
    ]);
    expect(stateOf(world, ref)).toBe("on");
  });

  test("a call is an event that carries the right to answer, now or later", async () => {
    type Calls = Call<"get", number> | Call<"next", number>;
    const machine = setup({
      types: typed<{
        context: { count: number; waiting: readonly From[] };
        events: { type: "add" } | { type: "call"; request: Calls; from: From };
      }>(),
    }).createMachine({
      context: { count: 0, waiting: [] },
      on: {
        add: {
          actions: [
            assign({ count: ({ context }) => context.count + 1 }),
            ({ context }) => {
              for (const from of context.waiting) from.reply(context.count);
            },
          ],
        },
        call: [
          {
            guard: ({ event }) => event.request.type === "get",
            actions: ({ context, event }) => event.from.reply(context.count),
          },
          { actions: assign({ waiting: ({ context, event }) => [...context.waiting, event.from] }) },
        ],
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    const now = world.system.call(ref, { type: "get" });
    const later = world.system.call(ref, { type: "next" });
    world.system.send(ref, { type: "add" });
    await settle(world);
    expectTypeOf(now).toEqualTypeOf<Promise<number>>();
    await expect(now).resolves.toBe(0);
    await expect(later).resolves.toBe(1);
  });

  test("the ends of monitored and linked actors are events", async () => {
    const seen: unknown[] = [];
    const machine = setup({ types: typed<{ input: Pid; context: object; events: Down | Exit }>() }).createMachine({
      context: ({ input, self }) => {
        actorOf(self).monitor(input);
        actorOf(self).link(input);
        return {};
      },
      on: {
        down: { actions: ({ event }) => seen.push(event.type, event.pid, event.reason) },
        exit: { actions: ({ event }) => seen.push(event.type, event.from, event.reason) },
      },
    });
    const world = createWorld();
    const other = createProbe(world.system).ref;
    world.system.spawn(fromMachine(machine, { trapExit: true }), other);
    await settle(world);
    world.system.kill(other);
    await settle(world);
    expect(seen).toHaveLength(6);
    expect(seen).toEqual(
      expect.arrayContaining(["down", other, { type: "killed" }, "exit", other, { type: "killed" }]),
    );
  });
});

describe("input and names", () => {
  test("what the actor is started with is the machine's input", async () => {
    const machine = setup({ types: typed<{ input: { first: number }; context: { count: number } }>() }).createMachine({
      id: "counter",
      context: ({ input }) => ({ count: input.first }),
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine), { first: 7 });
    await settle(world);
    expect(await sys.getState(world.system, ref)).toEqual({ value: {}, context: { count: 7 }, tags: [] });
    expect(world.system.inspect().processes[0]).toMatchObject({ id: "counter-1", behaviour: "machine" });
  });

  test("a name that is given stands before the machine's id", () => {
    expect(fromMachine(light).name).toBe("light");
    expect(fromMachine(light, { name: "lamp" }).name).toBe("lamp");
    expect(fromMachine(createMachine({})).name).toBe("machine");
  });

  test("types: input, events, calls and emitted events are the machine's", () => {
    const machine = setup({
      types: typed<{
        input: { host: string };
        context: object;
        events:
          | { type: "data"; bytes: Uint8Array }
          | { type: "call"; request: Call<"stats", number>; from: From<number> };
        emitted: { type: "full"; size: number };
      }>(),
    }).createMachine({ context: {} });
    const definition = fromMachine(machine, {
      onEmit: (event) => expectTypeOf(event).toEqualTypeOf<{ type: "full"; size: number }>(),
      fallback: { data: (event) => expectTypeOf(event.type).toEqualTypeOf<"data" | "call">() },
    });
    expectTypeOf(definition).toEqualTypeOf<Definition<{ host: string }, MachineRef<typeof machine>>>();
    expectTypeOf(fromMachine(light)).toExtend<Definition<void, ActorRef<{ type: "toggle" }>>>();
    const { system } = createWorld();
    const ref = system.spawn(definition, { host: "localhost" });
    system.send(ref, { type: "data", bytes: new Uint8Array() });
    // @ts-expect-error: there is no such event
    system.send(ref, { type: "date" });
    // @ts-expect-error: the event lacks a field
    system.send(ref, { type: "data" });
    // @ts-expect-error: there is no such request
    void system.call(ref, { type: "state" }).catch(() => undefined);
    // @ts-expect-error: the machine needs its input
    expect(() => system.spawn(definition)).not.toThrow();
  });
});

describe("ends", () => {
  test("a final state ends the actor as normal", async () => {
    const world = createWorld();
    const ref = world.system.spawn(
      fromMachine(createMachine({ initial: "a", states: { a: { on: { end: "b" } }, b: { type: "final" } } })),
    );
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "end" });
    await settle(world);
    expect(end.reason).toEqual(normal);
  });

  test.each<[string, unknown, ExitReason]>([
    ["an exit reason", { type: "shutdown", detail: "idleTimeout" }, shutdown("idleTimeout")],
    ["a failure", { type: "error", error: boom }, failure(boom)],
    ["nothing", undefined, normal],
    ["something else with a type", { type: "result" }, { type: "normal", detail: { type: "result" } }],
    ["something else", 42, { type: "normal", detail: 42 }],
    ["a word", "shutdown", { type: "normal", detail: "shutdown" }],
  ])("the output is the exit reason if it is one: %s", async (_what, output, reason) => {
    const machine = createMachine({
      initial: "a",
      states: { a: { on: { end: "b" } }, b: { type: "final" } },
      output: () => output,
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "end" });
    await settle(world);
    expect(end.reason).toEqual(reason);
  });

  test("effects of the last transition are done before the end", async () => {
    const world = createWorld();
    const probe = createProbe(world.system);
    const machine = createMachine({
      initial: "a",
      states: {
        a: { on: { end: "b" } },
        b: { type: "final", entry: sendTo(() => target(probe.ref), { type: "bye" }) },
      },
    });
    const ref = world.system.spawn(fromMachine(machine));
    probe.self.monitor(ref);
    world.system.send(ref, { type: "end" });
    await settle(world);
    expect(probe.messages).toMatchObject([{ type: "bye" }, { type: "down", reason: normal }]);
  });

  test("a machine that is in a final state at once has started, and handles nothing", async () => {
    const world = createWorld();
    const seen: string[] = [];
    const machine = createMachine({
      initial: "a",
      states: { a: { type: "final" } },
      on: { "*": { actions: ({ event }) => seen.push(event.type) } },
    });
    const starting = world.system.start(fromMachine(machine), undefined, { name: "brief" });
    const ref = world.system.whereis("brief") as Pid;
    const end = endOf(world.system, ref);
    world.system.send("brief", { type: "hello" });
    await settle(world);
    await expect(starting).resolves.toEqual({ ok: true, ref });
    expect(end.reason).toEqual(normal);
    expect(seen).toEqual([]);
  });

  test("XState's own stop is an orderly end", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(light));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "xstate.stop" });
    await settle(world);
    expect(end.reason).toEqual(shutdown());
  });

  test("kill runs nothing of the machine", async () => {
    const seen: string[] = [];
    const machine = createMachine({
      exit: () => seen.push("exit"),
      on: { "*": { actions: () => seen.push("event") } },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine, { trapExit: true }));
    await settle(world);
    world.system.exit(ref, kill);
    await settle(world);
    expect(seen).toEqual([]);
    expect(world.system.isAlive(ref)).toBe(false);
  });
});

describe("crashes", () => {
  test.each([
    ["an action", { on: { go: { target: ".b", actions: fail } } }],
    ["an entry action", { on: { go: ".failing" } }],
    ["an exit action", { on: { go: ".b" }, exit: fail }],
    ["an assignment", { on: { go: { target: ".b", actions: assign(fail) } } }],
    ["a delay", { on: { go: { target: ".b", actions: raise({ type: "late" }, { delay: fail }) } } }],
    ["an action behind others", { on: { go: { target: ".b", actions: [assign({ n: 2 }), fail] } } }],
  ])("what %s throws is the reason, and the report shows the state before the event", async (_what, part) => {
    const { exit, ...rest } = { exit: undefined, ...part };
    const machine = assembled({
      id: "fragile",
      initial: "a",
      context: { n: 1 },
      states: { a: exit === undefined ? {} : { exit }, b: {}, failing: { entry: fail } },
      ...rest,
    });
    const world = createWorld();
    const crashes = crashesOf(world);
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(end.reason).toEqual(failure(boom));
    expect(crashes).toMatchObject([{ reason: failure(boom), behaviour: "machine", lastMessage: { type: "go" } }]);
    expect(crashes[0]?.state).toEqual({ value: "a", context: { n: 1 }, tags: [] });
  });

  test("what a guard throws is the reason, in the words of XState", async () => {
    const machine = createMachine({ id: "guarded", on: { go: { guard: fail } } });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(end.reason).toMatchObject({
      type: "error",
      error: { message: "Unable to evaluate guard in transition for event 'go' in state node 'guarded':\nboom" },
    });
  });

  test.each([
    ["the context", createMachine({ context: fail })],
    ["an entry action", createMachine({ initial: "a", states: { a: { entry: fail } } })],
    ["an assignment", createMachine({ context: {}, entry: assign(fail) })],
  ])("when %s of a start throws, the start fails", async (_what, machine) => {
    const world = createWorld();
    const crashes = crashesOf(world);
    const started = world.system.start(fromMachine(machine));
    await settle(world);
    await expect(started).resolves.toEqual({ ok: false, error: "failed", reason: failure(boom) });
    expect(crashes).toMatchObject([{ reason: failure(boom) }]);
  });

  test("effects of an event that fails are not done, and its actor's mail and timers are gone", async () => {
    const world = createWorld();
    const probe = createProbe(world.system);
    const machine = createMachine({
      after: { 1000: { actions: fail } },
      on: { go: { actions: [sendTo(() => target(probe.ref), { type: "sent" }), fail] } },
    });
    const ref = world.system.spawn(fromMachine(machine));
    await settle(world);
    expect(world.system.inspect().timers).toBe(1);
    world.system.send(ref, { type: "go" });
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(probe.messages).toEqual([]);
    expect(world.system.inspect().timers).toBe(0);
  });

  test("a crash of one machine leaves the others of its definition alone", async () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: { on: { next: "b", go: { target: "b", actions: [raise({ type: "next" }, { delay: 5 }), fail] } } },
        b: {},
      },
    });
    const world = createWorld();
    const definition = fromMachine(machine);
    const [first, second] = [world.system.spawn(definition), world.system.spawn(definition)];
    world.system.send(first, { type: "go" });
    world.system.send(second, { type: "next" });
    await settle(world);
    expect(world.system.isAlive(first)).toBe(false);
    expect(stateOf(world, second)).toBe("b");
    expect(world.system.inspect().timers).toBe(0);
  });

  test("a cycle of eventless transitions is a crash", async () => {
    const machine = createMachine({
      id: "spinning",
      initial: "a",
      states: { a: { on: { spin: "b" } }, b: { always: "c" }, c: { always: "b" } },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "spin" });
    await settle(world);
    expect(String((end.reason as { error?: unknown }).error)).toContain("more than 1000 microsteps");
    // The user's own machine is as it was.
    expect(machine.options.maxIterations).toBe(Infinity);
  });

  test("a machine that names a bound of its own keeps it", async () => {
    const machine = createMachine({
      context: { n: 0 },
      options: { maxIterations: 3000 },
      initial: "a",
      states: {
        a: { on: { spin: "b" } },
        b: {
          always: [
            { guard: ({ context }) => context.n === 2000, target: "a" },
            { target: "b", reenter: true, actions: assign({ n: ({ context }) => context.n + 1 }) },
          ],
        },
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    world.system.send(ref, { type: "spin" });
    await settle(world);
    expect(await sys.getState(world.system, ref)).toMatchObject({ value: "a", context: { n: 2000 } });
  });

  test("an event that is none is one, when the machine raises it", async () => {
    const machine = assembled({ on: { go: { actions: [raise(() => undefined as never), raise({ type: "more" })] } } });
    for (const exact of [false, true]) {
      const world = createWorld();
      const ref = world.system.spawn(fromMachine(machine, { exact }));
      const end = endOf(world.system, ref);
      world.system.send(ref, { type: "go" });
      await settle(world);
      expect(end.reason).toMatchObject({ type: "error", error: expect.any(TypeError) as unknown });
    }
  });

  test("an asynchronous action that rejects crashes the actor", async () => {
    const rest = defer();
    const machine = createMachine({
      initial: "a",
      states: {
        a: { on: { go: { target: "b", actions: () => rest.promise } } },
        b: { on: { next: "c" } },
        c: {},
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "go" });
    world.system.send(ref, { type: "next" });
    await settle(world);
    expect(stateOf(world, ref)).toBe("c");
    rest.reject(boom);
    await settle(world);
    expect(end.reason).toEqual(failure(boom));
  });
});

describe("the arguments of an action", () => {
  test("are an asynchronous action's own, whatever happens while it waits", async () => {
    const seen: unknown[] = [];
    const rest = defer();
    const machine = createMachine({
      context: { n: 0 },
      on: {
        slow: {
          actions: async (args) => {
            await rest.promise;
            seen.push(args.event.type, args.context);
          },
        },
        fast: { actions: [assign({ n: 1 }), () => undefined] },
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    world.system.send(ref, { type: "slow" });
    world.system.send(ref, { type: "fast" });
    await settle(world);
    rest.resolve(undefined);
    await settle(world);
    expect(seen).toEqual(["slow", { n: 0 }]);
  });

  test("keep nothing of an actor alive when its step is over", async () => {
    let kept: { context: unknown; event: unknown } | undefined;
    const machine = createMachine({
      context: { secret: 1 },
      on: {
        go: {
          actions: (args) => {
            kept = args;
          },
        },
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(kept?.context).toBeUndefined();
    expect(kept?.event).toEqual({ type: "" });
  });
});

describe("time", () => {
  /** Every `data` puts the timeout off; what the reference load does 50,000 times a second. */
  const session = createMachine({
    id: "session",
    initial: "open",
    states: {
      open: { on: { data: { target: "open", reenter: true }, pause: "paused" }, after: { 120_000: "timedOut" } },
      paused: { on: { data: "open" } },
      timedOut: {},
    },
  });

  test("a timeout comes when its time has come, and not before", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(session));
    await world.clock.advance(119_999);
    expect(stateOf(world, ref)).toBe("open");
    await world.clock.advance(1);
    expect(stateOf(world, ref)).toBe("timedOut");
  });

  test("a timeout that is armed anew keeps its one timer", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(session));
    await settle(world);
    for (let round = 1; round <= 10; round += 1) {
      await world.clock.advance(100_000);
      world.system.send(ref, { type: "data" });
      await settle(world);
      expect(world.system.inspect()).toMatchObject({ timers: 1, nextTimer: round * 100_000 + 120_000 });
    }
    await world.clock.advance(119_999);
    expect(stateOf(world, ref)).toBe("open");
    await world.clock.advance(1);
    expect(stateOf(world, ref)).toBe("timedOut");
    expect(world.system.inspect().timers).toBe(0);
  });

  test("leaving the state disarms its timeout", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(session));
    world.system.send(ref, { type: "pause" });
    await settle(world);
    expect(world.system.inspect().timers).toBe(0);
    await world.clock.advance(1_000_000);
    expect(stateOf(world, ref)).toBe("paused");
  });

  test("a timeout that has fired while a packet waited before it is void", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(session));
    await world.clock.advance(100_000);
    // While the actor is suspended the packet comes, and then the timeout; it handles them in this order.
    await Promise.all([sys.suspend(world.system, ref), settle(world)]);
    world.system.send(ref, { type: "data" });
    await world.clock.advance(20_000);
    await Promise.all([sys.resume(world.system, ref), settle(world)]);
    expect(stateOf(world, ref)).toBe("open");
    await world.clock.advance(120_000);
    expect(stateOf(world, ref)).toBe("timedOut");
  });

  test("timers die with their actor", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(session));
    await settle(world);
    world.system.kill(ref);
    await settle(world);
    expect(world.system.inspect().timers).toBe(0);
  });

  test("cancel reaches the latest timer of an id", async () => {
    const seen: string[] = [];
    const machine = createMachine({
      on: {
        arm: { actions: raise({ type: "first" }, { delay: 10, id: "x" }) },
        again: { actions: raise({ type: "second" }, { delay: 20, id: "x" }) },
        cancel: { actions: cancel("x") },
        first: { actions: () => seen.push("first") },
        second: { actions: () => seen.push("second") },
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    for (const type of ["arm", "again", "cancel"]) world.system.send(ref, { type });
    await world.clock.advance(100);
    expect(seen).toEqual(["first"]);
  });

  test("many timers of one machine are told apart by their ids", async () => {
    const seen: string[] = [];
    const machine = createMachine({
      entry: ["a", "b", "c", "d"].map((id, index) => raise({ type: id }, { delay: 10 * (index + 1), id })),
      on: {
        swap: { actions: [cancel("b"), cancel("c"), raise({ type: "C" }, { delay: 5, id: "c" })] },
        "*": { actions: ({ event }) => seen.push(event.type) },
      },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    await settle(world);
    world.system.send(ref, { type: "swap" });
    await world.clock.advance(100);
    expect(seen).toEqual(["C", "a", "d"]);
  });

  test("a delay that is no number of milliseconds means now", async () => {
    const machine = createMachine({
      initial: "a",
      states: { a: { entry: raise({ type: "now" }, { delay: () => Number.NaN }), on: { now: "b" } }, b: {} },
    });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    await settle(world);
    expect(stateOf(world, ref)).toBe("b");
  });
});

describe("effects", () => {
  test("sendTo reaches whatever bears a pid, at once or later", async () => {
    const world = createWorld();
    const probe = createProbe(world.system, "probe");
    probe.self.register("somebody");
    const machine = createMachine({
      entry: [
        sendTo(() => target(probe.ref), { type: "to a pid" }),
        sendTo(() => target(probe.self), { type: "to a context" }),
        sendTo(({ system }) => target(system.get("somebody")), { type: "to a name" }),
        sendTo(() => target(probe.ref), { type: "later" }, { delay: 10 }),
        sendTo(() => target(probe.ref), { type: "never" }, { delay: 10, id: "x" }),
        cancel("x"),
      ],
    });
    world.system.spawn(fromMachine(machine));
    await settle(world);
    expect(probe.messages.map((message) => (message as { type: string }).type)).toEqual([
      "to a pid",
      "to a context",
      "to a name",
    ]);
    await world.clock.advance(10);
    expect(probe.messages.at(-1)).toEqual({ type: "later" });
    expect(probe.messages).toHaveLength(4);
  });

  test("sendTo reaches an actor of XState's own", async () => {
    const foreign = createActor(light).start();
    const world = createWorld();
    world.system.spawn(fromMachine(createMachine({ entry: sendTo(() => foreign, { type: "toggle" }) })));
    await settle(world);
    expect(foreign.getSnapshot().value).toBe("on");
  });

  test("sendTo to something that is no actor is a crash", async () => {
    const world = createWorld();
    const started = world.system.start(
      fromMachine(createMachine({ id: "lost", entry: sendTo(() => target({ address: 1 }), { type: "hello" }) })),
    );
    await settle(world);
    await expect(started).resolves.toMatchObject({
      reason: { error: { message: "machine lost sends to { address }; expected an actor" } },
    });
  });

  test("sendParent sends to the actor that started this one", async () => {
    const world = createWorld();
    const probe = createProbe(world.system);
    await settle(world);
    const ref = probe.self.spawn(fromMachine(createMachine({ on: { go: { actions: sendParent({ type: "done" }) } } })));
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(probe.messages).toEqual([{ type: "done" }]);
  });

  test("sendParent of an actor that nobody started is a crash", async () => {
    const world = createWorld();
    const started = world.system.start(
      fromMachine(createMachine({ id: "alone", entry: sendParent({ type: "done" }) })),
    );
    await settle(world);
    await expect(started).resolves.toMatchObject({
      reason: { error: { message: "Unable to send event to actor '#_parent' from machine 'alone'." } },
    });
  });

  test("what a machine emits goes to onEmit, with the new state in place", async () => {
    const seen: unknown[] = [];
    const machine = setup({ types: typed<{ emitted: { type: "changed"; to: string } }>() }).createMachine({
      id: "emitting",
      initial: "a",
      states: { a: { on: { go: { target: "b", actions: emit({ type: "changed", to: "b" }) } } }, b: {} },
    });
    const world = createWorld();
    const ref = world.system.spawn(
      fromMachine(machine, { onEmit: (event, self) => seen.push(event.to, self.pid, stateOf(world, self.pid)) }),
    );
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(seen).toEqual(["b", ref, "b"]);
  });

  test("a throw of onEmit crashes the actor", async () => {
    const world = createWorld();
    const started = world.system.start(
      fromMachine(createMachine({ entry: emit({ type: "full" }) }), {
        onEmit: fail,
      }),
    );
    await settle(world);
    await expect(started).resolves.toMatchObject({ reason: failure(boom) });
  });

  test("an onEmit that is asynchronous is not waited for, and crashes the actor when it rejects", async () => {
    const rest = defer();
    const world = createWorld();
    const machine = createMachine({ on: { go: { actions: emit({ type: "full" }) } } });
    const ref = world.system.spawn(fromMachine(machine, { onEmit: () => rest.promise }));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(end.reason).toBeUndefined();
    rest.reject(boom);
    await settle(world);
    expect(end.reason).toEqual(failure(boom));
  });

  test("log actions go to the logger", async () => {
    const lines: unknown[] = [];
    const logger = { ...silentLogger, info: (fields: object, text: string) => lines.push([fields, text]) };
    const machine = createMachine({
      id: "chatty",
      context: { n: 3 },
      entry: [log("hello"), log(({ context }) => context.n, "n"), log(({ context }) => context)],
    });
    const world = createWorld({ clock: new ManualClock({ logger }) });
    const ref = world.system.spawn(fromMachine(machine));
    await settle(world);
    const who = { actor: ref.toString(), path: "chatty-1" };
    expect(lines).toEqual([
      [{ ...who, value: "hello" }, "hello"],
      [{ ...who, value: 3 }, "n: 3"],
      [{ ...who, value: { n: 3 } }, "{ n }"],
    ]);
    const own: string[] = [];
    world.system.spawn(fromMachine(machine, { logger: { ...silentLogger, info: (_fields, text) => own.push(text) } }));
    await settle(world);
    expect(own).toEqual(["hello", "n: 3", "{ n }"]);
    expect(lines).toHaveLength(3);
  });

  test("self sends by the mailbox, at any time, to its own actor only", async () => {
    interface Self {
      readonly send: (event: { type: string }) => void;
      getSnapshot(): unknown;
    }
    const selves: Self[] = [];
    const order: string[] = [];
    const machine = createMachine({
      initial: "a",
      states: { a: { on: { next: "b" } }, b: {} },
      on: {
        go: {
          actions: ({ self }) => {
            const { send } = self;
            send({ type: "own" });
            order.push("go");
            selves.push(self);
          },
        },
        own: { actions: () => order.push("own") },
        other: { actions: () => order.push("other") },
      },
    });
    const world = createWorld();
    const definition = fromMachine(machine);
    const [first, second] = [world.system.spawn(definition), world.system.spawn(definition)];
    world.system.send(first, { type: "go" });
    world.system.send(first, { type: "other" });
    world.system.send(second, { type: "go" });
    await settle(world);
    expect(order.filter((line) => line !== "go")).toEqual(["other", "own", "own"]);
    expect(order[0]).toBe("go");
    selves[0]?.send({ type: "next" });
    await settle(world);
    expect(selves[0]?.getSnapshot()).toMatchObject({ value: "b" });
    expect(selves[1]?.getSnapshot()).toMatchObject({ value: "a" });
    world.system.kill(first);
    await settle(world);
    selves[0]?.send({ type: "next" });
    await settle(world);
    expect(stateOf(world, second)).toBe("a");
  });

  test("actorOf gives an action all that an actor may do, while it lives", async () => {
    const world = createWorld();
    const probe = createProbe(world.system);
    let kept: Parameters<typeof actorOf>[0] = { send: () => undefined };
    const machine = createMachine({
      on: {
        go: {
          actions: ({ self }) => {
            kept = self as never;
            const actor = actorOf(self);
            actor.label = "busy";
            actor.send(probe.ref, { from: actor.path });
          },
        },
        end: { actions: ({ self }) => actorOf(self).exit(shutdown("done")) },
      },
    });
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "go" });
    await settle(world);
    expect(probe.messages).toEqual([{ from: "machine-2" }]);
    expect(world.system.inspect().processes.at(-1)?.label).toBe("busy");
    world.system.send(ref, { type: "end" });
    await settle(world);
    expect(end.reason).toEqual(shutdown("done"));
    expect(() => actorOf(kept)).toThrow(ActorDeadError);
    expect(() => actorOf(createActor(light))).toThrow(TypeError);
  });

  test("actions that are enqueued are executed in order", async () => {
    const seen: string[] = [];
    const machine = createMachine({
      context: { n: 0 },
      entry: enqueueActions(({ enqueue, check }) => {
        enqueue.assign({ n: 1 });
        enqueue(({ context }) => seen.push(`n=${context.n}`));
        if (check(() => true)) enqueue.raise({ type: "later" }, { delay: 5 });
        enqueue.emit({ type: "out" });
      }),
      on: { later: { actions: () => seen.push("later") } },
    });
    const world = createWorld();
    world.system.spawn(fromMachine(machine, { onEmit: ({ type }: { type: string }) => seen.push(type) }));
    await world.clock.advance(5);
    expect(seen).toEqual(["n=1", "out", "later"]);
  });

  test("one definition runs in many systems", async () => {
    const machine = createMachine({ initial: "a", states: { a: { after: { 10: "b" } }, b: {} } });
    const definition = fromMachine(machine);
    const [here, there] = [createWorld(), createWorld()];
    const refs = [here, there].map(({ system }) => system.spawn(definition));
    await here.clock.advance(10);
    await settle(there);
    expect(stateOf(here, refs[0] as Pid)).toBe("b");
    expect(stateOf(there, refs[1] as Pid)).toBe("a");
  });

  test("timers are in the trace, and cause what they set off", async () => {
    const machine = createMachine({ initial: "a", states: { a: { after: { 10: "b" } }, b: {} } });
    const world = createWorld();
    const trace = collectTrace(world.system);
    world.system.spawn(fromMachine(machine, { name: "m" }));
    await world.clock.advance(10);
    expect(trace.of("timerSet")).toMatchObject([{ dueIn: 10 }]);
    const [fired] = trace.of("timerFired");
    const delivered = trace.of("deliver").at(-1);
    expect(delivered?.message).toMatchObject({ type: "xstate.after.10.(machine).a" });
    const sent = trace.events.find(({ id }) => id === delivered?.cause);
    expect(sent?.cause).toBe(fired?.id);
    trace.stop();
  });
});

/** Drains for a while when it is asked to end, but not while it is locked. */
function draining(seen: ExitReason[] = []): Definition<void, ActorRef<{ type: string }>> {
  const machine = setup({
    types: typed<{ events: ShutdownEvent | { type: "lock" | "drained" | "crash" } }>(),
  }).createMachine({
    id: "draining",
    initial: "open",
    states: {
      open: {
        on: { lock: "locked", shutdown: { target: "draining", actions: ({ event }) => seen.push(event.reason) } },
      },
      draining: { after: { 1000: "closed" }, on: { drained: "closed" } },
      locked: {},
      closed: { type: "final" },
    },
    on: {
      crash: {
        actions: fail,
      },
    },
    output: { type: "shutdown", detail: "of its own" },
  });
  return fromMachine(machine, { trapExit: true }) as Definition<void, ActorRef<{ type: string }>>;
}

describe("the parent's exit", () => {
  const reason = shutdown("please");

  test("is an event to a machine that can take it, which then ends in its own time with that reason", async () => {
    const seen: ExitReason[] = [];
    const world = createWorld();
    const ref = world.system.spawn(draining(seen));
    const end = endOf(world.system, ref);
    await settle(world);
    world.system.exit(ref, reason);
    await world.clock.advance(999);
    expect(seen).toEqual([reason]);
    expect(stateOf(world, ref)).toBe("draining");
    await world.clock.advance(1);
    expect(end.reason).toEqual(reason);
  });

  test("ends a machine that cannot take it in its present state", async () => {
    const world = createWorld();
    const ref = world.system.spawn(draining());
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "lock" });
    await settle(world);
    world.system.exit(ref, reason);
    await settle(world);
    expect(end.reason).toEqual(reason);
  });

  test("ends a machine that is asked a second time and cannot take it any more", async () => {
    const world = createWorld();
    const ref = world.system.spawn(draining());
    const end = endOf(world.system, ref);
    await settle(world);
    world.system.exit(ref, reason);
    world.system.exit(ref, shutdown("at last"));
    await settle(world);
    expect(end.reason).toEqual(shutdown("at last"));
  });

  test("ends a machine that does not trap exits at once", async () => {
    const seen: string[] = [];
    const machine = createMachine({ on: { "*": { actions: ({ event }) => seen.push(event.type) } } });
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine));
    const end = endOf(world.system, ref);
    await settle(world);
    world.system.exit(ref, reason);
    await settle(world);
    expect(end.reason).toEqual(reason);
    expect(seen).toEqual([]);
  });

  test("leaves the output as the reason if it was no shutdown", async () => {
    const world = createWorld();
    const ref = world.system.spawn(draining());
    const end = endOf(world.system, ref);
    await settle(world);
    world.system.exit(ref, failure(boom));
    world.system.send(ref, { type: "drained" });
    await settle(world);
    expect(end.reason).toEqual(shutdown("of its own"));
  });

  test("does not hide a crash on the way", async () => {
    const world = createWorld();
    const ref = world.system.spawn(draining());
    const end = endOf(world.system, ref);
    await settle(world);
    world.system.exit(ref, reason);
    world.system.send(ref, { type: "crash" });
    await settle(world);
    expect(end.reason).toEqual(failure(boom));
  });

  test("of a parent that is dead is told, and is the end all the same", async () => {
    const seen: ExitReason[] = [];
    const world = createWorld();
    const parent = createProbe(world.system);
    await settle(world);
    const ref = parent.self.spawnLink(draining(seen));
    const end = endOf(world.system, ref);
    await settle(world);
    world.system.kill(parent.ref);
    await settle(world);
    expect(seen).toEqual([{ type: "killed" }]);
    expect(end.reason).toEqual({ type: "killed" });
  });

  test("of another actor is an event like any other", async () => {
    const seen: unknown[] = [];
    const machine = setup({ types: typed<{ events: Exit }>() }).createMachine({
      on: { exit: { actions: ({ event }) => seen.push(event.reason) } },
    });
    const world = createWorld();
    const probe = createProbe(world.system);
    const ref = world.system.spawn(fromMachine(machine, { trapExit: true }));
    await settle(world);
    probe.self.exit(ref, reason);
    await settle(world);
    expect(seen).toEqual([reason]);
    expect(world.system.isAlive(ref)).toBe(true);
  });
});

describe("fallback", () => {
  const machine = createMachine({
    id: "reader",
    context: { allowed: false },
    initial: "reading",
    states: {
      reading: { on: { stop: "closing" } },
      closing: { on: { closed: { guard: ({ event }) => event["expected"] === true, target: "gone" } } },
      gone: {},
    },
  });

  test("is what happens on an event that the machine cannot take in its present state", async () => {
    const seen: unknown[] = [];
    const definition = fromMachine(machine, {
      fallback: { closed: (event, self) => seen.push(event, stateOf(world, self.pid)) },
    });
    const world = createWorld();
    const ref = world.system.spawn(definition);
    await settle(world);
    const [early, unexpected, expected] = [
      { type: "closed" },
      { type: "closed", expected: false },
      { type: "closed", expected: true },
    ];
    world.system.send(ref, early);
    await settle(world);
    world.system.send(ref, { type: "stop" });
    world.system.send(ref, unexpected);
    await settle(world);
    world.system.send(ref, expected);
    await settle(world);
    expect(seen).toEqual([early, "reading", unexpected, "closing"]);
    expect(stateOf(world, ref)).toBe("gone");
  });

  test.each([false, true])("leaves alone what a state says it does nothing about (exact: %s)", async (exact) => {
    const seen: unknown[] = [];
    const deaf = createMachine({
      id: "deaf",
      initial: "outer",
      on: { closed: { actions: () => seen.push("root") }, "*": {} },
      states: { outer: { on: { closed: {} } } },
    });
    const note = (event: { readonly type: string }): void => void seen.push(event.type);
    const world = createWorld();
    const ref = world.system.spawn(
      fromMachine(deaf, { exact, trapExit: true, fallback: { closed: note, other: note } }),
    );
    for (const type of ["closed", "other"]) world.system.send(ref, { type });
    world.system.exit(ref, shutdown("told to"));
    await settle(world);
    expect(seen).toEqual([]);
    expect(world.system.isAlive(ref)).toBe(true);
  });

  test("that is asynchronous is not waited for, and crashes the actor when it rejects", async () => {
    const rest = defer();
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(machine, { fallback: { closed: () => rest.promise } }));
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "closed" });
    await settle(world);
    expect(end.reason).toBeUndefined();
    rest.reject(boom);
    await settle(world);
    expect(end.reason).toEqual(failure(boom));
  });

  test("may end the actor", async () => {
    const world = createWorld();
    const ref = world.system.spawn(
      fromMachine(machine, { fallback: { closed: (_event, self) => self.exit(shutdown("peerClosed")) } }),
    );
    const end = endOf(world.system, ref);
    world.system.send(ref, { type: "closed" });
    await settle(world);
    expect(end.reason).toEqual(shutdown("peerClosed"));
  });
});

describe("inspection", () => {
  test("the tree shows the state in a word", async () => {
    const world = createWorld();
    const machine = createMachine({
      id: "nested",
      initial: "ready",
      states: { ready: { initial: "flowing", states: { flowing: {} } } },
    });
    const parallel = createMachine({
      id: "both",
      type: "parallel",
      states: { left: { initial: "a", states: { a: {} } }, right: { initial: "b", states: { b: {} } } },
    });
    world.system.spawn(fromMachine(light), undefined, { label: "hall" });
    world.system.spawn(fromMachine(machine));
    world.system.spawn(fromMachine(parallel));
    world.system.spawn(fromMachine(createMachine({ id: "bare" })));
    await settle(world);
    expect(formatTree(world.system.inspect()).split("\n")).toEqual([
      "light-1 <0.1> machine (hall, off)",
      "nested-2 <0.2> machine (ready.flowing)",
      'both-3 <0.3> machine ({"left":"a","right":"b"})',
      "bare-4 <0.4> machine",
    ]);
  });

  test("the state is value, context and tags", async () => {
    const world = createWorld();
    const ref = world.system.spawn(fromMachine(light));
    world.system.send(ref, { type: "toggle" });
    const state = sys.getState(world.system, ref);
    await settle(world);
    await expect(state).resolves.toEqual({ value: "on", context: {}, tags: ["lit"] });
  });

  test("the status is that, with timers, mail and all else there is to know", async () => {
    const world = createWorld();
    const machine = assembled({ initial: "a", states: { a: { after: { 100: "b" } }, b: { tags: "late" } } });
    const ref = world.system.spawn(fromMachine(machine, { trapExit: true }));
    await settle(world);
    await sys.suspend(world.system, ref);
    world.system.send(ref, { type: "waits" });
    const early = await sys.getStatus(world.system, ref);
    expect(early).toMatchObject({
      pid: ref,
      behaviour: "machine",
      summary: "a",
      state: { value: "a", context: {}, tags: [] },
      status: "suspended",
      trapExit: true,
      mailboxLength: 1,
      resources: [{ kind: "timer", description: "xstate.after.100.(machine).a due at 100" }],
    });
    await sys.resume(world.system, ref);
    await world.clock.advance(100);
    const late = await sys.getStatus(world.system, ref);
    expect(late).toMatchObject({ status: "waiting", state: { value: "b", tags: ["late"] }, resources: [] });
  });

  test("a timer is named by its event", async () => {
    const world = createWorld();
    world.system.spawn(fromMachine(createMachine({ id: "m", after: { 10: {} } })));
    await settle(world);
    expect(world.system.inspect().processes[0]?.resources).toEqual([
      { kind: "timer", description: "xstate.after.10.m due at 10" },
    ]);
  });
});

test.each<[string, unknown]>([
  ["other logic", fromPromise(async () => undefined)],
  ["the config of a machine", { initial: "a", states: { a: {} } }],
  ["an actor of XState's own", createActor(light)],
  ["nothing", undefined],
])("what is no machine is refused before anything is started: %s", (_what, logic) => {
  expect(() => fromMachine(logic as AnyStateMachine)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_OPTION", option: "machine" }),
  );
});

test("machineOf has the states of the machine that a definition runs, and nothing of one that runs none", () => {
  const { root } = machineOf(fromMachine(light)) ?? {};
  expect(root?.id).toBe(light.root.id);
  expect(Object.keys(root?.states ?? {})).toEqual(Object.keys(light.root.states));
  expect(machineOf({ name: "none", behaviour: { kind: "none", start: () => {}, receive: () => {} } })).toBe(undefined);
});
