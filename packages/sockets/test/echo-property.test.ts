import { createDecoder, encodeFrame, type Framing } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { ServerWorld, transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";
import { pattern } from "./support/transport-world.ts";

const LINE_FEED = 10;

const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 5000, size: "max" }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }).map((length) => pattern(length)) },
);
const chunks = fc.array(bytes, { maxLength: 12 });
/** Sizes of pieces, used again from the start when they are used up. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 100_000 })), {
  minLength: 1,
  maxLength: 10,
});

const framings: ReadonlyArray<readonly [Framing, number]> = [
  [1, 255],
  [2, 65_535],
  [4, 300_000],
  ["line", 300_000],
];

/** Packets that this framing can carry; lines end where lines end. */
function packetsFor(framing: Framing, longest: number): fc.Arbitrary<Buffer[]> {
  const packet = bytes.map((data) => {
    if (framing !== "line") return Buffer.from(data.subarray(0, longest));
    const text = Buffer.from(data.subarray(0, longest - 1).map((byte) => (byte === LINE_FEED ? 11 : byte)));
    return Buffer.concat([text, Buffer.from([LINE_FEED])]);
  });
  return fc.array(packet, { maxLength: 12 });
}

function cut(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0, index = 0; start < stream.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    // A stream that is long is not cut into more pieces than need be.
    const end = start + Math.max(size, Math.ceil(stream.length / 200));
    pieces.push(stream.subarray(start, end));
    start = end;
  }
  return pieces;
}

/** Writes all pieces and the end, and answers what has come back when the server has ended too. */
async function roundTrip(client: SocketRecorder, pieces: readonly Uint8Array[]): Promise<Buffer> {
  for (const piece of pieces) client.write(Uint8Array.from(piece));
  client.end();
  expect(await client.next("closed")).toBeUndefined();
  return client.received;
}

/** Compares by memory: `toEqual` looks at each byte as a number. */
function areEqual(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  return left.length === right.length && left.every((data, index) => Buffer.compare(data, right[index] ?? data) === 0);
}

/** The packets in a stream. */
function decode(framing: Framing, stream: Buffer): Buffer[] {
  const decoder = createDecoder(framing, { maxPacketSize: 1_000_000 });
  const packets: Buffer[] = [];
  decoder?.push(stream);
  for (let packet = decoder?.next(); packet !== undefined; packet = decoder?.next()) packets.push(packet);
  return packets;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("any stream of bytes, written in any pieces, comes back as it was", { timeout: 60_000 }, async () => {
    const listener = await world.open(echo);
    await fc.assert(
      fc.asyncProperty(chunks, async (pieces) => {
        const received = await roundTrip(await world.connect(listener), pieces);
        expect(received.equals(Buffer.concat(pieces))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test.for(framings)(
    "any packets, framed by %s, come back as they were",
    { timeout: 60_000 },
    async ([packet, longest]) => {
      const listener = await world.open(echo, { packet });
      await fc.assert(
        fc.asyncProperty(packetsFor(packet, longest), cuts, async (packets, sizes) => {
          const stream = Buffer.concat(packets.map((data) => encodeFrame(packet, data)));
          const received = await roundTrip(await world.connect(listener), cut(stream, sizes));
          expect(areEqual(decode(packet, received), packets)).toBe(true);
        }),
        { numRuns: 40 },
      );
    },
  );
});

/** Runs what is due in an order that the numbers say, one thing a microtask. */
function shuffled(numbers: readonly number[]): (run: () => void) => void {
  const due: Array<() => void> = [];
  let drawn = 0;
  return (run) => {
    due.push(run);
    queueMicrotask(() => {
      drawn += 1;
      const [next] = due.splice((numbers[drawn % numbers.length] ?? 0) % due.length, 1);
      next?.();
    });
  };
}

test(
  "on a network that cuts anywhere and mixes everything, each client gets its own",
  { timeout: 60_000 },
  async () => {
    const order = fc.array(fc.nat(97), { minLength: 1, maxLength: 30 });
    const capacity = fc.integer({ min: 1, max: 5000 });
    const small = fc.array(fc.uint8Array({ maxLength: 300, size: "max" }), { maxLength: 6 });
    const traffic = fc.array(small, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(traffic, cuts, cuts, order, capacity, async (clients, sizes, reads, numbers, room) => {
        let read = 0;
        const chunk = (): number => {
          read += 1;
          return reads[read % reads.length] ?? 1;
        };
        const network = { capacity: room, chunk, defer: shuffled(numbers) };
        const own = await new ServerWorld("memory", { memory: network }).start();
        const listener = await own.open(echo, { packet: 2, acceptors: 2 });
        const outcomes = clients.map(async (packets) => {
          const stream = Buffer.concat(packets.map((data) => encodeFrame(2, data)));
          return decode(2, await roundTrip(own.startConnecting(listener), cut(stream, sizes)));
        });
        expect(await Promise.all(outcomes)).toEqual(clients.map((packets) => packets.map((data) => Buffer.from(data))));
        await own.dispose();
      }),
      { numRuns: 200 },
    );
  },
);
