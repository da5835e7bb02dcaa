import type { Pid, ProcessView, System } from "@espalier/actors";
import type { Neighbour, ProcessId } from "./api-types.ts";

/** Who an actor is, beyond its pid. */
interface Named {
  readonly pid: Pid;
  readonly path: string;
  readonly incarnation: number;
}

export function formatProcessId({ pid, path, incarnation }: Named): ProcessId {
  return `${pid.id}.${incarnation}.${path}`;
}

/** The living actor of this id: a pid alone would name somebody else after the program was started anew. */
export function findProcess(system: System, id: ProcessId): ProcessView | undefined {
  const [, digits] = /^(\d{1,15})\.\d{1,15}\./u.exec(id) ?? [];
  if (digits === undefined) return undefined;
  const pid = Number(digits);
  for (const process of system.processes()) {
    if (process.pid.id === pid) return formatProcessId(process) === id ? process : undefined;
  }
  return undefined;
}

export function toNeighbour(system: System, pid: Pid): Neighbour {
  const process = system.process(pid);
  return process === undefined
    ? { pid: pid.toString() }
    : { pid: pid.toString(), id: formatProcessId(process), path: process.path };
}
