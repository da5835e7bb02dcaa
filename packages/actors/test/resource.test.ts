import { ActorDeadError, kill, normal, type Process, Resource } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

class Valve extends Resource {
  readonly kind = "valve";
  readonly #log: string[];
  readonly #name: string;

  constructor(name: string, log: string[]) {
    super();
    this.#name = name;
    this.#log = log;
  }

  release(): void {
    this.#log.push(`${this.#name} released`);
  }

  override describe(): string {
    return this.#name;
  }
}

/** An actor as its own behaviour sees it, in the hands of the test. */
function process({ system }: World): Process {
  const seen: Process[] = [];
  system.spawn({
    name: "owner",
    behaviour: { kind: "owner", start: (self: Process) => void seen.push(self), receive: () => undefined },
  });
  system.step();
  const [self] = seen;
  if (self === undefined) throw new Error("it should have started");
  return self;
}

describe("a resource", () => {
  test("is shown with its owner", () => {
    const world = createWorld();
    process(world).own(new Valve("a", []));
    expect(world.system.inspect().processes[0]?.resources).toEqual([{ kind: "valve", description: "a" }]);
  });

  test.each([kill, normal])("is released once when its owner ends: $type", async (reason) => {
    const world = createWorld();
    const log: string[] = [];
    const owner = process(world);
    for (const name of ["a", "b", "c"]) owner.own(new Valve(name, log));
    if (reason.type === "kill") world.system.kill(owner.pid);
    else owner.stop(reason);
    await world.system.idle();
    expect(log.toSorted()).toEqual(["a released", "b released", "c released"]);
  });

  test("has one owner: the last that took it", async () => {
    const world = createWorld();
    const log: string[] = [];
    const first = process(world);
    const second = process(world);
    const valve = new Valve("a", log);
    first.own(valve);
    second.own(valve);
    expect(world.system.inspect().processes.map(({ resources }) => resources.length)).toEqual([0, 1]);
    world.system.kill(first.pid);
    await world.system.idle();
    expect(log).toEqual([]);
    world.system.kill(second.pid);
    await world.system.idle();
    expect(log).toEqual(["a released"]);
  });

  test("can be given to a living actor, and stays where it is if that one is dead", async () => {
    const world = createWorld();
    const log: string[] = [];
    const giver = process(world);
    const taker = process(world);
    const valve = new Valve("a", log);
    giver.own(valve);
    expect(giver.give(valve, taker.pid)).toBe(true);
    expect(giver.give(valve, taker.pid)).toBe(false);
    expect(taker.give(valve, giver.pid)).toBe(true);
    world.system.kill(taker.pid);
    await world.system.idle();
    expect(giver.give(valve, taker.pid)).toBe(false);
    expect(log).toEqual([]);
    expect(world.system.inspect().processes[0]?.resources.length).toBe(1);
  });

  test("is not given to an actor that an exit signal has ended already", () => {
    const world = createWorld();
    const log: string[] = [];
    const giver = process(world);
    const taker = process(world);
    const valve = new Valve("a", log);
    giver.own(valve);
    world.system.kill(taker.pid);
    expect(giver.give(valve, taker.pid)).toBe(false);
  });

  test("that is disowned is not released", async () => {
    const world = createWorld();
    const log: string[] = [];
    const owner = process(world);
    const valves = ["a", "b", "c"].map((name) => new Valve(name, log));
    for (const valve of valves) owner.own(valve);
    // The last, the middle and the first of the owner's list.
    for (const valve of valves) {
      owner.disown(valve);
      owner.disown(valve);
    }
    expect(world.system.inspect().processes[0]?.resources).toEqual([]);
    world.system.kill(owner.pid);
    await world.system.idle();
    expect(log).toEqual([]);
  });

  test("cannot be taken by the dead", async () => {
    const world = createWorld();
    const owner = process(world);
    world.system.kill(owner.pid);
    await world.system.idle();
    expect(() => owner.own(new Valve("a", []))).toThrow(ActorDeadError);
  });
});
