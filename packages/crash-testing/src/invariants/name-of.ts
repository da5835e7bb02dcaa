import type { Pid } from "@espalier/actors";
import type { RunView } from "../invariant.ts";

/** An actor as people read it: its path, which it had also if it is dead, and its pid. */
export function nameOf({ world }: RunView, pid: Pid | undefined): string {
  if (pid === undefined) return "somebody";
  const name = world.nameOf(pid);
  return name === undefined ? pid.toString() : `${name} ${pid.toString()}`;
}
