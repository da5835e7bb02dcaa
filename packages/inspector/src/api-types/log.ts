import type { ProcessId } from "./process-id.ts";

// GET /api/v1/log?after=&limit=&kind=

/** What an operator should know, oldest first: the newest that fit when `after` is absent. `limit` is 100 if absent, 500 at most. */
export interface LogAnswer {
  readonly at: number;
  readonly entries: readonly LogEntry[];
  /** Entries so far of each kind, those that are kept no more included. */
  readonly counts: Readonly<Record<LogKind, number>>;
  /** The number of the oldest entry that is still kept; 0 when there is none. */
  readonly oldest: number;
}

/** `crash`: exactly one for each crash of an actor. `restart`: an actor was started anew. */
export type LogKind = "crash" | "restart" | "supervisor" | "alarm" | "command";

export interface LogEntry {
  /** Counts up from 1, without gaps. */
  readonly number: number;
  readonly kind: LogKind;
  readonly at: number;
  readonly wallClock: number;
  readonly id?: ProcessId | undefined;
  readonly path: string;
  /** One line for people. */
  readonly text: string;
  readonly reason?: ReasonFact | undefined;
}

/** Why an actor ended, as far as it may be shown. */
export interface ReasonFact {
  readonly type: string;
  /** The class and the code of an error, or a detail that is a plain word. */
  readonly detail?: string | undefined;
  /** Only when errors are shown. */
  readonly message?: string | undefined;
  /** Where it was thrown: places in the code. */
  readonly stack?: readonly string[] | undefined;
}
