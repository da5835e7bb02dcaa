import type { Behaviour, Definition } from "@espalier/actors";
import type { DynamicSupervisorRef } from "./api.ts";
import { type ChildSpec, completeChildSpec, type Start } from "./child-spec.ts";
import { InvalidSupervisorFlagsError } from "./errors.ts";
import { completeFlags, type SupervisorFlags } from "./flags.ts";
import { type DynamicInit, SimpleOneForOne } from "./simple-one-for-one.ts";
import { SupervisorBehaviour } from "./supervisor-behaviour.ts";

/** The spec that all children of a dynamic supervisor share: a child spec whose start is made for each of them. */
export interface DynamicChildSpec<Extra> extends Omit<ChildSpec, "id" | "start"> {
  /** Says how the child for this `extra` is started. It is called once for each child, and once more when the code changes; restarts use its answer again. */
  readonly start: (extra: Extra) => Start;
}

/** A dynamic supervisor. Source: OTP's `simple_one_for_one`. */
export interface DynamicSupervisorInit<Extra> extends SupervisorFlags {
  readonly child: DynamicChildSpec<Extra>;
}

/**
 * Makes a supervisor of many like children that come and go: `simpleOneForOne`. It starts with none; each is O(1) to
 * start, to end and to restart, and when it stops it stops them all at the same time.
 *
 * @throws `ERR_INVALID_SUPERVISOR_FLAGS`, `ERR_INVALID_CHILD_SPEC`
 */
export function defineDynamicSupervisor<Extra>(
  init: DynamicSupervisorInit<Extra>,
  options?: { readonly name?: string },
): Definition<void, DynamicSupervisorRef<Extra>>;
export function defineDynamicSupervisor<Extra, Args>(
  init: (args: Args) => DynamicSupervisorInit<Extra> | undefined,
  options?: { readonly name?: string },
): Definition<Args, DynamicSupervisorRef<Extra>>;
export function defineDynamicSupervisor<Extra, Args>(
  init: DynamicSupervisorInit<Extra> | ((args: Args) => DynamicSupervisorInit<Extra> | undefined),
  options: { readonly name?: string } = {},
): Definition<Args, DynamicSupervisorRef<Extra>> {
  const { name = "supervisor" } = options;
  if (typeof init === "function") return { name, trapExit: true, behaviour: behaviourOf(init) };
  complete(init);
  return { name, trapExit: true, behaviour: behaviourOf<Extra, Args>(() => init) };
}

function behaviourOf<Extra, Args>(init: (args: Args) => DynamicSupervisorInit<Extra> | undefined): Behaviour<Args> {
  return new SupervisorBehaviour(init, complete<Extra>, SimpleOneForOne<Extra>);
}

function complete<Extra>(init: DynamicSupervisorInit<Extra>): DynamicInit<Extra> {
  if (typeof init !== "object" || init === null || typeof init.child?.start !== "function") {
    const problem = "a dynamic supervisor needs { child: { start: (extra) => child(…) } }";
    throw new InvalidSupervisorFlagsError("invalidType", init, problem);
  }
  const flags = completeFlags(init);
  const { start, type = "worker", ...rest } = init.child;
  const placeholder = {
    definition: { name: "", behaviour: nothing },
    args: undefined,
    name: undefined,
    label: undefined,
  };
  const spec = completeChildSpec({ id: "child", start: placeholder, type, ...rest }, flags.autoShutdown);
  return { flags, template: { ...spec, start } };
}

/** Stands in for the start of a template while the rest of it is checked. */
const nothing: Behaviour<unknown> = { kind: "worker", start: () => undefined, receive: () => undefined };
