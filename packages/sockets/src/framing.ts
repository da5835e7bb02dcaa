import { Buffer } from "node:buffer";
import { CustomDecoder, type CustomFraming } from "./custom-framing.ts";
import { FrameTooLargeError, InvalidOptionError } from "./errors.ts";
import { ChunkDecoder, type DecoderOptions, EMPTY, type PacketDecoder } from "./packet-decoder.ts";

/**
 * How a byte stream is cut into packets, as `packet` of Erlang's `inet`:
 *
 * - `"raw"`: not at all; a packet is whatever a read brings.
 * - `1`, `2`, `4`: a big-endian length of that many bytes, then that many bytes of data. The length is added when sending
 *   and taken off when receiving.
 * - `"line"`: up to and including a line feed. Nothing is added when sending.
 * - a {@link CustomFraming}: whatever it says how long it is. Nothing is added when sending.
 */
export type Framing = "raw" | LengthHeader | "line" | CustomFraming;

/** How many bytes a length takes that stands before its packet. */
export type LengthHeader = 1 | 2 | 4;

/** The largest packet each length header can announce. The 4-byte one stops at 2 GiB, as Erlang's does. */
const HEADER_LIMIT = { 1: 0xff, 2: 0xffff, 4: 0x7fff_ffff } as const;

const LINE_FEED = 0x0a;

/** A decoder for one connection; none for `"raw"`, where each chunk is the packet. */
export function createDecoder(packet: Framing, options: DecoderOptions): PacketDecoder | undefined {
  if (packet === "raw") return undefined;
  if (packet === "line") return new LineDecoder(options.maxPacketSize);
  if (typeof packet === "number") return new LengthDecoder(packet, options.maxPacketSize);
  return new CustomDecoder(packet, options.maxPacketSize);
}

/**
 * The bytes to send for one packet, header and data in a single buffer, hence a single write. Text is UTF-8. Where there
 * is none to add (`"raw"`, `"line"`, a framing of one's own) and `data` is bytes, the result is `data` itself.
 *
 * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length.
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) for data that is neither text nor bytes
 */
export function encodeFrame(packet: Framing, data: Uint8Array | string): Uint8Array {
  if (typeof packet !== "number") return typeof data === "string" ? Buffer.from(data) : checkBytes(data);
  const frame = Buffer.allocUnsafe(packet + sizeInFrame(packet, data));
  putFrame(packet, data, frame, 0, frame.length);
  return frame;
}

/**
 * `encodeFrame` for a packet in pieces: each byte is copied once, to its place behind the header.
 *
 * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length of all together.
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) for a piece that is neither text nor bytes
 */
export function joinFrame(packet: Framing, pieces: ReadonlyArray<Uint8Array | string>): Uint8Array {
  const parts = pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : checkBytes(piece)));
  if (typeof packet !== "number") return Buffer.concat(parts);
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  checkSize(packet, size);
  const header = Buffer.allocUnsafe(packet);
  header.writeUIntBE(size, 0, packet);
  return Buffer.concat([header, ...parts]);
}

/** What is no bytes is the fault of who sends it, and must not come to where those of all connections are put together. */
function checkBytes(data: Uint8Array): Uint8Array {
  // The second is for bytes of another realm, and slower.
  if (data instanceof Uint8Array || Object.prototype.toString.call(data) === "[object Uint8Array]") return data;
  throw new InvalidOptionError([{ option: "data", value: data, expected: "text, or bytes as a Uint8Array" }]);
}

/**
 * The bytes that data takes behind such a header. Text is UTF-8.
 *
 * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header cannot express them
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) for data that is neither text nor bytes
 */
export function sizeInFrame(header: LengthHeader, data: Uint8Array | string): number {
  const size = typeof data === "string" ? Buffer.byteLength(data) : checkBytes(data).length;
  checkSize(header, size);
  return size;
}

/** The most bytes that one packet can have. */
export function largestIn(packet: Framing): number {
  return typeof packet === "number" ? HEADER_LIMIT[packet] : Infinity;
}

function checkSize(header: LengthHeader, size: number): void {
  if (size > HEADER_LIMIT[header]) throw new FrameTooLargeError(size, HEADER_LIMIT[header]);
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
    const packet = this.#size === 0 ? EMPTY : this.take(this.#size);
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
