import {
  type CallExitError,
  defineServer,
  type ExitReason,
  fromAsync,
  killed,
  noproc,
  noreply,
  normal,
  ok,
  type Pid,
  shutdown,
  sys,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counter, crashOn, puppet } from "./support/actors.ts";
import { defer, errorOf } from "./support/promises.ts";
import { createWorld, endOf } from "./support/world.ts";

describe("getState", () => {
  test("answers the state, behind the messages sent before", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    void system.call(ref, { type: "add", by: 2 });
    await expect(sys.getState(system, ref)).resolves.toBe(3);
  });

  test("works by name, and for an actor that asks", async () => {
    const { system } = createWorld();
    system.spawn(counter, 1, { name: "counter" });
    const probe = createProbe(system);
    await expect(sys.getState(system, "counter")).resolves.toBe(1);
    await expect(sys.getState(probe.self, "counter")).resolves.toBe(1);
  });

  test("does not count as a message to the server", async () => {
    const { system, clock } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(
      defineServer<{ info: never }>({
        init: () => ok("state", { timeoutMs: 100 }),
        handleInfo(message) {
          log.push((message as { type: string }).type);
          return noreply("state");
        },
      }),
    );
    await clock.advance(50);
    await sys.getState(system, ref);
    await clock.advance(50);
    expect(log).toEqual(["timeout"]);
  });

  test("of a dead actor fails with noproc", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    system.kill(ref);
    await system.idle();
    await expect(sys.getState(system, ref)).rejects.toMatchObject({ code: "ERR_CALL_EXIT", reason: noproc });
  });

  test("has a time limit like every call", async () => {
    const { system, clock } = createWorld();
    const gate = defer();
    const ref = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        handleInfo: () => gate.promise.then(() => noreply(undefined)),
      }),
    );
    system.send(ref, "work");
    const failed = errorOf(sys.getState(system, ref, { timeoutMs: 10 }));
    await clock.advance(10);
    expect(await failed).toMatchObject({
      code: "ERR_CALL_TIMEOUT",
    });
    gate.resolve();
  });
});

describe("replaceState", () => {
  test("replaces the state between two messages and answers it", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    await expect(sys.replaceState(system, ref, (count) => (count as number) * 10)).resolves.toBe(10);
    await expect(system.call(ref, { type: "get" })).resolves.toBe(10);
  });

  test("keeps the state if the function throws, and the caller is told", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    const replaced = sys.replaceState(system, ref, () => {
      throw new Error("boom");
    });
    await expect(replaced).rejects.toThrow("boom");
    await expect(system.call(ref, { type: "get" })).resolves.toBe(1);
  });

  test("is refused by a behaviour that cannot", async () => {
    const { system } = createWorld();
    const ref = system.spawn(fromAsync<string>(async (self) => void (await self.receive())));
    await expect(sys.replaceState(system, ref, (state) => state)).rejects.toThrow("cannot be replaced");
    expect(system.isAlive(ref)).toBe(true);
  });
});

describe("a suspended actor", () => {
  test("lets its mail wait, in order, until it is resumed", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const ref = system.spawn(puppet({ received }));
    await sys.suspend(system, ref);
    system.send(ref, 1);
    system.send(ref, 2);
    await system.idle();
    expect(received).toEqual([]);
    expect(system.inspect().processes[0]).toMatchObject({ status: "suspended", mailboxLength: 2 });
    await sys.resume(system, ref);
    await system.idle();
    expect(received).toEqual([1, 2]);
    expect(system.inspect().processes[0]?.status).toBe("waiting");
  });

  test("answers system messages, in front of its mail", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    await sys.suspend(system, ref);
    const call = system.call(ref, { type: "get" });
    await expect(sys.getState(system, ref)).resolves.toBe(1);
    await expect(sys.replaceState(system, ref, () => 5)).resolves.toBe(5);
    await sys.resume(system, ref);
    await expect(call).resolves.toBe(5);
  });

  test("ends with its parent, its clean-up included", async () => {
    const { system } = createWorld();
    const cleanedUp: ExitReason[] = [];
    const parent = createProbe(system);
    const child = parent.self.spawnLink(puppet({ trapExit: true, cleanedUp }));
    await sys.suspend(system, child);
    system.send(child, "unread");
    parent.self.exit(child, shutdown());
    await system.idle();
    expect(cleanedUp).toEqual([shutdown()]);
    expect(system.isAlive(child)).toBe(false);
  });

  test("can be killed, and dies of signals that it does not trap", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const first = system.spawn(puppet({ trapExit: true }));
    const second = system.spawn(puppet());
    await sys.suspend(system, first);
    await sys.suspend(system, second);
    system.kill(first);
    probe.self.exit(second, shutdown());
    await system.idle();
    expect([first, second].map((pid) => system.isAlive(pid))).toEqual([false, false]);
  });

  test("keeps the exit messages of strangers waiting", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const probe = createProbe(system);
    const ref = system.spawn(puppet({ trapExit: true, received }));
    await sys.suspend(system, ref);
    probe.self.exit(ref, shutdown());
    await system.idle();
    expect(received).toEqual([]);
    await sys.resume(system, ref);
    await system.idle();
    expect(received.length).toBe(1);
  });

  test("may be suspended and resumed again and again", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    await sys.suspend(system, ref);
    await sys.suspend(system, ref);
    await sys.resume(system, ref);
    await sys.resume(system, ref);
    await expect(system.call(ref, { type: "get" })).resolves.toBe(1);
  });

  test("goes on when the last of those who have suspended it resumes it, or somebody does for all", async () => {
    const [one, other] = [Symbol("one"), Symbol("other")];
    const whoever = fc.constantFrom(one, other, undefined);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), whoever), { maxLength: 12 }), async (deeds) => {
        const { system } = createWorld();
        const ref = system.spawn(puppet());
        const holding = new Set<symbol | undefined>();
        for (const [isSuspending, by] of deeds) {
          const options = by === undefined ? {} : { by };
          await (isSuspending ? sys.suspend(system, ref, options) : sys.resume(system, ref, options));
          if (isSuspending) holding.add(by);
          else if (by === undefined) holding.clear();
          else holding.delete(by);
          expect(system.inspect(ref)?.status).toBe(holding.size > 0 ? "suspended" : "waiting");
        }
      }),
    );
  });
});

