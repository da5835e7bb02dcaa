import type { ProcessView, System } from "@espalier/actors";
import type { ChildRow, ChildrenAnswer, ChildSort, SortOrder } from "./api-types.ts";
import type { Pace, Rate } from "./pace.ts";
import { formatProcessId } from "./process-id.ts";
import { Sums } from "./totals.ts";

/** Which children are asked for, and in which order. */
export interface PageQuery {
  readonly offset: number;
  readonly limit: number;
  readonly sort: ChildSort;
  readonly order: SortOrder;
  /**
   * Part of the key, the label, the name, the definition's name, the pid, or the state (status of one without a machine);
   * upper and lower case are the same.
   */
  readonly filter: string | undefined;
  /** Exactly this state, or status of one without a machine. */
  readonly state: string | undefined;
}

/** A page of the children of one actor. They are all looked at, and those of the page are written out. */
export function childrenAnswer(system: System, parent: ProcessView, query: PageQuery, pace: Pace): ChildrenAnswer {
  const { offset, limit, sort, order } = query;
  // Looking for it costs a walk over all actors: nobody else pays for it.
  const rate = sort === "rate" ? pace.read() : undefined;
  const found: ProcessView[] = [];
  let total = 0;
  for (const process of system.processes()) {
    if (process.parentPid !== parent.pid) continue;
    total += 1;
    if (matches(process, query)) found.push(process);
  }
  const sorted = sort === "age" ? inOrder(found, order) : sortBy(found, keyOf(sort, rate), order);
  return {
    at: system.now(),
    parent: formatProcessId(parent),
    total,
    matching: found.length,
    offset,
    items: sorted.slice(offset, offset + limit).map((process) => toRow(process, rate)),
  };
}

function matches(process: ProcessView, { filter, state }: PageQuery): boolean {
  const { id, name, label, definition, pid } = process;
  if (state !== undefined && stateOf(process) !== state) return false;
  if (filter === undefined) return true;
  const sought = filter.toLowerCase();
  const texts = [id, label, name, definition.name, pid.toString(), stateOf(process)];
  return texts.some((text) => text?.toLowerCase().includes(sought) === true);
}

function stateOf({ summary, status }: ProcessView): string {
  return summary ?? status;
}

type Key = (process: ProcessView) => number | string;

const keys: Readonly<Record<Exclude<ChildSort, "age" | "rate">, Key>> = {
  mailbox: ({ mailboxLength }) => mailboxLength,
  reductions: ({ reductions }) => reductions,
  bytesReceived: (process) => sumsOf(process).bytesReceived,
  bytesSent: (process) => sumsOf(process).bytesSent,
  bytes: (process) => {
    const { bytesReceived, bytesSent } = sumsOf(process);
    return bytesReceived + bytesSent;
  },
  unsentBytes: (process) => sumsOf(process).unsentBytes,
  restarts: ({ incarnation }) => incarnation - 1,
  state: stateOf,
  key: ({ id }) => id,
};

/** By rate all are the same as long as it is not known. */
function keyOf(sort: Exclude<ChildSort, "age">, rate: Rate | undefined): Key {
  return sort === "rate" ? (rate ?? (() => 0)) : keys[sort];
}

function inOrder(found: readonly ProcessView[], order: SortOrder): readonly ProcessView[] {
  return order === "asc" ? found : found.toReversed();
}

/** Each key is read once: sockets are asked for their counters. */
function sortBy(found: readonly ProcessView[], key: Key, order: SortOrder): readonly ProcessView[] {
  const sign = order === "asc" ? 1 : -1;
  return found
    .map((process) => ({ process, key: key(process) }))
    .toSorted((left, right) => (left.key < right.key ? -sign : left.key > right.key ? sign : 0))
    .map(({ process }) => process);
}

function sumsOf(process: ProcessView): Sums {
  const sums = new Sums();
  sums.addProcess(process);
  return sums;
}

function toRow(process: ProcessView, rate: Rate | undefined): ChildRow {
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
    rate: rate?.(process),
  };
}
