import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { HandshakeOutcome, TlsFacts } from "@espalier/sockets";
import {
  CLIENT_HELLO,
  CLOSE_NOTIFY,
  FINISHED,
  HANDSHAKE_FAILURE,
  RECORD,
  RecordReader,
  says,
  seal,
  type SealedRecord,
  SERVER_HELLO,
} from "./record.ts";

/** Answers a client, now, later or never; what it returns takes that back. */
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

/** What OpenSSL says of plain bytes, and of a client with which it has nothing in common. */
const NO_TLS = "ERR_SSL_WRONG_VERSION_NUMBER";
const REFUSED = "ERR_SSL_NO_SHARED_CIPHER";

/**
 * The server's end of simulated TLS, in place of Node's `TLSSocket`: hello, hello, finished, and then records of bytes. It
 * behaves as that one does in all that its owner sees, and does the same each time.
 */
export class ServerEnd extends Duplex {
  readonly #stream: Duplex;
  readonly #reader = new RecordReader();
  #outcome: HandshakeOutcome | undefined;
  #step: "hello" | "answer" | "finished" | "open" | "over" = "hello";
  #takeBack: () => void = () => {};

  constructor(stream: Duplex, outcome: HandshakeOutcome, answerer: Answerer) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#outcome = outcome;
    stream.on("data", (bytes: Uint8Array) => this.#read(bytes, answerer));
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

  #read(bytes: Uint8Array, answerer: Answerer): void {
    for (const record of this.#reader.read(bytes)) this.#take(record, answerer);
    if (this.#reader.isBroken) this.#fail(NO_TLS);
  }

  #take(record: SealedRecord, answerer: Answerer): void {
    switch (this.#step) {
      case "hello":
        if (record.type !== RECORD.handshake || !says(record, CLIENT_HELLO)) return this.#fail(NO_TLS);
        this.#step = "answer";
        this.#takeBack = answerer((isAccepted) => this.#answer(isAccepted));
        break;
      case "finished":
        if (record.type !== RECORD.handshake || !says(record, FINISHED)) return this.#fail(NO_TLS);
        this.#step = "open";
        this.#outcome?.secured(this, FACTS);
        this.#outcome = undefined;
        break;
      case "open":
        if (record.type === RECORD.alert) this.#ended();
        else if (record.type !== RECORD.data) this.#fail(NO_TLS);
        else if (!this.push(Buffer.from(record.bytes))) this.#stream.pause();
        break;
      case "answer":
        // It has not been asked for anything yet.
        this.#fail(NO_TLS);
        break;
      case "over":
        break;
    }
  }

  #answer(isAccepted: boolean): void {
    if (this.#step !== "answer" || this.#stream.destroyed) return;
    if (!isAccepted) {
      this.#stream.write(seal(RECORD.alert, HANDSHAKE_FAILURE));
      this.#fail(REFUSED);
      return;
    }
    this.#step = "finished";
    this.#stream.write(seal(RECORD.handshake, SERVER_HELLO));
  }

  /** The client says nothing more, whether in TLS or below it. */
  #ended(): void {
    if (this.#step === "open") this.push(null);
    this.#step = "over";
  }

  #fail(code: string): void {
    if (this.#step === "over") return;
    const isOpen = this.#step === "open";
    this.#step = "over";
    if (isOpen) this.destroy(Object.assign(new Error(code), { code }));
    else this.#outcome?.refused(code);
    this.#outcome = undefined;
  }
}
