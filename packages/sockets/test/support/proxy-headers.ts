import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { formatIpAddress, parseAddress } from "../../src/cidr.ts";
import { ProxyParser, type ProxyParserOptions, type ProxyResult } from "../../src/proxy-parser.ts";
import type { ProxyHeader, ProxyTls, ProxyTlvs, RawTlv } from "../../src/proxy-protocol.ts";
import { type Address, unixAddress } from "../../src/transport.ts";

/** The largest that any header can be. */
export const UNLIMITED: ProxyParserOptions = { maxHeaderSize: 65_551 };

/** Bytes cut at these places, however large. */
export function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

/** One chunk for each byte. */
export function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

/** What a stream comes to. */
export interface Outcome {
  readonly result: ProxyResult;
  /** All that the parser has left alone, as hexadecimal text; undefined while it wants more. */
  readonly rest: string | undefined;
}

/** What a parser makes of these chunks. */
export function outcomeOf(chunks: readonly Uint8Array[], options: ProxyParserOptions = UNLIMITED): Outcome {
  const parser = new ProxyParser(options);
  let result = parser.push(new Uint8Array(0));
  for (const [index, chunk] of chunks.entries()) {
    result = parser.push(chunk);
    if (result.type === "more") continue;
    const used = result.type === "header" ? result.consumed : 0;
    const rest = Buffer.concat([chunk.subarray(used), ...chunks.slice(index + 1)]).toString("hex");
    // How much of the last chunk it was depends on where it was cut.
    if (result.type === "header") return { result: { ...result, consumed: -1 }, rest };
    return { result, rest: undefined };
  }
  return { result, rest: undefined };
}

/** The header that the bytes are, all of them. */
export function headerOf(bytes: Uint8Array | string, options: ProxyParserOptions = UNLIMITED): ProxyHeader {
  const given = Buffer.from(bytes);
  const result = new ProxyParser(options).push(given);
  if (result.type !== "header") throw new Error(JSON.stringify(result));
  if (result.consumed !== given.length) throw new Error(`${result.consumed} of ${given.length} bytes`);
  return result.header;
}

const port = fc.nat(0xffff);
const ipv4 = fc.ipV4();
const anyIp = fc.oneof(ipv4, fc.ipV6().map(canonical));
const text = fc.string({ unit: "binary", maxLength: 20 }).filter((value) => !/\p{Surrogate}/u.test(value));
const path = fc.oneof(
  fc.constantFrom("", "/run/client.sock", "\0abstract"),
  text.map((name) => `/${name.replaceAll("\0", "")}`),
);

function canonical(host: string): string {
  const address = parseAddress(host);
  if (address === undefined) throw new Error(`no address: ${host}`);
  return formatIpAddress(address);
}

/** Types without a meaning, at the top and inside of SSL. */
const plainType = fc.constantFrom(0x00, 0x06, 0x26, 0x40, 0x7f, 0xe1, 0xff);
const others: fc.Arbitrary<readonly RawTlv[]> = fc.array(
  fc.record({ type: plainType, value: fc.uint8Array({ maxLength: 20 }) }),
  { maxLength: 3 },
);

const tls: fc.Arbitrary<ProxyTls> = fc
  .record(
    {
      isTls: fc.boolean(),
      hasCertificate: fc.boolean(),
      hasSessionCertificate: fc.boolean(),
      verify: fc.oneof(fc.constant(0), fc.nat(0xffff_ffff)),
      others,
      version: text,
      commonName: text,
      cipher: text,
      signatureAlgorithm: text,
      keyAlgorithm: text,
    },
    { requiredKeys: ["isTls", "hasCertificate", "hasSessionCertificate", "verify", "others"] },
  )
  .map((facts) =>
    Object.assign(facts, {
      isVerified: facts.verify === 0 && (facts.hasCertificate || facts.hasSessionCertificate),
    }),
  );

const tlvs: fc.Arbitrary<ProxyTlvs> = fc.record(
  {
    alpn: fc.uint8Array({ maxLength: 10 }).map((name) => Buffer.from(name).toString("latin1")),
    authority: text,
    uniqueId: fc.uint8Array({ maxLength: 128 }),
    tls,
    netns: text,
    awsVpcEndpointId: fc.stringMatching(/^vpce-[0-9a-f]{8}$/),
    azurePrivateEndpointLinkId: fc.nat(0xffff_ffff),
    gcpPscConnectionId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    others,
  },
  { requiredKeys: ["others"] },
);

const noTlvs: fc.Arbitrary<ProxyTlvs> = fc.constant({ others: [] });
const isChecksummed = fc.boolean();
const proxy = fc.constant("proxy" as const);
const stream = fc.constant("stream" as const);
const protocol = fc.constantFrom("stream" as const, "dgram" as const);
const unspecified = fc.constant("unspecified" as const);
const ip = (host: fc.Arbitrary<string>): fc.Arbitrary<Address> => fc.record({ host, port });
const socket: fc.Arbitrary<Address> = path.map(unixAddress);

const line = { version: fc.constant(1 as const), command: proxy, tlvs: noTlvs, isChecksummed: fc.constant(false) };
const binary = { version: fc.constant(2 as const), command: proxy, tlvs, isChecksummed };
const inet = { family: fc.constant("ipv4" as const), source: ip(ipv4), destination: ip(ipv4) };
const inet6 = { family: fc.constant("ipv6" as const), source: ip(anyIp), destination: ip(anyIp) };
const unix = { family: fc.constant("unix" as const), source: socket, destination: socket };

/** Headers of version 2 from a client, complete. */
export const proxied: fc.Arbitrary<ProxyHeader> = fc.oneof(
  fc.record({ ...binary, family: unspecified, protocol: unspecified }),
  fc.record({ ...binary, ...inet, protocol }),
  fc.record({ ...binary, ...inet6, protocol }),
  fc.record({ ...binary, ...unix, protocol }),
);

/** Headers of all kinds, complete. */
export const anyHeader: fc.Arbitrary<ProxyHeader> = fc.oneof(
  fc.record({ ...line, family: unspecified, protocol: unspecified }),
  fc.record({ ...line, ...inet, protocol: stream }),
  fc.record({ ...line, ...inet6, protocol: stream }),
  { weight: 8, arbitrary: proxied },
  fc.record({
    ...binary,
    command: fc.constant("local" as const),
    family: unspecified,
    protocol: unspecified,
    tlvs: noTlvs,
  }),
);
