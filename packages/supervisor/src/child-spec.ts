import { type Definition, describeValue, type Logger, type Pid } from "@espalier/actors";
import { type ChildSpecProblem, InvalidChildSpecError } from "./errors.ts";
import type { AutoShutdown } from "./flags.ts";
import type { ChildExit, ExitDecision } from "./on-exit.ts";

/** How to start a child: what `start => {M, F, A}` is in OTP. Made by `child`. */
export interface Start {
  readonly definition: Definition<unknown>;
  readonly args: unknown;
  /** Registers the child under this name. */
  readonly name: string | undefined;
  /** A text for people, shown by inspection. */
  readonly label: string | undefined;
  /** Gets what is logged of the child and of all below it. */
  readonly logger?: Logger | undefined;
}

/** Whether a child that has ended is started again. */
export type Restart =
  /** Always. */
  | "permanent"
  /** Only after an abnormal end: anything but `normal` and `shutdown`. */
  | "transient"
  /** Never; its spec goes with it. */
  | "temporary";

/** How a child is told to end. */
export type Shutdown =
  /** It is killed. */
  | "brutalKill"
  /** Exit signal `shutdown`, and as long as it takes. For supervisors. */
  | "infinity"
  /** Exit signal `shutdown`; after so many milliseconds it is killed. */
  | number;

export type ChildType = "worker" | "supervisor";

/** What a supervisor knows of a child. Source: OTP's `supervisor:child_spec()`. */
export interface ChildSpec {
  /** Names the child among its siblings; the last part of its path. */
  readonly id: string;
  readonly start: Start;
  /** @defaultValue "permanent" */
  readonly restart?: Restart;
  /** @defaultValue 5000 for workers, "infinity" for supervisors */
  readonly shutdown?: Shutdown;
  /** @defaultValue "supervisor" if the definition is one, else "worker" */
  readonly type?: ChildType;
  /** Whether this child's own end may end the supervisor; see `autoShutdown`. @defaultValue false */
  readonly significant?: boolean;
  /** Decides what its end leads to, instead of `restart`. Not in OTP. @defaultValue none */
  readonly onExit?: (exit: ChildExit) => ExitDecision;
}

/** A child spec with everything filled in. */
export type CompleteChildSpec = Required<Omit<ChildSpec, "onExit">> & Pick<ChildSpec, "onExit">;

/** Says how a child is started: a definition and what its `init` is given. */
export function child(definition: Definition, args?: undefined, options?: ChildOptions): Start;
export function child<Args>(definition: Definition<Args>, args: Args, options?: ChildOptions): Start;
export function child(definition: Definition<never>, args?: unknown, options: ChildOptions = {}): Start {
  // The overloads have checked the arguments against the definition.
  return { definition, args, name: options.name, label: options.label, logger: options.logger };
}

export interface ChildOptions {
  /** Registers the child under this name. */
  readonly name?: string;
  /** A text for people, shown by inspection. */
  readonly label?: string;
  /** Gets what is logged of the child and of all below it. @defaultValue that of the supervisor */
  readonly logger?: Logger;
}

const restarts: ReadonlySet<unknown> = new Set(["permanent", "transient", "temporary"] satisfies Restart[]);
const types: ReadonlySet<unknown> = new Set(["worker", "supervisor"] satisfies ChildType[]);

/**
 * Fills in the defaults.
 *
 * @throws {@link InvalidChildSpecError} (`ERR_INVALID_CHILD_SPEC`) that names the field, the value and what is allowed
 */
export function completeChildSpec(spec: ChildSpec, autoShutdown: AutoShutdown | undefined): CompleteChildSpec {
  if (typeof spec !== "object" || spec === null)
    throw invalid("invalidChildSpec", undefined, "spec", spec, "an object");
  const { id, start } = spec;
  if (typeof id !== "string" || id === "")
    throw invalid("missingId", undefined, "id", id, "a string that is not empty");
  if (!isStart(start)) throw invalid("missingStart", id, "start", start, "what child(definition, args) gives");
  const { restart = "permanent", significant = false, type = typeOf(start) } = spec;
  if (!restarts.has(restart)) {
    throw invalid("invalidRestartType", id, "restart", restart, '"permanent", "transient" or "temporary"');
  }
  if (!types.has(type)) throw invalid("invalidChildType", id, "type", type, '"worker" or "supervisor"');
  const { shutdown = type === "worker" ? 5000 : "infinity" } = spec;
  if (shutdown !== "brutalKill" && shutdown !== "infinity" && !(Number.isFinite(shutdown) && shutdown >= 0)) {
    throw invalid(
      "invalidShutdown",
      id,
      "shutdown",
      shutdown,
      '"brutalKill", "infinity" or milliseconds of at least 0',
    );
  }
  if (typeof significant !== "boolean") {
    throw invalid("invalidSignificant", id, "significant", significant, "true or false");
  }
  if (significant && restart === "permanent") {
    throw invalid("badCombination", id, "significant", true, "false for a permanent child, which never ends by itself");
  }
  if (significant && autoShutdown === "never") {
    throw invalid("badCombination", id, "significant", true, 'false as long as autoShutdown is "never"');
  }
  const { onExit } = spec;
  if (onExit === undefined) return { id, start, restart, shutdown, type, significant };
  if (typeof onExit !== "function") throw invalid("invalidOnExit", id, "onExit", onExit, "a function");
  return { id, start, restart, shutdown, type, significant, onExit };
}

/**
 * Checks specs as a supervisor would, ids included. OTP's `check_childspecs`.
 *
 * @param autoShutdown - the flag of the supervisor they are meant for; absent: not checked against it
 * @throws {@link InvalidChildSpecError} (`ERR_INVALID_CHILD_SPEC`) for the first that is wrong
 */
export function checkChildSpecs(specs: readonly ChildSpec[], autoShutdown?: AutoShutdown): void {
  completeChildSpecs(specs, autoShutdown);
}

/** `completeChildSpec` for all children of one supervisor. */
export function completeChildSpecs(
  specs: readonly ChildSpec[],
  autoShutdown: AutoShutdown | undefined,
): CompleteChildSpec[] {
  const ids = new Set<string>();
  return specs.map((spec) => {
    const complete = completeChildSpec(spec, autoShutdown);
    if (ids.has(complete.id)) {
      throw invalid("duplicateChildName", complete.id, "id", complete.id, "an id that no sibling has");
    }
    ids.add(complete.id);
    return complete;
  });
}

function isStart(start: unknown): start is Start {
  if (typeof start !== "object" || start === null || !("definition" in start)) return false;
  const { definition } = start;
  return typeof definition === "object" && definition !== null && "behaviour" in definition;
}

function typeOf(start: Start): ChildType {
  return start.definition.behaviour.kind === "supervisor" ? "supervisor" : "worker";
}

function invalid(
  problem: ChildSpecProblem,
  id: string | undefined,
  field: string,
  value: unknown,
  expected: string,
): Error {
  const whose = id === undefined ? "of a child spec" : `of child "${id}"`;
  return new InvalidChildSpecError(
    problem,
    value,
    `${field} ${whose} is ${describeValue(value)}; expected ${expected}`,
  );
}

/** The child of a dynamic supervisor that failed to start, or the static one: why its supervisor could not start. */
export interface FailedToStart {
  readonly type: "failedToStart";
  readonly id: string;
  readonly reason: unknown;
}

/** Where a child is in its life, as `whichChildren` shows it. */
export type ChildState = Pid | "restarting" | undefined;
