import type { Definition, Pid, System } from "@espalier/actors";
import {
  child,
  type ChildSpec,
  defineDynamicSupervisor,
  defineSupervisor,
  startDynamicChild,
  terminateChild,
  restartChild,
} from "@espalier/supervisor";
import type { Target } from "../target.ts";
import { poolsOf, type TreeSpec, type TreeSupervisor } from "./tree-spec.ts";
import { workerOf } from "./tree-worker.ts";

/** What can be done to a tree while it runs: to its pools, and to the first level of its children. */
type Operations = NonNullable<Target<Pid | undefined>["operations"]>;

/**
 * Makes a target of a tree, for `run`, `search` and `crashTest`. It has no port: no clients come. As operations it can be
 * told to start one more child in a pool (`grow root/a`), and to stop and to start again a child of its root
 * (`terminate a`, `restart a`). `obeysOtp(spec)` is the invariant that goes with it.
 *
 * The start resolves when all initial children of the pools have been asked for, or the tree has given up; and with undefined
 * if the tree does not start, which is no failure either, since starts may be meant to fail.
 */
export function buildTree(spec: TreeSupervisor): Target<Pid | undefined> {
  return {
    async start({ system }) {
      const started = await system.start(definitionOf(spec), undefined, { id: spec.id });
      if (!started.ok) return undefined;
      for (const [path, { size }] of poolsOf(spec)) {
        for (let count = 0; count < size; count += 1) await grow(system, path);
      }
      return started.ref;
    },
    port: () => 1,
    operations: operationsOf(spec),
  };
}

/** The same as the child of another supervisor. Pools are empty then. */
export function treeChild(spec: TreeSpec): ChildSpec {
  const { id, restart, shutdown, significant } = spec;
  return { id, restart, shutdown, significant, start: child(definitionOf(spec)) };
}

function definitionOf(spec: TreeSpec): Definition {
  switch (spec.type) {
    case "worker":
      return workerOf(spec);
    case "supervisor":
      return defineSupervisor({ ...spec.flags, children: spec.children.map(treeChild) });
    case "pool": {
      const { intensity, periodMs, autoShutdown } = spec.flags;
      const { restart, shutdown, significant } = spec.child;
      const definition = workerOf(spec.child);
      return defineDynamicSupervisor<void>({
        intensity,
        periodMs,
        autoShutdown,
        child: { restart, shutdown, significant, start: () => child(definition) },
      });
    }
  }
}

function operationsOf(spec: TreeSupervisor): Operations {
  const operations: Record<string, Operations[string]> = {};
  for (const [path] of poolsOf(spec)) operations[`grow ${path}`] = (_root, { system }) => grow(system, path);
  for (const { id } of spec.children) {
    operations[`terminate ${id}`] = (root, { system }) => root && terminateChild(system, root, id);
    operations[`restart ${id}`] = (root, { system }) => root && restartChild(system, root, id);
  }
  return operations;
}

/** Asks for one more child, unless there is nobody to ask. That he ends meanwhile is no failure. */
async function grow(system: System, path: string): Promise<void> {
  const pool = system.inspect().processes.find((process) => process.path === path);
  if (pool === undefined) return;
  await startDynamicChild<void>(system, pool.pid, undefined).catch(() => undefined);
}
