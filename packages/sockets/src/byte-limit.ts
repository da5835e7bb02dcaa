import type { Deadline } from "@espalier/actors";
import { DebtBucket } from "./rate-limit.ts";

/** How fast bytes may come. Both `"infinity"`: as they like. */
export interface ByteRate {
  readonly bytesPerSecond: number | "infinity";
  readonly burst: number | "infinity";
}

function toBucket({ bytesPerSecond, burst }: ByteRate, now: number): DebtBucket | undefined {
  if (bytesPerSecond === "infinity" || burst === "infinity") return undefined;
  return new DebtBucket(bytesPerSecond, burst, now);
}

/** The bytes that all connections of a listener may receive together. */
export class SharedBytes {
  /** Undefined: there is no limit. */
  bucket: DebtBucket | undefined;
  /** Those that are paused for it. */
  readonly paused: Set<ReadThrottle> = new Set();

  /** Another limit counts from now on, with a full bucket: nobody has to wait for the old one. */
  setRate(rate: ByteRate, now: number): void {
    this.bucket = toBucket(rate, now);
    for (const throttle of this.paused) throttle.forgive();
  }
}

/** What a throttle needs of its connection. */
export interface Throttled {
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  /** It may read again. */
  unpaused(): void;
}

/**
 * Keeps a connection from reading while it is in debt, by its own limit or that of its listener. Each pause is as long
 * as the whole debt is at its beginning, and ends without another look: so connections that share a limit read one
 * after the other, in the order in which they have read last, and none can starve.
 */
export class ReadThrottle {
  readonly #connection: Throttled;
  readonly #shared: SharedBytes | undefined;
  #own: DebtBucket | undefined;
  #ownUntil = -Infinity;
  #sharedUntil = -Infinity;
  #timer: Deadline | undefined;
  #isPaused = false;

  constructor(connection: Throttled, shared: SharedBytes | undefined) {
    this.#connection = connection;
    this.#shared = shared;
  }

  /** Nothing is to be read. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The limit of this connection alone, with a full bucket. */
  setRate(rate: ByteRate): void {
    this.#own = toBucket(rate, this.#connection.now());
    this.#ownUntil = -Infinity;
    this.#sync();
  }

  /** So many bytes were read. */
  read(bytes: number): void {
    const now = this.#connection.now();
    this.#ownUntil = now + (this.#own?.take(bytes, now) ?? 0);
    this.#sharedUntil = now + (this.#shared?.bucket?.take(bytes, now) ?? 0);
    this.#sync();
  }

  /** What it owes to the listener's limit does not count any more. */
  forgive(): void {
    this.#sharedUntil = -Infinity;
    this.#sync();
  }

  /** Nothing is read any more in any case. */
  stop(): void {
    this.#timer?.cancel();
    this.#shared?.paused.delete(this);
  }

  #sync(): void {
    const now = this.#connection.now();
    const waitMs = Math.max(this.#ownUntil, this.#sharedUntil) - now;
    if (this.#sharedUntil > now) this.#shared?.paused.add(this);
    else this.#shared?.paused.delete(this);
    if (waitMs > 0) {
      this.#isPaused = true;
      this.#timer ??= this.#connection.timer(() => this.#sync());
      this.#timer?.arm(waitMs);
    } else if (this.#isPaused) {
      this.#isPaused = false;
      this.#timer?.cancel();
      this.#connection.unpaused();
    }
  }
}
