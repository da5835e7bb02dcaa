import type { Call, Callable, Caller, ExitReason, Pid } from "@espalier/actors";
import type { ChildSpec, ChildState, ChildType, CompleteChildSpec } from "./child-spec.ts";
import type { InvalidChildSpecError } from "./errors.ts";

/** A child as `whichChildren` lists it. */
export interface ChildInfo {
  /** Undefined for the children of a dynamic supervisor, which have no id of their own. */
  readonly id: string | undefined;
  /** Its pid; `"restarting"` while a failed restart is tried again; undefined when it has no process. */
  readonly child: ChildState;
  readonly type: ChildType;
}

/** How many children there are. */
export interface ChildCounts {
  /** Child specs, running or not. */
  readonly specs: number;
  /** Living processes. */
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

export type StartChildResult<Ref extends Pid = Pid> =
  | { readonly ok: true; readonly child: Ref }
  /** Its `init` answered ignore: the spec is kept, without a process. */
  | { readonly ok: true; readonly child: undefined }
  | { readonly ok: false; readonly error: "alreadyStarted"; readonly pid: Pid }
  /** A child with this id is there, without a process. */
  | { readonly ok: false; readonly error: "alreadyPresent" }
  | { readonly ok: false; readonly error: "badSpec"; readonly problem: InvalidChildSpecError }
  | { readonly ok: false; readonly error: "startFailed"; readonly reason: ExitReason };

export type AdoptChildResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: "alreadyStarted"; readonly pid: Pid }
  | { readonly ok: false; readonly error: "alreadyPresent" | "noProcess" | "isAncestor" }
  | { readonly ok: false; readonly error: "badSpec"; readonly problem: InvalidChildSpecError };

export type TerminateChildResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: "notFound" | "simpleOneForOne" };

export type RestartChildResult =
  | { readonly ok: true; readonly child: Pid | undefined }
  | { readonly ok: false; readonly error: "running" | "restarting" | "notFound" | "simpleOneForOne" }
  | { readonly ok: false; readonly error: "alreadyStarted"; readonly pid: Pid }
  | { readonly ok: false; readonly error: "startFailed"; readonly reason: ExitReason };

export type DeleteChildResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: "running" | "restarting" | "notFound" | "simpleOneForOne" };

/** What every supervisor answers, one that is written by hand too. */
export type CommonCalls =
  | Call<"terminateChild", TerminateChildResult, { child: string | Pid }>
  | Call<"restartChild", RestartChildResult, { id: string }>
  | Call<"deleteChild", DeleteChildResult, { id: string }>
  | Call<"getChildSpec", CompleteChildSpec | undefined, { child: string | Pid }>
  | Call<"whichChildren", readonly ChildInfo[]>
  | Call<"countChildren", ChildCounts>;

export type SupervisorCalls =
  | CommonCalls
  | Call<"startChild", StartChildResult, { spec: ChildSpec }>
  | Call<"adoptChild", AdoptChildResult, { spec: ChildSpec; pid: Pid }>;
export type DynamicSupervisorCalls<Extra> =
  | CommonCalls
  | Call<"startDynamic", StartChildResult, { extra: Extra; id: string | undefined }>;

/** The address of a supervisor with static children. */
export type SupervisorRef = Callable<SupervisorCalls>;
/** The address of a dynamic supervisor, whose children are started with an `Extra`. */
export type DynamicSupervisorRef<Extra> = Callable<DynamicSupervisorCalls<Extra>>;
/** Any supervisor: what is common to all of them. */
type AnySupervisor = Callable<CommonCalls>;

/** As in OTP, management calls wait as long as the supervisor is busy. */
const patiently = { timeoutMs: "infinity" } as const;

/** Adds a child at the end of the start order and starts it. Answers when its `init` is done. */
export function startChild(
  caller: Caller,
  supervisor: SupervisorRef | string,
  spec: ChildSpec,
): Promise<StartChildResult> {
  return caller.call<SupervisorCalls, { type: "startChild"; spec: ChildSpec }>(
    supervisor,
    { type: "startChild", spec },
    patiently,
  );
}

/**
 * Makes a running actor a child, as the last in the start order; restarts go by the spec. Not in OTP; Director's
 * `become_supervisor`. An actor that was another supervisor's child should be given up there first. Refused are the dead
 * (`noProcess`), and the supervisor itself and those above it (`isAncestor`).
 */
export function adoptChild(
  caller: Caller,
  supervisor: SupervisorRef | string,
  spec: ChildSpec,
  pid: Pid,
): Promise<AdoptChildResult> {
  return caller.call<SupervisorCalls, { type: "adoptChild"; spec: ChildSpec; pid: Pid }>(
    supervisor,
    { type: "adoptChild", spec, pid },
    patiently,
  );
}

/**
 * Starts one more child of a dynamic supervisor. `extra` is handed to the template, also at each restart.
 *
 * @param supervisor - its ref, or its name; by its name the type of `extra` is not checked
 * @param id - the last part of the child's path; default: a number that counts up
 */
export function startDynamicChild<Extra>(
  caller: Caller,
  supervisor: DynamicSupervisorRef<Extra> | string,
  extra: Extra,
  id?: string,
): Promise<StartChildResult> {
  return caller.call<DynamicSupervisorCalls<Extra>, { type: "startDynamic"; extra: Extra; id: string | undefined }>(
    supervisor,
    { type: "startDynamic", extra, id },
    patiently,
  );
}

/**
 * Stops a child; its spec stays (unless it is temporary), so that it can be restarted. It has no part in auto-shutdown.
 *
 * @param child - its id; for a dynamic supervisor its pid
 */
export function terminateChild(
  caller: Caller,
  supervisor: AnySupervisor | string,
  child: string | Pid,
): Promise<TerminateChildResult> {
  return caller.call<CommonCalls, { type: "terminateChild"; child: string | Pid }>(
    supervisor,
    { type: "terminateChild", child },
    patiently,
  );
}

/** Starts a child whose spec is there without a process. */
export function restartChild(
  caller: Caller,
  supervisor: AnySupervisor | string,
  id: string,
): Promise<RestartChildResult> {
  return caller.call<CommonCalls, { type: "restartChild"; id: string }>(
    supervisor,
    { type: "restartChild", id },
    patiently,
  );
}

/** Removes the spec of a child that has no process. */
export function deleteChild(
  caller: Caller,
  supervisor: AnySupervisor | string,
  id: string,
): Promise<DeleteChildResult> {
  return caller.call<CommonCalls, { type: "deleteChild"; id: string }>(
    supervisor,
    { type: "deleteChild", id },
    patiently,
  );
}

/**
 * The complete spec of a child, or undefined if there is none.
 *
 * @param child - its id; for a dynamic supervisor its pid
 */
export function getChildSpec(
  caller: Caller,
  supervisor: AnySupervisor | string,
  child: string | Pid,
): Promise<CompleteChildSpec | undefined> {
  return caller.call<CommonCalls, { type: "getChildSpec"; child: string | Pid }>(
    supervisor,
    { type: "getChildSpec", child },
    patiently,
  );
}

/** All children, the newest first, as OTP lists them. */
export function whichChildren(caller: Caller, supervisor: AnySupervisor | string): Promise<readonly ChildInfo[]> {
  return caller.call<CommonCalls, { type: "whichChildren" }>(supervisor, { type: "whichChildren" }, patiently);
}

export function countChildren(caller: Caller, supervisor: AnySupervisor | string): Promise<ChildCounts> {
  return caller.call<CommonCalls, { type: "countChildren" }>(supervisor, { type: "countChildren" }, patiently);
}
