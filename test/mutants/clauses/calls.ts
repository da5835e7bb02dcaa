import { type Context, type From, fromAsync, shutdown, sys } from "@espalier/actors";
import { type Clause, Gate, type Puppet, type Stage, textOf } from "./stage.ts";

/** What is asked of a puppet. */
function ask(self: Context<string>, whom: Puppet, act: () => unknown, timeoutMs = 5000): Promise<unknown> {
  return self.call(whom.ref, { type: "do", act }, { timeoutMs });
}

/** Keeps what it is asked, and answers when it is told to. */
function keeper(stage: Stage): { readonly ref: ReturnType<Stage["spawn"]>; readonly requests: From[] } {
  const requests: From[] = [];
  const ref = stage.spawn(
    "keeper",
    fromAsync(async (self) => {
      for (;;) {
        const message = await self.receive();
        if (message.type === "call") requests.push(message.from);
      }
    }),
  );
  return { ref, requests };
}

/** Chapter 7 of the semantics: calls. */
export const calls: readonly Clause[] = [
  {
    says: "7.1 a call ends with the answer, with why the callee is dead or died, or when its time is up",
    sees: ["call: 1", "call fails: noproc", "call fails: shutdown x", "call fails: too late"],
    async play(stage) {
      const { system } = stage;
      const [caller, one, dead] = [stage.puppet("caller"), stage.puppet("one"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      const gate = new Gate();
      await caller.do((self) =>
        stage.settles(
          "call",
          ask(self, one, () => 1),
        ),
      );
      await caller.do((self) =>
        stage.settles(
          "call",
          ask(self, dead, () => 1),
        ),
      );
      const dying = caller.do((self) =>
        stage.settles(
          "call",
          ask(self, one, () => gate.opened),
        ),
      );
      await stage.rest(1);
      system.exit(one.ref, shutdown("x"));
      await dying;
      const slow = stage.puppet("slow");
      await caller.do((self) =>
        stage.settles(
          "call",
          ask(self, slow, () => gate.opened, 20),
        ),
      );
      gate.open();
    },
  },
  {
    says: "7.2 a call takes at most 5 seconds unless it says otherwise",
    sees: ["waiting", "call fails: too late", "over"],
    async play(stage) {
      const [caller, slow] = [stage.puppet("caller"), stage.puppet("slow")];
      const gate = new Gate();
      const called = caller.do((self) =>
        stage.settles("call", self.call(slow.ref, { type: "do", act: () => gate.opened })),
      );
      await stage.rest(4990);
      stage.note("waiting");
      await stage.rest(20);
      stage.note("over");
      gate.open();
      await called;
    },
  },
  {
    says: "7.3 an answer that is too late, or a second one, vanishes",
    sees: ["call fails: too late", "call: first", "mail: 0"],
    async play(stage) {
      const caller = stage.puppet("caller");
      const { ref, requests } = keeper(stage);
      const call = (timeoutMs: number) =>
        caller.do((self) => stage.settles("call", self.call(ref as never, { type: "do" }, { timeoutMs })));
      await call(5);
      requests[0]?.reply("late");
      const answered = call(100);
      await stage.rest(1);
      requests[1]?.reply("first");
      requests[1]?.reply("second");
      await answered;
      await stage.rest(1);
      stage.note(`mail: ${stage.system.inspect(caller.ref)?.mailboxLength}`);
    },
  },
  {
    says: "7.4 a call can be answered later, and by another one",
    sees: ["call: by another"],
    async play(stage) {
      const [caller, other] = [stage.puppet("caller"), stage.puppet("other")];
      const { ref, requests } = keeper(stage);
      const answered = caller.do((self) => stage.settles("call", self.call(ref as never, { type: "do" })));
      await stage.rest(1);
      await other.do(() => requests[0]?.reply("by another"));
      await answered;
    },
  },
  {
    says: "7.5 who calls itself is told so",
    sees: ["call fails: error ERR_CALLING_SELF", "one hears response error ERR_CALLING_SELF"],
    async play(stage) {
      const one = stage.puppet("one");
      await one.do((self) =>
        stage.settles(
          "call",
          ask(self, one, () => 1),
        ),
      );
      await one.do((self) => void self.sendRequest(one.ref, { type: "do", act: () => 1 }));
      await stage.rest(1);
    },
  },
  {
    says: "7.6 the failure of a call that is not caught is the crash of the caller",
    sees: ["caller cleans up error noproc", "caller ends: error noproc"],
    async play(stage) {
      const [caller, dead] = [stage.puppet("caller"), stage.puppet("dead")];
      stage.system.kill(dead.ref);
      await stage.system.exited(dead.ref);
      caller.tell((self) => ask(self, dead, () => 1));
      await stage.ends("caller", caller.ref);
    },
  },
  {
    says: "7.7 a call ends with its caller, and no watcher is left of it",
    sees: ["watched: true", "watched: false"],
    async play(stage) {
      const { system } = stage;
      const [caller, slow] = [stage.puppet("caller"), stage.puppet("slow")];
      const gate = new Gate();
      caller.tell((self) => ask(self, slow, () => gate.opened, 50_000));
      await stage.rest(1);
      const look = () => stage.note(`watched: ${isWatched(stage, slow)}`);
      look();
      system.kill(caller.ref);
      await stage.rest(1);
      look();
      gate.open();
    },
  },
  {
    says: "7.8 a request gives one response, and none once it is abandoned",
    sees: [
      "asker hears response 1",
      "asker hears response noproc",
      "asker hears response too late",
      "abandoned",
      "nothing",
    ],
    async play(stage) {
      const { system } = stage;
      const [asker, one, dead] = [stage.puppet("asker"), stage.puppet("one"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      const gate = new Gate();
      await asker.do((self) => void self.sendRequest(one.ref, { type: "do", act: () => 1 }));
      await stage.rest(1);
      await asker.do((self) => void self.sendRequest(dead.ref, { type: "do", act: () => 1 }));
      await stage.rest(1);
      const slow = { type: "do", act: () => gate.opened } as const;
      await asker.do((self) => void self.sendRequest(one.ref, slow, { timeoutMs: 10 }));
      await stage.rest(20);
      const id = await asker.do((self) => self.sendRequest(one.ref, { type: "do", act: () => 2 }));
      await sys.suspend(system, asker.ref);
      asker.tell((self) => {
        self.abandonRequest(id);
        stage.note("abandoned");
      });
      gate.open();
      await stage.rest(1);
      await sys.resume(system, asker.ref);
      await stage.rest(1);
      stage.note("nothing");
    },
  },

  {
    says: "7.1 a call by a name goes to who has it, and fails if nobody has",
    sees: ["call: 1", "call fails: noproc"],
    async play(stage) {
      const name = stage.name("name");
      const [caller, one] = [stage.puppet("caller"), stage.puppet("one", { name })];
      const call = () => caller.do((self) => stage.settles("call", self.call(name, { type: "do", act: () => 1 })));
      await call();
      await one.do((self) => self.unregister(name));
      await call();
    },
  },
  {
    says: "7.8 a response can be waited for, and a wait that is over abandons its request",
    sees: ["first response 1", "second nothing", "third response noproc"],
    async play(stage) {
      const { system } = stage;
      const [one, dead] = [stage.puppet("one"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      const gate = new Gate();
      const asker = fromAsync(async (self) => {
        const request = (whom: Puppet, act: () => unknown) => self.sendRequest(whom.ref, { type: "do", act });
        const note = (which: string, response: unknown): void =>
          stage.note(`${which} ${response === undefined ? "nothing" : textOf(response)}`);
        note("first", await self.receiveResponse(request(one, () => 1)));
        note(
          "second",
          await self.receiveResponse(
            request(one, () => gate.opened),
            { timeoutMs: 5 },
          ),
        );
        gate.open();
        note("third", await self.receiveResponse(request(dead, () => 2)));
        const late = await self.receive({ timeoutMs: 20 });
        if (late !== undefined) stage.note(`late ${textOf(late)}`);
      });
      await system.exited(stage.spawn("asker", asker));
    },
  },
];

function isWatched({ system }: Stage, { ref }: Puppet): boolean {
  return system
    .inspect()
    .processes.some(({ resources }) => resources.some(({ description }) => description.includes(ref.toString())));
}
