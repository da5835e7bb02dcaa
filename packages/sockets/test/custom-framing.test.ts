import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { CustomFraming } from "../src/custom-framing.ts";
import { BadFrameError, FrameTooLargeError } from "../src/errors.ts";
import { createDecoder, encodeFrame, type Framing } from "../src/framing.ts";
import type { PacketDecoder } from "../src/packet-decoder.ts";
import { lines, strict, twoBytes, varint, varintFrame } from "./support/framings.ts";

function decoderOf(framing: Framing, maxPacketSize = 1_000_000): PacketDecoder {
  const decoder = createDecoder(framing, { maxPacketSize });
  if (decoder === undefined) throw new Error("there is no decoder");
  return decoder;
}

function takeAll(decoder: PacketDecoder): Buffer[] {
  const packets: Buffer[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(Buffer.from(packet));
  return packets;
}

interface Outcome {
  /** As hexadecimal text, which a failing test can show. */
  readonly packets: readonly string[];
  readonly failure: unknown;
}

/** What comes out until the decoder has no more or throws. */
function outcome(framing: Framing, chunks: readonly Uint8Array[], maxPacketSize: number): Outcome {
  const decoder = decoderOf(framing, maxPacketSize);
  const packets: string[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
        packets.push(packet.toString("hex"));
      }
    }
    return { packets, failure: undefined };
  } catch (failure) {
    return { packets, failure };
  }
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

/** Around the lengths at which the header grows, too. */
const varintPackets = fc.array(
  fc
    .tuple(
      fc.nat(255),
      fc.oneof(fc.nat(5), fc.integer({ min: 125, max: 131 }), fc.integer({ min: 16_382, max: 16_386 })),
      fc.nat(255),
    )
    .map(([first, length, fill]) => varintFrame(first, Buffer.alloc(length, fill))),
  { maxLength: 8 },
);

/** Small lengths and line feeds are common, so that whole packets, cut ones and too large ones all occur. */
const hostileBytes = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.nat(9) }, { weight: 2, arbitrary: fc.constant(0x0a) }, fc.nat(255)), {
    maxLength: 60,
  })
  .map((bytes) => Uint8Array.from(bytes));

