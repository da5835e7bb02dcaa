import { CallMessage, type CallOptions, type From, type RequestId } from "../call.ts";
import { CallExitError, CallingSelfError, CallTimeoutError, InvalidOptionError } from "../errors.ts";
import { type ExitReason, failure, noproc } from "../exit-reason.ts";
import type { Destination, Pid } from "../pid.ts";
import type { Kernel } from "./kernel.ts";
import type { ActorProcess } from "./process.ts";
import { Timer } from "./timer-queue.ts";
import { Watch } from "./watch.ts";

/** OTP's default for every call. */
const DEFAULT_TIMEOUT_MS = 5000;

/** How a call ended. */
export type CallOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: CallExitError | CallTimeoutError };

type Settle = (outcome: CallOutcome, id: RequestId) => void;

/**
 * A call under way: the caller's end of it, the callee's right to answer (OTP's alias: it dies with the call, so a late
 * answer vanishes), and the monitor that fails the call when the callee dies.
 */
class PendingCall extends Watch implements From, RequestId {
  readonly caller: Pid | undefined;
  readonly #target: Pid;
  readonly #settle: Settle;
  #timer: CallTimer | null = null;
  #isOver = false;

  constructor(target: ActorProcess, caller: ActorProcess | null, settle: Settle) {
    super(target);
    this.caller = caller?.pid;
    this.#target = target.pid;
    this.#settle = settle;
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

  reply(value: unknown): void {
    if (this.#finish()) this.#settle({ ok: true, value }, this);
  }

  targetDied(reason: ExitReason): void {
    this.#fail(new CallExitError(this.#target.toString(), reason));
  }

  expired(timeoutMs: number): void {
    this.#fail(new CallTimeoutError(this.#target.toString(), timeoutMs));
  }

  /** The caller died, or has given up: nobody is left to hear of it. */
  override release(): void {
    this.#finish();
  }

  #fail(error: CallExitError | CallTimeoutError): void {
    if (this.#finish()) this.#settle({ ok: false, error }, this);
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
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

/** Sends what `message` makes of the right to answer, and resolves with the answer. `caller` null: from outside. */
export function makeCall(
  kernel: Kernel,
  caller: ActorProcess | null,
  target: Destination,
  message: (from: From<never>) => unknown,
  options: CallOptions = {},
): Promise<unknown> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  return new Promise((resolve, reject) => {
    startCall(kernel, caller, target, message, timeoutMs, (outcome) => {
      if (outcome.ok) resolve(outcome.value);
      else reject(outcome.error);
    });
  });
}

/** Starts a call whose outcome is handed to `settle`: never from within, unless it has failed before it began. */
export function startCall(
  kernel: Kernel,
  caller: ActorProcess | null,
  target: Destination,
  message: (from: From<never>) => unknown,
  timeoutMs: number | "infinity",
  settle: Settle,
): RequestId {
  const process = typeof target === "string" ? (kernel.names.get(target) ?? null) : target.process;
  // A doomed process is dead to whoever calls: the exit signal came before the request.
  if (process === null || process.isDoomed || process === caller) {
    const name = target.toString();
    const isSelf = process !== null && process === caller;
    const reason = isSelf ? failure(new CallingSelfError(name)) : noproc;
    const id: RequestId = { kind: "call" };
    settle({ ok: false, error: new CallExitError(name, reason) }, id);
    return id;
  }
  const call = new PendingCall(process, caller, settle);
  if (timeoutMs !== "infinity") call.limit(kernel, timeoutMs);
  const request = message(call);
  const from = caller?.pid ?? kernel.rootPid;
  // System messages are not what a mailbox's limit is for: a flooded actor must still be reachable.
  if (request instanceof CallMessage) process.deliver(request, from);
  else process.accept(request, from);
  return call;
}

/** Gives up a call; its answer is dropped. Answers whether it was still under way. */
export function abandonCall(id: RequestId): boolean {
  if (!(id instanceof PendingCall) || id.target === null) return false;
  id.release();
  return true;
}

/** @throws `ERR_INVALID_OPTION` */
export function checkTimeout(timeoutMs: number | "infinity"): void {
  if (timeoutMs !== "infinity" && !(timeoutMs >= 0)) {
    throw new InvalidOptionError("timeoutMs", timeoutMs, 'milliseconds of at least 0, or "infinity"');
  }
}
