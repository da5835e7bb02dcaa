/** Which connection of a pool takes a packet or a call. Only those that are connected are considered. */
export type PoolChoice =
  /** Each in its turn. */
  | "roundRobin"
  /** Any. */
  | "random"
  /** The one with the fewest unsent bytes; of several, each in its turn. */
  | "leastUnsent"
  /**
   * The same one for the same key, as long as it is connected. When one is lost, only its keys go elsewhere, and when it
   * is back they come back (rendezvous hashing).
   */
  | { readonly key: string }
  /** The one of this id. */
  | { readonly id: string };

/** A connection that may be chosen. */
export interface Candidate {
  readonly id: string;
  /** The place among its like: later ones have been added later. */
  readonly order: number;
  readonly unsentBytes: number;
}

/**
 * Chooses a connection; undefined when there is none.
 *
 * @param candidates - in their order
 * @param last - the order of the one that was chosen last
 * @param random - from 0 to below 1; asked only if it is up to chance
 */
export function choose<One extends Candidate>(
  candidates: readonly One[],
  choice: PoolChoice,
  last: number,
  random: () => number,
): One | undefined {
  if (choice === "roundRobin") return nextAfter(candidates, last);
  if (choice === "random") return candidates[Math.floor(random() * candidates.length)];
  if (choice === "leastUnsent") {
    const least = Math.min(...candidates.map(({ unsentBytes }) => unsentBytes));
    const idlest = candidates.filter(({ unsentBytes }) => unsentBytes === least);
    return nextAfter(idlest, last);
  }
  if ("id" in choice) return candidates.find(({ id }) => id === choice.id);
  return highest(candidates, ({ id }) => weight(choice.key, id));
}

/** Whether it is one. */
export function isPoolChoice(value: unknown): value is PoolChoice {
  if (value === "roundRobin" || value === "random" || value === "leastUnsent") return true;
  if (typeof value !== "object" || value === null) return false;
  if ("key" in value) return typeof value.key === "string";
  return "id" in value && typeof value.id === "string";
}

function nextAfter<One extends Candidate>(candidates: readonly One[], last: number): One | undefined {
  return candidates.find(({ order }) => order > last) ?? candidates[0];
}

function highest<One>(candidates: readonly One[], weightOf: (candidate: One) => number): One | undefined {
  let best: One | undefined;
  let bestWeight = -1;
  for (const candidate of candidates) {
    const itsWeight = weightOf(candidate);
    if (itsWeight <= bestWeight) continue;
    best = candidate;
    bestWeight = itsWeight;
  }
  return best;
}

/** FNV-1a of both, mixed once more: without that, ids that differ in their last letter weigh almost the same. */
function weight(key: string, id: string): number {
  let hash = 0x811c9dc5;
  for (const character of `${key}\0${id}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
