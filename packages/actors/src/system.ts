import type { Definition, StartResult } from "./behaviour.ts";
import { type CallOptions, CallMessage, CastMessage, type ReplyOf, type RequestOf } from "./call.ts";
import type { Caller, SpawnOptions, Spawner } from "./context.ts";
import { InvalidOptionError, NoProcessError } from "./errors.ts";
import type { TraceOptions, Tracer } from "./event.ts";
import { type ExitReason, kill, noproc, shutdown, toExitReason } from "./exit-reason.ts";
import type { Host } from "./host.ts";
import {
  figuresOf,
  inspectKernel,
  inspectProcess,
  type ProcessInfo,
  type ProcessView,
  type SystemFigures,
  type SystemInfo,
} from "./inspect.ts";
import { Kernel } from "./internal/kernel.ts";
import { checkTimeout, makeCall } from "./internal/pending-call.ts";
import { ActorProcess, livingProcess, spawnProcess, startProcess } from "./internal/process.ts";
import { EndWaiter } from "./internal/watch.ts";
import type { Logger } from "./logger.ts";
import { nodeHost } from "./node-host.ts";
import type { ActorRef, Callable, Castable, Destination, Pid } from "./pid.ts";

export interface SystemOptions {
  /** For logs and inspection. @defaultValue "espalier" */
  readonly name?: string;
  /** Where time, chance and the event loop come from. @defaultValue `nodeHost()` */
  readonly host?: Host;
  /** Where reports go. @defaultValue the host's logger, which for Node prints warnings and errors to stderr */
  readonly logger?: Logger;
  /**
   * How much is done before I/O gets its turn: after so many signals, or so many milliseconds, whichever comes first.
   *
   * @defaultValue 10,000 signals, 5 ms
   */
  readonly budget?: { readonly signals?: number; readonly ms?: number };
  /**
   * Errors that are thrown outside all callbacks (in a timer of foreign code, an event emitter, a promise that nobody
   * handles) crash the actor whose code set them off, instead of the whole program. `guard` and `task` do so always;
   * this does it for the rest, at the cost of an async context for each signal.
   *
   * @defaultValue false
   */
  readonly attributeAsyncErrors?: boolean;
}

/** How long `shutdown` waits for an actor before it is killed, unless told otherwise. */
const SHUTDOWN_MS = 5000;

/**
 * One isolated world of actors: OTP's node. Nothing is shared between two systems, so a test may hold thousands.
 * The functions here act from outside, on behalf of no actor; actors have the same in their context.
 */
export class System implements Caller, Spawner {
  readonly name: string;
  /** @internal */
  readonly kernel: Kernel;

  /** @internal */
  constructor(kernel: Kernel) {
    this.name = kernel.name;
    this.kernel = kernel;
  }

