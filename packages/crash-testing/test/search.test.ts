import { defineServer, type Definition, fromMachine, noreply, ok } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMachine } from "xstate";
import { replaying } from "../src/choices.ts";
import { Coverage } from "../src/coverage.ts";
import type { Invariant } from "../src/invariant.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import { run } from "../src/run.ts";
import { search, type SearchResult } from "../src/search.ts";
import type { Target } from "../src/target.ts";
import { echo, treeOf, treeRoot } from "./support/targets.ts";

test.each([
  ["a server with machines on sockets", echo as Target],
  ["a tree with a machine in it", treeOf(treeRoot()) as Target],
])("what a search has come by, the plans that it keeps come by again: %s", async (_name, target) => {
  const { coverage, kept, runs } = await search({ target, invariants: [], peers: arbPeers(), runs: 150 });
  const again = new Coverage();
  for (const plan of kept) {
    const { injections } = await run({
      target,
      plan,
      chooser: replaying(plan.deviations),
      invariants: [again.watcher],
      onEffect: (actor, effect) => again.effect(actor, effect),
    });
    for (const injection of injections) again.injection(injection);
  }
  expect(coverage.transitions.size).toBeGreaterThanOrEqual(3);
  expect(kept.length).toBeLessThan(runs);
  expect([...again.transitions.keys()].toSorted()).toEqual([...coverage.transitions.keys()].toSorted());
  expect([...again.points.keys()].toSorted()).toEqual([...coverage.points.keys()].toSorted());
  expect(again.missed.toSorted()).toEqual(coverage.missed.toSorted());
});

/** So often one has to come before the other although it was sent behind it; and in between it must not. */
const STEPS = 5;
const ROUNDS = 2 * STEPS;
/** No signal is as late as that. */
const ROUND_MS = 10_000;

/** Sends the lock its name once in each round. */
function teller(name: string, firstMs: number): Definition {
  return defineServer<{ state: null; info: "tell" }>({
    name,
    init: (_args, self) => {
      for (let round = 0; round < ROUNDS; round += 1) self.sendAfter(self.pid, "tell", firstMs + ROUND_MS * round);
      return ok(null);
    },
    handleInfo: (_tell, _state, self) => {
      self.send("lock", { type: name });
      return noreply(null);
    },
  });
}

/** By round: who has to be the first, and what follows when the other one was. */
const states: Readonly<Record<string, { readonly on: Readonly<Record<string, string>> }>> = Object.fromEntries(
  Array.from({ length: ROUNDS }, (_, round) => {
    const [due, other] = round % 2 === 0 ? (["second", "first"] as const) : (["first", "second"] as const);
    return [
      [`round${round}`, { on: { [due]: `half${round}`, [other]: "shut" } }],
      [`half${round}`, { on: { [other]: `round${round + 1}` } }],
    ] as const;
  }).flat(),
);
const end = { [`round${ROUNDS}`]: {}, shut: {} };

function after(state: string, message: string): string {
  return states[state]?.on[message] ?? state;
}

const shown = fromMachine(createMachine({ id: "lock", initial: "round0", states: { ...states, ...end } }));

/** The same, of which nobody sees in which state it is. */
const hidden = defineServer<{ state: string; info: { readonly type: string } }>({
  name: "lock",
  init: () => ok("round0"),
  handleInfo: ({ type }, state) => noreply(after(state, type)),
});

/** Looks only at what the lock is told, so that it holds for both. */
const staysShut: Invariant = {
  id: "stays-shut",
  says: "the lock is never opened",
  watch(view) {
    let state = "round0";
    return {
      on: {
        deliver({ subject, message }) {
          if (!subject.path.endsWith("/lock") || !hasType(message)) return;
          state = after(state, message.type);
          if (state === `round${ROUNDS}`) view.violate("stays-shut", "it is open");
        },
      },
    };
  },
};

function hasType(message: unknown): message is { readonly type: string } {
  return typeof message === "object" && message !== null && "type" in message && typeof message.type === "string";
}

function opened(lock: Definition, runs: number, seed: number): Promise<SearchResult> {
  const root = defineSupervisor({
    children: [
      { id: "lock", start: { ...child(lock), name: "lock" } },
      { id: "first", start: child(teller("first", 5)) },
      { id: "second", start: child(teller("second", 5.0015)) },
    ],
  });
  return search({
    target: treeOf(root),
    invariants: [staysShut],
    peers: fc.constant([{ at: ROUND_MS * ROUNDS, host: "10.0.0.1", ops: [] }]),
    runs,
    seed,
    timeMs: Infinity,
    // Each restart begins anew, and would shift all that follows at once.
    without: ["crash"],
    mostShrinkRuns: 0,
  });
}

test.each([2, 6])(
  "a failure behind transitions that are rarely taken is found step by step (seed %i)",
  async (seed) => {
    const { found, runs } = await opened(shown, 12_000, seed);
    expect(found).toMatchObject({ strategy: "guided", failure: { invariant: "stays-shut" } });
    expect((await opened(hidden, runs, seed)).found).toBeUndefined();
  },
  60_000,
);
