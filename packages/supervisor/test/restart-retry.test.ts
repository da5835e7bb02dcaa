import { failure } from "@espalier/actors";
import {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { crashesAs, endsAsTold, slowToStart, startsAs, steady } from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = failure(new Error("boom"));

/** Has the child crash and lets the supervisor get so far that it has failed to restart it once. */
function crashAndFail({ system }: World, id: string): void {
  const journal = keepJournal(system);
  const lines: string[] = [];
  system.send(actorAt(system, `sup/${id}`), boom);
  while (!lines.some((line) => line.startsWith("fail"))) {
    if (!system.step()) throw new Error("the restart did not fail");
    lines.push(...journal.take());
  }
}

describe("a restart that fails", () => {
  test("is tried again until it succeeds", async () => {
    const world = createWorld();
    const { system } = world;
    const children = [worker("a", startsAs("ok", "fail", "fail", "fail")), worker("b", steady)];
    const sup = await startSupervisor(system, { intensity: 4, children });
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#5 b#1");
  });

  test("counts against the intensity each time", async () => {
    const { system } = createWorld();
    const children = [worker("a", startsAs("ok", "fail", "fail", "fail")), worker("b", steady)];
    const sup = await startSupervisor(system, { intensity: 3, children });
    const journal = keepJournal(system);
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(system.isAlive(sup)).toBe(false);
    expect(journal.take()).toEqual([
      "stop sup/a#1 error: boom",
      "fail sup/a#2 error: start 2 failed",
      "fail sup/a#3 error: start 3 failed",
      "fail sup/a#4 error: start 4 failed",
      "stop sup/b#1 shutdown",
      "stop sup#1 shutdown",
    ]);
  });

  test("succeeds when the child ignores its new start", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", startsAs("ok", "ignore"))] });
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a");
  });

  test("is tried again behind what the supervisor was asked meanwhile, which sees it as restarting", async () => {
    const world = createWorld();
    const { system } = world;
    const children = [worker("a", startsAs("ok", "fail")), worker("b", steady)];
    const sup = await startSupervisor(system, { intensity: 2, children });
    crashAndFail(world, "a");
    const answers = Promise.all([
      whichChildren(system, sup),
      countChildren(system, sup),
      startChild(system, sup, worker("a", steady)),
      restartChild(system, sup, "a"),
      deleteChild(system, sup, "a"),
    ]);
    await expect(answers).resolves.toEqual([
      [
        { id: "b", child: actorAt(system, "sup/b"), type: "worker" },
        { id: "a", child: "restarting", type: "worker" },
      ],
      { specs: 2, active: 1, supervisors: 0, workers: 2 },
      { ok: false, error: "alreadyPresent" },
      { ok: false, error: "restarting" },
      { ok: false, error: "restarting" },
    ]);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#3 b#1");
  });

  test("is cancelled by terminateChild, after which the child can be restarted by hand or deleted", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startSupervisor(system, { children: [worker("a", startsAs("ok", "fail"))] });
    crashAndFail(world, "a");
    await expect(terminateChild(system, sup, "a")).resolves.toEqual({ ok: true });
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a");
    const restarted = await restartChild(system, sup, "a");
    expect(restarted).toEqual({ ok: true, child: actorAt(system, "sup/a") });
    await expect(childrenOf(system, sup)).resolves.toBe("a#3");
  });

  test("does not touch a child that was deleted and added anew meanwhile", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startSupervisor(system, { children: [worker("a", startsAs("ok", "fail"))] });
    crashAndFail(world, "a");
    void terminateChild(system, sup, "a");
    void deleteChild(system, sup, "a");
    await expect(startChild(system, sup, worker("a", steady))).resolves.toMatchObject({ ok: true });
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#1");
  });

  test("does not keep the supervisor from being stopped", async () => {
    const world = createWorld();
    const { system } = world;
    const always = Array.from({ length: 50 }, () => "fail" as const);
    const children = [worker("a", startsAs("ok", ...always))];
    const sup = await startSupervisor(system, { intensity: 1000, children });
    const journal = keepJournal(system);
    crashAndFail(world, "a");
    system.exit(sup, { type: "shutdown" });
    await system.idle();
    expect(system.isAlive(sup)).toBe(false);
    // The second attempt was under way when the signal came, or not even that.
    expect(journal.take().filter((line) => line.startsWith("fail")).length).toBeLessThanOrEqual(2);
  });

  test("blocks the supervisor as long as the child's init takes", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", endsAsTold)] });
    const added = startChild(system, sup, worker("slow", slowToStart(1000)));
    await clock.advance(0);
    system.send(actorAt(system, "sup/a"), boom);
    await clock.advance(999);
    expect(system.inspect().processes.map(({ path }) => path)).toEqual(["sup", "sup/slow"]);
    await clock.advance(1);
    await expect(added).resolves.toMatchObject({ ok: true });
    await expect(childrenOf(system, sup)).resolves.toBe("a#2 slow#1");
  });
});

