import type { Behaviour, Definition } from "@espalier/actors";
import type { SupervisorRef } from "./api.ts";
import { type ChildSpec, readChildSpecs } from "./child-spec.ts";
import { type ChildSpecIssue, type FlagsIssue, refuse } from "./errors.ts";
import { checkStrategy, completeFlags, type Strategy, type SupervisorFlags } from "./flags.ts";
import { type StaticInit, StaticSupervisor } from "./static-supervisor.ts";
import { SupervisorBehaviour } from "./supervisor-behaviour.ts";

/** A supervisor and its children. Source: OTP's `supervisor`, whose `init` answers the same. */
export interface SupervisorInit extends SupervisorFlags {
  /** @defaultValue "oneForOne" */
  readonly strategy?: Strategy;
  /** In start order. */
  readonly children: readonly ChildSpec[];
}

export interface SupervisorOptions {
  /** For inspection and paths. @defaultValue "supervisor" */
  readonly name?: string;
}

/**
 * Makes a supervisor that can be spawned, or be the child of another one.
 *
 * @param init - flags and children, checked at once; or a function that makes them when the supervisor starts, out of
 * its arguments. Undefined from the function: there is nothing to supervise (OTP's `ignore`).
 * @throws `ERR_INVALID_SUPERVISOR_FLAGS`, `ERR_INVALID_CHILD_SPEC`
 */
export function defineSupervisor(init: SupervisorInit, options?: SupervisorOptions): Definition<void, SupervisorRef>;
export function defineSupervisor<Args>(
  init: (args: Args) => SupervisorInit | undefined,
  options?: SupervisorOptions,
): Definition<Args, SupervisorRef>;
export function defineSupervisor<Args>(
  init: SupervisorInit | ((args: Args) => SupervisorInit | undefined),
  options: SupervisorOptions = {},
): Definition<Args, SupervisorRef> {
  const { name = "supervisor" } = options;
  if (typeof init === "function") return { name, trapExit: true, behaviour: behaviourOf(init) };
  complete(init);
  return { name, trapExit: true, behaviour: behaviourOf<Args>(() => init) };
}

function behaviourOf<Args>(init: (args: Args) => SupervisorInit | undefined): Behaviour<Args> {
  return new SupervisorBehaviour(init, complete, StaticSupervisor);
}

function complete(init: SupervisorInit): StaticInit {
  const flagIssues: FlagsIssue[] = [];
  const specIssues: ChildSpecIssue[] = [];
  const hasChildren = Array.isArray(init?.children);
  if (!hasChildren) {
    const message = "a supervisor needs { strategy, children: [...] }";
    flagIssues.push({ problem: "invalidType", path: "children", value: init, message });
  }
  const { strategy = "oneForOne" } = init ?? {};
  checkStrategy(strategy, flagIssues);
  const flags = completeFlags(init ?? {}, flagIssues, ["strategy", "children"]);
  const specs = readChildSpecs(hasChildren ? init.children : [], flags.autoShutdown, specIssues);
  refuse(flagIssues, specIssues);
  return { strategy, flags, specs };
}
