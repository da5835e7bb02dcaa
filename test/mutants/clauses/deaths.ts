import {
  type Context,
  createSystem,
  type Definition,
  fromAsync,
  normal,
  type Process,
  Resource,
  shutdown,
} from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";

import { type Clause, Gate, type Puppet, puppet, type Stage, trappingPuppet, tryTo } from "./stage.ts";

/** Something to own. */
class Key extends Resource {
  readonly kind = "key";
  readonly #released: () => void;

  constructor(released: () => void) {
    super();
    this.#released = released;
  }

  release(): void {
    this.#released();
  }
}

/** Resources are for behaviours, which see more of an actor than its code does. */
function processOf(self: Context<string>): Process {
  return self as unknown as Process;
}

/** Somebody has a key, a name and a timer, and comes to his end. */
async function ownsAndEnds(stage: Stage, end: (one: Puppet) => void): Promise<void> {
  const name = stage.name("one");
  const one = stage.puppet("one", { name, trapExit: true });
  const watcher = stage.puppet("watcher");
  await one.do((self) => {
    processOf(self).own(new Key(() => stage.note("released")));
    self.sendAfter(watcher.ref, "late", 20);
  });
  const ended = stage.system.exited(one.ref).then(() => stage.note(`its name: ${String(stage.system.whereis(name))}`));
  end(one);
  await ended;
  await stage.rest(30);
  stage.note("its timer is not heard of");
}

