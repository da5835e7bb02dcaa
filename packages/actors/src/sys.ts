import type { Context } from "./context.ts";
import { CallExitError } from "./errors.ts";
import { type ExitReason, normal } from "./exit-reason.ts";
import type { Kernel } from "./internal/kernel.ts";
import { makeCall } from "./internal/pending-call.ts";
import { ActorProcess } from "./internal/process.ts";
import { type SystemReply, SystemMessage, type SystemRequest } from "./internal/system-message.ts";
import type { CallOptions } from "./call.ts";
import type { Destination, Pid } from "./pid.ts";
import { System } from "./system.ts";

/** Who asks: a system, from outside, or an actor. */
type Asker = System | Context<never>;

/** The state as the actor's behaviour shows it. OTP's `sys:get_state`. */
export function getState(asker: Asker, target: Destination, options?: CallOptions): Promise<unknown> {
  return ask(asker, target, { type: "getState" }, options);
}

/**
 * Replaces the state by what the function makes of it, between two messages. If the function throws, the state stands
 * and the promise rejects with what was thrown. OTP's `sys:replace_state`.
 */
export function replaceState(
  asker: Asker,
  target: Destination,
  replace: (state: unknown) => unknown,
  options?: CallOptions,
): Promise<unknown> {
  return ask(asker, target, { type: "replaceState", replace }, options);
}

/** The actor handles nothing but system messages and its parent's end until it is resumed; its mail waits. */
export async function suspend(asker: Asker, target: Destination, options?: CallOptions): Promise<void> {
  await ask(asker, target, { type: "suspend" }, options);
}

/** Ends a `suspend`. */
export async function resume(asker: Asker, target: Destination, options?: CallOptions): Promise<void> {
  await ask(asker, target, { type: "resume" }, options);
}

/**
 * Asks an actor to end in order, its clean-up included, and resolves when it is gone. OTP's `gen_server:stop`.
 *
 * @throws `CallExitError` (`ERR_CALL_EXIT`) when it was dead already (`noproc`) or ended for another reason.
 */
export async function stopActor(
  asker: Asker,
  target: Pid,
  reason: ExitReason = normal,
  options: CallOptions = { timeoutMs: "infinity" },
): Promise<void> {
  try {
    await ask(asker, target, { type: "terminate", reason }, options);
  } catch (error) {
    // The answer to this request is the actor's death.
    if (error instanceof CallExitError && error.reason === reason) return;
    throw error;
  }
}

async function ask(
  asker: Asker,
  target: Destination,
  request: SystemRequest,
  options: CallOptions | undefined,
): Promise<unknown> {
  const caller = asker instanceof ActorProcess ? asker : null;
  const answer = await makeCall(kernelOf(asker), caller, target, (from) => new SystemMessage(request, from), options);
  // Only `handleSystemMessage` answers a system message.
  const { ok, ...outcome } = answer as SystemReply & { value?: unknown; error?: unknown };
  if (ok) return outcome.value;
  throw outcome.error;
}

function kernelOf(asker: Asker): Kernel {
  if (asker instanceof System || asker instanceof ActorProcess) return asker.kernel;
  throw new TypeError("expected a system or the context of an actor");
}
