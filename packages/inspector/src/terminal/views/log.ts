import type { LogEntry, LogKind } from "../../api-types.ts";
import { fitLine, inStyle, type Line, span, type Style } from "../line.ts";
import type { Model } from "../model.ts";
import { indexOf, logRows } from "../rows.ts";
import { firstVisible } from "../table.ts";
import { count, timeOfDay } from "../units.ts";

export function logLines(model: Model, width: number, height: number): readonly Line[] {
  const rows = logRows(model);
  const selected = indexOf(model.cursors.log, rows);
  const { counts, entries = [], oldest = 0 } = model.facts.log ?? {};
  const older = (entries[0]?.number ?? 0) - oldest;
  const totals = Object.entries(counts ?? {}).map(([kind, number]) => `${kind} ${count(number)}`);
  const title: Line = [
    span(" Log, times in UTC: ", "bold"),
    span(totals.join("  ")),
    span(older > 0 ? ` … and ${count(older)} older` : "", "warning"),
  ];
  const start = firstVisible(selected, height - 1, rows.length);
  const shown = rows.slice(start, start + Math.max(0, height - 1)).map(({ entry }, index) => {
    const line = entryLine(entry);
    return start + index === selected ? fitLine(inStyle(line, "selected"), width, "selected") : line;
  });
  return [title, ...shown];
}

export function entryLine({ kind, wallClock, path, text }: LogEntry): Line {
  return [
    span(` ${timeOfDay(wallClock)} `, "dim"),
    span(kind.padEnd(10), kindStyle(kind)),
    span(`${path} `, "bold"),
    span(text),
  ];
}

function kindStyle(kind: LogKind): Style {
  switch (kind) {
    case "crash":
    case "alarm":
      return "bad";
    case "supervisor":
    case "restart":
      return "warning";
    case "command":
      return "good";
  }
}
