import { failure, kill, normal, shutdown } from "@espalier/actors";
import {
  child,
  countChildren,
  defineDynamicSupervisor,
  deleteChild,
  getChildSpec,
  restartChild,
  type Start,
  startDynamicChild,
  terminateChild,
  whichChildren,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import {
  endsAsTold,
  failToStart,
  ignoresItsStart,
  slowToStart,
  startsAs,
  steady,
  trapExitAndIgnore,
} from "./support/actors.ts";
import { startedPid, startPool } from "./support/pool.ts";
import { actorAt, keepJournal, living, startRoot } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const boom = failure(new Error("boom"));

describe("a dynamic supervisor", () => {
  test("starts with no children, and has one for each that is asked for", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    await expect(whichChildren(world.system, sup)).resolves.toEqual([]);
    for (let count = 0; count < 3; count += 1) await startDynamicChild(world.system, sup, child(steady));
    await expect(countChildren(world.system, sup)).resolves.toEqual({
      specs: 1,
      active: 3,
      supervisors: 0,
      workers: 3,
    });
  });

  test("gives its template what each child is started with", async () => {
    const { system } = createWorld();
    const extras: string[] = [];
    function start(extra: string): Start {
      extras.push(extra);
      return child(steady, undefined, { label: extra });
    }
    const sup = await startRoot(system, defineDynamicSupervisor({ child: { start } }));
    for (const extra of ["one", "two"]) await startDynamicChild(system, sup, extra);
    expect(extras).toEqual(["one", "two"]);
    expect(system.inspect().processes.map(({ label }) => label)).toEqual([undefined, "one", "two"]);
  });

  test("is found by its name, as others are", async () => {
    const { system } = createWorld();
    const pool = defineDynamicSupervisor({ child: { start: (label: string) => child(steady, undefined, { label }) } });
    await system.start(pool, undefined, { name: "pool" });
    const started = await startDynamicChild(system, "pool", "one", "first");
    expect(started.ok && started.child && system.inspect(started.child)).toMatchObject({ id: "first", label: "one" });
    await expect(startDynamicChild(system, "nobody", "one")).rejects.toMatchObject({ code: "ERR_CALL_EXIT" });
  });

  test("is made by a function of its arguments, or has nothing to do", async () => {
    const { system } = createWorld();
    const pool = defineDynamicSupervisor((isOpen: boolean) =>
      isOpen ? { intensity: 7, child: { start: (extra: Start) => extra } } : undefined,
    );
    await expect(system.start(pool, false)).resolves.toEqual({ ok: false, error: "ignored" });
    const result = await system.start(pool, true);
    expect(result).toMatchObject({ ok: true });
    expect(system.inspect().processes[0]?.state).toMatchObject({ strategy: "simpleOneForOne", intensity: 7 });
  });

  test("names its children by their ids, or by numbers that count up", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    for (const id of [undefined, "alice", undefined]) await startDynamicChild(world.system, sup, child(steady), id);
    expect(living(world.system)).toEqual(["sup#1", "sup/1#1", "sup/alice#1", "sup/3#1"]);
  });

  test("lists its children newest first and without ids", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    const pids = [];
    for (const id of ["a", "b"]) pids.push(startedPid(await startDynamicChild(world.system, sup, child(steady), id)));
    const listed = pids.map((pid) => ({ id: undefined, child: pid, type: "worker" }));
    await expect(whichChildren(world.system, sup)).resolves.toEqual(listed.toReversed());
  });

  test("of supervisors lists and counts them as such", async () => {
    const world = createWorld();
    const sup = await startPool(world, { type: "supervisor" });
    await startDynamicChild(
      world.system,
      sup,
      child(defineDynamicSupervisor({ child: { start: () => child(steady) } })),
    );
    await expect(countChildren(world.system, sup)).resolves.toEqual({
      specs: 1,
      active: 1,
      supervisors: 1,
      workers: 0,
    });
    await expect(whichChildren(world.system, sup)).resolves.toMatchObject([{ type: "supervisor" }]);
  });

  test("starts one child after the other, however long each takes", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    const answers = Promise.all(
      [100, 50].map((ms) => startDynamicChild(world.system, sup, child(slowToStart(ms)), `${ms}`)),
    );
    await world.clock.advance(149);
    expect(living(world.system)).toEqual(["sup#1", "sup/100#1", "sup/50#1"]);
    await world.clock.advance(1);
    await expect(answers).resolves.toMatchObject([{ ok: true }, { ok: true }]);
  });

  test("shows how many children and restarts it has", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    const pid = startedPid(await startDynamicChild(world.system, sup, child(endsAsTold)));
    world.system.send(pid, boom);
    await world.system.idle();
    expect(world.system.inspect().processes[0]?.state).toEqual({
      strategy: "simpleOneForOne",
      intensity: 1,
      periodMs: 5000,
      autoShutdown: "never",
      children: 1,
      restarts: 1,
      restartsInPeriod: 1,
    });
  });
});

