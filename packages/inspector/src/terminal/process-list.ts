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
import { filterOfChildren, letsThrough } from "./filter.ts";
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
  /** What it was asked with. */
  readonly filter: string;
  /** There may be some among them whom the filter does not let through. */
  readonly rows: readonly ProcessRow[];
  /** Living actors that the list is about; more than there are rows when they are many. */
  readonly total: number;
  /** Those who belong into the list and have no row. */
  readonly more: number;
  /** Those of whom it is not known whether the filter lets them through. */
  readonly unknown: number;
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
  /** Only those whom it lets through; empty for all. */
  readonly filter: string;
}

/** The most that a page of children can have. */
const PAGE = 200;
/**
 * So many families are asked, the largest first, and so many roots: the rest is counted only. With a filter, only those that
 * may have somebody whom it lets through.
 */
const MOST_FAMILIES = 100;
const MOST_ROOTS = 16;

/**
 * Asks for the actors that stand first in this order. Of each family one page is asked for in that order: so the first rows,
 * as many as a page has, are the first of all.
 */
export async function askProcessList(ask: Ask, query: ListQuery): Promise<ProcessList> {
  const { scope, filter } = query;
  const tree = await ask<TreeAnswer>("tree", scope === undefined ? {} : { root: scope, depth: 0 });
  const places = tree.roots.flatMap((root) => placesOf(root, scope === undefined ? root.key : pathOf(root.id)));
  const families = places
    .filter(({ node }) => node.below.processes > 0)
    .map(({ node, path }) => ({ node, path, known: knownChildren(node, path, filter) }))
    .filter(({ known }) => known !== 0)
    .toSorted((left, right) => right.node.below.processes - left.node.below.processes);
  const pages = await inTurn(families.slice(0, MOST_FAMILIES), (family) => askFamily(ask, query, family));
  // Nobody has the roots as children.
  const sought = scope === undefined ? tree.roots.filter((root) => letsThrough(filter, root.key, root)) : [];
  const roots = await inTurn(sought.slice(0, MOST_ROOTS), async (root) => {
    const process = await orGone(ask<ProcessAnswer>("process", { id: root.id }));
    return process === undefined ? [] : [rowOfRoot(root, process)];
  });
  const rest = families.slice(MOST_FAMILIES);
  const total = scope === undefined ? countAll(tree) : sumOf(tree.roots, countChildren);
  const listed = scope === undefined ? places.length : 0;
  const inAggregates = sumOf(places, ({ node }) => node.aggregate?.count ?? 0);
  // Who is neither in the tree nor in a family, and who is in a family that is not asked.
  const unseen =
    total - listed - inAggregates + sumOf(rest, ({ node, known }) => (known === undefined ? countChildren(node) : 0));
  const more =
    sumOf(pages, (page) => page.more) +
    sumOf(rest, ({ known = 0 }) => known) +
    Math.max(0, sought.length - MOST_ROOTS) +
    (filter === "" ? unseen : 0);
  const rows = [...roots, ...pages.map((page) => page.rows)].flat();
  return { at: tree.at, scope, filter, rows, total, more, unknown: filter === "" ? 0 : unseen };
}

/** How many children the filter lets through; undefined where the tree has not got them. */
function knownChildren(node: TreeNode, path: string, filter: string): number | undefined {
  if (node.aggregate !== undefined) return undefined;
  return node.children.filter((child) => letsThrough(filter, `${path}/${child.key}`, child)).length;
}

interface FamilyPage {
  readonly rows: readonly ProcessRow[];
  /** Those of the family for whom the page has no room. */
  readonly more: number;
}

async function askFamily(ask: Ask, query: ListQuery, { node, path }: Place): Promise<FamilyPage> {
  const filter = filterOfChildren(query.filter, path);
  const parameters = {
    id: node.id,
    limit: PAGE,
    sort: asked[query.sort],
    order: query.isDescending ? "desc" : "asc",
    ...(filter !== undefined && { filter }),
  };
  const page = await orGone(ask<ChildrenAnswer>("children", parameters));
  if (page === undefined) return { rows: [], more: 0 };
  const rows = page.items.map((row) => ({ ...row, path: `${path}/${row.key}` }));
  return { rows, more: page.matching - rows.length };
}

function countAll({ roots, omitted }: TreeAnswer): number {
  return omitted + sumOf(roots, ({ below }) => 1 + below.processes);
}

function countChildren({ aggregate, children }: TreeNode): number {
  return aggregate?.count ?? children.length;
}

function sumOf<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}

/** The path is the last part of an id; what stands before it are two numbers. */
function pathOf(id: ProcessId): string {
  return id.replace(/^\d+\.\d+\./u, "");
}

/** The pid that an id begins with. */
export function pidOf(id: ProcessId): string {
  return `<0.${/^\d+/u.exec(id)?.[0] ?? "?"}>`;
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
