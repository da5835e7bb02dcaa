import { createSystem, defineServer, ok, shutdown } from "@espalier/actors";
import { Crashes, ManualClock } from "@espalier/actors/testing";
import { child, defineDynamicSupervisor, defineSupervisor, startDynamicChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";

const worker = defineServer<{ state: null }>({ name: "worker", init: () => ok(null) });
const ends = ["throw", "kill"] as const;
const effects = ["monitor", "exit", "unlink", "sendAfter", "receive", "cancelTimer"];

/** Who is left of a supervisor with three children that has died at the n-th such effect while it stopped them. */
async function leftOf(kind: "static" | "dynamic", effect: string, nth: number, end: (typeof ends)[number]) {
  const crashes = new Crashes([new RegExp(`^sup ${effect}$`)], end, nth - 1);
  crashes.isOn = false;
  const clock = new ManualClock({ simulation: crashes });
  const system = createSystem({ host: clock });
  const children = ["a", "b", "c"].map((id) => ({ id, start: child(worker) }));
  if (kind === "static") {
    await system.start(defineSupervisor({ strategy: "oneForOne", children }), undefined, { id: "sup", name: "sup" });
  } else {
    const definition = defineDynamicSupervisor({ child: { start: () => child(worker) } });
    const started = await system.start(definition, undefined, { id: "sup", name: "sup" });
    if (!started.ok) throw new Error(started.error);
    await startDynamicChild(system, started.ref, undefined);
    await startDynamicChild(system, started.ref, undefined);
    await startDynamicChild(system, started.ref, undefined);
  }
  crashes.isOn = true;
  const supervisor = system.whereis("sup");
  if (supervisor !== undefined) system.exit(supervisor, shutdown());
  await clock.advance(60_000);
  return system.inspect().processes.map(({ path }) => path);
}

describe.each(["static", "dynamic"] as const)("a %s supervisor", (kind) => {
  test.each(effects)("that dies before any %s while it stops its children leaves none of them", async (effect) => {
    for (const end of ends) {
      for (const nth of [1, 2, 3]) expect(await leftOf(kind, effect, nth, end)).toEqual([]);
    }
  });
});
