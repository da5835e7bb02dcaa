import * as fc from "fast-check";
import { type Chooser, replaying } from "./choices.ts";
import { either, focus, sprinkle, swarm } from "./choosers.ts";
import { Consequences } from "./consequences.ts";
import { Coverage } from "./coverage.ts";
import type { Kind } from "./deviation.ts";
import type { Invariant } from "./invariant.ts";
import { KeptPlans } from "./kept-plans.ts";
import { singleFaults } from "./single-faults.ts";
import type { PeerScript } from "./peer-script.ts";
import type { Operation, Plan } from "./plan.ts";
import { Random } from "./random.ts";
import { type Failure, type Outcome, run } from "./run.ts";
import { shrink, type Trial } from "./shrink.ts";
import type { Target } from "./target.ts";
import { armTripwires } from "./tripwire.ts";
import { elapsed } from "./wall-clock.ts";

export interface SearchOptions<Handle = unknown, Knobs extends object = object> {
  readonly target: Target<Handle, Knobs>;
  readonly invariants: readonly Invariant[];
  /** What clients do. */
  readonly peers: fc.Arbitrary<readonly PeerScript[]>;
  /** After so many runs it is enough. @defaultValue Infinity */
  readonly runs?: number;
  /** After so many milliseconds it is enough. @defaultValue 5000 */
  readonly timeMs?: number;
  /** What all that is random follows from. @defaultValue 1 */
  readonly seed?: number;
  /** Kinds of deviations that are not tried. @defaultValue none */
  readonly without?: readonly Kind[];
  /** Plans that are run first: those that have found something before. */
  readonly corpus?: readonly Plan[];
  /** So many runs may be spent on shrinking. @defaultValue 2000 */
  readonly mostShrinkRuns?: number;
}

/** A failure, and the simplest plan that leads to it. */
export interface Found {
  readonly failure: Failure;
  /** As it was found. */
  readonly raw: Plan;
  readonly plan: Plan;
  /** Which of the ways to search has found it. */
  readonly strategy: string;
  /** How many runs it took to find it, and then to shrink it. */
  readonly foundAfter: number;
  readonly shrunkIn: number;
  /** The same in milliseconds. */
  readonly foundMs: number;
  readonly shrinkMs: number;
  /** Failures of other kinds that were met while it was shrunk. */
  readonly others: ReadonlyMap<string, Plan>;
}

export interface SearchResult {
  readonly found: Found | undefined;
  readonly runs: number;
  readonly steps: number;
  /** Choices that there were. */
  readonly asked: number;
  readonly injected: number;
  readonly ms: number;
  readonly coverage: Coverage;
  /** Plans that were the first to come by something: all that was come by, as long as there is room for them. */
  readonly kept: readonly Plan[];
}

/** What is run next, and in which way it was come by. */
interface Attempt {
  readonly strategy: string;
  readonly plan: Plan;
  readonly chooser: Chooser;
}

/** When something is done to the server: at once, soon, or when it has come to rest. */
const OPERATION_TIMES: readonly number[] = [0, 1, 5, 20, 200];
/** The same, one behind the other. */
const ORDERLY_TIMES: readonly number[] = [1, 20, 200, 300];
const MOST_OPERATIONS = 5;
/** So many workloads are drawn at once, since much of what that takes is for the first. */
const DRAWN_AT_ONCE = 16;
/** How many workloads every single deviation is tried on, and how many of each before it is the turn of the next. */
const ENUMERATED = 6;
const AT_A_TIME = 40;
/** In so many of them, each of the operations is there once. */
const ALL_OPERATIONS = 3;

/** Looks for a plan that breaks an invariant, in several ways in turn: none of them finds everything. */
export async function search<Handle, Knobs extends object>(
  options: SearchOptions<Handle, Knobs>,
): Promise<SearchResult> {
  // Once for all the runs.
  const disarm = armTripwires();
  try {
    return await new Search(options).perform();
  } finally {
    disarm();
  }
}

class Search<Handle, Knobs extends object> {
  readonly #options: SearchOptions<Handle, Knobs>;
  readonly #coverage = new Coverage();
  /** The invariants, and who counts what machines do. */
  readonly #watched: readonly Invariant[];
  readonly #random: Random;
  readonly #kept = new KeptPlans();
  readonly #consequences = new Consequences();
  /** What clients will do in the next runs. */
  #peers: Array<readonly PeerScript[]> = [];
  readonly #start = elapsed();
  /** How many choices a run has, of late. */
  #asked = 100;
  #draws = 0;
  #runs = 0;
  #steps = 0;
  #injected = 0;
  #allAsked = 0;

