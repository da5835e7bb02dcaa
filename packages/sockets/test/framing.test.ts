import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FrameTooLargeError } from "../src/errors.ts";
import { createDecoder, encodeFrame, type Framing, joinFrame } from "../src/framing.ts";
import type { PacketDecoder } from "../src/packet-decoder.ts";

const framings = [1, 2, 4, "line"] as const;
const widths = [1, 2, 4] as const;

function decoderOf(framing: Framing, maxPacketSize = 1024): PacketDecoder {
  const decoder = createDecoder(framing, { maxPacketSize });
  if (decoder === undefined) throw new Error("there is no decoder");
  return decoder;
}

/** Packets as hexadecimal text, which a failing test can show. */
function* take(decoder: PacketDecoder): Generator<string> {
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) yield packet.toString("hex");
}

function takeAll(decoder: PacketDecoder): string[] {
  return [...take(decoder)];
}

/** What comes out until the decoder has no more or throws. */
function outcome(framing: Framing, chunks: readonly Uint8Array[], maxPacketSize: number): readonly string[] {
  const decoder = decoderOf(framing, maxPacketSize);
  const packets: string[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (const packet of take(decoder)) packets.push(packet);
    }
  } catch (error) {
    packets.push(String(error));
  }
  return packets;
}

function attempt(encode: () => Uint8Array): string {
  try {
    return Buffer.from(encode()).toString("hex");
  } catch (error) {
    return String(error);
  }
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

const framing = fc.constantFrom(...framings);
const cuts = fc.array(fc.nat(), { maxLength: 12 });

/** Small lengths and line feeds are common, so that whole packets, cut ones and too large ones all occur. */
const hostileBytes = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.nat(9) }, { weight: 2, arbitrary: fc.constant(0x0a) }, fc.nat(255)), {
    maxLength: 60,
  })
  .map((bytes) => Uint8Array.from(bytes));

/** A kind of framing with packets it can carry: for lines, anything that ends with its only line feed. */
const conversation = framing.chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    packets: fc.array(
      fc
        .uint8Array({ maxLength: 60 })
        .map((bytes) => Buffer.from(kind === "line" ? [...bytes.filter((byte) => byte !== 0x0a), 0x0a] : bytes)),
      { maxLength: 8 },
    ),
  }),
);

