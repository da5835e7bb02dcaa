import {
  type Behaviour,
  CallMessage,
  type Definition,
  Exit,
  type ExitReason,
  failure,
  formatReason,
  type From,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  Started,
  type Waiting,
} from "@espalier/actors";
import type { ChildCounts, ChildInfo, DynamicSupervisorCalls, DynamicSupervisorRef, StartChildResult } from "./api.ts";
import { backoffDelay } from "./backoff.ts";
import { type ChildSpec, completeChildSpec, type CompleteChildSpec, type Start } from "./child-spec.ts";
import { InvalidChildSpecError, InvalidSupervisorFlagsError } from "./errors.ts";
import { type CompleteFlags, completeFlags, type SupervisorFlags } from "./flags.ts";
import { decide } from "./on-exit.ts";
import { type ErrorContext, type Offender, ProgressReport, SupervisorReport } from "./report.ts";
import { RestartIntensity } from "./restart-intensity.ts";
import { shouldReport, shouldRestart } from "./restart.ts";
import { isOrderlyEnd, shutdownAll, shutdownChild } from "./shutdown.ts";
import { asResult, reasonOf, type StartFailure } from "./start-failure.ts";

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
  if (typeof init === "function") return { name, trapExit: true, behaviour: new DynamicSupervisorBehaviour(init) };
  complete(init);
  return { name, trapExit: true, behaviour: new DynamicSupervisorBehaviour<Extra, Args>(() => init) };
}

/** What is common to all children; the id and start of a template are never used. */
type Template = Omit<CompleteChildSpec, "id" | "start">;

interface CompleteInit<Extra> {
  readonly flags: CompleteFlags;
  readonly template: Template;
  readonly start: (extra: Extra) => Start;
}

function complete<Extra>(init: DynamicSupervisorInit<Extra>): CompleteInit<Extra> {
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
  const template = completeChildSpec({ id: "child", start: placeholder, type, ...rest }, flags.autoShutdown);
  return { flags, template, start };
}

/** Stands in for the start of a template while the rest of it is checked. */
const nothing: Behaviour<unknown> = { kind: "worker", start: () => undefined, receive: () => undefined };

/** One child: how to start it again, and its present or last pid. */
interface DynamicChild<Extra> {
  readonly id: string;
  readonly extra: Extra;
  start: Start;
  pid: Pid;
  isRestarting: boolean;
  incarnation: number;
}

/** A failed restart is tried again when the supervisor has served what came in meanwhile. */
class TryAgain<Extra> {
  readonly child: DynamicChild<Extra>;

  constructor(child: DynamicChild<Extra>) {
    this.child = child;
  }
}

class DynamicSupervisorBehaviour<Extra, Args> implements Behaviour<Args> {
  readonly kind = "supervisor";
  readonly #init: (args: Args) => DynamicSupervisorInit<Extra> | undefined;

  constructor(init: (args: Args) => DynamicSupervisorInit<Extra> | undefined) {
    this.#init = init;
  }

  start(process: Process, args: Args): Progress {
    const init = this.#init(args);
    if (init === undefined) process.ignore();
    else process.state = new DynamicSupervisor(process, complete(init), args);
  }

  /** OTP: `init` runs again with the arguments of the start; what is wrong with its answer leaves all as it was. */
  changeCode(process: Process): void {
    const supervisor = supervisorOf<Extra>(process);
    // The arguments are those of a definition of this kind; whether they are right for it, `init` finds out.
    const init = this.#init(supervisor.args as Args);
    if (init !== undefined) supervisor.change(complete(init));
  }

  receive(process: Process, message: unknown): Progress {
    return supervisorOf<Extra>(process).receive(message);
  }

  terminate(process: Process): Progress {
    return supervisorOf<Extra>(process).terminateAll();
  }

  describe(process: Process): unknown {
    return process.state instanceof DynamicSupervisor ? process.state.describe() : undefined;
  }
}

