import type { Line } from "./timeline.ts";

/** A line, and behind it those that have said the same again. */
export type Repeated = readonly [first: Line, ...again: Line[]];

/** Fewer than that are told one by one. */
const LEAST_TIMES = 3;

/** Of so many lines a group may be that comes again and again: a tick that all clients hear of. */
const MOST_PERIOD = 64;

/**
 * Lines of which those that say nothing new are one with the first that said it: the same line several times in a row, and
 * groups of lines that come again and again, such as what a tick brings about. Each line of a group stands there once, so that
 * the firsts are in their old order, no line is lost, and where nothing repeats all is as it was.
 */
export function collapse(lines: readonly Line[]): Repeated[] {
  const likenesses = lines.map(likenessOf);
  const collapsed: Repeated[] = [];
  for (let start = 0; start < lines.length;) {
    const { period, end } = groupAt(start, likenesses);
    const places: Array<[Line, ...Line[]]> = [];
    for (const [index, line] of lines.slice(start, end).entries()) {
      // Where a group has the same line twice in a row, the two are one.
      const isTwin = index > 0 && end > start + period && likenesses[start + index - 1] === likenesses[start + index];
      const known = places[index % period] ?? (isTwin ? places.at(-1) : undefined);
      known?.push(line);
      if (index < period) places.push(known ?? [line]);
    }
    collapsed.push(...new Set(places));
    start = end;
  }
  return collapsed;
}

/** The group that comes again and again from here on, by which most is saved, and where that is over. */
function groupAt(start: number, likenesses: readonly string[]): { readonly period: number; readonly end: number } {
  let best = { period: 1, end: start + 1 };
  for (let period = 1; period <= MOST_PERIOD; period += 1) {
    let end = start + period;
    while (end < likenesses.length && likenesses[end] === likenesses[end - period]) end += 1;
    const isRepeated = end - start >= period * LEAST_TIMES;
    if (isRepeated && end - period > best.end - best.period) best = { period, end };
  }
  return best;
}

function likenessOf({ verb, who, other, text, likeness = text }: Line): string {
  return [verb, who, other, likeness].join("\n");
}
