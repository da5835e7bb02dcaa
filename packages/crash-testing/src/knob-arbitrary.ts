import * as fc from "fast-check";
import type { Target } from "./target.ts";

/**
 * Settings of a server, one of the values for each. They shrink towards the first, which is the ordinary one.
 *
 * For those who start a server themselves; in a plan the settings are choices of kind `knob`, as all else that can be out of
 * the ordinary.
 *
 * @param knobs - as a target has them
 */
export function arbKnobs<Knobs extends object>(
  knobs: NonNullable<Target<unknown, Knobs>["knobs"]>,
): fc.Arbitrary<Knobs> {
  const each = Object.entries<readonly unknown[]>(knobs).map(([name, values]) => [name, fc.constantFrom(...values)]);
  // Each name has one of its own values.
  return fc.record(Object.fromEntries(each)) as fc.Arbitrary<Knobs>;
}
