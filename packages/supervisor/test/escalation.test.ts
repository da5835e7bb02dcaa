import { failure, normal, shutdown } from "@espalier/actors";
import { type ChildSpec, defineSupervisor, type SupervisorInit, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { crashOn, slowToStop, startsAs, steady } from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, living, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, type World } from "./support/world.ts";

function supervisor(id: string, init: SupervisorInit, options: Partial<ChildSpec> = {}): ChildSpec {
  return worker(id, defineSupervisor(init), options);
}

async function crash({ system }: World, path: string): Promise<void> {
  system.send(actorAt(system, path), "boom");
  await system.idle();
}

/** sup → mid → low → leaf; each allows one restart. */
async function threeLevels(world: World): Promise<void> {
  const low = supervisor("low", { children: [worker("leaf", crashOn("boom")), worker("other", steady)] });
  const mid = supervisor("mid", { children: [low] });
  await startSupervisor(world.system, { children: [mid, worker("bystander", steady)] });
}

describe("a child that crashes again and again", () => {
  test("is restarted by its supervisor, then with its supervisor, then with the one above", async () => {
    const world = createWorld();
    await threeLevels(world);
    const incarnations: string[] = [];
    for (let round = 0; round < 7; round += 1) {
      await crash(world, "sup/mid/low/leaf");
      const levels = living(world.system).filter((line) => !/bystander|other|sup#/.test(line));
      incarnations.push(levels.map((line) => line.split("/").at(-1)).join(" "));
    }
    expect(incarnations).toEqual([
      "mid#1 low#1 leaf#2",
      // low has given up, mid restarts it: its children begin anew.
      "mid#1 low#2 leaf#1",
      "mid#1 low#2 leaf#2",
      // low gives up for the second time, mid gives up, and the root restarts it.
      "mid#2 low#1 leaf#1",
      "mid#2 low#1 leaf#2",
      "mid#2 low#2 leaf#1",
      "mid#2 low#2 leaf#2",
    ]);
  });

  test("ends the whole tree when every level has given up, each as shutdown", async () => {
    const world = createWorld();
    await threeLevels(world);
    const ended = world.system.exited(actorAt(world.system, "sup"));
    const bystander = world.system.exited(actorAt(world.system, "sup/bystander"));
    // Two crashes for each end of low, two ends of low for each end of mid, two ends of mid for the root.
    for (let round = 0; round < 8; round += 1) {
      expect(living(world.system)).toContain("sup#1");
      await crash(world, "sup/mid/low/leaf");
    }
    await expect(ended).resolves.toEqual(shutdown());
    await expect(bystander).resolves.toEqual(shutdown());
    expect(living(world.system)).toEqual([]);
  });

  test("costs the level above nothing when there is time between the crashes", async () => {
    const world = createWorld();
    await threeLevels(world);
    for (let round = 0; round < 20; round += 1) {
      await crash(world, "sup/mid/low/leaf");
      await world.clock.advance(6000);
    }
    expect(living(world.system)).toContain("sup/mid/low/leaf#21");
  });
});

/** Has a supervisor with this restart type give up, and answers what is left of it. */
async function giveUp(world: World, restart: ChildSpec["restart"]): Promise<string> {
  const options = restart === undefined ? {} : { restart };
  const low = supervisor("low", { intensity: 0, children: [worker("leaf", crashOn("boom"))] }, options);
  const sup = await startSupervisor(world.system, { children: [low, worker("b", steady)] });
  await crash(world, "sup/low/leaf");
  return childrenOf(world.system, sup);
}

describe("a supervisor that has given up", () => {
  test("is restarted if it is permanent", async () => {
    await expect(giveUp(createWorld(), "permanent")).resolves.toBe("low#2 b#1");
  });

  test("stays down if it is transient, since it has ended as shutdown", async () => {
    await expect(giveUp(createWorld(), "transient")).resolves.toBe("low b#1");
  });

  test("is forgotten if it is temporary", async () => {
    await expect(giveUp(createWorld(), "temporary")).resolves.toBe("b#1");
  });

  test("takes its siblings along if the strategy above says so", async () => {
    const world = createWorld();
    const low = supervisor("low", { intensity: 0, children: [worker("leaf", crashOn("boom"))] });
    const children = [worker("before", steady), low, worker("after", steady)];
    const sup = await startSupervisor(world.system, { strategy: "restForOne", children });
    await crash(world, "sup/low/leaf");
    await expect(childrenOf(world.system, sup)).resolves.toBe("before#1 low#2 after#2");
  });

  test("stops its children in order before anybody above hears of it", async () => {
    const world = createWorld();
    const children = [worker("slow", slowToStop(100)), worker("leaf", crashOn("boom"))];
    await startSupervisor(world.system, { children: [supervisor("low", { intensity: 0, children })] });
    const journal = keepJournal(world.system);
    await crash(world, "sup/low/leaf");
    expect(journal.take()).toEqual(["stop sup/low/leaf#1 error: boom"]);
    await world.clock.advance(100);
    expect(journal.take()).toEqual([
      "stop sup/low/slow#1 shutdown",
      "stop sup/low#1 shutdown",
      "start sup/low/slow#1",
      "start sup/low/leaf#1",
      "start sup/low#2",
    ]);
  });
});

describe("a supervisor below another", () => {
  test("whose restart fails because of its own child is tried again like any other", async () => {
    const world = createWorld();
    // The children of a restarted supervisor begin anew, so whether they start well is decided from outside.
    const outcomes = { left: ["ok", "fail", "fail", "ok"] as Array<"ok" | "fail"> };
    const low = defineSupervisor(() => ({
      intensity: 0,
      children: [worker("leaf", startsAs(outcomes.left.shift() ?? "ok"))],
    }));
    const sup = await startSupervisor(world.system, { intensity: 3, children: [worker("low", low)] });
    world.system.send(actorAt(world.system, "sup/low/leaf"), failure(new Error("boom")));
    await world.system.idle();
    await expect(childrenOf(world.system, sup)).resolves.toBe("low#4");
    expect(living(world.system)).toEqual(["sup#1", "sup/low#4", "sup/low/leaf#1"]);
  });

  test("that is killed is restarted at once, with children of its own", async () => {
    const world = createWorld();
    const low = supervisor("low", { children: [worker("leaf", steady)] });
    await startSupervisor(world.system, { children: [low] });
    const [oldLow, oldLeaf] = ["sup/low", "sup/low/leaf"].map((path) => actorAt(world.system, path));
    if (oldLow === undefined || oldLeaf === undefined) throw new Error("they live");
    world.system.kill(oldLow);
    await world.system.idle();
    expect(world.system.isAlive(oldLeaf)).toBe(false);
    expect(living(world.system)).toEqual(["sup#1", "sup/low#2", "sup/low/leaf#1"]);
  });

  test("with brutalKill is killed, and its children die by their links", async () => {
    const world = createWorld();
    const low = supervisor("low", { children: [worker("leaf", steady)] }, { shutdown: "brutalKill" });
    const sup = await startSupervisor(world.system, { children: [low] });
    const journal = keepJournal(world.system);
    world.system.exit(sup, normal);
    await world.system.idle();
    expect(journal.take().toSorted()).toEqual([
      "stop sup#1 normal",
      "stop sup/low#1 killed",
      "stop sup/low/leaf#1 killed",
    ]);
  });

  test("is given all the time that its children take", async () => {
    const world = createWorld();
    const low = supervisor("low", { children: [worker("leaf", slowToStop(60_000), { shutdown: "infinity" })] });
    const sup = await startSupervisor(world.system, { children: [low] });
    world.system.exit(sup, shutdown());
    await world.clock.advance(59_999);
    expect(living(world.system)).toEqual(["sup#1", "sup/low#1", "sup/low/leaf#1"]);
    await world.clock.advance(1);
    expect(living(world.system)).toEqual([]);
  });

  test("with a time of its own is killed when that is over, and takes along whoever does not trap exits", async () => {
    const world = createWorld();
    const children = [worker("waiting", steady), worker("stopping", slowToStop(60_000), { shutdown: "infinity" })];
    const low = supervisor("low", { children }, { shutdown: 1000 });
    const sup = await startSupervisor(world.system, { children: [low] });
    const journal = keepJournal(world.system);
    const terminated = terminateChild(world.system, sup, "low");
    await world.clock.advance(999);
    expect(journal.take()).toEqual([]);
    await world.clock.advance(1);
    await expect(terminated).resolves.toEqual({ ok: true });
    expect(journal.take()).toEqual(["stop sup/low#1 killed", "stop sup/low/waiting#1 killed"]);
    // What was told to stop before goes on with its clean-up, and ends as it was told.
    await world.clock.advance(58_999);
    expect(journal.take()).toEqual([]);
    await world.clock.advance(1);
    expect(journal.take()).toEqual(["stop sup/low/stopping#1 shutdown"]);
    expect(living(world.system)).toEqual(["sup#1"]);
  });
});
