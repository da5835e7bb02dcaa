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
  | "duplicateChildName";

/** A child spec is not valid. */
export class InvalidChildSpecError extends SupervisorError {
  readonly code = "ERR_INVALID_CHILD_SPEC";
  readonly problem: ChildSpecProblem;
  readonly value: unknown;

  constructor(problem: ChildSpecProblem, value: unknown, message: string) {
    super(message);
    this.problem = problem;
    this.value = value;
  }
}

/** What is wrong with the flags of a supervisor, in OTP's words. */
export type SupervisorFlagsProblem =
  | "invalidType"
  | "invalidStrategy"
  | "invalidIntensity"
  | "invalidPeriod"
  | "invalidAutoShutdown"
  | "invalidBackoff";

/** The flags of a supervisor are not valid. */
export class InvalidSupervisorFlagsError extends SupervisorError {
  readonly code = "ERR_INVALID_SUPERVISOR_FLAGS";
  readonly problem: SupervisorFlagsProblem;
  readonly value: unknown;

  constructor(problem: SupervisorFlagsProblem, value: unknown, message: string) {
    super(message);
    this.problem = problem;
    this.value = value;
  }
}
