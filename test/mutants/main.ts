import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.ts";
import { corpus } from "./corpus.ts";
import { type MutantResult, summary, tableOfMutants, tableOfTargets } from "./figures.ts";
import type { Change, Mutant } from "./mutant.ts";
import { replays, replaysOnSockets, searchFor, searchStatecharts } from "./processes.ts";
import { TARGET_NAMES } from "./target-names.ts";

/*
 * `npx -y pnpm@12 mutants`: how much the crash tests find. Each mutant is searched for in a process of its own, with the
 * sources as they would be if somebody had made that mistake; then the sources as they are, in which nothing may be found.
 *
 *   --only id,…       these mutants and targets; what ends in `-` stands for all that begin so
 *   --seconds 10      for each seed; each target of the sources as they are gets as much
 *   --seeds 3         how many
 *   --workers 2       how many processes at a time
 *   --sockets         has what clients see of a mutant executed again on real sockets
 *   --json file       writes the figures as JSON, too
 *   --also file       makes the changes in this file of JSON first, such as the repair of a bug that is known
 *   --without parts   leaves out `mutants`, `original`, `statechart`
 */

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: {
    only: { type: "string" },
    seconds: { type: "string", default: "10" },
    seeds: { type: "string", default: "3" },
    workers: { type: "string", default: "2" },
    sockets: { type: "boolean", default: false },
    json: { type: "string" },
    also: { type: "string" },
    without: { type: "string", default: "" },
  },
});

const timeMs = Number(values.seconds) * 1000;
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1);
const also = values.also === undefined ? [] : (JSON.parse(await readFile(values.also, "utf8")) as Change[]);
const without = values.without.split(",");
const folder = await mkdtemp(join(os.tmpdir(), "mutants-"));

try {
  const mutants = without.includes("mutants") ? [] : corpus.filter(({ id }) => isWanted(id));
  const results = await inTurn(mutants, Number(values.workers), judge);
  if (results.length > 0) print(tableOfMutants(results));
  const names = without.includes("original") ? [] : TARGET_NAMES.filter(isWanted);
  const program = await bundle(folder, undefined, also);
  const originals = await inTurn(names, Number(values.workers), async (target) => {
    const findings = await searchFor(program, { targets: [target], seeds, timeMs });
    progress(`${target}: ${findings.some(({ found, thrown }) => found ?? thrown) ? "a failure" : "no failure"}`);
    return { target, findings };
  });
  if (originals.length > 0) print(tableOfTargets(originals));
  const statecharts =
    without.includes("statechart") || !isWanted("statechart") ? [] : await searchStatecharts(program, timeMs, seeds);
  print(summary(results, originals, statecharts));
  if (values.json !== undefined) {
    await writeFile(values.json, JSON.stringify({ timeMs, seeds, results, originals, statecharts }, undefined, 2));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function judge(mutant: Mutant): Promise<MutantResult> {
  const program = await bundle(folder, mutant, also);
  const { id, targets } = mutant;
  const findings = await searchFor(program, { targets, seeds, timeMs });
  const lines = findings.flatMap(({ found }) => (found === undefined ? [] : [found]));
  const replayed = await replays(program, lines);
  const onSockets = values.sockets ? await replaysOnSockets(program, lines) : [];
  await rm(program);
  const seen = [
    ...new Set(
      findings.map(({ found, thrown }) => found?.invariant ?? (thrown === undefined ? "not found" : "thrown")),
    ),
  ];
  progress(`${id}: ${seen.join(", ")}`);
  return { mutant, findings, replayed, onSockets };
}

function isWanted(name: string): boolean {
  if (values.only === undefined) return true;
  return values.only.split(",").some((wanted) => (wanted.endsWith("-") ? name.startsWith(wanted) : name === wanted));
}

/** So many at a time, answers in the order of the items. */
async function inTurn<Item, Result>(
  items: readonly Item[],
  workers: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next; index < items.length; index = next) {
      next += 1;
      results[index] = await work(items[index] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, workers) }, worker));
  return results;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
