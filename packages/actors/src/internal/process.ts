import { type Adoption, type Definition, type Process, Started, type StartResult } from "../behaviour.ts";
import {
  type CallOptions,
  CallMessage,
  CastMessage,
  type ReplyOf,
  type RequestId,
  type RequestOf,
  type RequestOptions,
  Response,
} from "../call.ts";
import type { SpawnOptions } from "../context.ts";
import {
  ActorDeadError,
  InvalidOptionError,
  NoProcessError,
  RegistrationError,
  SystemStoppedError,
} from "../errors.ts";
import type { Report, TraceEvents } from "../event.ts";
import { type ExitReason, noproc, toExitReason } from "../exit-reason.ts";
import type { LogLevel } from "../logger.ts";
import { Down, Exit, type MonitorRef } from "../monitor.ts";
import type { ActorRef, Callable, Castable, Destination, Pid } from "../pid.ts";
import type { Resource } from "../resource.ts";
import type { Deadline, TimerRef } from "../timer.ts";
import { ActorExit } from "./actor-exit.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import type { Kernel } from "./kernel.ts";
import { findLink, Link } from "./link.ts";
import { MessageTimer } from "./message-timer.ts";
import { disown, own } from "./ownership.ts";
import { abandonCall, type CallOutcome, checkTimeout, makeCall, startCall } from "./pending-call.ts";
import { Runner } from "./runner.ts";
import type { SpawnRequest, StartListener } from "./spawn-request.ts";
import { startTask } from "./task.ts";
import { LateMonitor, Monitor } from "./watch.ts";

/**
 * A running actor as its own code sees it: its context, and what the kernel's other parts do to it. Deliberately one
 * object for mailbox, process and context, since there may be 250,000 of them.
 */
export class ActorProcess extends Runner implements Process, StartListener {
  constructor(kernel: Kernel, request: SpawnRequest<never, Pid>) {
    super(kernel, request);
    this.pid.process = this;
  }

  protected get self(): ActorProcess {
    return this;
  }

  get isTraced(): boolean {
    return this.kernel.observer !== null;
  }

  report(report: Report): void {
    this.kernel.report(this, report);
  }

  deadline(run: () => void): Deadline {
    return new DeadlineTimer(this, run);
  }

  observe<Type extends keyof TraceEvents>(type: Type, fields: TraceEvents[Type]): void {
    this.kernel.observe(type, this, fields);
  }

  log(level: LogLevel, fields: object, text: string): void {
    this.kernel.log(this, level, fields, text);
  }

  warn(text: string): void {
    this.kernel.log(this, "warn", {}, text);
  }

  // — Resources ——————————————————————————————————————————————————————————————————————————————————————————————————

  own(resource: Resource): void {
    this.assertAlive();
    own(this, resource);
  }

  give(resource: Resource, to: Pid): boolean {
    this.mayCrash("give");
    const owner = livingProcess(to);
    if (owner === null || resource.owner !== this) return false;
    own(owner, resource);
    return true;
  }

  disown(resource: Resource): void {
    disown(this, resource);
  }

  assertAlive(): void {
    if (this.isDead) throw new ActorDeadError(this.path);
  }

  /** An effect of the actor's own. */
  private before(effect: string): void {
    this.assertAlive();
    this.mayCrash(effect);
  }

  // — What the actor's code may do ———————————————————————————————————————————————————————————————————————————————

  send(target: Destination, message: unknown): void {
    this.before("send");
    const process = typeof target === "string" ? named(this.kernel, target) : target.process;
    if (process !== null) process.deliver(message, this.pid);
  }

  sendSelf(message: unknown): void {
    this.before("send");
    this.accept(message, this.pid);
  }

  async offer<Message>(target: ActorRef<Message>, message: Message): Promise<void> {
    this.before("offer");
    await target.process?.admit(message, this.pid);
  }

  cast(target: Castable | string, message: unknown): void {
    this.before("cast");
    const process = typeof target === "string" ? (this.kernel.names.get(target) ?? null) : target.process;
    if (process !== null) process.deliver(new CastMessage(message), this.pid);
  }

  call<Calls, const Request extends RequestOf<Calls>>(
    target: Callable<Calls> | string,
    request: Request,
    options?: CallOptions,
  ): Promise<ReplyOf<Calls, Request>> {
    this.before("call");
    return makeCall(this.kernel, this, target, request, CallMessage, options) as Promise<ReplyOf<Calls, Request>>;
  }

  sendRequest<Calls>(
    target: Callable<Calls> | string,
    request: RequestOf<Calls>,
    options: RequestOptions = {},
  ): RequestId {
    this.before("sendRequest");
    const { label, timeoutMs = "infinity" } = options;
    checkTimeout(timeoutMs);
    const settle = (outcome: CallOutcome, id: RequestId): void =>
      this.accept(new Response(id, label, outcome), this.pid);
    return startCall(this.kernel, this, target, request, CallMessage, timeoutMs, settle);
  }

  abandonRequest(id: RequestId): void {
    this.before("abandonRequest");
    abandonCall(id);
    this.takeMessage((message) => message instanceof Response && message.id === id);
  }

