import type { System } from "../system.ts";

/** What is left of a system: all empty after a shutdown, or something leaked. */
export interface Residue {
  readonly actors: readonly string[];
  readonly names: readonly string[];
  readonly resources: readonly string[];
  readonly timers: number;
  readonly tasks: number;
}

/** Lists all that still lives in a system. */
export function residue(system: System): Residue {
  const { processes, names, timers, tasks } = system.inspect();
  return {
    actors: processes.map(({ path }) => path),
    names: [...names.keys()],
    resources: processes.flatMap(({ path, resources }) =>
      resources.map(({ kind, description }) => `${kind} of ${path}: ${description}`),
    ),
    timers,
    tasks,
  };
}
