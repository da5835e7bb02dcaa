import type { TraceEvent } from "@espalier/actors";
import { replaying } from "../../src/choices.ts";
import type { Deviation } from "../../src/deviation.ts";
import type { Invariant, Watched } from "../../src/invariant.ts";
import type { Plan } from "../../src/plan.ts";
import { type Failure, run } from "../../src/run.ts";
import type { Target } from "../../src/target.ts";
import { quietPlan } from "./targets.ts";

/** Runs a target once, watched by one law. */
export async function failureOf<Handle, Knobs extends object>(
  invariant: Invariant,
  target: Target<Handle, Knobs>,
  deviations: readonly Deviation[] = [],
  plan: Plan = quietPlan,
): Promise<Failure | undefined> {
  const chooser = replaying(deviations);
  const { failure } = await run({ target, plan: { ...plan, deviations }, chooser, invariants: [invariant] });
  return failure;
}

/** The same law, shown another trace than what happens: what a broken kernel would show. */
export function showing(invariant: Invariant, alter: (event: TraceEvent) => readonly TraceEvent[]): Invariant {
  return {
    ...invariant,
    watch(view) {
      const watch = invariant.watch(view);
      const handlers = (watch.on ?? {}) as Readonly<Record<string, ((event: TraceEvent) => void) | undefined>>;
      const show = (event: TraceEvent): void => {
        for (const shown of alter(event)) handlers[shown.type]?.(shown);
      };
      const altered = Object.keys(handlers).map((type) => [type, show] as const);
      return {
        on: Object.fromEntries(altered) as Watched,
        quiet: () => watch.quiet?.(),
        after: (phase) => watch.after?.(phase),
      };
    },
  };
}

/** An alteration that is made once, at the first event that it is for. */
export function once(
  isIt: (event: TraceEvent) => boolean,
  alter: (event: TraceEvent) => readonly TraceEvent[],
): (event: TraceEvent) => readonly TraceEvent[] {
  let isDone = false;
  return (event) => {
    if (isDone || !isIt(event)) return [event];
    isDone = true;
    return alter(event);
  };
}

/** That one is lost. */
export function losing(isIt: (event: TraceEvent) => boolean): (event: TraceEvent) => readonly TraceEvent[] {
  return once(isIt, () => []);
}

/** That one happens twice. */
export function doubling(isIt: (event: TraceEvent) => boolean): (event: TraceEvent) => readonly TraceEvent[] {
  return once(isIt, (event) => [event, event]);
}
