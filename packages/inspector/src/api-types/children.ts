import type { ProcessStatus } from "./process.ts";
import type { ProcessId } from "./process-id.ts";

// GET /api/v1/children?id=&offset=&limit=&sort=&order=&filter=&state=

/** A page of the children of one actor. `limit` is from 1 to 200, 50 if absent. */
export interface ChildrenAnswer {
  readonly at: number;
  readonly parent: ProcessId;
  /** Living children. */
  readonly total: number;
  /** Those that the filter lets through. */
  readonly matching: number;
  readonly offset: number;
  readonly items: readonly ChildRow[];
}

/**
 * `age` is the order in which they were started. Ties stand in that order, whatever is asked for. `bytes` are those of both
 * directions, `restarts` how often one was started anew, `rate` messages a second.
 */
export type ChildSort =
  | "age"
  | "mailbox"
  | "reductions"
  | "bytesReceived"
  | "bytesSent"
  | "bytes"
  | "unsentBytes"
  | "restarts"
  | "rate"
  | "state"
  | "key";

export type SortOrder = "asc" | "desc";

export interface ChildRow {
  readonly id: ProcessId;
  readonly key: string;
  readonly pid: string;
  readonly name?: string | undefined;
  readonly label?: string | undefined;
  readonly definition: string;
  readonly status: ProcessStatus;
  readonly state?: string | undefined;
  readonly incarnation: number;
  readonly mailbox: number;
  readonly reductions: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
  /**
   * Messages a second since an earlier look. Only where the page is sorted by it, and not at the first look of all: what is
   * compared is then looked at, once a second at most, and only if somebody asks.
   */
  readonly rate?: number | undefined;
}
