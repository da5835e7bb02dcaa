import * as fc from "fast-check";
import { type Chooser, replaying } from "./choices.ts";
import type { Deviation } from "./deviation.ts";
import { arbFaults, drawing, type Faults } from "./faults.ts";
import { arbPeers } from "./peer-arbitrary.ts";
import type { PeerScript } from "./peer-script.ts";
import type { Operation, Plan } from "./plan.ts";
import { plansWithSimplerBytes, simplerPlans } from "./shrink.ts";

/** A plan whose deviations are drawn as it runs. */
export interface DrawnPlan extends Plan {
  /** Absent: there are no deviations but those that stand in the plan. */
  readonly faults?: Faults;
  /** It was made from a plan that breaks this invariant, to see whether it does so as well; others do not matter. */
  readonly breaks?: string;
}

/** What a run of a plan has come to, as far as shrinking is concerned. */
interface Past {
  readonly deviations: readonly Deviation[];
  /** Which invariant was broken. */
  readonly invariant: string | undefined;
}

/** Plans that have run. */
const pasts = new WeakMap<DrawnPlan, Past>();

/** Decides about a run of a plan. */
export function chooserOf({ faults, deviations }: DrawnPlan): Chooser {
  return faults === undefined ? replaying(deviations) : drawing(faults);
}

/** Notes what a run of a plan has come to, which is what it can be shrunk by. */
export function remember(plan: DrawnPlan, past: Past): void {
  pasts.set(plan, past);
}

/** What was out of the ordinary in the last run of a plan. */
export function deviationsOf(plan: DrawnPlan): readonly Deviation[] {
  return pasts.get(plan)?.deviations ?? plan.deviations;
}

export interface PlanOptions {
  /** What clients do. @defaultValue `arbPeers()` */
  readonly peers?: fc.Arbitrary<readonly PeerScript[]>;
  /** The names of what can be done to the server: the keys of its `operations`. @defaultValue none */
  readonly operations?: readonly string[];
  /** What may be out of the ordinary. @defaultValue `arbFaults()` */
  readonly faults?: fc.Arbitrary<Faults>;
}

class PlanArbitrary extends fc.Arbitrary<DrawnPlan> {
  readonly #drawn: fc.Arbitrary<DrawnPlan>;
  /** Clients may send whatever they like; otherwise they may know a protocol, and go on to. */
  readonly #areBytesFree: boolean;

  constructor({ peers: given, operations: names = [], faults = arbFaults() }: PlanOptions) {
    super();
    const peers = given ?? arbPeers();
    this.#areBytesFree = given === undefined;
    const operations: fc.Arbitrary<readonly Operation[]> =
      names.length === 0
        ? fc.constant([])
        : fc.array(fc.record({ at: fc.nat(200), name: fc.constantFrom(...names) }), { maxLength: 2 });
    this.#drawn = fc.record({ peers, operations, faults, deviations: fc.constant([]) });
  }

  generate(random: fc.Random, bias: number | undefined): fc.Value<DrawnPlan> {
    return new fc.Value(this.#drawn.generate(random, bias).value, undefined);
  }

  canShrinkWithoutContext(value: unknown): value is DrawnPlan {
    return typeof value === "object" && value !== null && "peers" in value && "deviations" in value;
  }

  shrink(plan: DrawnPlan): fc.Stream<fc.Value<DrawnPlan>> {
    const { faults, peers, operations, deviations: written } = plan;
    const past = pasts.get(plan);
    // Of one that has never run, nobody knows what happens in it.
    const deviations = past?.deviations ?? (faults === undefined ? written : undefined);
    if (deviations === undefined) return fc.Stream.nil();
    const breaks = past?.invariant ?? plan.breaks;
    const known = { peers, operations, deviations };
    return fc
      .stream(simplerPlans(known))
      .join(fc.stream(this.#areBytesFree ? plansWithSimplerBytes(known) : [][Symbol.iterator]()))
      .map((simpler) => new fc.Value(breaks === undefined ? simpler : { ...simpler, breaks }, undefined));
  }
}

/**
 * Plans as ordinary values of fast-check: what clients do, what is done to the server, and the faults. A plan that was run by
 * `runPlan` is shrunk by what has happened in it: the faults that there were get fewer, milder and earlier, and not the seed
 * that they followed from smaller.
 *
 * ```ts
 * await fc.assert(fc.asyncProperty(arbPlan(), (plan) => runPlan(target, plan)));
 * ```
 *
 * To have a failure again, hand its line back as an example, which is shrunk on if it can be: `{ examples: [[decodePlan(line)]] }`.
 * fast-check's own `seed` draws the same plans again, and `seed` with the first number of `path` begins with the one that has
 * failed and shrinks it anew to the same plan. The rest of a `path` cannot be followed: fast-check walks it without running
 * anything, and what a plan can be shrunk to only its run can tell.
 */
export function arbPlan(options: PlanOptions = {}): fc.Arbitrary<DrawnPlan> {
  return new PlanArbitrary(options);
}
