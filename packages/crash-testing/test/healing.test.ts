import { actorOf, defineServer, noreply, ok } from "@espalier/actors";
import { connectionMachine, type Listener, startSockets } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { toCrashConfig } from "../src/crash-options.ts";
import { decodePlan } from "../src/codec.ts";
import { findCrash } from "../src/find-crash.ts";
import { replaying } from "../src/choices.ts";
import { run } from "../src/run.ts";
import type { Target } from "../src/target.ts";

/** For so long it warms up, and then so long for each client. */
const WARM_UP_MS = 90_000;
const SERVICE_MS = 20_000;

const warmth = defineServer<{ state: null; info: "warm" }>({
  init(_args, self) {
    self.sendAfter(self.pid, "warm", WARM_UP_MS);
    return ok(null);
  },
  handleInfo(message, state, self) {
    if (message === "warm") self.register("warmth");
    return noreply(state);
  },
});

const client = connectionMachine()
  .extend({
    actions: {
      answer({ context, self }) {
        context.connection.send(actorOf(self).whereis("warmth") === undefined ? "cold\n" : "warm\n");
      },
    },
  })
  .createMachine({
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: "serving" } },
      serving: { after: { [SERVICE_MS]: "served" } },
      served: { entry: "answer" },
    },
  });

const slow: Target<Listener> = {
  async start({ system, transport }) {
    await system.start(warmth);
    const sockets = await startSockets(system, { transport });
    return sockets.open("slow", 5000, { acceptors: 1 }, client);
  },
  probe: { ops: [], receives: "warm\n", withinMs: SERVICE_MS + 1000 },
};

const plan = { peers: [], operations: [], deviations: [] };

async function timeOfFailure(target: Target<Listener>): Promise<number | undefined> {
  const { failure } = await run({
    target,
    plan,
    chooser: replaying([]),
    invariants: toCrashConfig(slow, {}).invariants,
  });
  return failure?.time;
}

describe("a server that is slow to recover", () => {
  test("is served in the time that it is given, and not in less", async () => {
    expect(await timeOfFailure(slow)).toBe(60_000 + SERVICE_MS + 1000);
    expect(await timeOfFailure({ ...slow, healMs: WARM_UP_MS })).toBeUndefined();
  });

  test("so is its probe", async () => {
    const healMs = WARM_UP_MS;
    expect(await timeOfFailure({ ...slow, healMs, probe: { ops: [], receives: "warm\n" } })).toBe(healMs + 10_000);
    const probe = { ops: [], receives: "warm\n", withinMs: SERVICE_MS - 1 };
    expect(await timeOfFailure({ ...slow, healMs, probe })).toBe(healMs + SERVICE_MS - 1);
  });

  test("a search, its report and the replay of its line all give it the same time", async () => {
    const options = { healMs: 30_000, runs: 3, without: ["delay", "timer"] } as const;
    const { line = "", report = "", failure } = await findCrash(slow, options);
    expect(failure).toMatchObject({ invariant: "I8-probe", time: 30_000 + SERVICE_MS + 1000 });
    expect(report).toContain("51000.000  ✗ I8-probe (probe)");
    const { target, invariants } = toCrashConfig(slow, options);
    const replayed = decodePlan(line);
    const again = await run({ target, plan: replayed, chooser: replaying(replayed.deviations), invariants });
    expect(again.failure).toEqual(failure);
  });
});
