/** What a record carries, by the number that TLS has for it. */
export const RECORD = { alert: 21, handshake: 22, data: 23 } as const;

/** TLS 1.2, which TLS 1.3 says as well. */
const VERSION = [3, 3] as const;
const HEADER_SIZE = 5;
/** As in TLS. */
const MOST_BYTES = 16_384;
/** What hides the bytes: whoever takes them for plain ones, or plain ones for them, is found out. */
const MASK = 0x5a;

/** What is said in a handshake: each its own byte, so many times. */
export const CLIENT_HELLO: Uint8Array = said(0xc1, 64);
export const SERVER_HELLO: Uint8Array = said(0x51, 96);
export const FINISHED: Uint8Array = said(0xf1, 32);
/** The end of one direction, and the refusal of a handshake. */
export const CLOSE_NOTIFY: Uint8Array = said(0, 2);
export const HANDSHAKE_FAILURE: Uint8Array = said(40, 2);

function said(byte: number, times: number): Uint8Array {
  return new Uint8Array(times).fill(byte);
}

/** Bytes as records that carry them. */
export function seal(type: number, bytes: Uint8Array): Uint8Array {
  const records = Math.max(1, Math.ceil(bytes.length / MOST_BYTES));
  const sealed = new Uint8Array(bytes.length + records * HEADER_SIZE);
  let place = 0;
  for (let start = 0; start === 0 || start < bytes.length; start += MOST_BYTES) {
    const part = bytes.subarray(start, start + MOST_BYTES);
    sealed.set([type, ...VERSION, part.length >> 8, part.length & 0xff], place);
    for (const [index, byte] of part.entries()) sealed[place + HEADER_SIZE + index] = byte ^ MASK;
    place += HEADER_SIZE + part.length;
  }
  return sealed;
}

/** One record, as it was before it was sealed. */
export interface SealedRecord {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Takes records out of a stream of bytes, however that is cut. */
export class RecordReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #isBroken = false;

  /** Something came that is no record. Nothing is read from then on. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The records that are whole now. */
  *read(bytes: Uint8Array): Generator<SealedRecord> {
    this.#bytes = this.#bytes.length === 0 ? bytes : joined(this.#bytes, bytes);
    for (;;) {
      const [type = 0, major, minor, high = 0, low = 0] = this.#bytes;
      const isRecord = isType(type) && (major ?? VERSION[0]) === VERSION[0] && (minor ?? VERSION[1]) === VERSION[1];
      const end = HEADER_SIZE + high * 0x100 + low;
      this.#isBroken ||= this.#bytes.length > 0 && (!isRecord || end > HEADER_SIZE + MOST_BYTES);
      if (this.#isBroken || this.#bytes.length < HEADER_SIZE || this.#bytes.length < end) return;
      const opened = this.#bytes.slice(HEADER_SIZE, end).map((byte) => byte ^ MASK);
      this.#bytes = this.#bytes.subarray(end);
      yield { type, bytes: opened };
    }
  }
}

function isType(type: number): boolean {
  return type >= RECORD.alert && type <= RECORD.data;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/** Whether a record says just this. */
export function says({ bytes }: SealedRecord, words: Uint8Array): boolean {
  return bytes.length === words.length && bytes.every((byte, index) => byte === words[index]);
}
