import type { ChildrenAnswer, ProcessAnswer, ProcessId, TreeAnswer, TreeNode } from "../api-types.ts";
import type { Ask } from "./client.ts";
import { orGone } from "./or-gone.ts";

/** The most that a page of children can have. */
const PAGE = 200;

/** Who is meant by a pid (`<0.84>`, `0.84`, `84`), a path, a registered name or an id; undefined for nobody who lives. */
export async function findProcess(ask: Ask, given: string): Promise<ProcessId | undefined> {
  if (/^\d+\.\d+\.\S/u.test(given)) return given;
  const [, digits] = /^<?(?:0\.)?(\d{1,15})>?$/u.exec(given) ?? [];
  if (digits !== undefined) return (await orGone(ask<ProcessAnswer>("process", { pid: digits })))?.id;
  const nodes = (await ask<TreeAnswer>("tree")).roots.flatMap((root) => nodesOf(root, root.key));
  const listed = nodes.find(({ node, path }) => path === given || node.name === given);
  if (listed !== undefined) return listed.node.id;
  for (const { node, path } of nodes.filter(({ node: { aggregate } }) => aggregate !== undefined)) {
    const found = await findByKey(ask, node, path, given);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface Place {
  readonly node: TreeNode;
  readonly path: string;
}

function nodesOf(node: TreeNode, path: string): readonly Place[] {
  return [{ node, path }, ...node.children.flatMap((child) => nodesOf(child, `${path}/${child.key}`))];
}

async function findByKey(ask: Ask, { id }: TreeNode, path: string, given: string): Promise<ProcessId | undefined> {
  const key = given.startsWith(`${path}/`) ? given.slice(path.length + 1) : given;
  for (let offset = 0; ; offset += PAGE) {
    const { items } = await ask<ChildrenAnswer>("children", { id, filter: key, offset, limit: PAGE });
    const found = items.find((row) => row.name === given || (key !== given && row.key === key));
    if (found !== undefined || items.length < PAGE) return found?.id;
  }
}
