import { Buffer } from "node:buffer";
import { FrameTooLargeError } from "./errors.ts";

/**
 * How a byte stream is cut into packets, as `packet` of Erlang's `inet`:
 *
 * - `"raw"`: not at all; a packet is whatever a read brings.
 * - `1`, `2`, `4`: a big-endian length of that many bytes, then that many bytes of data. The length is added when sending
 *   and taken off when receiving.
 * - `"line"`: up to and including a line feed. Nothing is added when sending.
 */
export type Framing = "raw" | LengthHeader | "line";

/** How many bytes a length takes that stands before its packet. */
export type LengthHeader = 1 | 2 | 4;

export interface DecoderOptions {
  /** Largest packet to accept, in bytes: without a length header, with a line feed. */
  readonly maxPacketSize: number;
}

/**
 * Cuts one connection's bytes into packets. Chunks go in by `push`, packets come out one at a time by `next`, so that a
 * reader of one packet leaves the others where they are.
 *
 * **Who may keep what.** A packet that lies within one chunk is a view of that chunk, not a copy; one that spans chunks
 * is the receiver's own. The decoder itself looks at a pushed chunk until `next` has returned `undefined`, or `detach`
 * was called. So when each read has a buffer of its own, packets may be kept as long as one likes (each keeps its chunk
 * from being collected). When reads share a buffer, a packet is good until the next read, whoever keeps it copies it
 * (`Uint8Array.from(packet)`; `slice` of a Node `Buffer` does not copy), and `detach` comes before the next read.
 */
export interface PacketDecoder {
  /** Bytes pushed and not yet delivered as packets, headers included. */
  readonly bufferedBytes: number;

  /** Appends what was read. Does no work, and cannot fail. */
  push(chunk: Uint8Array): void;

  /**
   * The next complete packet, or `undefined` until more is pushed.
   *
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) as soon as it is known that the packet exceeds `maxPacketSize`:
   * its bytes are not waited for. Where the packet after it begins is then unknown, so every further call throws too.
   */
  next(): Buffer | undefined;

  /** Copies what is still wanted of the pushed chunks, whose memory is then the caller's to overwrite. */
  detach(): void;

  /** A copy of everything not delivered, headers included: at the end of the stream, the packet that was cut off. */
  remaining(): Buffer;
}

/** The largest packet each length header can announce. The 4-byte one stops at 2 GiB, as Erlang's does. */
const HEADER_LIMIT = { 1: 0xff, 2: 0xffff, 4: 0x7fff_ffff } as const;

const LINE_FEED = 0x0a;
const EMPTY = Buffer.alloc(0);

/**
 * What a packet may occupy before its bytes have come. A header costs its sender four bytes, so it must not be worth a
 * megabyte here; larger packets double their space as they arrive.
 */
const FIRST_RESERVATION = 16 * 1024;

/** A decoder for one connection; none for `"raw"`, where each chunk is the packet. */
export function createDecoder(packet: Framing, options: DecoderOptions): PacketDecoder | undefined {
  if (packet === "raw") return undefined;
  return packet === "line" ? new LineDecoder(options.maxPacketSize) : new LengthDecoder(packet, options.maxPacketSize);
}

/**
 * The bytes to send for one packet, header and data in a single buffer, hence a single write. Text is UTF-8. Where there
 * is no header (`"raw"`, `"line"`) and `data` is bytes, the result is `data` itself.
 *
 * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length.
 */
export function encodeFrame(packet: Framing, data: Uint8Array | string): Uint8Array {
  if (packet === "raw" || packet === "line") return typeof data === "string" ? Buffer.from(data) : data;
  const frame = Buffer.allocUnsafe(packet + sizeInFrame(packet, data));
  putFrame(packet, data, frame, 0, frame.length);
  return frame;
}

/**
 * The bytes that data takes behind such a header. Text is UTF-8.
 *
 * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header cannot express them
 */
export function sizeInFrame(header: LengthHeader, data: Uint8Array | string): number {
  const size = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  if (size > HEADER_LIMIT[header]) throw new FrameTooLargeError(size, HEADER_LIMIT[header]);
  return size;
}

/** Writes the bytes of one packet, header and data, to a place of just that size. */
export function putFrame(
  header: LengthHeader,
  data: Uint8Array | string,
  target: Buffer,
  start: number,
  end: number,
): void {
  const offset = start + header;
  target.writeUIntBE(end - offset, start, header);
  if (typeof data === "string") target.write(data, offset);
  else target.set(data, offset);
}

interface Waiting {
  readonly chunk: Buffer;
  next: Waiting | undefined;
}

/** Holds the chunks that are not read yet, and the start of a packet that spans them. */
abstract class ChunkDecoder implements PacketDecoder {
  bufferedBytes = 0;
  /** The chunk being read, from `offset` on, which is less than its length. Absent when everything pushed is read. */
  protected chunk: Buffer | undefined;
  protected offset = 0;
  /** How much of the current packet is in the partial buffer, having come in earlier chunks. */
  protected partialSize = 0;
  #partial: Buffer = EMPTY;
  /** A list and not an array: however many chunks wait, taking the first is one step and lets go of the one before. */
  #firstWaiting: Waiting | undefined;
  #lastWaiting: Waiting | undefined;
  #holdsForeign = false;

