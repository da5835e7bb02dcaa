/** The polynomial of Castagnoli, bits reversed, as RFC 4960 (appendix B) and iSCSI use it. */
const POLYNOMIAL = 0x82f6_3b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
  return remainder;
});

/**
 * The CRC32C of some bytes, from 0 to 2³² − 1. What is in several pieces is handed on from one to the next:
 * `crc32c(second, crc32c(first))` is the checksum of both together.
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let remainder = ~before;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ (TABLE[(remainder ^ byte) & 0xff] ?? 0);
  return ~remainder >>> 0;
}
