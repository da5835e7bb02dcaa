import { type ActorRef, failure, statem, sys } from "@espalier/actors";
import { createMachine } from "xstate";
import { definitionOf, noting, send, spawn } from "./machine-roles.ts";
import { type Clause, Gate } from "./stage.ts";

/** Chapter 11 of the semantics: what `gen_statem` has and statecharts have not. */
export const statems: readonly Clause[] = [
  {
    says: "11.9 what was postponed comes again when the state changes, the oldest first, before the mail",
    sees: [...Array.from({ length: 9 }, (_, index) => `data${index + 1}`), "mail"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        initial: "closed",
        states: {
          closed: { on: { data: { actions: statem.postpone }, same: "closed", open: "opened" } },
          opened: { on: { "*": { actions: note } } },
        },
      });
      const ref = spawn(stage, machine);
      for (let n = 1; n <= 9; n += 1) stage.system.send(ref, { type: "data", n });
      send(stage, ref, "same", "open", "mail");
      await stage.rest(1);
    },
  },
  {
    says: "11.9 what is postponed again in the next state keeps its order",
    sees: ["data1", "data2", "data3", "other"],
    async play(stage) {
      const note = noting(stage);
      const postponed = { data: { actions: statem.postpone } };
      const machine = createMachine({
        initial: "a",
        states: {
          a: { on: { ...postponed, next: "b" } },
          b: { on: { ...postponed, next: "c" } },
          c: { on: { "*": { actions: note } } },
        },
      });
      const ref = spawn(stage, machine);
      for (const n of [1, 2]) stage.system.send(ref, { type: "data", n });
      send(stage, ref, "next");
      stage.system.send(ref, { type: "data", n: 3 });
      send(stage, ref, "next", "other");
      await stage.rest(1);
    },
  },
  {
    says: "11.10 a call that is postponed is answered later, or fails with its machine",
    sees: ["call fails: too late", "call: open", "call fails: error broken"],
    async play(stage) {
      const { system } = stage;
      const machine = createMachine({
        initial: "closed",
        states: {
          closed: { on: { call: { actions: statem.postpone }, open: "opened" } },
          opened: {
            on: {
              call: { actions: statem.reply("open") },
              close: "closed",
              crash: {
                actions: () => {
                  throw new Error("broken");
                },
              },
            },
          },
        },
      });
      const ref = spawn(stage, machine);
      const call = (timeoutMs: number) => stage.settles("call", system.call(ref, { type: "get" }, { timeoutMs }));
      await call(5);
      const answered = call(100);
      await stage.rest(5);
      send(stage, ref, "open");
      await answered;
      send(stage, ref, "close");
      const failed = call(100);
      await stage.rest(5);
      system.exit(ref, failure(new Error("broken")));
      await failed;
    },
  },
  {
    says: "11.11 inserted events come first, then postponed ones, then timeouts of 0, then the mail",
    sees: ["open", "inserted1", "inserted2", "data1", "data2", "zero", "mail"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        initial: "closed",
        states: {
          closed: {
            on: {
              data: { actions: statem.postpone },
              open: {
                target: "opened",
                actions: [
                  note,
                  statem.namedTimeout("zero", 0, { type: "zero" }),
                  statem.nextEvent({ type: "inserted", n: 1 }),
                  statem.nextEvent({ type: "inserted", n: 2 }),
                ],
              },
            },
          },
          opened: { on: { "*": { actions: note } } },
        },
      });
      const ref = spawn(stage, machine);
      for (const n of [1, 2]) stage.system.send(ref, { type: "data", n });
      send(stage, ref, "open", "mail");
      await stage.rest(1);
    },
  },
  {
    says: "11.11 an event that is inserted while one is handled comes before the rest of those inserted",
    sees: ["a", "b", "c", "d", "mail"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        on: {
          "*": { actions: note },
          a: { actions: [note, ...next("b", "d")] as never },
          b: { actions: [note, ...next("c")] as never },
        },
      });
      send(stage, spawn(stage, machine), "a", "mail");
      await stage.rest(1);
    },
  },
  {
    says: "11.12 a state timeout comes if the state does not change for so long, and not otherwise",
    sees: ["stay", "timeout", "left", "over"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        initial: "a",
        states: {
          a: {
            entry: statem.stateTimeout(20),
            on: { stay: { actions: note }, timeout: { target: "b", actions: note } },
          },
          b: { entry: statem.stateTimeout(20), on: { leave: { target: "c", actions: noting(stage, "left") } } },
          c: { on: { "*": { actions: note } } },
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(15);
      send(stage, ref, "stay");
      await stage.rest(10);
      send(stage, ref, "leave");
      await stage.rest(30);
      stage.note("over");
    },
  },
  {
    says: "11.12 a change of state cancels the timeout also if it has come up already, and set again it begins anew",
    sees: ["leave", "again", "not yet", "timeout"],
    async play(stage) {
      const { system } = stage;
      const note = noting(stage);
      const machine = createMachine({
        initial: "a",
        states: {
          a: { entry: statem.stateTimeout(20), on: { leave: { target: "b", actions: note } } },
          b: {
            on: {
              again: { actions: [note, statem.stateTimeout(20)] },
              timeout: { actions: note },
            },
          },
        },
      });
      const ref = spawn(stage, machine);
      await sys.suspend(system, ref);
      send(stage, ref, "leave");
      await stage.rest(30);
      await sys.resume(system, ref);
      await stage.rest(1);
      send(stage, ref, "again");
      await stage.rest(15);
      stage.note("not yet");
      await stage.rest(20);
    },
  },
  ...["an ignored one", "one that is inserted", "a message that is dropped"].map((kind): Clause => ({
    says: `11.13 an event timeout is cancelled by any event: ${kind}`,
    sees: ["over"],
    async play(stage) {
      const machine = createMachine({
        entry: statem.eventTimeout(20, { type: "quiet" }),
        on: {
          quiet: { actions: noting(stage) },
          insert: { actions: [statem.nextEvent({ type: "ignored" }), statem.eventTimeout(20, { type: "quiet" })] },
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(10);
      if (kind === "a message that is dropped") stage.system.send(ref as unknown as ActorRef<string>, "hello");
      else send(stage, ref, kind === "an ignored one" ? "ignored" : "insert");
      await stage.rest(40);
      stage.note("over");
    },
  })),
  {
    says: "11.13 an event timeout comes when no event has come for so long, whatever the system asks",
    sees: ["not yet", "quiet", "over"],
    async play(stage) {
      const machine = createMachine({
        entry: statem.eventTimeout(20, { type: "quiet" }),
        on: { quiet: { actions: noting(stage) } },
      });
      const ref = spawn(stage, machine);
      await stage.rest(15);
      await sys.getState(stage.system, ref);
      stage.note("not yet");
      await stage.rest(10);
      stage.note("over");
    },
  },
  {
    says: "11.14 a named timeout comes after so long, unless its name is cancelled or set again",
    sees: ["work", "work", "kept", "set: 2", "over"],
    async play(stage) {
      const machine = createMachine({
        initial: "a",
        entry: [
          statem.namedTimeout("kept", 20, { type: "kept" }),
          statem.namedTimeout("set", 20, { type: "set", n: ": 1" }),
          statem.namedTimeout("cancelled", 20, { type: "cancelled" }),
        ],
        on: { "*": { actions: noting(stage) } },
        states: {
          a: { on: { work: { target: "b", actions: noting(stage) } } },
          b: {
            entry: [
              statem.cancelTimeout({ name: "cancelled" }),
              statem.namedTimeout("set", 20, { type: "set", n: ": 2" }),
            ],
          },
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(10);
      send(stage, ref, "work", "work");
      await stage.rest(40);
      stage.note("over");
    },
  },
  {
    says: "11.15 a time that is none crashes the actor, and all that is armed ends with it",
    sees: ["machine ends: error ERR_INVALID_OPTION", "over"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        entry: [statem.namedTimeout("name", 20, { type: "named" }), statem.stateTimeout(20)],
        on: { "*": { actions: note }, work: { actions: statem.eventTimeout(-1) } },
      });
      const ref = spawn(stage, machine);
      const ended = stage.ends("machine", ref);
      send(stage, ref, "work");
      await ended;
      await stage.rest(30);
      stage.note("over");
    },
  },

  {
    says: "11.12 a state timeout that is set in a transition is for the state which that leads to",
    sees: ["timeout", "over"],
    async play(stage) {
      const machine = createMachine({
        initial: "a",
        states: {
          a: { on: { go: { target: "b", actions: statem.stateTimeout(10) } } },
          b: { on: { timeout: { actions: noting(stage) } } },
        },
      });
      send(stage, spawn(stage, machine), "go");
      await stage.rest(20);
      stage.note("over");
    },
  },
  {
    says: "11.12 a timeout of 0 is cancelled as others are: by a change of state, by an event, by its name",
    sees: ["inserted", "mail"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        initial: "a",
        on: { "*": { actions: note } },
        states: {
          a: {
            on: {
              go: {
                actions: [
                  statem.stateTimeout(0, { type: "state" }),
                  statem.eventTimeout(0, { type: "event" }),
                  statem.namedTimeout("name", 0, { type: "named" }),
                  statem.nextEvent({ type: "inserted" }),
                ],
              },
              inserted: { target: "b", actions: [note, statem.cancelTimeout({ name: "name" })] },
            },
          },
          b: {},
        },
      });
      send(stage, spawn(stage, machine), "go", "mail");
      await stage.rest(1);
    },
  },
  {
    says: "11.12 a timeout of Infinity only cancels, and cancelTimeout does",
    sees: ["over"],
    async play(stage) {
      const machine = createMachine({
        entry: [statem.stateTimeout(20), statem.eventTimeout(20, { type: "quiet" })],
        on: {
          "*": { actions: noting(stage) },
          work: { actions: [statem.stateTimeout(Infinity), statem.eventTimeout(20), statem.cancelTimeout("event")] },
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(10);
      send(stage, ref, "work");
      await stage.rest(40);
      stage.note("over");
    },
  },
  {
    says: "11.13 an event timeout that has come up behind an event is void, and that one may set it again",
    sees: ["work", "not yet", "quiet"],
    async play(stage) {
      const machine = createMachine({
        entry: statem.eventTimeout(20, { type: "quiet" }),
        on: {
          quiet: { actions: noting(stage) },
          work: { actions: [noting(stage), statem.eventTimeout(20, { type: "quiet" })] },
        },
      });
      const ref = spawn(stage, machine);
      await sys.suspend(stage.system, ref);
      send(stage, ref, "work");
      await stage.rest(30);
      await sys.resume(stage.system, ref);
      await stage.rest(15);
      stage.note("not yet");
      await stage.rest(10);
    },
  },
  {
    says: "11.11 what an asynchronous action inserts comes before the mail, and wakes who rests",
    sees: ["inserted", "quiet"],
    async play(stage) {
      const gate = new Gate();
      const note = noting(stage);
      const machine = createMachine({
        on: {
          work: {
            actions: async (args) => {
              // The arguments are good for the call only.
              const { self, event } = args;
              await gate.opened;
              statem.nextEvent({ type: "inserted" })({ self, event } as never);
              statem.namedTimeout("quiet", 10, { type: "quiet" })({ self, event } as never);
            },
          },
          "*": { actions: note },
        },
      });
      send(stage, spawn(stage, machine), "work");
      await stage.rest(1);
      gate.open();
      await stage.rest(15);
    },
  },
  {
    says: "11.9 what is postponed in a machine that is suspended, or gets new code, is not lost",
    sees: ["data1", "data2", "mail"],
    async play(stage) {
      const { system } = stage;
      const code = () =>
        createMachine({
          initial: "closed",
          states: {
            closed: { on: { data: { actions: statem.postpone }, open: "opened" } },
            opened: { on: { "*": { actions: noting(stage) } } },
          },
        });
      const ref = spawn(stage, code());
      for (const n of [1, 2]) system.send(ref, { type: "data", n });
      await sys.getState(system, ref);
      await sys.suspend(system, ref);
      send(stage, ref, "open", "mail");
      await sys.changeCode(system, ref, definitionOf(stage, code()));
      await sys.resume(system, ref);
      await stage.rest(1);
    },
  },
];

function next(...types: readonly string[]): unknown[] {
  return types.map((type) => statem.nextEvent({ type }));
}
