import type { Machine } from "./xstate.ts";

/** How many microsteps one event may take. XState lets a cycle of eventless transitions run for ever. */
const MOST_MICROSTEPS = 1000;

/** Children of one machine are made again and again. */
const limited = new WeakMap<Machine, Machine>();

/**
 * The same machine, ending by an error where a cycle of microsteps would hang the whole program; the machine itself if
 * it names a limit of its own.
 */
export function limitMicrosteps(machine: Machine): Machine {
  if (machine.config.options?.maxIterations !== undefined) return machine;
  let copy = limited.get(machine);
  if (copy === undefined) {
    // The user's own machine stays as it is; XState may run it elsewhere.
    copy = machine.provide({});
    copy.options.maxIterations = MOST_MICROSTEPS;
    limited.set(machine, copy);
  }
  return copy;
}