function areEqual(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  return left.length === right.length && left.every((data, index) => Buffer.compare(data, right[index] ?? data) === 0);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("packets come out whole, header included", () => {
  test("wherever the stream is cut, also if each chunk is overwritten behind the call", () => {
    fc.assert(
      fc.property(varintPackets, cuts, (packets, at) => {
        const decoder = decoderOf(varint);
        const received = cut(Buffer.concat(packets), at).flatMap((chunk) => {
          decoder.push(chunk);
          const taken = takeAll(decoder);
          chunk.fill(0xee);
          return taken;
        });
        expect(areEqual(received, packets)).toBe(true);
        expect(decoder.bufferedBytes).toBe(0);
      }),
    );
  });

  test("however many chunks were pushed before, and with the bytes detached in between", () => {
    fc.assert(
      fc.property(
        varintPackets,
        cuts,
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (packets, at, pushes, detaches) => {
          const decoder = decoderOf(varint);
          const received = cut(Buffer.concat(packets), at).flatMap((chunk, index) => {
            decoder.push(chunk);
            const taken = (index + 1) % pushes === 0 ? takeAll(decoder) : [];
            if (detaches) {
              decoder.detach();
              chunk.fill(0xee);
            }
            return taken;
          });
          expect(areEqual([...received, ...takeAll(decoder)], packets)).toBe(true);
        },
      ),
    );
  });

  test("a packet within one chunk is a view of it, and one that spans chunks is not", () => {
    const decoder = decoderOf(varint);
    const chunk = Buffer.concat([varintFrame(1, "whole"), varintFrame(2, "cut").subarray(0, 3)]);
    decoder.push(chunk);
    const whole = decoder.next();
    expect(decoder.next()).toBeUndefined();
    chunk.fill("x");
    decoder.push(Buffer.from("ut"));
    expect(whole?.toString()).toBe("xxxxxxx");
    expect(decoder.next()).toEqual(varintFrame(2, "cut"));
  });

  test("every pushed byte is delivered, or buffered and remaining", () => {
    fc.assert(
      fc.property(varintPackets, cuts, fc.nat({ max: 8 }), (packets, at, count) => {
        const stream = Buffer.concat(packets);
        const chunks = cut(stream, at);
        const [last] = chunks.splice(-1);
        const decoder = decoderOf(varint);
        for (const chunk of chunks) decoder.push(chunk);
        let delivered = 0;
        for (let taken = 0; taken < count; taken += 1) delivered += decoder.next()?.length ?? 0;
        const pushed = stream.length - (last?.length ?? 0);
        expect(decoder.bufferedBytes).toBe(pushed - delivered);
        expect(decoder.remaining().equals(stream.subarray(delivered, pushed))).toBe(true);
      }),
    );
  });
});

describe("a framing that describes what is built in gives what that gives", () => {
  test("for a length of two bytes, which stays with the packet here and counts", () => {
    fc.assert(
      fc.property(hostileBytes, cuts, fc.integer({ min: 1, max: 8 }), (bytes, at, limit) => {
        const own = outcome(twoBytes, cut(bytes, at), limit + 2);
        const builtIn = outcome(2, [bytes], limit);
        expect(own.packets.map((packet) => packet.slice(4))).toEqual(builtIn.packets);
        const { failure } = builtIn;
        expect(own.failure).toEqual(
          failure instanceof FrameTooLargeError ? new FrameTooLargeError(failure.size + 2, limit + 2) : undefined,
        );
      }),
    );
  });

  test("for lines, those that are too long among them", () => {
    fc.assert(
      fc.property(hostileBytes, cuts, fc.integer({ min: 1, max: 8 }), (bytes, at, limit) => {
        expect(outcome(lines(limit), cut(bytes, at), limit)).toEqual(outcome("line", [bytes], limit));
      }),
    );
  });
});

describe("a framing is asked", () => {
  test("about all of a packet that there is, up to maxHeaderBytes, until it knows", () => {
    fc.assert(
      fc.property(varintPackets, cuts, (packets, at) => {
        const stream = Buffer.concat(packets);
        let begin = 0;
        let before = 0;
        const watched: CustomFraming = {
          maxHeaderBytes: 5,
          lengthOf(bytes, start, end, seen) {
            expect(end - start).toBeGreaterThan(seen);
            expect(end - start).toBeLessThanOrEqual(5);
            expect(seen).toBe(before);
            expect(Buffer.from(bytes.subarray(start, end))).toEqual(stream.subarray(begin, begin + end - start));
            const length = varint.lengthOf(bytes, start, end, seen);
            // From then on it is asked about the next packet only.
            if (length !== undefined) begin += length;
            before = length === undefined ? end - start : 0;
            return length;
          },
        };
        const decoder = decoderOf(watched);
        for (const chunk of cut(stream, at)) {
          decoder.push(chunk);
          takeAll(decoder);
        }
        expect(begin).toBe(stream.length);
      }),
    );
  });

  test("as a method of its object", () => {
    class Fixed implements CustomFraming {
      readonly #size: number;
      constructor(size: number) {
        this.#size = size;
      }
      lengthOf(): number {
        return this.#size;
      }
    }
    const decoder = decoderOf(new Fixed(2));
    decoder.push(Buffer.from("abcde"));
    expect(takeAll(decoder).map(String)).toEqual(["ab", "cd"]);
  });
});

describe("limits", () => {
  test("a packet above maxPacketSize is refused at its header, and one of just that size passes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(300), cuts, (limit, length, at) => {
        const frame = varintFrame(7, Buffer.alloc(length));
        const header = frame.subarray(0, frame.length - length);
        const { failure } = outcome(varint, cut(header, at), limit);
        // A header that is longer than a packet may be does not even tell how long the packet is.
        const size = header.length > limit ? limit + 1 : frame.length;
        expect(failure).toEqual(size > limit ? new FrameTooLargeError(size, limit) : undefined);
      }),
    );
  });

  test("a header is refused that does not tell within maxHeaderBytes, and one of just that size passes", () => {
    const endless = Buffer.alloc(5, 0xff);
    for (let place = 0; place <= 4; place += 1) {
      expect(outcome(varint, cut(endless.subarray(0, 4), [place]), 1e9).failure).toBeUndefined();
      expect(outcome(varint, cut(endless, [place]), 1e9).failure).toEqual(
        new BadFrameError("its first 5 bytes do not tell its length"),
      );
    }
    expect(outcome(varint, [varintFrame(1, Buffer.alloc(128 ** 3))], 1e9).packets).toHaveLength(1);
  });

  test("sixteen bytes have to do where maxHeaderBytes is not given", () => {
    const never: CustomFraming = { lengthOf: () => undefined };
    expect(outcome(never, [Buffer.alloc(15)], 100).failure).toBeUndefined();
    expect(outcome(never, [Buffer.alloc(16)], 100).failure).toBeInstanceOf(BadFrameError);
    expect(outcome(never, [Buffer.alloc(16)], 16).failure).toEqual(new FrameTooLargeError(17, 16));
  });

  test("a header alone reserves little of what it announces", () => {
    const reserve = vi.spyOn(Buffer, "allocUnsafeSlow");
    const decoder = decoderOf(varint, 1_000_000_000);
    decoder.push(Uint8Array.of(1, 0x80, 0x80, 0x80, 0x01));
    expect(decoder.next()).toBeUndefined();
    expect(Math.max(...reserve.mock.calls.map(([size]) => size))).toBeLessThanOrEqual(16 * 1024);
  });

  test.each([
    ["a length", varint, varintFrame(1, Buffer.alloc(200_000, "x"))],
    ["a delimiter", lines(200_000), Buffer.from(`${"x".repeat(199_999)}\n`)],
  ] as const)("one-byte chunks cost space and copies in proportion to a packet with %s", (_what, framing, packet) => {
    const reserve = vi.spyOn(Buffer, "allocUnsafeSlow");
    const decoder = decoderOf(framing, packet.length);
    let received: ReturnType<PacketDecoder["next"]>;
    for (const byte of packet) {
      decoder.push(Uint8Array.of(byte));
      received ??= decoder.next();
    }
    expect(received?.equals(packet)).toBe(true);
    expect(reserve.mock.calls.reduce((sum, [reserved]) => sum + reserved, 0)).toBeLessThan(4 * packet.length);
  });
});

