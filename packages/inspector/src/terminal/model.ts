import type {
  ListenersAnswer,
  LogAnswer,
  OverviewAnswer,
  ProcessAnswer,
  ProcessId,
  RatesAnswer,
  TreeAnswer,
} from "../api-types.ts";
import type { ProcessList, ProcessSort } from "./process-list.ts";

export const VIEWS = ["overview", "processes", "tree", "listeners", "log"] as const;
export type View = (typeof VIEWS)[number];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What the inspector has answered last. */
export interface Facts {
  readonly overview?: OverviewAnswer | undefined;
  readonly rates?: RatesAnswer | undefined;
  readonly listeners?: ListenersAnswer | undefined;
  readonly log?: LogAnswer | undefined;
  readonly tree?: TreeAnswer | undefined;
  readonly list?: ProcessList | undefined;
  readonly process?: ProcessAnswer | undefined;
}

/** Which row of a list is selected: by its place until somebody moves there, then by what it is. */
export interface Cursor {
  readonly index: number;
  readonly id?: string | undefined;
}

/** The one actor that is looked at in full. */
export interface Detail {
  readonly id: ProcessId;
  readonly pid: string;
  /** The first line that is shown. */
  readonly scroll: number;
  readonly isGone: boolean;
}

/** What is being asked of the one who sits there. */
export type Prompt =
  | { readonly type: "filter"; readonly before: string }
  | { readonly type: "kill"; readonly id: ProcessId; readonly pid: string; readonly path: string }
  | { readonly type: "drain"; readonly listener: string; readonly connections: number };

interface Notice {
  readonly text: string;
  readonly style: "good" | "warning" | "bad";
}

/** All that a screen is made of. */
export interface Model {
  readonly size: Size;
  /** Whether a token was given. */
  readonly hasToken: boolean;
  readonly view: View;
  readonly detail?: Detail | undefined;
  readonly isHelp: boolean;
  readonly isPaused: boolean;
  readonly prompt?: Prompt | undefined;
  /** Told until the next key. */
  readonly notice?: Notice | undefined;
  /** Why the facts are old, while nothing is answered. */
  readonly trouble?: string | undefined;
  readonly facts: Facts;
  /** Messages a second of each actor, from the last two lists. */
  readonly rates: ReadonlyMap<ProcessId, number>;
  readonly sort: ProcessSort;
  readonly isDescending: boolean;
  readonly filter: string;
  /** Whose children alone are listed. */
  readonly scope?: { readonly id: ProcessId; readonly path: string } | undefined;
  readonly folded: ReadonlySet<ProcessId>;
  readonly cursors: Readonly<Record<View, Cursor>>;
}

export function initialModel(size: Size, hasToken: boolean): Model {
  const start: Cursor = { index: 0 };
  return {
    size,
    hasToken,
    view: "overview",
    isHelp: false,
    isPaused: false,
    facts: {},
    rates: new Map(),
    sort: "mailbox",
    isDescending: true,
    filter: "",
    folded: new Set(),
    cursors: { overview: start, processes: start, tree: start, listeners: start, log: start },
  };
}

/** Rows between the title and the footer. */
export function bodyRows({ rows }: Size): number {
  return Math.max(0, rows - 2);
}
