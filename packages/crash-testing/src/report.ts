import { causalPast } from "./causal-past.ts";
import { replaying } from "./choices.ts";
import { encodePlan } from "./codec.ts";
import type { Coverage } from "./coverage.ts";
import { describeDeviation, describeWorkload, plural } from "./describe-plan.ts";
import type { Invariant } from "./invariant.ts";
import type { Plan } from "./plan.ts";
import { type Failure, run } from "./run.ts";
import type { Found, SearchResult } from "./search.ts";
import { sequenceDiagram } from "./sequence-diagram.ts";
import type { ShortNames } from "./short-names.ts";
import type { Declared, StatechartCoverage } from "./statechart-coverage.ts";
import type { Target } from "./target.ts";
import { formatTime, type Line, Timeline } from "./timeline.ts";
import { Witness } from "./witness.ts";

/** So many lines of the timeline are printed. */
const MOST_LINES = 30;

/** A failure, seen once more. */
export interface Explanation {
  readonly failure: Failure;
  /** What was done, what was unusual, what came of it, and how to have it again. */
  readonly text: string;
}

/** All that there is to say about a plan that breaks an invariant, from one more run of it. */
export async function explain<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  invariants: readonly Invariant[],
  plan: Plan,
  expected: Failure,
): Promise<Explanation> {
  const knobs = (target.knobs ?? {}) as Readonly<Record<string, readonly unknown[]>>;
  const witness = new Witness(() => timeline.end());
  const timeline = new Timeline(() => witness.run);
  const {
    failure = expected,
    deviations,
    peers,
  } = await run({
    target: noting(target, timeline),
    plan,
    chooser: replaying(plan.deviations),
    invariants: witness.of(invariants),
    tracer: timeline.see,
  });
  timeline.end();
  const { names } = timeline;
  const probe = failure.phase === "probe" ? peers.at(-1)?.script.host : undefined;
  const { lines, leftOut } = causalPast(timeline, { brokenBy: witness.brokenBy, failure, probe }, MOST_LINES);
  const law = invariants.find(({ id }) => id === failure.invariant);
  const text = [
    `✗ ${failure.invariant}: ${names.in(failure.message)}`,
    ...(law === undefined || law.says === failure.invariant ? [] : [`  the law: ${law.says}`]),
    "",
    ...titled("What was done", describeWorkload(plan), "nothing"),
    ...titled("What was unusual", describeUnusual(deviations, timeline, knobs), "nothing: it fails without any fault"),
    "",
    `  Timeline, in simulated milliseconds${leftOut === 0 ? "" : `, without ${plural(leftOut, "line")} of less weight`}`,
    ...lines.map((line) => `    ${printed(line, names)}`),
    `    ${formatTime(failure.time)}  ✗ ${failure.invariant} (${failure.phase})`,
    "",
    "  Mermaid",
    ...sequenceDiagram(lines, names, failure.invariant).map((line) => `    ${line}`),
    "",
    `  CRASH_REPLAY=${encodePlan({ ...plan, deviations })}`,
  ].join("\n");
  return { failure, text };
}

/** The same target, whose operations are seen. */
function noting<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  timeline: Timeline,
): Target<Handle, Knobs> {
  const operations = Object.entries(target.operations ?? {}).map(([name, perform]) => {
    const noted: typeof perform = (handle, surroundings) => {
      timeline.operation(name);
      return perform(handle, surroundings);
    };
    return [name, noted] as const;
  });
  return Object.assign(Object.create(target) as Target<Handle, Knobs>, { operations: Object.fromEntries(operations) });
}

function describeUnusual(
  deviations: Plan["deviations"],
  { lines, names }: Timeline,
  knobs: Readonly<Record<string, readonly unknown[]>>,
): string[] {
  // The timeline knows before what an actor crashes, and not only before which of its effects.
  const injected = lines.filter(({ verb }) => verb === "inject");
  return deviations.map((deviation) => {
    const nth = `effect #${deviation.ordinal + 1}`;
    const text = deviation.kind === "knob" ? undefined : injected.shift()?.text;
    return `${names.in(text ?? describeDeviation(deviation, knobs))}${deviation.kind === "crash" ? ` (${nth})` : ""}`;
  });
}

