import { CallExitError, type ExitReason, normal, type Pid, sys, type System } from "@espalier/actors";
import type { Connection } from "./connection.ts";
import { InvalidOptionError } from "./errors.ts";
import type { SendOutcome } from "./socket-request.ts";

/** What became of a packet that another actor has sent on a connection. */
export type SendSyncResult =
  | SendOutcome
  /** There is no connection of this actor. */
  | { readonly ok: false; readonly error: "noConnection" };

export interface SendSyncOptions {
  /** How long to wait, in milliseconds from 0 or `"infinity"`. @defaultValue 5000, as a call */
  readonly timeoutMs?: number | "infinity";
}

export interface StopConnectionOptions {
  /** How the handler ends. @defaultValue normal */
  readonly reason?: ExitReason;
  /** How long it may take to end, in milliseconds from 0 or `"infinity"`; then it is killed. @defaultValue 5000 */
  readonly timeoutMs?: number | "infinity";
}

/** sockerl's `send_sync`. */
export async function sendSync(
  connection: Connection | undefined,
  data: Uint8Array | string,
  { timeoutMs = 5000 }: SendSyncOptions,
): Promise<SendSyncResult> {
  checkTimeout(timeoutMs);
  if (connection === undefined) return { ok: false, error: "noConnection" };
  // What it throws is a rejection.
  return new Promise((resolve) => connection.sendThen(data, timeoutMs, resolve));
}

/** sockerl's `stop_connector`. False: there is no such actor any more. */
export async function stopConnection(
  system: System,
  pid: Pid,
  { reason = normal, timeoutMs = 5000 }: StopConnectionOptions,
): Promise<boolean> {
  checkTimeout(timeoutMs);
  if (!system.isAlive(pid)) return false;
  try {
    await sys.stopActor(system, pid, reason, { timeoutMs });
  } catch (error) {
    // It has ended in another way, which is an end as well.
    if (!(error instanceof CallExitError)) system.kill(pid);
  }
  await system.exited(pid);
  return true;
}

export function checkTimeout(timeoutMs: number | "infinity"): void {
  if (timeoutMs === "infinity" || (typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs < Infinity)) return;
  const expected = 'milliseconds from 0, or "infinity"';
  throw new InvalidOptionError([{ option: "timeoutMs", value: timeoutMs, expected }]);
}