  spawn<Ref extends Pid>(definition: Definition<void, Ref>, args?: undefined, options?: SpawnOptions): Ref;
  spawn<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args: Args, options?: SpawnOptions): Ref;
  spawn<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args?: Args, options: SpawnOptions = {}): Ref {
    // The overloads of `Spawner` let the arguments be absent only where the definition takes none.
    const request = { definition, args: args as Args, options, parent: null, onStarted: null };
    return spawnProcess(this.kernel, request).pid as Ref;
  }

  start<Ref extends Pid>(
    definition: Definition<void, Ref>,
    args?: undefined,
    options?: SpawnOptions,
  ): Promise<StartResult<Ref>>;
  start<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args: Args,
    options?: SpawnOptions,
  ): Promise<StartResult<Ref>>;
  start<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args?: Args,
    options: SpawnOptions = {},
  ): Promise<StartResult<Ref>> {
    return startProcess(this.kernel, definition, args, options, null, () => undefined);
  }

  /** Sends a message; it vanishes if the receiver is dead. @throws `ERR_NO_PROCESS` for a name that nobody has. */
  send<Message>(target: ActorRef<Message>, message: Message): void;
  send(target: string, message: unknown): void;
  send(target: Destination, message: unknown): void {
    const process = this.#resolve(target);
    if (typeof target === "string" && process === null) throw new NoProcessError(`named "${target}"`);
    process?.deliver(message, this.kernel.rootPid);
  }

  /**
   * `send` from an I/O callback: what it sets off runs before the callback returns, within the budget, unless other
   * work stands in front. For those who bring a new kind of I/O.
   */
  sendIo(target: Pid, message: unknown): void {
    this.kernel.io(deliver, target, message);
  }

  /**
   * Calls `enter(first, second)` as one I/O callback, for one that does more than one `sendIo`, such as to set
   * deadlines: the clock is read once for all of it.
   */
  io<First, Second>(enter: (first: First, second: Second) => void, first: First, second: Second): void {
    this.kernel.io(enter, first, second);
  }

  cast<Message>(target: Castable<Message>, message: Message): void;
  cast(target: string, message: unknown): void;
  cast(target: Destination, message: unknown): void {
    this.#resolve(target)?.deliver(new CastMessage(message), this.kernel.rootPid);
  }

  call<Calls, const Request extends RequestOf<Calls>>(
    target: Callable<Calls> | string,
    request: Request,
    options?: CallOptions,
  ): Promise<ReplyOf<Calls, Request>> {
    const answer = makeCall(this.kernel, null, target, request, CallMessage, options);
    // What a callee answers to a request is what its protocol says; the protocol is a matter of types.
    return answer as Promise<ReplyOf<Calls, Request>>;
  }

  /** Sends an exit signal from outside. To an actor that was started from outside it is its parent's. */
  exit(target: Pid, reason: ExitReason): void {
    target.process?.acceptExit(this.kernel.rootPid, toExitReason(reason), false);
  }

  /**
   * Ends an actor, which cannot prevent it: none of its code runs. It is a signal, so that the actor is still there, and has
   * its name, when this returns: `exited` tells of its end. OTP's `exit(Pid, kill)`.
   */
  kill(target: Pid): void {
    this.exit(target, kill);
  }

  whereis(name: string): Pid | undefined {
    return this.kernel.names.get(name)?.pid;
  }

  isAlive(pid: Pid): boolean {
    return livingProcess(pid) !== null;
  }

  /** Resolves with the reason once the actor has ended; with `noproc` at once if it is dead. */
  exited(pid: Pid): Promise<ExitReason> {
    const { process } = pid;
    if (process === null) return Promise.resolve(noproc);
    return new Promise((resolve) => void new EndWaiter(process, resolve));
  }

  /**
   * Ends an actor as its parent would: asks, waits, and kills it if it takes longer. Resolves with its exit reason.
   *
   * @param timeoutMs - default 5000
   */
  async terminate(pid: Pid, timeoutMs: number | "infinity" = SHUTDOWN_MS): Promise<ExitReason> {
    checkTimeout(timeoutMs);
    const { process } = pid;
    if (process === null) return noproc;
    const ended = this.exited(pid);
    process.acceptExit(process.parentPid, shutdown(), false);
    if (timeoutMs === "infinity") return ended;
    const { host } = this.kernel;
    const disarm = host.at(host.now() + timeoutMs, () => this.kill(pid));
    const reason = await ended;
    disarm();
    return reason;
  }

  /** A pure read of everything: actors, names, timers, queues, owners. No actor notices. */
  inspect(): SystemInfo;
  /** The same of one actor; undefined once it is dead. */
  inspect(pid: Pid): ProcessInfo | undefined;
  inspect(pid?: Pid): SystemInfo | ProcessInfo | undefined {
    if (pid === undefined) return inspectKernel(this.kernel);
    return pid.process === null ? undefined : inspectProcess(pid.process);
  }

  /** What `inspect` says of the whole, without its actors: it costs the same however many there are. */
  figures(): SystemFigures {
    return figuresOf(this.kernel);
  }

  /**
   * The living, oldest first, for a pure read of thousands: only what is asked for is made. It must be over before anything
   * else happens in the system.
   */
  processes(): Iterable<ProcessView> {
    return this.kernel.processes();
  }

  /** The same view of one; undefined once it is dead. */
  process(pid: Pid): ProcessView | undefined {
    return pid.process ?? undefined;
  }

  /** Where time comes from; for tools, which may not have a clock of their own either. */
  get host(): Host {
    return this.kernel.host;
  }

  /**
   * Lets a tracer see every event from now on, or only those of life; the answer takes it off again. One that throws is taken
   * off as well, which is logged as an error, and harms nobody: as a debug function that fails in OTP's `sys`.
   */
  trace(tracer: Tracer, options: TraceOptions = {}): () => void {
    this.kernel.addTracer(tracer, options);
    return () => this.kernel.removeTracer(tracer);
  }

  /** Where reports go of actors for which there is no other logger. */
  get logger(): Logger {
    return this.kernel.logger;
  }

  /** Monotonic milliseconds of the host. */
  now(): number {
    return this.kernel.host.now();
  }

  /** Signals delivered so far. */
  get steps(): number {
    return this.kernel.steps;
  }

  /** User promises that actors wait for. */
  get tasks(): number {
    return this.kernel.tasks;
  }

  /** Delivers exactly one signal; answers whether there was one. For simulators and tests. */
  step(): boolean {
    return this.kernel.step();
  }

  /**
   * Resolves when nothing can happen any more except by time or from outside: no signal under way, and no user promise
   * that could go on by itself.
   */
  idle(): Promise<void> {
    return this.kernel.idle();
  }

  /**
   * Stops everything that was started from outside, the last first, each with its tree, and resolves when no actor is
   * left. An actor that takes longer than `timeoutMs` is killed. The system cannot be used afterwards.
   *
   * @param timeoutMs - for each; default 5000
   */
  async shutdown(timeoutMs: number | "infinity" = SHUTDOWN_MS): Promise<void> {
    const kernel = this.kernel;
    checkTimeout(timeoutMs);
    for (let next = lastRoot(kernel); next !== null; next = lastRoot(kernel)) await this.terminate(next.pid, timeoutMs);
    // What was spawned without a link and outlived its parent belongs to nobody else.
    for (let next = kernel.lastProcess; next !== null; next = kernel.lastProcess)
      await this.terminate(next.pid, timeoutMs);
    kernel.stop();
  }

  #resolve(target: Destination): ActorProcess | null {
    return typeof target === "string" ? (this.kernel.names.get(target) ?? null) : target.process;
  }
}

