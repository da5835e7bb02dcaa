import { machineOf } from "@espalier/actors";
import { expect } from "vitest";
import type { AnyStateMachine } from "xstate";
import type { CrashConfig } from "../crash-options.ts";
import type { Invariant } from "../invariant.ts";
import { search } from "../search.ts";
import { statechartMutants, twinOf } from "../statechart-mutants.ts";
import type { Entry, Journal } from "./journal.ts";

/** Whether somebody notices that a machine is another one: the id of the invariant that is broken, and after how many runs. */
export type Trial = (machine: AnyStateMachine) => Promise<Pick<Entry, "invariant" | "runs" | "isUnused">>;

/** Tries each mutant of a machine, and writes down which were noticed; the machine itself comes first, and must pass. */
export async function tryMutants(machine: AnyStateMachine, attempt: Trial, journal: Journal): Promise<void> {
  const own = await attempt(machine);
  journal.write(own);
  // For those who have vitest ask each test for an assertion.
  expect(own.runs).toBeGreaterThan(0);
  if (own.invariant !== undefined || own.isUnused === true) return;
  for (const { name, machine: mutant } of statechartMutants(machine)) {
    journal.write({ mutant: name, ...(await attempt(mutant)) });
  }
}

/** Finds out whether any actor runs a machine. */
class Sighting {
  isSeen = false;
  readonly #config: object;

  constructor({ config }: AnyStateMachine) {
    this.#config = config;
  }

  /** Sees all machines; it is never broken. */
  get watcher(): Invariant {
    return {
      id: "sighting",
      says: "the machine is run",
      watch: ({ system }) => ({
        on: {
          handled: ({ subject: { pid } }) => {
            if (this.isSeen) return;
            const { definition } = system.process(pid) ?? {};
            // What runs is a copy, and the target may have provided more for it.
            this.isSeen = definition !== undefined && machineOf(definition)?.config === this.#config;
          },
        },
      }),
    };
  }
}

/** Searches each mutant of the target's machine as the target itself is searched. */
export async function mutate<Handle, Knobs extends object>(
  config: CrashConfig<Handle, Knobs>,
  journal: Journal,
): Promise<void> {
  const { target } = config;
  if (target.machine === undefined) return;
  const own = twinOf(target.machine);
  const attempt: Trial = async (machine) => {
    const sighting = new Sighting(machine);
    try {
      const { found, runs } = await search({
        ...config,
        invariants: [...config.invariants, sighting.watcher],
        target: Object.assign(Object.create(target) as typeof target, { machine }),
        mostShrinkRuns: 0,
      });
      return { invariant: found?.failure.invariant, runs, ...(!sighting.isSeen && { isUnused: true }) };
    } catch (error) {
      // It does not even start.
      if (machine === own) throw error;
      return { invariant: "start", runs: 1 };
    }
  };
  await tryMutants(own, attempt, journal);
}
