import type { ProcessStatus } from "./process.ts";
import type { ProcessId } from "./process-id.ts";
import type { SupervisorFacts } from "./supervisor.ts";

// GET /api/v1/tree?root=&depth=

/** The living tree, bounded: many like children are an aggregate, and come in pages by `/api/v1/children`. */
export interface TreeAnswer {
  readonly at: number;
  /** Actors that no living actor has started, or the one that was asked for. */
  readonly roots: readonly TreeNode[];
  /** Actors that neither a node nor an aggregate stands for, because the tree is larger than an answer may be. */
  readonly omitted: number;
}

export interface TreeNode {
  readonly id: ProcessId;
  /** The last part of the path. */
  readonly key: string;
  readonly pid: string;
  readonly name?: string | undefined;
  readonly label?: string | undefined;
  /** `server`, `machine`, `async`, `supervisor`, … */
  readonly behaviour: string;
  readonly definition: string;
  readonly status: ProcessStatus;
  /** In which state its machine is. */
  readonly state?: string | undefined;
  readonly incarnation: number;
  readonly mailbox: number;
  /** All actors below it. */
  readonly below: Totals;
  /** Empty when its children are an aggregate, or deeper than was asked. */
  readonly children: readonly TreeNode[];
  /** Stands for its children, when they are not listed. */
  readonly aggregate?: Aggregate | undefined;
  readonly supervisor?: SupervisorFacts | undefined;
}

/** Sums over actors. */
export interface Totals {
  readonly processes: number;
  readonly mailbox: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
}

/** The children of one actor, taken together. */
export interface Aggregate {
  readonly count: number;
  /** How many children are in which state; a child without a machine counts under its status. At most 50 states, then `other`. */
  readonly states: Readonly<Record<string, number>>;
  /** How many children run what. At most 50, then `other`. */
  readonly definitions: Readonly<Record<string, number>>;
  /** The children's own, not of those below them. */
  readonly totals: Totals;
  readonly longestMailbox: number;
}
