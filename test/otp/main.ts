import { closeSync, openSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { compareTraces } from "./compare.ts";
import { readScenarioFile, recordedTraces, scenarioFiles } from "./files.ts";
import { play } from "./play.ts";

/*
 * pnpm conformance [FILE|DIR]... [--out FILE]
 *
 * Plays scenarios and compares what happened with what Erlang/OTP did. A scenario without a recorded trace is only
 * played. `--out` gets one line of JSON for each: {"name", "trace"}.
 */
const { values, positionals } = parseArgs({
  // pnpm hands on the "--" that separates its own arguments.
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: { out: { type: "string" } },
  allowPositionals: true,
});

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const out = values.out === undefined ? undefined : openSync(values.out, "w");
let equal = 0;
let different = 0;

/** Plays one file; answers how it differs from its record, if it has one. */
async function differencesOf(file: string): Promise<readonly string[] | undefined> {
  const { scenario, trace } = readScenarioFile(file);
  const own = await play(scenario);
  if (out !== undefined) writeSync(out, `${JSON.stringify({ name: scenario.name, trace: own })}\n`);
  return trace === undefined ? undefined : compareTraces(trace, own).map(({ text }) => text);
}

for (const file of scenarioFiles(positionals.length === 0 ? [recordedTraces] : positionals)) {
  const differences = await differencesOf(file).catch((error: unknown) => [`not played: ${String(error)}`]);
  if (differences?.length === 0) equal += 1;
  if (differences === undefined || differences.length === 0) continue;
  different += 1;
  print(file);
  for (const text of differences) print(`  ${text}`);
}

if (out !== undefined) closeSync(out);
print(`${equal} equal, ${different} different`);
process.exitCode = different === 0 ? 0 : 1;