  spawn<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args?: Args, options: SpawnOptions = {}): Ref {
    this.before("spawn");
    return spawnProcess(this.kernel, spawnRequest(definition, args, options, this, null)).pid as Ref;
  }

  spawnLink<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args?: Args, options: SpawnOptions = {}): Ref {
    this.before("spawnLink");
    const child = spawnProcess(this.kernel, spawnRequest(definition, args, options, this, null));
    linkTo(this, child);
    return child.pid as Ref;
  }

  spawnMonitor<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): { readonly ref: Ref; readonly monitor: MonitorRef } {
    const ref = this.spawn(definition, args, options);
    return { ref, monitor: this.monitor(ref) };
  }

  start<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): Promise<StartResult<Ref>> {
    this.before("start");
    return startProcess(this.kernel, definition, args, options, this, () => undefined);
  }

  startLink<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): Promise<StartResult<Ref>> {
    this.before("startLink");
    return startProcess(this.kernel, definition, args, options, this, (child) => linkTo(this, child));
  }

  startChild<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args: Args, options: SpawnOptions = {}): Ref {
    this.before("startChild");
    const { kernel } = this;
    const taken = options.name === undefined ? undefined : kernel.names.get(options.name);
    if (taken !== undefined) {
      const nobody = kernel.nextPid();
      this.accept(new Started(nobody, { ok: false, error: "alreadyStarted", pid: taken.pid }), taken.pid);
      return nobody as Ref;
    }
    const child = spawnProcess(kernel, spawnRequest(definition, args, options, this, this));
    linkTo(this, child);
    return child.pid as Ref;
  }

  childStarted(child: Pid, result: StartResult): void {
    this.accept(new Started(child, result), child);
  }

  adopt(pid: Pid, id: string): Adoption {
    this.before("adopt");
    const child = pid.process;
    if (child === null || child.isDoomed) return "noProcess";
    if (standsAbove(child, this)) return "isAncestor";
    child.parent = this;
    child.key = id;
    this.kernel.forgetSubjects();
    linkTo(this, child);
    return "adopted";
  }

  link(pid: Pid): void {
    this.before("link");
    const other = livingProcess(pid);
    if (pid === this.pid) return;
    if (other !== null) {
      linkTo(this, other);
    } else if (this.isTrappingExits) {
      this.accept(new Exit(pid, noproc), pid);
    } else {
      throw new NoProcessError(pid.toString());
    }
  }

  unlink(pid: Pid): void {
    this.before("unlink");
    const other = pid.process;
    if (other === null) return;
    const link = findLink(this, other);
    if (link === null) return;
    link.remove();
    if (this.kernel.tracer !== null) this.kernel.trace("unlink", this, { with: pid });
  }

  monitor(target: Destination): MonitorRef {
    this.before("monitor");
    const name = typeof target === "string" ? target : undefined;
    const process = typeof target === "string" ? (this.kernel.names.get(target) ?? null) : target.process;
    if (process === null) {
      const ref: MonitorRef = { kind: "monitor" };
      const pid = typeof target === "string" ? undefined : target;
      this.accept(new Down(ref, pid, name, noproc), pid ?? this.pid);
      return ref;
    }
    const monitor = process.isDoomed ? new LateMonitor(process, name) : new Monitor(process, name);
    this.own(monitor);
    if (this.kernel.tracer !== null) this.kernel.trace("monitor", this, { target: process.pid, ref: monitor });
    return monitor;
  }

  demonitor(ref: MonitorRef, options: { readonly flush?: boolean } = {}): void {
    this.before("demonitor");
    if (ref instanceof Monitor && ref.owner === this) {
      ref.unwatch();
      this.disown(ref);
      if (this.kernel.tracer !== null) this.kernel.trace("demonitor", this, { target: ref.pid, ref });
    }
    if (options.flush === true) this.takeMessage((message) => message instanceof Down && message.ref === ref);
  }

  exit(reason: ExitReason): never;
  exit(target: Pid, reason: ExitReason): void;
  exit(first: ExitReason | Pid, second?: ExitReason): void {
    this.before("exit");
    if (second === undefined) {
      const reason = toExitReason(first as ExitReason);
      throw this.exitWith(reason);
    }
    const target = first as Pid;
    target.process?.acceptExit(this.pid, toExitReason(second), false, this);
    // As in Erlang, a signal to oneself has taken effect when `exit` returns.
    if (target !== this.pid) return;
    const { doom } = this;
    if (doom !== null) throw new ActorExit(doom);
  }

  trapExit(on: boolean): boolean {
    this.before("trapExit");
    const before = this.isTrappingExits;
    this.isTrappingExits = on;
    return before;
  }

  register(name: string, pid: Pid = this.pid): void {
    this.before("register");
    const process = pid.process;
    if (process === null) throw new RegistrationError(name, "noProcess");
    process.takeName(name);
  }

  unregister(name: string): void {
    this.before("unregister");
    const process = this.kernel.names.get(name);
    if (process === undefined) throw new RegistrationError(name, "notRegistered");
    process.forgetName(name);
  }

  whereis(name: string): Pid | undefined {
    return this.kernel.names.get(name)?.pid;
  }

  isAlive(pid: Pid): boolean {
    return livingProcess(pid) !== null;
  }

  sendAfter(target: Destination, message: unknown, afterMs: number): TimerRef {
    this.before("sendAfter");
    if (!Number.isFinite(afterMs) || afterMs < 0) {
      throw new InvalidOptionError("afterMs", afterMs, "milliseconds of at least 0");
    }
    const timer = new MessageTimer(this.kernel.timers, target, message);
    this.own(timer);
    this.kernel.timers.arm(timer, this.kernel.host.now() + afterMs);
    // Outside a drain nobody else would tell the host of the new deadline.
    if (!this.kernel.isDraining) this.kernel.wake();
    if (this.kernel.tracer !== null) timer.cause = this.kernel.trace("timerSet", this, { dueIn: afterMs, timer });
    return timer;
  }

  cancelTimer(ref: TimerRef): number | undefined {
    this.before("cancelTimer");
    if (!(ref instanceof MessageTimer) || ref.owner !== this) return undefined;
    const left = ref.due - this.kernel.host.now();
    this.kernel.timers.cancel(ref);
    this.disown(ref);
    if (this.kernel.tracer !== null) this.kernel.trace("timerCancelled", this, { timer: ref });
    return Math.max(0, left);
  }

  guard<Args extends readonly unknown[], Result>(
    callback: (...args: Args) => Result,
  ): (...args: Args) => Result | undefined {
    return (...args) => {
      if (this.isDead) return undefined;
      try {
        return callback(...args);
      } catch (error) {
        this.crash(error);
        return undefined;
      }
    };
  }

  task<Value>(promise: PromiseLike<Value>, toMessage?: (value: Value) => unknown): void {
    try {
      this.before("task");
    } catch (error) {
      // It has been handed over all the same: that it fails is no unhandled rejection.
      promise.then(undefined, () => undefined);
      throw error;
    }
    startTask(this, promise, toMessage);
  }

  now(): number {
    return this.kernel.host.now();
  }

  random(): number {
    return this.kernel.host.random(this.path);
  }
}

