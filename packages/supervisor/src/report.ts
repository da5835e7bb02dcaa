import { type ExitReason, formatReason, type Pid, type Subject } from "@espalier/actors";
import type { ChildType, CompleteChildSpec, Restart, Shutdown, Start } from "./child-spec.ts";

/** When a supervisor reports a child. */
export type ErrorContext =
  /** It could not be started. */
  | "startError"
  /** It ended by itself. */
  | "childTerminated"
  /** It did not end as it should have when it was told to. */
  | "shutdownError"
  /** It was restarted too often, and the supervisor gives up. */
  | "shutdown";

/** The child that a report is about. */
export interface Offender {
  readonly id: string | undefined;
  readonly pid: Pid | undefined;
  /** How many children the report is about; 1 unless a dynamic supervisor stopped many with the same outcome. */
  readonly count: number;
  readonly definition: string;
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly type: ChildType;
  readonly significant: boolean;
  /** What becomes of it when it ends is decided by its `onExit`, and not by its restart type. */
  readonly decides?: true;
}

/**
 * The child that a report is about.
 *
 * @param spec - its own, or the template of all like it
 */
export function offenderOf(
  spec: Omit<CompleteChildSpec, "id" | "start">,
  id: string,
  pid: Pid | undefined,
  start: Start,
): Offender {
  const { restart, shutdown, type, significant, onExit } = spec;
  const definition = start.definition.name;
  return onExit === undefined
    ? { id, pid, count: 1, definition, restart, shutdown, type, significant }
    : { id, pid, count: 1, definition, restart, shutdown, type, significant, decides: true };
}

/** What went wrong with a child. OTP's supervisor report. */
export class SupervisorReport {
  readonly type = "supervisor";
  readonly level = "error";
  readonly supervisor: Subject;
  readonly errorContext: ErrorContext;
  /** `"reachedMaxRestartIntensity"` for `shutdown`. */
  readonly reason: ExitReason | "reachedMaxRestartIntensity";
  readonly offender: Offender;

  constructor(supervisor: Subject, errorContext: ErrorContext, reason: SupervisorReport["reason"], offender: Offender) {
    this.supervisor = snapshot(supervisor);
    this.errorContext = errorContext;
    this.reason = reason;
    this.offender = offender;
  }

  /** What an operator reads. */
  get text(): string {
    const { supervisor, errorContext, reason, offender } = this;
    const { count, id = "", pid = "", definition, restart, shutdown, type } = offender;
    const who = count > 1 ? `${count} children` : `${id} ${pid.toString()}`.trim();
    return [
      `supervisor report: ${supervisor.path} ${supervisor.pid.toString()}`,
      `  context:  ${errorContext}`,
      `  reason:   ${typeof reason === "string" ? reason : formatReason(reason)}`,
      `  offender: ${who} (${definition}, ${restart}, shutdown ${shutdown}, ${type})`,
    ].join("\n");
  }
}

/** A child has been started. OTP's progress report; made only while somebody traces. */
export class ProgressReport {
  readonly type = "progress";
  /** `"debug"` for the child of a dynamic supervisor, of which there may be thousands in a second. */
  readonly level: "info" | "debug";
  readonly supervisor: Subject;
  readonly started: Offender;

  constructor(supervisor: Subject, started: Offender, level: ProgressReport["level"] = "info") {
    this.supervisor = snapshot(supervisor);
    this.started = started;
    this.level = level;
  }

  /** What an operator reads. */
  get text(): string {
    const { id = "", pid = "" } = this.started;
    return `progress: ${this.supervisor.path} started ${id} ${pid.toString()}`;
  }
}

declare module "@espalier/actors" {
  interface Reports {
    supervisor: SupervisorReport;
    progress: ProgressReport;
  }
}

/** The supervisor may be gone when somebody reads the report. */
function snapshot({ pid, path, incarnation }: Subject): Subject {
  return { pid, path, incarnation };
}
