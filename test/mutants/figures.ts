import type { Finding, StatechartFinding } from "./job.ts";
import type { Mutant } from "./mutant.ts";

/** What became of one mutant. */
export interface MutantResult {
  readonly mutant: Mutant;
  readonly findings: readonly Finding[];
  /** Of each that was found: whether its line leads there in a fresh process. */
  readonly replayed: readonly boolean[];
  /** The same on real sockets, of those that can be had there and are seen by clients. */
  readonly onSockets: readonly boolean[];
}

/** What became of the sources as they are, on one target. */
export interface TargetResult {
  readonly target: string;
  readonly findings: readonly Finding[];
}

const SECONDS = [1, 10, 60] as const;

export function tableOfMutants(results: readonly MutantResult[]): string {
  const header = [
    "mutant",
    "class",
    "faults",
    ...SECONDS.map((seconds) => `${seconds} s`),
    "runs (p90)",
    "ms",
    "dev/clients/ops",
    "shrink runs/ms",
    "line",
    "replay",
    "seen by",
  ];
  const rows = results.map(({ mutant, findings, replayed }) => {
    const hits = findings.filter((finding) => finding.found ?? finding.thrown);
    const found = hits.flatMap((finding) => finding.found ?? []);
    const within = (seconds: number): string =>
      `${hits.filter(({ ms }) => ms <= seconds * 1000).length}/${findings.length}`;
    const names = [...new Set(found.map(({ invariant }) => invariant))];
    const isNamed = found.every(({ invariant }) => mutant.seenBy.includes(invariant));
    return [
      mutant.id,
      mutant.class,
      mutant.faults === 3 ? "3+" : String(mutant.faults),
      ...SECONDS.map(within),
      hits.length === 0
        ? `none in ${median(findings.map(({ runs }) => runs))}`
        : `${median(hits.map(({ runs }) => runs))} (${p90(hits.map(({ runs }) => runs))})`,
      hits.length === 0 ? "" : median(hits.map(({ ms }) => ms)),
      [
        median(found.map(({ deviations }) => deviations)),
        median(found.map(({ clients }) => clients)),
        median(found.map(({ ops }) => ops)),
      ].join("/"),
      `${median(found.map(({ shrunkIn }) => shrunkIn))}/${median(found.map(({ shrinkMs }) => shrinkMs))}`,
      median(found.map(({ line }) => line.length)),
      `${replayed.filter(Boolean).length}/${replayed.length}`,
      `${names.join(", ")}${isNamed ? "" : " (!)"}${hits.some(({ thrown }) => thrown) ? " thrown" : ""}`,
    ];
  });
  return table(header, rows);
}

export function tableOfTargets(results: readonly TargetResult[]): string {
  const rows = results.map(({ target, findings }) => {
    const runs = sum(findings.map((finding) => finding.runs));
    const seconds = sum(findings.map(({ ms }) => ms)) / 1000;
    const failures = findings.flatMap(({ found, thrown }) =>
      found === undefined ? (thrown ?? []) : `${found.invariant} ${found.line}`,
    );
    const steps = sum(findings.map((finding) => finding.steps));
    return [
      target,
      String(runs),
      (runs / seconds).toFixed(0),
      (steps / seconds).toFixed(0),
      failures.length === 0 ? "none" : failures.join("; "),
    ];
  });
  return table(["sources as they are", "runs", "runs/s", "steps/s", "failures"], rows);
}

/** The totals. */
export function summary(
  results: readonly MutantResult[],
  originals: readonly TargetResult[],
  statecharts: readonly StatechartFinding[],
): string {
  const lines: string[] = [];
  if (results.length > 0) {
    const always = results.filter(({ findings }) => findings.every((finding) => finding.found ?? finding.thrown));
    const once = results.filter(({ findings }) => findings.some((finding) => finding.found ?? finding.thrown));
    const found = results.flatMap(({ findings }) => findings.flatMap((finding) => finding.found ?? []));
    const replayed = results.flatMap((result) => result.replayed);
    const named = results.flatMap(({ mutant, findings }) =>
      findings.flatMap((finding) =>
        finding.found === undefined ? [] : [mutant.seenBy.includes(finding.found.invariant)],
      ),
    );
    lines.push(
      `${always.length} of ${results.length} mutants found with every seed, ${once.length} with one at least: score ${(once.length / results.length).toFixed(2)}`,
      `median: ${median(results.flatMap(({ findings }) => findings.filter(({ found: hit }) => hit !== undefined).map(({ runs }) => runs)))} runs to find, ` +
        `${median(found.map(({ deviations }) => deviations))} deviations and ${median(found.map(({ clients }) => clients))} clients when shrunk, ` +
        `in ${median(found.map(({ shrunkIn }) => shrunkIn))} runs; the line has ${median(found.map(({ line }) => line.length))} characters`,
      `${replayed.filter(Boolean).length} of ${replayed.length} lines replay in a fresh process; in ${named.filter(Boolean).length} of ${named.length} cases the invariant is one that was expected`,
    );
    const onSockets = results.flatMap((result) => result.onSockets);
    if (onSockets.length > 0)
      lines.push(
        `${onSockets.filter(Boolean).length} of ${onSockets.length} that clients see are there on real sockets`,
      );
    const missed = results.filter((result) => !once.includes(result)).map(({ mutant }) => mutant.id);
    if (missed.length > 0) lines.push(`not found: ${missed.join(", ")}`);
  }
  if (originals.length > 0) {
    const all = originals.flatMap(({ findings }) => findings);
    const failures = all.filter(({ found, thrown }) => found ?? thrown).length;
    lines.push(`${failures} failures in ${sum(all.map(({ runs }) => runs))} runs of the sources as they are`);
  }
  if (statecharts.length > 0) {
    const killed = statecharts.filter(({ invariant }) => invariant !== undefined);
    lines.push(`${killed.length} of ${statecharts.length} mutants of the statechart found`);
    for (const { name, invariant } of statecharts)
      if (invariant === undefined) lines.push(`  nothing fails when ${name}`);
  }
  return lines.join("\n");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function median(numbers: readonly number[]): string {
  return quantile(numbers, 0.5);
}

function p90(numbers: readonly number[]): string {
  return quantile(numbers, 0.9);
}

function quantile(numbers: readonly number[], part: number): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return value === undefined ? "-" : value.toFixed(0);
}

function table(header: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
