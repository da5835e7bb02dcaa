import type {
  ChildRow,
  ChildrenAnswer,
  ChildSort,
  ProcessAnswer,
  ProcessId,
  TreeAnswer,
  TreeNode,
} from "../api-types.ts";
import type { Ask } from "./client.ts";
import { inTurn } from "./in-turn.ts";
import { orGone } from "./or-gone.ts";

/** One actor in the list of all of them. */
export interface ProcessRow extends ChildRow {
  readonly path: string;
}

/** Actors of the whole system, or the children of one. */
export interface ProcessList {
  readonly at: number;
  readonly scope: ProcessId | undefined;
  readonly rows: readonly ProcessRow[];
  /** Living actors that the list is about; more than there are rows when they are many. */
  readonly total: number;
}

/** By what the list is sorted. */
export type ProcessSort = "pid" | "mailbox" | "messages" | "rate" | "bytes" | "restarts" | "state" | "name";

/** What is asked of families that are larger than a page, so that the first rows are those that matter. */
const asked: Readonly<Record<ProcessSort, ChildSort>> = {
  pid: "age",
  mailbox: "mailbox",
  messages: "reductions",
  rate: "rate",
  bytes: "bytes",
  restarts: "restarts",
  state: "state",
  name: "key",
};

export interface ListQuery {
  readonly sort: ProcessSort;
  readonly isDescending: boolean;
  /** Only the children of this actor. */
  readonly scope: ProcessId | undefined;
}

/** The most that a page of children can have. */
const PAGE = 200;
/** So many families are asked, the largest first, and so many roots: the rest is counted only. */
const MOST_FAMILIES = 100;
const MOST_ROOTS = 16;

/**
 * Asks for the actors that stand first in this order. Of each family one page is asked for in that order: so the first rows,
 * as many as a page has, are the first of all.
 */
export async function askProcessList(ask: Ask, query: ListQuery): Promise<ProcessList> {
  const { sort, isDescending, scope } = query;
  const tree = await ask<TreeAnswer>("tree", scope === undefined ? {} : { root: scope, depth: 0 });
  const places = tree.roots.flatMap((root) => placesOf(root, scope === undefined ? root.key : pathOf(root.id)));
  const families = places
    .filter(({ node }) => node.below.processes > 0)
    .toSorted((left, right) => right.node.below.processes - left.node.below.processes)
    .slice(0, MOST_FAMILIES);
  const pages = await inTurn(families, async ({ node, path }) => {
    const order = isDescending ? "desc" : "asc";
    const page = await orGone(ask<ChildrenAnswer>("children", { id: node.id, limit: PAGE, sort: asked[sort], order }));
    return page?.items.map((row) => placed(row, `${path}/${row.key}`)) ?? [];
  });
  if (scope !== undefined) {
    const total = tree.roots.reduce((sum, { aggregate, below }) => sum + (aggregate?.count ?? below.processes), 0);
    return { at: tree.at, scope, rows: pages.flat(), total };
  }
  // Nobody has them as children.
  const roots = await inTurn(tree.roots.slice(0, MOST_ROOTS), async (root) => {
    const process = await orGone(ask<ProcessAnswer>("process", { id: root.id }));
    return process === undefined ? [] : [rowOfRoot(root, process)];
  });
  const total = tree.omitted + tree.roots.reduce((sum, { below }) => sum + 1 + below.processes, 0);
  return { at: tree.at, scope, rows: [...roots, ...pages].flat(), total };
}

/** The path is the last part of an id; what stands before it are two numbers. */
function pathOf(id: ProcessId): string {
  return id.replace(/^\d+\.\d+\./u, "");
}

/** The pid that an id begins with. */
export function pidOf(id: ProcessId): string {
  return `<0.${/^\d+/u.exec(id)?.[0] ?? "?"}>`;
}

function placed(row: ChildRow, path: string): ProcessRow {
  return { ...row, path };
}

interface Place {
  readonly node: TreeNode;
  readonly path: string;
}

function placesOf(node: TreeNode, path: string): readonly Place[] {
  return [{ node, path }, ...node.children.flatMap((child) => placesOf(child, `${path}/${child.key}`))];
}

function rowOfRoot(root: TreeNode, { reductions, sockets }: ProcessAnswer): ProcessRow {
  return {
    ...root,
    path: root.key,
    reductions,
    bytesReceived: sockets.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
    bytesSent: sockets.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    unsentBytes: sockets.reduce((sum, { unsentBytes }) => sum + unsentBytes, 0),
  };
}
