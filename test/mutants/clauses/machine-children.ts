import { createMachine, fromCallback, fromPromise, sendParent, sendTo, spawnChild, stopChild } from "xstate";
import { type Note, noting, send, spawn } from "./machine-roles.ts";
import { type Clause, Gate, textOf } from "./stage.ts";

/** Chapter 11 of the semantics: the children of machines. */
export const machineChildren: readonly Clause[] = [
  {
    says: "11.21 what a child ends with is an event of the machine, good or bad",
    sees: ["done 42", "failed bad"],
    async play(stage) {
      const gates = [new Gate(), new Gate()];
      const good = fromPromise(() => (gates[0]?.opened ?? Promise.resolve()).then(() => 42));
      const bad = fromPromise(() =>
        (gates[1]?.opened ?? Promise.resolve()).then(() => Promise.reject(new Error("bad"))),
      );
      const machine = createMachine({
        initial: "a",
        states: {
          a: {
            invoke: { src: good, onDone: { target: "b", actions: ({ event }) => stage.note(`done ${event.output}`) } },
          },
          b: { invoke: { src: bad, onError: { actions: ({ event }) => stage.note(`failed ${textOf(event.error)}`) } } },
        },
      });
      spawn(stage, machine);
      await stage.rest(1);
      for (const gate of gates) {
        gate.open();
        await stage.rest(1);
      }
    },
  },
  {
    says: "11.21 the failure of a child that the machine does not handle is its crash",
    sees: ["machine ends: error bad"],
    async play(stage) {
      const child = createMachine({
        on: {
          work: {
            actions: () => {
              throw new Error("bad");
            },
          },
        },
      });
      const machine = createMachine({
        invoke: { id: "child", src: child },
        on: { work: { actions: sendTo("child", { type: "work" }) } },
      });
      const ref = spawn(stage, machine);
      const ended = stage.ends("machine", ref);
      send(stage, ref, "work");
      await ended;
    },
  },
  {
    says: "11.22 a child that a state invokes ends when the state is left, behind what was sent to it before",
    sees: ["child hears work", "child stopped", "outside stopped", "machine ends: killed"],
    async play(stage) {
      const child = (name: string) =>
        fromCallback(({ receive }) => {
          receive(({ type }) => stage.note(`${name} hears ${type}`));
          return () => stage.note(`${name} stopped`);
        });
      const machine = createMachine({
        initial: "a",
        entry: spawnChild(child("outside"), { id: "outside" }),
        states: {
          a: {
            invoke: { id: "child", src: child("child") },
            on: { work: { actions: sendTo("child", { type: "work" }) }, leave: "b" },
          },
          b: { on: { stop: { actions: stopChild("outside") } } },
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(1);
      send(stage, ref, "work", "leave");
      await stage.rest(1);
      send(stage, ref, "stop");
      await stage.rest(1);
      const ended = stage.ends("machine", ref);
      stage.system.kill(ref);
      await ended;
    },
  },
  {
    says: "11.23 a systemId is one child's at a time, and is free when the state that invokes it is left",
    sees: ["found", "found", "gone"],
    async play(stage) {
      const child = fromCallback(() => undefined);
      const look: Note = ({ system }: { system: { get(id: string): unknown } }) =>
        stage.note(system.get("same") === undefined ? "gone" : "found");
      const invoke = { src: child, systemId: "same" };
      const machine = createMachine({
        initial: "a",
        on: { look: { actions: look } },
        states: { a: { invoke, on: { next: "b" } }, b: { invoke, on: { next: "c" } }, c: {} },
      });
      const ref = spawn(stage, machine);
      for (let count = 0; count < 3; count += 1) {
        await stage.rest(1);
        send(stage, ref, "look", "next");
      }
      await stage.rest(1);
    },
  },

  {
    says: "11.21 a child machine tells its parent what it likes, and its output when it is done",
    sees: ["news", "done 42"],
    async play(stage) {
      const child = createMachine({
        initial: "a",
        states: { a: { on: { work: { target: "b", actions: sendParent({ type: "news" }) } } }, b: { type: "final" } },
        output: 42,
      });
      const machine = createMachine({
        invoke: { id: "child", src: child, onDone: { actions: ({ event }) => stage.note(`done ${event.output}`) } },
        on: { news: { actions: noting(stage) }, work: { actions: sendTo("child", { type: "work" }) } },
      });
      send(stage, spawn(stage, machine), "work");
      await stage.rest(1);
    },
  },
  {
    says: "11.22 a state that is entered anew has its children anew, and hears nothing more of the old ones",
    sees: ["done 2"],
    async play(stage) {
      const gates = [new Gate(), new Gate()];
      let starts = 0;
      const child = fromPromise(() => {
        starts += 1;
        const number = starts;
        return (gates[number - 1]?.opened ?? Promise.resolve()).then(() => number);
      });
      const machine = createMachine({
        initial: "a",
        states: {
          a: {
            invoke: { src: child, onDone: { actions: ({ event }) => stage.note(`done ${event.output}`) } },
            on: { again: { target: "a", reenter: true } },
          },
        },
      });
      const ref = spawn(stage, machine);
      await stage.rest(1);
      send(stage, ref, "again");
      await stage.rest(1);
      for (const gate of gates) {
        gate.open();
        await stage.rest(1);
      }
    },
  },
];
