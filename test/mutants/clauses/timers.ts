import { normal, sys, type TimerRef } from "@espalier/actors";
import type { Clause } from "./stage.ts";

/** Chapter 8 of the semantics: timers and time. */
export const timing: readonly Clause[] = [
  {
    says: "8.1 timers fire once, in order of their times, those of the same time as they were set",
    sees: ["5", "10 a", "10 b", "10 c", "20"].map((text) => `one hears ${text}`),
    async play(stage) {
      const one = stage.puppet("one");
      await one.do((self) => {
        for (const text of ["20", "10 a", "5", "10 b", "10 c"])
          self.sendAfter(self.ref, text, Number.parseInt(text, 10));
      });
      await stage.rest(50);
    },
  },
  {
    says: "8.3 a timer that was cancelled in time is not heard of, and tells what was left",
    sees: ["left: 15", "one hears short", "left: undefined", "left: undefined"],
    async play(stage) {
      const one = stage.puppet("one");
      const timers = await one.do((self) =>
        [20, 10].map((ms) => self.sendAfter(self.ref, ms === 10 ? "short" : "long", ms)),
      );
      await stage.rest(5);
      const cancel = (index: number) =>
        one.do((self) => stage.note(`left: ${self.cancelTimer(timers[index] as TimerRef)}`));
      await cancel(0);
      await stage.rest(20);
      await cancel(0);
      await cancel(1);
    },
  },
  {
    says: "8.2 the order of timers is kept whichever are cancelled",
    sees: Array.from({ length: 12 }, (_, index) => `one hears ${index * 3 + 2}`),
    async play(stage) {
      const one = stage.puppet("one");
      await one.do((self) => {
        const timers = new Map<number, TimerRef>();
        // Neither the first is due first, nor the last last.
        for (let index = 0; index < 36; index += 1) {
          const ms = (index * 25) % 36;
          timers.set(ms, self.sendAfter(self.ref, String(ms), ms + 1));
        }
        for (const [ms, timer] of timers) if (ms % 3 !== 2) self.cancelTimer(timer);
      });
      await stage.rest(60);
    },
  },
  {
    says: "8.4 a timer dies with the actor that has set it, and with nobody else",
    sees: ["dying cleans up normal", "to hears of the living"],
    async play(stage) {
      const [living, dying, to] = [stage.puppet("living"), stage.puppet("dying"), stage.puppet("to")];
      await living.do((self) => void self.sendAfter(to.ref, "of the living", 20));
      await dying.do((self) => void self.sendAfter(to.ref, "of the dead", 10));
      dying.tell((self) => self.exit(normal));
      await stage.rest(50);
    },
  },
  {
    says: "8.5 a timer for a name sends to who has it when it fires, and to nobody if nobody has",
    sees: ["second hears hello", "over"],
    async play(stage) {
      const name = stage.name("name");
      const [setter, first, second] = [stage.puppet("setter"), stage.puppet("first", { name }), stage.puppet("second")];
      await setter.do((self) => {
        self.sendAfter(name, "hello", 10);
        self.sendAfter(name, "anybody?", 20);
      });
      await first.do((self) => self.unregister(name));
      await second.do((self) => self.register(name));
      await stage.rest(15);
      await second.do((self) => self.unregister(name));
      await stage.rest(15);
      stage.note("over");
    },
  },
  {
    says: "D7 a timer is cancelled by its owner only",
    sees: ["left: undefined", "one hears it"],
    async play(stage) {
      const [one, other] = [stage.puppet("one"), stage.puppet("other")];
      const timer = await one.do((self) => self.sendAfter(self.ref, "it", 10));
      stage.note(`left: ${await other.do((self) => self.cancelTimer(timer))}`);
      await stage.rest(20);
    },
  },

  {
    says: "8.3 a timer that has fired cannot be cancelled any more, and its message comes",
    sees: ["left: undefined", "one hears it"],
    async play(stage) {
      const one = stage.puppet("one");
      const timer = await one.do((self) => self.sendAfter(self.ref, "it", 5));
      await sys.suspend(stage.system, one.ref);
      one.tell((self) => stage.note(`left: ${self.cancelTimer(timer)}`));
      await stage.rest(10);
      await sys.resume(stage.system, one.ref);
      await stage.rest(1);
    },
  },
  {
    says: "8.1 a timer of no time fires behind what was sent before it",
    sees: ["one hears sent", "one hears timed"],
    async play(stage) {
      const one = stage.puppet("one");
      await one.do((self) => {
        self.send(self.ref, "sent");
        self.sendAfter(self.ref, "timed", 0);
      });
      await stage.rest(1);
    },
  },
];
