import type { Change, Mutant } from "../mutant.ts";

/** What differs from one to the next, and the invariants that may rightly see it. */
export function heldOut(
  id: string,
  about: Pick<Mutant, "class" | "wrong" | "faults" | "targets">,
  [file, find, replace]: readonly [file: string, find: string, replace: string],
  ...seenBy: readonly string[]
): Mutant {
  const change: Change = { file, find, replace };
  return { id, origin: "classic", seenBy, ...about, change };
}
