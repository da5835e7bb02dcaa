import { Buffer } from "node:buffer";
import { formatIpAddress, type IpAddress, parseAddress } from "./cidr.ts";
import { crc32c } from "./crc32c.ts";
import { InvalidOptionError, type OptionIssue } from "./errors.ts";
import {
  ADDRESSES_SIZE,
  FAMILIES,
  FIXED_SIZE,
  LARGEST_SIZE,
  PATH_SIZE,
  type ProxyFamily,
  type ProxyTransport,
  type ProxyVersion,
  type RawTlv,
  SIGNATURE_V2,
  TRANSPORTS,
} from "./proxy-protocol.ts";
import {
  CRC32C,
  LONGEST_UNIQUE_ID,
  NOOP,
  type ProxyTlsInit,
  type ProxyTlvsInit,
  REGISTERED,
  REGISTERED_IN_TLS,
  VPC_ENDPOINT_ID,
  writeTls,
  writeTlv,
  writeTlvs,
} from "./proxy-tlv.ts";
import type { Address } from "./transport.ts";

/** A `ProxyHeader` to be sent. One that was received can be sent on as it is. */
export interface ProxyHeaderInit {
  /** @defaultValue 2 */
  readonly version?: ProxyVersion;
  /** @defaultValue `"proxy"` */
  readonly command?: "proxy" | "local";
  /** @defaultValue that of the addresses: `"unix"` or `"ipv6"` if one of them is, `"unspecified"` without addresses */
  readonly family?: ProxyFamily;
  /** @defaultValue `"stream"`, if there are addresses */
  readonly protocol?: ProxyTransport;
  readonly source?: Address;
  readonly destination?: Address;
  /** Version 2 only. */
  readonly tlvs?: ProxyTlvsInit;
  /** Whether to add a CRC32C; version 2 only. @defaultValue false */
  readonly isChecksummed?: boolean;
  /** So many bytes are added that mean nothing, at least 3, for alignment; version 2 only. @defaultValue none */
  readonly padding?: number;
}

/** All that has to be known of a header that is in order. */
interface Plan {
  readonly version: ProxyVersion;
  readonly isLocal: boolean;
  readonly family: ProxyFamily;
  readonly protocol: ProxyTransport;
  readonly source: Address | undefined;
  readonly destination: Address | undefined;
  readonly tlvs: ProxyTlvsInit;
  readonly isChecksummed: boolean;
  readonly padding: number;
}

/**
 * The bytes of a PROXY header, to be sent before everything else.
 *
 * Addresses of different families are sent as IPv6, the IPv4 one mapped into it. A local header has no addresses.
 * Version 1 says `UNKNOWN` both for that and for a family that is unspecified.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault at once
 */
export function buildProxyHeader(header: ProxyHeaderInit): Buffer {
  const plan = toPlan(header);
  const issues = checkPlan(plan);
  if (issues.length > 0) throw new InvalidOptionError(issues);
  return plan.version === 1 ? buildLine(plan) : buildBinary(plan);
}

function toPlan(header: ProxyHeaderInit): Plan {
  const { version = 2, command = "proxy", source, destination, tlvs = {}, isChecksummed = false, padding = 0 } = header;
  const isLocal = command === "local";
  const family = isLocal ? "unspecified" : (header.family ?? familyOf(source, destination));
  const protocol = family === "unspecified" ? "unspecified" : (header.protocol ?? "stream");
  return { version, isLocal, family, protocol, source, destination, tlvs, isChecksummed, padding };
}

function familyOf(source: Address | undefined, destination: Address | undefined): ProxyFamily {
  if (source === undefined && destination === undefined) return "unspecified";
  const ends = [source, destination];
  if (ends.some((end) => end?.path !== undefined)) return "unix";
  // One with a zone is none that can be sent, but it is no IPv4 address either.
  return ends.some((end) => end?.host.includes("%") || readHost(end)?.family === "ipv6") ? "ipv6" : "ipv4";
}

/** A zone means something on one machine only. */
function readHost(address: Address | undefined): IpAddress | undefined {
  return address === undefined || address.host.includes("%") ? undefined : parseAddress(address.host);
}

// — Faults ———————————————————————————————————————————————————————————————————————————————————————————————————————

function checkPlan(plan: Plan): OptionIssue[] {
  const { version, family, protocol, source, destination, tlvs, padding } = plan;
  const issues = [
    ...checkOneOf("version", version, [1, 2]),
    ...checkOneOf("family", family, FAMILIES),
    ...checkOneOf("protocol", protocol, family === "unspecified" ? TRANSPORTS : TRANSPORTS.slice(1)),
    ...(version === 1 ? checkLine(plan) : []),
    ...(family === "unspecified" ? [] : checkAddress("source", source, family)),
    ...(family === "unspecified" ? [] : checkAddress("destination", destination, family)),
    ...checkTlvs(tlvs),
  ];
  if (padding !== 0 && !isInteger(padding, 3, 0xffff)) {
    issues.push({ option: "padding", value: padding, expected: "an integer of bytes from 3 to 65535" });
  }
  if (issues.length > 0) return issues;
  const size = version === 1 ? 0 : sizeOf(plan);
  if (size <= LARGEST_SIZE) return [];
  return [{ option: "tlvs", value: size, expected: `so few that the header has at most ${LARGEST_SIZE} bytes` }];
}

