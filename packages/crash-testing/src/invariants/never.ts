import type { Invariant } from "../invariant.ts";
import { type MachineFilter, Machines, StateTest, typeOf } from "./machines.ts";
import { nameOf } from "./name-of.ts";

export interface NeverOptions extends MachineFilter {
  /** The name of a state, such as `ready` or `ready.flowing`. */
  readonly state: string;
  /** The type of an event. */
  readonly event: string;
}

/**
 * No machine in this state handles such an event, whether it has a transition for it or not. A timer that was cancelled in
 * time is no event.
 *
 * `never({ state: "ready", event: "HANDSHAKE_TIMEOUT" })`
 */
export function never(options: NeverOptions): Invariant {
  const { state, event: type, ...filter } = options;
  const id = `never ${type} in ${state}`;
  return {
    id,
    says: `no machine in the state ${state} handles ${type}`,
    names: { ...filter, states: { state }, events: { event: type } },
    watch(run) {
      const machines = new Machines(filter);
      const test = new StateTest(state);
      return {
        on: {
          handled: (event) => {
            if (!machines.has(event) || typeOf(event.event) !== type || !test.matches(event.from)) return;
            run.violate(id, `${nameOf(run, event.subject.pid)} handles ${type} in ${state}`);
          },
        },
      };
    },
  };
}
