import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { HandshakeOutcome, TlsFacts } from "@espalier/sockets";
import { CLOSE_NOTIFY, RECORD, RecordReader, seal, type SealedRecord } from "./record.ts";

/** Answers the other end, now, later or never; what it returns takes that back. */
export type Answerer = (answer: (isAccepted: boolean) => void) => () => void;

const FACTS: TlsFacts = {
  protocol: "simulated",
  cipher: "simulated",
  alpn: undefined,
  servername: undefined,
  isAuthorized: false,
  authorizationError: undefined,
  peerCertificate: undefined,
  pskIdentity: undefined,
  isResumed: false,
};

/** What OpenSSL says of plain bytes. */
export const NO_TLS = "ERR_SSL_WRONG_VERSION_NUMBER";

/**
 * One end of simulated TLS, in place of Node's `TLSSocket`: hello, hello, finished, and then records of bytes. It behaves as
 * that one does in all that its owner sees, and does the same each time. What is said in the handshake is for each end.
 */
export abstract class SimEnd extends Duplex {
  readonly #stream: Duplex;
  readonly #reader = new RecordReader();
  #outcome: HandshakeOutcome | undefined;
  #phase: "handshake" | "open" | "over" = "handshake";
  #takeBack: () => void = () => {};

  constructor(stream: Duplex, outcome: HandshakeOutcome) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#outcome = outcome;
    stream.on("data", (bytes: Uint8Array) => this.#readAll(bytes));
    stream.on("end", () => this.#ended());
    stream.on("close", () => this.#takeBack());
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, written: (error?: Error | null) => void): void {
    this.#stream.write(seal(RECORD.data, bytes), written);
  }

  override _final(ended: () => void): void {
    if (this.#stream.destroyed) ended();
    else this.#stream.end(seal(RECORD.alert, CLOSE_NOTIFY), () => ended());
  }

  override _destroy(error: Error | null, destroyed: (error: Error | null) => void): void {
    this.#takeBack();
    this.#stream.destroy();
    destroyed(error);
  }

  /** What the other end says before the handshake is done. */
  protected abstract heard(record: SealedRecord): void;

  protected say(type: number, words: Uint8Array): void {
    this.#stream.write(seal(type, words));
  }

  /** Asks for an answer, which is not heard any more when this end is gone. */
  protected ask(answerer: Answerer, answered: (isAccepted: boolean) => void): void {
    this.#takeBack = answerer((isAccepted) => {
      if (this.#phase === "handshake" && !this.#stream.destroyed) answered(isAccepted);
    });
  }

  /** The handshake is done. */
  protected secured(): void {
    this.#phase = "open";
    this.#outcome?.secured(this, FACTS);
    this.#outcome = undefined;
  }

  protected fail(code: string): void {
    if (this.#phase === "over") return;
    const isOpen = this.#phase === "open";
    this.#phase = "over";
    if (isOpen) this.destroy(Object.assign(new Error(code), { code }));
    else this.#outcome?.refused(code);
    this.#outcome = undefined;
  }

  #readAll(bytes: Uint8Array): void {
    for (const record of this.#reader.read(bytes)) {
      if (this.#phase === "handshake") this.heard(record);
      else if (this.#phase === "open") this.#receive(record);
    }
    if (this.#reader.isBroken) this.fail(NO_TLS);
  }

  #receive({ type, bytes }: SealedRecord): void {
    if (type === RECORD.alert) this.#ended();
    else if (type !== RECORD.data) this.fail(NO_TLS);
    else if (!this.push(Buffer.from(bytes))) this.#stream.pause();
  }

  /** The other end says nothing more, whether in TLS or below it. */
  #ended(): void {
    if (this.#phase === "open") this.push(null);
    this.#phase = "over";
  }
}
