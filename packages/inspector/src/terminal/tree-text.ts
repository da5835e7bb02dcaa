import type { ChildrenAnswer, TreeAnswer, TreeNode } from "../api-types.ts";
import type { Ask } from "./client.ts";
import { inTurn } from "./in-turn.ts";
import { type Line, span } from "./line.ts";
import { orGone } from "./or-gone.ts";
import { statusStyle } from "./views/processes.ts";
import { formatCounts } from "./views/tree.ts";

/** The most that a page of children can have. */
const PAGE = 200;

/** Puts in the children for which an aggregate stands, of families with at most so many. */
export async function withChildren(ask: Ask, tree: TreeAnswer, most: number): Promise<TreeAnswer> {
  const roots = await inTurn(tree.roots, (root) => filled(ask, root, most));
  return { ...tree, roots };
}

async function filled(ask: Ask, node: TreeNode, most: number): Promise<TreeNode> {
  const { aggregate, ...own } = node;
  if (aggregate === undefined)
    return { ...own, children: await inTurn(node.children, (child) => filled(ask, child, most)) };
  if (aggregate.count > most) return node;
  const children: TreeNode[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const page = await ask<ChildrenAnswer>("children", { id: node.id, offset, limit: PAGE });
    const trees = await inTurn(page.items, ({ id }) => orGone(ask<TreeAnswer>("tree", { root: id })));
    const found = trees.flatMap((tree) => tree?.roots ?? []);
    children.push(...(await inTurn(found, (child) => filled(ask, child, most))));
    if (page.items.length < PAGE) return { ...own, children };
  }
}

/** One line an actor, as `formatTree` of the actors writes them; one line for children that are not listed. */
export function treeText({ roots, omitted }: TreeAnswer): readonly Line[] {
  const lines: Line[] = [];
  for (const root of roots) addNode(lines, root, "", "");
  if (omitted > 0) lines.push([span(`… and ${omitted} more`, "dim")]);
  return lines;
}

function addNode(lines: Line[], node: TreeNode, own: string, below: string): void {
  const { key, pid, behaviour, status, aggregate } = node;
  lines.push([
    span(own, "dim"),
    span(key, "bold"),
    span(` ${pid} `, "dim"),
    span(behaviour, statusStyle(status)),
    span(extraOf(node)),
  ]);
  for (const [index, child] of node.children.entries()) {
    const isLast = index === node.children.length - 1 && aggregate === undefined;
    addNode(lines, child, below + (isLast ? "└─ " : "├─ "), below + (isLast ? "   " : "│  "));
  }
  if (aggregate !== undefined) {
    lines.push([span(`${below}└─ `, "dim"), span(`${aggregate.count} children: ${formatCounts(aggregate.states)}`)]);
  }
}

function extraOf({ key, name, label, state }: TreeNode): string {
  const extra = [name === undefined || name === key ? "" : `name ${name}`, label ?? "", state ?? ""];
  const shown = [...new Set(extra)].filter((text) => text !== "");
  return shown.length === 0 ? "" : ` (${shown.join(", ")})`;
}
