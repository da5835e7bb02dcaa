import { statem, sys } from "@espalier/actors";
import { assign, createMachine, fromCallback } from "xstate";
import { definitionOf, noting, send, spawn } from "./machine-roles.ts";
import { type Clause, failing, textOf } from "./stage.ts";

/** Chapter 11 of the semantics: new code for machines. */
export const machineChanges: readonly Clause[] = [
  {
    says: "11.16 a change of code keeps state, context and mail, and runs neither entry nor exit actions",
    sees: ["entry", "first 1", "second 1", "state: second, 2", "migrated 12"],
    async play(stage) {
      const { system } = stage;
      const code = (version: string, state = version) =>
        createMachine({
          id: "code",
          version,
          initial: "same",
          context: { n: 0 },
          states: {
            [state]: { on: { work: { actions: ({ context }) => stage.note(`${version} ${context.n}`) } } },
            same: {
              entry: noting(stage, "entry"),
              exit: noting(stage, "exit"),
              on: {
                add: { actions: assign({ n: ({ context }) => context.n + 1 }) },
                work: { actions: ({ context }) => stage.note(`${version} ${context.n}`) },
              },
            },
          },
        });
      const ref = spawn(stage, code("first"));
      send(stage, ref, "add", "work");
      await stage.rest(1);
      await sys.suspend(system, ref);
      send(stage, ref, "work", "add");
      await sys.changeCode(system, ref, definitionOf(stage, code("second")));
      await sys.resume(system, ref);
      await stage.rest(1);
      const { context } = (await sys.getState(system, ref)) as { context: { n: number } };
      stage.note(`state: second, ${context.n}`);
      await sys.swapCode(system, ref, definitionOf(stage, code("migrated", "moved")), {
        migrate: ({ version }: { version: string }) => ({
          value: "moved",
          context: { n: version === "second" ? context.n + 10 : 0 },
        }),
      });
      send(stage, ref, "work");
      await stage.rest(1);
    },
  },
  {
    says: "11.17 timeouts that the state has before and after go on with the time that is left, others are disarmed or armed",
    sees: ["kept", "new", "over"],
    async play(stage) {
      const { system } = stage;
      const code = (after: Readonly<Record<number, string>>) =>
        createMachine({
          id: "code",
          initial: "a",
          states: {
            a: {
              after: Object.fromEntries(
                Object.entries(after).map(([ms, text]) => [ms, { actions: noting(stage, text) }]),
              ),
            },
          },
        });
      const ref = spawn(stage, code({ 20: "kept", 25: "old" }));
      await stage.rest(15);
      await sys.swapCode(system, ref, definitionOf(stage, code({ 20: "kept", 10: "new" })));
      await stage.rest(40);
      stage.note("over");
    },
  },
  {
    says: "11.17 a state that was replaced keeps its timeouts, and its children",
    sees: ["begun", "late", "stopped"],
    async play(stage) {
      const { system } = stage;
      const lodger = fromCallback(() => {
        stage.note("begun");
        return () => stage.note("stopped");
      });
      const machine = createMachine({
        initial: "a",
        context: { n: 0 },
        states: {
          a: { invoke: { src: lodger }, after: { 20: { actions: noting(stage, "late") } }, on: { leave: "b" } },
          b: {},
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(10);
      await sys.replaceState(system, ref, () => ({ context: { n: 1 } }));
      await stage.rest(15);
      send(stage, ref, "leave");
      await stage.rest(1);
    },
  },
  {
    says: "11.18 new code that does not know the state is refused, and the old goes on",
    sees: ["swap fails: ERR_CODE_CHANGE", "swap fails: no", "work", "late"],
    async play(stage) {
      const { system } = stage;
      const machine = createMachine({
        initial: "a",
        states: { a: { on: { work: { actions: noting(stage) } }, after: { 20: { actions: noting(stage, "late") } } } },
      });
      const other = createMachine({ initial: "b", states: { b: {} } });
      const ref = spawn(stage, machine);
      await stage.rest(5);
      await stage.settles("swap", sys.swapCode(system, ref, definitionOf(stage, other)));
      const migrate = failing("no");
      await stage.settles("swap", sys.swapCode(system, ref, definitionOf(stage, other), { migrate }));
      send(stage, ref, "work");
      await stage.rest(30);
    },
  },
  {
    says: "11.19 a change of code to an equal machine changes nothing",
    sees: ["data1", "data2", "kept", "late", "mail"],
    async play(stage) {
      const { system } = stage;
      const note = noting(stage);
      const code = () =>
        createMachine({
          initial: "a",
          states: {
            a: {
              entry: statem.namedTimeout("kept", 15, { type: "kept" }),
              on: { data: { actions: statem.postpone }, open: "b" },
            },
            b: { on: { "*": { actions: note } }, after: { 20: { actions: noting(stage, "late") } } },
          },
        });
      const ref = spawn(stage, code());
      stage.system.send(ref, { type: "data", n: 1 });
      await sys.swapCode(system, ref, definitionOf(stage, code()));
      stage.system.send(ref, { type: "data", n: 2 });
      send(stage, ref, "open");
      await stage.rest(5);
      await sys.swapCode(system, ref, definitionOf(stage, code()));
      await stage.rest(25);
      send(stage, ref, "mail");
      await stage.rest(1);
    },
  },

  {
    says: "11.17 a state that is put in place of another has its own timeouts and children, and the other's are gone",
    sees: ["+a", "-a", "+b", "late b", "state: b"],
    async play(stage) {
      const { system } = stage;
      const lodger = (name: string) =>
        fromCallback(() => {
          stage.note(`+${name}`);
          return () => stage.note(`-${name}`);
        });
      const state = (name: string) => ({
        invoke: { src: lodger(name) },
        after: { 20: { actions: noting(stage, `late ${name}`) } },
      });
      const machine = createMachine({ initial: "a", states: { a: state("a"), b: state("b") } });
      const ref = spawn(stage, machine);
      await stage.rest(10);
      await sys.replaceState(system, ref, () => ({ value: "b" }));
      await stage.rest(30);
      stage.note(`state: ${textOf(((await sys.getState(system, ref)) as { value: unknown }).value)}`);
    },
  },
];
