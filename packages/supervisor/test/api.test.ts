import { failure, noproc, shutdown } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import {
  child,
  type ChildSpec,
  countChildren,
  defineSupervisor,
  deleteChild,
  getChildSpec,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { endsAsTold, failToStart, ignoresItsStart, slowToStop, startsAs, steady } from "./support/actors.ts";
import { actorAt, childrenOf, keepJournal, startRoot, startSupervisor, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const boom = failure(new Error("boom"));
function caught(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) => error);
}

const ab = [worker("a", steady), worker("b", steady)];

describe("startChild", () => {
  test("adds a child at the end of the order and answers its pid when it has started", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const result = await startChild(system, sup, worker("c", steady));
    expect(result).toEqual({ ok: true, child: actorAt(system, "sup/c") });
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1 c#1");
  });

  test("makes a child that is supervised like those from the beginning", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await startChild(system, sup, worker("c", endsAsTold));
    system.send(actorAt(system, "sup/c"), boom);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1 c#2");
    const journal = keepJournal(system);
    system.exit(sup, shutdown());
    await system.idle();
    expect(journal.take()[0]).toBe("stop sup/c#2 shutdown");
  });

  test("refuses an id whose child is running, and answers that child", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const result = await startChild(system, sup, worker("a", endsAsTold));
    expect(result).toEqual({ ok: false, error: "alreadyStarted", pid: actorAt(system, "sup/a") });
  });

  test("refuses an id whose child is there without a process", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await terminateChild(system, sup, "a");
    await expect(startChild(system, sup, worker("a", steady))).resolves.toEqual({ ok: false, error: "alreadyPresent" });
  });

  test("refuses a name that another actor has, and answers that actor", async () => {
    const { system } = createWorld();
    const owner = system.spawn(steady, undefined, { name: "taken" });
    const sup = await startSupervisor(system, { children: ab });
    const spec = { id: "c", start: child(steady, undefined, { name: "taken" }) };
    await expect(startChild(system, sup, spec)).resolves.toEqual({ ok: false, error: "alreadyStarted", pid: owner });
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1");
  });

  test("keeps nothing of a child that fails to start, and does not count it as a restart", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { intensity: 0, children: ab });
    const result = await startChild(system, sup, worker("c", failToStart("no")));
    expect(result).toEqual({ ok: false, error: "startFailed", reason: failure(new Error("no")) });
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1");
    await expect(startChild(system, sup, worker("c", steady))).resolves.toMatchObject({ ok: true });
  });

  test("keeps the spec of a child that ignores its start, unless it is temporary", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const nobody = { ok: true, child: undefined };
    await expect(startChild(system, sup, worker("c", ignoresItsStart))).resolves.toEqual(nobody);
    const temporary = worker("d", ignoresItsStart, { restart: "temporary" });
    await expect(startChild(system, sup, temporary)).resolves.toEqual(nobody);
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1 c");
  });

  test.each<[string, Partial<Record<keyof ChildSpec, unknown>>, string]>([
    ["a wrong field", { restart: "always" }, "invalidRestartType"],
    ["no id", { id: "" }, "missingId"],
    ["no definition to start", { start: { definition: undefined } }, "missingStart"],
    [
      "a significance that the supervisor's flags do not allow",
      { significant: true, restart: "transient" },
      "badCombination",
    ],
  ])("answers a spec with %s by the problem, and the supervisor lives on", async (_what, fields, problem) => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const result = await startChild(system, sup, { ...worker("c", steady), ...fields } as ChildSpec);
    expect(result).toMatchObject({
      ok: false,
      error: "badSpec",
      problem: { name: "InvalidChildSpecError", code: "ERR_INVALID_CHILD_SPEC", problem },
    });
    await expect(childrenOf(system, sup)).resolves.toBe("a#1 b#1");
  });
});

