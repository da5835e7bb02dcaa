import type { Invariant } from "./invariant.ts";
import { standard } from "./invariants/standard.ts";
import { checkNames } from "./law-names.ts";
import { chooserOf, type DrawnPlan, remember } from "./plan-arbitrary.ts";
import { explain } from "./report.ts";
import { run } from "./run.ts";
import type { Target } from "./target.ts";
import { CrashFoundError } from "./errors.ts";

/**
 * Runs a plan, as the predicate of a property over `arbPlan`.
 *
 * @param invariants - default `standard()`
 * @throws CrashFoundError (`ERR_CRASH_FOUND`) if an invariant is broken, with the whole report; InvalidOptionError
 * (`ERR_INVALID_OPTION`) that names all states and events of invariants that the target's machine does not have, or answers
 * of clients that nobody can give; whatever the start of the target throws where nothing was out of the ordinary
 */
export async function runPlan<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  plan: DrawnPlan,
  invariants: readonly Invariant[] = standard(),
): Promise<void> {
  checkNames(invariants, target.machine);
  const { failure, deviations } = await run({ target, plan, chooser: chooserOf(plan), invariants });
  remember(plan, { deviations, invariant: failure?.invariant });
  // One that was to be simpler must not lead to another failure.
  if (failure === undefined || (plan.breaks ?? failure.invariant) !== failure.invariant) return;
  const { peers, operations } = plan;
  const { text } = await explain(target, invariants, { peers, operations, deviations }, failure);
  throw new CrashFoundError(text);
}
