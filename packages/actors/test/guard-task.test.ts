import {
  ActorDeadError,
  type ActorRef,
  type Castable,
  type Context,
  defineServer,
  failure,
  killed,
  noreply,
  ok,
} from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { defer } from "./support/promises.ts";
import { createWorld, endOf, type World } from "./support/world.ts";

const boom = new Error("boom");

interface Lender {
  readonly ref: ActorRef<string> & Castable<Promise<void>>;
  /** What the actor may do, for callbacks that foreign code would call. */
  readonly self: Context<string>;
  /** What it was told, and with which reason it was cleaned up. */
  readonly log: unknown[];
}

/** Starts an actor that lends its context. A cast of a promise makes it busy until that is settled. */
async function startLender({ system }: World): Promise<Lender> {
  const log: unknown[] = [];
  const contexts: Array<Context<string>> = [];
  const definition = defineServer<{ state: undefined; info: string; cast: Promise<void> }>({
    init(_args, self) {
      contexts.push(self);
      return ok(undefined);
    },
    async handleCast(promise) {
      await promise;
      log.push("went on");
      return noreply(undefined);
    },
    handleInfo(message) {
      log.push(message);
      return noreply(undefined);
    },
    terminate: (reason) => log.push(reason),
  });
  const ref = system.spawn(definition);
  await system.idle();
  const [self] = contexts;
  if (self === undefined) throw new Error("the lender did not start");
  return { ref, self, log };
}

describe("a guarded callback", () => {
  test("crashes its actor with what it throws, clean-up included", async () => {
    const world = createWorld();
    const { ref, self, log } = await startLender(world);
    const ended = world.system.exited(ref);
    const callback = self.guard((): string => {
      throw boom;
    });
    expect(callback()).toBeUndefined();
    await expect(ended).resolves.toEqual(failure(boom));
    expect(log).toEqual([failure(boom)]);
  });

  test("crashes an actor that is busy, and what it awaited has no effect any more", async () => {
    const world = createWorld();
    const { ref, self, log } = await startLender(world);
    const { promise, resolve } = defer();
    world.system.cast(ref, promise);
    await world.system.idle();
    self.guard(() => {
      throw boom;
    })();
    await world.system.idle();
    resolve();
    await world.system.idle();
    // No death can stop what awaits a promise from going on ("went on"); its answer, though, goes nowhere.
    expect(log).toEqual([failure(boom), "went on"]);
    expect(world.system.inspect()).toMatchObject({ processes: [], tasks: 0 });
  });

  test("answers what the callback answers", async () => {
    const { self } = await startLender(createWorld());
    expect(self.guard((a: number, b: number) => a + b)(1, 2)).toBe(3);
  });

  test("does nothing once the actor is dead", async () => {
    const world = createWorld();
    const { ref, self } = await startLender(world);
    const calls: string[] = [];
    const callback = self.guard((call: string) => calls.push(call));
    callback("alive");
    world.system.kill(ref);
    await world.system.idle();
    expect(callback("dead")).toBeUndefined();
    expect(calls).toEqual(["alive"]);
  });
});

describe("a task", () => {
  test("sends its outcome as a message, while the actor goes on", async () => {
    const world = createWorld();
    const { ref, self, log } = await startLender(world);
    const { promise, resolve } = defer<number>();
    self.task(promise, (value) => `got ${value}`);
    world.system.send(ref, "meanwhile");
    await world.system.idle();
    resolve(42);
    await world.system.idle();
    expect(log).toEqual(["meanwhile", "got 42"]);
  });

  test("crashes its actor when it is rejected", async () => {
    const world = createWorld();
    const { ref, self } = await startLender(world);
    const end = endOf(world.system, ref);
    self.task(Promise.reject(boom));
    await world.system.idle();
    expect(end.reason).toEqual(failure(boom));
  });

  test("that a dead actor is given is refused, and its rejection is no unhandled one", async () => {
    const world = createWorld();
    const { ref, self } = await startLender(world);
    world.system.kill(ref);
    await world.system.idle();
    const lost = defer<number>();
    expect(() => self.task(lost.promise)).toThrow(ActorDeadError);
    // Were it unhandled, the test would fail.
    lost.reject(boom);
    await world.system.idle();
  });

  test("has no effect after the actor's death, neither way", async () => {
    const world = createWorld();
    const { ref, self, log } = await startLender(world);
    const end = endOf(world.system, ref);
    const late = defer<number>();
    const lost = defer<number>();
    self.task(late.promise, (value) => `got ${value}`);
    self.task(lost.promise);
    world.system.kill(ref);
    await world.system.idle();
    late.resolve(1);
    lost.reject(boom);
    await world.system.idle();
    expect(end.reason).toEqual(killed);
    expect(log).toEqual([]);
  });

  test("belongs to its actor like any other resource", async () => {
    const world = createWorld();
    const { self } = await startLender(world);
    const { promise } = defer();
    self.task(promise);
    const [process] = world.system.inspect().processes;
    expect(process?.resources.map(({ kind }) => kind)).toEqual(["task"]);
    expect(world.system.inspect().tasks).toBe(1);
  });
});
