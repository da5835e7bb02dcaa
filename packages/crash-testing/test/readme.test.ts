import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { seatsTarget } from "../../../examples/crash-test/target.ts";
import { replaying } from "../src/choices.ts";
import { decodePlan } from "../src/codec.ts";
import { KINDS } from "../src/deviation.ts";
import { standard } from "../src/invariants/standard.ts";
import { explain } from "../src/report.ts";
import { run } from "../src/run.ts";

const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

/** The first cells of the rows of a table, unquoted, by the first cell of its head. */
function firstCells(head: string): string[] {
  const [, table = ""] = readme.split(`\n| ${head} |`);
  const [rows = ""] = table.split("\n\n");
  return [...rows.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell = ""]) => cell.replaceAll("`", "")).slice(1);
}

describe("the README", () => {
  test("shows the report that its line leads to, with its diagram", async () => {
    const [, shown = "", line = ""] =
      /```text\n(✗ I8[\s\S]*?)\n\n {2}Search: [\s\S]*?CRASH_REPLAY=(\S+)/.exec(readme) ?? [];
    const [, diagram = ""] = /```mermaid\n([\s\S]*?)\n```/.exec(readme) ?? [];
    const plan = decodePlan(line);
    const target = seatsTarget({ watches: false });
    const { failure } = await run({ target, plan, chooser: replaying(plan.deviations), invariants: standard() });
    if (failure === undefined) throw new Error("the plan of the README breaks nothing any more");
    const { text } = await explain(target, standard(), plan, failure);
    const [story = "", rest = ""] = text.split("\n\n  Mermaid\n");
    expect(shown).toBe(story);
    expect(`${diagram}\n`).toBe(rest.split("\n\n")[0]?.replaceAll(/^ {4}/gm, "").concat("\n"));
  });

  test("its line breaks nothing where the fault is mended", async () => {
    const [, line = ""] = /CRASH_REPLAY=(ct1\.\S{10,})/.exec(readme) ?? [];
    const plan = decodePlan(line);
    const target = seatsTarget({ watches: true });
    const { failure } = await run({ target, plan, chooser: replaying(plan.deviations), invariants: standard() });
    expect(failure).toBeUndefined();
  });

  test("lists the standard invariants, each with what it says", () => {
    const rows = standard({ model: ({ sent }) => sent }).map(({ id, says }) => `| \`${id}\` | ${says} |`);
    for (const row of rows) expect(readme).toContain(row);
    expect(new Set(firstCells("Id"))).toEqual(new Set(standard({ model: () => "" }).map(({ id }) => id)));
  });

  test("lists all kinds of deviations", () => {
    const listed = firstCells("Kind").flatMap((cell) => cell.split(", "));
    expect(new Set(listed)).toEqual(new Set(KINDS));
  });
});
