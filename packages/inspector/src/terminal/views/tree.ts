import type { Aggregate, SupervisorFacts, TreeNode } from "../../api-types.ts";
import { fitLine, inStyle, type Line, type Span, span } from "../line.ts";
import type { Model } from "../model.ts";
import { indexOf, type TreeRow, treeRows } from "../rows.ts";
import { firstVisible } from "../table.ts";
import { bytes, count } from "../units.ts";
import { statusStyle } from "./processes.ts";

export function treeLines(model: Model, width: number, height: number): readonly Line[] {
  const rows = treeRows(model);
  const selected = indexOf(model.cursors.tree, rows);
  const title: Line = [span(" Tree", "bold"), span(cutText(model), "warning")];
  const start = firstVisible(selected, height - 1, rows.length);
  const shown = rows.slice(start, start + Math.max(0, height - 1)).map((row, index) => {
    const line = rowLine(row);
    return start + index === selected ? fitLine(inStyle(line, "selected"), width, "selected") : line;
  });
  return [title, ...shown];
}

/** Who is not in the tree; for a filter that is also whoever an aggregate stands for. */
function cutText({ facts: { tree }, filter }: Model): string {
  const omitted = tree?.omitted ?? 0;
  if (filter === "") return omitted === 0 ? "" : ` … and ${count(omitted)} more`;
  const unsearched = omitted + (tree?.roots ?? []).reduce((sum, root) => sum + countUnlisted(root), 0);
  return unsearched === 0 ? "" : ` ${count(unsearched)} are not searched here; 2 searches more`;
}

function countUnlisted({ aggregate, below, children }: TreeNode): number {
  if (aggregate !== undefined) return below.processes;
  return children.reduce((sum, child) => sum + countUnlisted(child), 0);
}

function rowLine({ node, branch, type, isFolded }: TreeRow): Line {
  if (type === "children") {
    return [span(branch, "dim"), ...(node.aggregate === undefined ? [] : aggregateSpans(node.aggregate))];
  }
  const { key, pid, name, label, behaviour, definition, status, state, mailbox, incarnation, below, supervisor } = node;
  const names = [name === key ? undefined : name, label].filter((text) => text !== undefined);
  const isWaiting = status === "waiting";
  return [
    span(branch, "dim"),
    span(isFolded ? "+ " : "", "warning"),
    span(key, "bold"),
    span(` ${pid}`, "dim"),
    span(` ${behaviour === "supervisor" ? (supervisor?.strategy ?? behaviour) : definition}`),
    span(names.length === 0 ? "" : ` ${names.join(" ")}`),
    span(state === undefined ? "" : ` ${state}`, "good"),
    span(isWaiting ? "" : ` ${status}`, statusStyle(status)),
    span(mailbox === 0 ? "" : ` mailbox ${count(mailbox)}`, "warning"),
    span(incarnation === 1 ? "" : ` restarted ${count(incarnation - 1)}×`, "warning"),
    span(isFolded && below.processes > 0 ? ` ${count(below.processes)} below` : "", "dim"),
    span(restartsText(supervisor), "warning"),
  ];
}

function restartsText(supervisor: SupervisorFacts | undefined): string {
  const { restartsInPeriod = 0, intensity } = supervisor ?? {};
  return restartsInPeriod === 0 ? "" : ` ${restartsInPeriod} of ${intensity ?? "?"} restarts`;
}

function aggregateSpans({ count: number, states, totals, longestMailbox }: Aggregate): readonly Span[] {
  const traffic = totals.bytesReceived + totals.bytesSent;
  return [
    span(`${count(number)} ${number === 1 ? "child" : "children"}: `, "bold"),
    span(formatCounts(states)),
    span(traffic === 0 ? "" : ` ${bytes(traffic).trimEnd()}`, "dim"),
    span(longestMailbox === 0 ? "" : ` longest mailbox ${count(longestMailbox)}`, "warning"),
  ];
}

/** Such as `12 open, 3 closing`: the most frequent first. */
export function formatCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, number]) => number > 0)
    .toSorted(([, left], [, right]) => right - left)
    .map(([name, number]) => `${count(number)} ${name}`)
    .join(", ");
}
