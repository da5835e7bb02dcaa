import { LATENCIES } from "../kit.ts";
import type { Invariant } from "../kit.ts";

/** What is later than this may be too late for somebody's timeout. */
const LATE_MS = 300;

/** It is what some jobs are there for, and how a client ends that gives up. */
const MAY_CRASH = /^root\/jobs\/|^client@\d+$/;

/** Whoever crashes has a reason: something was injected. */
export const nobodyCrashesUnasked: Invariant = {
  id: "T30-crash",
  says: "nobody crashes unless a crash was injected, or something was very late",
  watch: (run) => ({
    on: {
      report: ({ report, subject }) => {
        const { injections, choices } = run.world;
        if (report.type !== "crash" || injections.length > 0 || MAY_CRASH.test(subject.path)) return;
        const isExcused = choices.deviations.some(
          ({ kind, value }) =>
            kind === "bind" || ((kind === "delay" || kind === "timer") && (LATENCIES[value] ?? 0) >= LATE_MS),
        );
        if (!isExcused) run.violate("T30-crash", `${subject.path} crashes: ${report.text}`);
      },
    },
  }),
};
