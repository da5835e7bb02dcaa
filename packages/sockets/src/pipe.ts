import type { SendOutcome } from "./socket-request.ts";

/** The connection that a pipe leads into. */
export interface PipeEnd {
  /** The most bytes that it can send as one packet. */
  readonly largestPacket: number;
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

  pass(packet: Uint8Array): void {
    this.#heed(this.#to.passOn(packet));
  }

  /** Bytes that are no packet of their own are cut to what the other end can send as one. */
  passPart(bytes: Uint8Array): void {
    const { largestPacket } = this.#to;
    let rest = bytes;
    for (; rest.length > largestPacket; rest = rest.subarray(largestPacket)) {
      this.#to.passOn(rest.subarray(0, largestPacket));
    }
    this.pass(rest);
  }

  /** Nothing more comes, by the will of the peer. */
  end(): void {
    this.#to.shut();
  }

  #heed(takesMore: boolean): void {
    if (takesMore) return;
    this.isOpen = false;
    this.#to.whenSent(({ ok }) => {
      this.isOpen = ok;
      if (ok) this.#opened();
    });
  }
}
