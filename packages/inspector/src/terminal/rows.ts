import type { ListenerFact, LogEntry, ProcessId, TreeNode } from "../api-types.ts";
import { letsThrough, matches } from "./filter.ts";
import type { Cursor, Model } from "./model.ts";
import type { ProcessRow, ProcessSort } from "./process-list.ts";

/** A list has rows that can be told from each other when they have moved. */
interface Row {
  readonly id: string;
}

/** The actors of the list that the filter lets through, in order. */
export function processRows({
  facts: { list },
  scope,
  filter,
  sort,
  isDescending,
  rates,
}: Model): readonly ProcessRow[] {
  if (list === undefined || list.scope !== scope?.id) return [];
  const compare = comparisons[sort];
  const sign = isDescending ? -1 : 1;
  return list.rows
    .filter((row) => letsThrough(filter, row.path, row))
    .toSorted((left, right) => sign * compare(left, right, rates) || pidNumber(left.pid) - pidNumber(right.pid));
}

type Comparison = (left: ProcessRow, right: ProcessRow, rates: Model["rates"]) => number;

const comparisons: Readonly<Record<ProcessSort, Comparison>> = {
  pid: (left, right) => pidNumber(left.pid) - pidNumber(right.pid),
  mailbox: (left, right) => left.mailbox - right.mailbox,
  messages: (left, right) => left.reductions - right.reductions,
  rate: (left, right, rates) => (rates.get(left.id) ?? 0) - (rates.get(right.id) ?? 0),
  bytes: (left, right) => bytesOf(left) - bytesOf(right),
  restarts: (left, right) => left.incarnation - right.incarnation,
  state: (left, right) => compareText(left.state ?? left.status, right.state ?? right.status),
  name: (left, right) => compareText(left.path, right.path),
};

export function bytesOf({ bytesReceived, bytesSent }: ProcessRow): number {
  return bytesReceived + bytesSent;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Pids count up: `<0.9>` is older than `<0.10>`. */
function pidNumber(pid: string): number {
  return Number(/(\d+)>?$/u.exec(pid)?.[1] ?? 0);
}

/** A line of the tree: an actor, or all children of one together. */
export interface TreeRow extends Row {
  readonly node: TreeNode;
  readonly path: string;
  /** The lines that lead to it. */
  readonly branch: string;
  readonly type: "actor" | "children";
  readonly isFolded: boolean;
}

export function treeRows({ facts: { tree }, folded, filter }: Model): readonly TreeRow[] {
  const rows: TreeRow[] = [];
  for (const root of tree?.roots ?? []) addNode(rows, root, { path: root.key, own: "", below: "" }, folded);
  if (filter === "") return rows;
  const found = rows.filter(({ path, node }) => matches(filter, path, node.name, node.label, node.pid, node.state));
  // Who stands above what was found tells where it is.
  const shown = new Set(found.flatMap(({ path }) => prefixesOf(path)));
  return rows.filter(({ path }) => shown.has(path));
}

function prefixesOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

interface Place {
  readonly path: string;
  readonly own: string;
  readonly below: string;
}

function addNode(rows: TreeRow[], node: TreeNode, { path, own, below }: Place, folded: ReadonlySet<ProcessId>): void {
  const isFolded = folded.has(node.id);
  rows.push({ id: node.id, node, path, branch: own, type: "actor", isFolded });
  if (isFolded) return;
  for (const [index, child] of node.children.entries()) {
    const isLast = index === node.children.length - 1 && node.aggregate === undefined;
    const place = {
      path: `${path}/${child.key}`,
      own: below + (isLast ? "└─ " : "├─ "),
      below: below + (isLast ? "   " : "│  "),
    };
    addNode(rows, child, place, folded);
  }
  if (node.aggregate !== undefined) {
    rows.push({ id: `${node.id} children`, node, path, branch: `${below}└─ `, type: "children", isFolded: false });
  }
}

export function listenerRows({ facts, filter }: Model): readonly ListenerFact[] {
  return (facts.listeners?.listeners ?? []).filter(({ id, address, handler, status }) =>
    matches(filter, id, address, handler, status),
  );
}

/** An entry of the log. */
export interface LogRow extends Row {
  readonly entry: LogEntry;
}

/** The newest entry first. */
export function logRows({ facts, filter }: Model): readonly LogRow[] {
  return (facts.log?.entries ?? [])
    .filter(({ kind, path, text }) => matches(filter, kind, path, text))
    .map((entry) => ({ id: String(entry.number), entry }))
    .toReversed();
}

/** The rows among which the cursor moves. */
export function rowsOf(model: Model): readonly Row[] {
  switch (model.view) {
    case "overview":
      return [];
    case "processes":
      return processRows(model);
    case "tree":
      return treeRows(model);
    case "listeners":
      return listenerRows(model);
    case "log":
      return logRows(model);
  }
}

/** Where the cursor stands: it has moved with its row, unless that is gone. */
export function indexOf({ index, id }: Cursor, rows: readonly Row[]): number {
  const found = id === undefined ? -1 : rows.findIndex((row) => row.id === id);
  return Math.max(0, Math.min(found < 0 ? index : found, rows.length - 1));
}
