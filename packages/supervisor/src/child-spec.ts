import type { Definition, Logger, Pid } from "@espalier/actors";
import { type ChildSpecIssue, type ChildSpecProblem, refuse } from "./errors.ts";
import type { AutoShutdown } from "./flags.ts";
import type { ChildExit, ExitDecision } from "./on-exit.ts";
import { Scrutiny } from "./scrutiny.ts";

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

const known = ["id", "start", "restart", "shutdown", "type", "significant", "onExit"] satisfies Array<keyof ChildSpec>;

/**
 * Fills in the defaults.
 *
 * @throws `InvalidChildSpecError` (`ERR_INVALID_CHILD_SPEC`) that names each field, its value and what is allowed
 */
export function completeChildSpec(spec: ChildSpec, autoShutdown: AutoShutdown | undefined): CompleteChildSpec {
  const issues: ChildSpecIssue[] = [];
  checkIsObject(spec, issues, "", "a child spec");
  refuse([], issues);
  const complete = readChildSpec(spec, autoShutdown, issues);
  refuse([], issues);
  return complete;
}

/**
 * Checks specs as a supervisor would, ids included. OTP's `check_childspecs`.
 *
 * @param autoShutdown - the flag of the supervisor they are meant for; absent: not checked against it
 * @throws `InvalidChildSpecError` (`ERR_INVALID_CHILD_SPEC`) for all that are wrong; its `problem` is that of the first,
 * which is what OTP answers
 */
export function checkChildSpecs(specs: readonly ChildSpec[], autoShutdown?: AutoShutdown): void {
  const issues: ChildSpecIssue[] = [];
  readChildSpecs(specs, autoShutdown, issues);
  refuse([], issues);
}

/** `readChildSpec` for all children of one supervisor. */
export function readChildSpecs(
  specs: readonly ChildSpec[],
  autoShutdown: AutoShutdown | undefined,
  issues: ChildSpecIssue[],
): CompleteChildSpec[] {
  const ids = new Set<string>();
  return specs.flatMap((spec, index) => {
    const place = `children[${index}]`;
    if (!checkIsObject(spec, issues, `${place}.`, place)) return [];
    const complete = readChildSpec(spec, autoShutdown, issues, place);
    const { id } = complete;
    const scrutiny = new Scrutiny<ChildSpecProblem>(issues, `${place}.`, `child "${id}"`);
    scrutiny.check("duplicateChildName", "id", id, !ids.has(id), "an id that no sibling has");
    if (isId(id)) ids.add(id);
    return [complete];
  });
}

/**
 * Fills in the defaults, and adds what is wrong to the issues; if that is anything, the answer is good for nothing.
 *
 * @param place - where it stands, unless it stands alone
 */
export function readChildSpec(
  spec: ChildSpec,
  autoShutdown: AutoShutdown | undefined,
  issues: ChildSpecIssue[],
  place?: string,
): CompleteChildSpec {
  const prefix = place === undefined ? "" : `${place}.`;
  const nameless = place ?? "a child spec";
  const { id, start, restart = "permanent", significant = false, onExit } = spec;
  const scrutiny = new Scrutiny<ChildSpecProblem>(issues, prefix, isId(id) ? `child "${id}"` : nameless);
  scrutiny.check("missingId", "id", id, isId(id), "a string that is not empty");
  const hasStart = scrutiny.check("missingStart", "start", start, isStart(start), "what child(definition, args) gives");
  const isRestart = restarts.has(restart);
  scrutiny.check("invalidRestartType", "restart", restart, isRestart, '"permanent", "transient" or "temporary"');
  const { type = hasStart ? typeOf(start) : "worker" } = spec;
  scrutiny.check("invalidChildType", "type", type, types.has(type), '"worker" or "supervisor"');
  const { shutdown = type === "worker" ? 5000 : "infinity" } = spec;
  const allowed = '"brutalKill", "infinity" or milliseconds of at least 0';
  scrutiny.check("invalidShutdown", "shutdown", shutdown, isShutdown(shutdown), allowed);
  if (
    scrutiny.check("invalidSignificant", "significant", significant, typeof significant === "boolean", "true or false")
  ) {
    const why =
      restart === "permanent"
        ? "false for a permanent child, which never ends by itself"
        : 'false as long as autoShutdown is "never"';
    const isBad = significant && (restart === "permanent" || autoShutdown === "never");
    scrutiny.check("badCombination", "significant", significant, !isBad, why);
  }
  const isOnExit = onExit === undefined || typeof onExit === "function";
  scrutiny.check("invalidOnExit", "onExit", onExit, isOnExit, "a function");
  scrutiny.checkKeys(spec, known);
  const complete = { id, start, restart, shutdown, type, significant };
  return onExit === undefined ? complete : { ...complete, onExit };
}

function checkIsObject(spec: unknown, issues: ChildSpecIssue[], prefix: string, owner: string): boolean {
  const scrutiny = new Scrutiny<ChildSpecProblem>(issues, prefix, owner);
  return scrutiny.check("invalidChildSpec", "spec", spec, typeof spec === "object" && spec !== null, "an object");
}

function isId(id: unknown): boolean {
  return typeof id === "string" && id !== "";
}

function isShutdown(shutdown: unknown): boolean {
  return shutdown === "brutalKill" || shutdown === "infinity" || (Number.isFinite(shutdown) && Number(shutdown) >= 0);
}

function isStart(start: unknown): start is Start {
  if (typeof start !== "object" || start === null || !("definition" in start)) return false;
  const { definition } = start;
  return typeof definition === "object" && definition !== null && "behaviour" in definition;
}

function typeOf(start: Start): ChildType {
  return start.definition.behaviour.kind === "supervisor" ? "supervisor" : "worker";
}

/** The child of a dynamic supervisor that failed to start, or the static one: why its supervisor could not start. */
export interface FailedToStart {
  readonly type: "failedToStart";
  readonly id: string;
  readonly reason: unknown;
}

/** Where a child is in its life, as `whichChildren` shows it. */
export type ChildState = Pid | "restarting" | undefined;
