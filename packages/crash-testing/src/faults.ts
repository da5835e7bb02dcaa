import * as fc from "fast-check";
import type { Chooser, Decide } from "./choices.ts";
import { extraordinary, HEATS } from "./choosers.ts";
import { type Kind, KINDS, topicOf } from "./deviation.ts";
import { Random } from "./random.ts";

/** Which kinds of faults there are in a run, and how often. Where and when they happen follows from the seed. */
export interface Faults {
  readonly seed: number;
  /** Once in so many choices of that kind. Kinds that are not there are ordinary. */
  readonly onceIn: { readonly [Of in Kind]?: number };
}

export interface FaultsOptions {
  /** The kinds that there may be. @defaultValue all */
  readonly kinds?: readonly Kind[];
  /** All kinds so many times as often as usual. @defaultValue 1 */
  readonly heat?: number;
}

/**
 * Faults as plain data: some of the kinds, each more or less often. What is left out makes room for what it would hide.
 * They shrink to fewer kinds; what has really happened in a run shrinks with the plan, see `arbPlan`.
 */
export function arbFaults({ kinds = KINDS, heat = 1 }: FaultsOptions = {}): fc.Arbitrary<Faults> {
  const times = (kind: Kind): fc.Arbitrary<number> =>
    fc.constantFrom(6, 2, 1, 0.5).map((factor) => Math.max((HEATS[kind] * factor) / heat, 1.2));
  return fc.record({
    seed: fc.nat(2 ** 31 - 1),
    onceIn: fc.record(Object.fromEntries(kinds.map((kind) => [kind, times(kind)])), { requiredKeys: [] }),
  });
}

/** Decides by faults. What it decides about one subject does not depend on what it is asked about others. */
export function drawing({ seed, onceIn }: Faults): Chooser {
  return {
    about(kind, subject): Decide | null {
      const times = onceIn[kind];
      if (times === undefined) return null;
      const random = new Random(seed ^ topicOf(kind, subject));
      return (_ordinal, outcomes) => (outcomes > 1 && random.onceIn(times) ? extraordinary(random, outcomes) : 0);
    },
  };
}
