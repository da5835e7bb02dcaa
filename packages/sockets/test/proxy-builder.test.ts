import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../src/errors.ts";
import { buildProxyHeader, type ProxyHeaderInit } from "../src/proxy-builder.ts";
import type { ProxyTls } from "../src/proxy-protocol.ts";
import type { ProxyTlsInit } from "../src/proxy-tlv.ts";
import { unixAddress } from "../src/transport.ts";
import { anyHeader, headerOf, proxied } from "./support/proxy-headers.ts";

const source = { host: "192.168.0.1", port: 56_324 };
const destination = { host: "192.168.0.11", port: 443 };

function faultsOf(header: object): readonly string[] {
  try {
    buildProxyHeader(header);
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.issues.map(({ option }) => option);
    throw error;
  }
  return [];
}

function tlsOf(tls: ProxyTlsInit): ProxyTls | undefined {
  return headerOf(buildProxyHeader({ tlvs: { tls } })).tlvs.tls;
}

describe("a header", () => {
  test("that was received can be sent on as it is", () => {
    fc.assert(
      fc.property(anyHeader, (header) => {
        const bytes = buildProxyHeader(header);
        expect(buildProxyHeader(headerOf(bytes))).toEqual(bytes);
      }),
    );
  });

  test("of version 1 is a line", () => {
    const line = buildProxyHeader({ version: 1, source, destination });
    expect(line.toString()).toBe("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
    expect(buildProxyHeader({ version: 1 }).toString()).toBe("PROXY UNKNOWN\r\n");
    expect(buildProxyHeader({ version: 1, command: "local", source, destination }).toString()).toBe(
      "PROXY UNKNOWN\r\n",
    );
  });

  test("of version 2 is what the specification draws", () => {
    expect(buildProxyHeader({ source, destination }).toString("hex")).toBe(
      ["0d0a0d0a000d0a515549540a", "21", "11", "000c", "c0a80001", "c0a8000b", "dc04", "01bb"].join(""),
    );
    expect(buildProxyHeader({ command: "local", source, destination }).toString("hex")).toBe(
      "0d0a0d0a000d0a515549540a20000000",
    );
  });

  test("with ends of two families is one of IPv6", () => {
    const mixed = { source: { host: "2001:DB8::1", port: 1 }, destination };
    expect(headerOf(buildProxyHeader(mixed))).toMatchObject({
      family: "ipv6",
      source: { host: "2001:db8::1", port: 1 },
      destination,
    });
    expect(buildProxyHeader({ ...mixed, version: 1 }).toString()).toBe(
      "PROXY TCP6 2001:db8::1 ::ffff:192.168.0.11 1 443\r\n",
    );
  });

  test("can be padded to any length", () => {
    fc.assert(
      fc.property(proxied, fc.integer({ min: 3, max: 300 }), (header, padding) => {
        const bytes = buildProxyHeader({ ...header, padding });
        expect(bytes).toHaveLength(buildProxyHeader(header).length + padding);
        expect(headerOf(bytes)).toEqual(header);
      }),
    );
  });

  test("says of TLS what is most likely meant", () => {
    expect(tlsOf({})).toMatchObject({ isTls: true, hasCertificate: false, isVerified: false, verify: 1 });
    expect(tlsOf({ hasCertificate: true, commonName: "me" })).toMatchObject({
      hasSessionCertificate: true,
      isVerified: true,
      commonName: "me",
    });
  });
});

test("an abstract name with NUL in it is a unix address like any other", () => {
  const ends = { source: unixAddress("\0a\0b"), destination: unixAddress("/b") };
  expect(headerOf(buildProxyHeader(ends))).toMatchObject(ends);
});

describe("faults", () => {
  test("an address with a zone is said to be one", () => {
    const linkLocal = { host: "fe80::1%eth0", port: 1 };
    expect(() => buildProxyHeader({ source: linkLocal, destination })).toThrow("without a zone");
  });

  test.each<[ProxyHeaderInit | object, readonly string[]]>([
    [{ source }, ["destination"]],
    [{ source: { host: "10.0.0.256", port: -1 }, destination }, ["source.host", "source.port"]],
    [{ source: { host: "::1", port: 1 }, destination, family: "ipv4" }, ["source.host"]],
    [{ source: { host: "fe80::1%eth0", port: 1 }, destination, family: "ipv6" }, ["source.host"]],
    [{ family: "ipx", source, destination }, ["family"]],
    [{ protocol: "unspecified", source, destination }, ["protocol"]],
    [{ version: 3 }, ["version"]],
    [{ source: unixAddress("\0a\0"), destination: unixAddress("\0") }, ["source.path", "destination.path"]],
    [{ source: unixAddress("/a\0b"), destination: unixAddress("/".repeat(109)) }, ["source.path", "destination.path"]],
    [{ source, destination: unixAddress("/b") }, ["source.path"]],
    [{ padding: 2 }, ["padding"]],
    [{ version: 1, isChecksummed: true, padding: 3, tlvs: { alpn: "h2" } }, ["tlvs.alpn", "isChecksummed", "padding"]],
    [{ version: 1, source, destination, protocol: "dgram" }, ["protocol"]],
    [{ version: 1, source: unixAddress("/a"), destination: unixAddress("/b") }, ["family"]],
    [{ tlvs: { uniqueId: new Uint8Array(129) } }, ["tlvs.uniqueId"]],
    [{ tlvs: { alpn: "\u0100", authority: "\ud800" } }, ["tlvs.authority", "tlvs.alpn"]],
    [
      { tlvs: { awsVpcEndpointId: "a b", azurePrivateEndpointLinkId: -1, gcpPscConnectionId: -1n } },
      ["tlvs.awsVpcEndpointId", "tlvs.azurePrivateEndpointLinkId", "tlvs.gcpPscConnectionId"],
    ],
    [
      {
        tlvs: {
          others: [
            { type: 0x03, value: new Uint8Array(4) },
            { type: 256, value: new Uint8Array(65_536) },
          ],
        },
      },
      ["tlvs.others[0].type", "tlvs.others[1].type", "tlvs.others[1].value"],
    ],
    [
      { tlvs: { tls: { commonName: "\udfff", verify: 0.5, others: [{ type: 0x22, value: new Uint8Array(0) }] } } },
      ["tlvs.tls.commonName", "tlvs.tls.verify", "tlvs.tls.others[0].type"],
    ],
    [{ tlvs: { tls: { commonName: "a".repeat(65_535) } } }, ["tlvs.tls"]],
    [{ tlvs: { authority: "a".repeat(65_533) } }, ["tlvs"]],
  ])("%o", (header, options) => {
    expect(faultsOf(header)).toEqual(options);
  });

  test("name the value that was given", () => {
    expect(() => buildProxyHeader({ source: { host: "10.0.0.256", port: 80 }, destination })).toThrow(
      'invalid option: source.host must be an IPv4 address, got "10.0.0.256"',
    );
  });

  test("the largest header of all can be built", () => {
    const largest = buildProxyHeader({ tlvs: { others: [{ type: 0x40, value: Buffer.alloc(0xffff - 3) }] } });
    expect(largest).toHaveLength(65_551);
  });
});
