import {
  CodeChangeError,
  type Definition,
  defineServer,
  failure,
  fromMachine,
  type MachineState,
  type Migrate,
  noproc,
  normal,
  ok,
  statem,
  sys,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, assign, fromCallback, raise, sendParent } from "xstate";
import { counter } from "./support/actors.ts";
import { answer, assembled, noteIn, run, type Run, settle, ways } from "./support/machines.ts";
import { defer, errorOf } from "./support/promises.ts";
import { createWorld } from "./support/world.ts";

const boom = new Error("boom");

function fail(): never {
  throw boom;
}

function codeOf(config: AnyStateMachine | object, options: object = {}): Definition<never> {
  const machine = "transition" in config ? config : assembled(config);
  return fromMachine(machine, options) as Definition<never>;
}

/** Gives a machine the code of another, one way or the other. */
type Change = (machine: Run, code: AnyStateMachine | object, extra?: { readonly migrate: Migrate }) => Promise<void>;

async function swap({ world, ref }: Run, code: AnyStateMachine | object, extra?: object): Promise<void> {
  await answer(world, sys.swapCode(world.system, ref, codeOf(code), extra));
}

async function change(machine: Run, code: AnyStateMachine | object, extra?: object): Promise<void> {
  const { world, ref } = machine;
  await machine.suspend();
  try {
    await answer(world, sys.changeCode(world.system, ref, codeOf(code), extra));
  } finally {
    await machine.resume();
  }
}

const changes: ReadonlyArray<[string, Change]> = [
  ["changeCode", change],
  ["swapCode", swap],
];

function stateOf({ world, ref }: Run): Promise<unknown> {
  return answer(world, sys.getState(world.system, ref));
}

function replace({ world, ref }: Run, replacement: (state: unknown) => unknown): Promise<unknown> {
  return answer(world, sys.replaceState(world.system, ref, replacement));
}

/** The names of the actors that live. */
function living({ world }: Run): string[] {
  return world.system.inspect().processes.map(({ id }) => id);
}

function timers({ world }: Run): number {
  return world.system.inspect().timers;
}

/** What a child does: it says that it has come and gone. */
function noisy(seen: string[], name: string): ReturnType<typeof fromCallback> {
  return fromCallback(() => {
    seen.push(`+${name}`);
    return () => void seen.push(`-${name}`);
  });
}

/** Has a machine send to its child, which sends it back. */
function poke({ self }: { self: { getSnapshot(): { children: Record<string, { send(e: object): void }> } } }): void {
  self.getSnapshot().children["child"]?.send({ type: "done" });
}

/** A machine that remembers in which of these it was. */
function workingIn(...names: string[]): object {
  return {
    id: "m",
    initial: "work",
    states: {
      work: {
        initial: "one",
        states: {
          ...Object.fromEntries(names.map((name) => [name, { on: Object.fromEntries(names.map((n) => [n, n])) }])),
          last: { type: "history" },
        },
        on: { pause: "paused" },
      },
      paused: { on: { back: "work.last" } },
    },
  };
}

/** A machine that ends with an output, or crashes. */
function ending(output: number): object {
  return {
    id: "m",
    initial: "a",
    states: { a: { on: { end: "b", crash: { actions: fail } } }, b: { type: "final" } },
    output,
  };
}

