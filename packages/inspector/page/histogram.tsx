import type { Aggregate } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { colourOf } from "./colours.ts";
import { formatCount } from "./format.ts";

/** The states of an aggregate, those with most first. */
export function statesOf({ states }: Aggregate): readonly (readonly [string, number])[] {
  return Object.entries(states).toSorted(([, left], [, right]) => right - left);
}

/** How many are in which state, as one bar. */
export function StateBar({ aggregate }: { readonly aggregate: Aggregate }): JSX.Element {
  return (
    <span class="state-bar" aria-hidden="true">
      {statesOf(aggregate).map(([state, count]) => (
        <i key={state} style={{ flexGrow: count, background: colourOf(state) }} />
      ))}
    </span>
  );
}

/** The same with a line for each state. */
export function StateHistogram({
  aggregate,
  hrefOf,
}: {
  readonly aggregate: Aggregate;
  /** Where those of one state are listed. */
  readonly hrefOf: (state: string) => string;
}): JSX.Element {
  const states = statesOf(aggregate);
  const most = states[0]?.[1] ?? 1;
  return (
    <ul class="histogram">
      {states.map(([state, count]) => (
        <li key={state}>
          <span class="name">{state === "other" ? state : <a href={hrefOf(state)}>{state}</a>}</span>
          <span class="bar">
            <i style={{ width: `${(100 * count) / most}%`, background: colourOf(state) }} />
          </span>
          <span class="number">{formatCount(count)}</span>
        </li>
      ))}
    </ul>
  );
}
