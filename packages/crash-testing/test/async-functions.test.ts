import { expect, test } from "vitest";
import { replaying } from "../src/choices.ts";
import { type Deviation, KINDS } from "../src/deviation.ts";
import type { Invariant } from "../src/invariant.ts";
import { standard } from "../src/invariants/standard.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import type { Plan } from "../src/plan.ts";
import { type Outcome, run } from "../src/run.ts";
import { search } from "../src/search.ts";
import { deviation } from "./support/chooser.ts";
import { functions } from "./support/functions.ts";
import { script } from "./support/targets.ts";

const plan: Plan = { peers: [script(0, "10.0.0.1", "one\ntwo\n", { type: "end" })], operations: [], deviations: [] };
const invariants = standard();

/** A run, and the effects that the connection was about to have. */
async function effectsOf(deviations: readonly Deviation[]): Promise<Outcome & { effects: string[]; handler: string }> {
  const byActor = new Map<string, string[]>();
  const onEffect = (actor: string, effect: string): void => {
    byActor.set(actor, [...(byActor.get(actor) ?? []), effect]);
  };
  const chooser = replaying(deviations);
  const outcome = await run({ target: functions, plan: { ...plan, deviations }, chooser, invariants, onEffect });
  const [handler, effects = []] = [...byActor].find(([actor]) => actor.endsWith("connection_sup/1")) ?? [];
  return { ...outcome, effects, handler: handler ?? "" };
}

test("an async function can crash at each of its effects, in both ways, and does nothing from there on", async () => {
  const { effects, handler } = await effectsOf([]);
  const ofOneLine = ["send", "call", "sendAfter", "socket.send", "cancelTimer", "send"];
  for (const effect of [...ofOneLine, "socket.receive", "receive", "socket.close"]) expect(effects).toContain(effect);
  for (const [ordinal, effect] of effects.entries()) {
    for (const [index, end] of (["throw", "kill"] as const).entries()) {
      const crashed = await effectsOf([deviation("crash", handler, index + 1, ordinal)]);
      expect(crashed.injections).toMatchObject([{ actor: handler, effect, end }]);
      expect(crashed.effects).toEqual(effects.slice(0, ordinal + 1));
      expect(crashed.failure).toBeUndefined();
    }
  }
});

/** A ledger that nobody has crashed has nothing open in the end. */
const allIsDone: Invariant = {
  id: "all-is-done",
  says: "what was begun is done when all is well again",
  watch(view) {
    let open = 0;
    return {
      on: {
        deliver: ({ subject, message }) => {
          if (subject.path !== "ledger") return;
          if (message === "begun") open += 1;
          else if (message === "done") open -= 1;
        },
        exit({ subject }) {
          if (subject.path === "ledger") open = 0;
        },
      },
      after(phase) {
        if (phase === "healed" && open !== 0) view.violate("all-is-done", `${open} were begun and never done`);
      },
    };
  },
};

test("what a crash behind an await breaks is found", async () => {
  // A message that is late enough breaks it as well.
  const without = KINDS.filter((kind) => kind !== "crash");
  const { found } = await search({ target: functions, invariants: [allIsDone], peers: arbPeers(), runs: 500, without });
  expect(found?.failure.invariant).toBe("all-is-done");
  expect(found?.plan.deviations).toMatchObject([
    { kind: "crash", subject: expect.stringContaining("connection_sup/") },
  ]);
});
