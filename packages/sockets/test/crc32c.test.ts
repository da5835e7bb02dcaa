import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c } from "../src/crc32c.ts";

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);

describe("CRC32C", () => {
  // The vectors of RFC 3720 (iSCSI), appendix B.4, and the check value of the catalogue of CRCs.
  test.each([
    ["nothing", new Uint8Array(0), 0],
    ["123456789", Buffer.from("123456789"), 0xe306_9283],
    ["32 zeros", new Uint8Array(32), 0x8a91_36aa],
    ["32 bytes 0xff", new Uint8Array(32).fill(0xff), 0x62a8_ab43],
    ["32 ascending bytes", ascending, 0x46dd_794e],
    ["32 descending bytes", ascending.toReversed(), 0x113f_db5c],
  ])("of %s", (_name, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  test("is the same of the whole and of its pieces one after the other", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
        expect(crc32c(second, crc32c(first))).toBe(crc32c(Buffer.concat([first, second])));
      }),
    );
  });

  test("notices every flipped bit", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, place) => {
        const flipped = Uint8Array.from(bytes);
        const bit = place % (8 * bytes.length);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(crc32c(flipped)).not.toBe(crc32c(bytes));
      }),
    );
  });
});
