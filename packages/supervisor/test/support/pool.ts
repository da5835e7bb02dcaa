import type { ActorRef, ExitReason } from "@espalier/actors";
import {
  defineDynamicSupervisor,
  type DynamicChildSpec,
  type DynamicSupervisorRef,
  type Start,
  type StartChildResult,
  type SupervisorFlags,
} from "@espalier/supervisor";
import { startRoot } from "./tree.ts";
import type { World } from "./world.ts";

/** Starts a dynamic supervisor at the path `sup` whose children are what they are started with. */
export function startPool(
  { system }: World,
  options: Omit<DynamicChildSpec<Start>, "start"> = {},
  flags: SupervisorFlags = {},
): Promise<DynamicSupervisorRef<Start>> {
  return startRoot(
    system,
    defineDynamicSupervisor<Start>({ ...flags, child: { ...options, start: (extra) => extra } }),
  );
}

/** The child that was started. */
export function startedPid(result: StartChildResult): ActorRef<ExitReason> {
  if (!result.ok || result.child === undefined) throw new Error("it did not start");
  return result.child;
}
