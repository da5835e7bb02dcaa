import type { Invariant } from "../invariant.ts";
import { Bounds } from "./bounds.ts";
import { type Duration, toMs } from "./duration.ts";
import { type MachineFilter, Machines, StateTest, typeOf } from "./machines.ts";
import { nameOf } from "./name-of.ts";

export interface WithinTrigger extends MachineFilter {
  /** The type of the event that sets the time running. */
  readonly when: string;
  /** Only for a machine that handles it in this state. @defaultValue in any */
  readonly in?: string;
}

/**
 * A machine that handles an event is, within a time from then, in a state, or it is gone. The time is stretched by all that
 * was late meanwhile.
 *
 * `within({ when: "peerReset", in: "ready" }, { state: "closed" }, "100ms")`
 *
 * @throws TypeError for what is no duration
 */
export function within(trigger: WithinTrigger, { state }: { readonly state: string }, duration: Duration): Invariant {
  const limitMs = toMs(duration);
  const { when, in: where, ...filter } = trigger;
  const id = `${state} within ${duration} of ${when}${where === undefined ? "" : ` in ${where}`}`;
  return {
    id,
    says: `${limitMs} ms after ${when} a machine is in the state ${state} or gone`,
    names: { ...filter, states: { in: where, state }, events: { when } },
    watch(run) {
      const machines = new Machines(filter);
      const goal = new StateTest(state);
      const start = where === undefined ? undefined : new StateTest(where);
      const bounds = new Bounds(run, limitMs, (who, ms) => {
        run.violate(id, `${who} is not in ${state}, ${ms} ms after ${when}`);
      });
      return {
        on: {
          handled: (event) => {
            if (!machines.has(event)) return;
            const { pid } = event.subject;
            if (goal.matches(event.to)) bounds.end(pid);
            else if (typeOf(event.event) !== when || bounds.has(pid)) return;
            else if (start === undefined || start.matches(event.from)) bounds.begin(pid, nameOf(run, pid));
          },
          exit: ({ subject }) => bounds.end(subject.pid),
        },
        quiet: () => bounds.checkOldest(),
        after: () => bounds.checkAll(),
      };
    },
  };
}
