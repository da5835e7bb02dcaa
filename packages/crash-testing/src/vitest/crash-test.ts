import { dirname } from "node:path";
import { cwd, env } from "node:process";
import { expect, test } from "vitest";
import type { AnyStateMachine } from "xstate";
import * as choices from "../choices.ts";
import { decodePlan } from "../codec.ts";
import { type CrashConfig, type CrashOptions, toCrashConfig } from "../crash-options.ts";
import { findCrashIn } from "../find-crash.ts";
import type { Plan } from "../plan.ts";
import { explain } from "../report.ts";
import { run } from "../run.ts";
import type { Target } from "../target.ts";
import { Corpus } from "./corpus.ts";
import { CrashFoundError } from "../errors.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { Journal } from "./journal.ts";
import { mutate } from "./mutate.ts";
import { say } from "./say.ts";

/** See `crashTest`. */
export interface CrashTest {
  <Handle, Knobs extends object, Machine extends AnyStateMachine = AnyStateMachine>(
    name: string,
    target: Target<Handle, Knobs, Machine>,
    options?: CrashOptions<Knobs>,
  ): void;
  /**
   * A test that runs one plan, so that what it once found stays fixed: `crashTest.replay("no seat is lost", target, "ct1.…")`.
   *
   * @throws PlanTextError (`ERR_PLAN_TEXT`)
   */
  replay<Handle, Knobs extends object, Machine extends AnyStateMachine = AnyStateMachine>(
    name: string,
    target: Target<Handle, Knobs, Machine>,
    line: string,
    options?: Pick<CrashOptions<Knobs>, "invariants" | "model" | "knobs" | "healMs">,
  ): void;
}

/** A test that has less time than this beside its search would fail on a busy machine: the last run, and shrinking. */
const GRACE_MS = 120_000;
/** The longest timer of Node: it takes longer ones for 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * A test that crashes a server in every way that can be thought of in the time that it has, and fails with the simplest run
 * that breaks an invariant: the message is the report. What it finds is kept in `.crash` beside the test file, and run first
 * from then on.
 *
 * One that passes says in one line what it has tried, as output of the test, which vitest's `silent: "passed-only"` keeps back.
 * All of it is an annotation, for the reporters that show those.
 *
 * `CRASH_REPLAY` has it run one plan only; `CRASH_RUNS`, `CRASH_TIME` (seconds) and `CRASH_SEED` change how it searches.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) that names all faults of the options
 */
export const crashTest: CrashTest = Object.assign(searching, { replay: replaying });

function searching<Handle, Knobs extends object>(
  name: string,
  target: Target<Handle, Knobs>,
  options: CrashOptions<Knobs> = {},
): void {
  const environment = readEnvironment(env);
  const config = withEnvironment(toCrashConfig(target, options), environment);
  const { replay, journal, isMutating } = environment;
  const diary = new Journal(journal, name);
  test.skipIf(isMutating && target.machine === undefined)(
    name,
    async ({ annotate }) => {
      if (isMutating) return mutate(config, diary);
      if (replay !== undefined) return replayed(name, config, replay);
      const { testPath } = expect.getState();
      const corpus = new Corpus(testPath === undefined ? cwd() : dirname(testPath), name);
      const { plan, report, line, failure, summary, brief, runs } = await findCrashIn(name, config, corpus.plans);
      diary.write({ runs, invariant: failure?.invariant, line });
      const unkept = plan === undefined ? undefined : unkeptIn(corpus, plan);
      if (report !== undefined) throw new CrashFoundError(unkept === undefined ? report : `${report}\n${unkept}`);
      // For those who have vitest ask each test for an assertion.
      expect(failure).toBeUndefined();
      say(brief);
      await annotate(summary, "crash test");
    },
    isMutating ? Infinity : Math.min(config.timeMs * 4 + GRACE_MS, LONGEST_MS),
  );
}

/** Keeps a plan; if that cannot be done, as in a checkout that is not to be written to, says so. */
function unkeptIn(corpus: Corpus, plan: Plan): string | undefined {
  try {
    corpus.add(plan);
  } catch (error) {
    return `  It could not be kept: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}

function replaying<Handle, Knobs extends object>(
  name: string,
  target: Target<Handle, Knobs>,
  line: string,
  options: Pick<CrashOptions<Knobs>, "invariants" | "model" | "knobs" | "healMs"> = {},
): void {
  const config = toCrashConfig(target, options);
  const plan = decodePlan(line);
  test(name, () => replayed(name, config, plan), GRACE_MS);
}

async function replayed<Handle, Knobs extends object>(
  name: string,
  { target, invariants }: CrashConfig<Handle, Knobs>,
  plan: Plan,
): Promise<void> {
  const { failure } = await run({ target, plan, chooser: choices.replaying(plan.deviations), invariants });
  // A plan that breaks nothing any more is what is hoped for.
  if (failure !== undefined) {
    const { text } = await explain(target, invariants, plan, failure);
    throw new CrashFoundError(`${name}, replayed\n${text}`);
  }
  expect(failure).toBeUndefined();
}

function withEnvironment<Handle, Knobs extends object>(
  config: CrashConfig<Handle, Knobs>,
  { runs, timeMs, seed }: Environment,
): CrashConfig<Handle, Knobs> {
  const isGiven = runs !== undefined || timeMs !== undefined;
  return {
    ...config,
    seed: seed ?? config.seed,
    // Who says one of the two does not want the other one's default.
    runs: isGiven ? (runs ?? Infinity) : config.runs,
    timeMs: isGiven ? (timeMs ?? Infinity) : config.timeMs,
  };
}
