import { defineServer, noreply, ok, shutdown, sys } from "@espalier/actors";
import { counter } from "./counter.ts";
import { type Clause, Gate, textOf, trappingPuppet } from "./stage.ts";

/** Chapter 9 of the semantics: servers. */
export const servers: readonly Clause[] = [
  {
    says: "9.1 each kind of message goes to its callback, in order, with the state that the one before has answered",
    sees: ["0 continues after init", "1 hears 1", "3 continues 2", "4 hears 3", "add: 5", "6 hears timeout"],
    async play(stage) {
      const ref = counter(stage);
      const { system } = stage;
      system.send(ref, "1");
      system.cast(ref, "2");
      system.send(ref, "3");
      await stage.settles("add", system.call(ref, { type: "add" }));
      await stage.rest(30);
    },
  },
  {
    says: "9.2 a server has started before the continuation of init runs, and that before all mail",
    sees: ["continues", "started", "hears early"],
    async play(stage) {
      const gate = new Gate();
      const definition = defineServer<{ state: undefined; info: string; continue: string }>({
        init: (_args, self) => {
          self.send(self.ref, "early");
          return ok(undefined, { continue: "" });
        },
        async handleContinue(_value, state) {
          stage.note("continues");
          await gate.opened;
          return noreply(state);
        },
        handleInfo(message, state) {
          stage.note(`hears ${textOf(message)}`);
          return noreply(state);
        },
      });
      const started = stage.system.start(definition, undefined, { id: stage.name("one") });
      await stage.rest(1);
      await started;
      stage.note("started");
      gate.open();
      await stage.rest(1);
    },
  },
  {
    says: "9.3 while an asynchronous callback is under way the server's mail waits",
    sees: ["0 continues after init", "resting", "11 hears hello", "later: 1"],
    async play(stage) {
      const gate = new Gate();
      const ref = counter(stage, undefined, gate);
      const later = stage.settles("later", stage.system.call(ref, { type: "later" }));
      stage.system.send(ref, "hello");
      await stage.rest(5);
      stage.note("resting");
      gate.open();
      await later;
      await stage.rest(1);
    },
  },
  {
    says: "9.4 a server that stops reads no further message, and cleans up with its last state",
    sees: ["0 continues after init", "1 hears stop", "101 cleans up normal"],
    async play(stage) {
      const ref = counter(stage);
      for (const message of ["stop", "unread"]) stage.system.send(ref, message);
      await stage.system.exited(ref);
    },
  },
  {
    says: "9.5 stopReply answers when the clean-up has run",
    sees: ["0 continues after init", "1 cleans up shutdown done", "cleaned up", "end: goodbye"],
    async play(stage) {
      const gate = new Gate();
      const ref = counter(stage, async () => {
        await gate.opened;
        stage.note("cleaned up");
      });
      const ended = stage.settles("end", stage.system.call(ref, { type: "end" }));
      await stage.rest(5);
      gate.open();
      await ended;
    },
  },
  {
    says: "9.5 stopReply answers even if the clean-up crashes",
    sees: ["0 continues after init", "1 cleans up shutdown done", "end: goodbye"],
    async play(stage) {
      const ref = counter(stage, () => {
        throw new Error("messy");
      });
      await stage.settles("end", stage.system.call(ref, { type: "end" }));
    },
  },
  {
    says: "9.5 stopReply does not answer if the clean-up was cut short by a kill",
    sees: ["0 continues after init", "1 cleans up shutdown done", "end fails: killed"],
    async play(stage) {
      const gate = new Gate();
      const ref = counter(stage, () => gate.opened);
      const ended = stage.settles("end", stage.system.call(ref, { type: "end" }));
      await stage.rest(5);
      stage.system.kill(ref);
      await ended;
      gate.open();
    },
  },
  {
    says: "9.6 the timeout comes if no message does",
    sees: ["0 continues after init", "add: 1", "resting", "2 hears timeout"],
    async play(stage) {
      const ref = counter(stage);
      await stage.settles("add", stage.system.call(ref, { type: "add" }));
      await stage.rest(15);
      stage.note("resting");
      await stage.rest(30);
    },
  },
  {
    says: "9.6 the timeout is cancelled by any message, also when its time had come",
    sees: ["0 continues after init", "add: 1", "2 hears first", "add: 3", "4 hears second", "over"],
    async play(stage) {
      const { system } = stage;
      const ref = counter(stage);
      await stage.settles("add", system.call(ref, { type: "add" }));
      await stage.rest(10);
      system.send(ref, "first");
      await stage.rest(30);
      await stage.settles("add", system.call(ref, { type: "add" }));
      await sys.suspend(system, ref);
      system.send(ref, "second");
      await stage.rest(30);
      await sys.resume(system, ref);
      await stage.rest(30);
      stage.note("over");
    },
  },
  {
    says: "9.7 a server that traps ends with its parent, and hears the signals of strangers",
    sees: ["trapper hears exit shutdown", "trapper cleans up killed", "trapper ends: killed"],
    async play(stage) {
      const [parent, stranger] = [stage.puppet("parent"), stage.puppet("stranger")];
      const trapper = await parent.do((self) => self.spawnLink(trappingPuppet, stage.part("trapper")));
      await stranger.do((self) => {
        self.exit(trapper, shutdown());
      });
      await stage.rest(1);
      const ended = stage.ends("trapper", trapper);
      stage.system.kill(parent.ref);
      await ended;
    },
  },
  {
    says: "9.8 a call without a callback is a crash, another message without one is dropped",
    sees: ["true", "call fails: error ERR_MISSING_CALLBACK"],
    async play(stage) {
      const ref = stage.spawn("bare", defineServer<{ state: undefined; info: string }>({ init: () => ok(undefined) }));
      stage.system.send(ref, "hello");
      await stage.rest(1);
      stage.note(String(stage.system.isAlive(ref)));
      await stage.settles("call", stage.system.call(ref as never, { type: "add" }));
    },
  },
  {
    says: "9.9 a callback that answers what it may not crashes its server",
    sees: ["0 continues after init", "1 cleans up error ERR_BAD_RETURN", "counter ends: error ERR_BAD_RETURN"],
    async play(stage) {
      const ref = counter(stage);
      const ended = stage.ends("counter", ref);
      await stage.system.call(ref, { type: "wrong" });
      await ended;
    },
  },
];
