import type { Resource } from "../resource.ts";
import type { ActorProcess } from "./process.ts";

/** Makes the actor the owner of a resource, taking it from its present owner if it has one. */
export function own(process: ActorProcess, resource: Resource): void {
  const { kernel } = process;
  if (kernel.tracer !== null && resource.owner === null) {
    kernel.trace("acquire", process, { resource: resource.describe() });
  }
  if (resource.owner !== null) disown(resource.owner, resource);
  resource.owner = process;
  const first = process.owned;
  resource.nextOwned = first;
  if (first !== null) first.previousOwned = resource;
  process.owned = resource;
}

/** Takes a resource from its owner without releasing it. */
export function disown(process: ActorProcess, resource: Resource): void {
  if (resource.owner !== process) return;
  const { nextOwned: next, previousOwned: previous } = resource;
  if (previous === null) process.owned = next;
  else previous.nextOwned = next;
  if (next !== null) next.previousOwned = previous;
  resource.owner = null;
  resource.nextOwned = null;
  resource.previousOwned = null;
}

/** Releases all that a dead actor owned, the latest first. */
export function releaseAll(process: ActorProcess): void {
  const { kernel } = process;
  for (let resource = process.owned; resource !== null; resource = process.owned) {
    disown(process, resource);
    if (kernel.tracer !== null) kernel.trace("release", process, { resource: resource.describe() });
    resource.release();
  }
}
