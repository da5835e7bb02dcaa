import { Buffer } from "node:buffer";
import { type LengthHeader, putFrame, sizeInFrame } from "../framing.ts";

/** A socket whose writes can wait until the data that it has brought is handled. */
export interface TurnSocket {
  /** Sends at once. False: the system did not take all of it, and the array is in use until it has. */
  sendNow(bytes: Uint8Array): boolean;
}

/** More than most answers to one read, and the system takes it at once when its reader keeps up. */
const SIZE = 64 * 1024;

let owner: TurnSocket | undefined;
/** What was written, while that is one array. */
let only: Uint8Array | undefined;
let slab = Buffer.allocUnsafeSlow(SIZE);
/** How much of the slab holds what was written; 0 while that is one array, or nothing. */
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

  /** Whether this socket's data is being handled. */
  isOf(socket: TurnSocket): boolean {
    return owner === socket;
  },

  /** Keeps bytes of the socket whose turn it is until its end. False: they are too many, and what was kept is sent. */
  take(bytes: Uint8Array): boolean {
    if (only === undefined && used === 0 && bytes.length <= SIZE) {
      only = bytes;
      return true;
    }
    // Where there is no room, they are sent from where they are, behind the others.
    const start = roomFor(bytes.length);
    if (start === undefined) return false;
    slab.set(bytes, start);
    return true;
  },

  /**
   * The same for a packet with its length before it, which is put together where it leaves from.
   *
   * @returns its bytes, header included; 0: it is not kept
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) when the header cannot express its length
   */
  takeFrame(header: LengthHeader, data: Uint8Array | string): number {
    const size = header + sizeInFrame(header, data);
    const start = roomFor(size);
    if (start === undefined) return 0;
    putFrame(header, data, slab, start, used);
    return size;
  },

  /** Sends what was kept. What is written next is kept again. */
  flush(): void {
    const bytes = used > 0 ? slab.subarray(0, used) : only;
    if (bytes === undefined) return;
    const isCopied = used > 0;
    only = undefined;
    used = 0;
    if (owner?.sendNow(bytes) === false && isCopied) slab = Buffer.allocUnsafeSlow(SIZE);
  },

  end(): void {
    try {
      turn.flush();
    } finally {
      owner = undefined;
    }
  },
};

/** Where so many bytes go in the slab. Undefined: there is no such room, and what was kept is sent. */
function roomFor(size: number): number | undefined {
  const start = only === undefined ? used : only.length;
  if (start + size > SIZE) {
    turn.flush();
    return undefined;
  }
  if (only !== undefined) slab.set(only);
  only = undefined;
  used = start + size;
  return start;
}
