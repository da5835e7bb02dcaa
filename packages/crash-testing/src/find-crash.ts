import type { AnyStateMachine } from "xstate";
import { encodePlan } from "./codec.ts";
import { type CrashConfig, type CrashOptions, toCrashConfig } from "./crash-options.ts";
import type { Plan } from "./plan.ts";
import { describeCoverage, report, summarise } from "./report.ts";
import { unmet } from "./requirements.ts";
import type { Failure } from "./run.ts";
import { search, type SearchResult } from "./search.ts";
import { StatechartCoverage } from "./statechart-coverage.ts";
import type { Target } from "./target.ts";
import { Unentered } from "./unentered.ts";

/** What a search for crashes has come to. */
export interface CrashSearch {
  /** What was found: which invariant does not hold, and when. Undefined: nothing. */
  readonly failure: Failure | undefined;
  /** The simplest plan that leads there, and the same as a line for `CRASH_REPLAY`. */
  readonly plan: Plan | undefined;
  readonly line: string | undefined;
  /** All that there is to say about it, for people; if nothing was found, what was required and not reached. */
  readonly report: string | undefined;
  /** How much was tried, and how much of the server was reached by that. */
  readonly summary: string;
  /** The same in one line. */
  readonly brief: string;
  readonly runs: number;
}

/**
 * Runs a server under all faults that can be thought of until an invariant is broken or the time is over, and shrinks what it
 * has found. `crashTest` is this as a test of vitest.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`); whatever the target's start throws where nothing was out of the ordinary
 */
export async function findCrash<Handle, Knobs extends object, Machine extends AnyStateMachine = AnyStateMachine>(
  target: Target<Handle, Knobs, Machine>,
  options: CrashOptions<Knobs> = {},
): Promise<CrashSearch> {
  return findCrashIn("crash", toCrashConfig(target, options), []);
}

/** The same, for options that are complete, with plans that are run first. */
export async function findCrashIn<Handle, Knobs extends object>(
  name: string,
  config: CrashConfig<Handle, Knobs>,
  corpus: readonly Plan[],
): Promise<CrashSearch> {
  const { target, invariants, require } = config;
  const chart = target.machine === undefined ? undefined : new StatechartCoverage(target.machine);
  const unentered = new Unentered(invariants);
  const watched = [...invariants, unentered.watcher, ...(chart === undefined ? [] : [chart.watcher])];
  const result = await search({ ...config, invariants: watched, corpus });
  const [effort, idle] = [summarise(result), unentered.describe()];
  const summary = [effort, ...describeCoverage(result.coverage, chart), ...idle].join("\n          ");
  const brief = [effort, ...describeCoverage(result.coverage, chart, 0), ...idle].join("; ");
  const { found, runs } = result;
  if (found !== undefined) {
    const { failure, plan } = found;
    const text = await report(name, target, invariants, { ...result, found }, summary);
    return { failure, plan, line: encodePlan(plan), report: text, summary, brief, runs };
  }
  const missing = unmet(require, result.coverage, chart);
  const text = missing.length === 0 ? undefined : notReached(name, result, missing);
  return { failure: undefined, plan: undefined, line: undefined, report: text, summary, brief, runs };
}

function notReached(name: string, result: SearchResult, missing: readonly string[]): string {
  const hint = "  More runs, other peers or other knobs may reach it; `require.except` says what need not be.";
  return [
    name,
    "✗ nothing was found, but not all was tried",
    ...missing.map((line) => `  ${line}`),
    hint,
    `  In all: ${summarise(result)}`,
  ].join("\n");
}
