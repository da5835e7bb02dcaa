import { Buffer } from "node:buffer";

export interface DecoderOptions {
  /** Largest packet to accept, in bytes: without a length header, with a line feed; all of it for a framing of one's own. */
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
   * @throws BadFrameError (`ERR_BAD_FRAME`) where a framing of one's own cannot say how long the packet is; from then on too.
   */
  next(): Buffer | undefined;

  /** Copies what is still wanted of the pushed chunks, whose memory is then the caller's to overwrite. */
  detach(): void;

  /** A copy of everything not delivered, headers included: at the end of the stream, the packet that was cut off. */
  remaining(): Buffer;
}

export const EMPTY: Buffer = Buffer.alloc(0);

/**
 * What a packet may occupy before its bytes have come. A header costs its sender four bytes, so it must not be worth a
 * megabyte here; larger packets double their space as they arrive.
 */
const FIRST_RESERVATION = 16 * 1024;

interface Waiting {
  readonly chunk: Buffer;
  next: Waiting | undefined;
}

/** Holds the chunks that are not read yet, and the start of a packet that spans them. */
export abstract class ChunkDecoder implements PacketDecoder {
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

  /**
   * The next `size` bytes, the start that was collected included, when all of them have come: a view where one chunk has
   * them.
   */
  protected take(size: number): Buffer | undefined {
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

  /** Moves the next `size` bytes of the current chunk to the partial buffer, which grows to `capacity` if it must. */
  protected collect(chunk: Buffer, size: number, capacity: number): void {
    this.preview(chunk, size, capacity);
    this.partialSize += size;
    this.advance(chunk, size);
  }

  /** As `collect`, but the bytes are not taken yet. The answer is the partial buffer, with them behind what it has. */
  protected preview(chunk: Buffer, size: number, capacity: number): Buffer {
    if (this.partialSize + size > this.#partial.length) {
      // Not from Node's pool: a packet that is kept would keep its neighbours in the pool as well.
      const grown = Buffer.allocUnsafeSlow(capacity);
      this.#partial.copy(grown, 0, 0, this.partialSize);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.partialSize, this.offset, this.offset + size);
    return this.#partial;
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
