import type { Buffer } from "node:buffer";
import { describeValue } from "@espalier/actors";
import { BadFrameError, FrameTooLargeError } from "./errors.ts";
import { ChunkDecoder } from "./packet-decoder.ts";

/**
 * A framing of one's own, for `packet`: it says how long the packet is that begins here. Packets come out whole, header and
 * delimiter included, each as one `data` event; nothing is added when sending. `maxPacketSize` counts all of its bytes.
 *
 * ```ts
 * // The bytes behind the first are as many as the second says.
 * const framing: CustomFraming = {
 *   lengthOf: (bytes, start, end) => (end - start < 2 ? undefined : 2 + (bytes[start + 1] ?? 0)),
 * };
 * ```
 */
export interface CustomFraming {
  /**
   * The bytes of the whole packet that begins at `start` of `bytes`; undefined: what is there up to `end`, at least one
   * byte and at most `maxHeaderBytes`, does not tell yet. What stands behind `end` is not to be looked at. Pure, and the
   * same whatever has come beside the packet: it is asked again when more of it has come, from its first byte, until it
   * has told; then not any more.
   *
   * A throw means that this is no packet: the connection breaks, with reason `badFrame`. So it does for a length that is no
   * integer, or not larger than what had come when it could not tell.
   *
   * @param seen - so many bytes from `start` were there when it last could not tell about this packet; 0 at first. Who
   * looks for a delimiter does not have to look at those again.
   */
  lengthOf(bytes: Uint8Array, start: number, end: number, seen: number): number | undefined;

  /**
   * After so many bytes the length has to be known, or the connection breaks, with reason `badFrame`; from 1 to 2147483647.
   * A format without lengths, whose packets end by a delimiter, has it as large as `maxPacketSize`; then what is too long
   * breaks as `frameTooLarge`. That has a price: of a packet that comes in parts all bytes are copied until the length is
   * known, and `lengthOf` is asked for each part, so that without the use of `seen` a client who sends byte by byte makes
   * it look at half the square of them.
   *
   * @defaultValue 16: a WebSocket frame has 14 at most, an MQTT packet 5.
   */
  readonly maxHeaderBytes?: number;
}

const DEFAULT_HEADER_BYTES = 16;

/**
 * Asks a framing how long each packet is. It is asked where the packet lies in its chunk; when that does not tell, what is
 * there of the packet is collected, and from then on it is asked about what has been collected.
 */
export class CustomDecoder extends ChunkDecoder {
  readonly #framing: CustomFraming;
  readonly #limit: number;
  /** No more bytes than these are looked at to know the length. */
  readonly #window: number;
  /** Of the current packet; 0: not known. */
  #size = 0;
  /** Nothing comes behind it. */
  #failure: BadFrameError | FrameTooLargeError | undefined;

  constructor(framing: CustomFraming, limit: number) {
    super();
    this.#framing = framing;
    this.#limit = limit;
    this.#window = Math.min(framing.maxHeaderBytes ?? DEFAULT_HEADER_BYTES, limit);
  }

  next(): Buffer | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#size === 0 && !this.#measure()) return undefined;
    const packet = this.take(this.#size);
    if (packet === undefined) return undefined;
    this.bufferedBytes -= this.#size;
    this.#size = 0;
    return packet;
  }

  /** Whether the length is known now. */
  #measure(): boolean {
    while (this.chunk !== undefined) {
      const seen = this.partialSize;
      const part = Math.min(this.chunk.length - this.offset, this.#window - seen);
      const capacity = Math.min(this.#window, 2 * (seen + part));
      // The packet may end within this part, so it is looked at before any of it is taken.
      const size =
        seen === 0
          ? this.#ask(this.chunk, this.offset, part, 0)
          : this.#ask(this.preview(this.chunk, part, capacity), 0, seen + part, seen);
      if (size !== undefined) {
        this.#size = size;
        return true;
      }
      this.collect(this.chunk, part, capacity);
    }
    return false;
  }

  #ask(bytes: Buffer, start: number, count: number, seen: number): number | undefined {
    let size: unknown;
    try {
      size = this.#framing.lengthOf(bytes, start, start + count, seen);
    } catch (error) {
      throw this.#fail(new BadFrameError("what has come is no packet", { cause: error }));
    }
    if (size === undefined) {
      if (count < this.#window) return undefined;
      // A packet that is not told by all that it may have is longer than that, wherever the chunks were cut.
      if (count === this.#limit) throw this.#fail(new FrameTooLargeError(count + 1, count));
      throw this.#fail(new BadFrameError(`its first ${count} bytes do not tell its length`));
    }
    if (typeof size !== "number" || !Number.isInteger(size) || size <= seen) {
      const expected = seen === 0 ? "an integer from 1" : `an integer above the ${seen} that could not tell`;
      throw this.#fail(new BadFrameError(`its length has to be ${expected}, and is said to be ${describeValue(size)}`));
    }
    if (size > this.#limit) throw this.#fail(new FrameTooLargeError(size, this.#limit));
    return size;
  }

  #fail(failure: BadFrameError | FrameTooLargeError): Error {
    this.#failure = failure;
    return failure;
  }
}
