import { CallMessage, type CallEnding, type CallOptions, type From, type RequestId } from "../call.ts";
import { CallExitError, CallingSelfError, CallTimeoutError, InvalidOptionError } from "../errors.ts";
import { type ExitReason, failure, noproc } from "../exit-reason.ts";
import type { Destination, Pid } from "../pid.ts";
import { CallTrace } from "./call-trace.ts";
import type { Kernel } from "./kernel.ts";
import type { ActorProcess } from "./process.ts";
import { Timer } from "./timer-queue.ts";
import { Watch } from "./watch.ts";

/** OTP's default for every call. */
const DEFAULT_TIMEOUT_MS = 5000;

// One of each, for calls are many.
const REPLIED: CallEnding = { type: "replied" };
const TIMEOUT: CallEnding = { type: "timeout" };
const CALLER_DIED: CallEnding = { type: "callerDied" };
const ABANDONED: CallEnding = { type: "abandoned" };

/** How a call ended for whoever waits for it. */
export type CallOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: CallExitError | CallTimeoutError };

type Settle = (outcome: CallOutcome, id: RequestId) => void;

/** What carries a request, with the right to answer it, to the actor that is called. */
type Envelope<Request> = new (request: Request, from: From<never>) => object;

/**
 * A call under way: the caller's end of it, the callee's right to answer (OTP's alias: it dies with the call, so a late
 * answer vanishes), and the monitor that fails the call when the callee dies.
 */
class PendingCall extends Watch implements From, RequestId {
  readonly caller: Pid | undefined;
  readonly #target: Pid;
  readonly #settle: Settle;
  /** Null unless somebody traced when it began. */
  readonly #trace: CallTrace | null;
  #timer: CallTimer | null = null;
  #isOver = false;

  constructor(target: ActorProcess, caller: ActorProcess | null, settle: Settle, trace: CallTrace | null) {
    super(target);
    this.caller = caller?.pid;
    this.#target = target.pid;
    this.#settle = settle;
    this.#trace = trace;
    caller?.own(this);
  }

  get kind(): "call" {
    return "call";
  }

  limit(kernel: Kernel, timeoutMs: number): void {
    this.#timer = new CallTimer(kernel, this, timeoutMs);
    kernel.timers.arm(this.#timer, kernel.host.now() + timeoutMs);
    this.#timer.tellHost();
  }

  /** The id of its event; 0 if nobody traced when it began. */
  get event(): number {
    return this.#trace === null ? 0 : this.#trace.id;
  }

  reply(value: unknown): void {
    if (this.#finish(REPLIED)) this.#settle({ ok: true, value }, this);
  }

  targetDied(reason: ExitReason): void {
    const isFirst = this.#finish({ type: "calleeDied", reason });
    if (isFirst) this.#settle({ ok: false, error: new CallExitError(this.#target.toString(), reason) }, this);
  }

  expired(timeoutMs: number): void {
    const isFirst = this.#finish(TIMEOUT, this.event);
    if (isFirst) this.#settle({ ok: false, error: new CallTimeoutError(this.#target.toString(), timeoutMs) }, this);
  }

  abandon(): void {
    this.#finish(ABANDONED);
  }

  /** The caller died: nobody is left to hear of it. */
  override release(): void {
    this.#finish(CALLER_DIED);
  }

  /** `cause` if it is not what is being handled. */
  #finish(ending: CallEnding, cause?: number): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    if (this.#trace !== null) this.#trace.end(ending, cause);
    this.unwatch();
    this.owner?.disown(this);
    if (this.#timer !== null) {
      this.#timer.release();
      this.#timer.tellHost();
    }
    return true;
  }

  override describe(): string {
    return `call to ${this.#target.toString()}`;
  }
}

class CallTimer extends Timer {
  readonly #kernel: Kernel;
  readonly #call: PendingCall;
  readonly #timeoutMs: number;