describe("a restart of a group in which a sibling fails to start", () => {
  test("by oneForAll stops what it had started, the last first, and starts all anew", async () => {
    const { system } = createWorld();
    const children = [
      worker("a", endsAsTold),
      worker("b", steady),
      worker("c", startsAs("ok", "fail")),
      worker("d", steady),
    ];
    const sup = await startSupervisor(system, { strategy: "oneForAll", intensity: 2, children });
    const journal = keepJournal(system);
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(journal.take().slice(4)).toEqual([
      "start sup/a#2",
      "start sup/b#2",
      "fail sup/c#2 error: start 2 failed",
      "stop sup/b#2 shutdown",
      "stop sup/a#2 shutdown",
      "start sup/a#3",
      "start sup/b#3",
      "start sup/c#3",
      "start sup/d#2",
    ]);
    await expect(childrenOf(system, sup)).resolves.toBe("a#3 b#3 c#3 d#2");
  });

  test("by restForOne goes on from the one that failed, and keeps those before it", async () => {
    const { system } = createWorld();
    const children = [
      worker("a", steady),
      worker("b", endsAsTold),
      worker("c", startsAs("ok", "fail")),
      worker("d", steady),
    ];
    const sup = await startSupervisor(system, { strategy: "restForOne", intensity: 2, children });
    const journal = keepJournal(system);
    system.send(actorAt(system, "sup/b"), boom);
    await system.idle();
    expect(journal.take()).toEqual([
      "stop sup/b#1 error: boom",
      "stop sup/d#1 shutdown",
      "stop sup/c#1 shutdown",
      "start sup/b#2",
      "fail sup/c#2 error: start 2 failed",
      "start sup/c#3",
      "start sup/d#2",
    ]);
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#2 c#3 d#2");
  });

  test.each(["oneForAll", "restForOne"] as const)("by %s counts each attempt", async (strategy) => {
    const { system } = createWorld();
    const children = [worker("a", endsAsTold), worker("b", startsAs("ok", "fail", "fail"))];
    const sup = await startSupervisor(system, { strategy, intensity: 2, children });
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(system.isAlive(sup)).toBe(false);
  });

  test("shows those behind the one that failed as not running, and lets them be started by hand", async () => {
    const world = createWorld();
    const { system } = world;
    const children = [worker("a", endsAsTold), worker("b", startsAs("ok", "fail")), worker("c", steady)];
    const sup = await startSupervisor(system, { strategy: "oneForAll", intensity: 2, children });
    crashAndFail(world, "a");
    const a = actorAt(system, "sup/a");
    const [listed, restarted] = await Promise.all([whichChildren(system, sup), restartChild(system, sup, "c")]);
    expect(listed.map(({ child }) => child)).toEqual([undefined, "restarting", a]);
    expect(restarted).toMatchObject({ ok: true });
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#3 b#3 c#3");
  });

  test("tries again only once when a sibling's crash has restarted the group meanwhile", async () => {
    const world = createWorld();
    const { system } = world;
    const children = [worker("a", endsAsTold), worker("b", startsAs("ok", "fail"))];
    const sup = await startSupervisor(system, { strategy: "oneForAll", intensity: 2, children });
    crashAndFail(world, "b");
    // Its death stands in the mailbox before the next attempt has been made.
    system.kill(actorAt(system, "sup/a"));
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#3 b#3");
  });

  // OTP: handle_cast({try_again_restart, Id}) asks for nothing but whether the child is being restarted.
  test("tries again at the first opportunity when a restart of the group has failed for the same child", async () => {
    const { system } = createWorld();
    const children = [worker("a", crashesAs(2)), worker("b", startsAs("ok", "fail", "fail"))];
    const sup = await startSupervisor(system, { strategy: "restForOne", intensity: 3, children });
    const journal = keepJournal(system);
    // The second death waits before the next attempt, and that attempt before the death of the second a.
    system.send(actorAt(system, "sup/b"), boom);
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(journal.take()).toEqual([
      "stop sup/b#1 error: boom",
      "stop sup/a#1 error: boom",
      "fail sup/b#2 error: start 2 failed",
      "start sup/a#2",
      "stop sup/a#2 error: at once",
      "fail sup/b#3 error: start 3 failed",
      "start sup/b#4",
      "stop sup/b#4 shutdown",
      "stop sup#1 shutdown",
    ]);
    expect(system.isAlive(sup)).toBe(false);
  });
});
