import { type ExitReason, isExpected } from "@espalier/actors";
import type { Restart } from "./child-spec.ts";

/** Whether a child that ended by itself is started again. OTP's table of restart types. */
export function shouldRestart(restart: Restart, reason: ExitReason): boolean {
  switch (restart) {
    case "permanent":
      return true;
    case "transient":
      return !isExpected(reason);
    case "temporary":
      return false;
  }
}

/** Whether the end of a child is worth a report: every end of a permanent one is, else only an abnormal one. */
export function shouldReport(restart: Restart, reason: ExitReason): boolean {
  return restart === "permanent" || !isExpected(reason);
}
