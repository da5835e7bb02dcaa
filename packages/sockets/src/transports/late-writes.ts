import { Buffer } from "node:buffer";
import process from "node:process";

/** A socket that is written to when it has brought no data itself. */
export interface LateSocket {
  /** Sends at once. False: the system did not take all of it. */
  sendNow(bytes: Uint8Array): boolean;
  /** What was taken for sent, as it turns out, is not. */
  tellUnsent(): void;
}

/** What is larger is not worth to be copied, and what is more is not worth to wait for. */
const MOST = 16 * 1024;

/** Those that have something for the end of this tick. */
let due: LateWrites[] = [];

/**
 * Makes one write of what one socket is given in a tick, where it is not in its turn: a broker's subscriber gets what another
 * connection's read has brought, an async function answers behind a promise, a timer sends. They leave when all that
 * follows from the event at hand has happened, promises among it, before Node looks for the next.
 */
export class LateWrites {
  readonly #socket: LateSocket;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #isDue = false;

  constructor(socket: LateSocket) {
    this.#socket = socket;
  }

  /** Keeps bytes until the end of the tick. False: they are too many, and what was kept is sent. */
  take(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (this.#size + bytes.length > MOST) {
      this.flush();
      return false;
    }
    this.#chunks.push(bytes);
    this.#size += bytes.length;
    if (this.#isDue) return true;
    this.#isDue = true;
    if (due.length === 0) process.nextTick(flushAll);
    due.push(this);
    return true;
  }

  /** Sends what was kept. */
  flush(): void {
    if (this.#size === 0) return;
    const [only] = this.#chunks;
    const bytes = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [];
    this.#size = 0;
    this.#socket.sendNow(bytes);
  }

  endTick(): void {
    this.#isDue = false;
    this.flush();
    this.#socket.tellUnsent();
  }
}

function flushAll(): void {
  const all = due;
  // What is sent for an error of one of them is for the next tick, which comes at once.
  due = [];
  for (const writes of all) writes.endTick();
}