describe("stopActor", () => {
  test("resolves when the actor is gone, its clean-up included, trapping or not", async () => {
    const { system } = createWorld();
    const cleanedUp: ExitReason[] = [];
    const ref = system.spawn(puppet({ cleanedUp }));
    await sys.stopActor(system, ref);
    expect(system.isAlive(ref)).toBe(false);
    expect(cleanedUp).toEqual([normal]);
  });

  test("ends the actor with the reason that is given", async () => {
    const { system } = createWorld();
    const ref = system.spawn(puppet());
    const end = endOf(system, ref);
    await sys.stopActor(system, ref, shutdown("maintenance"));
    expect(end.reason).toEqual(shutdown("maintenance"));
  });

  test("comes behind the messages sent before", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const ref = system.spawn(puppet({ received }));
    system.send(ref, "before");
    await sys.stopActor(system, ref);
    expect(received).toEqual(["before"]);
  });

  test("ends a suspended actor, too", async () => {
    const { system } = createWorld();
    const ref = system.spawn(puppet());
    await sys.suspend(system, ref);
    await sys.stopActor(system, ref);
    expect(system.isAlive(ref)).toBe(false);
  });

  test("of a dead actor fails with noproc", async () => {
    const { system } = createWorld();
    const ref = system.spawn(puppet());
    system.kill(ref);
    await system.idle();
    await expect(sys.stopActor(system, ref)).rejects.toMatchObject({ reason: noproc });
  });

  test("fails when the actor ends for another reason", async () => {
    const { system } = createWorld();
    const ref = system.spawn(crashOn("boom"));
    system.send(ref, "boom");
    const error: unknown = await sys.stopActor(system, ref).catch((thrown: unknown) => thrown);
    expect((error as CallExitError).reason).toMatchObject({ type: "error" });
  });

  test("fails when the clean-up crashes", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer({
        init: () => ok(undefined),
        terminate() {
          throw new Error("boom");
        },
      }),
    );
    await expect(sys.stopActor(system, ref)).rejects.toMatchObject({ reason: { type: "error" } });
  });

  test("waits as long as it is told to, and leaves an actor that takes longer alone", async () => {
    const { system, clock } = createWorld();
    const gate = defer();
    const ref = system.spawn(defineServer({ init: () => ok(undefined), terminate: () => gate.promise }));
    const failed = errorOf(sys.stopActor(system, ref, normal, { timeoutMs: 10 }));
    await clock.advance(10);
    expect(await failed).toMatchObject({
      code: "ERR_CALL_TIMEOUT",
    });
    expect(system.isAlive(ref)).toBe(true);
    gate.resolve();
    await system.idle();
    expect(system.isAlive(ref)).toBe(false);
  });

  test("fails as killed when the actor is killed meanwhile", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer({ init: () => ok(undefined), terminate: () => new Promise<never>(() => undefined) }),
    );
    const failed = errorOf(sys.stopActor(system, ref));
    await system.idle();
    system.kill(ref);
    expect(await failed).toMatchObject({ reason: killed });
  });

  test("is for whoever asks: a system or an actor, nobody else", async () => {
    const { system } = createWorld();
    const ref: Pid = system.spawn(puppet());
    await expect(sys.stopActor({} as never, ref)).rejects.toBeInstanceOf(TypeError);
    const probe = createProbe(system);
    await sys.stopActor(probe.self, ref);
    expect(system.isAlive(ref)).toBe(false);
  });
});