function supervisorOf<Extra>(process: Process): DynamicSupervisor<Extra> {
  // Set by `start` before anything else can run.
  return process.state as DynamicSupervisor<Extra>;
}

/** A running dynamic supervisor. */
class DynamicSupervisor<Extra> {
  readonly args: unknown;
  readonly #process: Process;
  #flags: CompleteFlags;
  #template: Template;
  #startOf: (extra: Extra) => Start;
  /** By pid; a child that is being restarted stands under its last one. */
  readonly #children = new Map<Pid, DynamicChild<Extra>>();
  readonly #intensity: RestartIntensity;
  #restarting = 0;
  #restarts = 0;
  #started = 0;

  constructor(process: Process, { flags, template, start }: CompleteInit<Extra>, args: unknown) {
    this.args = args;
    this.#process = process;
    this.#flags = flags;
    this.#template = template;
    this.#startOf = start;
    this.#intensity = new RestartIntensity(flags.intensity, flags.periodMs);
  }

  change({ flags, template, start }: CompleteInit<Extra>): void {
    // All of them first: should one fail, nothing has changed.
    const starts = [...this.#children.values()].map((child) => ({ child, start: start(child.extra) }));
    for (const { child, start: changed } of starts) child.start = changed;
    this.#flags = flags;
    this.#template = template;
    this.#startOf = start;
    this.#intensity.change(flags.intensity, flags.periodMs);
  }

  describe(): object {
    return {
      strategy: "simpleOneForOne",
      ...this.#flags,
      children: this.#children.size,
      restarts: this.#restarts,
      restartsInPeriod: this.#intensity.count,
    };
  }

  receive(message: unknown): Progress {
    if (message instanceof Exit) {
      if (message.from === this.#process.parentPid) return this.#process.stop(message.reason);
      const child = this.#children.get(message.from);
      // OTP: the exit of a process that is no child, or is one no more, is ignored.
      return child === undefined ? undefined : this.#ended(child, message.reason);
    }
    if (message instanceof TryAgain) return this.#tryAgain(message.child);
    // Only the functions of api.ts make calls, and they are typed.
    if (message instanceof CallMessage) {
      return this.#answer(message.request as DynamicSupervisorCalls<Extra>, message.from);
    }
    return this.#process.warn("a supervisor received a message that it does not know; it is dropped");
  }

  *terminateAll(): Waiting {
    const { shutdown: how, restart } = this.#template;
    const living = [...this.#children.values()].filter(({ isRestarting }) => !isRestarting).map(({ pid }) => pid);
    const ends = yield* shutdownAll(this.#process, living, how);
    const disorderly = ends.filter(({ reason }) => !isOrderlyEnd(reason, how, restart));
    for (const [reason, pids] of groupByReason(disorderly)) this.#reportMany(reason, pids);
    this.#children.clear();
  }

  // — Restarts ———————————————————————————————————————————————————————————————————————————————————————————————————

  #ended(child: DynamicChild<Extra>, reason: ExitReason): Progress {
    const { restart, significant, onExit } = this.#template;
    if (shouldReport(restart, reason)) this.#report("childTerminated", reason, child);
    const decision = decide(onExit, { id: child.id, reason, starts: child.incarnation });
    if (decision === "restart" || (decision === "default" && shouldRestart(restart, reason))) {
      return this.#restartWhenDue(child);
    }
    if (typeof decision === "object" && "restartAfterMs" in decision) {
      return this.#restartLater(child, decision.restartAfterMs);
    }
    // A dynamic child is nothing but its process, so there is nothing to keep of it.
    this.#children.delete(child.pid);
    if (decision === "stop") this.#process.stop(shutdown());
    else if (typeof decision === "object") this.#process.stop(decision.stop);
    else if (decision === "default" && significant && this.#shouldShutDown()) this.#process.stop(shutdown());
  }

  /** Restarts a child at once, or after the pause of the back-off. */
  #restartWhenDue(child: DynamicChild<Extra>): Progress {
    const { backoff } = this.#flags;
    if (backoff === undefined) return this.#restart(child);
    const earlier = this.#intensity.countAt(this.#process.now());
    return this.#restartLater(child, backoffDelay(backoff, earlier, this.#process.random()));
  }

  #restartLater(child: DynamicChild<Extra>, afterMs: number): void {
    this.#setRestarting(child, true);
    this.#process.sendAfter<TryAgain<Extra>>(this.#process.pid, new TryAgain(child), afterMs);
  }

  /** A significant child has ended by itself and is not restarted. */
  #shouldShutDown(): boolean {
    switch (this.#flags.autoShutdown) {
      case "never":
        return false;
      case "anySignificant":
        return true;
      case "allSignificant":
        return this.#children.size === 0;
    }
  }

  *#restart(child: DynamicChild<Extra>): Waiting {
    this.#setRestarting(child, false);
    if (!this.#intensity.add(this.#process.now())) {
      this.#report("shutdown", "reachedMaxRestartIntensity", child);
      this.#children.delete(child.pid);
      this.#process.stop(shutdown());
      return;
    }
    this.#restarts += 1;
    const previous = child.pid;
    const failed = yield* this.#start(child);
    if (failed === undefined) {
      // Also when the new start was ignored: a dynamic child is nothing but its process.
      this.#children.delete(previous);
    } else {
      this.#report("startError", reasonOf(failed), child);
      if (this.#flags.backoff !== undefined) {
        this.#restartWhenDue(child);
        return;
      }
      this.#setRestarting(child, true);
      // To itself, behind all that waits: OTP's way to keep a supervisor answering while a child does not come up.
      this.#process.send<TryAgain<Extra>>(this.#process.pid, new TryAgain(child));
    }
  }

