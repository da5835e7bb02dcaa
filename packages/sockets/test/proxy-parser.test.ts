import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c } from "../src/crc32c.ts";
import { buildProxyHeader } from "../src/proxy-builder.ts";
import { ProxyParser } from "../src/proxy-parser.ts";
import type { ProxyErrorCode } from "../src/proxy-protocol.ts";
import { anyHeader, bytewise, cut, headerOf, outcomeOf, proxied, UNLIMITED } from "./support/proxy-headers.ts";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const IPV4 = Buffer.of(127, 0, 0, 1, 192, 168, 0, 1, 1, 188, 1, 187);

/** A header of version 2 byte by byte, whatever is wrong with it. */
function binary(command: number, kind: number, ...body: readonly Uint8Array[]): Buffer {
  const rest = Buffer.concat(body);
  const fixed = Buffer.of(command, kind, rest.length >> 8, rest.length & 0xff);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

function tlv(type: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(type, bytes.length >> 8, bytes.length & 0xff), bytes]);
}

function flip(bytes: Uint8Array, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return flipped;
}

/** What is wrong with the bytes. */
function faultOf(bytes: Uint8Array | string, options = UNLIMITED): { code: string; message: string } {
  const result = new ProxyParser(options).push(Buffer.from(bytes));
  if (result.type !== "error") throw new Error(result.type);
  return result;
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

/** Bytes that come near to a header, so that all that can be wrong with one occurs. */
const nearlyHeader: fc.Arbitrary<Uint8Array> = fc
  .tuple(anyHeader, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.uint8Array({ maxLength: 20 }))
  .map(([header, spoils, after]) => {
    const bytes = Buffer.concat([buildProxyHeader(header), after]);
    for (const [place, byte] of spoils) bytes[place % bytes.length] = byte;
    return bytes;
  });
const hostile = fc.oneof(
  nearlyHeader,
  fc.uint8Array({ maxLength: 300 }),
  fc
    .array(fc.constantFrom("PROXY ", "TCP4", "TCP6", "UNKNOWN", " ", "1.2.3.4", "::1", "80", "\r", "\n", "x"))
    .map((parts) => Buffer.from(`PROXY ${parts.join("")}`)),
  fc.tuple(fc.nat(255), fc.nat(255), fc.uint8Array()).map(([command, kind, rest]) => {
    return binary(command, kind, rest);
  }),
);

describe("a stream", () => {
  test("gives the header that was built, and leaves alone what follows it, wherever it is cut", () => {
    fc.assert(
      fc.property(anyHeader, fc.uint8Array(), cuts, (header, after, at) => {
        const stream = Buffer.concat([buildProxyHeader(header), after]);
        const expected = { result: { type: "header", header, consumed: -1 }, rest: Buffer.from(after).toString("hex") };
        expect(outcomeOf(cut(stream, at))).toEqual(expected);
        expect(outcomeOf(bytewise(stream))).toEqual(expected);
      }),
    );
  });

  test("gives the same result wherever it is cut, whatever it is", () => {
    fc.assert(
      fc.property(hostile, cuts, fc.integer({ min: 107, max: 400 }), (stream, at, maxHeaderSize) => {
        const whole = outcomeOf([stream], { maxHeaderSize });
        expect(outcomeOf(cut(stream, at), { maxHeaderSize })).toEqual(whole);
        expect(outcomeOf(bytewise(stream), { maxHeaderSize })).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  test("comes to a result that one look at its beginning gives, however long it is", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 107, max: 400 }), (stream, maxHeaderSize) => {
        const beginning = stream.subarray(0, maxHeaderSize);
        expect(outcomeOf([beginning], { maxHeaderSize }).result).toEqual(outcomeOf([stream], { maxHeaderSize }).result);
      }),
    );
  });

  test("is kept while more is needed, never more of it than a header may have, and none of it afterwards", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 107, max: 400 }), (stream, maxHeaderSize) => {
        const parser = new ProxyParser({ maxHeaderSize });
        for (const [index, byte] of bytewise(stream).entries()) {
          const isOver = parser.push(byte).type !== "more";
          expect(parser.bufferedBytes).toBe(isOver ? 0 : index + 1);
          expect(parser.bufferedBytes).toBeLessThan(maxHeaderSize);
          if (isOver) break;
        }
      }),
    );
  });

  test("that has had its result is not read any further", () => {
    const parser = new ProxyParser();
    const header = parser.push(Buffer.from("PROXY UNKNOWN\r\nhello"));
    expect(header).toMatchObject({ type: "header", consumed: 15 });
    expect(parser.push(Buffer.from("PROXY TCP5"))).toEqual({ ...header, consumed: 0 });
    const failed = new ProxyParser();
    const fault = failed.push(Buffer.from("GET"));
    expect(fault).toMatchObject({ type: "error", code: "notProxy" });
    expect(failed.push(Buffer.from("PROXY UNKNOWN\r\n"))).toBe(fault);
  });

  test("may share its memory with whatever is read next", () => {
    const bytes = buildProxyHeader({ tlvs: { uniqueId: Buffer.from("abc"), others: [{ type: 0x40, value: IPV4 }] } });
    const [first, second] = [Buffer.from(bytes.subarray(0, 20)), Buffer.from(bytes.subarray(20))];
    const parser = new ProxyParser();
    expect(parser.push(first).type).toBe("more");
    first.fill(0);
    const result = parser.push(second);
    second.fill(0);
    const whole = Buffer.from(bytes);
    const { tlvs } = headerOf(whole);
    whole.fill(0);
    expect(result).toMatchObject({ type: "header", header: { tlvs } });
    expect(tlvs).toEqual({
      uniqueId: new Uint8Array(Buffer.from("abc")),
      others: [{ type: 0x40, value: new Uint8Array(IPV4) }],
    });
  });
});

