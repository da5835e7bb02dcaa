import type { Deadline } from "@espalier/actors";

/** What the clock needs of its connection. */
export interface Clocked {
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  /** The time is up. */
  expired(): void;
}

/** The time that a packet has from its first byte to its last. It stands still while nothing is read. */
export class PacketClock {
  readonly #connection: Clocked;
  #timer: Deadline | undefined;
  /** Undefined: no packet has begun. */
  #leftMs: number | undefined;
  /** Undefined: it stands still. */
  #since: number | undefined;

  constructor(connection: Clocked) {
    this.#connection = connection;
  }

  /** A part of a packet is there, and more may come. */
  run(limitMs: number): void {
    if (this.#since !== undefined) return;
    this.#since = this.#connection.now();
    this.#leftMs ??= limitMs;
    this.#timer ??= this.#connection.timer(() => this.#connection.expired());
    this.#timer?.arm(this.#leftMs);
  }

  /** Nothing more of the packet can come for now. */
  pause(): void {
    if (this.#since === undefined || this.#leftMs === undefined) return;
    this.#leftMs = Math.max(this.#leftMs - (this.#connection.now() - this.#since), 0);
    this.#since = undefined;
    this.#timer?.cancel();
  }

  /** The packet is whole, or is not waited for any more. */
  reset(): void {
    if (this.#leftMs === undefined) return;
    this.#leftMs = undefined;
    this.#since = undefined;
    this.#timer?.cancel();
  }
}
