import type { ProcessStatus } from "../../api-types.ts";
import { type Line, span, type Style } from "../line.ts";
import type { Model } from "../model.ts";
import type { ProcessList, ProcessRow, ProcessSort } from "../process-list.ts";
import { bytesOf, indexOf, processRows } from "../rows.ts";
import { type Column, tableLines, widest } from "../table.ts";
import { bytes, count, rate } from "../units.ts";

/** More than this waiting is worth a look. */
const LONG_MAILBOX = 1000;

export function processLines(model: Model, width: number, height: number): readonly Line[] {
  const { facts, scope, sort, filter } = model;
  const rows = processRows(model);
  const list = facts.list?.scope === scope?.id ? facts.list : undefined;
  const total = list === undefined ? "…" : count(list.total);
  const about = [
    span(scope === undefined ? " Actors " : ` Children of ${scope.path} `, "bold"),
    span(`${count(rows.length)} of ${total}${filter === "" ? "" : ` with ${JSON.stringify(filter)}`}`),
    span(`, by ${sort}${model.isDescending ? " ↓" : " ↑"}`, "dim"),
  ];
  const cut = cutText(model, list);
  const table = tableLines(
    {
      columns: columnsOf(rows, model),
      last: { title: mark("ACTOR", "name", sort), least: 10, text: nameOf },
      rows,
      selected: indexOf(model.cursors.processes, rows),
    },
    width,
    height - (cut === "" ? 1 : 2),
  );
  return [about, ...table, ...(cut === "" ? [] : [[span(` ${cut}`, "warning")]])];
}

/** Who is not in the list, though he may belong there. Empty when it is all there. */
function cutText({ filter }: Model, list: ProcessList | undefined): string {
  if (list === undefined) return "";
  // What is there answers another filter.
  if (list.filter !== filter) return "… asking";
  const more = list.more === 0 ? "" : `… and ${count(list.more)} more`;
  const unknown = list.unknown === 0 ? "" : `${count(list.unknown)} are not searched`;
  return more === "" || unknown === "" ? more + unknown : `${more}; ${unknown}`;
}

function columnsOf(rows: readonly ProcessRow[], { sort, rates }: Model): ReadonlyArray<Column<ProcessRow>> {
  // What it is sorted by is the last to go.
  const rank = (own: ProcessSort, usual: number): number => (own === sort ? 1 : usual);
  return [
    {
      title: mark("PID", "pid", sort),
      width: widest(
        rows.map(({ pid }) => pid),
        6,
        12,
      ),
      align: "right",
      rank: 0,
      text: ({ pid }) => pid,
    },
    {
      title: mark("STATE", "state", sort),
      width: 13,
      align: "left",
      rank: rank("state", 5),
      text: ({ state, status }) => (state === undefined || isUnusual(status) ? status : state),
      style: ({ status }) => statusStyle(status),
    },
    {
      title: mark("MBOX", "mailbox", sort),
      width: 5,
      align: "right",
      rank: rank("mailbox", 2),
      text: ({ mailbox }) => count(mailbox),
      style: ({ mailbox }) => (mailbox >= LONG_MAILBOX ? "bad" : "plain"),
    },
    {
      title: mark("MSGS", "messages", sort),
      width: 5,
      align: "right",
      rank: rank("messages", 3),
      text: ({ reductions }) => count(reductions),
    },
    {
      title: mark("MSG/s", "rate", sort),
      width: 6,
      align: "right",
      rank: rank("rate", 6),
      text: ({ id }) => (rates.has(id) ? rate(rates.get(id) ?? 0) : "-"),
    },
    {
      title: mark("BYTES", "bytes", sort),
      width: 8,
      align: "right",
      rank: rank("bytes", 4),
      text: (row) => (bytesOf(row) === 0 ? "-   " : bytes(bytesOf(row))),
    },
    {
      title: mark("RST", "restarts", sort),
      width: 4,
      align: "right",
      rank: rank("restarts", 5),
      text: ({ incarnation }) => (incarnation > 1 ? count(incarnation - 1) : "-"),
      style: ({ incarnation }) => (incarnation > 1 ? "warning" : "plain"),
    },
  ];
}

/** Which column the order is by. */
function mark(title: string, own: ProcessSort, sort: ProcessSort): string {
  return own === sort ? `${title}*` : title;
}

function nameOf({ path, name, label }: ProcessRow): string {
  const other = name === undefined || path.endsWith(name) ? [] : [name];
  return [path, ...other, ...(label === undefined ? [] : [label])].join(" ");
}

function isUnusual(status: ProcessStatus): boolean {
  return status === "suspended" || status === "terminating" || status === "starting" || status === "dead";
}

export function statusStyle(status: ProcessStatus): Style {
  switch (status) {
    case "waiting":
      return "plain";
    case "runnable":
    case "busy":
      return "good";
    case "starting":
    case "suspended":
      return "warning";
    case "terminating":
    case "dead":
      return "bad";
  }
}