  constructor(kernel: Kernel, call: PendingCall, timeoutMs: number) {
    super(kernel.timers);
    this.#kernel = kernel;
    this.#call = call;
    this.#timeoutMs = timeoutMs;
  }

  fire(): void {
    this.#call.expired(this.#timeoutMs);
  }

  /** Outside a drain nobody else would tell the host of a change: not of a deadline, nor that there is none any more. */
  tellHost(): void {
    if (!this.#kernel.isDraining) this.#kernel.wake();
  }
}

/** Sends a request with the right to answer it, and resolves with the answer. `caller` null: from outside. */
export function makeCall<Request>(
  kernel: Kernel,
  caller: ActorProcess | null,
  target: Destination,
  request: Request,
  Envelope: Envelope<Request>,
  options: CallOptions = {},
): Promise<unknown> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  return new Promise((resolve, reject) => {
    startCall(kernel, caller, target, request, Envelope, timeoutMs, (outcome) => {
      if (outcome.ok) resolve(outcome.value);
      else reject(outcome.error);
    });
  });
}

/** Starts a call whose outcome is handed to `settle`: never from within, unless it has failed before it began. */
export function startCall<Request>(
  kernel: Kernel,
  caller: ActorProcess | null,
  target: Destination,
  request: Request,
  Envelope: Envelope<Request>,
  timeoutMs: number | "infinity",
  settle: Settle,
): RequestId {
  const process = typeof target === "string" ? (kernel.names.get(target) ?? null) : target.process;
  const trace = kernel.tracer === null ? null : traceCall(kernel, caller, process, target, request);
  // A doomed process is dead to whoever calls: the exit signal came before the request.
  if (process === null || process.isDoomed || process === caller) {
    const name = target.toString();
    const isSelf = process !== null && process === caller;
    const reason = isSelf ? failure(new CallingSelfError(name)) : noproc;
    const id: RequestId = { kind: "call" };
    if (trace !== null) trace.end({ type: "calleeDied", reason });
    settle({ ok: false, error: new CallExitError(name, reason) }, id);
    return id;
  }
  const call = new PendingCall(process, caller, settle, trace);
  if (timeoutMs !== "infinity") call.limit(kernel, timeoutMs);
  const message = new Envelope(request, call);
  const from = caller?.pid ?? kernel.rootPid;
  const { cause } = kernel;
  if (trace !== null) kernel.cause = trace.id;
  // System messages are not what a mailbox's limit is for: a flooded actor must still be reachable.
  if (message instanceof CallMessage) process.deliver(message, from);
  else process.accept(message, from);
  kernel.cause = cause;
  return call;
}

/** Tells that a call begins, unless nobody in the system has a part in it. */
function traceCall(
  kernel: Kernel,
  caller: ActorProcess | null,
  process: ActorProcess | null,
  target: Destination,
  request: unknown,
): CallTrace | null {
  const subject = caller ?? process;
  if (subject === null) return null;
  const handled = caller === null ? kernel.message : caller.lastMessage;
  const within = handled instanceof CallMessage && handled.from instanceof PendingCall ? handled.from.event : 0;
  const name = typeof target === "string" ? target : undefined;
  const to = process === null ? (typeof target === "string" ? undefined : target) : process.pid;
  return new CallTrace(kernel, subject, { caller: caller?.pid, to, name, request, within });
}

/** Gives up a call; its answer is dropped. Answers whether it was still under way. */
export function abandonCall(id: RequestId): boolean {
  if (!(id instanceof PendingCall) || id.target === null) return false;
  id.abandon();
  return true;
}

/** @throws `ERR_INVALID_OPTION` */
export function checkTimeout(timeoutMs: number | "infinity"): void {
  if (timeoutMs !== "infinity" && !(timeoutMs >= 0)) {
    throw new InvalidOptionError("timeoutMs", timeoutMs, 'milliseconds of at least 0, or "infinity"');
  }
}
