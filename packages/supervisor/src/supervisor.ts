import {
  type Behaviour,
  CallMessage,
  type Definition,
  Exit,
  type ExitReason,
  type From,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  Started,
  type Waiting,
} from "@espalier/actors";
import type {
  AdoptChildResult,
  ChildInfo,
  ChildCounts,
  RestartChildResult,
  StartChildResult,
  SupervisorCalls,
  SupervisorRef,
} from "./api.ts";
import { backoffDelay } from "./backoff.ts";
import { type ChildSpec, completeChildSpec, completeChildSpecs, type CompleteChildSpec } from "./child-spec.ts";
import { type Child, Children } from "./children.ts";
import { InvalidChildSpecError, InvalidSupervisorFlagsError } from "./errors.ts";
import { checkStrategy, type CompleteFlags, completeFlags, type Strategy, type SupervisorFlags } from "./flags.ts";
import { decide } from "./on-exit.ts";
import { type ErrorContext, type Offender, ProgressReport, SupervisorReport } from "./report.ts";
import { RestartIntensity } from "./restart-intensity.ts";
import { shouldReport, shouldRestart } from "./restart.ts";
import { isOrderlyEnd, shutdownChild } from "./shutdown.ts";
import { asResult, reasonOf, type StartFailure } from "./start-failure.ts";
import { restartGroup } from "./strategy.ts";

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
  if (typeof init === "function") return { name, trapExit: true, behaviour: new SupervisorBehaviour(init) };
  complete(init);
  return { name, trapExit: true, behaviour: new SupervisorBehaviour<Args>(() => init) };
}

interface CompleteInit {
  readonly strategy: Strategy;
  readonly flags: CompleteFlags;
  readonly specs: readonly CompleteChildSpec[];
}

function complete(init: SupervisorInit): CompleteInit {
  if (typeof init !== "object" || init === null || !Array.isArray(init.children)) {
    throw new InvalidSupervisorFlagsError("invalidType", init, "a supervisor needs { strategy, children: [...] }");
  }
  const { strategy = "oneForOne" } = init;
  checkStrategy(strategy);
  const flags = completeFlags(init);
  return { strategy, flags, specs: completeChildSpecs(init.children, flags.autoShutdown) };
}

/** A failed restart is tried again when the supervisor has served what came in meanwhile. */
class TryAgain {
  readonly child: Child;
  /** For whom it was meant, if it comes after a pause. */
  readonly incarnation: number | undefined;

  constructor(child: Child, incarnation?: number) {
    this.child = child;
    this.incarnation = incarnation;
  }
}

class SupervisorBehaviour<Args> implements Behaviour<Args> {
  readonly kind = "supervisor";
  readonly #init: (args: Args) => SupervisorInit | undefined;

  constructor(init: (args: Args) => SupervisorInit | undefined) {
    this.#init = init;
  }

  start(process: Process, args: Args): Progress {
    const init = this.#init(args);
    if (init === undefined) {
      process.ignore();
      return undefined;
    }
    const supervisor = new Supervisor(process, complete(init), args);
    process.state = supervisor;
    return supervisor.startAll();
  }

  /** OTP: `init` runs again with the arguments of the start; what is wrong with its answer leaves all as it was. */
  changeCode(process: Process): void {
    const supervisor = supervisorOf(process);
    // The arguments are those of a definition of this kind; whether they are right for it, `init` finds out.
    const init = this.#init(supervisor.args as Args);
    if (init !== undefined) supervisor.change(complete(init));
  }

  receive(process: Process, message: unknown): Progress {
    return supervisorOf(process).receive(message);
  }

  terminate(process: Process): Progress {
    return supervisorOf(process).terminateAll();
  }

  describe(process: Process): unknown {
    return process.state instanceof Supervisor ? process.state.describe() : undefined;
  }
}

function supervisorOf(process: Process): Supervisor {
  // Set by `start` before anything else can run.
  return process.state as Supervisor;
}

/** A running supervisor: children in start order, and what their ends lead to. */
class Supervisor {
  readonly args: unknown;
  readonly #process: Process;
  #strategy: Strategy;
  #flags: CompleteFlags;
  readonly #children = new Children();
  readonly #intensity: RestartIntensity;
  #restarts = 0;

