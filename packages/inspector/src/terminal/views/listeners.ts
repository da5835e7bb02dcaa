import type { ListenerFact } from "../../api-types.ts";
import { type Line, span, type Style } from "../line.ts";
import type { Model } from "../model.ts";
import { indexOf, listenerRows } from "../rows.ts";
import { tableLines } from "../table.ts";
import { bytes, count } from "../units.ts";
import { formatCounts } from "./tree.ts";

/** Lines about the selected listener, below the table. */
const ABOUT = 6;

export function listenerLines(model: Model, width: number, height: number): readonly Line[] {
  const rows = listenerRows(model);
  const selected = indexOf(model.cursors.listeners, rows);
  const row = rows[selected];
  const about = row === undefined || height < ABOUT + 4 ? [] : aboutListener(row);
  const title: Line = [span(" Listeners ", "bold"), span(String(rows.length))];
  const tableHeight = Math.min(height - 1 - about.length, rows.length + 1);
  return [title, ...listenerTable(rows, selected, width, tableHeight), ...about];
}

export function listenerTable(
  rows: readonly ListenerFact[],
  selected: number | undefined,
  width: number,
  height: number,
): readonly Line[] {
  return tableLines(
    {
      columns: [
        {
          title: "STATUS",
          width: 10,
          align: "left",
          rank: 1,
          text: ({ status, isAsleep }) => (isAsleep && status === "running" ? "asleep" : status),
          style: ({ status }) => listenerStyle(status),
        },
        { title: "CONNS", width: 5, align: "right", rank: 0, text: ({ connections }) => count(connections) },
        {
          title: "MAX",
          width: 5,
          align: "right",
          rank: 3,
          text: ({ maxClients }) => (maxClients === "infinity" ? "∞" : count(maxClients)),
        },
        { title: "IN", width: 8, align: "right", rank: 4, text: ({ bytesReceived }) => bytes(bytesReceived) },
        { title: "OUT", width: 8, align: "right", rank: 5, text: ({ bytesSent }) => bytes(bytesSent) },
        { title: "VIA", width: 4, align: "left", rank: 6, text: ({ transport }) => transport },
      ],
      last: { title: "LISTENER", least: 12, text: ({ id }) => id },
      rows,
      selected,
    },
    width,
    height,
  );
}

function aboutListener(listener: ListenerFact): readonly Line[] {
  const { address, handler, waiting, stats, shutdowns, acceptErrors, accessRules, unsentBytes } = listener;
  const queue = waiting === 0 ? "" : `, ${count(waiting).trimStart()} waiting`;
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["handler", `${handler} on ${address}, ${bytes(unsentBytes).trimEnd()} unsent${queue}`],
    ["accepted", formatCounts(stats)],
    ["ended", formatCounts(shutdowns)],
    ["errors", formatCounts(acceptErrors)],
    ["rules", accessRules.join(", ")],
  ];
  return [[], ...facts.map(([name, text]) => [span(` ${name.padEnd(9)} `, "dim"), span(text === "" ? "none" : text)])];
}

function listenerStyle(status: ListenerFact["status"]): Style {
  switch (status) {
    case "running":
      return "good";
    case "suspended":
    case "recovering":
      return "warning";
    case "down":
      return "bad";
  }
}
