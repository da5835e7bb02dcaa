import { createSystem, defineServer, failure, ok, silentLogger, type System } from "@espalier/actors";
import { Crashes, ManualClock } from "@espalier/actors/testing";
import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  startChild,
  startDynamicChild,
  SupervisorReport,
} from "@espalier/supervisor";
import { expect, test } from "vitest";
import { endsAsTold } from "./support/actors.ts";
import { startedPid } from "./support/pool.ts";
import { collectReports, living } from "./support/tree.ts";

/** One that has to be killed: it traps exits, and does not come to its end. */
const stubborn = defineServer<{ state: null }>({
  name: "stubborn",
  trapExit: true,
  init: () => ok(null),
  terminate: () => new Promise(() => {}),
});

const spec = { start: child(stubborn), shutdown: 100 };
type Ask = (system: System) => Promise<unknown>;

const kinds: Readonly<Record<string, (system: System) => Promise<Ask>>> = {
  async static(system) {
    const definition = defineSupervisor({ children: [{ id: "first", ...spec }] });
    await system.start(definition, undefined, { id: "sup", name: "sup" });
    return () => startChild(system, "sup", { id: "second", ...spec });
  },
  async dynamic(system) {
    const started = await system.start(
      defineDynamicSupervisor({ child: { ...spec, start: () => spec.start } }),
      undefined,
      { id: "sup" },
    );
    if (!started.ok) throw new Error(started.error);
    await startDynamicChild(system, started.ref, undefined);
    return () => startDynamicChild(system, started.ref, undefined);
  },
};

/** Who is left of a supervisor that has thrown before the n-th message that it received while it started a second child. */
async function leftOf(kind: (system: System) => Promise<Ask>, nth: number) {
  const crashes = new Crashes([/^sup receive$/], "throw", nth - 1);
  crashes.isOn = false;
  const clock = new ManualClock({ simulation: crashes });
  const system = createSystem({ host: clock });
  const ask = await kind(system);
  crashes.isOn = true;
  const answer = ask(system).catch(() => "none");
  await clock.advance(60_000);
  return { answer: await answer, left: system.inspect().processes.map(({ path }) => path) };
}

test.each(Object.entries(kinds))(
  "a %s supervisor that crashes while it starts a child leaves none",
  async (_name, kind) => {
    // The request, and what has become of the start.
    for (const nth of [1, 2]) expect(await leftOf(kind, nth)).toEqual({ answer: "none", left: [] });
  },
);

test("a dynamic supervisor that crashes while it restarts a child reports nothing of the one that is gone", async () => {
  // The end of the child, and what has become of its new start.
  const crashes = new Crashes([/^sup receive$/], "throw", 1);
  crashes.isOn = false;
  const clock = new ManualClock({ simulation: crashes });
  const system = createSystem({ host: clock, logger: silentLogger });
  const reports = collectReports(system);
  const definition = defineDynamicSupervisor({ child: { start: () => child(endsAsTold) } });
  const started = await system.start(definition, undefined, { id: "sup" });
  if (!started.ok) throw new Error(started.error);
  const first = await startDynamicChild(system, started.ref, undefined);
  crashes.isOn = true;
  system.send(startedPid(first), failure(new Error("boom")));
  await clock.advance(0);
  expect(crashes.left).toBe(0);
  expect(living(system)).toEqual([]);
  const contexts = reports.filter((report) => report instanceof SupervisorReport).map((report) => report.errorContext);
  expect(contexts).toEqual(["childTerminated"]);
});
