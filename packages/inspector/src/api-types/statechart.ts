import type { ProcessId } from "./process-id.ts";

// GET /api/v1/statechart?id=

/** The machine of one actor as a directed graph, and where it is. */
export interface StatechartAnswer {
  readonly at: number;
  readonly id: ProcessId;
  readonly machine: string;
  /** The same for all actors of one machine: a client may keep the graph by it. */
  readonly definition: string;
  /** Parents stand before their children. The first is the machine itself. */
  readonly nodes: readonly StateNode[];
  readonly edges: readonly StateEdge[];
  /** Ids of the innermost active states. */
  readonly active: readonly string[];
}

export interface StateNode {
  readonly id: string;
  readonly key: string;
  readonly parent?: string | undefined;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  /** Whether its parent begins with it. */
  readonly isInitial: boolean;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  /** Sources of the actors that it invokes. */
  readonly invokes: readonly string[];
}

export interface StateEdge {
  readonly id: string;
  readonly source: string;
  /** None for a transition that stays where it is. */
  readonly targets: readonly string[];
  /** The event's type; `after 1000 ms`, `always`, `done`. */
  readonly event: string;
  readonly guard?: string | undefined;
  readonly actions: readonly string[];
  readonly reenter: boolean;
}
