import { decodePlan } from "../codec.ts";
import type { Plan } from "../plan.ts";

/** What the environment says about how to search. */
export interface Environment {
  /** `CRASH_REPLAY`: this plan, and nothing else. */
  readonly replay: Plan | undefined;
  /** `CRASH_RUNS`: so many runs. */
  readonly runs: number | undefined;
  /** `CRASH_TIME`: for so long, in seconds. */
  readonly timeMs: number | undefined;
  /** `CRASH_SEED`: what all that is random follows from. */
  readonly seed: number | undefined;
  /** `CRASH_JOURNAL`: the file that `crash soak` and `crash mutate` read. */
  readonly journal: string | undefined;
  /** `CRASH_MUTATE`: mutants are tried, instead of what is to be tested. */
  readonly isMutating: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads `CRASH_REPLAY`, `CRASH_RUNS`, `CRASH_TIME` and `CRASH_SEED`, and what the commands say.
 *
 * @throws RangeError that names the variable, for what is no number; PlanTextError (`ERR_PLAN_TEXT`)
 */
export function readEnvironment(variables: Variables): Environment {
  const seconds = numberOf(variables, "CRASH_TIME", 0);
  const { CRASH_REPLAY: replay, CRASH_JOURNAL: journal, CRASH_MUTATE: mutate } = variables;
  return {
    replay: isGiven(replay) ? decodePlan(replay.trim()) : undefined,
    runs: numberOf(variables, "CRASH_RUNS", 1),
    timeMs: seconds === undefined ? undefined : seconds * 1000,
    seed: numberOf(variables, "CRASH_SEED", 0),
    journal: isGiven(journal) ? journal : undefined,
    isMutating: isGiven(mutate),
  };
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function numberOf(variables: Variables, name: string, least: number): number | undefined {
  const { [name]: text } = variables;
  if (!isGiven(text)) return undefined;
  const number = Number(text);
  if (Number.isFinite(number) && number >= least) return number;
  throw new RangeError(`${name} is ${JSON.stringify(text)}; expected a number of at least ${least}`);
}
