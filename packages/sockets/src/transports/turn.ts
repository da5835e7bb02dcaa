import { Buffer } from "node:buffer";

/** A socket whose writes can wait until the data that it has brought is handled. */
export interface TurnSocket {
  /** Sends at once. False: the system did not take all of it, and the array is in use until it has. */
  sendNow(bytes: Uint8Array): boolean;
}

/** More than most answers to one read, and the system takes it at once when its reader keeps up. */
const SIZE = 64 * 1024;

let owner: TurnSocket | undefined;
/** All that was written so far; when `used` is not 0 it has been copied. */
let first: Uint8Array | undefined;
let slab = Buffer.allocUnsafeSlow(SIZE);
let used = 0;

/**
 * Makes one write of what a socket is given while the data that it has brought is handled: of many small packets that
 * arrive together, the answers leave together, for one call to the system instead of one each. A single answer is not
 * copied.
 *
 * The state is the module's: sockets bring their data one at a time, and never from within each other.
 */
export const turn = {
  /** This socket is about to bring data. */
  begin(socket: TurnSocket): void {
    owner = socket;
  },

  /** Keeps bytes until the end of the turn. False: it is not this socket's, or they are too many. */
  take(socket: TurnSocket, bytes: Uint8Array): boolean {
    if (owner !== socket) return false;
    const size = (used === 0 ? (first?.length ?? 0) : used) + bytes.length;
    // Sent from where it is, behind the others.
    if (size > SIZE) {
      turn.flush(socket);
      return false;
    }
    if (first === undefined) {
      first = bytes;
      return true;
    }
    if (used === 0) slab.set(first);
    slab.set(bytes, size - bytes.length);
    used = size;
    return true;
  },

  /** Sends what was kept, if the turn is this socket's. What is written next is kept again. */
  flush(socket: TurnSocket): void {
    if (owner !== socket || first === undefined) return;
    const isCopied = used > 0;
    const bytes = isCopied ? slab.subarray(0, used) : first;
    first = undefined;
    used = 0;
    if (!socket.sendNow(bytes) && isCopied) slab = Buffer.allocUnsafeSlow(SIZE);
  },

  end(socket: TurnSocket): void {
    turn.flush(socket);
    owner = undefined;
  },
};
