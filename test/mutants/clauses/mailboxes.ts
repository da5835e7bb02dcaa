import { type ActorRef, fromAsync, shutdown, sys } from "@espalier/actors";
import { type Clause, Gate, textOf } from "./stage.ts";

/** Chapter 2 of the semantics: messages and mailboxes. */
export const mailboxes: readonly Clause[] = [
  {
    says: "2.1 messages, casts and calls between two keep their order, each comes once",
    sees: ["to hears 1", "2", "3", "to hears 4", "5"],
    async play(stage) {
      const [from, to] = [stage.puppet("from"), stage.puppet("to")];
      await from.do(async (self) => {
        self.send(to.ref, "1");
        self.cast(to.ref, () => stage.note("2"));
        const called = self.call(to.ref, { type: "do", act: () => stage.note("3") });
        self.send(to.ref, "4");
        self.cast(to.ref, () => stage.note("5"));
        await called;
      });
      await stage.rest(1);
    },
  },
  {
    says: "2.3 no step runs within another, and nobody is handed two messages at a time",
    sees: ["one begins", "other: heard", "one ends", "one goes on"],
    async play(stage) {
      const [one, other] = [stage.puppet("one"), stage.puppet("other")];
      const gate = new Gate();
      one.tell(async () => {
        stage.note("one begins");
        await gate.opened;
        stage.note("one ends");
      });
      one.tell(() => stage.note("one goes on"));
      other.tell(() => stage.note("other: heard"));
      await stage.rest(2);
      gate.open();
      await stage.rest(1);
    },
  },
  {
    says: "2.4 between two messages of one, every other has a step",
    sees: ["one 1", "other 1", "one 2", "other 2", "one 3", "other 3"],
    async play(stage) {
      const puppets = { one: stage.puppet("one"), other: stage.puppet("other") };
      await stage.rest(1);
      for (const [role, each] of Object.entries(puppets))
        for (const number of [1, 2, 3]) each.tell(() => stage.note(`${role} ${number}`));
      await stage.rest(1);
    },
  },
  {
    says: "2.6 a message to the dead vanishes, and its sender is not bothered",
    sees: ["sent"],
    async play(stage) {
      const [from, dead] = [stage.puppet("from"), stage.puppet("dead")];
      stage.system.kill(dead.ref);
      await stage.system.exited(dead.ref);
      await from.do((self) => {
        self.send(dead.ref, "hello");
        self.cast(dead.ref, () => undefined);
        stage.note("sent");
      });
    },
  },
  {
    says: "2.7 undefined and null are messages like others",
    sees: ["to hears undefined", "to hears null", "to hears 0"],
    async play(stage) {
      const to = stage.puppet("to").ref as ActorRef<unknown>;
      for (const message of [undefined, null, 0]) stage.system.send(to, message);
      await stage.rest(1);
    },
  },
  {
    says: "2.8 a full mailbox drops what comes, if it is to, and keeps the rest in order",
    sees: ["resumed", "to hears 1", "to hears 2", "to hears 4", "true"],
    async play(stage) {
      const { system } = stage;
      const to = stage.puppet("to", { mailbox: { capacity: 2, whenFull: "drop" } });
      await sys.suspend(system, to.ref);
      for (const message of ["1", "2", "3"]) to.hear(message);
      stage.note("resumed");
      await sys.resume(system, to.ref);
      await stage.rest(1);
      to.hear("4");
      await stage.rest(1);
      stage.note(String(system.isAlive(to.ref)));
    },
  },
  {
    says: "2.8 a full mailbox ends its actor, if it is to",
    sees: ["to ends: error ERR_MAILBOX_FULL"],
    async play(stage) {
      const to = stage.puppet("to", { mailbox: { capacity: 1, whenFull: "exit" } });
      for (const message of ["1", "2"]) to.hear(message);
      await stage.ends("to", to.ref);
    },
  },
  {
    says: "2.8 who offers waits for room, first come first served",
    sees: ["to hears 1", "to hears 2", "to hears 3", "to hears 4", "offered: 1, 2, 3, 4"],
    async play(stage) {
      const { system } = stage;
      const to = stage.puppet("to", { mailbox: { capacity: 1, whenFull: "block" } });
      const from = stage.puppet("from");
      await sys.suspend(system, to.ref);
      const order: string[] = [];
      from.tell(async (self) => {
        const offers = ["1", "2", "3", "4"].map((text) => self.offer(to.ref, text).then(() => order.push(text)));
        await Promise.all(offers);
        stage.note(`offered: ${order.join(", ")}`);
      });
      await stage.rest(1);
      await sys.resume(system, to.ref);
      await stage.rest(2);
    },
  },
  {
    says: "2.8 whoever offers to one that dies does not wait any longer",
    sees: ["offered"],
    async play(stage) {
      const to = stage.puppet("to", { mailbox: { capacity: 1, whenFull: "block" } });
      const from = stage.puppet("from");
      await sys.suspend(stage.system, to.ref);
      from.tell(async (self) => {
        await Promise.all([self.offer(to.ref, "1"), self.offer(to.ref, "2")]);
        stage.note("offered");
      });
      await stage.rest(1);
      stage.system.kill(to.ref);
      await stage.rest(1);
    },
  },
  {
    says: "2.9 a full mailbox still takes signals and notices",
    sees: ["resumed", "to hears 1", "to hears exit shutdown", "to hears down shutdown"],
    async play(stage) {
      const { system } = stage;
      const to = stage.puppet("to", { trapExit: true, mailbox: { capacity: 1, whenFull: "drop" } });
      const [linked, watched] = [stage.puppet("linked"), stage.puppet("watched")];
      await to.do((self) => {
        self.link(linked.ref);
        self.monitor(watched.ref);
      });
      await sys.suspend(system, to.ref);
      for (const message of ["1", "2"]) to.hear(message);
      for (const { ref } of [linked, watched]) {
        system.exit(ref, shutdown());
        await system.exited(ref);
      }
      stage.note("resumed");
      await sys.resume(system, to.ref);
      await stage.rest(1);
    },
  },

  {
    says: "2.8 a call that a full mailbox drops times out",
    sees: ["call fails: too late", "to hears 1"],
    async play(stage) {
      const { system } = stage;
      const to = stage.puppet("to", { mailbox: { capacity: 1, whenFull: "drop" } });
      await sys.suspend(system, to.ref);
      to.hear("1");
      const caller = stage.puppet("caller");
      await caller.do((self) =>
        stage.settles("call", self.call(to.ref, { type: "do", act: () => stage.note("called") }, { timeoutMs: 10 })),
      );
      await sys.resume(system, to.ref);
      await stage.rest(1);
    },
  },
  {
    says: "2.8 a full mailbox has room again for each message that is taken out, in whatever order",
    sees: ["b", "a", "c", "d"],
    async play(stage) {
      const picky = fromAsync<string>(async (self) => {
        stage.note(textOf(await self.receive({ match: (message) => message === "b" })));
        await self.receive({ match: (message) => message === "go" });
        for (let count = 0; count < 3; count += 1) stage.note(textOf(await self.receive()));
      });
      const ref = stage.spawn("picky", picky, { mailbox: { capacity: 3, whenFull: "drop" } });
      for (const message of ["a", "b"]) stage.system.send(ref, message);
      await stage.rest(1);
      for (const message of ["c", "go", "too much"]) stage.system.send(ref, message);
      await stage.rest(1);
      stage.system.send(ref, "d");
      await stage.system.exited(ref);
    },
  },
];
