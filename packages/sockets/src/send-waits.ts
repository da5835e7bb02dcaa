import type { Deadline } from "@espalier/actors";
import type { SendOutcome } from "./socket-request.ts";

/** Somebody waits until the system has so many bytes of a connection. */
interface SendWait {
  readonly upTo: number;
  /** Infinity: it waits as long as the connection lets it. */
  readonly until: number;
  readonly settle: (outcome: SendOutcome) => void;
}

/** What is sent, as far as somebody waits for it. */
export interface Sending {
  /** Bytes that the system has. */
  readonly handedBytes: number;
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
}

/** Those who wait until what they have sent is handed to the system. */
export class SendWaits {
  readonly #waiting = new Set<SendWait>();
  readonly #connection: Sending;
  #limit: Deadline | undefined;

  constructor(connection: Sending) {
    this.#connection = connection;
  }

  add(upTo: number, timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    const until = timeoutMs === "infinity" ? Infinity : this.#connection.now() + timeoutMs;
    this.#waiting.add({ upTo, until, settle });
  }

  /** The system has more bytes. */
  handed(): void {
    const bytes = this.#connection.handedBytes;
    this.#settle(({ upTo }) => upTo <= bytes, { ok: true });
  }

  fail(error: string): void {
    this.#settle(() => true, { ok: false, error });
  }

  /** Has the time of those who wait run. */
  watch(): void {
    const next = [...this.#waiting].reduce((least, { until }) => Math.min(least, until), Infinity);
    if (next === Infinity) {
      this.#limit?.cancel();
      return;
    }
    this.#limit ??= this.#connection.timer(() => {
      // A client that is always behind never has everything, but what they wait for it may have.
      this.handed();
      const now = this.#connection.now();
      this.#settle(({ until }) => until <= now, { ok: false, error: "timeout" });
      this.watch();
    });
    this.#limit?.arm(Math.max(next - this.#connection.now(), 0));
  }

  #settle(isOver: (wait: SendWait) => boolean, outcome: SendOutcome): void {
    for (const wait of this.#waiting) {
      if (!isOver(wait)) continue;
      this.#waiting.delete(wait);
      wait.settle(outcome);
    }
  }
}