describe("the checksum", () => {
  test("of a header that was built is right", () => {
    fc.assert(
      fc.property(proxied, (header) => {
        const bytes = buildProxyHeader({ ...header, isChecksummed: true });
        // Not looked for: two ports can look like the head of the TLV. It follows the fixed part and the addresses.
        const place = 16 + { unspecified: 0, ipv4: 12, ipv6: 36, unix: 216 }[header.family] + 3;
        expect(bytes.subarray(place - 3, place)).toEqual(Buffer.of(3, 0, 4));
        const sum = bytes.readUInt32BE(place);
        bytes.fill(0, place, place + 4);
        expect(crc32c(bytes)).toBe(sum);
      }),
    );
  });

  test("betrays each flipped bit: the header is none, or the same, or has no checksum any more", () => {
    fc.assert(
      fc.property(anyHeader, (header) => {
        fc.pre(header.version === 2);
        const bytes = buildProxyHeader({ ...header, isChecksummed: true });
        const unhurt = headerOf(bytes);
        const taken = Array.from(
          { length: 8 * bytes.length },
          (_, bit) => outcomeOf([flip(bytes, bit)]).result,
        ).flatMap((result) => (result.type === "header" ? [result.header] : []));
        const unnoticed = taken.filter(({ isChecksummed }) => isChecksummed);
        expect(unnoticed).toEqual(unnoticed.map(() => unhurt));
        // One bit is enough to hide the checksum itself, but not to make a client of a health check, or the reverse.
        expect(taken.filter(({ command }) => command !== unhurt.command)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test("of a header that names no client is looked at, too", () => {
    const local = buildProxyHeader({ command: "local", isChecksummed: true, tlvs: { authority: "health" } });
    expect(headerOf(local)).toEqual({
      version: 2,
      command: "local",
      family: "unspecified",
      protocol: "unspecified",
      tlvs: { others: [] },
      isChecksummed: true,
    });
    local.write("w", local.indexOf("health"));
    expect(faultOf(local).code).toBe("checksumMismatch");
  });

  test("that is wrong is named, beside the right one", () => {
    const bytes = buildProxyHeader({ isChecksummed: true });
    const right = bytes.subarray(19).toString("hex");
    bytes.writeUInt32BE(0x0102_0304, 19);
    expect(faultOf(bytes)).toMatchObject({
      code: "checksumMismatch",
      message: `the CRC32C of the header is 0x${right}, and it says 0x01020304`,
    });
  });
});

describe("version 1", () => {
  // The longest lines are those that the specification counts.
  test.each([
    ["PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "ipv4", "192.168.0.1", 56_324, "192.168.0.11", 443],
    [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
      "ipv4",
      "255.255.255.255",
      65_535,
      "255.255.255.255",
      65_535,
    ],
    [
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
      "ipv6",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      65_535,
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      65_535,
    ],
    ["PROXY TCP6 2001:0DB8:0000:0042::1 ::1 0 1\r\n", "ipv6", "2001:db8:0:42::1", 0, "::1", 1],
    ["PROXY TCP6 ::ffff:10.0.0.1 ::ffff:a00:2 1 2\r\n", "ipv6", "10.0.0.1", 1, "10.0.0.2", 2],
  ])("%j", (line, family, host, port, toHost, toPort) => {
    expect(headerOf(line)).toEqual({
      version: 1,
      command: "proxy",
      family,
      protocol: "stream",
      source: { host, port },
      destination: { host: toHost, port: toPort },
      tlvs: { others: [] },
      isChecksummed: false,
    });
  });

  test.each([
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
    "PROXY UNKNOWN 4124 443\r\n",
  ])("%j says nothing of a client, whatever stands in it", (line) => {
    expect(headerOf(line)).toEqual({
      version: 1,
      command: "proxy",
      family: "unspecified",
      protocol: "unspecified",
      tlvs: { others: [] },
      isChecksummed: false,
    });
  });

  test.each<[string, ProxyErrorCode, string]>([
    ["PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "invalidFamily", '"TCP5" is none of TCP4, TCP6 and UNKNOWN'],
    ["PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "invalidFamily", '"tcp4"'],
    ["PROXY UNKNOWNS\r\n", "invalidFamily", '"UNKNOWNS"'],
    ["PROXY \r\n", "invalidFamily", '""'],
    ["PROXY TCP4 999.1.1.1 1.2.3.4 1 2\r\n", "invalidAddress", '"999.1.1.1" is no IPv4 address'],
    ["PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "invalidAddress", '"1.2.3.04"'],
    ["PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "invalidAddress", '"1.2.3"'],
    ["PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "invalidAddress", '"::1" is no IPv4 address'],
    ["PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n", "invalidAddress", '"::ffff:1.2.3.4"'],
    ["PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "invalidAddress", '"1.2.3.4" is no IPv6 address'],
    ["PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "invalidAddress", '"fe80::1%eth0"'],
    ["PROXY TCP6 ::1 [::1] 1 2\r\n", "invalidAddress", '"[::1]"'],
    ["PROXY TCP6 1::2::3 ::1 1 2\r\n", "invalidAddress", '"1::2::3"'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 99999 2\r\n", "invalidPort", '"99999" is no port'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "invalidPort", '"65536"'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "invalidPort", '"01"'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "invalidPort", '"-1"'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "invalidPort", '""'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "invalidLine", '"TCP4 1.2.3.4 1.2.3.4 1"'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "invalidLine", '"TCP4 1.2.3.4 1.2.3.4 1 2 3"'],
    ["PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "invalidLine", "each after one space"],
    ["PROXY TCP4\r\n", "invalidLine", '"TCP4"'],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "invalidLine", "LF without CR"],
    ["PROXY TCP4 1.2.3.4\r1.2.3.4 1 2\r\n", "invalidLine", 'CR without LF after "PROXY TCP4 1.2.3.4"'],
    [`PROXY UNKNOWN ${"x".repeat(92)}\r\n`, "tooLarge", "at most 107 bytes"],
    [`PROXY UNKNOWN ${"x".repeat(1000)}`, "tooLarge", "at most 107 bytes"],
    ["PROXY\tTCP4", "notProxy", "a PROXY header does not begin with 50524f585909"],
    ["GET / HTTP/1.1\r\n", "notProxy", "a PROXY header does not begin with 47"],
  ])("%j is refused", (line, code, message) => {
    const fault = faultOf(line);
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });

  test("has 107 bytes at most", () => {
    expect(headerOf(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`).version).toBe(1);
  });

  test("is not waited for longer than the byte that makes it wrong", () => {
    expect(outcomeOf([Buffer.from("PROX")]).result.type).toBe("more");
    expect(outcomeOf([Buffer.from("PROXX")]).result.type).toBe("error");
    expect(outcomeOf([Buffer.from("PROXY TCP4 1.2.3.4\r")]).result.type).toBe("more");
    expect(outcomeOf([Buffer.from("PROXY TCP4 1.2.3.4\r ")]).result.type).toBe("error");
    expect(outcomeOf([Buffer.from(`PROXY UNKNOWN ${"x".repeat(92)}`)]).result.type).toBe("more");
    expect(outcomeOf([Buffer.from(`PROXY UNKNOWN ${"x".repeat(93)}`)]).result.type).toBe("error");
  });
});

describe("version 2", () => {
  test.each([
    [0x11, "ipv4", "stream", IPV4, "127.0.0.1", "192.168.0.1"],
    [0x12, "ipv4", "dgram", IPV4, "127.0.0.1", "192.168.0.1"],
    [
      0x21,
      "ipv6",
      "stream",
      ipv6("20010db8000000420000000000000001", "00000000000000000000000000000001"),
      "2001:db8:0:42::1",
      "::1",
    ],
    [
      0x22,
      "ipv6",
      "dgram",
      ipv6("00000000000000000000ffff0a000001", "00000000000000000000ffff0a000002"),
      "10.0.0.1",
      "10.0.0.2",
    ],
  ])("0x%s", (kind, family, protocol, addresses, host, toHost) => {
    expect(headerOf(binary(0x21, kind, addresses))).toEqual({
      version: 2,
      command: "proxy",
      family,
      protocol,
      source: { host, port: 444 },
      destination: { host: toHost, port: 443 },
      tlvs: { others: [] },
      isChecksummed: false,
    });
  });

  test.each([
    ["/var/pgsql_sock", "/var/pgsql_sock"],
    ["", ""],
    ["\0abstract\0name", "\0abstract\0name"],
    ["/run/a\0remains of something", "/run/a"],
    ["/".repeat(108), "/".repeat(108)],
  ])("the path of a UNIX socket %j", (sent, path) => {
    const paths = Buffer.alloc(216);
    paths.write(sent);
    paths.write("/to", 108);
    expect(headerOf(binary(0x21, 0x31, paths))).toMatchObject({
      family: "unix",
      protocol: "stream",
      source: { host: "unix:", port: 0, path },
      destination: { host: "unix:", port: 0, path: "/to" },
    });
  });

  test("a local header is taken for what it is, whatever its block says", () => {
    const plain = headerOf(buildProxyHeader({ command: "local" }));
    fc.assert(
      fc.property(fc.nat(255), fc.uint8Array(), (kind, body) => {
        const { result } = outcomeOf([binary(0x20, kind, body)]);
        // What looks like a checksum is held to be one.
        const fault = result.type === "error" ? result.code : undefined;
        expect(["checksumMismatch", "invalidTlv", undefined]).toContain(fault);
        const header = result.type === "header" ? result.header : plain;
        expect({ ...header, isChecksummed: false }).toEqual(plain);
      }),
    );
    expect(headerOf(binary(0x20, 0x11, IPV4)).source).toBeUndefined();
  });

  test("a client whose address is unspecified is one", () => {
    expect(headerOf(binary(0x21, 0x00, tlv(2, "example.com")))).toEqual({
      version: 2,
      command: "proxy",
      family: "unspecified",
      protocol: "unspecified",
      tlvs: { authority: "example.com", others: [] },
      isChecksummed: false,
    });
  });

  test.each<[string, Buffer, ProxyErrorCode, string]>([
    ["version 3", binary(0x31, 0x11, IPV4), "unsupportedVersion", "no binary header of version 3"],
    ["command 2", binary(0x22, 0x11, IPV4), "invalidCommand", "no command 2"],
    ["family 4", binary(0x21, 0x41, IPV4), "invalidFamily", "0x41"],
    ["protocol 3", binary(0x21, 0x13, IPV4), "invalidFamily", "0x13"],
    ["a family without protocol", binary(0x21, 0x10, IPV4), "invalidFamily", "0x10"],
    ["a protocol without family", binary(0x21, 0x01), "invalidFamily", "0x01"],
    [
      "a length that is too short for IPv4",
      binary(0x21, 0x11, IPV4.subarray(1)),
      "invalidLength",
      "take 12 bytes, and 11 follow",
    ],
    ["a length that is too short for IPv6", binary(0x21, 0x21, IPV4), "invalidLength", "take 36 bytes, and 12 follow"],
    ["a length that is too short for UNIX", binary(0x21, 0x31, IPV4), "invalidLength", "take 216 bytes, and 12 follow"],
    ["another signature", Buffer.from("0d0a0d0a000d0a515549540b", "hex"), "notProxy", "0d0a0d0a000d0a515549540b"],
    ["a path that is no UTF-8", binary(0x21, 0x31, Buffer.alloc(216, 0xff)), "invalidAddress", "ffff"],
  ])("%s is refused", (_name, bytes, code, message) => {
    const fault = faultOf(bytes);
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });

  test("each byte is judged as soon as it is there", () => {
    for (const length of [12, 13, 14, 15]) {
      expect(outcomeOf([binary(0x21, 0x11, IPV4).subarray(0, length)]).result.type).toBe("more");
    }
    expect(faultOf(binary(0x31, 0x11).subarray(0, 13)).code).toBe("unsupportedVersion");
    expect(faultOf(binary(0x21, 0x41).subarray(0, 14)).code).toBe("invalidFamily");
    expect(faultOf(binary(0x21, 0x11).subarray(0, 16)).code).toBe("invalidLength");
  });
});

describe("bounds", () => {
  test("a header that announces more than may come is refused at once", () => {
    const bytes = binary(0x21, 0x11, Buffer.alloc(4081));
    expect(faultOf(bytes.subarray(0, 16), {})).toMatchObject({
      code: "tooLarge",
      message: expect.stringContaining("4097"),
    });
    expect(faultOf(binary(0x20, 0x00, Buffer.alloc(92)).subarray(0, 16), { maxHeaderSize: 107 }).code).toBe("tooLarge");
  });

  test("the largest header of all can be read", () => {
    const largest = binary(0x21, 0x00, tlv(0x40, Buffer.alloc(0xffff - 3)));
    expect(headerOf(largest).tlvs.others[0]?.value).toHaveLength(0xffff - 3);
  });

  test("a version that is not wanted is refused when it is recognised", () => {
    expect(faultOf(binary(0x21, 0x11).subarray(0, 12), { versions: [1] })).toMatchObject({
      code: "unsupportedVersion",
      message: "version 2 is not accepted, only 1",
    });
    expect(faultOf("PROXY ", { versions: [2] }).message).toBe("version 1 is not accepted, only 2");
  });
});

function ipv6(from: string, to: string): Buffer {
  return Buffer.from(`${from}${to}01bc01bb`, "hex");
}
