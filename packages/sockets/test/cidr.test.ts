import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Cidr,
  cidrSize,
  formatCidr,
  formatIpAddress,
  type IpAddress,
  matchesCidr,
  parseAddress,
  parseCidr,
} from "../src/cidr.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`no block: ${text}`);
  return parsed;
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

/** Whether the first bits of two addresses agree, compared as text of 0 and 1: slow, and plainly right. */
function agree(left: readonly number[], right: readonly number[], prefix: number, width: number): boolean {
  const bits = (groups: readonly number[]): string =>
    groups.map((group) => group.toString(2).padStart(width, "0")).join("");
  return bits(left).slice(0, prefix) === bits(right).slice(0, prefix);
}

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
const groups = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .filter((all) => !all.slice(0, 5).every((group) => group === 0));

/** A second address that shares a random number of leading bits with the first, so that both answers are common. */
const neighbour = (all: readonly number[], width: number): fc.Arbitrary<number[]> =>
  fc
    .nat(all.length * width - 1)
    .map((bit) =>
      all.map((group, index) =>
        index === Math.floor(bit / width) ? group ^ (1 << (width - 1 - (bit % width))) : group,
      ),
    );
const ipv6Text = (all: readonly number[]): string => all.map((group) => group.toString(16)).join(":");

describe("matching", () => {
  test("an IPv4 block holds exactly the addresses that agree in its prefix", () => {
    const pair = octets.chain((all) => fc.tuple(fc.constant(all), neighbour(all, 8)));
    fc.assert(
      fc.property(pair, fc.nat(32), ([network, peer], prefix) => {
        const block = cidr(`${network.join(".")}/${prefix}`);
        expect(matchesCidr(block, address(peer.join(".")))).toBe(agree(network, peer, prefix, 8));
      }),
    );
  });

  test("an IPv6 block holds exactly the addresses that agree in its prefix", () => {
    const pair = groups.chain((all) => fc.tuple(fc.constant(all), neighbour(all, 16)));
    fc.assert(
      fc.property(pair, fc.integer({ min: 81, max: 128 }), ([network, peer], prefix) => {
        const block = cidr(`${ipv6Text(network)}/${prefix}`);
        fc.pre(!peer.slice(0, 5).every((group) => group === 0));
        expect(matchesCidr(block, address(ipv6Text(peer)))).toBe(agree(network, peer, prefix, 16));
      }),
    );
    fc.assert(
      fc.property(groups, groups, fc.nat(128), (network, peer, prefix) => {
        const block = cidr(`${ipv6Text(network)}/${prefix}`);
        expect(matchesCidr(block, address(ipv6Text(peer)))).toBe(agree(network, peer, prefix, 16));
      }),
    );
  });

  test("an IPv4 address mapped into IPv6 is matched as IPv4", () => {
    fc.assert(
      fc.property(octets, octets, fc.nat(32), (network, peer, prefix) => {
        const block = cidr(`${network.join(".")}/${prefix}`);
        const plain = matchesCidr(block, address(peer.join(".")));
        expect(matchesCidr(block, address(`::ffff:${peer.join(".")}`))).toBe(plain);
      }),
    );
  });

  test("a block of mapped addresses is the IPv4 block", () => {
    expect(cidr("::ffff:10.0.0.0/104")).toEqual(cidr("10.0.0.0/8"));
    expect(cidr("::ffff:0:0/96")).toEqual(cidr("0.0.0.0/0"));
  });

  test("no block holds addresses of the other family", () => {
    expect(matchesCidr(cidr("::/0"), address("10.0.0.1"))).toBe(false);
    expect(matchesCidr(cidr("0.0.0.0/0"), address("::1"))).toBe(false);
  });

  test("the zone of an IPv6 address does not matter", () => {
    expect(matchesCidr(cidr("fe80::/10"), address("fe80::1%eth0.100"))).toBe(true);
  });
});

describe("text", () => {
  test("a block printed is read as the same block", () => {
    const text = fc.oneof(
      fc.tuple(octets, fc.nat(32)).map(([all, prefix]) => `${all.join(".")}/${prefix}`),
      fc.tuple(groups, fc.nat(128)).map(([all, prefix]) => `${ipv6Text(all)}/${prefix}`),
    );
    fc.assert(
      fc.property(text, (written) => {
        const block = cidr(written);
        expect(cidr(formatCidr(block))).toEqual(block);
      }),
    );
  });

  test("an address printed is read as the same address", () => {
    const text = fc.oneof(
      octets.map((all) => all.join(".")),
      groups.map(ipv6Text),
    );
    fc.assert(
      fc.property(text, (written) => {
        expect(parseAddress(formatIpAddress(address(written)))).toEqual(address(written));
      }),
    );
  });

  test.each([
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["127.0.0.1", "127.0.0.1/32"],
    ["255.255.255.255/0", "0.0.0.0/0"],
    ["2001:DB8:0:0:1::/48", "2001:db8::/48"],
    ["::1", "::1/128"],
    ["::10.0.0.1", "::a00:1/128"],
  ])("%s is the block %s", (written, printed) => {
    expect(formatCidr(cidr(written))).toBe(printed);
  });

  test.each([
    "",
    "all",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "10.1",
    "010.0.0.1",
    "0x0a.0.0.1",
    "256.0.0.1",
    "1.2.3.4 ",
    "::/129",
    "1::2::3",
    ":::",
    "12345::",
    "::ffff:010.0.0.1",
    "::ffff:1.2.3",
    "%eth0",
  ])("%j is no block", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("no text makes reading throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9af.:/%]{0,24}$/)), (text) => {
        parseCidr(text);
        parseAddress(text);
        expect(true).toBe(true);
      }),
    );
  });
});

describe("size", () => {
  test.each([
    ["10.0.0.0/8", 2n ** 24n],
    ["10.0.0.1", 1n],
    ["0.0.0.0/0", 2n ** 32n],
    ["::1", 1n],
    ["2001:db8::/32", 2n ** 96n],
    ["::/0", 2n ** 128n],
  ])("%s holds %d addresses", (text, size) => {
    expect(cidrSize(cidr(text))).toBe(size);
  });
});
