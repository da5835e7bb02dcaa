import type { AnyStateMachine } from "xstate";
import type { CrashConfig } from "../crash-options.ts";
import { search } from "../search.ts";
import { statechartMutants } from "../statechart-mutants.ts";
import type { Journal } from "./journal.ts";

/** Whether somebody notices that a machine is another one: the id of the invariant that is broken, and after how many runs. */
export type Trial = (
  machine: AnyStateMachine,
) => Promise<{ readonly invariant: string | undefined; readonly runs: number }>;

/** Tries each mutant of a machine, and writes down which were noticed; the machine itself comes first, and must pass. */
export async function tryMutants(machine: AnyStateMachine, attempt: Trial, journal: Journal): Promise<void> {
  const own = await attempt(machine);
  journal.write(own);
  if (own.invariant !== undefined) return;
  for (const { name, machine: mutant } of statechartMutants(machine)) {
    journal.write({ mutant: name, ...(await attempt(mutant)) });
  }
}

/** Searches each mutant of the target's machine as the target itself is searched. */
export async function mutate<Handle, Knobs extends object>(
  config: CrashConfig<Handle, Knobs>,
  journal: Journal,
): Promise<void> {
  const { target } = config;
  if (target.machine === undefined) return;
  const attempt: Trial = async (machine) => {
    try {
      const { found, runs } = await search({
        ...config,
        target: Object.assign(Object.create(target) as typeof target, { machine }),
        mostShrinkRuns: 0,
      });
      return { invariant: found?.failure.invariant, runs };
    } catch (error) {
      // It does not even start.
      if (machine === target.machine) throw error;
      return { invariant: "start", runs: 1 };
    }
  };
  await tryMutants(target.machine, attempt, journal);
}
