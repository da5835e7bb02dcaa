import type { Invariant, RunView } from "../invariant.ts";

/**
 * Something that holds whenever nothing is left to do at a time. Signals that are late may still be under way then:
 * `world.signalsInFlight` of the view says how many. It is asked very often, and must only look.
 *
 * @param says - in one sentence; failures are told apart by it
 */
export function always(holds: (view: RunView) => boolean, says: string): Invariant {
  return {
    id: says,
    says,
    watch: (run) => ({
      quiet() {
        if (!holds(run)) run.violate(says, "it does not hold");
      },
    }),
  };
}