describe("terminateChild", () => {
  test("stops the child, keeps its spec, and touches no sibling, whatever the strategy", async () => {
    for (const strategy of ["oneForOne", "oneForAll", "restForOne"] as const) {
      const { system } = createWorld();
      const sup = await startSupervisor(system, { strategy, children: ab });
      await expect(terminateChild(system, sup, "a")).resolves.toEqual({ ok: true });
      await expect(childrenOf(system, sup)).resolves.toBe("a b#1");
    }
  });

  test("forgets a temporary child", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", steady, { restart: "temporary" })] });
    await expect(terminateChild(system, sup, "a")).resolves.toEqual({ ok: true });
    await expect(terminateChild(system, sup, "a")).resolves.toEqual({ ok: false, error: "notFound" });
  });

  test("is content with a child that has no process", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", ignoresItsStart)] });
    await expect(terminateChild(system, sup, "a")).resolves.toEqual({ ok: true });
    await expect(terminateChild(system, sup, "a")).resolves.toEqual({ ok: true });
  });

  test("is content with a child that has died a moment ago, which is then not restarted", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    // The request is in the mailbox before the death is.
    const terminated = terminateChild(system, sup, "a");
    system.kill(actorAt(system, "sup/a"));
    await expect(terminated).resolves.toEqual({ ok: true });
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a b#1");
  });

  test("knows static children by their ids only", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const notFound = { ok: false, error: "notFound" };
    await expect(terminateChild(system, sup, "nobody")).resolves.toEqual(notFound);
    await expect(terminateChild(system, sup, actorAt(system, "sup/a"))).resolves.toEqual(notFound);
  });

  test("does not count as a restart, nor does what follows it", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { intensity: 0, children: ab });
    for (let round = 0; round < 5; round += 1) {
      await terminateChild(system, sup, "a");
      await expect(restartChild(system, sup, "a")).resolves.toMatchObject({ ok: true });
    }
    await expect(childrenOf(system, sup)).resolves.toBe("a#6 b#1");
  });
});

describe("restartChild", () => {
  test("starts a child without a process at its old place in the order", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await terminateChild(system, sup, "a");
    const result = await restartChild(system, sup, "a");
    expect(result).toEqual({ ok: true, child: actorAt(system, "sup/a") });
    await expect(childrenOf(system, sup)).resolves.toBe("a#2 b#1");
  });

  test("refuses a child that runs, and one that is not there", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await expect(restartChild(system, sup, "a")).resolves.toEqual({ ok: false, error: "running" });
    await expect(restartChild(system, sup, "nobody")).resolves.toEqual({ ok: false, error: "notFound" });
  });

  test("that fails keeps the spec, is not tried again, and costs nothing", async () => {
    const { system } = createWorld();
    const children = [worker("a", startsAs("ok", "fail", "fail"))];
    const sup = await startSupervisor(system, { intensity: 0, children });
    await terminateChild(system, sup, "a");
    for (const attempt of [2, 3]) {
      const reason = failure(new Error(`start ${attempt} failed`));
      await expect(restartChild(system, sup, "a")).resolves.toEqual({ ok: false, error: "startFailed", reason });
      await expect(childrenOf(system, sup)).resolves.toBe("a");
    }
    await expect(restartChild(system, sup, "a")).resolves.toMatchObject({ ok: true });
    await expect(childrenOf(system, sup)).resolves.toBe("a#4");
  });

  test("of a child that ignores its start answers no process", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", startsAs("ok", "ignore"))] });
    await terminateChild(system, sup, "a");
    await expect(restartChild(system, sup, "a")).resolves.toEqual({ ok: true, child: undefined });
    await expect(childrenOf(system, sup)).resolves.toBe("a");
  });

  test("answers who has the name that the child asks for", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, {
      children: [{ id: "a", start: child(steady, undefined, { name: "taken" }) }],
    });
    await terminateChild(system, sup, "a");
    const owner = system.spawn(steady, undefined, { name: "taken" });
    await expect(restartChild(system, sup, "a")).resolves.toEqual({ ok: false, error: "alreadyStarted", pid: owner });
  });
});

describe("deleteChild", () => {
  test("removes the spec of a child without a process, so that its id is free again", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await terminateChild(system, sup, "a");
    await expect(deleteChild(system, sup, "a")).resolves.toEqual({ ok: true });
    await expect(childrenOf(system, sup)).resolves.toBe("b#1");
    await startChild(system, sup, worker("a", steady));
    // A child that is added anew goes to the end, and is a first incarnation.
    await expect(childrenOf(system, sup)).resolves.toBe("b#1 a#1");
  });

  test("refuses a child that runs, and one that is not there", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await expect(deleteChild(system, sup, "a")).resolves.toEqual({ ok: false, error: "running" });
    await expect(deleteChild(system, sup, "nobody")).resolves.toEqual({ ok: false, error: "notFound" });
  });
});

