import type { CallOptions, From } from "../call.ts";
import { CallExitError, CallingSelfError, CallTimeoutError, InvalidOptionError } from "../errors.ts";
import { type ExitReason, failure, noproc } from "../exit-reason.ts";
import type { Destination, Pid } from "../pid.ts";
import type { Kernel } from "./kernel.ts";
import type { ActorProcess } from "./process.ts";
import { Timer, type TimerQueue } from "./timer-queue.ts";
import { Watch } from "./watch.ts";

/** OTP's default for every call. */
const DEFAULT_TIMEOUT_MS = 5000;

/**
 * A call under way: the caller's end of it, the callee's right to answer (OTP's alias: it dies with the call, so a late
 * answer vanishes), and the monitor that fails the call when the callee dies.
 */
class PendingCall extends Watch implements From {
  readonly kind = "call";
  readonly caller: Pid | undefined;
  readonly #targetName: string;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: Error) => void;
  #timer: CallTimer | null = null;
  #isOver = false;

  constructor(
    target: ActorProcess,
    caller: ActorProcess | null,
    resolve: (value: unknown) => void,
    reject: (error: Error) => void,
  ) {
    super(target);
    this.caller = caller?.pid;
    this.#targetName = target.pid.toString();
    this.#resolve = resolve;
    this.#reject = reject;
    caller?.own(this);
  }

  limit(timers: TimerQueue, due: number, timeoutMs: number): void {
    this.#timer = new CallTimer(timers, () => {
      if (this.#finish()) this.#reject(new CallTimeoutError(this.#targetName, timeoutMs));
    });
    timers.arm(this.#timer, due);
  }

  reply(value: unknown): void {
    if (this.#finish()) this.#resolve(value);
  }

  targetDied(reason: ExitReason): void {
    if (this.#finish()) this.#reject(new CallExitError(this.#targetName, reason));
  }

  /** The caller died: nobody is left to hear of it. */
  override release(): void {
    this.#finish();
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.unwatch();
    this.owner?.disown(this);
    this.#timer?.release();
    return true;
  }

  override describe(): string {
    return `call to ${this.#targetName}`;
  }
}

class CallTimer extends Timer {
  readonly #expired: () => void;

  constructor(queue: TimerQueue, expired: () => void) {
    super(queue);
    this.#expired = expired;
  }

  fire(): void {
    this.#expired();
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
  if (timeoutMs !== "infinity" && !(timeoutMs >= 0)) {
    throw new InvalidOptionError("timeoutMs", timeoutMs, 'milliseconds of at least 0, or "infinity"');
  }
  const process = typeof target === "string" ? (kernel.names.get(target) ?? null) : target.process;
  if (process === null || process.isDoomed) return Promise.reject(new CallExitError(target.toString(), noproc));
  if (process === caller) {
    const name = process.pid.toString();
    return Promise.reject(new CallExitError(name, failure(new CallingSelfError(name))));
  }
  return new Promise((resolve, reject) => {
    const call = new PendingCall(process, caller, resolve, reject);
    if (timeoutMs !== "infinity") {
      call.limit(kernel.timers, kernel.host.now() + timeoutMs, timeoutMs);
      if (!kernel.isDraining) kernel.wake();
    }
    process.accept(message(call), caller?.pid ?? kernel.rootPid);
  });
}
