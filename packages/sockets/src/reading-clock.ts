import type { Deadline } from "@espalier/actors";

/** What the clock needs of its connection. */
export interface Clocked {
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  /** The time is up. */
  expired(): void;
}

/** A time limit that stands still while nothing is read: of a packet that has begun, or of a client that is asked for bytes. */
export class ReadingClock {
  readonly #connection: Clocked;
  #timer: Deadline | undefined;
  /** Undefined: nothing is waited for. */
  #leftMs: number | undefined;
  /** Undefined: it stands still. */
  #since: number | undefined;

  constructor(connection: Clocked) {
    this.#connection = connection;
  }

  /** More may come from here on. The limit counts where nothing is left over from before a pause. */
  run(limitMs: number): void {
    if (this.#since !== undefined) return;
    this.#since = this.#connection.now();
    this.#leftMs ??= limitMs;
    this.#timer ??= this.#connection.timer(() => this.#connection.expired());
    this.#timer?.arm(this.#leftMs);
  }

  /** Nothing more can come for now. */
  pause(): void {
    if (this.#since === undefined || this.#leftMs === undefined) return;
    this.#leftMs = Math.max(this.#leftMs - (this.#connection.now() - this.#since), 0);
    this.#since = undefined;
    this.#timer?.cancel();
  }

  /** What was waited for has come, or is not waited for any more. */
  reset(): void {
    if (this.#leftMs === undefined) return;
    this.#leftMs = undefined;
    this.#since = undefined;
    this.#timer?.cancel();
  }
}
