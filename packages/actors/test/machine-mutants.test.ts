import * as fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { Candidate, Configuration, type Plan, Selection } from "../src/internal/machine/configuration.ts";
import { Code, Operation } from "../src/internal/machine/operation.ts";
import { Program } from "../src/internal/machine/program.ts";
import type { Position } from "../src/internal/machine/structure.ts";
import { byKernel, byXState, canBuild, take } from "./support/machine-ways.ts";
import { anyChart, anyStep, type Chart, sendsToItself, type Step } from "./support/random-machine.ts";

/*
 * The property of machine-equality.test.ts is what stands between a mistake of the compiler and a connection that does
 * the wrong thing. So the compiler's output is spoiled here, in each way in which it could be wrong, and the property
 * has to notice.
 */

/** So many charts at most; the least conspicuous of the mutants takes some hundreds. */
const MOST_CHARTS = 4000;

afterEach(() => vi.restoreAllMocks());

/** Whether the kernel's way of running this chart comes to something else than XState's own. */
async function differs(chart: Chart, steps: readonly Step[]): Promise<boolean> {
  const xstate = byXState(chart);
  const kernel = byKernel(chart, "compiled");
  try {
    for (const step of [undefined, ...steps]) {
      take(xstate, step, sendsToItself(chart));
      take(kernel, step, sendsToItself(chart));
      if (sendsToItself(chart) && (xstate.clock.hadTie || xstate.clock.hadInstant)) return false;
      if (!isSame(kernel.picture(), xstate.picture())) return true;
    }
    return false;
  } catch {
    // What XState does without a complaint, the kernel does not get through.
    return true;
  } finally {
    await kernel.close();
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** How many charts it takes until one comes out differently; undefined: there is none among them. */
async function chartsUntilNoticed(): Promise<number | undefined> {
  const runs = fc.sample(fc.tuple(anyChart, fc.array(anyStep, { maxLength: 14, size: "max" })), {
    numRuns: MOST_CHARTS,
    seed: 7,
  });
  for (const [index, [chart, steps]] of runs.entries()) {
    if (canBuild(chart) && (await differs(chart, steps))) return index + 1;
  }
  return undefined;
}

/** What a method or a getter was before it was spoiled. */
function originalOf(prototype: object, name: string, part: "value" | "get"): unknown {
  const descriptor: Record<string, unknown> = { ...Object.getOwnPropertyDescriptor(prototype, name) };
  return descriptor[part];
}

/** The same position with something changed. */
function elsewhere({ value, tags, nodes, history, program }: Configuration, change: Partial<Position>): Configuration {
  return program.intern({ value, tags, nodes, history, ...change });
}

/** Spoils each plan. The configuration in which it begins is not known at the start of a machine. */
function spoilPlans(spoil: (plan: Plan, from: Configuration | undefined) => Plan): void {
  const plan = originalOf(Program.prototype, "plan", "value") as Program["plan"];
  vi.spyOn(Program.prototype, "plan").mockImplementation(function spoiled(this: Program, from, transitions, isAlways) {
    return spoil(plan.call(this, from, transitions, isAlways), from);
  });
  const start = originalOf(Program.prototype, "start", "get") as () => Plan;
  vi.spyOn(Program.prototype, "start", "get").mockImplementation(function spoiled(this: Program) {
    return spoil(start.call(this), undefined);
  });
}

function spoilOperations(spoil: (operations: readonly Operation[]) => readonly Operation[]): void {
  spoilPlans((plan) => ({ ...plan, operations: spoil(plan.operations) }));
}

/** An operation like this one, with something changed. */
function changed(operation: Operation, change: Partial<Operation>): Operation {
  return Object.assign(new Operation(change.code ?? operation.code), operation, change);
}

function without(code: Operation["code"]): () => void {
  return () => spoilOperations((operations) => operations.filter((operation) => operation.code !== code));
}

function each(change: (operation: Operation) => Partial<Operation>): () => void {
  return () => spoilOperations((operations) => operations.map((operation) => changed(operation, change(operation))));
}

/** Spoils what an event may do. */
function spoilSelections(spoil: (selection: Selection) => Selection): void {
  const select = originalOf(Configuration.prototype, "select", "value") as Configuration["select"];
  vi.spyOn(Configuration.prototype, "select").mockImplementation(function spoiled(this: Configuration, type) {
    return spoil(select.call(this, type));
  });
}

const mutants: ReadonlyArray<readonly [string, () => void]> = [
  ["the first operation is left out", () => spoilOperations((operations) => operations.slice(1))],
  ["the last operation is left out", () => spoilOperations((operations) => operations.slice(0, -1))],
  ["operations come in reverse order", () => spoilOperations((operations) => operations.toReversed())],
  [
    "the first two operations change places",
    () => spoilOperations(([first, second, ...rest]) => [second, first, ...rest].filter((one) => one !== undefined)),
  ],
  ["each operation is done twice", () => spoilOperations((operations) => operations.flatMap((one) => [one, one]))],
  ["custom actions are left out", without(Code.custom)],
  ["assignments by one function are left out", without(Code.assign)],
  ["assignments key by key are left out", without(Code.assignKeys)],
  ["raised events and delays are left out", without(Code.raise)],
  ["cancels are left out", without(Code.cancel)],
  ["timeouts are not armed anew", without(Code.rearm)],
  ["XState's other actions are left out", without(Code.builtin)],
  ["done events are left out", without(Code.done)],
  ["the end of the machine is left out", without(Code.finish)],
  ["the machine stays where it is", () => spoilPlans((plan, from) => ({ ...plan, next: from ?? plan.next }))],
  ["no microstep counts as a change", () => spoilPlans((plan) => ({ ...plan, isChanging: false }))],
  ["each microstep counts as a change", () => spoilPlans((plan) => ({ ...plan, isChanging: true }))],
  ["history is forgotten", () => spoilPlans((plan) => ({ ...plan, next: elsewhere(plan.next, { history: {} }) }))],
  [
    "active states are in another order",
    () =>
      spoilPlans((plan) => ({
        ...plan,
        next: elsewhere(plan.next, { nodes: plan.next.nodes.toReversed() }),
      })),
  ],
  ["delays are a millisecond too long", each(({ delay }) => (typeof delay === "number" ? { delay: delay + 1 } : {}))],
  ["timers have no id", each(() => ({ id: undefined }))],
  ["params are not evaluated", each(() => ({ paramsOf: null }))],
  ["a final state has no output", each(({ code }) => (code === Code.done ? { value: undefined } : {}))],
  ["the machine has no output", each(({ code }) => (code === Code.finish ? { value: undefined } : {}))],
  [
    "candidates are tried in reverse order",
    () => spoilSelections(({ kind, regions, candidates }) => new Selection(kind, regions, candidates.toReversed())),
  ],
  [
    "only the innermost candidate is tried",
    () => spoilSelections(({ kind, regions, candidates }) => new Selection(kind, regions, candidates.slice(0, 1))),
  ],
  [
    "only the first region takes an event",
    () => spoilSelections(({ kind, regions, candidates }) => new Selection(kind, regions.slice(0, 1), [...candidates])),
  ],
  [
    "guards are not asked",
    () =>
      spoilSelections(({ kind, regions, candidates }) => {
        const unguarded = candidates.map(({ transition }) => new Candidate(transition, null));
        return new Selection(kind, regions, unguarded);
      }),
  ],
  [
    "there are no eventless transitions",
    () => void vi.spyOn(Configuration.prototype, "always", "get").mockReturnValue([]),
  ],
  [
    "eventless transitions of inner states come last",
    () => {
      const always = originalOf(Configuration.prototype, "always", "get") as () => Candidate[][];
      vi.spyOn(Configuration.prototype, "always", "get").mockImplementation(function spoiled(this: Configuration) {
        return always.call(this).map((candidates) => candidates.toReversed());
      });
    },
  ],
];

test("without a mutant nothing differs", { timeout: 0 }, async () => {
  const runs = fc.sample(fc.tuple(anyChart, fc.array(anyStep, { maxLength: 14 })), { numRuns: 200, seed: 7 });
  const differing: Chart[] = [];
  for (const [chart, steps] of runs) if (canBuild(chart) && (await differs(chart, steps))) differing.push(chart);
  expect(differing).toEqual([]);
});

test.for(mutants)("the property notices when %s", { timeout: 0 }, async ([, spoil]) => {
  spoil();
  expect(await chartsUntilNoticed()).toBeLessThanOrEqual(MOST_CHARTS);
});