function sizeOf({ family, tlvs, isChecksummed, padding }: Plan): number {
  return FIXED_SIZE + ADDRESSES_SIZE[family] + writeTlvs(tlvs).length + (isChecksummed ? 7 : 0) + padding;
}

function checkLine({ family, protocol, tlvs, isChecksummed, padding }: Plan): OptionIssue[] {
  const issues: OptionIssue[] = [];
  if (family === "unix") issues.push({ option: "family", value: family, expected: '"ipv4" or "ipv6" in version 1' });
  if (protocol === "dgram") issues.push({ option: "protocol", value: protocol, expected: '"stream" in version 1' });
  const { others = [], ...named } = tlvs;
  const given = Object.entries(named).find(([, value]) => value !== undefined);
  if (given !== undefined)
    issues.push({ option: `tlvs.${given[0]}`, value: given[1], expected: "absent in version 1" });
  if (others.length > 0) issues.push({ option: "tlvs.others", value: others, expected: "empty in version 1" });
  if (isChecksummed) issues.push({ option: "isChecksummed", value: true, expected: "false in version 1" });
  if (padding !== 0) issues.push({ option: "padding", value: padding, expected: "absent in version 1" });
  return issues;
}

function checkAddress(option: string, address: Address | undefined, family: ProxyFamily): OptionIssue[] {
  if (address === undefined) return [{ option, value: address, expected: "an address" }];
  const { host, port } = address;
  if (family === "unix") return checkPath(`${option}.path`, address.path);
  const ip = readHost(address);
  const issues: OptionIssue[] = [];
  if (ip === undefined || (family === "ipv4" && ip.family === "ipv6")) {
    const expected = family === "ipv4" ? "an IPv4 address" : "an IPv6 or IPv4 address without a zone";
    issues.push({ option: `${option}.host`, value: host, expected });
  }
  if (!isInteger(port, 0, 0xffff)) {
    issues.push({ option: `${option}.port`, value: port, expected: "an integer from 0 to 65535" });
  }
  return issues;
}

function checkPath(option: string, path: string | undefined): OptionIssue[] {
  // An abstract name may have NUL in it, but what stands behind its last other byte is no part of it.
  const isWhole = path?.startsWith("\0") === true ? !path.endsWith("\0") : path?.includes("\0") === false;
  if (path !== undefined && isWhole && isWellFormed(path) && Buffer.byteLength(path) <= PATH_SIZE) return [];
  return [
    {
      option,
      value: path,
      expected: `a path of at most ${PATH_SIZE} bytes, without NUL, or an abstract one with NUL before it`,
    },
  ];
}

function checkTlvs(tlvs: ProxyTlvsInit): OptionIssue[] {
  const { alpn, authority, uniqueId, tls, netns, others = [] } = tlvs;
  const { awsVpcEndpointId, azurePrivateEndpointLinkId, gcpPscConnectionId } = tlvs;
  const issues = [
    ...checkText("tlvs.authority", authority),
    ...checkText("tlvs.netns", netns),
    ...(tls === undefined ? [] : checkTls(tls)),
    ...checkOthers("tlvs.others", others, REGISTERED),
  ];
  const check = (option: string, value: unknown, isRight: boolean, expected: string): void => {
    if (value !== undefined && !isRight) issues.push({ option: `tlvs.${option}`, value, expected });
  };
  const isBytes = Buffer.from(alpn ?? "", "latin1").toString("latin1") === alpn && alpn.length <= 0xffff;
  check("alpn", alpn, isBytes, "at most 65535 characters that are bytes each");
  check("uniqueId", uniqueId, (uniqueId?.length ?? 0) <= LONGEST_UNIQUE_ID, `at most ${LONGEST_UNIQUE_ID} bytes`);
  const isEndpoint = VPC_ENDPOINT_ID.test(awsVpcEndpointId ?? "") && (awsVpcEndpointId?.length ?? 0) < 0xffff;
  check("awsVpcEndpointId", awsVpcEndpointId, isEndpoint, "letters, digits and hyphens");
  const isLink = isInteger(azurePrivateEndpointLinkId, 0, 0xffff_ffff);
  check("azurePrivateEndpointLinkId", azurePrivateEndpointLinkId, isLink, "an integer of 32 bits");
  const isConnection = BigInt.asUintN(64, gcpPscConnectionId ?? 0n) === gcpPscConnectionId;
  check("gcpPscConnectionId", gcpPscConnectionId, isConnection, "an integer of 64 bits");
  return issues;
}

