import type { ChildrenAnswer, ProcessId, TreeAnswer, TreeNode } from "../api-types.ts";
import type { Ask } from "./client.ts";
import { pidNumber } from "./rows.ts";

/** The most that a page of children can have. */
const PAGE = 200;

/** Who is meant by a pid (`<0.84>`, `0.84`, `84`), a path, a registered name or an id; undefined for nobody who lives. */
export async function findProcess(ask: Ask, given: string): Promise<ProcessId | undefined> {
  if (/^\d+\.\d+\.\S/u.test(given)) return given;
  const [, digits] = /^<?(?:0\.)?(\d+)>?$/u.exec(given) ?? [];
  const nodes = (await ask<TreeAnswer>("tree")).roots.flatMap((root) => nodesOf(root, root.key));
  const listed = nodes.find(({ node, path }) =>
    digits === undefined ? path === given || node.name === given : pidNumber(node.pid) === Number(digits),
  );
  if (listed !== undefined) return listed.node.id;
  for (const { node, path } of nodes.filter(({ node: { aggregate } }) => aggregate !== undefined)) {
    const found =
      digits === undefined ? await findByKey(ask, node, path, given) : await findByPid(ask, node, Number(digits));
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

/** Pids count up, and children stand by age: each page halves where it can be. */
async function findByPid(ask: Ask, { id, aggregate }: TreeNode, sought: number): Promise<ProcessId | undefined> {
  let low = 0;
  let high = aggregate?.count ?? 0;
  while (low < high) {
    const offset = Math.max(low, Math.floor((low + high - PAGE) / 2));
    const { items } = await ask<ChildrenAnswer>("children", { id, offset, limit: PAGE });
    const found = items.find(({ pid }) => pidNumber(pid) === sought);
    if (found !== undefined) return found.id;
    const [first] = items;
    if (first === undefined || pidNumber(first.pid) > sought) high = offset;
    else if (pidNumber(items.at(-1)?.pid ?? "") < sought) low = offset + items.length;
    else return undefined;
  }
  return undefined;
}

async function findByKey(ask: Ask, { id }: TreeNode, path: string, given: string): Promise<ProcessId | undefined> {
  const key = given.startsWith(`${path}/`) ? given.slice(path.length + 1) : given;
  const { items } = await ask<ChildrenAnswer>("children", { id, filter: key, limit: PAGE });
  return items.find((row) => row.name === given || (key !== given && row.key === key))?.id;
}
