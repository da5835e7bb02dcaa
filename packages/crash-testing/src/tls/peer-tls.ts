import { CLIENT_HELLO, CLOSE_NOTIFY, FINISHED, RECORD, RecordReader, says, seal, SERVER_HELLO } from "./record.ts";

/** What bytes from the server have brought. */
export interface Opened {
  /** What they carried. */
  readonly bytes: readonly Uint8Array[];
  /** What is to be sent for it. */
  readonly reply: Uint8Array | undefined;
  /** With it the handshake is done. */
  readonly isSecured: boolean;
  /** The server has refused the handshake. */
  readonly isRefused: boolean;
}

/** A client's end of simulated TLS. */
export class PeerTls {
  readonly #reader = new RecordReader();
  #isSecured = false;

  /** The server has sent what is no TLS. */
  get isBroken(): boolean {
    return this.#reader.isBroken;
  }

  /** The handshake is done. */
  get isSecured(): boolean {
    return this.#isSecured;
  }

  /** What it begins with. */
  hello(): Uint8Array {
    return seal(RECORD.handshake, CLIENT_HELLO);
  }

  seal(bytes: Uint8Array): Uint8Array {
    return seal(RECORD.data, bytes);
  }

  /** What it ends with. */
  bye(): Uint8Array {
    return seal(RECORD.alert, CLOSE_NOTIFY);
  }

  open(sealed: Uint8Array): Opened {
    const bytes: Uint8Array[] = [];
    const wasSecured = this.#isSecured;
    let isRefused = false;
    for (const record of this.#reader.read(sealed)) {
      if (record.type === RECORD.data) bytes.push(record.bytes);
      else if (record.type === RECORD.alert) isRefused ||= !says(record, CLOSE_NOTIFY);
      else this.#isSecured ||= says(record, SERVER_HELLO);
    }
    const isSecured = this.#isSecured && !wasSecured;
    return { bytes, reply: isSecured ? seal(RECORD.handshake, FINISHED) : undefined, isSecured, isRefused };
  }
}
