import { type Deadline, normal, type Process } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

/** An actor with a deadline that the test arms and cancels on its behalf. */
function withDeadline({ system }: World): { deadline: Deadline; log: number[]; end: () => void } {
  const log: number[] = [];
  const deadlines: Deadline[] = [];
  const ref = system.spawn({
    name: "impatient",
    behaviour: {
      kind: "impatient",
      start: (process: Process) => void deadlines.push(process.deadline(() => log.push(process.now()))),
      receive: (process: Process) => process.stop(normal),
    },
  });
  system.step();
  const [deadline] = deadlines;
  if (deadline === undefined) throw new Error("it should have started");
  return { deadline, log, end: () => system.send(ref, "end") };
}

describe("a deadline", () => {
  test("runs once when its time has come, and may be armed again", async () => {
    const world = createWorld();
    const { deadline, log } = withDeadline(world);
    deadline.arm(100);
    await world.clock.advance(99);
    expect(log).toEqual([]);
    await world.clock.advance(1000);
    expect(log).toEqual([100]);
    deadline.arm(1);
    await world.clock.advance(1);
    expect(log).toEqual([100, 1100]);
  });

  test("is pushed back by arming it again", async () => {
    const world = createWorld();
    const { deadline, log } = withDeadline(world);
    for (let packet = 0; packet < 10; packet += 1) {
      deadline.arm(100);
      await world.clock.advance(60);
    }
    expect(log).toEqual([]);
    expect(world.system.inspect().timers).toBe(1);
    await world.clock.advance(40);
    expect(log).toEqual([640]);
  });

  test("can be brought forward", async () => {
    const world = createWorld();
    const { deadline, log } = withDeadline(world);
    deadline.arm(100);
    await world.clock.advance(0);
    deadline.arm(10);
    await world.clock.advance(100);
    expect(log).toEqual([10]);
  });

  test("that is cancelled does not run", async () => {
    const world = createWorld();
    const { deadline, log } = withDeadline(world);
    deadline.arm(100);
    deadline.cancel();
    deadline.cancel();
    await world.clock.advance(200);
    expect(log).toEqual([]);
    expect(world.system.inspect().timers).toBe(0);
  });

  test("dies with its actor, and cannot be armed by what is left of it", async () => {
    const world = createWorld();
    const { deadline, log, end } = withDeadline(world);
    deadline.arm(100);
    end();
    await world.clock.advance(50);
    expect(world.system.inspect().timers).toBe(0);
    deadline.arm(10);
    await world.clock.advance(200);
    expect(log).toEqual([]);
    expect(world.clock.timers).toBe(0);
  });
});
