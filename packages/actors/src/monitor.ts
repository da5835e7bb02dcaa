import type { ExitReason } from "./exit-reason.ts";
import type { Pid } from "./pid.ts";

/** Names one monitor: what `monitor` answers, what its `Down` carries, and what `demonitor` takes. Opaque. */
export interface MonitorRef {
  readonly kind: "monitor";
}

/** A monitored actor ended. OTP's `'DOWN'`. */
export class Down {
  readonly type = "down";
  readonly ref: MonitorRef;
  readonly pid: Pid | undefined;
  /** The name, when the monitor was made by name. */
  readonly name: string | undefined;
  readonly reason: ExitReason;

  constructor(ref: MonitorRef, pid: Pid | undefined, name: string | undefined, reason: ExitReason) {
    this.ref = ref;
    this.pid = pid;
    this.name = name;
    this.reason = reason;
  }
}

/** An exit signal that a trapping actor received. OTP's `'EXIT'`. */
export class Exit {
  readonly type = "exit";
  readonly from: Pid;
  readonly reason: ExitReason;

  constructor(from: Pid, reason: ExitReason) {
    this.from = from;
    this.reason = reason;
  }
}