function streamOf({ kind, packets }: { kind: Framing; packets: readonly Uint8Array[] }): Buffer {
  return Buffer.concat(packets.map((packet) => encodeFrame(kind, packet)));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("decoding", () => {
  test("packets come out as they were encoded, wherever the stream is cut", () => {
    fc.assert(
      fc.property(conversation, cuts, (sent, at) => {
        const decoder = decoderOf(sent.kind);
        const received = cut(streamOf(sent), at).flatMap((chunk) => {
          decoder.push(chunk);
          return takeAll(decoder);
        });
        expect(received).toEqual(sent.packets.map((packet) => packet.toString("hex")));
        expect(decoder.bufferedBytes).toBe(0);
      }),
    );
  });

  test("any number of chunks may be pushed before packets are taken", () => {
    fc.assert(
      fc.property(conversation, cuts, fc.integer({ min: 1, max: 5 }), (sent, at, pushes) => {
        const decoder = decoderOf(sent.kind);
        const received = cut(streamOf(sent), at).flatMap((chunk, index) => {
          decoder.push(chunk);
          return (index + 1) % pushes === 0 ? takeAll(decoder) : [];
        });
        expect([...received, ...takeAll(decoder)]).toEqual(sent.packets.map((packet) => packet.toString("hex")));
      }),
    );
  });

  test.each(framings)("a stream cut once, anywhere, equals the whole stream: packet %s", (kind) => {
    const stream = streamOf({ kind, packets: ["hello\n", "\n", "a longer one\n"].map((text) => Buffer.from(text)) });
    const whole = outcome(kind, [stream], 1024);
    expect(whole).toHaveLength(3);
    for (let place = 0; place <= stream.length; place += 1) {
      expect(outcome(kind, [stream.subarray(0, place), stream.subarray(place)], 1024)).toEqual(whole);
    }
  });

  test("any bytes at all give the same packets and the same error, wherever they are cut", () => {
    fc.assert(
      fc.property(framing, hostileBytes, cuts, fc.integer({ min: 1, max: 8 }), (kind, bytes, at, limit) => {
        expect(outcome(kind, cut(bytes, at), limit)).toEqual(outcome(kind, [bytes], limit));
      }),
    );
  });

  test("a line keeps its line feed", () => {
    const decoder = decoderOf("line");
    decoder.push(Buffer.from("one\r\ntwo\nthr"));
    expect([decoder.next()?.toString(), decoder.next()?.toString(), decoder.next()]).toEqual([
      "one\r\n",
      "two\n",
      undefined,
    ]);
  });

  test("an empty packet is a packet", () => {
    const decoder = decoderOf(2);
    decoder.push(Uint8Array.of(0, 0));
    expect(decoder.next()).toHaveLength(0);
    expect(decoder.next()).toBeUndefined();
  });

  test("raw needs no decoder", () => {
    expect(createDecoder("raw", { maxPacketSize: 1 })).toBeUndefined();
  });
});

describe("what is buffered", () => {
  test("every pushed byte is delivered, or buffered and remaining", () => {
    fc.assert(
      fc.property(conversation, cuts, fc.nat({ max: 8 }), (sent, at, taken) => {
        const stream = streamOf(sent);
        const decoder = decoderOf(sent.kind);
        const chunks = cut(stream, at);
        const [last] = chunks.splice(-1);
        for (const chunk of chunks) decoder.push(chunk);
        let delivered = 0;
        for (let count = 0; count < taken; count += 1) {
          const packet = decoder.next();
          if (packet !== undefined) delivered += encodeFrame(sent.kind, packet).length;
        }
        const pushed = stream.length - (last?.length ?? 0);
        expect(decoder.bufferedBytes).toBe(pushed - delivered);
        expect(decoder.remaining().toString("hex")).toBe(stream.subarray(delivered, pushed).toString("hex"));
      }),
    );
  });

  test("what remains at the end of the stream is the packet that was cut off, with its header", () => {
    const decoder = decoderOf(2);
    decoder.push(Uint8Array.of(0, 1, 65, 0, 3, 66));
    expect(takeAll(decoder)).toEqual(["41"]);
    expect(decoder.remaining()).toEqual(Buffer.from([0, 3, 66]));
  });
});

describe("ownership", () => {
  test("a packet within one chunk is a view of it", () => {
    const chunk = Buffer.from([0, 2, 65, 66, 0, 1]);
    const decoder = decoderOf(2);
    decoder.push(chunk);
    const packet = decoder.next();
    chunk[2] = 90;
    expect(packet?.toString()).toBe("ZB");
  });

  test("a packet that spans chunks survives the overwriting of each", () => {
    fc.assert(
      fc.property(conversation, cuts, (sent, at) => {
        const decoder = decoderOf(sent.kind);
        const received = cut(streamOf(sent), at).flatMap((chunk) => {
          decoder.push(chunk);
          const packets = takeAll(decoder);
          chunk.fill(0xee);
          return packets;
        });
        expect(received).toEqual(sent.packets.map((packet) => packet.toString("hex")));
      }),
    );
  });

  test("after detaching, the chunks may be overwritten with packets still to take", () => {
    fc.assert(
      fc.property(conversation, cuts, (sent, at) => {
        const decoder = decoderOf(sent.kind);
        const first: string[] = [];
        for (const chunk of cut(streamOf(sent), at)) {
          decoder.push(chunk);
          const packet = decoder.next();
          if (packet !== undefined) first.push(packet.toString("hex"));
          decoder.detach();
          chunk.fill(0xee);
        }
        expect([...first, ...takeAll(decoder)]).toEqual(sent.packets.map((packet) => packet.toString("hex")));
      }),
    );
  });

  test("detaching again copies nothing", () => {
    const decoder = decoderOf(1);
    decoder.push(Uint8Array.of(1, 65, 1, 66, 1, 67));
    decoder.detach();
    const concat = vi.spyOn(Buffer, "concat");
    decoder.next();
    decoder.detach();
    expect(decoder.next()?.toString()).toBe("B");
    expect(concat).not.toHaveBeenCalled();
  });

  test("packets are Buffers, whatever the chunks are", () => {
    const decoder = decoderOf(1);
    decoder.push(Uint8Array.of(1, 65, 2, 66));
    decoder.push(Uint8Array.of(67));
    expect([decoder.next(), decoder.next()].map((packet) => Buffer.isBuffer(packet))).toEqual([true, true]);
  });
});

describe("limits", () => {
  test.each(widths)("a packet above the limit is refused at its header: packet %i", (width) => {
    const header = Buffer.alloc(width);
    header.writeUIntBE(101, 0, width);
    const decoder = decoderOf(width, 100);
    decoder.push(header);
    const refusal = expect.objectContaining({ code: "ERR_FRAME_TOO_LARGE", size: 101, limit: 100 });
    expect(() => decoder.next()).toThrow(refusal);
    decoder.push(Buffer.alloc(200));
    expect(() => decoder.next()).toThrow(refusal);
  });

  test.each(widths)("a packet of exactly the limit passes: packet %i", (width) => {
    const decoder = decoderOf(width, 100);
    decoder.push(encodeFrame(width, Buffer.alloc(100)));
    expect(decoder.next()).toHaveLength(100);
  });

  test("a line of exactly the limit passes, its line feed included", () => {
    const decoder = decoderOf("line", 4);
    decoder.push(Buffer.from("abc\n"));
    expect(decoder.next()?.toString()).toBe("abc\n");
  });

  test("a line that has reached the limit without its end is refused, and the lines before it are not", () => {
    const decoder = decoderOf("line", 4);
    decoder.push(Buffer.from("ab\nabcd"));
    expect(decoder.next()?.toString()).toBe("ab\n");
    expect(() => decoder.next()).toThrow(FrameTooLargeError);
    expect(() => decoder.next()).toThrow(FrameTooLargeError);
  });

  test("a header alone reserves little of what it announces", () => {
    const reserve = vi.spyOn(Buffer, "allocUnsafeSlow");
    const decoder = decoderOf(4, 1_000_000);
    decoder.push(Uint8Array.of(0, 0x0f, 0x42, 0x40, 1));
    expect(decoder.next()).toBeUndefined();
    expect(Math.max(...reserve.mock.calls.map(([size]) => size))).toBeLessThanOrEqual(16 * 1024);
  });

  test.each([4, "line"] as const)(
    "one-byte chunks cost space and copies in proportion to the packet: packet %s",
    (kind) => {
      const size = 200_000;
      const packet = Buffer.alloc(size, "x").fill("\n", size - 1);
      const reserve = vi.spyOn(Buffer, "allocUnsafeSlow");
      const decoder = decoderOf(kind, size);
      let received: ReturnType<PacketDecoder["next"]>;
      for (const byte of encodeFrame(kind, packet)) {
        decoder.push(Uint8Array.of(byte));
        received ??= decoder.next();
      }
      expect(received?.equals(packet)).toBe(true);
      expect(reserve.mock.calls.reduce((sum, [reserved]) => sum + reserved, 0)).toBeLessThan(4 * size);
    },
  );

  test("a packet of up to 16 KiB is copied once, however many chunks it spans", () => {
    const reserve = vi.spyOn(Buffer, "allocUnsafeSlow");
    const decoder = decoderOf(2, 16_384);
    for (const byte of encodeFrame(2, Buffer.alloc(16_384))) decoder.push(Uint8Array.of(byte));
    expect(decoder.next()).toHaveLength(16_384);
    expect(reserve).toHaveBeenCalledExactlyOnceWith(16_384);
  });
});

describe("encoding", () => {
  test("a frame is its length in big-endian, then the data", () => {
    expect(encodeFrame(1, "hi")).toEqual(Buffer.from([2, 104, 105]));
    expect(encodeFrame(2, "hi")).toEqual(Buffer.from([0, 2, 104, 105]));
    expect(encodeFrame(4, Uint8Array.of(7))).toEqual(Buffer.from([0, 0, 0, 1, 7]));
  });

  test("the length of text is counted in bytes of UTF-8", () => {
    expect(encodeFrame(1, "é€")).toEqual(Buffer.from([5, 0xc3, 0xa9, 0xe2, 0x82, 0xac]));
  });

  test("raw data and lines are sent as they are, without a copy", () => {
    const data = Uint8Array.of(1, 2);
    expect(encodeFrame("raw", data)).toBe(data);
    expect(encodeFrame("line", data)).toBe(data);
    expect(encodeFrame("line", "no end")).toEqual(Buffer.from("no end"));
  });

  test.each([
    [1, 255],
    [2, 65_535],
  ] as const)("packet %i carries at most %i bytes", (width, limit) => {
    expect(encodeFrame(width, new Uint8Array(limit))).toHaveLength(width + limit);
    expect(() => encodeFrame(width, new Uint8Array(limit + 1))).toThrow(
      expect.objectContaining({ code: "ERR_FRAME_TOO_LARGE", size: limit + 1, limit }),
    );
  });

  test("a packet in pieces is the one that they are together, and has its limits", () => {
    const piece = fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array());
    fc.assert(
      fc.property(fc.constantFrom(...framings, "raw" as const), fc.array(piece), (kind, pieces) => {
        const whole = Buffer.concat(pieces.map((one) => Buffer.from(one)));
        expect(attempt(() => joinFrame(kind, pieces))).toBe(attempt(() => encodeFrame(kind, whole)));
      }),
    );
    const halves = [new Uint8Array(200), new Uint8Array(56)];
    expect(() => joinFrame(1, halves)).toThrow(expect.objectContaining({ code: "ERR_FRAME_TOO_LARGE", size: 256 }));
    expect(() => joinFrame(4, ["a", 5 as never])).toThrow(expect.objectContaining({ code: "ERR_INVALID_OPTION" }));
  });

  test("packet 4 carries at most 2147483647 bytes, as in Erlang", () => {
    const huge = Object.defineProperty(new Uint8Array(0), "length", { value: 2 ** 31 });
    expect(() => encodeFrame(4, huge)).toThrow(FrameTooLargeError);
  });
});
