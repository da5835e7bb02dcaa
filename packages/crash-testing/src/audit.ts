import * as fc from "fast-check";
import { type Chooser, replaying } from "./choices.ts";
import { focus, sprinkle, swarm } from "./choosers.ts";
import type { Invariant } from "./invariant.ts";
import type { PeerScript } from "./peer-script.ts";
import type { Operation, Plan } from "./plan.ts";
import { Random } from "./random.ts";
import { type Outcome, run } from "./run.ts";
import { RunHash } from "./run-hash.ts";
import type { Target } from "./target.ts";

export interface AuditOptions<Handle = unknown, Knobs extends object = object> {
  readonly target: Target<Handle, Knobs>;
  /** What clients do. */
  readonly peers: fc.Arbitrary<readonly PeerScript[]>;
  /** @defaultValue none: they have no part in a run */
  readonly invariants?: readonly Invariant[];
  /** How many plans are run. @defaultValue 100 */
  readonly plans?: number;
  /** What the plans follow from. @defaultValue 1 */
  readonly seed?: number;
}

/** A plan of which two runs were not the same. */
export interface Difference {
  readonly plan: Plan;
  /** `again`: the very same run; `replay`: everything as it was recorded. */
  readonly how: "again" | "replay";
}

export interface AuditResult {
  /** One for each plan, in order: to be compared with those of another process, or another version of Node. */
  readonly hashes: readonly string[];
  readonly differences: readonly Difference[];
  /** Crashes that were injected in the first runs. */
  readonly injected: number;
}

interface Drawn {
  readonly plan: Plan;
  readonly chooser: () => Chooser;
}

/** Has machines tell in which states they handle what. */
const statesAreShown: Invariant = { id: "", says: "nothing", watch: () => ({ on: { handled() {} } }) };

/**
 * Finds out whether runs of a target are functions of their plans: runs each of many plans, and then, the last one first so
 * that each has another past, each of them twice more: drawn again, and replayed from its record.
 */
export async function audit<Handle, Knobs extends object>(options: AuditOptions<Handle, Knobs>): Promise<AuditResult> {
  const { target, plans = 100 } = options;
  const invariants = [...(options.invariants ?? []), statesAreShown];
  const hashOf = async (
    plan: Plan,
    chooser: Chooser,
  ): Promise<{ readonly hash: string; readonly outcome: Outcome }> => {
    const runHash = new RunHash();
    const outcome = await run({ target, plan, chooser, invariants, tracer: runHash.see });
    addOutcome(runHash, outcome);
    return { hash: runHash.digest, outcome };
  };
  const hashes: string[] = [];
  const records: Plan[] = [];
  let injected = 0;
  for (let index = 0; index < plans; index += 1) {
    const { plan, chooser } = draw(options, index);
    const { hash, outcome } = await hashOf(plan, chooser());
    hashes.push(hash);
    records.push({ ...plan, deviations: outcome.deviations });
    injected += outcome.injections.length;
  }
  const differences: Difference[] = [];
  for (const [index, plan] of [...records.entries()].toReversed()) {
    const drawn = draw(options, index);
    const again = await hashOf(drawn.plan, drawn.chooser());
    if (again.hash !== hashes[index]) differences.push({ plan, how: "again" });
    const replay = await hashOf(plan, replaying(plan.deviations));
    if (replay.hash !== hashes[index]) differences.push({ plan, how: "replay" });
  }
  return { hashes, differences, injected };
}

function addOutcome(runHash: RunHash, { failure, deviations, choices, peers, steps, endedAt }: Outcome): void {
  runHash.add([failure, choices.asked, steps, endedAt]);
  for (const deviation of deviations) runHash.add(deviation);
  for (const { name, state, code, received } of peers) runHash.add([name, state, code, received]);
}

function draw<Handle, Knobs extends object>(
  { peers: arbitrary, target, seed = 1 }: AuditOptions<Handle, Knobs>,
  index: number,
): Drawn {
  const random = new Random(Math.imul(seed, 0x9e3779b1) + index);
  const [peers = []] = fc.sample(arbitrary, { seed: random.below(2 ** 31), numRuns: 1 });
  const names = Object.keys(target.operations ?? {});
  const operations: Operation[] = [];
  if (names.length > 0 && random.onceIn(2)) operations.push({ at: random.below(200), name: random.of(names) });
  const choosers = [swarm, focus, (own: Random) => sprinkle(own, 300)];
  const chooserSeed = random.below(2 ** 31);
  return {
    plan: { peers, operations, deviations: [] },
    chooser: () => (choosers[index % choosers.length] ?? swarm)(new Random(chooserSeed)),
  };
}
