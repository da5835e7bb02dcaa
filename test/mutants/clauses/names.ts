import { fromAsync } from "@espalier/actors";
import { type Clause, Gate, tryTo } from "./stage.ts";

/** Chapter 6 of the semantics: names. */
export const names: readonly Clause[] = [
  {
    says: "6.1 a name belongs to one at a time, and an actor has one at most",
    sees: ["ERR_REGISTRATION", "ERR_REGISTRATION", "one has it"],
    async play(stage) {
      const [name, second] = [stage.name("name"), stage.name("second")];
      const [one, other] = [stage.puppet("one", { name }), stage.puppet("other")];
      stage.note(String(await other.do((self) => tryTo(() => self.register(name)))));
      stage.note(String(await one.do((self) => tryTo(() => self.register(second)))));
      stage.note(stage.system.whereis(name) === one.ref ? "one has it" : "another has it");
    },
  },
  {
    says: "6.1 who has given up a name has nothing to do with it any more",
    sees: ["other has it", "other still has it"],
    async play(stage) {
      const name = stage.name("name");
      const [one, other] = [stage.puppet("one", { name }), stage.puppet("other")];
      await one.do((self) => self.unregister(name));
      await other.do((self) => self.register(name));
      stage.note(stage.system.whereis(name) === other.ref ? "other has it" : "nobody has it");
      stage.system.kill(one.ref);
      await stage.rest(1);
      stage.note(stage.system.whereis(name) === other.ref ? "other still has it" : "nobody has it");
    },
  },
  {
    says: "6.1 a name that was given up can be taken back, and another taken for it",
    sees: ["the other", "undefined", "the other"],
    async play(stage) {
      const [name, second] = [stage.name("name"), stage.name("second")];
      const one = stage.puppet("one", { name });
      await one.do((self) => {
        self.unregister(name);
        self.register(second);
        self.unregister(second);
        self.register(name);
      });
      const who = (is: string) => (stage.system.whereis(is) === one.ref ? "the other" : "undefined");
      stage.note(who(name));
      stage.note(who(second));
      const by = stage.puppet("by");
      await by.do((self) => {
        self.unregister(name);
        self.register(second, one.ref);
      });
      stage.note(who(second));
    },
  },
  {
    says: "6.2 a spawned actor has its name before its init runs, and 6.4 a start under a taken name runs no code",
    sees: ["named: true", "alreadyStarted, whose it is: true"],
    async play(stage) {
      const name = stage.name("name");
      const definition = fromAsync(async (self) => {
        stage.note(`named: ${self.whereis(name) === self.pid}`);
        await self.receive();
      });
      const ref = stage.spawn("one", definition, { name });
      await stage.rest(1);
      const second = await stage.system.start(definition, undefined, { name, id: stage.name("two") });
      if (!second.ok && "pid" in second) stage.note(`${second.error}, whose it is: ${second.pid === ref}`);
    },
  },
  {
    says: "6.3 the name of a dying actor is free before anybody learns of the death",
    sees: ["free", "call fails: killed"],
    async play(stage) {
      const name = stage.name("name");
      const [one, watcher] = [stage.puppet("one", { name }), stage.puppet("watcher")];
      const gate = new Gate();
      const calling = watcher.do((self) =>
        self.call(one.ref, { type: "do", act: () => gate.opened }).catch((error: unknown) => {
          stage.note(self.whereis(name) === undefined ? "free" : "taken");
          return stage.settles("call", Promise.reject(error));
        }),
      );
      await stage.rest(1);
      stage.system.kill(one.ref);
      await calling;
      gate.open();
    },
  },
  {
    says: "6.5 to send to a name that nobody has is an error, to cast to it is not",
    sees: ["ERR_NO_PROCESS", "undefined", "one cleans up error ERR_NO_PROCESS", "one ends: error ERR_NO_PROCESS"],
    async play(stage) {
      const [one, name] = [stage.puppet("one"), stage.name("nobody")];
      stage.note(String(await one.do((self) => tryTo(() => self.send(name, "hello")))));
      stage.note(String(await one.do((self) => tryTo(() => self.cast(name, "hello")))));
      one.tell((self) => self.send(name, "hello"));
      await stage.ends("one", one.ref);
    },
  },

  {
    says: "6.1 names are registered for others, given up by others, and not for the dead",
    sees: ["true", "ERR_REGISTRATION", "true", "true"],
    async play(stage) {
      const { system } = stage;
      const name = stage.name("name");
      const [clerk, one, dead] = [stage.puppet("clerk"), stage.puppet("one"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      await clerk.do((self) => self.register(name, one.ref));
      stage.note(String(system.whereis(name) === one.ref));
      stage.note(String(await clerk.do((self) => tryTo(() => self.register(stage.name("other"), dead.ref)))));
      await clerk.do((self) => self.unregister(name));
      stage.note(String(system.whereis(name) === undefined));
      await one.do((self) => self.register(name));
      stage.note(String(system.whereis(name) === one.ref));
    },
  },
];