/** Does not know before four bytes are there. */
function late(length: number): CustomFraming {
  return { lengthOf: (_bytes, start, end) => (end - start < 4 ? undefined : length) };
}

describe("what is no packet", () => {
  test("is what the framing throws for, with that as the cause", () => {
    const { packets, failure } = outcome(strict, [Buffer.from("!3a!4bcold")], 100);
    expect(packets).toHaveLength(2);
    expect(failure).toMatchObject({ code: "ERR_BAD_FRAME", cause: new SyntaxError("not one of ours") });
  });

  const impossible: readonly unknown[] = [0, -1, 1.5, Number.NaN, Infinity, "4", null, 4n, true];

  test.each(impossible)("is one whose length is %s", (length) => {
    const framing = { lengthOf: () => length } as unknown as CustomFraming;
    expect(outcome(framing, [Buffer.from("hello")], 100)).toEqual({ packets: [], failure: expect.any(BadFrameError) });
  });

  test("is one whose length, when it is known, would have been known before", () => {
    const chunks = [Buffer.from("abc"), Buffer.from("d")];
    expect(outcome(late(3), chunks, 100).failure).toBeInstanceOf(BadFrameError);
    expect(outcome(late(4), chunks, 100).packets).toHaveLength(1);
  });

  test("whatever comes, and whatever a framing says, there are packets and these two errors, and nothing behind them", () => {
    const says: fc.Arbitrary<unknown> = fc.oneof(
      { weight: 5, arbitrary: fc.nat(6) },
      { weight: 3, arbitrary: fc.constant(undefined) },
      fc.anything(),
    );
    const chunks = fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 10 });
    const answers = fc.infiniteStream(fc.tuple(fc.boolean(), says));
    fc.assert(
      fc.property(chunks, answers, fc.integer({ min: 1, max: 9 }), fc.nat(9), (pieces, drawn, maxHeaderBytes, room) => {
        const lengthOf = (): unknown => {
          const { value } = drawn.next() as { value: readonly [boolean, unknown] };
          // One in two of what is no number is thrown.
          if (value[0] && typeof value[1] !== "number") throw value[1];
          return value[1];
        };
        const decoder = decoderOf({ maxHeaderBytes, lengthOf } as unknown as CustomFraming, 1 + room);
        const failures = new Set<unknown>();
        let delivered = 0;
        for (const [index, piece] of pieces.entries()) {
          decoder.push(piece);
          try {
            for (const packet of takeAll(decoder)) delivered += packet.length;
          } catch (error) {
            failures.add(error);
          }
          const pushed = Buffer.concat(pieces.slice(0, index + 1));
          const rest = failures.size === 0 ? pushed.subarray(delivered) : decoder.remaining();
          expect(decoder.remaining()).toEqual(rest);
        }
        expect(failures.size).toBeLessThanOrEqual(1);
        for (const failure of failures) {
          expect(failure instanceof BadFrameError || failure instanceof FrameTooLargeError).toBe(true);
        }
      }),
    );
  });
});

test("nothing is added to what is sent", () => {
  const data = Uint8Array.of(1, 2);
  expect(encodeFrame(varint, data)).toBe(data);
  expect(encodeFrame(varint, "text")).toEqual(Buffer.from("text"));
});
