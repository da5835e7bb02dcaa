import type { Deadline } from "@espalier/actors";
import type { SendOutcome } from "./socket-request.ts";

/** Somebody waits until the system has so many bytes of a connection. */
interface SendWait {
  readonly upTo: number;
  /** Infinity: it waits as long as the connection lets it. */
  readonly until: number;
  readonly settle: (outcome: SendOutcome) => void;
}

/** Those who wait until what they have sent is handed to the system. */
export class SendWaits {
  readonly #waiting = new Set<SendWait>();
  readonly #now: () => number;
  readonly #createLimit: (run: () => void) => Deadline | undefined;
  #limit: Deadline | undefined;

  /** @param createLimit - makes a deadline of whoever owns the connection */
  constructor(now: () => number, createLimit: (run: () => void) => Deadline | undefined) {
    this.#now = now;
    this.#createLimit = createLimit;
  }

  add(upTo: number, timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    const until = timeoutMs === "infinity" ? Infinity : this.#now() + timeoutMs;
    this.#waiting.add({ upTo, until, settle });
  }

  /** The system has so many bytes. */
  handed(bytes: number): void {
    this.#settle(({ upTo }) => upTo <= bytes, { ok: true });
  }

  fail(error: string): void {
    this.#settle(() => true, { ok: false, error });
  }

  /** Has the time of those who wait run. */
  watch(handedBytes: () => number): void {
    const next = [...this.#waiting].reduce((least, { until }) => Math.min(least, until), Infinity);
    if (next === Infinity) {
      this.#limit?.cancel();
      return;
    }
    this.#limit ??= this.#createLimit(() => {
      // A client that is always behind never has everything, but what they wait for it may have.
      this.handed(handedBytes());
      const now = this.#now();
      this.#settle(({ until }) => until <= now, { ok: false, error: "timeout" });
      this.watch(handedBytes);
    });
    this.#limit?.arm(Math.max(next - this.#now(), 0));
  }

  #settle(isOver: (wait: SendWait) => boolean, outcome: SendOutcome): void {
    for (const wait of this.#waiting) {
      if (!isOver(wait)) continue;
      this.#waiting.delete(wait);
      wait.settle(outcome);
    }
  }
}
