import { ManualClock } from "@espalier/actors/testing";
import {
  createSystem,
  defineServer,
  type Definition,
  fromAsync,
  ignore,
  noreply,
  ok,
  shutdown,
  stop,
} from "@espalier/actors";

import { type Clause, Gate, puppet, textOf } from "./stage.ts";

/** Chapter 1 of the semantics: processes and starting. */
export const processes: readonly Clause[] = [
  {
    says: "1.1 a spawn by an actor runs nothing of the child within the parent's step",
    sees: ["parent", "child"],
    async play(stage) {
      const parent = stage.puppet("parent");
      await parent.do((self) => {
        self.spawn(fromAsync(async () => stage.note("child")));
        stage.note("parent");
      });
      await stage.rest(1);
    },
  },
  {
    says: "1.2 init comes before every message, also one that takes its time",
    sees: ["init", "early"],
    async play(stage) {
      const gate = new Gate();
      const slow = defineServer<{ state: undefined; info: string }>({
        async init() {
          await gate.opened;
          stage.note("init");
          return ok(undefined);
        },
        handleInfo(message, state) {
          stage.note(textOf(message));
          return noreply(state);
        },
      });
      stage.system.send(stage.spawn("slow", slow), "early");
      await stage.rest(1);
      gate.open();
      await stage.rest(1);
    },
  },
  {
    says: "1.3 start resolves when init is done, or with why it failed",
    sees: ["waiting", "ready", "started: true", "failed: startFailed error broken"],
    async play(stage) {
      const gate = new Gate();
      const slow = defineServer<{ state: undefined }>({
        async init() {
          await gate.opened;
          stage.note("ready");
          return ok(undefined);
        },
      });
      const started = stage.system.start(slow, undefined, { id: stage.name("slow") });
      const told = started.then((result) => stage.note(`started: ${result.ok}`));
      await stage.rest(1);
      stage.note("waiting");
      gate.open();
      await told;
      const broken = defineServer<{ state: undefined }>({
        init() {
          throw new Error("broken");
        },
      });
      const failed = await stage.system.start(broken, undefined, { id: stage.name("broken") });
      if (!failed.ok && failed.error === "failed") stage.note(`failed: startFailed ${textOf(failed.reason)}`);
    },
  },
  {
    says: "1.4 an init that ignores leaves nobody, and nothing has failed",
    sees: ["started: ignored", "parent hears exit normal"],
    async play(stage) {
      const idle = defineServer<{ state: undefined }>({ init: () => ignore() });
      const parent = stage.puppet("parent", { trapExit: true });
      await parent.do(async (self) => {
        const result = await self.startLink(idle);
        stage.note(`started: ${result.ok ? "ok" : result.error}`);
      });
      await stage.rest(1);
    },
  },
  {
    says: "1.5 a start that failed has left its name free, and cleaned up nothing",
    sees: ["failed", "the name is free"],
    async play(stage) {
      const failing: Definition = defineServer<{ state: undefined }>({
        trapExit: true,
        init: () => stop(shutdown()),
        terminate: () => stage.note("cleans up"),
      });
      const name = stage.name("failing");
      const result = await stage.system.start(failing, undefined, { id: name, name });
      stage.note(result.ok ? "started" : result.error);
      stage.note(stage.system.whereis(name) === undefined ? "the name is free" : "the name is taken");
    },
  },
  {
    says: "1.6 links and monitors of a spawn hold from the first moment",
    sees: ["parent hears exit error early", "parent hears down error early"],
    async play(stage) {
      const failing = defineServer<{ state: undefined }>({
        init() {
          throw new Error("early");
        },
      });
      const parent = stage.puppet("parent", { trapExit: true });
      await parent.do((self) => void self.spawnLink(failing));
      await stage.rest(1);
      await parent.do((self) => void self.spawnMonitor(failing));
      await stage.rest(1);
    },
  },
  {
    says: "1.8 a path is the parent's and the id, and stays when the parent dies",
    sees: ["true", "true"],
    async play(stage) {
      const parent = stage.puppet("parent");
      const child = await parent.do((self) => self.spawn(puppet, stage.part("child"), { id: "child" }));
      const isRight = () => stage.system.inspect(child)?.path === `${stage.name("parent")}/child`;
      stage.note(String(isRight()));
      stage.system.kill(parent.ref);
      await stage.rest(1);
      stage.note(String(isRight()));
      stage.system.kill(child);
    },
  },

  {
    says: "1.9 a system shares nothing with another one",
    sees: ["undefined", "hears hello", "true"],
    async play(stage) {
      const name = stage.name("name");
      const one = stage.puppet("one", { name });
      const other = createSystem({ host: new ManualClock() });
      stage.note(String(other.whereis(name)));
      const listener = fromAsync<string>(async (self) => stage.note(`hears ${textOf(await self.receive())}`));
      const ref = other.spawn(listener, undefined, { name });
      other.send(name, "hello");
      await other.exited(ref);
      await other.shutdown();
      stage.note(String(stage.system.whereis(name) === one.ref));
    },
  },
];
