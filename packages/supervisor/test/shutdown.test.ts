import {
  type Definition,
  Down,
  Exit,
  type ExitReason,
  failure,
  formatReason,
  kill,
  killed,
  noproc,
  normal,
  type Pid,
  shutdown,
} from "@espalier/actors";
import { type ParallelEnd, type Shutdown, shutdownAll, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import type { Restart } from "../src/child-spec.ts";
import { isOrderlyEnd } from "../src/shutdown.ts";
import {
  endAs,
  endsAsTold,
  slowToStop,
  steady,
  trapExitAndIgnore,
  unlinksItself,
  unlinksItselfAndIgnores,
} from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, living, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = failure(new Error("boom"));

describe("an end after being told to", () => {
  test.each<[ExitReason, Shutdown, Restart, boolean]>([
    [shutdown(), 5000, "permanent", true],
    [shutdown(), "infinity", "permanent", true],
    [shutdown(), "brutalKill", "permanent", false],
    [shutdown(), "brutalKill", "transient", true],
    [shutdown("peerClosed"), 5000, "permanent", false],
    [shutdown("peerClosed"), 5000, "transient", true],
    [shutdown("peerClosed"), "brutalKill", "temporary", true],
    [normal, 5000, "permanent", false],
    [normal, "infinity", "transient", true],
    [normal, "brutalKill", "temporary", true],
    [killed, "brutalKill", "permanent", true],
    [killed, "brutalKill", "temporary", true],
    [killed, 5000, "temporary", false],
    [killed, "infinity", "transient", false],
    [boom, 5000, "temporary", false],
    [boom, "brutalKill", "transient", false],
    [noproc, 5000, "temporary", false],
    [{ type: "noconnection" }, 5000, "temporary", false],
    [kill, "brutalKill", "temporary", false],
  ])("as %o, told by %s, of a %s child is orderly: %s", (reason, how, restart, isOrderly) => {
    expect(isOrderlyEnd(reason, how, restart)).toBe(isOrderly);
  });
});

/** Tells the child `a` to end, and answers how, and after how many milliseconds, it did. */
async function terminate(world: World, timeoutMs: number): Promise<{ reason: string; ms: number }> {
  const { clock, system } = world;
  const end = { reason: "", ms: Number.NaN };
  const start = clock.now();
  void system
    .exited(actorAt(system, "sup/a"))
    .then((reason) => Object.assign(end, { reason: formatReason(reason), ms: clock.now() - start }));
  const terminated = terminateChild(system, actorAt(system, "sup"), "a");
  await clock.advance(timeoutMs);
  // It has been answered when the child is gone, and not before.
  await expect(Promise.race([terminated, Promise.resolve("not yet")])).resolves.toEqual(
    end.reason === "" ? "not yet" : { ok: true },
  );
  return end;
}

describe("a child with shutdown", () => {
  test("brutalKill is killed at once, whatever it traps", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", slowToStop(100), { shutdown: "brutalKill" })] });
    await expect(terminate(world, 0)).resolves.toEqual({ reason: "killed", ms: 0 });
  });

  test.each([1, 700, 5000])("%i that ignores its shutdown is killed after exactly that time", async (ms) => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", trapExitAndIgnore, { shutdown: ms })] });
    const terminated = terminateChild(world.system, actorAt(world.system, "sup"), "a");
    await world.clock.advance(ms - 0.001);
    expect(living(world.system)).toContain("sup/a#1");
    await world.clock.advance(0.001);
    expect(living(world.system)).not.toContain("sup/a#1");
    await expect(terminated).resolves.toEqual({ ok: true });
  });

  test("0 is told, and killed at once if it does not go at once", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", trapExitAndIgnore, { shutdown: 0 })] });
    await expect(terminate(world, 0)).resolves.toEqual({ reason: "killed", ms: 0 });
  });

  test("by time goes in peace when it is done a little earlier", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", slowToStop(699), { shutdown: 700 })] });
    await expect(terminate(world, 699)).resolves.toEqual({ reason: "shutdown", ms: 699 });
  });

  test("by time leaves no timer behind when it was done earlier", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", steady, { shutdown: 700 })] });
    await expect(terminate(world, 0)).resolves.toEqual({ reason: "shutdown", ms: 0 });
    expect(world.system.inspect().timers).toBe(0);
  });

  test("by time is killed even while its clean-up runs", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", slowToStop(60_000), { shutdown: 1000 })] });
    await expect(terminate(world, 60_000)).resolves.toEqual({ reason: "killed", ms: 1000 });
  });

  test("infinity is given all the time it takes", async () => {
    const world = createWorld();
    const children = [worker("a", slowToStop(86_400_000), { shutdown: "infinity" })];
    await startSupervisor(world.system, { children });
    await expect(terminate(world, 86_399_999)).resolves.toMatchObject({ reason: "" });
    await world.clock.advance(1);
    expect(living(world.system)).toEqual(["sup#1"]);
  });

  test("infinity is waited for even if it ends for quite another reason", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", endAs(boom), { shutdown: "infinity" })] });
    await expect(terminate(world, 0)).resolves.toEqual({ reason: "error: boom", ms: 0 });
  });
});