describe("the start of a dynamic child", () => {
  test.each([
    ["fails", child(failToStart("no")), { ok: false, error: "startFailed", reason: failure(new Error("no")) }],
    ["is ignored", child(ignoresItsStart), { ok: true, child: undefined }],
  ])("that %s leaves nothing behind, and does not count", async (_how, start, answer) => {
    const world = createWorld();
    const sup = await startPool(world, {}, { intensity: 0 });
    await expect(startDynamicChild(world.system, sup, start)).resolves.toEqual(answer);
    await expect(countChildren(world.system, sup)).resolves.toMatchObject({ active: 0, workers: 0 });
    expect(living(world.system)).toEqual(["sup#1"]);
  });

  test("answers who has the name that the child asks for", async () => {
    const world = createWorld();
    const owner = world.system.spawn(steady, undefined, { name: "taken" });
    const sup = await startPool(world);
    const start = child(steady, undefined, { name: "taken" });
    const answer = { ok: false, error: "alreadyStarted", pid: owner };
    await expect(startDynamicChild(world.system, sup, start)).resolves.toEqual(answer);
  });

  test("fails when the template throws, and the supervisor and its children live on", async () => {
    const { system } = createWorld();
    const error = new Error("no such room");
    function start(isThere: boolean): Start {
      if (isThere) return child(steady);
      throw error;
    }
    const sup = await startRoot(system, defineDynamicSupervisor({ child: { start } }));
    await startDynamicChild(system, sup, true, "hall");
    const answer = { ok: false, error: "startFailed", reason: failure(error) };
    await expect(startDynamicChild(system, sup, false)).resolves.toEqual(answer);
    expect(living(system)).toEqual(["sup#1", "sup/hall#1"]);
  });
});

describe("a dynamic child that ends", () => {
  test("is restarted under its path, from the answer that its template gave once", async () => {
    const { system } = createWorld();
    let calls = 0;
    function start(extra: string): Start {
      calls += 1;
      return child(endsAsTold, undefined, { label: extra });
    }
    const sup = await startRoot(system, defineDynamicSupervisor({ intensity: 2, child: { start } }));
    await startDynamicChild(system, sup, "the extra", "a");
    for (let round = 0; round < 2; round += 1) {
      system.send(actorAt(system, "sup/a"), boom);
      await system.idle();
    }
    expect(living(system)).toEqual(["sup#1", "sup/a#3"]);
    expect(system.inspect().processes[1]?.label).toBe("the extra");
    expect(calls).toBe(1);
  });

  test("leaves its siblings alone", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    for (const id of ["a", "b", "c"]) await startDynamicChild(world.system, sup, child(endsAsTold), id);
    world.system.send(actorAt(world.system, "sup/b"), boom);
    await world.system.idle();
    expect(living(world.system)).toEqual(["sup#1", "sup/a#1", "sup/c#1", "sup/b#2"]);
  });

  test.each([
    ["permanent", normal, ["sup#1", "sup/a#2"]],
    ["permanent", boom, ["sup#1", "sup/a#2"]],
    ["transient", normal, ["sup#1"]],
    ["transient", shutdown("done"), ["sup#1"]],
    ["transient", boom, ["sup#1", "sup/a#2"]],
    ["transient", kill, ["sup#1", "sup/a#2"]],
    ["temporary", normal, ["sup#1"]],
    ["temporary", boom, ["sup#1"]],
  ] as const)("and is %s is restarted or forgotten: %o", async (restart, reason, left) => {
    const world = createWorld();
    const sup = await startPool(world, { restart });
    const pid = startedPid(await startDynamicChild(world.system, sup, child(endsAsTold), "a"));
    world.system.send(pid, reason);
    await world.system.idle();
    expect(living(world.system)).toEqual(left);
    await expect(countChildren(world.system, sup)).resolves.toMatchObject({ workers: left.length - 1 });
  });

  test("too often ends the supervisor as shutdown, and its siblings with it", async () => {
    const world = createWorld();
    const sup = await startPool(world, {}, { intensity: 1 });
    const ended = world.system.exited(sup);
    for (const id of ["a", "b"]) await startDynamicChild(world.system, sup, child(endsAsTold), id);
    for (const id of ["a", "b"]) world.system.send(actorAt(world.system, `sup/${id}`), boom);
    await expect(ended).resolves.toEqual(shutdown());
    expect(living(world.system)).toEqual([]);
  });

  test("is tried again when its restart fails, and listed as restarting meanwhile", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startPool(world, {}, { intensity: 2 });
    const pid = startedPid(await startDynamicChild(system, sup, child(startsAs("ok", "fail")), "a"));
    const journal = keepJournal(system);
    system.send(pid, boom);
    while (!journal.take().some((line) => line.startsWith("fail"))) system.step();
    const answers = Promise.all([whichChildren(system, sup), countChildren(system, sup)]);
    await expect(answers).resolves.toEqual([
      [{ id: undefined, child: "restarting", type: "worker" }],
      { specs: 1, active: 0, supervisors: 0, workers: 1 },
    ]);
    await system.idle();
    expect(living(system)).toEqual(["sup#1", "sup/a#3"]);
    await expect(countChildren(system, sup)).resolves.toMatchObject({ active: 1, workers: 1 });
  });

  test("and whose restart fails again and again ends the supervisor", async () => {
    const world = createWorld();
    const sup = await startPool(world, {}, { intensity: 2 });
    const pid = startedPid(await startDynamicChild(world.system, sup, child(startsAs("ok", "fail", "fail")), "a"));
    const ended = world.system.exited(sup);
    world.system.send(pid, boom);
    await expect(ended).resolves.toEqual(shutdown());
  });

  test("is forgotten when it ignores its new start", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    const pid = startedPid(await startDynamicChild(world.system, sup, child(startsAs("ok", "ignore")), "a"));
    world.system.send(pid, boom);
    await world.system.idle();
    await expect(whichChildren(world.system, sup)).resolves.toEqual([]);
  });
});

