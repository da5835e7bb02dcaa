import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { clauses } from "./clauses/clauses.ts";
import { replaying, run } from "./kit.ts";
import { clauses as target } from "./targets/clauses.ts";

test("each scene has a name of its own", () => {
  expect(new Set(clauses.map(({ says }) => says)).size).toBe(clauses.length);
});

test("each scene shows a promise that there is", () => {
  const semantics = readFileSync(join(import.meta.dirname, "../../packages/actors/SEMANTICS.md"), "utf8");
  const unknown = clauses.filter(({ says }) => !semantics.includes(`- **${says.slice(0, says.indexOf(" "))}** `));
  expect(unknown.map(({ says }) => says)).toEqual([]);
});

test.each(clauses)("$says", async ({ says }) => {
  // Of machines, the second is left to XState.
  const plan = { peers: [], operations: [0, 1].map((at) => ({ at, name: says })), deviations: [] };
  const { failure } = await run({ ...target, plan, chooser: replaying([]) });
  expect(failure?.message).toBeUndefined();
});
