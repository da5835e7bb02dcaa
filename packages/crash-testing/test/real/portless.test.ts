import { defineServer, noreply, ok, type System } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { ownCrashes } from "../../src/invariants/own-crashes.ts";
import { standard } from "../../src/invariants/standard.ts";
import type { Plan } from "../../src/plan.ts";
import { replayOnSockets } from "../../src/real/replay-on-sockets.ts";
import type { Target } from "../../src/target.ts";
import { script } from "../support/targets.ts";

/** Whoever touches it does so for nothing, or to its end. */
const glass = defineServer<{ args: boolean; state: boolean; info: "touch" }>({
  name: "glass",
  init: (isBrittle) => ok(isBrittle),
  handleInfo(_touch, isBrittle) {
    if (isBrittle) throw new Error("it breaks");
    return noreply(isBrittle);
  },
});

function touch(system: System): void {
  for (const { pid } of system.processes()) system.send(pid, "touch" as never);
}

/** No socket of its own; a later touch comes by itself. */
function targetOf(isBrittle: boolean, handle: object | undefined): Target<object | undefined> {
  return {
    async start({ system }) {
      await system.start(glass, isBrittle);
      return handle;
    },
    operations: {
      touch: (_handle, { system }) => touch(system),
      touchSoon: (_handle, { system }) => void system.host.at(system.host.now() + 1, () => touch(system)),
    },
  };
}

const invariants = [...standard(), ownCrashes()];

describe.each([
  ["something", {}],
  ["nothing", undefined],
])("a target without a port whose start resolves with %s", (_what, handle) => {
  test.each(["touch", "touchSoon"])("is worked on sockets as in simulation: %s", async (name) => {
    const plan: Plan = { peers: [], operations: [{ at: 1, name }], deviations: [] };
    const { failure } = await replayOnSockets(targetOf(true, handle), plan, { invariants });
    expect(failure).toMatchObject({ invariant: "crash", phase: "workload" });
    const { failure: none, peers } = await replayOnSockets(targetOf(false, handle), plan, { invariants });
    expect(none).toBeUndefined();
    expect(peers).toEqual([]);
  });

  test("says what it needs where clients come", async () => {
    const plan: Plan = { peers: [script(0, "10.0.0.1")], operations: [], deviations: [] };
    const replay = replayOnSockets(targetOf(false, handle), plan, { invariants });
    await expect(replay).rejects.toThrow("a target has clients but no port");
  });
});