describe.each(changes)("a change of a machine's code, by %s,", (_way, to) => {
  test("keeps state, context and identity, and runs neither entry nor exit actions", async () => {
    const seen: string[] = [];
    const version = (name: string, next: string): object => ({
      id: "light",
      initial: "off",
      context: { n: 0 },
      entry: () => seen.push(`${name} entry`),
      exit: () => seen.push(`${name} exit`),
      states: {
        off: { on: { toggle: { target: "on", actions: assign({ n: 5 }) } } },
        on: { entry: () => seen.push(`${name} on`), exit: () => seen.push(`${name} off`), on: { toggle: next } },
      },
    });
    const machine = run(version("old", "off"));
    await machine.send("toggle");
    expect(seen).toEqual(["old entry", "old on"]);
    await to(machine, version("new", "on"));
    expect(seen).toHaveLength(2);
    expect(await stateOf(machine)).toEqual({ value: "on", context: { n: 5 }, tags: [] });
    expect(machine.world.system.isAlive(machine.ref)).toBe(true);
    await machine.send("toggle");
    expect(machine.value()).toBe("on");
  });

  test("keeps timeouts that the state still has, with the time that is left", async () => {
    const old = { id: "m", initial: "a", states: { a: { after: { 100: "b" } }, b: {}, c: {} } };
    const machine = run(old);
    await machine.advance(60);
    await to(machine, { ...old, states: { ...old.states, a: { after: { 100: "c" } } } });
    await machine.advance(39);
    expect(machine.value()).toBe("a");
    await machine.advance(1);
    expect(machine.value()).toBe("c");
  });

  test("disarms timeouts that it has not, and arms new ones from now", async () => {
    const machine = run({ id: "m", initial: "a", states: { a: { after: { 100: "b", 300: "b" } }, b: {}, c: {} } });
    await machine.advance(60);
    await to(machine, { id: "m", initial: "a", states: { a: { after: { 150: "c", 300: "b" } }, b: {}, c: {} } });
    expect(timers(machine)).toBe(2);
    await machine.advance(149);
    expect(machine.value()).toBe("a");
    await machine.advance(1);
    expect(machine.value()).toBe("c");
    expect(timers(machine)).toBe(0);
  });

  test("takes delays by name or of the context from the new code", async () => {
    const states = { a: { after: { long: "b" } }, b: {} };
    const machine = run({ id: "m", initial: "a", states: { a: {}, b: {} }, context: { ms: 7 } });
    await to(
      machine,
      assembled({ id: "m", initial: "a", states, context: { ms: 7 } }).provide({
        delays: { long: ({ context }: { context: { ms: number } }) => context.ms * 2 },
      } as never),
    );
    await machine.advance(13);
    expect(machine.value()).toBe("a");
    await machine.advance(1);
    expect(machine.value()).toBe("b");
  });

  test("does not arm a timeout that is over while the state lasts", async () => {
    const seen: string[] = [];
    const config = { id: "m", initial: "a", states: { a: { after: { 10: { actions: () => seen.push("late") } } } } };
    const machine = run(config);
    await machine.advance(10);
    await to(machine, { ...config });
    await machine.advance(100);
    expect(seen).toEqual(["late"]);
  });

  test("keeps a timeout that has come up already, or takes it back with its state", async () => {
    const old = { id: "m", initial: "a", states: { a: { after: { 10: "b" } }, b: {}, c: {} } };
    for (const [state, expected] of [
      ["a", "b"],
      ["c", "c"],
    ]) {
      const machine = run(old);
      await settle(machine.world);
      await machine.suspend();
      await machine.advance(10);
      const changed = sys.changeCode(machine.world.system, machine.ref, codeOf({ ...old }), {
        migrate: () => ({ value: state }),
      });
      await answer(machine.world, changed);
      await machine.resume();
      expect(machine.value()).toBe(expected);
    }
  });

  test("keeps timers of the machine's own, and its postponed events and timeouts", async () => {
    const seen: string[] = [];
    const old = {
      id: "m",
      initial: "a",
      entry: [
        raise({ type: "raised" }, { delay: 10, id: "x" }),
        statem.stateTimeout(20, { type: "state" }),
        statem.namedTimeout("n", 30, { type: "named" }),
      ],
      states: { a: { on: { data: { actions: statem.postpone }, go: "b" } }, b: {} },
    };
    const machine = run(old);
    await machine.send("data");
    await machine.advance(5);
    await to(machine, { ...old, on: { "*": { actions: noteIn(seen) } } });
    await machine.advance(25);
    expect(seen).toEqual(["raised", "state", "named"]);
    await machine.send("go");
    expect(seen).toEqual(["raised", "state", "named", "data"]);
  });

  test("keeps children that the state still invokes, stops those that it does not, and starts new ones", async () => {
    const seen: string[] = [];
    const version = (...names: string[]): object => ({
      id: "m",
      initial: "a",
      states: { a: { invoke: names.map((name) => ({ id: name, src: noisy(seen, name) })) } },
    });
    const machine = run(version("kept", "old"));
    await settle(machine.world);
    const [, kept] = machine.world.system.inspect().processes;
    seen.length = 0;
    await to(machine, version("kept", "new"));
    await settle(machine.world);
    expect(seen.toSorted()).toEqual(["+new", "-old"]);
    expect(living(machine)).toEqual(["m-1", "kept", "new"]);
    expect(machine.world.system.inspect().processes[1]?.pid).toBe(kept?.pid);
    machine.world.system.kill(machine.ref);
    await settle(machine.world);
    expect(seen.toSorted()).toEqual(["+new", "-kept", "-new", "-old"]);
  });

  test("hears of the ends of the children that it kept", async () => {
    const child = fromCallback(({ receive, sendBack }) => {
      receive((event) => sendBack(event));
    });
    const version = (target: string): object => ({
      id: "m",
      initial: "a",
      invoke: { id: "child", src: child },
      states: { a: { on: { done: target, poke: { actions: (args: never) => poke(args) } } }, b: {}, c: {} },
    });
    const machine = run(version("b"));
    await settle(machine.world);
    await to(machine, version("c"));
    await machine.send("poke");
    expect(machine.value()).toBe("c");
  });

  test("does not start a child anew that has done its work while the state lasts", async () => {
    const seen: string[] = [];
    const config = {
      id: "m",
      initial: "a",
      states: {
        a: {
          invoke: {
            id: "brief",
            src: assembled({
              id: "brief",
              entry: () => seen.push("brief"),
              initial: "x",
              states: { x: { type: "final" } },
            }),
          },
        },
      },
    };
    const machine = run(config);
    await settle(machine.world);
    await to(machine, { ...config });
    await settle(machine.world);
    expect(seen).toEqual(["brief"]);
    expect(living(machine)).toEqual(["m-1"]);
  });

  test("gives new children the migrated context for their input", async () => {
    const seen: unknown[] = [];
    const machine = run({ id: "m", initial: "a", states: { a: {} }, context: { port: 1 } });
    await to(
      machine,
      {
        id: "m",
        initial: "a",
        context: { port: 0 },
        states: {
          a: {
            invoke: {
              id: "child",
              src: fromCallback(({ input }) => void seen.push(input)),
              input: ({ context }: { context: { port: number } }) => context.port,
            },
          },
        },
      },
      { migrate: ({ context }) => ({ context: { port: (context as { port: number }).port + 1 } }) },
    );
    await settle(machine.world);
    expect(seen).toEqual([2]);
  });

  test("maps what history states remember, and forgets what is no state any more", async () => {
    const kept = run(workingIn("one", "two"));
    await kept.send("two", "pause");
    await to(kept, workingIn("one", "two", "three"));
    await kept.send("back");
    expect(kept.value()).toEqual({ work: "two" });

    const forgotten = run(workingIn("one", "two"));
    await forgotten.send("two", "pause");
    await to(forgotten, workingIn("one", "three"));
    await forgotten.send("back");
    expect(forgotten.value()).toEqual({ work: "one" });

    const mapped = run(workingIn("one", "two"));
    await mapped.send("two", "pause");
    const histories: unknown[] = [];
    await to(mapped, workingIn("one", "three"), {
      migrate: ({ history }) => {
        histories.push(history);
        return { history: { "m.work.last": ["m.work.three"], "m.work.one": ["m.work.one"], "m.gone": [] } };
      },
    });
    await mapped.send("back");
    expect(histories).toEqual([{ "m.work.last": ["m.work.two"] }]);
    expect(mapped.value()).toEqual({ work: "three" });
  });

  test("maps state and context as migrate says, which is told the version", async () => {
    const seen: MachineState[] = [];
    const machine = run({ id: "m", version: "1.4", initial: "a", context: { n: 1 }, states: { a: {} } });
    await to(
      machine,
      {
        id: "m",
        version: "2.0",
        type: "parallel",
        context: {},
        states: {
          left: { initial: "x", states: { x: {}, y: { tags: "lit" } } },
          right: { initial: "x", states: { x: {}, y: {} } },
        },
      },
      {
        migrate(state) {
          seen.push(state);
          return { value: { left: "y", right: "x" }, context: { list: [state.context] } };
        },
      },
    );
    expect(seen).toEqual([{ value: "a", context: { n: 1 }, history: {}, version: "1.4" }]);
    expect(await stateOf(machine)).toEqual({
      value: { left: "y", right: "x" },
      context: { list: [{ n: 1 }] },
      tags: ["lit"],
    });
  });

  test("leaves as it is what migrate does not name", async () => {
    const config = { id: "m", initial: "a", context: { n: 1 }, states: { a: { on: { go: "b" } }, b: {} } };
    const machine = run(config);
    await machine.send("go");
    await to(machine, { ...config }, { migrate: () => ({}) });
    expect(await stateOf(machine)).toMatchObject({ value: "b", context: { n: 1 } });
    await to(machine, { ...config }, { migrate: () => ({ context: { n: 2 } }) });
    expect(await stateOf(machine)).toMatchObject({ value: "b", context: { n: 2 } });
    await to(machine, { ...config }, { migrate: () => ({ value: "a" }) });
    expect(await stateOf(machine)).toMatchObject({ value: "a", context: { n: 2 } });
  });

  test("goes to the first states inside one that has got some", async () => {
    const machine = run({ id: "m", initial: "a", states: { a: {} } });
    await to(machine, {
      id: "m",
      initial: "a",
      states: { a: { initial: "first", states: { first: { after: { 5: "second" } }, second: {} } } },
    });
    expect(machine.value()).toEqual({ a: "first" });
    await machine.advance(5);
    expect(machine.value()).toEqual({ a: "second" });
  });

  test("can be done again, also back", async () => {
    const one = { id: "m", initial: "a", states: { a: { after: { 100: "b" } }, b: {} } };
    const two = { id: "m", initial: "x", states: { x: { after: { 50: "y" } }, y: {} } };
    const machine = run(one);
    await machine.advance(60);
    await to(machine, two, { migrate: () => ({ value: "x" }) });
    await machine.advance(40);
    await to(machine, one, { migrate: () => ({ value: "a" }) });
    await machine.advance(99);
    expect(machine.value()).toBe("a");
    await machine.advance(1);
    expect(machine.value()).toBe("b");
  });

  describe("that fails leaves the old version running as it was:", () => {
    const seen: string[] = [];
    const old = {
      id: "m",
      initial: "a",
      states: {
        a: { invoke: { id: "child", src: noisy(seen, "child") }, after: { 100: "late" }, on: { go: "b" } },
        b: {},
        late: {},
      },
    };
    const next = {
      id: "m",
      initial: "a",
      states: {
        a: { after: { 200: "b" }, invoke: { id: "other", src: noisy(seen, "other") } },
        b: {},
        end: { type: "final" },
      },
    };

    test.each<[string, object, { migrate: Migrate } | undefined, object]>([
      [
        "a state that it does not have",
        { id: "m", initial: "z", states: { z: {} } },
        undefined,
        { code: "ERR_CODE_CHANGE", message: "cannot change the code of m-1: State 'a' does not exist on 'm'" },
      ],
      ["a state that migrate makes up", next, { migrate: () => ({ value: "nowhere" }) }, { code: "ERR_CODE_CHANGE" }],
      [
        "a part of a state that it does not have",
        next,
        { migrate: () => ({ value: { a: "x" } }) },
        { code: "ERR_CODE_CHANGE" },
      ],
      [
        "two states where one can be",
        next,
        { migrate: () => ({ value: { a: {}, b: {} } }) },
        { code: "ERR_CODE_CHANGE", message: 'cannot change the code of m-1: machine m has no state {"a":{},"b":{}}' },
      ],
      [
        "a state in which it would be done",
        next,
        { migrate: () => ({ value: "end" }) },
        { code: "ERR_CODE_CHANGE", message: 'cannot change the code of m-1: machine m is at its end in state "end"' },
      ],
      ["migrate that throws", next, { migrate: fail }, boom],
      [
        "a delay that throws",
        {
          ...next,
          states: { ...next.states, a: { entry: raise({ type: "x" }, { delay: fail, id: "xstate.after.x" }) } },
        },
        undefined,
        boom,
      ],
      [
        "an input that throws, behind a child that was made already",
        {
          ...next,
          states: {
            ...next.states,
            a: {
              invoke: [
                { id: "other", systemId: "other", src: noisy(seen, "other") },
                { id: "third", src: noisy(seen, "third"), input: fail },
              ],
            },
          },
        },
        undefined,
        boom,
      ],
      [
        "a child that is done as soon as it is made, and whose name another has",
        {
          ...next,
          states: {
            ...next.states,
            a: {
              invoke: [
                {
                  id: "brief",
                  systemId: "same",
                  src: assembled({ initial: "end", states: { end: { type: "final" } } }),
                },
                { id: "other", systemId: "same", src: noisy(seen, "other") },
              ],
            },
          },
        },
        undefined,
        { message: "Actor with system ID 'same' already exists." },
      ],
    ])("%s", async (_what, code, extra, error) => {
      seen.length = 0;
      const machine = run(old);
      await machine.advance(60);
      expect(await errorOf(to(machine, code, extra))).toMatchObject(error);
      expect(seen).toEqual(["+child"]);
      expect(living(machine)).toEqual(["m-1", "child"]);
      await machine.advance(39);
      expect(machine.value()).toBe("a");
      await machine.advance(1);
      expect(machine.value()).toBe("late");
      expect(seen).toEqual(["+child", "-child"]);
      // And nothing stands in the way of another one.
      await to(machine, { ...next, states: { ...next.states, late: {} } });
    });

    test.each<[string, () => unknown, string]>([
      ["nothing", () => undefined, "the state of a machine is { value, context }; got undefined"],
      ["a list", () => ["b"], "the state of a machine is { value, context }; got an array of 1"],
      ["something else", () => ({ state: "b" }), "the state of a machine is { value, context }; got { state }"],
      ["a promise", async () => ({ value: "b" }), "the state of a machine is { value, context }; got a promise"],
      ["one that rejects", async () => fail(), "the state of a machine is { value, context }; got a promise"],
      ["a value that is a number", () => ({ value: 7 }), "a state value is text, or an object of such; got 7"],
      ["a value that is null", () => ({ value: null }), "a state value is text, or an object of such; got null"],
      [
        "a value that is a list",
        () => ({ value: ["b"] }),
        "a state value is text, or an object of such; got an array of 1",
      ],
      ["a context that is null", () => ({ context: null }), "the context of a machine is an object; got null"],
      ["a context that is text", () => ({ context: "n" }), 'the context of a machine is an object; got "n"'],
      [
        "a context that is a promise",
        () => ({ context: defer().promise }),
        "the context of a machine is an object; got a promise",
      ],
      ["a history that is null", () => ({ history: null }), "what history states remember is ids by id; got null"],
      [
        "a history without lists",
        () => ({ history: { h: "m.a" } }),
        "what history states remember is ids by id; got { h }",
      ],
      ["a history of no ids", () => ({ history: { h: [7] } }), "what history states remember is ids by id; got { h }"],
    ])("migrate that answers %s", async (_what, migrate, problem) => {
      const machine = run(old);
      await machine.advance(60);
      const error = await errorOf(to(machine, next, { migrate: migrate as Migrate }));
      expect(error).toBeInstanceOf(CodeChangeError);
      expect(error).toMatchObject({ message: `cannot change the code of m-1: ${problem}` });
      await machine.advance(40);
      expect(machine.value()).toBe("late");
    });
  });

  test("that fails leaves the names of children that it has made to others", async () => {
    const version = (...further: object[]): object => ({
      id: "m",
      initial: "a",
      states: { a: { invoke: [{ id: "named", systemId: "reader", src: noisy([], "named") }, ...further] } },
    });
    const machine = run({ id: "m", initial: "a", states: { a: {} } });
    const failing = { id: "failing", src: noisy([], "failing"), input: fail };
    expect(await errorOf(to(machine, version(failing)))).toBe(boom);
    await to(machine, version());
    expect(living(machine)).toEqual(["m-1", "named"]);
  });

  test("is refused to another kind of actor, and by one that is dead", async () => {
    const machine = run({ initial: "a", states: { a: {} } });
    const { world, ref } = machine;
    await settle(world);
    const server = world.system.spawn(counter, 1);
    await settle(world);
    expect(await errorOf(to({ ...machine, ref: server as never, ...suspending(machine, server) }, {}))).toBeInstanceOf(
      CodeChangeError,
    );
    await machine.suspend();
    const serverCode = defineServer({ init: () => ok(undefined) }) as Definition<never>;
    const changed = sys.changeCode(world.system, ref, serverCode);
    expect(await errorOf(answer(world, changed))).toMatchObject({ code: "ERR_CODE_CHANGE" });
    world.system.kill(ref);
    await settle(world);
    const late = sys.swapCode(world.system, ref, codeOf({}));
    expect(await errorOf(answer(world, late))).toMatchObject({ reason: noproc });
  });

  test("is refused to the child of a machine, whose code is its parent's", async () => {
    const child = assembled({
      id: "child",
      initial: "a",
      states: { a: { on: { go: { actions: sendParent({ type: "hi" }) } } } },
    });
    const machine = run({
      id: "m",
      invoke: { id: "child", src: child },
      on: { hi: ".b" },
      initial: "a",
      states: { a: {}, b: {} },
    });
    await settle(machine.world);
    const pid = machine.world.system.inspect().processes[1]?.pid as Run["ref"];
    const failed = await errorOf(to({ ...machine, ref: pid, ...suspending(machine, pid) }, { id: "child" }));
    expect(failed).toMatchObject({ code: "ERR_CODE_CHANGE" });
    machine.world.system.send(pid, { type: "go" });
    await settle(machine.world);
    expect(machine.value()).toBe("b");
  });
});

