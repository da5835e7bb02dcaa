import { type Definition, failure, normal, shutdown, silentLogger, sys } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { child, defineSupervisor, type FailedToStart, type SupervisorInit, whichChildren } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import {
  crashOn,
  failToStart,
  ignoresItsStart,
  slowToStart,
  slowToStop,
  steady,
  trapExitAndIgnore,
} from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, living, startSupervisor, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const abc = [worker("a", steady), worker("b", steady), worker("c", steady)];

function failedToStart(id: string, reason: unknown): unknown {
  return shutdown({ type: "failedToStart", id, reason } satisfies FailedToStart);
}

describe("a supervisor that starts", () => {
  test("starts its children in order, each when the one before is done", async () => {
    const { clock, system } = createWorld();
    const journal = keepJournal(system);
    const children = [worker("a", slowToStart(100)), worker("b", slowToStart(50)), worker("c", steady)];
    const started = startSupervisor(system, { children });
    await clock.advance(99);
    expect(living(system)).toEqual(["sup#1", "sup/a#1"]);
    await clock.advance(50);
    expect(living(system)).toEqual(["sup#1", "sup/a#1", "sup/b#1"]);
    await clock.advance(1);
    await started;
    expect(journal.take()).toEqual(["start sup/a#1", "start sup/b#1", "start sup/c#1", "start sup#1"]);
  });

  test("is linked to each of its children", async () => {
    const { system } = createWorld();
    await startSupervisor(system, { children: abc });
    const [sup, ...children] = system.inspect().processes;
    expect(sup?.links.toSorted((a, b) => a.id - b.id)).toEqual(children.map(({ pid }) => pid));
    expect(children.map(({ parent }) => parent)).toEqual(children.map(() => sup?.pid));
  });

  test("registers and labels the children that ask for it", async () => {
    const { system } = createWorld();
    const start = child(steady, undefined, { name: "the-one", label: "for people" });
    await startSupervisor(system, { children: [{ id: "a", start }] });
    const a = actorAt(system, "sup/a");
    expect(system.whereis("the-one")).toBe(a);
    expect(system.inspect().processes.find(({ pid }) => pid === a)?.label).toBe("for people");
    system.kill(a);
    await system.idle();
    expect(system.whereis("the-one")).toBe(actorAt(system, "sup/a"));
  });

  test("gives its init function the arguments it is started with", async () => {
    const { system } = createWorld();
    const rooms = defineSupervisor((ids: readonly string[]) => ({ children: ids.map((id) => worker(id, steady)) }));
    await system.start(rooms, ["kitchen", "hall"], { id: "sup" });
    expect(living(system)).toEqual(["sup#1", "sup/kitchen#1", "sup/hall#1"]);
  });

  test("gives each child the arguments of its own", async () => {
    const { system } = createWorld();
    const rooms = defineSupervisor((ids: readonly string[]) => ({ children: ids.map((id) => worker(id, steady)) }));
    const children = [
      { id: "up", start: child(rooms, ["attic"]) },
      { id: "down", start: child(rooms, ["cellar", "garage"]) },
    ];
    await startSupervisor(system, { children });
    expect(living(system).slice(1)).toEqual([
      "sup/up#1",
      "sup/up/attic#1",
      "sup/down#1",
      "sup/down/cellar#1",
      "sup/down/garage#1",
    ]);
  });

  test("has nothing to do when its init function answers nothing", async () => {
    const { system } = createWorld();
    const nothing = defineSupervisor(() => undefined);
    await expect(system.start(nothing)).resolves.toEqual({ ok: false, error: "ignored" });
    const sup = await startSupervisor(system, { children: [{ id: "nothing", start: child(nothing) }, ...abc] });
    await expect(childrenOf(system, sup)).resolves.toBe("nothing a#1 b#1 c#1");
  });

  test("fails with what its init function throws", async () => {
    const { system } = createWorld();
    const error = new Error("boom");
    const broken = defineSupervisor((): SupervisorInit => {
      throw error;
    });
    await expect(system.start(broken)).resolves.toEqual({ ok: false, error: "failed", reason: failure(error) });
  });

  test("keeps the spec of a child that ignores its start, unless it is temporary", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, {
      children: [
        worker("permanent", ignoresItsStart),
        worker("temporary", ignoresItsStart, { restart: "temporary" }),
        worker("transient", ignoresItsStart, { restart: "transient" }),
        worker("steady", steady),
      ],
    });
    await expect(childrenOf(system, sup)).resolves.toBe("permanent transient steady#1");
  });
});

