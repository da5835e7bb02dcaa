import type { ProcessId } from "./process-id.ts";

// GET /api/v1/trace?id=&after=

/** What a traced actor has received and sent. Tracing is switched on and off by the command `trace`. */
export interface TraceAnswer {
  readonly at: number;
  readonly id: ProcessId;
  readonly isTraced: boolean;
  /** Oldest first; the last 200 at most. Those that were more between two questions are missed, as the numbers tell. */
  readonly events: readonly TracedEvent[];
}

export interface TracedEvent {
  /** Counts up from 1, without gaps, for each time that tracing was switched on. */
  readonly number: number;
  readonly at: number;
  readonly direction: "in" | "out";
  /** What kind of message it is. */
  readonly type: string;
  /** The path of the receiver of one that was sent. */
  readonly to?: string | undefined;
  /** Only when messages are shown. */
  readonly message?: unknown;
}
