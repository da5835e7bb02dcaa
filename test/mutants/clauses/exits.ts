import { kill, normal, type Pid, shutdown, sys } from "@espalier/actors";
import { type Clause, Gate, textOf } from "./stage.ts";

/** Chapter 3 of the semantics: links and exit signals. */
export const exits: readonly Clause[] = [
  {
    says: "3.1 an abnormal end goes along links until one traps",
    sees: ["trapper hears exit error broken", "two ends: error broken", "three ends: error broken", "true"],
    async play(stage) {
      const [one, two, three] = [stage.puppet("one"), stage.puppet("two"), stage.puppet("three")];
      const [trapper, behind] = [stage.puppet("trapper", { trapExit: true }), stage.puppet("behind")];
      await one.do((self) => self.link(two.ref));
      await two.do((self) => self.link(three.ref));
      await three.do((self) => self.link(trapper.ref));
      await trapper.do((self) => self.link(behind.ref));
      const ends = stage.watch({ two, three });
      stage.system.exit(one.ref, { type: "error", error: new Error("broken") });
      await stage.rest(1);
      await ends();
      stage.note(String(stage.system.isAlive(behind.ref)));
    },
  },
  {
    says: "3.2 a normal end leaves those alone that do not trap, and the others are told",
    sees: ["one cleans up normal", "trapper hears exit normal", "true"],
    async play(stage) {
      const [one, plain] = [stage.puppet("one"), stage.puppet("plain")];
      const trapper = stage.puppet("trapper", { trapExit: true });
      await one.do((self) => {
        self.link(plain.ref);
        self.link(trapper.ref);
      });
      one.tell((self) => self.exit(normal));
      await stage.rest(1);
      stage.note(String(stage.system.isAlive(plain.ref)));
    },
  },
  {
    says: "3.3 two have at most one link, which one unlink from either side removes",
    sees: ["alone", "true"],
    async play(stage) {
      const [one, other] = [stage.puppet("one"), stage.puppet("other")];
      await one.do((self) => {
        self.link(other.ref);
        self.link(other.ref);
      });
      await other.do((self) => {
        self.link(one.ref);
        self.unlink(one.ref);
      });
      stage.system.exit(one.ref, shutdown());
      await stage.system.exited(one.ref);
      await stage.rest(1);
      stage.note("alone");
      stage.note(String(stage.system.isAlive(other.ref)));
    },
  },
  {
    says: "3.4 an exit message that was in the mailbox stays there after unlink",
    sees: ["unlinked", "trapper hears exit shutdown"],
    async play(stage) {
      const { system } = stage;
      const [one, trapper] = [stage.puppet("one"), stage.puppet("trapper", { trapExit: true })];
      await trapper.do((self) => self.link(one.ref));
      await sys.suspend(system, trapper.ref);
      trapper.tell((self) => {
        self.unlink(one.ref);
        stage.note("unlinked");
      });
      system.exit(one.ref, shutdown());
      await system.exited(one.ref);
      await sys.resume(system, trapper.ref);
      await stage.rest(1);
    },
  },
  {
    says: "3.4 after unlink no exit signal comes",
    sees: ["gone"],
    async play(stage) {
      const [one, trapper] = [stage.puppet("one"), stage.puppet("trapper", { trapExit: true })];
      await trapper.do((self) => {
        self.link(one.ref);
        self.unlink(one.ref);
      });
      stage.system.exit(one.ref, shutdown());
      await stage.system.exited(one.ref);
      await stage.rest(1);
      stage.note("gone");
    },
  },
  {
    says: "3.5 a link to the dead is an exit message for who traps, and an error for who does not",
    sees: ["ERR_NO_PROCESS", "trapper hears exit noproc"],
    async play(stage) {
      const [dead, plain] = [stage.puppet("dead"), stage.puppet("plain")];
      const trapper = stage.puppet("trapper", { trapExit: true });
      stage.system.kill(dead.ref);
      await stage.system.exited(dead.ref);
      await plain.do((self) => {
        try {
          self.link(dead.ref);
        } catch (error) {
          stage.note(textOf(error));
        }
      });
      await trapper.do((self) => self.link(dead.ref));
      await stage.rest(1);
    },
  },
  {
    says: "3.6 a signal that is not trapped overtakes the mail, and nothing is cleaned up",
    sees: ["one ends: shutdown"],
    async play(stage) {
      const one = stage.puppet("one");
      await stage.rest(1);
      one.hear("unread");
      stage.system.exit(one.ref, shutdown());
      await stage.ends("one", one.ref);
    },
  },
  {
    says: "3.7 a trapped signal keeps its place among the messages of its sender",
    sees: ["trapper hears before", "trapper hears exit shutdown", "trapper hears behind"],
    async play(stage) {
      const [from, trapper] = [stage.puppet("from"), stage.puppet("trapper", { trapExit: true })];
      await from.do((self) => {
        self.send(trapper.ref, "before");
        self.exit(trapper.ref, shutdown());
        self.send(trapper.ref, "behind");
      });
      await stage.rest(1);
    },
  },
  {
    says: "3.8 a signal of normal does nothing to others, and ends who sends it to itself",
    sees: ["true", "one ends: normal"],
    async play(stage) {
      const [from, one] = [stage.puppet("from"), stage.puppet("one")];
      await from.do((self) => {
        self.exit(one.ref, normal);
      });
      await stage.rest(1);
      stage.note(String(stage.system.isAlive(one.ref)));
      one.tell((self) => {
        self.exit(self.pid, normal);
      });
      await stage.ends("one", one.ref);
    },
  },
  {
    says: "3.9 a kill cannot be trapped, what others see of it can",
    sees: ["trapper hears exit killed", "victim ends: killed", "plain ends: killed"],
    async play(stage) {
      const [victim, trapper] = [
        stage.puppet("victim", { trapExit: true }),
        stage.puppet("trapper", { trapExit: true }),
      ];
      const plain = stage.puppet("plain");
      await victim.do((self) => {
        self.link(trapper.ref);
        self.link(plain.ref);
      });
      const ends = stage.watch({ victim, plain });
      stage.system.kill(victim.ref);
      await stage.rest(1);
      await ends();
    },
  },
  {
    says: "3.10 who ends itself with kill passes that on as a reason that can be trapped",
    sees: ["one cleans up kill", "trapper hears exit kill", "plain ends: kill"],
    async play(stage) {
      const [one, plain] = [stage.puppet("one"), stage.puppet("plain")];
      const trapper = stage.puppet("trapper", { trapExit: true });
      await one.do((self) => {
        self.link(trapper.ref);
        self.link(plain.ref);
      });
      const ends = stage.watch({ plain });
      one.tell((self) => self.exit(kill));
      await stage.rest(1);
      await ends();
    },
  },
  {
    says: "3.11 of several signals that cannot be refused the first gives the reason",
    sees: ["one ends: shutdown first"],
    async play(stage) {
      const one = stage.puppet("one");
      await stage.rest(1);
      stage.system.exit(one.ref, shutdown("first"));
      stage.system.exit(one.ref, shutdown("second"));
      stage.system.kill(one.ref);
      await stage.ends("one", one.ref);
    },
  },
  {
    says: "3.12 to who has sent an actor its end it is dead at once",
    sees: [
      "alive: false",
      "no room for its name",
      "call fails: noproc",
      "killer hears exit noproc",
      "killer hears down noproc",
    ],
    async play(stage) {
      const name = stage.name("victim");
      const [killer, victim] = [stage.puppet("killer", { trapExit: true }), stage.puppet("victim", { name })];
      await killer.do(async (self) => {
        self.exit(victim.ref, shutdown());
        stage.note(`alive: ${self.isAlive(victim.ref)}`);
        stage.note(self.whereis(name) === undefined ? "it has no name" : "no room for its name");
        self.link(victim.ref);
        self.monitor(victim.ref);
        await stage.settles("call", self.call(victim.ref, { type: "do", act: () => undefined }));
      });
      await stage.rest(1);
    },
  },
  {
    says: "3.13 a signal ends also one that waits for a promise, which then has no effect",
    sees: ["one ends: shutdown", "opened"],
    async play(stage) {
      const one = stage.puppet("one");
      const gate = new Gate();
      one.tell(async (self) => {
        await gate.opened;
        self.send(self.ref, "still here");
        stage.note("goes on");
      });
      await stage.rest(1);
      stage.system.exit(one.ref, shutdown());
      await stage.ends("one", one.ref);
      gate.open();
      await stage.rest(1);
      stage.note("opened");
    },
  },
  {
    says: "3.14 a reason reaches everybody as the very value that was left",
    sees: ["the same", "the same"],
    async play(stage) {
      const [one, plain] = [stage.puppet("one"), stage.puppet("plain")];
      await one.do((self) => self.link(plain.ref));
      const reason = shutdown({ of: "one" });
      const reasons = Promise.all([one, plain].map(({ ref }) => stage.system.exited(ref)));
      stage.system.exit(one.ref, reason);
      for (const seen of await reasons) stage.note(seen === reason ? "the same" : "another");
    },
  },
  {
    says: "3.15 trapping can be switched on and off, and exit messages stay messages",
    sees: ["before: false", "before: true", "one hears exit shutdown 1", "one ends: shutdown 2"],
    async play(stage) {
      const [one, from] = [stage.puppet("one"), stage.puppet("from")];
      stage.note(`before: ${await one.do((self) => self.trapExit(true))}`);
      await sys.suspend(stage.system, one.ref);
      await from.do((self) => {
        self.exit(one.ref, shutdown("1"));
      });
      one.tell((self) => stage.note(`before: ${self.trapExit(false)}`));
      one.tell(() => undefined);
      await sys.resume(stage.system, one.ref);
      await stage.rest(1);
      stage.notes.sort((a, b) => Number(b.startsWith("before")) - Number(a.startsWith("before")));
      const ended = stage.ends("one", one.ref);
      await from.do((self) => {
        self.exit(one.ref, shutdown("2"));
      });
      await ended;
    },
  },
  {
    says: "3.16 an exit from within holds also if the code swallows the throw",
    sees: ["swallowed", "one cleans up shutdown", "one ends: shutdown"],
    async play(stage) {
      const one = stage.puppet("one");
      one.tell((self) => {
        try {
          self.exit(shutdown());
        } catch {
          stage.note("swallowed");
        }
      });
      one.hear("unread");
      await stage.ends("one", one.ref);
    },
  },

  {
    says: "3.3 of many links those go that are taken away, and no others",
    sees: ["a hears exit killed", "c hears exit killed", "e hears exit killed"],
    async play(stage) {
      const middle = stage.puppet("middle");
      const others = ["a", "b", "c", "d", "e"].map((role) => stage.puppet(role, { trapExit: true }));
      await middle.do((self) => {
        for (const { ref } of others) self.link(ref);
      });
      await others[1]?.do((self) => self.unlink(middle.ref));
      await middle.do((self) => self.unlink(others[3]?.ref as Pid));
      stage.system.kill(middle.ref);
      await stage.rest(1);
      // Among several watchers there is no order.
      stage.notes.sort();
    },
  },
  {
    says: "3.9 a kill that is sent to oneself cannot be trapped either",
    sees: ["one ends: killed"],
    async play(stage) {
      const one = stage.puppet("one", { trapExit: true });
      const ended = stage.ends("one", one.ref);
      one.tell((self) => {
        self.exit(self.pid, kill);
      });
      await ended;
    },
  },
  {
    says: "3.15 a signal that was trapped does not end its actor when that does not trap any more",
    sees: ["stranger: alive", "one hears exit shutdown"],
    async play(stage) {
      const [one, stranger] = [stage.puppet("one", { trapExit: true }), stage.puppet("stranger")];
      await sys.suspend(stage.system, one.ref);
      await stranger.do((self) => {
        self.exit(one.ref, shutdown());
      });
      stage.note(`stranger: ${stage.system.isAlive(one.ref) ? "alive" : "dead"}`);
      await sys.resume(stage.system, one.ref);
      await stage.rest(1);
    },
  },
];
