import type { ProcessId } from "./process-id.ts";

// GET /api/v1/heatMap?id=&by=

/** All children of one actor at a glance, in the order in which they were started: that of `age` in a page of them. */
export interface HeatMapAnswer {
  readonly at: number;
  readonly parent: ProcessId;
  /** Living children. */
  readonly total: number;
  readonly by: HeatMeasure;
  /** The states, for `state`: by the numbers in `cells`. */
  readonly states: readonly string[];
  /**
   * One character for each of the first 100,000 children; its code less 48 is the number of its state, or how many binary
   * digits its value has: 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7.
   */
  readonly cells: string;
}

/** `state` if absent. */
export type HeatMeasure = "state" | "mailbox" | "reductions" | "bytesReceived" | "bytesSent" | "unsentBytes";