/** The same for another actor of the same world. */
function suspending({ world }: Run, ref: object): Pick<Run, "suspend" | "resume"> {
  return {
    suspend: () => answer(world, sys.suspend(world.system, ref as never)),
    resume: () => answer(world, sys.resume(world.system, ref as never)),
  };
}

describe.each(ways)("a machine that is run by %s", (_way, options) => {
  test("takes on new code between two messages, and its mail stays in order", async () => {
    const seen: string[] = [];
    const version = (name: string): object => ({
      id: "m",
      on: { "*": { actions: ({ event }: { event: { type: string } }) => seen.push(`${name} ${event.type}`) } },
    });
    const world = createWorld();
    const machine = run(version("old"), options, world);
    world.system.send(machine.ref, { type: "one" });
    world.system.send(machine.ref, { type: "two" });
    const swapped = sys.swapCode(world.system, machine.ref, codeOf(version("new"), options));
    world.system.send(machine.ref, { type: "three" });
    world.system.send(machine.ref, { type: "four" });
    await answer(world, swapped);
    expect(seen).toEqual(["old one", "old two", "new three", "new four"]);
  });

  test("keeps the mail that came while it was suspended", async () => {
    const seen: string[] = [];
    const version = (name: string): object => ({
      id: "m",
      on: { "*": { actions: ({ event }: { event: { type: string } }) => seen.push(`${name} ${event.type}`) } },
    });
    const machine = run(version("old"), options);
    await machine.suspend();
    await machine.send("one", "two");
    await answer(machine.world, sys.changeCode(machine.world.system, machine.ref, codeOf(version("new"), options)));
    expect(seen).toEqual([]);
    await machine.resume();
    expect(seen).toEqual(["new one", "new two"]);
  });

  test("may go on in the other way", async () => {
    const config = { id: "m", initial: "a", states: { a: { on: { go: "b" } }, b: { on: { go: "a" } } } };
    const machine = run(config, options);
    await machine.send("go");
    const code = codeOf({ ...config }, { exact: !options.exact });
    await answer(machine.world, sys.swapCode(machine.world.system, machine.ref, code));
    await machine.send("go");
    expect(machine.value()).toBe("a");
  });

  test("of one definition moves alone", async () => {
    const world = createWorld();
    const definition = codeOf({ id: "m", initial: "a", states: { a: { on: { go: "b" } }, b: {}, c: {} } }, options);
    const spawn = (): Run["ref"] => world.system.spawn(definition) as never;
    const [first, second] = [spawn(), spawn()];
    await settle(world);
    const code = codeOf({ id: "m", initial: "a", states: { a: { on: { go: "c" } }, c: {} } }, options);
    await answer(world, sys.swapCode(world.system, first, code));
    for (const ref of [first, second]) world.system.send(ref, { type: "go" });
    await settle(world);
    expect(world.system.inspect().processes.map(({ summary }) => summary)).toEqual(["c", "b"]);
  });
});