describe("getChildSpec", () => {
  test("answers the complete spec, whether the child runs or not", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const spec = {
      id: "a",
      start: child(steady),
      restart: "permanent",
      shutdown: 5000,
      type: "worker",
      significant: false,
    };
    await expect(getChildSpec(system, sup, "a")).resolves.toEqual(spec);
    await terminateChild(system, sup, "a");
    await expect(getChildSpec(system, sup, "a")).resolves.toEqual(spec);
  });

  test("answers nothing for a child that is not there, and knows static children by their ids only", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    await expect(getChildSpec(system, sup, "nobody")).resolves.toBeUndefined();
    await expect(getChildSpec(system, sup, actorAt(system, "sup/a"))).resolves.toBeUndefined();
  });
});

describe("whichChildren", () => {
  test("lists the newest first, with pid and type, or without a process", async () => {
    const { system } = createWorld();
    const tree = defineSupervisor({ children: [] });
    const sup = await startSupervisor(system, { children: [...ab, worker("ignored", ignoresItsStart)] });
    await startChild(system, sup, worker("tree", tree));
    const children = await whichChildren(system, sup);
    expect(children).toEqual([
      { id: "tree", child: actorAt(system, "sup/tree"), type: "supervisor" },
      { id: "ignored", child: undefined, type: "worker" },
      { id: "b", child: actorAt(system, "sup/b"), type: "worker" },
      { id: "a", child: actorAt(system, "sup/a"), type: "worker" },
    ]);
  });

  test("of a supervisor without children is empty", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [] });
    await expect(whichChildren(system, sup)).resolves.toEqual([]);
  });
});

describe("countChildren", () => {
  test("counts specs, living processes, supervisors and workers", async () => {
    const { system } = createWorld();
    const tree = defineSupervisor({ children: [] });
    const children = [...ab, worker("tree", tree), worker("other", tree), worker("ignored", ignoresItsStart)];
    const sup = await startSupervisor(system, { children });
    await terminateChild(system, sup, "other");
    await expect(countChildren(system, sup)).resolves.toEqual({ specs: 5, active: 3, supervisors: 2, workers: 3 });
  });

  test("does not count a process that is dead without the supervisor having noticed", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: ab });
    const counted = countChildren(system, sup);
    system.kill(actorAt(system, "sup/a"));
    await expect(counted).resolves.toMatchObject({ specs: 2, active: 1 });
  });
});

describe("a call to a supervisor", () => {
  test("can be made by an actor, and by the supervisor's name", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    system.spawn(defineSupervisor({ children: ab }), undefined, { name: "the-supervisor" });
    await expect(countChildren(probe.self, "the-supervisor")).resolves.toMatchObject({ specs: 2 });
    await expect(terminateChild(probe.self, "the-supervisor", "a")).resolves.toEqual({ ok: true });
  });

  test("waits as long as the supervisor is busy", async () => {
    const { clock, system } = createWorld();
    const sup = await startSupervisor(system, {
      children: [worker("a", slowToStop(3_600_000), { shutdown: "infinity" })],
    });
    const answers = Promise.all([terminateChild(system, sup, "a"), countChildren(system, sup)]);
    await clock.advance(3_600_000);
    await expect(answers).resolves.toEqual([{ ok: true }, { specs: 1, active: 0, supervisors: 0, workers: 1 }]);
  });

  test("fails with noproc if the supervisor is dead, and with its reason if it dies meanwhile", async () => {
    const { clock, system } = createWorld();
    const sup = await startRoot(system, defineSupervisor({ children: [worker("a", slowToStop(100))] }));
    system.exit(sup, shutdown("enough"));
    const late = caught(countChildren(system, sup));
    await clock.advance(100);
    await expect(late).resolves.toMatchObject({ code: "ERR_CALL_EXIT", reason: shutdown("enough") });
    await expect(caught(countChildren(system, sup))).resolves.toMatchObject({ code: "ERR_CALL_EXIT", reason: noproc });
  });
});
