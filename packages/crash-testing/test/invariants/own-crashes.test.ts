import { type Call, defineServer, type Definition, fromAsync, ok, reply, stop } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownCrashes } from "../../src/invariants/own-crashes.ts";
import { search } from "../../src/search.ts";
import type { Target } from "../../src/target.ts";
import { failureOf } from "../support/plant.ts";
import { echo, treeOf, treeRoot } from "../support/targets.ts";

const oracle = defineServer<{ call: Call<"answer", number> }>({
  name: "oracle",
  init: () => ok(undefined),
  handleCall: (_request, _from, state) => reply(42, state),
});

/** Asks an actor for an answer, some times, and goes down when there is none. */
const asking = (name: string) =>
  fromAsync(async function asker(self) {
    for (let round = 0; round < 5; round += 1) {
      await self.call<Call<"answer", number>, { type: "answer" }>(name, { type: "answer" }, { timeoutMs: 50 });
      await self.receive({ timeoutMs: 10 });
    }
    await self.receive();
  });

/** Ends in one way after 10 ms. */
const ending = (end: () => ReturnType<typeof stop>) =>
  defineServer<{ info: "end" }>({
    name: "ending",
    init: (_args, self) => {
      self.sendAfter(self.pid, "end", 10);
      return ok(undefined);
    },
    handleInfo: () => end(),
  });

function fail(): never {
  throw new Error("it cannot be done");
}

function family(...members: readonly Definition[]): Target {
  const children = members.map((member, index) => ({
    id: `${index}`,
    start: child(member, undefined, member === oracle ? { name: "oracle" } : {}),
  }));
  return treeOf(defineSupervisor({ strategy: "oneForOne", intensity: 100, children })) as Target;
}

function searched(target: Target, law = ownCrashes()) {
  const peers = fc.constant([{ at: 500, host: "10.0.0.1", ops: [] }]);
  return search({ target, invariants: [law], peers, runs: 100, timeMs: Infinity });
}

describe("an actor that crashes by itself", () => {
  const target = family(ending(fail));

  test("breaks the law, whatever else there is", async () => {
    expect(await failureOf(ownCrashes(), target)).toMatchObject({
      invariant: "crash",
      message: "root/0 crashes: Error: it cannot be done",
    });
  });

  test("does not if that was expected", async () => {
    const law = ownCrashes({ expected: (error) => String(error).includes("cannot be done") });
    expect(await failureOf(law, target)).toBeUndefined();
  });

  test("is one who asks somebody who was never there", async () => {
    expect(await failureOf(ownCrashes(), family(asking("nobody")))).toMatchObject({
      message: expect.stringContaining("CallExitError: call to nobody failed: noproc"),
    });
  });
});

describe("nobody crashes by himself", () => {
  test.each([
    ["normal", () => stop({ type: "normal" })],
    ["shutdown", () => stop({ type: "shutdown", detail: "over" })],
    ["killed", () => stop({ type: "killed" })],
  ] as const)("who ends as %s", async (_type, end) => {
    expect(await failureOf(ownCrashes(), family(ending(end)))).toBeUndefined();
  });

  test("who is crashed, or asks one who was, or waits for what is late", async () => {
    const { found, injected } = await searched(family(oracle, asking("oracle")));
    expect(found?.failure).toBeUndefined();
    expect(injected).toBeGreaterThan(20);
  }, 120_000);

  test.each([
    ["a server of lines", echo as Target],
    ["a tree of actors that call, link and monitor", treeOf(treeRoot()) as Target],
  ])(
    "in %s under all faults",
    async (_name, target) => {
      const { found, injected } = await searched(target);
      expect(found?.failure).toBeUndefined();
      expect(injected).toBeGreaterThan(20);
    },
    120_000,
  );
});
