import { type Context, createSystem, defineServer, noreply, ok } from "@espalier/actors";
import { createProbe, ManualClock, residue } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { ask, nameOf, puppet } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

function draw(clock: ManualClock, subject: string): number[] {
  return Array.from({ length: 5 }, () => clock.random(subject));
}

const twoNumbers = (self: Context): number[] => [self.random(), self.random()];

describe("a manual clock", () => {
  test("stands still until it is told to go on", async () => {
    const { system, clock } = createWorld();
    await system.idle();
    expect([clock.now(), clock.wallClock(), system.now()]).toEqual([0, 0, 0]);
    await clock.advance(250);
    expect([clock.now(), clock.wallClock(), system.now()]).toEqual([250, 250, 250]);
  });

  test("may begin at any time", () => {
    expect(new ManualClock({ startAt: 1000 }).now()).toBe(1000);
  });

  test("fires what is due on its way, each at its own time, in order", async () => {
    const clock = new ManualClock();
    const log: Array<readonly [string, number]> = [];
    clock.at(20, () => log.push(["second", clock.now()]));
    clock.at(10, () => log.push(["first", clock.now()]));
    clock.at(20, () => log.push(["third", clock.now()]));
    clock.at(31, () => log.push(["never", clock.now()]));
    await clock.advance(30);
    expect(log).toEqual([
      ["first", 10],
      ["second", 20],
      ["third", 20],
    ]);
    expect(clock.now()).toBe(30);
    expect(clock.timers).toBe(1);
  });

  test("fires what is armed on its way, too", async () => {
    const clock = new ManualClock();
    const log: number[] = [];
    const tick = (): void => {
      log.push(clock.now());
      clock.at(clock.now() + 10, tick);
    };
    clock.at(10, tick);
    await clock.advance(35);
    expect(log).toEqual([10, 20, 30]);
  });

  test("fires nothing that was cancelled; cancelling twice, or too late, does nothing", async () => {
    const clock = new ManualClock();
    const log: string[] = [];
    const cancel = clock.at(10, () => log.push("never"));
    const fired = clock.at(5, () => log.push("fired"));
    cancel();
    cancel();
    await clock.advance(10);
    fired();
    expect(log).toEqual(["fired"]);
    expect(clock.timers).toBe(0);
  });

  test("takes what lies in the past for now", async () => {
    const clock = new ManualClock({ startAt: 100 });
    const log: number[] = [];
    clock.at(5, () => log.push(clock.now()));
    await clock.advance(0);
    expect(log).toEqual([100]);
  });

  test("lets all that a timer sets off happen before the next one fires", async () => {
    const { system, clock } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(
      defineServer<{ info: string }>({
        init(_args, self) {
          self.sendAfter(self.ref, "first", 10);
          self.sendAfter(self.ref, "second", 11);
          return ok(undefined);
        },
        async handleInfo(message, _state, self) {
          for (let hop = 0; hop < 20; hop += 1) await Promise.resolve();
          log.push(`${nameOf(message)} at ${self.now()}`);
          return noreply(undefined);
        },
      }),
    );
    await clock.advance(20);
    expect(log).toEqual(["first at 10", "second at 11"]);
    system.kill(ref);
  });

  test("advances at once when no promise is awaited", () => {
    const { system, clock } = createWorld();
    const received: unknown[] = [];
    const ref = system.spawn(puppet({ received }));
    const probe = createProbe(system);
    probe.self.sendAfter(ref, "ding", 10);
    system.send(ref, "now");
    clock.advanceSync(10);
    expect(received).toEqual(["now", "ding"]);
  });

  test("carries several systems, which may set each other to work", async () => {
    const clock = new ManualClock();
    const one = createWorld({ clock });
    const two = createWorld({ clock });
    const received: unknown[] = [];
    const far = two.system.spawn(puppet({ received }));
    const near = one.system.spawn(puppet());
    await two.system.idle();
    one.system.send(near, () => two.system.send(far, "across"));
    await one.system.idle();
    await two.system.idle();
    expect(received).toEqual(["across"]);
  });

  test("has one stream of chance for each subject and seed", () => {
    expect(draw(new ManualClock(), "a")).toEqual(draw(new ManualClock(), "a"));
    expect(draw(new ManualClock(), "a")).not.toEqual(draw(new ManualClock(), "b"));
    expect(draw(new ManualClock({ seed: 2 }), "a")).not.toEqual(draw(new ManualClock({ seed: 3 }), "a"));
    const disturbed = new ManualClock();
    disturbed.random("b");
    expect(draw(disturbed, "a")).toEqual(draw(new ManualClock(), "a"));
    for (const number of draw(new ManualClock(), "a")) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1);
    }
  });

  test("gives each actor a stream of its own", async () => {
    const { system } = createWorld();
    const again = createWorld();
    const drawn = await ask(system, system.spawn(puppet()), twoNumbers);
    expect(await ask(again.system, again.system.spawn(puppet()), twoNumbers)).toEqual(drawn);
    expect(await ask(system, system.spawn(puppet()), twoNumbers)).not.toEqual(drawn);
  });
});

describe("a probe", () => {
  test("keeps what it receives, and hands it out in order", async () => {
    const { system } = createWorld();
    const probe = createProbe<string>(system);
    system.send(probe.ref, "first");
    await expect(probe.receive()).resolves.toBe("first");
    const second = probe.receive();
    system.send(probe.ref, "second");
    system.send(probe.ref, "third");
    await expect(second).resolves.toBe("second");
    await expect(probe.receive()).resolves.toBe("third");
    expect(probe.messages).toEqual(["first", "second", "third"]);
  });

  test("ends with its system", async () => {
    const { system } = createWorld();
    createProbe(system);
    await system.idle();
    await system.shutdown();
    expect(system.inspect().processes).toEqual([]);
  });

  test("survives everybody else", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = probe.self.spawnLink(puppet());
    system.kill(ref);
    await system.idle();
    expect(system.isAlive(probe.ref)).toBe(true);
  });
});

describe("the residue", () => {
  test("is empty in a new system, and lists all that lives in another", async () => {
    const clock = new ManualClock();
    expect(residue(createSystem({ host: clock }))).toEqual({
      actors: [],
      names: [],
      resources: [],
      timers: 0,
      tasks: 0,
    });
    const { system } = createWorld({ clock });
    const probe = createProbe(system, "leaky");
    probe.self.register("name");
    probe.self.sendAfter(probe.ref, "later", 10);
    expect(residue(system)).toEqual({
      actors: ["leaky-1"],
      names: ["name"],
      resources: ["timer of leaky-1: due at 10"],
      timers: 1,
      tasks: 0,
    });
    await system.idle();
  });
});
