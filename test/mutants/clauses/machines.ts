import { actorOf, type ActorRef, type From, shutdown, silentLogger, sys } from "@espalier/actors";
import { type AnyEventObject, assign, cancel, createMachine, emit, log, raise, sendTo } from "xstate";
import { noting, send, spawn } from "./machine-roles.ts";
import { type Clause, Gate, textOf } from "./stage.ts";

/** Chapter 11 of the semantics: machines, their events and their ends. */
export const machines: readonly Clause[] = [
  {
    says: "11.2 a message, cast or call is one event, and what a machine sends itself comes by the mailbox",
    sees: ["one", "two", "call", "got: answer", "three", "four", "self"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        on: {
          "*": { actions: note },
          call: {
            actions: [note, ({ event }) => (event as unknown as { from: From }).from.reply("answer")],
          },
          three: { actions: [note, sendTo(({ self }) => self, { type: "self" })] },
        },
      });
      const ref = spawn(stage, machine);
      send(stage, ref, "one");
      stage.system.cast(ref, { type: "two" });
      await stage.settles("got", stage.system.call(ref, { type: "get" }));
      send(stage, ref, "three", "four");
      await stage.rest(1);
    },
  },
  {
    says: "11.2 what is raised comes before what is in the mailbox",
    sees: ["begin", "raised", "mail"],
    async play(stage) {
      const note = noting(stage);
      const machine = createMachine({
        on: { "*": { actions: note }, begin: { actions: [note, raise({ type: "raised" })] } },
      });
      send(stage, spawn(stage, machine), "begin", "mail");
      await stage.rest(1);
    },
  },
  {
    says: "11.3 a message that is no event is an info event where it can be taken, and is dropped elsewhere",
    sees: ["info hello", "alive: true"],
    async play(stage) {
      const machine = createMachine({
        initial: "closed",
        states: {
          closed: { on: { open: "opened" } },
          opened: { on: { info: { actions: ({ event }) => stage.note(`info ${textOf(event.message)}`) } } },
        },
      });
      const ref = spawn(stage, machine);
      const raw = ref as unknown as ActorRef<string>;
      stage.system.send(raw, "dropped");
      send(stage, ref, "open");
      stage.system.send(raw, "hello");
      await stage.rest(1);
      stage.note(`alive: ${stage.system.isAlive(ref)}`);
    },
  },
  {
    says: "11.4 a throw in an action crashes this actor, and what the event would have sent is not sent",
    sees: ["machine ends: error broken", "other: true"],
    async play(stage) {
      const to = stage.puppet("to");
      const machine = createMachine({
        on: {
          work: {
            actions: [
              sendTo(() => to.ref as never, { type: "hello" } as never),
              () => {
                throw new Error("broken");
              },
            ],
          },
        },
      });
      const [ref, other] = [spawn(stage, machine), spawn(stage, machine, {}, "other")];
      send(stage, ref, "work");
      await stage.ends("machine", ref);
      await stage.rest(1);
      stage.note(`other: ${stage.system.isAlive(other)}`);
    },
  },
  {
    says: "11.5 a final state ends the actor, with the output as detail or as the reason, behind the last effects",
    sees: ["to hears type bye", "one ends: normal 42", "to hears type bye", "two ends: shutdown over"],
    async play(stage) {
      const to = stage.puppet("to");
      const outputs = { one: 42, two: shutdown("over") };
      for (const [role, output] of Object.entries(outputs)) {
        const machine = createMachine({
          initial: "open",
          states: {
            open: { on: { end: { target: "over", actions: sendTo(() => to.ref as never, { type: "bye" } as never) } } },
            over: { type: "final" },
          },
          output,
        });
        const ref = spawn(stage, machine, {}, role);
        const reason = stage.system.exited(ref);
        send(stage, ref, "end", "unread");
        await reason;
        await stage.rest(1);
        await stage.settles(`${role} ends`, reason);
      }
    },
  },
  {
    says: "11.6 a timeout of a state that was left is void, also if it has fired and waits in the mailbox",
    sees: ["again", "not yet", "late"],
    async play(stage) {
      const { system } = stage;
      const machine = createMachine({
        initial: "a",
        states: {
          a: {
            after: { 20: { target: "b", actions: noting(stage, "late") } },
            on: { again: { target: "a", reenter: true, actions: noting(stage) } },
          },
          b: {},
        },
      });
      const ref = spawn(stage, machine);
      await sys.suspend(system, ref);
      send(stage, ref, "again");
      await stage.rest(25);
      await sys.resume(system, ref);
      await stage.rest(10);
      stage.note("not yet");
      await stage.rest(20);
    },
  },
  {
    says: "11.6 a delayed event that was cancelled is void, also if it has fired and waits in the mailbox",
    sees: ["cancel", "over"],
    async play(stage) {
      const { system } = stage;
      const note = noting(stage);
      const machine = createMachine({
        initial: "a",
        states: {
          a: {
            entry: [
              raise({ type: "first" }, { delay: 20, id: "one" }),
              raise({ type: "second" }, { delay: 20, id: "two" }),
            ],
            after: { 10: "b" },
            on: { cancel: { target: "c", actions: note } },
          },
          b: { on: { cancel: { target: "c", actions: note }, "*": { actions: note } } },
          c: { on: { "*": {} } },
        },
      });
      const ref = spawn(stage, machine);
      await sys.suspend(system, ref);
      send(stage, ref, "cancel");
      await stage.rest(30);
      await sys.resume(system, ref);
      await stage.rest(1);
      stage.note("over");
    },
  },
  {
    says: "11.7 the parent's exit is an event for who traps and can take it, and ends any other",
    sees: ["shutdown", "polite ends: shutdown x", "rude ends: shutdown x"],
    async play(stage) {
      const machine = (isPolite: boolean) =>
        createMachine({
          initial: "open",
          states: {
            open: isPolite ? { on: { shutdown: { target: "over", actions: noting(stage) } } } : {},
            over: { after: { 10: "gone" } },
            gone: { type: "final" },
          },
        });
      for (const role of ["polite", "rude"]) {
        const ref = spawn(stage, machine(role === "polite"), { trapExit: true }, role);
        stage.system.exit(ref, shutdown("x"));
        await stage.ends(role, ref);
      }
    },
  },
  {
    says: "11.8 a cycle of eventless transitions is a crash",
    sees: ["machine ends: error"],
    async play(stage) {
      const machine = createMachine({
        options: { maxIterations: 20 },
        initial: "rest",
        states: { rest: { on: { go: "a" } }, a: { always: "b" }, b: { always: "a" } },
      } as never);
      const ref = spawn(stage, machine);
      const ended = stage.system.exited(ref);
      send(stage, ref, "go");
      stage.note(`machine ends: ${(await ended).type}`);
    },
  },
  {
    says: "D11 an event that a state does not know is ignored, or left to the fallback",
    sees: ["fallback strange", "known"],
    async play(stage) {
      const machine = createMachine({ on: { known: { actions: noting(stage) } } });
      const fallback = { strange: ({ type }: AnyEventObject) => stage.note(`fallback ${type}`) };
      send(stage, spawn(stage, machine, { fallback }), "strange", "stranger", "known");
      await stage.rest(1);
    },
  },

  {
    says: "11.2 what a machine emits and logs comes to who wants it",
    sees: ["logged 42", "emitted news"],
    async play(stage) {
      const machine = createMachine({ on: { work: { actions: [emit({ type: "news" }), log(() => 42)] } } });
      const logger = { ...silentLogger, info: (_fields: object, text: string) => stage.note(`logged ${text}`) };
      const onEmit = ({ type }: { type: string }) => stage.note(`emitted ${type}`);
      send(stage, spawn(stage, machine, { onEmit: onEmit as never, logger }), "work");
      await stage.rest(1);
    },
  },
  {
    says: "11.4 an asynchronous action is not waited for, and its rejection is a crash",
    sees: ["next", "machine ends: error rejected"],
    async play(stage) {
      const gate = new Gate();
      const machine = createMachine({
        on: {
          work: {
            actions: async () => {
              await gate.opened;
              throw new Error("rejected");
            },
          },
          next: { actions: noting(stage) },
        },
      });
      const ref = spawn(stage, machine);
      send(stage, ref, "work", "next");
      await stage.rest(1);
      const ended = stage.ends("machine", ref);
      gate.open();
      await ended;
    },
  },
  {
    says: "11.6 an event that is sent later to another actor comes in its time, unless it is cancelled",
    sees: ["not yet", "to hears type kept"],
    async play(stage) {
      const to = stage.puppet("to");
      const later = (id: string) => sendTo(() => to.ref as never, { type: id } as never, { id, delay: 20 });
      const machine = createMachine({
        on: { work: { actions: [later("kept"), later("cancelled")] }, cancel: { actions: cancel("cancelled") } },
      });
      const ref = spawn(stage, machine);
      send(stage, ref, "work");
      await stage.rest(15);
      stage.note("not yet");
      send(stage, ref, "cancel");
      await stage.rest(20);
    },
  },
  {
    says: "11.6 an event that is sent later under an id that waits already takes the place of that",
    sees: ["not yet", "later2"],
    async play(stage) {
      const machine = createMachine({
        context: { n: 0 },
        on: {
          work: {
            actions: [
              assign({ n: ({ context }) => context.n + 1 }),
              cancel("id"),
              raise(({ context }) => ({ type: "later", n: context.n }), { id: "id", delay: 20 }),
            ],
          },
          later: { actions: noting(stage) },
        },
      });
      const ref = spawn(stage, machine);
      send(stage, ref, "work");
      await stage.rest(15);
      send(stage, ref, "work");
      await stage.rest(15);
      stage.note("not yet");
      await stage.rest(10);
    },
  },
  {
    says: "11.7 the end of an actor that a machine monitors or is linked to is an event",
    sees: ["down killed", "exit killed"],
    async play(stage) {
      const [watched, linked] = [stage.puppet("watched"), stage.puppet("linked")];
      const machine = createMachine({
        entry: ({ self }) => {
          actorOf(self).monitor(watched.ref);
          actorOf(self).link(linked.ref);
        },
        on: { "*": { actions: ({ event }) => stage.note(`${event.type} ${textOf(event.reason)}`) } },
      });
      spawn(stage, machine, { trapExit: true });
      await stage.rest(1);
      for (const { ref } of [watched, linked]) {
        stage.system.kill(ref);
        await stage.rest(1);
      }
    },
  },
  {
    says: "12.2 a machine that is suspended lets its events wait, timeouts and all",
    sees: ["suspended", "a", "b", "late"],
    async play(stage) {
      const machine = createMachine({
        initial: "on",
        states: { on: { on: { "*": { actions: noting(stage) } }, after: { 20: { actions: noting(stage, "late") } } } },
      });
      const ref = spawn(stage, machine);
      await sys.suspend(stage.system, ref);
      send(stage, ref, "a", "b");
      await stage.rest(30);
      stage.note(String(stage.system.inspect(ref)?.status));
      await sys.resume(stage.system, ref);
      await stage.rest(1);
    },
  },
];
