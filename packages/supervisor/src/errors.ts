/** The base of everything this package throws. `code` is stable and meant for branching. */
export abstract class SupervisorError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What is wrong with a child spec, in OTP's words. */
export type ChildSpecProblem =
  | "invalidChildSpec"
  | "missingId"
  | "missingStart"
  | "invalidRestartType"
  | "invalidShutdown"
  | "invalidChildType"
  | "invalidSignificant"
  | "invalidOnExit"
  | "badCombination"
  | "duplicateChildName"
  | "misspelt";

/** What is wrong with the flags of a supervisor, in OTP's words. */
export type SupervisorFlagsProblem =
  | "invalidType"
  | "invalidStrategy"
  | "invalidIntensity"
  | "invalidPeriod"
  | "invalidAutoShutdown"
  | "invalidBackoff"
  | "misspelt";

/** One fault in the flags of a supervisor or in its child specs. */
export interface SupervisorIssue<Problem = ChildSpecProblem | SupervisorFlagsProblem> {
  readonly problem: Problem;
  /** Where it is: `intensity`, `backoff.jitter`, `children[2].restart`; in a spec that was handed in alone, `restart`. */
  readonly path: string;
  /** What the caller gave. */
  readonly value: unknown;
  /** Names the field and its child, the value, and what is allowed. */
  readonly message: string;
}

export type FlagsIssue = SupervisorIssue<SupervisorFlagsProblem>;
export type ChildSpecIssue = SupervisorIssue<ChildSpecProblem>;

/** Child specs are not valid. The message lists every fault, so that one round of corrections is enough. */
export class InvalidChildSpecError extends SupervisorError {
  readonly code = "ERR_INVALID_CHILD_SPEC";
  /** That of the first fault. */
  readonly problem: ChildSpecProblem;
  /** That of the first fault. */
  readonly value: unknown;
  readonly issues: readonly ChildSpecIssue[];

  constructor(first: ChildSpecIssue, ...more: readonly ChildSpecIssue[]) {
    super(listIssues([first, ...more]));
    this.problem = first.problem;
    this.value = first.value;
    this.issues = [first, ...more];
  }
}

/**
 * The flags of a supervisor are not valid. The message lists every fault, those of its child specs included, so that one
 * round of corrections is enough.
 */
export class InvalidSupervisorFlagsError extends SupervisorError {
  readonly code = "ERR_INVALID_SUPERVISOR_FLAGS";
  /** That of the first fault. */
  readonly problem: SupervisorFlagsProblem;
  /** That of the first fault. */
  readonly value: unknown;
  /** First those of the flags. */
  readonly issues: readonly SupervisorIssue[];

  constructor(first: FlagsIssue, ...more: readonly SupervisorIssue[]) {
    super(listIssues([first, ...more]));
    this.problem = first.problem;
    this.value = first.value;
    this.issues = [first, ...more];
  }
}

/** Throws what is wrong, if anything is. */
export function refuse(flags: readonly FlagsIssue[], specs: readonly ChildSpecIssue[]): void {
  const [flag, ...moreFlags] = flags;
  if (flag !== undefined) throw new InvalidSupervisorFlagsError(flag, ...moreFlags, ...specs);
  const [spec, ...moreSpecs] = specs;
  if (spec !== undefined) throw new InvalidChildSpecError(spec, ...moreSpecs);
}

function listIssues(issues: readonly SupervisorIssue[]): string {
  const lines = issues.map(({ message }) => message);
  return lines.length === 1 ? lines.join("") : [`${lines.length} faults:`, ...lines].join("\n  ");
}