/** Whether an actor is another one, or an ancestor of it. */
function standsAbove(actor: ActorProcess, other: ActorProcess): boolean {
  for (let above: ActorProcess | null = other; above !== null; above = above.parent) {
    if (above === actor) return true;
  }
  return false;
}

function linkTo(process: ActorProcess, other: ActorProcess): void {
  if (other.isDead || findLink(process, other) !== null) return;
  void new Link(process, other);
  if (process.kernel.tracer !== null) process.kernel.trace("link", process, { with: other.pid });
}

function named(kernel: Kernel, name: string): ActorProcess {
  const process = kernel.names.get(name);
  if (process === undefined) throw new NoProcessError(`named "${name}"`);
  return process;
}

function spawnRequest<Args, Ref extends Pid>(
  definition: Definition<Args, Ref>,
  args: Args | undefined,
  options: SpawnOptions,
  parent: ActorProcess | null,
  onStarted: StartListener | null,
): SpawnRequest<Args, Ref> {
  // The overloads of `spawn` let the arguments be absent only where the definition takes none.
  return { definition, args: args as Args, options, parent, onStarted };
}

/** Creates the process; its start is its own first step. */
export function spawnProcess<Args, Ref extends Pid>(kernel: Kernel, spawn: SpawnRequest<Args, Ref>): ActorProcess {
  if (kernel.stopped) throw new SystemStoppedError(kernel.name);
  const { name } = spawn.options;
  if (name !== undefined && kernel.names.has(name)) throw new RegistrationError(name, "nameTaken");
  const process = new ActorProcess(kernel, spawn as unknown as SpawnRequest<never, Pid>);
  kernel.add(process);
  const { parent, definition } = spawn;
  const cause =
    kernel.observer === null
      ? 0
      : kernel.observe("spawn", process, { parent: parent?.pid, behaviour: definition.behaviour.kind });
  if (name !== undefined) process.takeName(name);
  process.begin(cause);
  return process;
}

/** Creates the process and resolves with the outcome of its start. */
export function startProcess<Args, Ref extends Pid>(
  kernel: Kernel,
  definition: Definition<Args, Ref>,
  args: Args | undefined,
  options: SpawnOptions,
  parent: ActorProcess | null,
  created: (child: ActorProcess) => void,
): Promise<StartResult<Ref>> {
  const taken = options.name === undefined ? undefined : kernel.names.get(options.name);
  if (taken !== undefined) return Promise.resolve({ ok: false, error: "alreadyStarted", pid: taken.pid });
  return new Promise((resolve) => {
    const listener: StartListener = { childStarted: (_child, result) => resolve(result as StartResult<Ref>) };
    created(spawnProcess(kernel, spawnRequest(definition, args, options, parent, listener)));
  });
}

/**
 * The actor, unless it is dead or as good as dead: signals that were sent before the question have arrived.
 *
 * @internal
 */
export function livingProcess({ process }: Pid): ActorProcess | null {
  // One that is giving back what it owned is dead, too.
  return process === null || process.isDoomed || process.isDead ? null : process;
}
