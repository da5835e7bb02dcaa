import { createDecoder, encodeFrame, type Framing } from "@espalier/sockets";
import * as fc from "fast-check";

/* What a peer may say that means no good, or does not know better. */

/** The largest packet that its listener takes. */
export const LARGEST = 300;

export const framings: readonly Framing[] = ["raw", 1, 2, 4, "line"];

const LINE_FEED = Buffer.from("\n");

/** Bytes of no meaning. */
export const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 700, size: "max" });

/** A packet, whole or cut off, a header that announces too much, or no packet at all. */
export function speechOf(framing: Framing): fc.Arbitrary<Uint8Array> {
  const packet = fc.uint8Array({ maxLength: framing === 1 ? 255 : LARGEST + 50, size: "max" });
  const frame = packet.map((data) =>
    encodeFrame(framing, framing === "line" ? Buffer.concat([data, LINE_FEED]) : data),
  );
  const part = fc.tuple(frame, fc.double({ min: 0, max: 1, noNaN: true }));
  return fc.oneof(
    bytes,
    frame,
    part.map(([whole, share]) => whole.subarray(0, Math.trunc(whole.length * share))),
    fc.constantFrom(Buffer.alloc(4, 0xff), Buffer.alloc(4), Buffer.from("\n"), Buffer.from("\r\n"), Buffer.alloc(0)),
  );
}

/** What of these bytes are packets: all that can come back. */
export function meaningOf(framing: Framing, stream: Uint8Array): Buffer {
  const decoder = createDecoder(framing, { maxPacketSize: LARGEST });
  if (decoder === undefined) return Buffer.from(stream);
  const packets: Uint8Array[] = [];
  decoder.push(stream);
  try {
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
      packets.push(encodeFrame(framing, packet));
    }
  } catch {
    // From here on it has none.
  }
  return Buffer.concat(packets);
}
