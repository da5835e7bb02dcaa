import { env } from "node:process";
import type { ConnectionDefinition } from "@espalier/sockets";
import { expect, test } from "vitest";
import { type AnyStateMachine, StateMachine } from "xstate";
import { checkConnection, type ConnectionCheckOptions, listenerOf } from "../connection-check.ts";
import { plural } from "../describe-plan.ts";
import { checkNames } from "../law-names.ts";
import { standard } from "../invariants/standard.ts";
import { explain } from "../report.ts";
import { CrashFoundError } from "../errors.ts";
import { readEnvironment } from "./environment.ts";
import { Journal } from "./journal.ts";
import { tryMutants } from "./mutate.ts";
import { say } from "./say.ts";

/** The invariants may be left out, and are the standard ones then. */
export type ConnectionTestOptions = Omit<ConnectionCheckOptions, "invariants"> & Partial<ConnectionCheckOptions>;

/** For the longest conversations. */
const TIMEOUT_MS = 120_000;

/**
 * A test that puts one connection through everything that can happen to it: its bytes cut at every place, FIN and RST in each
 * state, slow clients, and a throw and a kill before each effect. See `checkConnection`.
 *
 * One that passes says in one line what it has tried. It tries the same each time, so that one that fails is had again by
 * running it again: `CRASH_REPLAY` is for `crashTest`.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) that names all states and events of laws that the machine does not have
 */
export function connectionTest(
  name: string,
  handler: AnyStateMachine | ConnectionDefinition,
  { invariants = standard(), ...options }: ConnectionTestOptions,
): void {
  const { journal, isMutating } = readEnvironment(env);
  if (handler instanceof StateMachine) checkNames(invariants, handler);
  const check = { ...options, invariants };
  const diary = new Journal(journal, name);
  test(
    name,
    async () => {
      if (isMutating && handler instanceof StateMachine) {
        return tryMutants(
          handler,
          async (machine) => {
            const { fault, runs } = await checkConnection(machine, check);
            return { invariant: fault?.failure.invariant, runs };
          },
          diary,
        );
      }
      const { fault, runs, tried } = await checkConnection(handler, check);
      diary.write({ runs, invariant: fault?.failure.invariant });
      // For those who have vitest ask each test for an assertion.
      if (fault !== undefined) {
        const { plan, failure } = fault;
        const { story } = await explain(listenerOf(handler, options), fault.invariants, plan, failure);
        throw new CrashFoundError(`${name}: after ${runs} runs\n${story}`);
      }
      expect(fault).toBeUndefined();
      say(`no failure in ${plural(runs, "run")}: ${[...tried].map(([kind, times]) => `${kind} ${times}`).join(", ")}`);
    },
    isMutating ? Infinity : TIMEOUT_MS,
  );
}
