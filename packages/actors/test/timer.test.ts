import { defineServer, noreply, ok, type TimerRef } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { ask, puppet, tell } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

describe("a timer", () => {
  test("sends its message when the time has come, and not before", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    probe.self.sendAfter(probe.ref, "ding", 1000);
    await clock.advance(999);
    expect(probe.messages).toEqual([]);
    await clock.advance(1);
    expect(probe.messages).toEqual(["ding"]);
    await clock.advance(10_000);
    expect(probe.messages).toEqual(["ding"]);
  });

  test("may be due at once, and then waits for the clock all the same", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    probe.self.sendAfter(probe.ref, "ding", 0);
    expect(probe.messages).toEqual([]);
    await clock.advance(0);
    expect(probe.messages).toEqual(["ding"]);
  });

  test("is due at a fraction of a millisecond as at a whole one", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    probe.self.sendAfter(probe.ref, "late", 1.5);
    probe.self.sendAfter(probe.ref, "early", 1.25);
    await clock.advance(1.25);
    expect(probe.messages).toEqual(["early"]);
    await clock.advance(0.25);
    expect(probe.messages).toEqual(["early", "late"]);
  });

  test("fires in order of time, and of arming where the time is the same", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const other = createProbe(system);
    probe.self.sendAfter(probe.ref, "b", 20);
    other.self.sendAfter(probe.ref, "c", 20);
    probe.self.sendAfter(probe.ref, "a", 10);
    probe.self.sendAfter(probe.ref, "d", 20);
    await clock.advance(20);
    expect(probe.messages).toEqual(["a", "b", "c", "d"]);
  });

  test("that was cancelled is never heard of, and tells what was left", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const timer = probe.self.sendAfter(probe.ref, "ding", 1000);
    await clock.advance(400);
    expect(probe.self.cancelTimer(timer)).toBe(600);
    expect(probe.self.cancelTimer(timer)).toBeUndefined();
    await clock.advance(10_000);
    expect(probe.messages).toEqual([]);
  });

  test("that has fired cannot be cancelled", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const timer = probe.self.sendAfter(probe.ref, "ding", 1);
    await clock.advance(1);
    expect(probe.self.cancelTimer(timer)).toBeUndefined();
  });

  test("is cancelled by its owner only", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const stranger = createProbe(system);
    const timer = probe.self.sendAfter(probe.ref, "ding", 10);
    expect(stranger.self.cancelTimer(timer)).toBeUndefined();
    await clock.advance(10);
    expect(probe.messages).toEqual(["ding"]);
  });

  test.each(["kill", "exit"])("dies with its owner: by %s", async (way) => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const owner = system.spawn(puppet());
    await tell(system, owner, (self) => void self.sendAfter(probe.ref, "ding", 10));
    if (way === "kill") system.kill(owner);
    else system.send(owner, (self: { exit(reason: object): never }) => self.exit({ type: "normal" }));
    await system.idle();
    expect(system.inspect().timers).toBe(0);
    expect(clock.timers).toBe(0);
    await clock.advance(10);
    expect(probe.messages).toEqual([]);
  });

  test("does not keep its target alive, nor mind its death", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const target = system.spawn(puppet());
    probe.self.sendAfter(target, "ding", 10);
    system.kill(target);
    await clock.advance(10);
    expect(system.inspect().timers).toBe(0);
  });

  test("for a name sends to whoever has the name then", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    probe.self.sendAfter("heir", "ding", 10);
    probe.self.sendAfter("nobody", "dong", 10);
    probe.self.register("heir");
    await clock.advance(10);
    expect(probe.messages).toEqual(["ding"]);
  });

  test("can be one of many, of which the host sees one", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const timers: TimerRef[] = [];
    for (let ms = 100; ms > 0; ms -= 1) timers.push(probe.self.sendAfter(probe.ref, ms, ms));
    await system.idle();
    expect(system.inspect().timers).toBe(100);
    expect(system.inspect().nextTimer).toBe(1);
    expect(clock.timers).toBe(1);
    await clock.advance(50);
    expect(probe.messages).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    for (const timer of timers) probe.self.cancelTimer(timer);
    expect(system.inspect().timers).toBe(0);
  });

  test("set by an actor that is handling a timer fires in the same advance if its time comes", async () => {
    const { system, clock } = createWorld();
    const ticks: number[] = [];
    const ticker = system.spawn(
      defineServer<{ info: "tick" }>({
        init(_args, self) {
          self.sendAfter(self.ref, "tick", 10);
          return ok(undefined);
        },
        handleInfo(_message, _state, self) {
          ticks.push(self.now());
          self.sendAfter(self.ref, "tick", 10);
          return noreply(undefined);
        },
      }),
    );
    await clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
    system.kill(ticker);
  });

  test("arrives in the mailbox like any other message", async () => {
    const { system, clock } = createWorld();
    const received: unknown[] = [];
    const actor = system.spawn(puppet({ received }));
    const left = await ask(system, actor, (self) => {
      const timer = self.sendAfter(self.ref, "second", 10);
      self.sendAfter(self.ref, "first", 5);
      return self.cancelTimer(timer);
    });
    expect(left).toBe(10);
    await clock.advance(10);
    expect(received).toEqual(["first"]);
  });
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])("sendAfter refuses to wait for %d ms", (afterMs) => {
  const { system } = createWorld();
  const probe = createProbe(system);
  expect(() => probe.self.sendAfter(probe.ref, "never", afterMs)).toThrow(
    `afterMs is ${afterMs}; expected milliseconds of at least 0`,
  );
});
