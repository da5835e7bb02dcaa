import type { Behaviour, Definition } from "@espalier/actors";
import type { DynamicSupervisorRef } from "./api.ts";
import { type ChildSpec, readChildSpec, type Start } from "./child-spec.ts";
import { type ChildSpecIssue, type FlagsIssue, refuse } from "./errors.ts";
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
  const flagIssues: FlagsIssue[] = [];
  const specIssues: ChildSpecIssue[] = [];
  if (typeof init?.child?.start !== "function") {
    const message = "a dynamic supervisor needs { child: { start: (extra) => child(…) } }";
    flagIssues.push({ problem: "invalidType", path: "child.start", value: init, message });
  }
  const flags = completeFlags(init ?? {}, flagIssues, ["child"]);
  const given: ChildSpec = { ...init?.child, id: "child", start: placeholder };
  const spec = readChildSpec(given, flags.autoShutdown, specIssues, "child");
  refuse(flagIssues, specIssues);
  return { flags, template: { ...spec, start: init.child.start } };
}

/** Stands in for the start of a template while the rest of it is checked. */
const nothing: Behaviour<unknown> = { kind: "worker", start: () => undefined, receive: () => undefined };

const placeholder: Start = {
  definition: { name: "", behaviour: nothing },
  args: undefined,
  name: undefined,
  label: undefined,
};
