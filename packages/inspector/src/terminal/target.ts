import type { ProcessId } from "../api-types.ts";
import type { Model } from "./model.ts";
import { pidOf } from "./process-list.ts";
import { indexOf, listenerRows, logRows, processRows, treeRows } from "./rows.ts";

/** An actor under the cursor. */
export interface Target {
  readonly id: ProcessId;
  readonly pid: string;
  readonly path: string;
  readonly isFamily: boolean;
}

/** The actor under the cursor, or the one that is looked at; undefined where there is none. */
export function targetOf(model: Model): Target | undefined {
  const { detail, view, cursors, facts } = model;
  if (detail !== undefined) {
    const path = facts.process?.id === detail.id ? facts.process.path : "";
    return { id: detail.id, pid: detail.pid, path, isFamily: false };
  }
  switch (view) {
    case "processes": {
      const rows = processRows(model);
      const row = rows[indexOf(cursors.processes, rows)];
      return row && { id: row.id, pid: row.pid, path: row.path, isFamily: false };
    }
    case "tree": {
      const rows = treeRows(model);
      const row = rows[indexOf(cursors.tree, rows)];
      return row && { id: row.node.id, pid: row.node.pid, path: row.path, isFamily: row.type === "children" };
    }
    case "listeners": {
      const rows = listenerRows(model);
      const row = rows[indexOf(cursors.listeners, rows)];
      return row?.connectionSupervisor === undefined
        ? undefined
        : { id: row.connectionSupervisor, pid: "", path: `connections of ${row.id}`, isFamily: true };
    }
    case "log": {
      const rows = logRows(model);
      const entry = rows[indexOf(cursors.log, rows)]?.entry;
      return entry?.id === undefined
        ? undefined
        : { id: entry.id, pid: pidOf(entry.id), path: entry.path, isFamily: false };
    }
    case "overview":
      return undefined;
  }
}
