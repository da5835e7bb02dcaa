import type { Entry } from "../vitest/journal.ts";
import type { MutateCommand } from "./command-line.ts";
import type { Print } from "./soak.ts";
import { VitestProcess } from "./vitest-process.ts";

/** Tries what nobody would notice in the statecharts of these tests. Answers the exit code. */
export async function mutate({ files, rest, runs, except }: MutateCommand, print: Print): Promise<number> {
  const variables = { CRASH_MUTATE: "1", CRASH_RUNS: String(runs) };
  const { code, entries, output } = await new VitestProcess([...files, ...rest], variables).ended;
  const own = entries.filter(({ mutant }) => mutant === undefined);
  if (own.length === 0) {
    print(output);
    print("no crash test with a machine has run: targets give one by `machine`");
    return 2;
  }
  const broken = own.filter(({ invariant }) => invariant !== undefined);
  for (const { test, invariant } of broken) print(`${test} fails without any change: ${invariant}`);
  const unused = own.filter(({ isUnused }) => isUnused === true);
  for (const { test } of unused) {
    print(`${test}: no actor runs the \`machine\` that start is given, so nobody could notice a change of it`);
  }
  if (broken.length > 0 || unused.length > 0) return 2;
  const codes = [...groupByTest(entries)].map(([test, tried]) => tell(test, tried, except, print));
  if (code === 0) return Math.max(...codes);
  // A mutant that is noticed fails no test.
  print(output);
  print("vitest has failed, so that not all may have been tried");
  return 2;
}

function groupByTest(entries: readonly Entry[]): Map<string, Entry[]> {
  const tests = new Map<string, Entry[]>();
  for (const entry of entries) {
    const known = tests.get(entry.test) ?? [];
    if (entry.mutant !== undefined) known.push(entry);
    tests.set(entry.test, known);
  }
  return tests;
}

function tell(test: string, tried: readonly Entry[], except: readonly RegExp[], print: Print): number {
  const noticed = tried.filter(({ invariant }) => invariant !== undefined);
  const survivors = tried.flatMap(({ mutant = "", invariant }) => (invariant === undefined ? [mutant] : []));
  const unwanted = survivors.filter((name) => !except.some((pattern) => pattern.test(name)));
  const excepted = survivors.length - unwanted.length;
  const besides = excepted === 0 ? "" : `, ${excepted} of the others by --except`;
  print(`${test}: ${noticed.length} of ${tried.length} changes are noticed${besides}`);
  if (unwanted.length === 0) return 0;
  print("  nothing fails when");
  for (const name of unwanted) print(`    ${name}`);
  return 1;
}
