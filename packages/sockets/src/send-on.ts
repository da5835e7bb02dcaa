import type { Connection } from "./connection.ts";
import { FrameTooLargeError, InvalidOptionError } from "./errors.ts";

/** A packet that cannot be sent on any connection; for the handle to throw. */
export interface Refused {
  readonly thrown: FrameTooLargeError | InvalidOptionError;
}

/**
 * Sends a packet on a connection; undefined when that is not possible, or breaks it. A packet that does not fit, or is
 * none, is the sender's fault, and not that of the client.
 */
export function sendOn(
  connection: Connection | undefined,
  packet: Uint8Array | string,
): { readonly ok: true; readonly isFull: boolean } | Refused | undefined {
  if (connection === undefined) return undefined;
  const before = connection.bytesSent;
  return refusing(() => {
    const isFull = !connection.send(packet);
    // One that may not send any more, or has too much unsent already, takes nothing.
    const isTaken = !isFull || (connection.isOpen && connection.bytesSent > before);
    return isTaken ? { ok: true, isFull } : undefined;
  });
}

/** Answers a refusal instead of throwing it. */
export function refusing<Result>(send: () => Result): Result | Refused {
  try {
    return send();
  } catch (error) {
    if (error instanceof FrameTooLargeError || error instanceof InvalidOptionError) return { thrown: error };
    throw error;
  }
}

/** Throws what was thrown where the packet was to be sent. */
export function unlessRefused<Result extends object>(result: Result | Refused): Result {
  if ("thrown" in result) throw result.thrown;
  return result;
}