/** Chapter 5 of the semantics: death and ownership. */
export const deaths: readonly Clause[] = [
  {
    says: "5.1 all that the dead owned is released before anybody learns of the death",
    sees: ["one cleans up error broken", "released", "its name: undefined", "its timer is not heard of"],
    async play(stage) {
      await ownsAndEnds(stage, (one) => {
        one.tell(() => {
          throw new Error("broken");
        });
      });
    },
  },
  {
    says: "5.1 a kill releases what the dead owned as well",
    sees: ["released", "its name: undefined", "its timer is not heard of"],
    async play(stage) {
      await ownsAndEnds(stage, (one) => stage.system.kill(one.ref));
    },
  },
  {
    says: "5.2 a resource has one owner, and can be given to who lives",
    sees: ["given: false", "given: true", "giver is dead", "released"],
    async play(stage) {
      const { system } = stage;
      const [giver, taker, dead] = [stage.puppet("giver"), stage.puppet("taker"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      await giver.do((self) => {
        const key = new Key(() => stage.note("released"));
        const process = processOf(self);
        process.own(key);
        for (const { ref } of [dead, taker]) stage.note(`given: ${process.give(key, ref)}`);
      });
      system.kill(giver.ref);
      await system.exited(giver.ref);
      stage.note("giver is dead");
      system.kill(taker.ref);
      await stage.rest(1);
    },
  },
  {
    says: "5.3 the clean-up runs at an exit from within",
    sees: ["one cleans up shutdown x", "one ends: shutdown x"],
    async play(stage) {
      const one = stage.puppet("one");
      one.tell((self) => self.exit(shutdown("x")));
      await stage.ends("one", one.ref);
    },
  },
  {
    says: "5.3 the clean-up runs when the parent of one that traps tells it to end, for whatever reason",
    sees: ["one cleans up normal", "one ends: normal", "other cleans up shutdown x", "other ends: shutdown x"],
    async play(stage) {
      const [one, other] = ["one", "other"].map((role) => stage.puppet(role, { trapExit: true }));
      if (one === undefined || other === undefined) return;
      stage.system.exit(one.ref, normal);
      await stage.ends("one", one.ref);
      stage.system.exit(other.ref, shutdown("x"));
      await stage.ends("other", other.ref);
    },
  },
  {
    says: "5.3 one that traps ends with its parent, in order",
    sees: ["child cleans up killed", "true"],
    async play(stage) {
      const parent = stage.puppet("parent");
      const children = await parent.do((self) => [
        self.spawnLink(trappingPuppet, stage.part("child")),
        self.spawn(puppet, stage.part("other")),
      ]);
      stage.system.kill(parent.ref);
      await stage.rest(1);
      const [linked, other] = children.map((pid) => stage.system.isAlive(pid));
      stage.note(String(linked === false && other === true));
    },
  },
  {
    says: "5.4 the clean-up runs once, and if it fails, its failure is the reason",
    sees: ["one cleans up error first", "one ends: error second"],
    async play(stage) {
      const one = stage.puppet("one", {
        cleanUp() {
          throw new Error("second");
        },
      });
      one.tell(() => {
        throw new Error("first");
      });
      await stage.ends("one", one.ref);
    },
  },
  {
    says: "5.5 a kill cuts a clean-up short that is under way",
    sees: ["one cleans up shutdown", "one ends: killed", "ERR_ACTOR_DEAD"],
    async play(stage) {
      const gate = new Gate();
      const one = stage.puppet("one", {
        trapExit: true,
        async cleanUp(self) {
          await gate.opened;
          // Its code goes on, and can do nothing any more.
          stage.note(String(tryTo(() => self.send(self.ref, "hello"))));
        },
      });
      stage.system.exit(one.ref, shutdown());
      const ended = stage.ends("one", one.ref);
      await stage.rest(1);
      stage.system.kill(one.ref);
      await ended;
      gate.open();
      await stage.rest(1);
    },
  },
  {
    says: "5.6 nobody learns of an end before the clean-up is over",
    sees: ["one cleans up shutdown", "resting", "cleaned up", "one ends: shutdown"],
    async play(stage) {
      const gate = new Gate();
      const one = stage.puppet("one", {
        trapExit: true,
        async cleanUp() {
          await gate.opened;
          stage.note("cleaned up");
        },
      });
      stage.system.exit(one.ref, shutdown());
      const ended = stage.ends("one", one.ref);
      await stage.rest(5);
      stage.note("resting");
      gate.open();
      await ended;
    },
  },
  {
    says: "5.6 what a callback had begun before a crash does not end the clean-up",
    sees: ["one cleans up error tripped", "callback goes on", "cleaned up", "one ends: error tripped"],
    async play(stage) {
      const [callback, clean] = [new Gate(), new Gate()];
      const one = stage.puppet("one", {
        async cleanUp() {
          await clean.opened;
          stage.note("cleaned up");
        },
      });
      let trip: (() => void) | undefined;
      one.tell(async (self) => {
        trip = self.guard(() => {
          throw new Error("tripped");
        });
        await callback.opened;
        stage.note("callback goes on");
      });
      const ended = stage.ends("one", one.ref);
      await stage.rest(1);
      trip?.();
      await stage.rest(1);
      callback.open();
      await stage.rest(1);
      clean.open();
      await ended;
    },
  },
  {
    says: "5.7 what is thrown, of whatever type, is the reason, and ends nobody else",
    sees: ["one cleans up error oops", "one ends: error oops", "true"],
    async play(stage) {
      const parent = stage.puppet("parent");
      const one = stage.puppet("one");
      one.tell(() => {
        // eslint-disable-next-line no-throw-literal
        throw "oops" as unknown as Error;
      });
      await stage.ends("one", one.ref);
      stage.note(String(stage.system.isAlive(parent.ref)));
    },
  },
  {
    says: "5.8 the context of a dead actor throws at every use",
    sees: ["ERR_ACTOR_DEAD", "ERR_ACTOR_DEAD", "ERR_ACTOR_DEAD"],
    async play(stage) {
      const one = stage.puppet("one");
      const self = await one.do((context) => context);
      stage.system.kill(one.ref);
      await stage.system.exited(one.ref);
      for (const use of [
        () => self.register("x"),
        () => self.spawn(puppet, stage.part("x")),
        () => self.trapExit(true),
      ]) {
        try {
          use();
          stage.note("done");
        } catch (error) {
          stage.note(String((error as { code?: unknown }).code));
        }
      }
    },
  },
  {
    says: "5.9 what a guarded callback throws is its actor's crash, and after its death nothing",
    sees: ["answers 1", "one cleans up error guarded", "one ends: error guarded", "answers undefined"],
    async play(stage) {
      const one = stage.puppet("one");
      const guarded = await one.do((self) =>
        self.guard((isBroken: boolean) => {
          if (isBroken) throw new Error("guarded");
          return 1;
        }),
      );
      stage.note(`answers ${guarded(false)}`);
      const ended = stage.ends("one", one.ref);
      guarded(true);
      await ended;
      stage.note(`answers ${guarded(false)}`);
    },
  },
  {
    says: "5.9 a task sends what it resolves with, and its rejection is a crash",
    sees: ["one hears 42", "one cleans up error rejected", "one ends: error rejected"],
    async play(stage) {
      const one = stage.puppet("one");
      const gate = new Gate();
      await one.do((self) => self.task(Promise.resolve(42), (value) => `${value}`));
      await stage.rest(1);
      await one.do((self) => {
        self.task(
          gate.opened.then(() => {
            throw new Error("rejected");
          }),
        );
      });
      const ended = stage.ends("one", one.ref);
      gate.open();
      await ended;
    },
  },
  {
    says: "5.9 a task of the dead has no effect",
    sees: ["killed"],
    async play(stage) {
      const one = stage.puppet("one");
      const gates = [new Gate(), new Gate()];
      await one.do((self) => {
        self.task(gates[0]?.opened ?? Promise.resolve(), () => "resolved");
        self.task((gates[1]?.opened ?? Promise.resolve()).then(() => Promise.reject(new Error("rejected"))));
      });
      stage.system.kill(one.ref);
      await stage.system.exited(one.ref);
      for (const gate of gates) gate.open();
      await stage.rest(1);
      stage.note("killed");
    },
  },
  {
    says: "5.11 shutdown ends what was started last first, each with its tree, and leaves nothing armed",
    sees: ["last cleans up shutdown", "below cleans up shutdown", "first cleans up shutdown", "0 timers"],
    async play(stage) {
      const clock = new ManualClock();
      const system = createSystem({ host: clock });
      for (const role of ["first", "last"]) {
        const top = system.spawn(trappingPuppet, stage.part(role));
        if (role !== "last") continue;
        await system.call(top, {
          type: "do",
          act: (self) => void self.spawnLink(trappingPuppet, stage.part("below"), { name: "below" }),
        });
      }
      await system.shutdown();
      stage.note(`${clock.timers} timers`);
    },
  },
  {
    says: "5.11 shutdown kills what takes too long, in its time",
    sees: ["slow cleans up shutdown", "slow ends: killed", "0 timers"],
    async play(stage) {
      const clock = new ManualClock();
      const system = createSystem({ host: clock });
      const slow = system.spawn(
        trappingPuppet,
        stage.part("slow", () => new Promise(() => undefined)),
      );
      const over = Promise.all([stage.settles("slow ends", system.exited(slow)), system.shutdown(100)]);
      await stage.rest(1);
      clock.advanceSync(99);
      if (!system.isAlive(slow)) stage.note("too early");
      clock.advanceSync(1);
      await over;
      stage.note(`${clock.timers} timers`);
    },
  },
  {
    says: "5.11 shutdown ends also those that belong to nobody any more",
    sees: ["left"],
    async play(stage) {
      const parent: Definition = fromAsync(async (self) => void self.spawn(puppet, stage.part("orphan")));
      const ref = stage.spawn("parent", parent);
      await stage.system.exited(ref);
      // The end of the run looks for it.
      stage.note("left");
    },
  },
  {
    says: "N7 one that crashes by guard leaves nothing to those that it has started without a link",
    sees: ["one cleans up error tripped", "true"],
    async play(stage) {
      const one = stage.puppet("one");
      const child = await one.do((self) => self.spawn(puppet, stage.part("child")));
      const trip = await one.do((self) =>
        self.guard(() => {
          throw new Error("tripped");
        }),
      );
      trip();
      await stage.system.exited(one.ref);
      await stage.rest(1);
      stage.note(String(stage.system.isAlive(child)));
    },
  },
];