/** From outside all actors. */
function deliver({ process }: Pid, message: unknown): void {
  process?.deliver(message, process.kernel.rootPid);
}

function lastRoot(kernel: Kernel): ActorProcess | null {
  let process = kernel.lastProcess;
  while (process !== null && process.parent !== null) process = process.previousProcess;
  return process;
}

/** Creates a system. It needs no start; an empty one holds nothing of the host. */
export function createSystem(options: SystemOptions = {}): System {
  const {
    name = "espalier",
    host = nodeHost(),
    logger = host.logger,
    budget = {},
    attributeAsyncErrors = false,
  } = options;
  const { signals = 10_000, ms = 5 } = budget;
  if (!(signals >= 1)) throw new InvalidOptionError("budget.signals", signals, "a number of at least 1");
  if (!(ms > 0)) throw new InvalidOptionError("budget.ms", ms, "milliseconds above 0");
  const kernel = new Kernel(name, host, logger, { signals, ms });
  if (attributeAsyncErrors) {
    if (host.attributeErrors === undefined) {
      throw new InvalidOptionError("attributeAsyncErrors", true, "false, since this host cannot attribute errors");
    }
    kernel.attribution = host.attributeErrors((owner, error) => {
      if (owner instanceof ActorProcess) owner.crash(error);
    });
  }
  return new System(kernel);
}
