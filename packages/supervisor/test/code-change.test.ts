import { type Definition, failure, shutdown, sys, type System } from "@espalier/actors";
import {
  child,
  countChildren,
  defineDynamicSupervisor,
  defineSupervisor,
  restartChild,
  startDynamicChild,
  type SupervisorInit,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { endsAsTold, steady } from "./support/actors.ts";
import { actorAt, childrenOf, startRoot, startSupervisor, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const boom = failure(new Error("boom"));

/** Changes the code of a running supervisor, as a release would. */
async function upgrade(system: System, definition: Definition<never>): Promise<void> {
  const sup = actorAt(system, "sup");
  await sys.suspend(system, sup);
  try {
    await sys.changeCode(system, sup, definition);
  } finally {
    await sys.resume(system, sup);
  }
}

function supervisor(init: SupervisorInit): Definition<never> {
  return defineSupervisor(init);
}

function steadyOnes(ids: readonly string[]): SupervisorInit {
  return { children: ids.map((id) => worker(id, steady)) };
}

describe("a change of a supervisor's code", () => {
  test("keeps running children, adds new specs without starting them, and keeps what is not named", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", steady), worker("b", steady)] });
    await upgrade(system, supervisor({ children: [worker("c", steady), worker("b", steady)] }));
    await expect(childrenOf(system, sup)).resolves.toBe("c b#1 a#1");
    await restartChild(system, sup, "c");
    await expect(childrenOf(system, sup)).resolves.toBe("c#1 b#1 a#1");
  });

  test("takes effect at the next start: strategy, intensity and specs", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, {
      intensity: 0,
      children: [worker("a", endsAsTold), worker("b", steady)],
    });
    const children = [worker("a", endsAsTold), worker("b", steady)];
    await upgrade(system, supervisor({ strategy: "oneForAll", intensity: 1, children }));
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#2 b#2");
  });

  test("runs init again with the arguments of the start", async () => {
    const { system } = createWorld();
    const started = await system.start(defineSupervisor(steadyOnes), ["a"], { id: "sup" });
    expect(started.ok).toBe(true);
    const doubled = defineSupervisor((ids: readonly string[]) => steadyOnes(ids.flatMap((id) => [id, `${id}2`])));
    await upgrade(system, doubled);
    await expect(childrenOf(system, actorAt(system, "sup"))).resolves.toBe("a#1 a2");
  });

  test("that is not valid changes nothing and says why", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", steady)] });
    const wrong = defineSupervisor(() => ({ intensity: -1, children: [] }));
    await expect(upgrade(system, wrong)).rejects.toThrow("intensity is -1; expected an integer of at least 0");
    await expect(childrenOf(system, sup)).resolves.toBe("a#1");
  });

  test("of a dynamic supervisor changes how its children are started from now on", async () => {
    const { system } = createWorld();
    const before = defineDynamicSupervisor<string>({
      child: { start: (label) => child(endsAsTold, undefined, { label }) },
    });
    const sup = await startRoot(system, before);
    await startDynamicChild(system, sup, "x", "x");
    const after = defineDynamicSupervisor<string>({
      intensity: 5,
      child: { start: (label) => child(endsAsTold, undefined, { label: `new ${label}` }) },
    });
    await upgrade(system, after);
    await startDynamicChild(system, sup, "y", "y");
    system.send(actorAt(system, "sup/x"), boom);
    await system.idle();
    const labels = system.inspect().processes.map(({ path, label }) => [path, label]);
    expect(labels).toEqual([
      ["sup", undefined],
      ["sup/y", "new y"],
      ["sup/x", "new x"],
    ]);
    await expect(countChildren(system, sup)).resolves.toMatchObject({ active: 2 });
  });

  test("is refused while it is not suspended, and for code of another kind", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [] });
    await expect(sys.changeCode(system, sup, supervisor({ children: [] }))).rejects.toMatchObject({
      code: "ERR_CODE_CHANGE",
      message: "cannot change the code of sup: it is not suspended",
    });
    await expect(upgrade(system, steady)).rejects.toMatchObject({ code: "ERR_CODE_CHANGE" });
    system.exit(sup, shutdown());
    await system.idle();
  });
});
