import type { ProcessView, System } from "@espalier/actors";
import type { ChildRow, ChildrenAnswer, ChildSort, SortOrder } from "./api-types.ts";
import { formatProcessId } from "./process-id.ts";
import { Sums } from "./totals.ts";

/** Which children are asked for, and in which order. */
export interface PageQuery {
  readonly offset: number;
  readonly limit: number;
  readonly sort: ChildSort;
  readonly order: SortOrder;
  /** Part of the key, the label, the name or the definition's name; upper and lower case are the same. */
  readonly filter: string | undefined;
  /** Exactly this state, or status of one without a machine. */
  readonly state: string | undefined;
}

/** A page of the children of one actor. They are all looked at, and those of the page are written out. */
export function childrenAnswer(system: System, parent: ProcessView, query: PageQuery): ChildrenAnswer {
  const { offset, limit, sort, order } = query;
  const found: ProcessView[] = [];
  let total = 0;
  for (const process of system.processes()) {
    if (process.parentPid !== parent.pid) continue;
    total += 1;
    if (matches(process, query)) found.push(process);
  }
  const sorted = sort === "age" ? inOrder(found, order) : sortBy(found, keys[sort], order);
  return {
    at: system.now(),
    parent: formatProcessId(parent),
    total,
    matching: found.length,
    offset,
    items: sorted.slice(offset, offset + limit).map(toRow),
  };
}

function matches({ id, name, label, definition, summary, status }: ProcessView, { filter, state }: PageQuery): boolean {
  if (state !== undefined && (summary ?? status) !== state) return false;
  if (filter === undefined) return true;
  const sought = filter.toLowerCase();
  return [id, label, name, definition.name].some((text) => text?.toLowerCase().includes(sought) === true);
}

type Key = (process: ProcessView) => number | string;

const keys: Readonly<Record<Exclude<ChildSort, "age">, Key>> = {
  mailbox: ({ mailboxLength }) => mailboxLength,
  reductions: ({ reductions }) => reductions,
  bytesReceived: (process) => sumsOf(process).bytesReceived,
  bytesSent: (process) => sumsOf(process).bytesSent,
  unsentBytes: (process) => sumsOf(process).unsentBytes,
  state: ({ summary, status }) => summary ?? status,
  key: ({ id }) => id,
};

function inOrder(found: readonly ProcessView[], order: SortOrder): readonly ProcessView[] {
  return order === "asc" ? found : found.toReversed();
}

/** Each key is read once: sockets are asked for their counters. */
function sortBy(found: readonly ProcessView[], keyOf: Key, order: SortOrder): readonly ProcessView[] {
  const sign = order === "asc" ? 1 : -1;
  return found
    .map((process) => ({ process, key: keyOf(process) }))
    .toSorted((left, right) => (left.key < right.key ? -sign : left.key > right.key ? sign : 0))
    .map(({ process }) => process);
}

function sumsOf(process: ProcessView): Sums {
  const sums = new Sums();
  sums.addProcess(process);
  return sums;
}

function toRow(process: ProcessView): ChildRow {
  const { pid, id, name, label, definition, status, summary, incarnation, reductions } = process;
  const { mailbox, bytesReceived, bytesSent, unsentBytes } = sumsOf(process);
  return {
    id: formatProcessId(process),
    key: id,
    pid: pid.toString(),
    name,
    label,
    definition: definition.name,
    status,
    state: summary,
    incarnation,
    mailbox,
    reductions,
    bytesReceived,
    bytesSent,
    unsentBytes,
  };
}