  #tryAgain(child: DynamicChild<Extra>): Progress {
    return child.isRestarting && this.#children.get(child.pid) === child ? this.#restart(child) : undefined;
  }

  #setRestarting(child: DynamicChild<Extra>, isRestarting: boolean): void {
    if (child.isRestarting === isRestarting) return;
    child.isRestarting = isRestarting;
    this.#restarting += isRestarting ? 1 : -1;
  }

  // — Start of one child —————————————————————————————————————————————————————————————————————————————————————————

  /** Starts a child and enters it under its pid; if it ignores, it is not entered. */
  *#start(child: DynamicChild<Extra>): Waiting<StartFailure | undefined> {
    const { id, start } = child;
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
      child.pid = pid;
      this.#children.set(pid, child);
      if (this.#process.isTraced) this.#process.report(new ProgressReport(this.#process, this.#offender(child)));
      return undefined;
    }
    if (result.error === "ignored") return undefined;
    return result;
  }

  // — Management —————————————————————————————————————————————————————————————————————————————————————————————————

  #answer(request: DynamicSupervisorCalls<Extra>, from: From): Progress {
    switch (request.type) {
      case "startDynamic":
        return this.#answerStart(request.extra, request.id, from);
      case "terminateChild":
        return this.#answerTerminate(request.child, from);
      case "restartChild":
      case "deleteChild":
        return from.reply({ ok: false, error: "simpleOneForOne" });
      case "getChildSpec":
        return from.reply(this.#childSpec(request.child));
      case "whichChildren":
        return from.reply(this.#whichChildren());
      case "countChildren":
        return from.reply(this.#countChildren());
      default:
        // By name, a request for the other kind of supervisor gets past the types.
        return from.reply({ ok: false, error: "badSpec", problem: wrongKind(request) });
    }
  }

  *#answerStart(extra: Extra, id: string | undefined, from: From): Waiting {
    from.reply(yield* this.#startNew(extra, id));
  }

  *#startNew(extra: Extra, id: string | undefined): Waiting<StartChildResult> {
    let start: Start;
    try {
      start = this.#startOf(extra);
    } catch (error) {
      // OTP: a start function that fails is a start that failed; the siblings must not pay for it.
      return { ok: false, error: "startFailed", reason: failure(error) };
    }
    this.#started += 1;
    const child: DynamicChild<Extra> = {
      id: id ?? String(this.#started),
      extra,
      start,
      pid: this.#process.pid,
      isRestarting: false,
      incarnation: 0,
    };
    const failed = yield* this.#start(child);
    if (failed === undefined) {
      return { ok: true, child: child.pid === this.#process.pid ? undefined : child.pid };
    }
    return asResult(failed);
  }

  *#answerTerminate(pid: string | Pid, from: From): Waiting {
    if (typeof pid === "string") {
      from.reply({ ok: false, error: "simpleOneForOne" });
      return;
    }
    const child = this.#children.get(pid);
    if (child === undefined) {
      // OTP: a dead process is as good as terminated, whosever child it was.
      from.reply(this.#process.isAlive(pid) ? { ok: false, error: "notFound" } : { ok: true });
      return;
    }
    if (!child.isRestarting) {
      const { shutdown: how, restart } = this.#template;
      const reason = yield* shutdownChild(this.#process, pid, how);
      if (!isOrderlyEnd(reason, how, restart)) this.#report("shutdownError", reason, child);
    }
    this.#setRestarting(child, false);
    this.#children.delete(pid);
    from.reply({ ok: true });
  }

  #childSpec(pid: string | Pid): CompleteChildSpec | undefined {
    const child = typeof pid === "string" ? undefined : this.#children.get(pid);
    return child === undefined ? undefined : { ...this.#template, id: child.id, start: child.start };
  }

  #whichChildren(): ChildInfo[] {
    const { type } = this.#template;
    return [...this.#children.values()]
      .map(({ pid, isRestarting }) => ({ id: undefined, child: isRestarting ? ("restarting" as const) : pid, type }))
      .toReversed();
  }

  #countChildren(): ChildCounts {
    const { size } = this.#children;
    const isSupervisor = this.#template.type === "supervisor";
    return {
      specs: 1,
      active: size - this.#restarting,
      supervisors: isSupervisor ? size : 0,
      workers: isSupervisor ? 0 : size,
    };
  }

  // — Reports ————————————————————————————————————————————————————————————————————————————————————————————————————

  #report(context: ErrorContext, reason: ExitReason | "reachedMaxRestartIntensity", child: DynamicChild<Extra>): void {
    this.#process.report(new SupervisorReport(this.#process, context, reason, this.#offender(child)));
  }

  /** One report for all children that ended for the same reason, however many they are. */
  #reportMany(reason: ExitReason, pids: readonly Pid[]): void {
    const [first] = pids;
    const child = first === undefined ? undefined : this.#children.get(first);
    if (child === undefined) return;
    const offender = { ...this.#offender(child), count: pids.length };
    this.#process.report(new SupervisorReport(this.#process, "shutdownError", reason, offender));
  }

  #offender({ id, pid, start }: DynamicChild<Extra>): Offender {
    const { restart, shutdown: how, type, significant, onExit } = this.#template;
    const common = { id, pid, count: 1, definition: start.definition.name };
    const offender = { ...common, restart, shutdown: how, type, significant };
    return onExit === undefined ? offender : { ...offender, decides: true };
  }
}

/** Each child has its own error object, so that equal reasons are those that read alike. */
function groupByReason(ends: ReadonlyArray<{ pid: Pid; reason: ExitReason }>): Map<ExitReason, Pid[]> {
  const groups = new Map<string, { reason: ExitReason; pids: Pid[] }>();
  for (const { pid, reason } of ends) {
    const key = formatReason(reason);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { reason, pids: [pid] });
    else group.pids.push(pid);
  }
  return new Map([...groups.values()].map(({ reason, pids }) => [reason, pids]));
}

function wrongKind(request: unknown): InvalidChildSpecError {
  return new InvalidChildSpecError(
    "invalidChildSpec",
    request,
    "this is a dynamic supervisor: startDynamicChild starts a child of its template",
  );
}