function printed({ time, verb, who, other, text }: Line, names: ShortNames): string {
  const [own, peer] = [names.of(who), other === undefined ? undefined : names.of(other)];
  const said = names.in(text);
  const at = formatTime(time);
  switch (verb) {
    case "inject":
      return `${at}  ⚡ INJECT  ${said}`;
    case "dead":
      return `${at}  ☠ dead    ${own}: ${said}`;
    case "signal":
      return `${at}    signal  ${peer === undefined || peer === own ? "" : `${peer} → `}${own}: ${said}`;
    case "exit":
      return `${at}    exit    ${own} → ${peer ?? "outside"}: ${said}`;
    case "spawn":
      return `${at}    spawn   ${peer ?? "outside"} → ${own}`;
    case "failed":
    case "state":
    case "timer":
    case "socket":
    case "client":
      return `${at}    ${verb.padEnd(7)} ${own} ${said}`;
  }
}

/** What a search has come to, in one line. */
export function summarise({ found, runs, steps, injected, ms }: SearchResult): string {
  const effort = `${plural(runs, "run")}, ${injected} crash${injected === 1 ? "" : "es"} injected, ${plural(steps, "signal")}`;
  return `${found === undefined ? "no failure in " : ""}${effort} in ${seconds(ms)}`;
}

/** So many names of what was not reached are printed. */
const MOST_NAMES = 5;

/** What was reached, in lines, with the names of some that were not: at most so many. */
export function describeCoverage(
  coverage: Coverage,
  chart: StatechartCoverage | undefined,
  mostNames: number = MOST_NAMES,
): string[] {
  const { points, missed } = coverage;
  const all = points.size * 2;
  const crashes = `crash points: ${points.size}, ${all - missed.length} of their ${all} crashes tried`;
  const charted =
    chart === undefined
      ? []
      : ([
          ["states", chart.states],
          ["events in states", chart.pairs],
          ["transitions", chart.transitions],
        ] as const);
  return [
    `${crashes}${named(missed, mostNames)}`,
    ...charted.map(([what, declared]) => `${what}: ${reached(declared)}${named(declared.missed, mostNames)}`),
  ];
}

function reached({ counts, missed }: Declared): string {
  return `${counts.size - missed.length} of ${counts.size}`;
}

function named(missed: readonly string[], most: number): string {
  if (missed.length === 0 || most === 0) return "";
  const shown = missed.slice(0, most).join("; ");
  return `; not ${shown}${missed.length > most ? `; and ${missed.length - most} more` : ""}`;
}

/** How a failure was found, in one line. */
function describeSearch({ strategy, foundAfter, foundMs, shrunkIn, shrinkMs, raw, plan }: Found): string {
  const found = `found by ${strategy} after ${plural(foundAfter, "run")} (${seconds(foundMs)})`;
  return `${found}, shrunk from ${sizeOf(raw)} to ${sizeOf(plan)} in ${shrunkIn} more (${seconds(shrinkMs)})`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function sizeOf({ deviations, peers, operations }: Plan): string {
  const ops = peers.reduce((sum, peer) => sum + peer.ops.length, 0) + operations.length;
  return `${plural(deviations.length, "deviation")}, ${plural(peers.length, "client")}, ${plural(ops, "operation")}`;
}

/** A failure as the message of the error that a test throws. */
export async function report<Handle, Knobs extends object>(
  name: string,
  target: Target<Handle, Knobs>,
  invariants: readonly Invariant[],
  { found }: SearchResult & { readonly found: Found },
  summary: string,
): Promise<string> {
  const { failure, plan, others } = found;
  const { text } = await explain(target, invariants, plan, failure);
  return [
    name,
    text,
    ...[...others].map(([id, other]) => `  Met on the way: ${id}\n  CRASH_REPLAY=${encodePlan(other)}`),
    "",
    `  Search: ${describeSearch(found)}`,
    `  In all: ${summary}`,
  ].join("\n");
}

function titled(title: string, lines: readonly string[], otherwise: string): string[] {
  return (lines.length === 0 ? [otherwise] : lines).map(
    (line, index) => `  ${(index === 0 ? title : "").padEnd(18)}${line}`,
  );
}
