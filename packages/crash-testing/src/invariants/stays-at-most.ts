import type { Invariant } from "../invariant.ts";
import { Bounds } from "./bounds.ts";
import { type Duration, toMs } from "./duration.ts";
import { type MachineFilter, Machines, StateTest } from "./machines.ts";
import { nameOf } from "./name-of.ts";

/**
 * No machine stays in a state for longer, from when it comes into it until it is in it no more or is gone. The time is
 * stretched by all that was late meanwhile.
 *
 * `staysAtMost("handshaking", "5s")`
 *
 * @throws TypeError for what is no duration
 */
export function staysAtMost(state: string, duration: Duration, filter: MachineFilter = {}): Invariant {
  const limitMs = toMs(duration);
  const id = `stays in ${state} at most ${duration}`;
  return {
    id,
    says: `no machine stays in the state ${state} for more than ${limitMs} ms`,
    names: { ...filter, states: { state } },
    watch(run) {
      const machines = new Machines(filter);
      const test = new StateTest(state);
      const bounds = new Bounds(run, limitMs, (who, ms) => run.violate(id, `${who} is in ${state} for ${ms} ms`));
      return {
        on: {
          handled: (event) => {
            if (!machines.has(event)) return;
            const { pid } = event.subject;
            if (!test.matches(event.to)) bounds.end(pid);
            else if (!bounds.has(pid)) bounds.begin(pid, nameOf(run, pid));
          },
          exit: ({ subject }) => bounds.end(subject.pid),
        },
        quiet: () => bounds.checkOldest(),
        after: () => bounds.checkAll(),
      };
    },
  };
}