describe("a child that has unlinked itself", () => {
  test("cannot hang its supervisor", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", unlinksItself)] });
    expect(world.system.inspect().processes[0]?.links).toEqual([]);
    await expect(terminate(world, 0)).resolves.toEqual({ reason: "shutdown", ms: 0 });
  });

  test("is killed after its time if it ignores its shutdown as well", async () => {
    const world = createWorld();
    await startSupervisor(world.system, { children: [worker("a", unlinksItselfAndIgnores, { shutdown: 700 })] });
    await expect(terminate(world, 5000)).resolves.toEqual({ reason: "killed", ms: 700 });
  });

  test("is not missed when it ends by itself, and not waited for either", async () => {
    const world = createWorld();
    const sup = await startSupervisor(world.system, { children: [worker("a", unlinksItself)] });
    world.system.kill(actorAt(world.system, "sup/a"));
    await world.system.idle();
    await expect(childrenOf(world.system, sup)).resolves.toBe("a#dead");
    await expect(terminateChild(world.system, sup, "a")).resolves.toEqual({ ok: true });
    await expect(childrenOf(world.system, sup)).resolves.toBe("a");
  });
});

describe("while a child is being stopped", () => {
  test("its supervisor answers nobody", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", slowToStop(500))] });
    const answers: string[] = [];
    const note = (what: string) => () => void answers.push(`${what} at ${clock.now()}`);
    void terminateChild(system, sup, "a").then(note("terminated"));
    void childrenOf(system, sup).then(note("listed"));
    await clock.advance(499);
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toEqual(["terminated at 500", "listed at 500"]);
  });

  test("its supervisor waits for that child's end, whatever else it gets", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", slowToStop(500)), worker("b", steady)] });
    const b = actorAt(system, "sup/b");
    const answers: string[] = [];
    void terminateChild(system, sup, "a").then(() => answers.push(`terminated at ${clock.now()}`));
    await clock.advance(100);
    const strays = [null, undefined, "stray", new Down({ kind: "monitor" }, b, undefined, boom), new Exit(sup, boom)];
    for (const stray of strays) system.send(sup, stray);
    await clock.advance(399);
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toEqual(["terminated at 500"]);
    await expect(childrenOf(system, sup)).resolves.toBe("a b#1");
  });

  test("nothing is lost of what its supervisor gets: a sibling's end, a call", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", slowToStop(500)), worker("b", endsAsTold)] });
    const terminated = terminateChild(system, sup, "a");
    await clock.advance(100);
    system.send(actorAt(system, "sup/b"), boom);
    await system.idle();
    const listed = childrenOf(system, sup);
    await clock.advance(400);
    await expect(terminated).resolves.toEqual({ ok: true });
    await expect(listed).resolves.toBe("a b#2");
  });

  test("its supervisor can be killed, and the child is killed with it", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", steady), worker("b", slowToStop(500))] });
    const journal = keepJournal(system);
    const answer = terminateChild(system, sup, "b").catch((error: unknown) => error);
    await clock.advance(100);
    system.kill(sup);
    await clock.advance(1000);
    await expect(answer).resolves.toMatchObject({ code: "ERR_CALL_EXIT", reason: killed });
    expect(journal.take()).toEqual(["stop sup#1 killed", "stop sup/a#1 killed", "stop sup/b#1 shutdown"]);
  });
});

describe("shutdownAll", () => {
  test("takes nothing out of the mailbox but what it is about", async () => {
    const { clock, system } = createWorld();
    const pids: Pid[] = [];
    const ends: ParallelEnd[] = [];
    const received: unknown[] = [];
    const stopper: Definition = {
      name: "stopper",
      trapExit: true,
      behaviour: {
        kind: "stopper",
        start: (process) => void pids.push(process.spawnLink(steady), process.spawnLink(slowToStop(500))),
        *receive(process, message) {
          if (message === "stop") ends.push(...(yield* shutdownAll(process, pids, 700)));
          else received.push(message);
        },
      },
    };
    const pid = system.spawn(stopper);
    await system.idle();
    for (const message of ["stop", "before", null]) system.send(pid, message);
    await clock.advance(100);
    for (const message of ["meanwhile", new Exit(pid, boom)]) system.send(pid, message);
    await clock.advance(400);
    expect(ends).toEqual(pids.map((child) => ({ pid: child, reason: shutdown() })));
    expect(received).toEqual(["before", null, "meanwhile", new Exit(pid, boom)]);
    expect(system.inspect().timers).toBe(0);
    system.kill(pid);
  });
});