/** A supervisor with one child of this id behind another. */
function level(id: string, definition: Definition): Definition {
  return defineSupervisor({ children: [worker("before", steady), worker(id, definition)] });
}

describe("a supervisor whose child fails to start", () => {
  test("stops those that had started, the last first, and fails with the child's id and reason", async () => {
    const { system } = createWorld();
    const journal = keepJournal(system);
    const children = [...abc, worker("d", failToStart("no")), worker("e", steady)];
    const result = await system.start(defineSupervisor({ children }), undefined, { id: "sup" });
    expect(result).toEqual({ ok: false, error: "failed", reason: failedToStart("d", failure(new Error("no"))) });
    expect(journal.take().filter((line) => !line.startsWith("start"))).toEqual([
      "fail sup/d#1 error: no",
      "stop sup/c#1 shutdown",
      "stop sup/b#1 shutdown",
      "stop sup/a#1 shutdown",
      expect.stringMatching(/^fail sup#1 shutdown: /),
    ]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("waits for those that had started and take their time", async () => {
    const { clock, system } = createWorld();
    const children = [worker("a", slowToStop(300)), worker("b", trapExitAndIgnore), worker("c", failToStart("no"))];
    const ended = { at: Number.NaN };
    void system.start(defineSupervisor({ children })).then(() => Object.assign(ended, { at: clock.now() }));
    await clock.advance(5299);
    expect(ended.at).toBeNaN();
    await clock.advance(1);
    expect(ended.at).toBe(5300);
  });

  test("fails all supervisors above it, each of which names the one below", async () => {
    const { system } = createWorld();
    const tree = level("outer", level("inner", level("leaf", failToStart("no"))));
    const result = await system.start(tree);
    const leaf = failedToStart("leaf", failure(new Error("no")));
    const reason = failedToStart("outer", failedToStart("inner", leaf));
    expect(result).toEqual({ ok: false, error: "failed", reason });
    expect(system.inspect().processes).toEqual([]);
  });

  test("fails no matter what the restart type of that child is", async () => {
    const { system } = createWorld();
    for (const restart of ["permanent", "transient", "temporary"] as const) {
      const children = [worker("a", failToStart("no"), { restart })];
      await expect(system.start(defineSupervisor({ children }))).resolves.toMatchObject({ error: "failed" });
    }
  });

  test("names the actor that has the name which the child asked for", async () => {
    const { system } = createWorld();
    const owner = system.spawn(steady, undefined, { name: "taken" });
    const children = [{ id: "a", start: child(steady, undefined, { name: "taken" }) }];
    const reason = failedToStart("a", failure({ type: "alreadyStarted", pid: owner }));
    await expect(system.start(defineSupervisor({ children }))).resolves.toEqual({ ok: false, error: "failed", reason });
  });
});

describe("a supervisor that is stopped", () => {
  test("stops its children one by one, the last first, and then itself", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: abc });
    const journal = keepJournal(system);
    system.exit(sup, shutdown());
    await system.idle();
    const stops = ["stop sup/c#1 shutdown", "stop sup/b#1 shutdown", "stop sup/a#1 shutdown", "stop sup#1 shutdown"];
    expect(journal.take()).toEqual(stops);
  });

  test("waits for each child before it tells the next", async () => {
    const { clock, system } = createWorld();
    const children = ["a", "b", "c"].map((id) => worker(id, slowToStop(100)));
    const sup = await startSupervisor(system, { children });
    system.exit(sup, shutdown());
    await clock.advance(100);
    expect(living(system)).toEqual(["sup#1", "sup/a#1", "sup/b#1"]);
    await clock.advance(100);
    expect(living(system)).toEqual(["sup#1", "sup/a#1"]);
    await clock.advance(100);
    expect(living(system)).toEqual([]);
  });

  test("stops a whole tree from the leaves up, branch by branch", async () => {
    const { system } = createWorld();
    const branch = defineSupervisor({ children: [worker("x", steady), worker("y", steady)] });
    const sup = await startSupervisor(system, { children: [worker("left", branch), worker("right", branch)] });
    const journal = keepJournal(system);
    system.exit(sup, shutdown());
    await system.idle();
    expect(journal.take().map((line) => line.split(" ")[1])).toEqual([
      "sup/right/y#1",
      "sup/right/x#1",
      "sup/right#1",
      "sup/left/y#1",
      "sup/left/x#1",
      "sup/left#1",
      "sup#1",
    ]);
  });

  test.each([normal, shutdown(), shutdown("enough"), failure("broken")])(
    "by its parent ends for the parent's reason, and its children see shutdown: %o",
    async (reason) => {
      const { system } = createWorld();
      const sup = await startSupervisor(system, { children: [worker("a", steady)] });
      const ends = Promise.all([system.exited(sup), system.exited(actorAt(system, "sup/a"))]);
      system.exit(sup, reason);
      await expect(ends).resolves.toEqual([reason, shutdown()]);
    },
  );

  test("by a kill takes its children along as killed, whole trees of them", async () => {
    const { system } = createWorld();
    const branch = defineSupervisor({ children: [worker("x", steady)] });
    const sup = await startSupervisor(system, { children: [worker("a", steady), worker("branch", branch)] });
    const journal = keepJournal(system);
    system.kill(sup);
    await system.idle();
    expect(journal.take().toSorted()).toEqual([
      "stop sup#1 killed",
      "stop sup/a#1 killed",
      // The supervisor below is told of the kill by its link, and stops its own in order.
      "stop sup/branch#1 killed",
      "stop sup/branch/x#1 shutdown",
    ]);
  });
});

describe("a supervisor that runs", () => {
  test("cares for no exit signal of a stranger but kill", async () => {
    const { system } = createWorld();
    const stranger = createProbe(system);
    const sup = await startSupervisor(system, { children: abc });
    for (const reason of [normal, shutdown(), failure("boom")]) stranger.self.exit(sup, reason);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1 c#1");
    stranger.self.exit(sup, { type: "kill" });
    await system.idle();
    expect(system.isAlive(sup)).toBe(false);
  });

  test("cares for the end of nobody but its children", async () => {
    const { system } = createWorld();
    const stranger = createProbe(system);
    const sup = await startSupervisor(system, { intensity: 0, children: abc });
    stranger.self.link(sup);
    system.exit(stranger.ref, failure("boom"));
    system.kill(stranger.ref);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1 c#1");
  });

  test("drops a message that it does not know, with a warning", async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, text: string) => void warnings.push(text) };
    const { system } = createWorld({ logger });
    const sup = await startSupervisor(system, { children: abc });
    system.send(sup as never, { type: "hello" } as never);
    await system.idle();
    expect(warnings).toEqual(["a supervisor received a message that it does not know; it is dropped"]);
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1 c#1");
  });

  test("restarts a child under the same path, as its next incarnation", async () => {
    const { system } = createWorld();
    await startSupervisor(system, { intensity: 2, children: [worker("a", crashOn("boom"))] });
    const first = actorAt(system, "sup/a");
    for (let round = 0; round < 2; round += 1) {
      system.send(actorAt(system, "sup/a"), "boom");
      await system.idle();
    }
    expect(living(system)).toEqual(["sup#1", "sup/a#3"]);
    expect(actorAt(system, "sup/a")).not.toBe(first);
  });

  test("shows its flags and how many children it has", async () => {
    const { system } = createWorld();
    await startSupervisor(system, { strategy: "restForOne", intensity: 3, periodMs: 2000, children: abc });
    expect(system.inspect().processes[0]?.state).toEqual({
      strategy: "restForOne",
      intensity: 3,
      periodMs: 2000,
      autoShutdown: "never",
      children: 3,
      restarts: 0,
      restartsInPeriod: 0,
    });
  });

  test("can be suspended, and serves what came in meanwhile when it is resumed", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", crashOn("boom"))] });
    await sys.suspend(system, sup);
    system.send(actorAt(system, "sup/a"), "boom");
    const listed = whichChildren(system, sup);
    await clock.advance(0);
    expect(living(system)).toEqual(["sup#1"]);
    await sys.resume(system, sup);
    await expect(listed).resolves.toMatchObject([{ id: "a" }]);
    expect(living(system)).toEqual(["sup#1", "sup/a#2"]);
  });
});
