// Supervisors
export { defineSupervisor, type SupervisorInit, type SupervisorOptions } from "./supervisor.ts";
export { defineDynamicSupervisor, type DynamicChildSpec, type DynamicSupervisorInit } from "./dynamic-supervisor.ts";
export { type AutoShutdown, type Strategy, type SupervisorFlags } from "./flags.ts";

// Applications
export {
  type Application,
  type ApplicationOptions,
  type ApplicationType,
  startApplication,
  type StartApplicationResult,
} from "./application.ts";

// Children
export {
  checkChildSpecs,
  child,
  type ChildOptions,
  type ChildSpec,
  type ChildState,
  type ChildType,
  type CompleteChildSpec,
  type FailedToStart,
  type Restart,
  type Shutdown,
  type Start,
} from "./child-spec.ts";

// Beyond OTP
export { type Backoff } from "./backoff.ts";
export { type ChildExit, type ExitDecision } from "./on-exit.ts";

// Management
export {
  adoptChild,
  type AdoptChildResult,
  type ChildCounts,
  type ChildInfo,
  countChildren,
  deleteChild,
  type DeleteChildResult,
  type DynamicSupervisorCalls,
  type DynamicSupervisorRef,
  getChildSpec,
  restartChild,
  type RestartChildResult,
  startChild,
  type StartChildResult,
  startDynamicChild,
  type SupervisorCalls,
  type SupervisorRef,
  terminateChild,
  type TerminateChildResult,
  whichChildren,
} from "./api.ts";

// For special supervisors
export { type CommonCalls } from "./api.ts";
export { backoffDelay, type CompleteBackoff } from "./backoff.ts";
export { isOrderlyEnd, type ParallelEnd, shutdownAll, shutdownChild } from "./shutdown.ts";

// Reports
export { type ErrorContext, type Offender, ProgressReport, SupervisorReport } from "./report.ts";

// Errors
export {
  type ChildSpecProblem,
  InvalidChildSpecError,
  InvalidSupervisorFlagsError,
  SupervisorError,
  type SupervisorFlagsProblem,
  type SupervisorIssue,
} from "./errors.ts";
