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
  const process = findByPid(system, Number(digits));
  return process !== undefined && formatProcessId(process) === id ? process : undefined;
}

/** The living actor of this pid, such as 84. For people, who read it: after a start of the program it is somebody else's. */
export function findByPid(system: System, pid: number): ProcessView | undefined {
  for (const process of system.processes()) if (process.pid.id === pid) return process;
  return undefined;
}

export function toNeighbour(system: System, pid: Pid): Neighbour {
  const process = system.process(pid);
  return process === undefined
    ? { pid: pid.toString() }
    : { pid: pid.toString(), id: formatProcessId(process), path: process.path };
}