  abstract next(): Buffer | undefined;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.bufferedBytes += chunk.length;
    this.#holdsForeign = true;
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.chunk === undefined) {
      this.chunk = buffer;
      return;
    }
    const waiting: Waiting = { chunk: buffer, next: undefined };
    if (this.#lastWaiting === undefined) this.#firstWaiting = waiting;
    else this.#lastWaiting.next = waiting;
    this.#lastWaiting = waiting;
  }

  detach(): void {
    // Detaching twice must not copy twice, or a reader of one packet at a time would be quadratic.
    if (!this.#holdsForeign || this.chunk === undefined) return;
    this.chunk = Buffer.concat(this.#unread());
    this.offset = 0;
    this.#firstWaiting = undefined;
    this.#lastWaiting = undefined;
    this.#holdsForeign = false;
  }

  remaining(): Buffer {
    return Buffer.concat([this.header(), this.#partial.subarray(0, this.partialSize), ...this.#unread()]);
  }

  /** What has been read of the current packet's header. */
  protected header(): Buffer {
    return EMPTY;
  }

  /** The next `size` bytes of the current chunk, which has them, as a view. */
  protected view(chunk: Buffer, size: number): Buffer {
    const packet = chunk.subarray(this.offset, this.offset + size);
    this.advance(chunk, size);
    return packet;
  }

  /** Moves the next `size` bytes of the current chunk to the partial buffer, which grows to `capacity` if it must. */
  protected collect(chunk: Buffer, size: number, capacity: number): void {
    if (this.partialSize + size > this.#partial.length) {
      // Not from Node's pool: a packet that is kept would keep its neighbours in the pool as well.
      const grown = Buffer.allocUnsafeSlow(capacity);
      this.#partial.copy(grown, 0, 0, this.partialSize);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.partialSize, this.offset, this.offset + size);
    this.partialSize += size;
    this.advance(chunk, size);
  }

  /** The collected packet, which is the receiver's from here on. */
  protected collected(): Buffer {
    const packet = this.#partial.subarray(0, this.partialSize);
    this.#partial = EMPTY;
    this.partialSize = 0;
    return packet;
  }

  protected advance(chunk: Buffer, size: number): void {
    this.offset += size;
    if (this.offset < chunk.length) return;
    this.offset = 0;
    this.chunk = this.#firstWaiting?.chunk;
    this.#firstWaiting = this.#firstWaiting?.next;
    if (this.#firstWaiting === undefined) this.#lastWaiting = undefined;
  }

  #unread(): readonly Buffer[] {
    const unread = this.chunk === undefined ? [] : [this.chunk.subarray(this.offset)];
    for (let waiting = this.#firstWaiting; waiting !== undefined; waiting = waiting.next) unread.push(waiting.chunk);
    return unread;
  }
}

class LengthDecoder extends ChunkDecoder {
  readonly #width: 1 | 2 | 4;
  readonly #limit: number;
  /** The length as far as it is known: `#headerRead` of its bytes. */
  #size = 0;
  #headerRead = 0;

  constructor(width: 1 | 2 | 4, limit: number) {
    super();
    this.#width = width;
    this.#limit = limit;
  }

  next(): Buffer | undefined {
    if (!this.#readHeader()) return undefined;
    if (this.#size > this.#limit) throw new FrameTooLargeError(this.#size, this.#limit);
    const packet = this.#readBody();
    if (packet === undefined) return undefined;
    this.bufferedBytes -= this.#width + this.#size;
    this.#headerRead = 0;
    this.#size = 0;
    return packet;
  }

  protected override header(): Buffer {
    const header = Buffer.alloc(this.#headerRead);
    if (this.#headerRead > 0) header.writeUIntBE(this.#size, 0, this.#headerRead);
    return header;
  }

  /** Byte by byte, because a header may be cut too. */
  #readHeader(): boolean {
    while (this.#headerRead < this.#width) {
      const byte = this.chunk?.[this.offset];
      if (this.chunk === undefined || byte === undefined) return false;
      this.#size = this.#size * 256 + byte;
      this.#headerRead += 1;
      this.advance(this.chunk, 1);
    }
    return true;
  }

  #readBody(): Buffer | undefined {
    const size = this.#size;
    if (size === 0) return EMPTY;
    while (this.chunk !== undefined) {
      const available = this.chunk.length - this.offset;
      if (this.partialSize === 0 && available >= size) return this.view(this.chunk, size);
      const part = Math.min(available, size - this.partialSize);
      const wanted = Math.max(FIRST_RESERVATION, 2 * (this.partialSize + part));
      this.collect(this.chunk, part, Math.min(size, wanted));
      if (this.partialSize === size) return this.collected();
    }
    return undefined;
  }
}

class LineDecoder extends ChunkDecoder {
  readonly #limit: number;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  next(): Buffer | undefined {
    while (this.chunk !== undefined) {
      const end = this.chunk.indexOf(LINE_FEED, this.offset) + 1;
      const part = (end === 0 ? this.chunk.length : end) - this.offset;
      const size = this.partialSize + part;
      // A line without its end has at least one byte more. The size reported is the least that is too large, wherever
      // the chunks were cut.
      if (size > this.#limit || (end === 0 && size === this.#limit)) {
        throw new FrameTooLargeError(this.#limit + 1, this.#limit);
      }
      if (end === 0) {
        // Read bytes are not searched again.
        this.collect(this.chunk, part, 2 * size);
        continue;
      }
      this.bufferedBytes -= size;
      if (this.partialSize === 0) return this.view(this.chunk, part);
      this.collect(this.chunk, part, size);
      return this.collected();
    }
    return undefined;
  }
}
