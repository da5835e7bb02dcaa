import { fromAsync, shutdown, sys } from "@espalier/actors";
import type { Clause } from "./stage.ts";

/** Chapter 4 of the semantics: monitors. */
export const monitors: readonly Clause[] = [
  {
    says: "4.1 a monitor gives one Down with the reason, and noproc for the dead",
    sees: ["watcher hears down shutdown x", "watcher hears down shutdown x", "watcher hears down noproc"],
    async play(stage) {
      const [one, watcher] = [stage.puppet("one"), stage.puppet("watcher")];
      // 4.3: several monitors give one each.
      await watcher.do((self) => {
        self.monitor(one.ref);
        self.monitor(one.ref);
      });
      stage.system.exit(one.ref, shutdown("x"));
      await stage.rest(1);
      await watcher.do((self) => void self.monitor(one.ref));
      await stage.rest(1);
    },
  },
  {
    says: "4.4 the Down comes behind all that the dying had sent",
    sees: ["watcher hears 1", "watcher hears 2", "watcher hears 3", "watcher hears down normal"],
    async play(stage) {
      const watcher = stage.puppet("watcher");
      const speaker = fromAsync(async (self) => {
        for (const text of ["1", "2", "3"]) self.send(watcher.ref, text);
      });
      await watcher.do((self) => void self.spawnMonitor(speaker));
      await stage.rest(1);
    },
  },
  {
    says: "4.5 a monitor by name watches who had the name, whatever becomes of it",
    sees: ["nothing yet", "watcher hears down killed"],
    async play(stage) {
      const name = stage.name("named");
      const [first, second] = [stage.puppet("first", { name }), stage.puppet("second")];
      const watcher = stage.puppet("watcher");
      await watcher.do((self) => void self.monitor(name));
      await first.do((self) => self.unregister(name));
      await second.do((self) => self.register(name));
      stage.system.kill(second.ref);
      await stage.rest(1);
      stage.note("nothing yet");
      stage.system.kill(first.ref);
      await stage.rest(1);
    },
  },
  {
    says: "4.6 after demonitor no Down comes, and flush takes one out of the mailbox",
    sees: ["taken back", "watcher hears down killed"],
    async play(stage) {
      const { system } = stage;
      const [watcher, one, two, three] = ["watcher", "one", "two", "three"].map((role) => stage.puppet(role));
      if (watcher === undefined || one === undefined || two === undefined || three === undefined) return;
      const all = await watcher.do((self) => [one, two, three].map(({ ref }) => self.monitor(ref)));
      await watcher.do((self) => self.demonitor(all[0] as (typeof all)[0]));
      system.kill(one.ref);
      await sys.suspend(system, watcher.ref);
      watcher.tell((self) => {
        self.demonitor(all[1] as (typeof all)[0], { flush: true });
        self.demonitor(all[2] as (typeof all)[0]);
        stage.note("taken back");
      });
      for (const { ref } of [two, three]) system.kill(ref);
      await Promise.all([two, three].map(({ ref }) => system.exited(ref)));
      await sys.resume(system, watcher.ref);
      await stage.rest(1);
    },
  },

  {
    says: "4.3 of many monitors those go that are taken back, and no others",
    sees: ["a hears down killed", "c hears down killed", "c hears down killed", "e hears down killed"],
    async play(stage) {
      const { system } = stage;
      const target = stage.puppet("target");
      const watchers = ["a", "b", "c", "d", "e"].map((role) => stage.puppet(role));
      for (const [index, watcher] of watchers.entries()) {
        const monitor = await watcher.do((self) => self.monitor(target.ref));
        if (index === 2) await watcher.do((self) => void self.monitor(target.ref));
        if (index === 1 || index === 3) await watcher.do((self) => self.demonitor(monitor));
      }
      system.kill(target.ref);
      await stage.rest(1);
      // Among several watchers there is no order.
      stage.notes.sort();
    },
  },
  {
    says: "4.1 whoever asks from outside for the end of the dead is told noproc",
    sees: ["one ends: killed", "one ends: noproc"],
    async play(stage) {
      const one = stage.puppet("one");
      const ended = stage.ends("one", one.ref);
      stage.system.kill(one.ref);
      await ended;
      await stage.ends("one", one.ref);
    },
  },
];
