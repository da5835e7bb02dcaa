import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { buildProxyHeader } from "../src/proxy-builder.ts";
import { ProxyParser } from "../src/proxy-parser.ts";
import type { ProxyErrorCode, ProxyTlvs } from "../src/proxy-protocol.ts";
import { headerOf } from "./support/proxy-headers.ts";

function tlv(type: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(type, bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** A header with nothing else in it. */
function headerWith(...tlvs: readonly Uint8Array[]): Buffer {
  const header = Buffer.concat([buildProxyHeader({}), ...tlvs]);
  header.writeUInt16BE(header.length - 16, 14);
  return header;
}

function tlvsOf(...tlvs: readonly Uint8Array[]): ProxyTlvs {
  return headerOf(headerWith(...tlvs)).tlvs;
}

function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

const verified = Buffer.of(0x07, 0, 0, 0, 0);

describe("a TLV", () => {
  test.each<[string, Buffer, Partial<ProxyTlvs>]>([
    ["ALPN", tlv(0x01, "h2"), { alpn: "h2" }],
    ["ALPN of arbitrary bytes", tlv(0x01, Buffer.of(0xca, 0xfe)), { alpn: "\u00ca\u00fe" }],
    ["AUTHORITY", tlv(0x02, "bücher.example"), { authority: "bücher.example" }],
    ["NOOP", tlv(0x04, "anything"), {}],
    ["UNIQUE_ID", tlv(0x05, Buffer.alloc(128, 0xff)), { uniqueId: new Uint8Array(128).fill(0xff) }],
    ["NETNS", tlv(0x30, "blue"), { netns: "blue" }],
    ["AWS", tlv(0xea, "\u0001vpce-08d2bf15fac5001c9"), { awsVpcEndpointId: "vpce-08d2bf15fac5001c9" }],
    ["Azure", tlv(0xee, Buffer.of(1, 0x78, 0x56, 0x34, 0x12)), { azurePrivateEndpointLinkId: 0x1234_5678 }],
    ["GCP", tlv(0xe0, Buffer.of(0, 0, 0, 1, 0, 0, 0, 2)), { gcpPscConnectionId: 0x1_0000_0002n }],
    ["of no known type", tlv(0x40, "raw"), { others: [{ type: 0x40, value: octets("raw") }] }],
    ["of AWS with another subtype", tlv(0xea, "\u0002x"), { others: [{ type: 0xea, value: octets("\u0002x") }] }],
    ["of AWS with another text", tlv(0xea, "\u0001a b"), { others: [{ type: 0xea, value: octets("\u0001a b") }] }],
    ["of Azure's type and another length", tlv(0xee, "\u0001"), { others: [{ type: 0xee, value: octets("\u0001") }] }],
    ["of GCP's type and another length", tlv(0xe0, "\u0001"), { others: [{ type: 0xe0, value: octets("\u0001") }] }],
    ["without a value", tlv(0x40, ""), { others: [{ type: 0x40, value: octets("") }] }],
  ])("%s", (_name, sent, tlvs) => {
    expect(tlvsOf(sent)).toEqual({ others: [], ...tlvs });
  });

  test("may come twice where it may be anything", () => {
    const ids = [tlv(0xea, "\u0001vpce-1"), tlv(0xea, "\u0001vpce-2"), tlv(0x04, ""), tlv(0x04, "")];
    expect(tlvsOf(...ids)).toEqual({
      awsVpcEndpointId: "vpce-1",
      others: [{ type: 0xea, value: octets("\u0001vpce-2") }],
    });
  });

  test.each<[string, readonly Buffer[], ProxyErrorCode, string]>([
    [
      "UNIQUE_ID of 129 bytes",
      [tlv(0x05, Buffer.alloc(129))],
      "invalidTlv",
      "UNIQUE_ID is at most 128 bytes long, got 129",
    ],
    ["CRC32C of 3 bytes", [tlv(0x03, "abc")], "invalidTlv", "CRC32C is 4 bytes long, got 3"],
    ["AUTHORITY that is no UTF-8", [tlv(0x02, Buffer.of(0xff))], "invalidTlv", "AUTHORITY is UTF-8, got ff"],
    ["SSL of 4 bytes", [tlv(0x20, "abcd")], "invalidTlv", "SSL is at least 5 bytes long, got 4"],
    ["AUTHORITY, twice", [tlv(0x02, "a"), tlv(0x02, "b")], "duplicateTlv", "AUTHORITY at byte 20 is there already"],
    ["CRC32C, twice", [tlv(0x03, "abcd"), tlv(0x03, "abcd")], "checksumMismatch", ""],
    ["one that ends in its length", [Buffer.of(1, 0)], "malformedTlv", "at byte 16 (0100) reaches beyond byte 18"],
    [
      "one that ends in its value",
      [Buffer.of(1, 0, 2, 0)],
      "malformedTlv",
      "at byte 16 (010002) reaches beyond byte 20",
    ],
    ["SSL with half of one", [tlv(0x20, Buffer.of(1, 0, 0, 0, 0, 0x21))], "malformedTlv", "in the TLV SSL"],
    ["SSL_CN, twice", [tlv(0x20, Buffer.concat([verified, tlv(0x22, "a"), tlv(0x22, "b")]))], "duplicateTlv", "SSL_CN"],
    [
      "SSL_CN that is no UTF-8",
      [tlv(0x20, Buffer.concat([verified, tlv(0x22, Buffer.of(0xff))]))],
      "invalidTlv",
      "SSL_CN",
    ],
  ])("%s is refused", (_name, sent, code, message) => {
    const result = new ProxyParser().push(headerWith(...sent));
    expect(result).toMatchObject({ type: "error", code, message: expect.stringContaining(message) });
  });
});

describe("what is told of the client's TLS", () => {
  test("are flags, the outcome of the check, and texts", () => {
    const parts = [tlv(0x21, "TLSv1.3"), tlv(0x22, "example.com"), tlv(0x23, "TLS_AES_256_GCM_SHA384")];
    const more = [tlv(0x24, "RSA-SHA256"), tlv(0x25, "RSA2048"), tlv(0x26, "X25519")];
    expect(tlvsOf(tlv(0x20, Buffer.concat([verified, ...parts, ...more]))).tls).toEqual({
      isTls: true,
      hasCertificate: true,
      hasSessionCertificate: true,
      verify: 0,
      isVerified: true,
      version: "TLSv1.3",
      commonName: "example.com",
      cipher: "TLS_AES_256_GCM_SHA384",
      signatureAlgorithm: "RSA-SHA256",
      keyAlgorithm: "RSA2048",
      others: [{ type: 0x26, value: octets("X25519") }],
    });
  });

  test.each([
    ["a good certificate", 0x07, 0, true],
    ["a good certificate, shown earlier in the session", 0x05, 0, true],
    ["a bad certificate", 0x07, 18, false],
    ["no certificate, of which some say that nothing was wrong with it", 0x01, 0, false],
    ["no TLS", 0x00, 1, false],
  ])("%s", (_name, flags, verify, isVerified) => {
    expect(tlvsOf(tlv(0x20, Buffer.of(flags, 0, 0, 0, verify))).tls).toMatchObject({ verify, isVerified });
  });
});
