import type { Deadline } from "@espalier/actors";

/** Looks from time to time whether bytes have come in. eSockd's `esockd_keepalive`. */
export class Keepalive {
  readonly #bytesReceived: () => number;
  readonly #createTimer: (run: () => void) => Deadline | undefined;
  readonly #onSilence: () => void;
  #intervalMs: number | "infinity" = "infinity";
  #timer: Deadline | undefined;
  #seen = 0;

  /** @param createTimer - makes a deadline of whoever owns the connection */
  constructor(
    bytesReceived: () => number,
    createTimer: (run: () => void) => Deadline | undefined,
    onSilence: () => void,
  ) {
    this.#bytesReceived = bytesReceived;
    this.#createTimer = createTimer;
    this.#onSilence = onSilence;
  }

  set intervalMs(intervalMs: number | "infinity") {
    this.#intervalMs = intervalMs;
  }

  /** Begins to count, from now. */
  start(): void {
    this.#seen = this.#bytesReceived();
    if (this.#intervalMs === "infinity") {
      this.stop();
      return;
    }
    this.#timer ??= this.#createTimer(() => {
      if (this.#bytesReceived() === this.#seen) this.#onSilence();
      else this.start();
    });
    this.#timer?.arm(this.#intervalMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