describe("changeCode", () => {
  test("needs a machine that is suspended", async () => {
    const machine = run({ initial: "a", states: { a: {} } });
    const changed = sys.changeCode(machine.world.system, machine.ref, codeOf({ initial: "a", states: { a: {} } }));
    expect(await errorOf(answer(machine.world, changed))).toMatchObject({ code: "ERR_CODE_CHANGE" });
  });
});

describe("replaceState of a machine", () => {
  const config = {
    id: "m",
    initial: "a",
    context: { n: 1 },
    states: {
      a: { after: { 100: "late" }, entry: fail, on: { data: { actions: statem.postpone }, go: "b" } },
      b: { entry: fail, after: { 50: "late" }, on: { data: "got" } },
      late: { on: { back: "got" } },
      got: {},
      end: { type: "final" },
    },
  };
  const calm = { ...config, states: { ...config.states, a: { ...config.states.a, entry: [] } } };

  test("replaces value and context, and answers the state", async () => {
    const machine = run(calm);
    await settle(machine.world);
    await expect(replace(machine, () => ({ value: "b", context: { n: 2 } }))).resolves.toEqual({
      value: "b",
      context: { n: 2 },
      tags: [],
    });
    await expect(replace(machine, (state) => ({ ...(state as object), context: { n: 3 } }))).resolves.toEqual({
      value: "b",
      context: { n: 3 },
      tags: [],
    });
  });

  test("disarms the timeouts of states that it leaves, arms those of states that it comes to, and keeps the rest", async () => {
    const machine = run(calm);
    await machine.advance(60);
    await replace(machine, () => ({ context: { n: 2 } }));
    await machine.advance(20);
    await replace(machine, () => ({ value: "b" }));
    expect(timers(machine)).toBe(1);
    await machine.advance(49);
    expect(machine.value()).toBe("b");
    await machine.advance(1);
    expect(machine.value()).toBe("late");
  });

  test("stops and starts what states invoke", async () => {
    const seen: string[] = [];
    const machine = run({
      id: "m",
      initial: "a",
      states: {
        a: { invoke: { id: "one", src: noisy(seen, "one") } },
        b: { invoke: { id: "two", src: noisy(seen, "two") } },
      },
    });
    await settle(machine.world);
    await replace(machine, () => ({ value: "b" }));
    await settle(machine.world);
    expect(seen.toSorted()).toEqual(["+one", "+two", "-one"]);
    expect(living(machine)).toEqual(["m-1", "two"]);
  });

  test("is no change of the state for what is postponed: that waits for the next", async () => {
    const machine = run(calm);
    await machine.send("data");
    await replace(machine, () => ({ value: "late" }));
    expect(machine.value()).toBe("late");
    await machine.send("unknown");
    expect(await stateOf(machine)).toMatchObject({ postponed: [{ type: "data" }] });
    await machine.send("back");
    expect(await stateOf(machine)).not.toHaveProperty("postponed");
  });

  test.each<[string, () => unknown, object]>([
    ["a state that there is not", () => ({ value: "nowhere" }), { message: "State 'nowhere' does not exist on 'm'" }],
    ["an end", () => ({ value: "end" }), { message: 'machine m is at its end in state "end"' }],
    ["a function that throws", fail, boom],
    ["no state at all", () => "b", { message: 'the state of a machine is { value, context }; got "b"' }],
    ["a promise", async () => fail(), { message: "the state of a machine is { value, context }; got a promise" }],
    ["a context that is none", () => ({ context: 7 }), { message: "the context of a machine is an object; got 7" }],
  ])("refuses %s, and the machine goes on", async (_what, replacement, error) => {
    const machine = run(calm);
    await machine.advance(60);
    expect(await errorOf(replace(machine, replacement))).toMatchObject(error);
    await machine.advance(39);
    expect(machine.value()).toBe("a");
    await machine.advance(1);
    expect(machine.value()).toBe("late");
  });
});

test("a machine that has moved ends as it would have", async () => {
  const done = run(ending(1));
  await swap(done, ending(2));
  await done.send("end");
  expect(done.end.reason).toEqual({ ...normal, detail: 2 });

  const world = createWorld();
  const probe = createProbe(world.system);
  const crashed = run(ending(1), {}, world);
  probe.self.monitor(crashed.ref);
  await swap(crashed, ending(2));
  await crashed.send("crash");
  expect(probe.messages).toMatchObject([{ type: "down", reason: failure(boom) }]);
  expect(crashed.crashes).toMatchObject([{ lastMessage: { type: "crash" }, state: { value: "a" } }]);
});
