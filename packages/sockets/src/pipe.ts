import type { SendOutcome } from "./socket-request.ts";

/** The connection that a pipe leads into. */
export interface PipeEnd {
  /** Sends what has come in on another connection. False: no more of it, until `whenSent` says so. */
  passOn(data: Uint8Array): boolean;
  /** Settles once all that was sent by now is handed to the system, or cannot be. */
  whenSent(settle: (outcome: SendOutcome) => void): void;
  /** Ends this direction behind all that was sent. */
  shut(): void;
}

/** Leads what comes in on one connection into another, and lets in no more than that takes. */
export class Pipe {
  /** The other end takes more. Once that is over it never does again. */
  isOpen = true;
  readonly #to: PipeEnd;
  readonly #opened: () => void;

  /** @param opened - called when it has become open again */
  constructor(to: PipeEnd, opened: () => void) {
    this.#to = to;
    this.#opened = opened;
  }

  pass(data: Uint8Array): void {
    if (this.#to.passOn(data)) return;
    this.isOpen = false;
    this.#to.whenSent(({ ok }) => {
      this.isOpen = ok;
      if (ok) this.#opened();
    });
  }

  /** Nothing more comes, by the will of the peer. */
  end(): void {
    this.#to.shut();
  }
}
