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
    const missing = missed.filter((name) => !except.some((pattern) => pattern.test(name)));
    const reached = all === 0 ? 1 : 1 - missing.length / all;
    if (share === undefined || reached >= share) return [];
    const said = `${title}: ${percent(reached)} of ${all} reached, and ${percent(share)} required; missing`;
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
  return `${Math.floor(share * 100)} %`;
}
