import type { AutoShutdown, Restart, Shutdown, Strategy } from "@espalier/supervisor";
import * as fc from "fast-check";
import type { OwnEnd, StartOutcome, TreePool, TreeSpec, TreeSupervisor, TreeWorker } from "./tree-spec.ts";

export interface TreeOptions {
  /** So many levels of supervisors at most, the root included. @defaultValue 3 */
  readonly depth?: number;
  /** The most children of a supervisor. @defaultValue 4 */
  readonly maxChildren?: number;
  /** @defaultValue all four */
  readonly strategies?: ReadonlyArray<Strategy | "simpleOneForOne">;
  /** @defaultValue all three */
  readonly restartTypes?: readonly Restart[];
  /** A significant child needs a supervisor whose value is not `"never"`. @defaultValue all three */
  readonly autoShutdowns?: readonly AutoShutdown[];
  /** The largest intensity. @defaultValue 4 */
  readonly maxIntensity?: number;
  /** @defaultValue 1, 2 and 3 seconds */
  readonly periodsMs?: readonly number[];
  /** How workers are told to end; supervisors get time without end. @defaultValue killed, 500 ms, 5 s, `"infinity"` */
  readonly shutdowns?: readonly Shutdown[];
  /** Whether starts may fail, or have nothing to do. @defaultValue true */
  readonly failingStarts?: boolean;
  /** Whether workers may end by themselves. @defaultValue true */
  readonly ownEnds?: boolean;
  /** Whether workers have names, links and monitors. @defaultValue true */
  readonly relations?: boolean;
}

const IDS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const NAMES = ["red", "green", "blue"];
/** A start or a clean-up that takes time takes one of these, in milliseconds. */
const DURATIONS = [0, 0, 5, 300, 700];

function restOf<Value>(value: fc.Arbitrary<Value>, first: Value): fc.Arbitrary<readonly Value[]> {
  return fc
    .tuple(
      fc.oneof({ weight: 20, arbitrary: fc.constant(first) }, { weight: 1, arbitrary: value }),
      fc.array(value, { maxLength: 3 }),
    )
    .map(([one, others]) => others.toSpliced(0, 0, one));
}

/**
 * Supervision trees as plain data: every strategy and restart type, significant children, intensities, all ways to stop;
 * workers that trap exits or not, take their time, end by themselves, have names, links and monitors, and starts that fail.
 * `buildTree` makes a target of one. They shrink to fewer and simpler children.
 */
export function arbTree(options: TreeOptions = {}): fc.Arbitrary<TreeSupervisor> {
  return new Trees(options).supervisor(options.depth ?? 3).map(asRoot);
}

