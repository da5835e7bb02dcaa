import { Buffer } from "node:buffer";

/** So many bytes are shown of each, so many of them before the place where they differ. */
const MOST_SHOWN = 60;
const BEFORE = 20;

/** Bytes that should be the same as texts in quotes, where they differ: each is one quotation. */
export function quoteBoth(one: Uint8Array, other: Uint8Array): readonly [string, string] {
  const place = one.findIndex((byte, index) => byte !== other[index]);
  const same = place < 0 ? one.length : place;
  const from = same < MOST_SHOWN ? 0 : same - BEFORE;
  return [quote(one, from), quote(other, from)];
}

function quote(bytes: Uint8Array, from: number): string {
  const text = Buffer.from(bytes.subarray(from, from + MOST_SHOWN)).toString("latin1");
  return JSON.stringify(`${from > 0 ? "…" : ""}${text}${bytes.length > from + MOST_SHOWN ? "…" : ""}`);
}
