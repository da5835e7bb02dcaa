import type { Chooser, Decide } from "../../src/choices.ts";
import { type Deviation, type Kind, topicOf } from "../../src/deviation.ts";
import { Random } from "../../src/random.ts";

/** Everything is ordinary. */
export const ordinary: Chooser = { about: () => null };

/** Chance, of these kinds only. What it decides about one subject does not depend on what it is asked about others. */
export function chance(seed: number, kinds: readonly Kind[], onceIn = 2): Chooser {
  return {
    about(kind: Kind, subject: string): Decide | null {
      if (!kinds.includes(kind)) return null;
      const random = new Random(seed ^ topicOf(kind, subject));
      return (_ordinal, outcomes) => (outcomes > 1 && random.onceIn(onceIn) ? random.below(outcomes) : 0);
    },
  };
}

export function deviation(kind: Kind, subject: string, value: number, ordinal = 0): Deviation {
  return { kind, subject, ordinal, value };
}