  constructor(options: SearchOptions<Handle, Knobs>) {
    this.#options = options;
    this.#watched = [...options.invariants, this.#coverage.watcher];
    this.#random = new Random(options.seed ?? 1);
  }

  async perform(): Promise<SearchResult> {
    let found: Found | undefined;
    for await (const attempt of this.#attempts()) {
      const outcome = await this.#run(attempt.plan, attempt.chooser);
      this.#keep(attempt, outcome);
      if (outcome.failure !== undefined) {
        found = await this.#found(attempt, outcome, outcome.failure);
        break;
      }
      if (this.#runs >= (this.#options.runs ?? Infinity) || elapsed() - this.#start >= (this.#options.timeMs ?? 5000))
        break;
    }
    const [runs, steps, asked] = [this.#runs, this.#steps, this.#allAsked];
    const [injected, coverage] = [this.#injected, this.#coverage];
    return { found, runs, steps, asked, injected, coverage, kept: this.#kept.all, ms: elapsed() - this.#start };
  }

  async #run(plan: Plan, chooser: Chooser): Promise<Outcome> {
    this.#runs += 1;
    const { target, without = [] } = this.#options;
    const invariants = this.#watched;
    const coverage = this.#coverage;
    const outcome = await run({
      target,
      plan,
      chooser: without.length === 0 ? chooser : except(chooser, without),
      invariants,
      onEffect: (actor, effect) => coverage.effect(actor, effect),
    });
    for (const injection of outcome.injections) coverage.injection(injection);
    this.#steps += outcome.steps;
    this.#injected += outcome.injections.length;
    this.#allAsked += outcome.choices.asked;
    return outcome;
  }

  async *#attempts(): AsyncGenerator<Attempt> {
    for (const plan of this.#options.corpus ?? []) {
      yield { strategy: "corpus", plan, chooser: replaying(plan.deviations) };
    }
    const singles = this.#singles();
    for (let turn = 0; ; turn += 1) {
      const random = new Random(this.#random.below(2 ** 31));
      // The exhaustive way first, and then two turns of five until it is through.
      if (turn < 20 || turn % 5 < 2) {
        const single = await singles.next();
        if (single.done !== true) {
          yield single.value;
          continue;
        }
      }
      const plan = turn % 5 < 3 ? this.#consequences.next(random) : undefined;
      if (plan === undefined) yield this.#drawn(random);
      else yield { strategy: "consequences", plan, chooser: replaying(plan.deviations) };
    }
  }

  /** Every deviation by itself, of a few workloads: some of one, and then some of the next. */
  async *#singles(): AsyncGenerator<Attempt> {
    let ways = Array.from({ length: ENUMERATED }, (_, index) => this.#singlesOf(index));
    // Each of them as it is comes first: what fails without any deviation is not to wait for those of the others.
    for (let atATime = 1; ways.length > 0; atATime = AT_A_TIME) {
      const through = new Set<AsyncGenerator<Attempt>>();
      for (const way of ways) {
        for (let count = 0; count < atATime && !through.has(way); count += 1) {
          const single = await way.next();
          if (single.done === true) through.add(way);
          else yield single.value;
        }
      }
      ways = ways.filter((way) => !through.has(way));
    }
  }

  /** Of the first workload with ordinary settings, and of the others with rare ones. */
  async *#singlesOf(index: number): AsyncGenerator<Attempt> {
    const random = new Random(this.#random.below(2 ** 31));
    const plan = { ...this.#workload(random), operations: this.#someOperations(index, random) };
    const chooser = index === 0 ? replaying([]) : only("knob", swarm(random));
    const settings = (await this.#run(plan, chooser)).deviations;
    yield { strategy: "ordinary", plan: { ...plan, deviations: settings }, chooser: replaying(settings) };
    const { choices } = await this.#run(plan, replaying(settings));
    this.#consequences.know(choices);
    for (const deviation of singleFaults(choices)) {
      if (deviation.kind === "knob" && index > 0) continue;
      const deviations = [...settings, deviation];
      yield { strategy: "single faults", plan: { ...plan, deviations }, chooser: replaying(deviations) };
    }
  }

  #drawn(random: Random): Attempt {
    const turn = this.#draws;
    this.#draws += 1;
    const plan = this.#workload(random);
    const kept = turn % 5 === 4 ? this.#kept.pick(random) : undefined;
    if (kept !== undefined) {
      // What comes next rather than something else instead of what has led there.
      const from = random.below(kept.asked + 1);
      const chooser = either(replaying(kept.plan.deviations), sprinkle(random, this.#asked, from));
      return { strategy: "guided", plan: kept.plan, chooser };
    }
    switch (turn % 3) {
      case 0:
        return { strategy: "swarm", plan, chooser: swarm(random) };
      case 1:
        return { strategy: "focus", plan, chooser: focus(random) };
      default:
        return { strategy: "sprinkle", plan, chooser: sprinkle(random, this.#asked) };
    }
  }

  #workload(random: Random): Plan {
    const peers = this.#nextPeers(random);
    const names = Object.keys(this.#options.target.operations ?? {});
    const operations: Operation[] = [];
    // Counted from the start, from the coming of a client, or from the one before, since what is begun by one may be due
    // when the next comes.
    const comings = [0, 0, ...peers.map((peer) => peer.at)];
    let at = 0;
    while (names.length > 0 && !random.onceIn(3) && operations.length < MOST_OPERATIONS) {
      at = (random.onceIn(2) ? random.of(comings) : at) + random.of(OPERATION_TIMES);
      operations.push({ at, name: random.of(names) });
    }
    return { peers, operations, deviations: [] };
  }

  #nextPeers(random: Random): readonly PeerScript[] {
    // Drawn in any case: what else is drawn for a run does not hang on whether some are left.
    const seed = random.below(2 ** 31);
    if (this.#peers.length === 0) this.#peers = fc.sample(this.#options.peers, { seed, numRuns: DRAWN_AT_ONCE });
    return this.#peers.pop() ?? [];
  }

  /**
   * Some of what can be done to the server: in the workloads that are gone through, each of it if it can be; and when each
   * of it has been there, at other times.
   */
  #someOperations(workload: number, random: Random): Operation[] {
    const names = Object.keys(this.#options.target.operations ?? {});
    const share = Math.min(names.length, Math.max(2, Math.ceil(names.length / ALL_OPERATIONS)));
    return Array.from({ length: share }, (_, index) => ({
      at: workload < ALL_OPERATIONS ? (ORDERLY_TIMES[index % ORDERLY_TIMES.length] ?? 0) : random.of(OPERATION_TIMES),
      name: names[(workload * share + index) % names.length] ?? "",
    }));
  }

  /** What a plan was the first to come by may be due to its clients alone. */
  #keep({ plan, strategy }: Attempt, { deviations, choices }: Outcome): void {
    this.#asked = choices.asked;
    const isSingle = strategy === "single faults";
    const cause = isSingle ? plan.deviations.at(-1) : undefined;
    if (isSingle || strategy === "consequences") this.#consequences.add(plan, choices, cause);
    this.#kept.add({ ...plan, deviations }, this.#coverage.takeNews(), this.#random);
  }

  async #found({ plan, strategy }: Attempt, { deviations }: Outcome, failure: Failure): Promise<Found> {
    const raw = { ...plan, deviations };
    const foundAfter = this.#runs;
    const foundMs = elapsed() - this.#start;
    const { target, invariants } = this.#options;
    const attempt = async (candidate: Plan): Promise<Trial> => {
      const outcome = await run({ target, plan: candidate, chooser: replaying(candidate.deviations), invariants });
      const { invariant, message } = outcome.failure ?? {};
      return { invariant, deviations: outcome.deviations, ...(message !== undefined && { message }) };
    };
    const shrunk = await shrink(raw, failure, attempt, this.#options.mostShrinkRuns);
    const last = await run({ target, plan: shrunk.plan, chooser: replaying(shrunk.plan.deviations), invariants });
    return {
      failure: last.failure ?? failure,
      raw,
      plan: shrunk.plan,
      strategy,
      foundAfter,
      shrunkIn: shrunk.runs,
      foundMs,
      shrinkMs: elapsed() - this.#start - foundMs,
      others: shrunk.others,
    };
  }
}

/** All other kinds are always ordinary. */
function only(kind: Kind, chooser: Chooser): Chooser {
  return { about: (asked, subject) => (asked === kind ? chooser.about(asked, subject) : null) };
}

/** Some kinds are always ordinary. */
function except(chooser: Chooser, without: readonly Kind[]): Chooser {
  return { about: (kind, subject) => (without.includes(kind) ? null : chooser.about(kind, subject)) };
}
