import ipaddr from "ipaddr.js";

/**
 * An IP address, parsed once and compared as 32-bit integers: one for IPv4, four for IPv6, most significant first.
 *
 * An IPv4 address mapped into IPv6 (`::ffff:10.0.0.1`), as a dual-stack socket reports it, is the IPv4 address.
 */
export type IpAddress =
  | { readonly family: "ipv4"; readonly word: number }
  | { readonly family: "ipv6"; readonly words: Words };

/** A block of addresses: those that agree with `network` in the first `prefix` bits. */
export type Cidr =
  | { readonly family: "ipv4"; readonly prefix: number; readonly network: number; readonly mask: number }
  | { readonly family: "ipv6"; readonly prefix: number; readonly network: Words; readonly mask: Words };

/** Signed, because that is what the bitwise operators give; they are only ever compared for equality. */
type Words = readonly [number, number, number, number];

const MAPPED = "::ffff:";

/**
 * Reads one address; `undefined` when the text is none. IPv4 is four decimal numbers without leading zeros: the forms
 * that programs read differently (`10.1`, `010.0.0.1`, `0x0a000001`) are refused. The zone of an IPv6 address
 * (`fe80::1%eth0`) is dropped.
 */
export function parseAddress(text: string): IpAddress | undefined {
  // What dual-stack sockets say of every IPv4 peer; by way of IPv6 it takes twenty times as long.
  const plain = text.startsWith(MAPPED) ? text.slice(MAPPED.length) : text;
  if (isFourPartDecimal(plain)) return { family: "ipv4", word: toWord(plain) };
  const words = parseWords(text);
  if (words === undefined) return undefined;
  return isMapped(words) ? { family: "ipv4", word: words[3] } : { family: "ipv6", words };
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32`, or a single address, which is the block of itself; `undefined` when the text is
 * neither. Bits after the prefix are cleared as in eSockd: `10.1.2.3/8` is `10.0.0.0/8`. A block of mapped addresses
 * (`::ffff:10.0.0.0/104`) is the IPv4 block; a shorter prefix over them (`::/0`) holds IPv6 addresses only.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const address = slash === -1 ? text : text.slice(0, slash);
  const length = slash === -1 ? undefined : parsePrefix(text.slice(slash + 1));
  if (slash !== -1 && length === undefined) return undefined;

  if (isFourPartDecimal(address)) return blockOfIpv4(toWord(address), length ?? 32);
  const words = parseWords(address);
  if (words === undefined) return undefined;
  const prefix = length ?? 128;
  return isMapped(words) && prefix >= 96 ? blockOfIpv4(words[3], prefix - 96) : blockOfIpv6(words, prefix);
}

/** Whether the address lies in the block. An address of the other family never does. */
export function matchesCidr(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.family === "ipv4") return address.family === "ipv4" && (address.word & cidr.mask) === cidr.network;
  if (address.family === "ipv4") return false;
  const { network, mask } = cidr;
  const { words } = address;
  return (
    (words[0] & mask[0]) === network[0] &&
    (words[1] & mask[1]) === network[1] &&
    (words[2] & mask[2]) === network[2] &&
    (words[3] & mask[3]) === network[3]
  );
}

/** The block in its one canonical form, always with its prefix: `10.0.0.0/8`, `2001:db8::/32`, `127.0.0.1/32`. */
export function formatCidr(cidr: Cidr): string {
  return `${cidr.family === "ipv4" ? formatIpv4(cidr.network) : formatIpv6(cidr.network)}/${cidr.prefix}`;
}

/** The canonical form of an address: dotted decimal, or RFC 5952. */
export function formatIpAddress(address: IpAddress): string {
  return address.family === "ipv4" ? formatIpv4(address.word) : formatIpv6(address.words);
}

/** How many addresses the block holds; a bigint, because IPv6 blocks hold up to 2¹²⁸. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt((cidr.family === "ipv4" ? 32 : 128) - cidr.prefix);
}

function blockOfIpv4(word: number, prefix: number): Cidr | undefined {
  if (prefix > 32) return undefined;
  const mask = maskOf(prefix);
  return { family: "ipv4", prefix, network: word & mask, mask };
}

function blockOfIpv6(words: Words, prefix: number): Cidr | undefined {
  if (prefix > 128) return undefined;
  const mask: Words = [maskOf(prefix), maskOf(prefix - 32), maskOf(prefix - 64), maskOf(prefix - 96)];
  const network: Words = [words[0] & mask[0], words[1] & mask[1], words[2] & mask[2], words[3] & mask[3]];
  return { family: "ipv6", prefix, network, mask };
}

/** A word whose first `bits` bits are set; none below 0, all above 32. A shift takes its count modulo 32, hence the 0. */
function maskOf(bits: number): number {
  return bits <= 0 ? 0 : -1 << (32 - Math.min(bits, 32));
}

function parsePrefix(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,2})$/.test(text) ? Number(text) : undefined;
}

/** The parser says no by an error, whose stack costs more than all the rest. */
function isFourPartDecimal(text: string): boolean {
  return !text.includes(":") && ipaddr.IPv4.isValidFourPartDecimal(text);
}

function toWord(dottedDecimal: string): number {
  return dottedDecimal.split(".").reduce((word, part) => (word << 8) | Number(part), 0);
}

function parseWords(text: string): Words | undefined {
  const [, bare] = /^([^%]+)(?:%[^%]+)?$/.exec(text) ?? [];
  const plain = bare === undefined ? undefined : withoutEmbeddedIpv4(bare);
  if (plain === undefined || !ipaddr.IPv6.isValid(plain)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = ipaddr.IPv6.parse(plain).parts;
  return [(a << 16) | b, (c << 16) | d, (e << 16) | f, (g << 16) | h];
}

/**
 * Turns `::ffff:10.0.0.1` into `::ffff:a00:1`. ipaddr.js reads `::10.0.0.1` as the mapped address, which it is not, and
 * lets leading zeros pass in the embedded part.
 */
function withoutEmbeddedIpv4(text: string): string | undefined {
  if (!text.includes(".")) return text;
  const start = text.lastIndexOf(":") + 1;
  const embedded = text.slice(start);
  if (!ipaddr.IPv4.isValidFourPartDecimal(embedded)) return undefined;
  const word = toWord(embedded);
  return `${text.slice(0, start)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
}

function isMapped(words: Words): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

function formatIpv4(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join(".");
}

function formatIpv6(words: Words): string {
  return new ipaddr.IPv6(words.flatMap((word) => [word >>> 16, word & 0xffff])).toRFC5952String();
}
