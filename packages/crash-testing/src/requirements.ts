import type { Coverage } from "./coverage.ts";
import type { StatechartCoverage } from "./statechart-coverage.ts";

/** What a search has to have come by, so that finding nothing means something: shares from 0 to 1. */
export interface Requirements {
  /** Of the places where actors can crash: those that were reached have to have been thrown at and killed at. */
  readonly crashPoints?: number;
  /** Of the states of the target's `machine`. */
  readonly states?: number;
  /** Of its transitions. */
  readonly transitions?: number;
  /** What need not be reached, by patterns of the names that a failure shows. @defaultValue none */
  readonly except?: readonly RegExp[];
}

/** What was required, and not reached: a line each, with the names of what is missing. */
export function unmet(
  { crashPoints, states, transitions, except = [] }: Requirements,
  coverage: Coverage,
  chart: StatechartCoverage | undefined,
): string[] {
  const check = (title: string, share: number | undefined, all: number, missed: readonly string[]): string[] => {
    // Unlike `test`, `search` begins at the beginning each time, whatever the flags are.
    const missing = missed.filter((name) => !except.some((pattern) => name.search(pattern) >= 0));
    const reached = all - missing.length;
    if (share === undefined || all === 0 || reached / all >= share) return [];
    const said = `${title}: ${reached} of ${all} reached, and ${percent(share)} required; missing`;
    return [said, ...missing.map((name) => `  ${name}`)];
  };
  return [
    ...check("crash points", crashPoints, coverage.points.size * 2, coverage.missed),
    ...(chart === undefined
      ? []
      : [
          ...check("states", states, chart.states.counts.size, chart.states.missed),
          ...check("transitions", transitions, chart.transitions.counts.size, chart.transitions.missed),
        ]),
  ];
}

function percent(share: number): string {
  // So many digits that none of them comes of the multiplication.
  return `${Number((share * 100).toPrecision(12))} %`;
}