  constructor(process: Process, { strategy, flags, specs }: CompleteInit, args: unknown) {
    this.args = args;
    this.#process = process;
    this.#strategy = strategy;
    this.#flags = flags;
    this.#intensity = new RestartIntensity(flags.intensity, flags.periodMs);
    for (const spec of specs) this.#children.add(spec);
  }

  describe(): object {
    return {
      strategy: this.#strategy,
      ...this.#flags,
      children: this.#children.size,
      restarts: this.#restarts,
      restartsInPeriod: this.#intensity.count,
    };
  }

  change({ strategy, flags, specs }: CompleteInit): void {
    this.#strategy = strategy;
    this.#flags = flags;
    this.#intensity.change(flags.intensity, flags.periodMs);
    this.#children.update(specs);
  }

  *startAll(): Waiting {
    const failed = yield* this.#startEach([...this.#children.all()]);
    if (failed === undefined) return;
    yield* this.terminateAll();
    const { child, failure } = failed;
    this.#process.stop(shutdown({ type: "failedToStart", id: child.spec.id, reason: reasonOf(failure) }));
  }

  *terminateAll(): Waiting {
    for (const child of [...this.#children.all()].toReversed()) yield* this.#terminate(child);
  }

  receive(message: unknown): Progress {
    if (message instanceof Exit) {
      if (message.from === this.#process.parentPid) return this.#process.stop(message.reason);
      const child = this.#children.byPid(message.from);
      // OTP: the exit of a process that is no child, or is one no more, is ignored.
      return child === undefined ? undefined : this.#ended(child, message.reason);
    }
    if (message instanceof TryAgain) return this.#tryAgain(message);
    // Only the functions of api.ts make calls, and they are typed.
    if (message instanceof CallMessage) return this.#answer(message.request as SupervisorCalls, message.from);
    return this.#process.warn("a supervisor received a message that it does not know; it is dropped");
  }

  // — Restarts ———————————————————————————————————————————————————————————————————————————————————————————————————

  *#ended(child: Child, reason: ExitReason): Waiting {
    const { id, restart, onExit } = child.spec;
    if (shouldReport(restart, reason)) this.#report("childTerminated", reason, child);
    const decision = decide(onExit, { id, reason, starts: child.incarnation });
    if (decision === "default") {
      if (shouldRestart(restart, reason)) yield* this.#restartWhenDue(child);
      else this.#endedForGood(child);
    } else if (decision === "restart") {
      yield* this.#restartWhenDue(child);
    } else if (decision === "keep") {
      this.#children.setState(child, undefined);
    } else if (decision === "delete") {
      this.#children.remove(child);
    } else if (decision === "stop") {
      this.#children.ended(child);
      this.#process.stop(shutdown());
    } else if ("stop" in decision) {
      this.#children.ended(child);
      this.#process.stop(decision.stop);
    } else {
      this.#restartLater(child, decision.restartAfterMs);
    }
  }

  #endedForGood(child: Child): void {
    this.#children.ended(child);
    if (child.spec.significant && this.#shouldShutDown()) this.#process.stop(shutdown());
  }

  /** A significant child has ended by itself and is not restarted. */
  #shouldShutDown(): boolean {
    switch (this.#flags.autoShutdown) {
      case "never":
        return false;
      case "anySignificant":
        return true;
      case "allSignificant":
        return !this.#children.all().some(({ spec, state }) => spec.significant && state !== undefined);
    }
  }

  /** Restarts a child at once, or after the pause of the back-off. */
  *#restartWhenDue(failed: Child): Waiting {
    const { backoff } = this.#flags;
    if (backoff === undefined) {
      yield* this.#restart(failed);
      return;
    }
    const earlier = this.#intensity.countAt(this.#process.now());
    this.#restartLater(failed, backoffDelay(backoff, earlier, this.#process.random()));
  }