describe("terminateChild of a dynamic supervisor", () => {
  test("stops one child by its pid, for good", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    const pids = [];
    for (const id of ["a", "b"]) pids.push(startedPid(await startDynamicChild(world.system, sup, child(steady), id)));
    const [a] = pids;
    if (a === undefined) throw new Error("it was started");
    await expect(terminateChild(world.system, sup, a)).resolves.toEqual({ ok: true });
    expect(living(world.system)).toEqual(["sup#1", "sup/b#1"]);
    await expect(countChildren(world.system, sup)).resolves.toMatchObject({ active: 1, workers: 1 });
  });

  test("kills a child that ignores its shutdown after exactly its time", async () => {
    const world = createWorld();
    const sup = await startPool(world, { shutdown: 700 });
    const pid = startedPid(await startDynamicChild(world.system, sup, child(trapExitAndIgnore)));
    const terminated = terminateChild(world.system, sup, pid);
    await world.clock.advance(699);
    expect(world.system.isAlive(pid)).toBe(true);
    await world.clock.advance(1);
    expect(world.system.isAlive(pid)).toBe(false);
    await expect(terminated).resolves.toEqual({ ok: true });
  });

  test("is content with any process that is dead, and knows no living one that is not its child", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startPool(world);
    const stranger = system.spawn(steady);
    await expect(terminateChild(system, sup, stranger)).resolves.toEqual({ ok: false, error: "notFound" });
    system.kill(stranger);
    await system.idle();
    await expect(terminateChild(system, sup, stranger)).resolves.toEqual({ ok: true });
    await expect(terminateChild(system, sup, sup)).resolves.toEqual({ ok: false, error: "notFound" });
  });

  test("cancels the restart of a child that is being restarted, by its last pid", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startPool(world, {}, { intensity: 5 });
    const pid = startedPid(await startDynamicChild(system, sup, child(startsAs("ok", "fail", "fail")), "a"));
    const journal = keepJournal(system);
    system.send(pid, boom);
    while (!journal.take().some((line) => line.startsWith("fail"))) system.step();
    await expect(terminateChild(system, sup, pid)).resolves.toEqual({ ok: true });
    await system.idle();
    await expect(countChildren(system, sup)).resolves.toEqual({ specs: 1, active: 0, supervisors: 0, workers: 0 });
    expect(living(system)).toEqual(["sup#1"]);
  });

  test("stops a child that has died a moment ago from being restarted", async () => {
    const world = createWorld();
    const sup = await startPool(world);
    const pid = startedPid(await startDynamicChild(world.system, sup, child(steady)));
    const terminated = terminateChild(world.system, sup, pid);
    world.system.kill(pid);
    await expect(terminated).resolves.toEqual({ ok: true });
    await world.system.idle();
    expect(living(world.system)).toEqual(["sup#1"]);
  });
});

describe("what goes by a child's id", () => {
  test("a dynamic supervisor refuses", async () => {
    const world = createWorld();
    const { system } = world;
    const sup = await startPool(world);
    await startDynamicChild(system, sup, child(steady), "a");
    const refused = { ok: false, error: "simpleOneForOne" };
    await expect(terminateChild(system, sup, "a")).resolves.toEqual(refused);
    await expect(restartChild(system, sup, "a")).resolves.toEqual(refused);
    await expect(deleteChild(system, sup, "a")).resolves.toEqual(refused);
    await expect(getChildSpec(system, sup, "a")).resolves.toBeUndefined();
  });
});

describe("getChildSpec of a dynamic supervisor", () => {
  test("answers the template with the id and start of the child", async () => {
    const world = createWorld();
    const sup = await startPool(world, { restart: "transient", shutdown: 100 });
    const pid = startedPid(await startDynamicChild(world.system, sup, child(steady), "a"));
    await expect(getChildSpec(world.system, sup, pid)).resolves.toEqual({
      id: "a",
      start: child(steady),
      restart: "transient",
      shutdown: 100,
      type: "worker",
      significant: false,
    });
    await expect(getChildSpec(world.system, sup, sup)).resolves.toBeUndefined();
  });
});