class Trees {
  readonly #options: TreeOptions;
  readonly #worker: fc.Arbitrary<TreeWorker>;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#worker = this.#workers();
  }

  supervisor(levels: number): fc.Arbitrary<TreeSupervisor> {
    const { strategies, maxChildren = 4 } = this.#options;
    const of = (strategies ?? STATIC).filter((strategy) => strategy !== "simpleOneForOne");
    return fc
      .record({
        type: fc.constant("supervisor" as const),
        ...this.#common(fc.constant("infinity" as const)),
        flags: this.#flags(fc.constantFrom(...(of.length === 0 ? STATIC : of))),
        children: fc.uniqueArray(this.#child(levels - 1), {
          selector: ({ id }) => id,
          minLength: 1,
          maxLength: Math.min(maxChildren, IDS.length),
          size: "max",
        }),
      })
      .map(withoutBadChildren);
  }

  #pool(): fc.Arbitrary<TreePool> {
    return fc
      .record({
        type: fc.constant("pool" as const),
        ...this.#common(fc.constant("infinity" as const)),
        flags: this.#flags(fc.constant("simpleOneForOne" as const)),
        child: this.#worker,
        size: fc.nat(3),
      })
      .map(withoutBadChild);
  }

  #child(levels: number): fc.Arbitrary<TreeSpec> {
    const { strategies = ["simpleOneForOne"] } = this.#options;
    if (levels <= 0) return this.#worker;
    const pools = strategies.includes("simpleOneForOne") ? [{ weight: 1, arbitrary: this.#pool() }] : [];
    return fc.oneof(
      { weight: 4, arbitrary: this.#worker },
      { weight: 3, arbitrary: this.supervisor(levels) },
      ...pools,
    );
  }

  #common<How extends Shutdown>(shutdown: fc.Arbitrary<How>) {
    const { restartTypes = ["permanent", "transient", "temporary"] } = this.#options;
    return {
      id: fc.constantFrom(...IDS),
      // Permanent ones live longest, and what lives can be crashed.
      restart: fc.oneof(
        { weight: 1, arbitrary: fc.constant(restartTypes[0] as Restart) },
        { weight: 1, arbitrary: fc.constantFrom(...restartTypes) },
      ),
      significant: fc.boolean(),
      shutdown,
    };
  }

  #flags<Kind>(strategy: fc.Arbitrary<Kind>) {
    const {
      maxIntensity = 4,
      periodsMs = [1000, 2000, 3000],
      autoShutdowns = ["never", "anySignificant", "allSignificant"],
    } = this.#options;
    return fc.record({
      strategy,
      intensity: fc.nat(maxIntensity),
      periodMs: fc.constantFrom(...periodsMs),
      autoShutdown: fc.oneof(
        { weight: 2, arbitrary: fc.constant(autoShutdowns[0] as AutoShutdown) },
        { weight: 1, arbitrary: fc.constantFrom(...autoShutdowns) },
      ),
    });
  }

  #workers(): fc.Arbitrary<TreeWorker> {
    const {
      shutdowns = [5000, 500, "infinity", "brutalKill"],
      failingStarts = true,
      ownEnds = true,
      relations = true,
    } = this.#options;
    const outcome = fc.constantFrom<StartOutcome[]>("ok", "ok", "ok", "fail", "ignore");
    const end: fc.Arbitrary<OwnEnd | null> = fc.option(
      fc.record({
        afterMs: fc.constantFrom(0, 1, 40, 900),
        ending: fc.constantFrom<OwnEnd["ending"][]>("error: boom", "normal", "shutdown", "shutdown: done"),
      }),
      { freq: 3 },
    );
    const names = fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 2 });
    return fc.record({
      type: fc.constant("worker" as const),
      ...this.#common(fc.constantFrom(...shutdowns)),
      outcomes: failingStarts ? restOf(outcome, "ok") : fc.constant([]),
      ends: ownEnds ? restOf(end, null) : fc.constant([]),
      startMs: fc.constantFrom(...DURATIONS),
      trapsExits: fc.boolean(),
      cleanupMs: fc.constantFrom(...DURATIONS),
      name: relations ? fc.option(fc.constantFrom(...NAMES), { freq: 3 }) : fc.constant(null),
      links: relations ? names : fc.constant([]),
      monitors: relations ? names : fc.constant([]),
      beats: fc.nat(4),
      everyMs: fc.constantFrom(1, 10, 100),
    });
  }
}

const STATIC: readonly Strategy[] = ["oneForOne", "oneForAll", "restForOne"];

/** As OTP has it: a permanent child is not significant, nor one under a supervisor that never shuts down for it. */
function withoutBadCombination<Spec extends TreeSpec>(
  spec: Spec,
  { autoShutdown }: { readonly autoShutdown: AutoShutdown },
): Spec {
  const mayBeSignificant = spec.restart !== "permanent" && autoShutdown !== "never";
  return { ...spec, significant: spec.significant && mayBeSignificant };
}

function withoutBadChildren(spec: TreeSupervisor): TreeSupervisor {
  return { ...spec, children: spec.children.map((child) => withoutBadCombination(child, spec.flags)) };
}

/** Children of a pool would all have the same name. */
function withoutBadChild(spec: TreePool): TreePool {
  return { ...spec, child: withoutBadCombination({ ...spec.child, name: null }, spec.flags) };
}

/** Nobody stands above it. */
function asRoot(spec: TreeSupervisor): TreeSupervisor {
  return { ...spec, id: "root", significant: false };
}
