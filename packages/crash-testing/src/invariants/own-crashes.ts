import {
  ActorDeadError,
  CallExitError,
  CallTimeoutError,
  ChildEndedError,
  type CrashReport,
  InjectedCrashError,
  NoProcessError,
} from "@espalier/actors";
import type { Invariant, RunView } from "../invariant.ts";

export interface OwnCrashesOptions {
  /** Whether this crash is as it should be, such as that of a job that is meant to fail. @defaultValue none is */
  readonly expected?: (error: unknown, report: CrashReport) => boolean;
}

/**
 * No actor crashes by itself: it ends by a throw only if that was injected, or follows from what was injected. It follows if
 * what was injected is the error or a `cause` of it; and if the error tells that another actor is gone or does not answer in
 * time, in a run in which something is out of the ordinary. Who ends in order, is killed, or goes down with another one does not
 * crash by himself.
 *
 * `ownCrashes({ expected: (error, { subject }) => subject.path.startsWith("root/jobs/") })`
 */
export function ownCrashes({ expected = () => false }: OwnCrashesOptions = {}): Invariant {
  return {
    id: "crash",
    says: "no actor crashes but for what was injected",
    watch: (run) => ({
      on: {
        // Those who go down with another one have none.
        report: ({ report, subject: { path } }) => {
          if (report.type !== "crash" || report.endedWithParent || report.reason.type !== "error") return;
          const { error } = report.reason;
          if (isConsequence(error, run) || expected(error, report)) return;
          run.violate("crash", `${path} crashes: ${String(error)}`);
        },
      },
    }),
  };
}

/** What tells of somebody else. */
const TIDINGS = [CallExitError, CallTimeoutError, NoProcessError, ActorDeadError, ChildEndedError];

function isConsequence(error: unknown, run: RunView): boolean {
  const isOrdinary = run.world.choices.deviations.length === 0;
  const seen = new Set<unknown>();
  for (let cause = error; cause instanceof Error && !seen.has(cause); { cause } = cause) {
    if (cause instanceof InjectedCrashError) return true;
    if (!isOrdinary && TIDINGS.some((tidings) => cause instanceof tidings)) return true;
    seen.add(cause);
  }
  return false;
}
