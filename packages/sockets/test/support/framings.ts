import type { CustomFraming } from "@espalier/sockets";

/** As MQTT: a first byte, then how many bytes follow, seven bits in each byte, the lowest first. */
export const varint: CustomFraming = {
  maxHeaderBytes: 5,
  lengthOf(bytes, start, end) {
    let rest = 0;
    for (let place = start + 1; place < end; place += 1) {
      const byte = bytes[place] ?? 0;
      rest += (byte & 0x7f) * 128 ** (place - start - 1);
      if (byte < 0x80) return place + 1 - start + rest;
    }
    return undefined;
  },
};

/** Such a packet. */
export function varintFrame(first: number, data: Uint8Array | string): Buffer {
  const body = Buffer.from(data);
  const header = [first];
  let rest = body.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) header.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...header, rest]), body]);
}

/** As `packet: 2`, but for the header, which stays with the packet. */
export const twoBytes: CustomFraming = {
  lengthOf: (bytes, start, end) =>
    end - start < 2 ? undefined : 2 + (bytes[start] ?? 0) * 256 + (bytes[start + 1] ?? 0),
};

/** As `packet: "line"`. */
export function lines(maxHeaderBytes: number): CustomFraming {
  return {
    maxHeaderBytes,
    lengthOf(bytes, start, end, seen) {
      const place = bytes.subarray(start + seen, end).indexOf(0x0a);
      return place === -1 ? undefined : seen + place + 1;
    },
  };
}

/** A packet begins with `!`, and has so many bytes as the digit behind it says. */
export const strict: CustomFraming = {
  lengthOf(bytes, start, end) {
    if (bytes[start] !== 0x21) throw new SyntaxError("not one of ours");
    return end - start < 2 ? undefined : (bytes[start + 1] ?? 0) - 0x30;
  },
};
