/**
 * The known name that differs in the fewest letters, in at most a third of them: `prot` finds `port`, `foo` nothing. For errors
 * that say what was meant.
 */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const [closest] = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.ceil(name.length / 3))
    .toSorted((left, right) => left.distance - right.distance);
  return closest?.candidate;
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (const letter of left) {
    let diagonal = 0;
    let before = 0;
    row = row.map((above, column) => {
      const changed = diagonal + (right.charAt(column - 1) === letter ? 0 : 1);
      before = column === 0 ? above + 1 : Math.min(above + 1, before + 1, changed);
      diagonal = above;
      return before;
    });
  }
  return row.at(-1) ?? 0;
}
