import type { EventObject } from "xstate";
import type { Candidate, Configuration, Plan, Selection } from "./configuration.ts";
import { guardError } from "./guard.ts";
import type { Step } from "./step.ts";
import type { Transition } from "./xstate.ts";

/*
 * Which of the transitions that an event may take are taken: those whose guards pass, as things stand in the step under
 * way.
 */

/** What an event does; null if nothing takes it. */
export function choose(step: Step, selection: Selection, event: EventObject): Plan | null {
  if (selection.regions.length > 0) return chooseInRegions(step, selection, event);
  const candidate = firstOf(step, selection.candidates, event);
  return candidate === null ? null : (candidate.plan ?? step.configuration.planOf(candidate, false));
}

function chooseInRegions(step: Step, selection: Selection, event: EventObject): Plan | null {
  const taken = transitionsFor(step, selection, event);
  return taken.length === 0 ? null : step.configuration.planOfAll(taken, false);
}

/** All transitions that an event takes: one at most, unless there are parallel states. */
export function transitionsFor(step: Step, selection: Selection, event: EventObject): readonly Transition[] {
  const taken: Transition[] = [];
  collect(step, selection, event, taken);
  return taken;
}

function collect(step: Step, selection: Selection, event: EventObject, taken: Transition[]): void {
  const before = taken.length;
  for (const region of selection.regions) collect(step, region, event, taken);
  if (taken.length > before) return;
  const candidate = firstOf(step, selection.candidates, event);
  if (candidate !== null) taken.push(candidate.transition);
}

function firstOf(step: Step, candidates: readonly Candidate[], event: EventObject): Candidate | null {
  for (let index = 0; index < candidates.length; index += 1) {
    const candidate = candidates[index] as Candidate;
    const { guard } = candidate;
    if (guard === null) return candidate;
    try {
      if (guard.passes(step.arguments, step.look)) return candidate;
    } catch (error) {
      const { guard: definition, source } = candidate.transition;
      throw guardError(definition, event.type, source.id, error);
    }
  }
  return null;
}

/** What happens without an event; null if nothing does. */
export function chooseAlways(step: Step, always: Configuration["always"]): Plan | null {
  const taken = new Set<Transition>();
  for (const candidates of always) {
    const candidate = candidates.find(({ guard }) => guard === null || guard.passes(step.arguments, step.look));
    if (candidate !== undefined) taken.add(candidate.transition);
  }
  return taken.size === 0 ? null : step.configuration.planOfAll([...taken], true);
}
