import type { Deadline } from "@espalier/actors";
import type { ListenerConfig } from "./options.ts";
import { type Sending, SendWaits } from "./send-waits.ts";
import type { SendOutcome } from "./socket-request.ts";
import type { TransportSocket } from "./transport.ts";

/** What an outflow needs of its connection. */
export interface OutflowHost {
  readonly socket: TransportSocket;
  readonly settings: ListenerConfig;
  /** The handler has the socket, and nobody shakes hands on it. Otherwise there are no clocks. */
  readonly isUnderWay: boolean;
  /** Nothing more is sent. */
  readonly isOver: boolean;
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  /** Whether the socket is to be read has changed. */
  syncReading(): void;
  /** Ends the connection with an error. */
  breakOff(reason: string): void;
}

/**
 * What goes out, from when the system does not take it at once: how much of it there may be, how long it may take, and
 * who waits for it. Most connections never have one.
 */
export class Outflow implements Sending {
  /** So many bytes are unsent that nothing more is read: a client that does not read what it asked for is not asked for more. */
  isBlocked = false;
  readonly #host: OutflowHost;
  #limit: Deadline | undefined;
  /** As many bytes must have been handed to the system when `#limit` runs out. 0: nothing is unsent. */
  #upTo = 0;
  #waits: SendWaits | undefined;

  constructor(host: OutflowHost) {
    this.#host = host;
  }

  /** Not all that was written could be handed to the system. Whether more should be sent now. */
  wrote(): boolean {
    if (this.isTooMuch()) return false;
    if (this.#upTo === 0) this.watch();
    const { socket, settings } = this.#host;
    if (socket.unsentBytes <= settings.highWaterMark) return true;
    this.isBlocked = true;
    this.#host.syncReading();
    return false;
  }

  /** Ends the connection if more is unsent than may be. */
  isTooMuch(): boolean {
    const { maxUnsentBytes } = this.#host.settings;
    if (maxUnsentBytes === "infinity" || this.#host.socket.unsentBytes <= maxUnsentBytes) return false;
    this.#host.breakOff("tooManyUnsentBytes");
    return true;
  }

  /** Tells when all that has been written by now is handed to the system. */
  await(timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    this.#waits ??= new SendWaits(this);
    this.#waits.add(this.#host.socket.bytesSent, timeoutMs, settle);
    if (this.#host.isUnderWay) this.#waits.watch();
  }

  /** The clocks are to run from now on. */
  begin(): void {
    if (this.#upTo > 0) this.watch();
    this.#waits?.watch();
  }

  /** Everything that is unsent now has the time of a send to get away. */
  watch(): void {
    this.#upTo = this.#host.socket.bytesSent;
    this.arm();
  }

  /** As `watch`, for what is awaited already. Behind the last byte it is the peer's own end. */
  arm(): void {
    const { sendTimeoutMs } = this.#host.settings;
    if (!this.#host.isUnderWay) return;
    if (sendTimeoutMs === "infinity") {
      this.#limit?.cancel();
      return;
    }
    this.#limit ??= this.timer(() => this.#check());
    this.#limit?.arm(sendTimeoutMs);
  }

  /** Options have changed. */
  reset({ sendTimeoutMs, maxUnsentBytes, highWaterMark }: Partial<ListenerConfig>): void {
    if (sendTimeoutMs !== undefined && this.#upTo > 0) this.watch();
    if (maxUnsentBytes !== undefined && this.isTooMuch()) return;
    if (highWaterMark === undefined) return;
    // Blocked implies unsent, so that `drain` comes to end it.
    this.isBlocked = this.#host.socket.unsentBytes > highWaterMark;
    this.#host.syncReading();
  }

  /** Everything has been handed to the system. */
  drained(): void {
    this.isBlocked = false;
    this.#upTo = 0;
    this.#waits?.handed();
    // After `close` it bounds the wait for the peer's own end.
    if (!this.#host.isOver) this.stop();
    this.#host.syncReading();
  }

  /** Nothing more is sent; who waits is told by `fail`. */
  stop(): void {
    this.#limit?.cancel();
  }

  /** The socket is gone, and what it had with it. */
  lost(): void {
    this.#upTo = 0;
    this.stop();
  }

  fail(error: string): void {
    this.#waits?.fail(error);
  }

  // — For those who wait —————————————————————————————————————————————————————————————————————————————————————————

  get handedBytes(): number {
    const { bytesSent, unsentBytes } = this.#host.socket;
    return bytesSent - unsentBytes;
  }

  now(): number {
    return this.#host.now();
  }

  timer(run: () => void): Deadline | undefined {
    return this.#host.timer(run);
  }

  #check(): void {
    if (this.#host.isOver) this.#host.socket.close("reset");
    // What was unsent then is gone; a client that is only slow has taken its time for what came since.
    else if (this.handedBytes >= this.#upTo) this.watch();
    else this.#host.breakOff("sendTimeout");
  }
}
