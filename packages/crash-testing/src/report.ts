import { causalPast } from "./causal-past.ts";
import { replaying } from "./choices.ts";
import { encodePlan } from "./codec.ts";
import type { Repeated } from "./collapse.ts";
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
  /** What was unusual, what was done, and what came of it. */
  readonly story: string;
  /** The same, and how to have it again. */
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
  const story = [
    `✗ ${failure.invariant}: ${names.in(failure.message)}`,
    ...(law === undefined || law.says === failure.invariant ? [] : [`  the law: ${law.says}`]),
    "",
    ...titled("What was unusual", describeUnusual(deviations, timeline, knobs), "nothing: it fails without any fault"),
    ...titled("What was done", describeWorkload(plan), "nothing: no clients, no operations"),
    ...titled(
      "Who is who",
      describeNames(lines, timeline, peers[plan.peers.length]?.script.host),
      "nobody has done anything",
    ),
    "",
    `  Timeline, in simulated milliseconds${leftOut === 0 ? "" : `, without ${plural(leftOut, "line")} of less weight`}`,
    ...lines.map((line) => `    ${printed(line, names)}`),
    `    ${formatTime(failure.time)}  ✗ ${failure.invariant} (${failure.phase})`,
    "",
    "  Mermaid",
    ...sequenceDiagram(lines, names, failure.invariant).map((line) => `    ${line}`),
  ].join("\n");
  return { failure, story, text: `${story}\n\n  ${replayLine({ ...plan, deviations })}` };
}

function replayLine(plan: Plan): string {
  return `CRASH_REPLAY=${encodePlan(plan)}`;
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

/** Whom the handlers in these lines serve, and of what the actors are parts whose names are short. */
function describeNames(lines: readonly Repeated[], timeline: Timeline, probe: string | undefined): string[] {
  const { names } = timeline;
  const shown = new Set(lines.flatMap(([{ who, other = who }]) => [who, other]));
  const served = timeline.clients.flatMap((host) => {
    const handler = timeline.handlerOf(host);
    const serves = `${handler === undefined ? "nobody" : names.of(handler)} serves ${host}`;
    if (host === probe) return [`${serves}, the new client that comes when all is well again`];
    return handler !== undefined && shown.has(handler) ? [serves] : [];
  });
  const parts = new Map<string, Set<string>>();
  for (const name of shown) {
    const short = names.of(name);
    const [part = ""] = short.split(/[/~]/);
    const whole = name.slice(0, -short.length - 1);
    if (whole !== "") parts.set(whole, (parts.get(whole) ?? new Set()).add(part));
  }
  return [...served, ...[...parts].map(([whole, own]) => `${[...own].join(", ")} in ${whole}`)];
}

function printed([line, ...again]: Repeated, names: ShortNames): string {
  const once = printedOnce(line, names);
  const last = again.at(-1);
  if (last === undefined) return once;
  const said = last.text === line.text ? "" : `: ${names.in(last.text)}`;
  return `${once}  … ${again.length + 1} times until ${formatTime(last.time).trimStart()}${said}`;
}

function printedOnce({ time, verb, who, other, text }: Line, names: ShortNames): string {
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
  const { story } = await explain(target, invariants, plan, failure);
  return [
    name,
    story,
    "",
    ...[...others].map(([id, other]) => `  Met on the way: ${id}, by ${encodePlan(other)}`),
    `  Search: ${describeSearch(found)}`,
    `  In all: ${summary}`,
    "",
    "  To have the same again, put this in front of the command that runs the crashTest:",
    `  ${replayLine(plan)}`,
  ].join("\n");
}

function titled(title: string, lines: readonly string[], otherwise?: string): string[] {
  const given = lines.length === 0 && otherwise !== undefined ? [otherwise] : lines;
  return given.map((line, index) => `  ${(index === 0 ? title : "").padEnd(18)}${line}`);
}