function checkTls(tls: ProxyTlsInit): OptionIssue[] {
  const { verify = 0, others = [], version, commonName, cipher, signatureAlgorithm, keyAlgorithm } = tls;
  const texts = Object.entries({ version, commonName, cipher, signatureAlgorithm, keyAlgorithm });
  const issues = texts.flatMap(([field, text]) => checkText(`tlvs.tls.${field}`, text));
  if (!isInteger(verify, 0, 0xffff_ffff)) {
    issues.push({ option: "tlvs.tls.verify", value: verify, expected: "an integer of 32 bits" });
  }
  issues.push(...checkOthers("tlvs.tls.others", others, REGISTERED_IN_TLS));
  if (issues.length > 0) return issues;
  const size = writeTls(tls).length;
  return size <= 0xffff ? [] : [{ option: "tlvs.tls", value: size, expected: "at most 65535 bytes" }];
}

/** UTF-8 has nothing for a half of a surrogate pair, and would send another text. */
function checkText(option: string, text: string | undefined): OptionIssue[] {
  if (text === undefined || (isWellFormed(text) && Buffer.byteLength(text) <= 0xffff)) return [];
  return [{ option, value: text, expected: "well-formed Unicode of at most 65535 bytes" }];
}

function checkOthers(option: string, others: readonly RawTlv[], registered: ReadonlySet<number>): OptionIssue[] {
  return others.flatMap(({ type, value }, index) => {
    const path = `${option}[${index}]`;
    const issues: OptionIssue[] = [];
    if (!isInteger(type, 0, 0xff) || registered.has(type)) {
      issues.push({
        option: `${path}.type`,
        value: type,
        expected: "a type from 0 to 255 that has no field of its own",
      });
    }
    if (value.length > 0xffff) {
      issues.push({ option: `${path}.value`, value: value.length, expected: "at most 65535 bytes" });
    }
    return issues;
  });
}

function checkOneOf<T>(option: string, value: T, known: readonly T[]): OptionIssue[] {
  if (known.includes(value)) return [];
  return [{ option, value, expected: known.map((one) => JSON.stringify(one)).join(", ") }];
}

function isInteger(value: number | undefined, least: number, most: number): boolean {
  return Number.isInteger(value) && value !== undefined && value >= least && value <= most;
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

// — Bytes ————————————————————————————————————————————————————————————————————————————————————————————————————————

function buildLine({ family, source, destination }: Plan): Buffer {
  if (family === "unspecified" || source === undefined || destination === undefined) {
    return Buffer.from("PROXY UNKNOWN\r\n");
  }
  const name = family === "ipv4" ? "TCP4" : "TCP6";
  const hosts = [source, destination].map((address) => writeHost(address, family));
  return Buffer.from(`PROXY ${name} ${hosts.join(" ")} ${source.port} ${destination.port}\r\n`);
}

function writeHost(address: Address, family: ProxyFamily): string {
  const ip = readHost(address);
  if (ip === undefined) return address.host;
  return family === "ipv6" && ip.family === "ipv4" ? `::ffff:${formatIpAddress(ip)}` : formatIpAddress(ip);
}

function buildBinary({ isLocal, family, protocol, source, destination, tlvs, isChecksummed, padding }: Plan): Buffer {
  const head = Buffer.alloc(FIXED_SIZE + ADDRESSES_SIZE[family]);
  head.set(SIGNATURE_V2);
  head.writeUInt8(0x20 | (isLocal ? 0 : 1), 12);
  head.writeUInt8((FAMILIES.indexOf(family) << 4) | TRANSPORTS.indexOf(protocol), 13);
  if (source !== undefined && destination !== undefined) writeAddresses(head, family, source, destination);
  const header = Buffer.concat([
    head,
    ...(isChecksummed ? [writeTlv(CRC32C, Buffer.alloc(4))] : []),
    writeTlvs(tlvs),
    ...(padding > 0 ? [writeTlv(NOOP, Buffer.alloc(padding - 3))] : []),
  ]);
  header.writeUInt16BE(header.length - FIXED_SIZE, 14);
  if (isChecksummed) header.writeUInt32BE(crc32c(header), head.length + 3);
  return header;
}

function writeAddresses(head: Buffer, family: ProxyFamily, source: Address, destination: Address): void {
  const ends = [source, destination];
  for (const [index, address] of ends.entries()) {
    switch (family) {
      case "unspecified":
        break;
      case "ipv4":
        writeIpv4(head, FIXED_SIZE + 4 * index, address);
        head.writeUInt16BE(address.port, FIXED_SIZE + 8 + 2 * index);
        break;
      case "ipv6":
        writeIpv6(head, FIXED_SIZE + 16 * index, address);
        head.writeUInt16BE(address.port, FIXED_SIZE + 32 + 2 * index);
        break;
      case "unix":
        head.write(address.path ?? "", FIXED_SIZE + PATH_SIZE * index);
        break;
    }
  }
}

function writeIpv4(head: Buffer, at: number, address: Address): void {
  const ip = readHost(address);
  if (ip?.family === "ipv4") head.writeInt32BE(ip.word, at);
}

function writeIpv6(head: Buffer, at: number, address: Address): void {
  const ip = readHost(address);
  if (ip === undefined) return;
  const words = ip.family === "ipv6" ? ip.words : [0, 0, 0xffff, ip.word];
  for (const [index, word] of words.entries()) head.writeInt32BE(word, at + 4 * index);
}