  #restartLater(child: Child, afterMs: number): void {
    this.#children.setState(child, "restarting");
    this.#process.sendAfter<TryAgain>(this.#process.pid, new TryAgain(child, child.incarnation), afterMs);
  }

  *#restart(failed: Child): Waiting {
    if (!this.#intensity.add(this.#process.now())) {
      this.#report("shutdown", "reachedMaxRestartIntensity", failed);
      this.#children.ended(failed);
      this.#process.stop(shutdown());
      return;
    }
    this.#restarts += 1;
    this.#children.setState(failed, undefined);
    const group = restartGroup(this.#strategy, this.#children.all(), failed);
    for (const child of group.toReversed()) if (child !== failed) yield* this.#terminate(child);
    // Those that had ended by themselves are revived; temporary ones are gone for good.
    const result = yield* this.#startEach(group.filter(({ spec }) => this.#children.byId(spec.id) !== undefined));
    if (result === undefined) return;
    if (this.#flags.backoff !== undefined) {
      yield* this.#restartWhenDue(result.child);
      return;
    }
    this.#children.setState(result.child, "restarting");
    // To itself, behind all that waits: OTP's way to keep a supervisor answering while a child does not come up.
    this.#process.send<TryAgain>(this.#process.pid, new TryAgain(result.child));
  }

  #tryAgain({ child, incarnation }: TryAgain): Progress {
    // Whoever was terminated or started by hand meanwhile is not waiting for this any more. OTP: if a restart of the group
    // has failed meanwhile, for the same child, there are two of these, and the first that is served tries again.
    const isWaiting = child.state === "restarting" && (incarnation ?? child.incarnation) === child.incarnation;
    return isWaiting ? this.#restart(child) : undefined;
  }

  // — Start and stop of one child ————————————————————————————————————————————————————————————————————————————————

  *#startEach(children: readonly Child[]): Waiting<{ child: Child; failure: StartFailure } | undefined> {
    for (const child of children) {
      const failure = yield* this.#start(child);
      if (failure === undefined) continue;
      // OTP: not for a start that somebody asked for, who learns of the failure by the answer.
      this.#report("startError", reasonOf(failure), child);
      return { child, failure };
    }
    return undefined;
  }

  *#start(child: Child): Waiting<StartFailure | undefined> {
    const { id, start } = child.spec;
    child.incarnation += 1;
    const skip = this.#process.mailboxLength;
    const pid = this.#process.startChild(start.definition, start.args, {
      id,
      incarnation: child.incarnation,
      ...(start.name === undefined ? {} : { name: start.name }),
      ...(start.label === undefined ? {} : { label: start.label }),
      ...(start.logger === undefined ? {} : { logger: start.logger }),
    });
    const started = yield { match: (message) => message instanceof Started && message.pid === pid, skip };
    const { result } = started as Started;
    if (result.ok) {
      this.#children.setState(child, result.ref);
      if (this.#process.isTraced) this.#process.report(new ProgressReport(this.#process, this.#offender(child)));
      return undefined;
    }
    if (result.error === "ignored") {
      this.#children.ended(child);
      return undefined;
    }
    return result;
  }

  *#terminate(child: Child): Waiting {
    const { state, spec } = child;
    if (typeof state === "object") {
      const reason = yield* shutdownChild(this.#process, state, spec.shutdown);
      if (!isOrderlyEnd(reason, spec.shutdown, spec.restart)) this.#report("shutdownError", reason, child);
    }
    this.#children.ended(child);
  }

  // — Management —————————————————————————————————————————————————————————————————————————————————————————————————

  #answer(request: SupervisorCalls, from: From): Progress {
    switch (request.type) {
      case "startChild":
        return this.#answerStartChild(request.spec, from);
      case "adoptChild":
        return from.reply(this.#adoptChild(request.spec, request.pid));
      case "terminateChild":
        return this.#answerTerminateChild(request.child, from);
      case "restartChild":
        return this.#answerRestartChild(request.id, from);
      case "deleteChild":
        return from.reply(this.#deleteChild(request.id));
      case "getChildSpec":
        return from.reply(this.#find(request.child)?.spec);
      case "whichChildren":
        return from.reply(this.#whichChildren());
      case "countChildren":
        return from.reply(this.#countChildren());
      default:
        // By name, a request for the other kind of supervisor gets past the types.
        return from.reply({ ok: false, error: "badSpec", problem: wrongKind(request) });
    }
  }

  #find(child: string | Pid): Child | undefined {
    // OTP: a static child goes by its id alone; a pid names the child of a dynamic supervisor.
    return typeof child === "string" ? this.#children.byId(child) : undefined;
  }

  *#answerStartChild(given: ChildSpec, from: From): Waiting {
    from.reply(yield* this.#startNew(given));
  }

  *#startNew(given: ChildSpec): Waiting<StartChildResult> {
    const added = this.#addNew(given);
    if (!added.ok) return added;
    const { child } = added;
    const failure = yield* this.#start(child);
    if (failure === undefined) return { ok: true, child: pidOf(child) };
    // OTP: a spec whose first start fails is not kept.
    this.#children.remove(child);
    return asResult(failure);
  }

  /** Adds the child of a spec that was handed in, unless the spec is wrong or its id taken. */
  #addNew(given: ChildSpec): { readonly ok: true; readonly child: Child } | Extract<StartChildResult, { ok: false }> {
    let spec: CompleteChildSpec;
    try {
      spec = completeChildSpec(given, this.#flags.autoShutdown);
    } catch (problem) {
      if (problem instanceof InvalidChildSpecError) return { ok: false, error: "badSpec", problem };
      throw problem;
    }
    const present = this.#children.byId(spec.id);
    if (present === undefined) return { ok: true, child: this.#children.add(spec) };
    return typeof present.state === "object"
      ? { ok: false, error: "alreadyStarted", pid: present.state }
      : { ok: false, error: "alreadyPresent" };
  }

  #adoptChild(given: ChildSpec, pid: Pid): AdoptChildResult {
    const added = this.#addNew(given);
    if (!added.ok) return added.error === "startFailed" ? { ok: false, error: "noProcess" } : added;
    const { child } = added;
    const adoption = this.#process.adopt(pid, child.spec.id);
    if (adoption !== "adopted") {
      this.#children.remove(child);
      return { ok: false, error: adoption };
    }
    child.incarnation = 1;
    this.#children.setState(child, pid);
    return { ok: true };
  }

  *#answerTerminateChild(id: string | Pid, from: From): Waiting {
    const child = this.#find(id);
    if (child === undefined) {
      from.reply({ ok: false, error: "notFound" });
      return;
    }
    yield* this.#terminate(child);
    from.reply({ ok: true });
  }

  *#answerRestartChild(id: string, from: From): Waiting {
    from.reply(yield* this.#restartById(id));
  }

  *#restartById(id: string): Waiting<RestartChildResult> {
    const child = this.#children.byId(id);
    if (child === undefined) return { ok: false, error: "notFound" };
    if (child.state === "restarting") return { ok: false, error: "restarting" };
    if (child.state !== undefined) return { ok: false, error: "running" };
    const failure = yield* this.#start(child);
    if (failure !== undefined) return asResult(failure);
    return { ok: true, child: pidOf(child) };
  }

  #deleteChild(id: string): { ok: true } | { ok: false; error: "running" | "restarting" | "notFound" } {
    const child = this.#children.byId(id);
    if (child === undefined) return { ok: false, error: "notFound" };
    if (child.state === "restarting") return { ok: false, error: "restarting" };
    if (child.state !== undefined) return { ok: false, error: "running" };
    this.#children.remove(child);
    return { ok: true };
  }

  #whichChildren(): ChildInfo[] {
    return this.#children
      .all()
      .map(({ spec, state }) => ({ id: spec.id, child: state, type: spec.type }))
      .toReversed();
  }

  #countChildren(): ChildCounts {
    const all = this.#children.all();
    const supervisors = all.filter(({ spec }) => spec.type === "supervisor").length;
    const active = all.filter(({ state }) => typeof state === "object" && this.#process.isAlive(state)).length;
    return { specs: all.length, active, supervisors, workers: all.length - supervisors };
  }

  // — Reports ————————————————————————————————————————————————————————————————————————————————————————————————————

  #report(context: ErrorContext, reason: ExitReason | "reachedMaxRestartIntensity", child: Child): void {
    this.#process.report(new SupervisorReport(this.#process, context, reason, this.#offender(child)));
  }

  #offender(child: Child): Offender {
    const { spec } = child;
    const { id, restart, shutdown: how, type, significant, start, onExit } = spec;
    const common = { id, pid: pidOf(child), count: 1, definition: start.definition.name };
    const offender = { ...common, restart, shutdown: how, type, significant };
    return onExit === undefined ? offender : { ...offender, decides: true };
  }
}

/** The process of a child, if it has one. */
function pidOf({ state }: Child): Pid | undefined {
  return typeof state === "object" ? state : undefined;
}

function wrongKind(request: unknown): InvalidChildSpecError {
  return new InvalidChildSpecError(
    "invalidChildSpec",
    request,
    "startDynamicChild is for dynamic supervisors; this one has static children",
  );
}
