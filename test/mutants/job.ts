/** What a searcher is told to do. */
export type Job = SearchJob | ReplayJob | StatechartJob;

export interface SearchJob {
  readonly targets: readonly string[];
  readonly seeds: readonly number[];
  /** For each seed, all targets together. */
  readonly timeMs: number;
  /** At most so many on each target. */
  readonly runs?: number;
}

interface ReplayJob {
  readonly target: string;
  /** The line of a plan. */
  readonly replay: string;
  /** The whole story is printed behind the answer. */
  readonly isExplained?: boolean;
  /** On the sockets of this machine, and in real time. */
  readonly onSockets?: boolean;
}

export interface StatechartJob {
  /** The target whose machine is mutated. */
  readonly statechart: "echo";
  readonly seeds: readonly number[];
  /** For each mutant and seed. */
  readonly timeMs: number;
}

/** What became of one mutant of a statechart. */
export interface StatechartFinding {
  readonly name: string;
  readonly runs: number;
  readonly ms: number;
  /** Which has seen it; absent: none. */
  readonly invariant?: string;
}

/** What became of the search with one seed. */
export interface Finding {
  readonly seed: number;
  readonly runs: number;
  readonly steps: number;
  /** Until it was found, or in all. */
  readonly ms: number;
  readonly found?: Found;
  /** The search itself has thrown. */
  readonly thrown?: string;
}

export interface Found {
  readonly target: string;
  readonly invariant: string;
  readonly message: string;
  readonly phase: string;
  readonly strategy: string;
  /** Of the plan as it was shrunk. */
  readonly deviations: number;
  readonly clients: number;
  /** Of clients and from outside. */
  readonly ops: number;
  readonly rawDeviations: number;
  readonly shrunkIn: number;
  readonly shrinkMs: number;
  /** Replays it. */
  readonly line: string;
  /** Other failures that were met, each with a plan. */
  readonly others: ReadonlyArray<readonly [string, string]>;
}
