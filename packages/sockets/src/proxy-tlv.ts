import { Buffer, isUtf8 } from "node:buffer";
import type { ProxyFault, ProxyTls, ProxyTlvs, RawTlv } from "./proxy-protocol.ts";

const ALPN = 0x01;
const AUTHORITY = 0x02;
export const CRC32C = 0x03;
export const NOOP = 0x04;
const UNIQUE_ID = 0x05;
const TLS = 0x20;
const NETNS = 0x30;
/** These three are of the types that anybody may use for anything, so they count only where their value fits. */
const GCP = 0xe0;
const AWS = 0xea;
const AZURE = 0xee;

/** Inside of TLS. */
const VERSION = 0x21;
const COMMON_NAME = 0x22;
const CIPHER = 0x23;
const SIGNATURE_ALGORITHM = 0x24;
const KEY_ALGORITHM = 0x25;

/** The first byte of the value of `AWS`, and of `AZURE`, that is known. */
const ENDPOINT_ID = 0x01;

const IS_TLS = 0x01;
const HAS_CERTIFICATE = 0x02;
const HAS_SESSION_CERTIFICATE = 0x04;

/** Flags (1 byte) and the outcome of the check (4 bytes), before the TLVs inside of TLS. */
const TLS_FIXED_SIZE = 5;

export const LONGEST_UNIQUE_ID = 128;

/** Types that mean something else than bytes, so that they cannot be sent as such. */
export const REGISTERED: ReadonlySet<number> = new Set([ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, TLS, NETNS]);
export const REGISTERED_IN_TLS: ReadonlySet<number> = new Set([
  VERSION,
  COMMON_NAME,
  CIPHER,
  SIGNATURE_ALGORITHM,
  KEY_ALGORITHM,
]);

/** What `AWS` may be. */
export const VPC_ENDPOINT_ID: RegExp = /^[A-Za-z0-9-]+$/;

const NAMES: ReadonlyMap<number, string> = new Map([
  [ALPN, "ALPN"],
  [AUTHORITY, "AUTHORITY"],
  [CRC32C, "CRC32C"],
  [UNIQUE_ID, "UNIQUE_ID"],
  [TLS, "SSL"],
  [NETNS, "NETNS"],
  [VERSION, "SSL_VERSION"],
  [COMMON_NAME, "SSL_CN"],
  [CIPHER, "SSL_CIPHER"],
  [SIGNATURE_ALGORITHM, "SSL_SIG_ALG"],
  [KEY_ALGORITHM, "SSL_KEY_ALG"],
]);

/** One that is still where it was read. */
export interface FoundTlv {
  readonly type: number;
  /** A view of the header. */
  readonly value: Buffer;
  /** Where the value begins. */
  readonly offset: number;
}

/** Takes what is in `bytes` from `start` to `end` apart. */
export function findTlvs(bytes: Buffer, start: number, end: number): readonly FoundTlv[] | ProxyFault {
  const found: FoundTlv[] = [];
  for (let place = start; place < end;) {
    const offset = place + 3;
    const next = offset > end ? Infinity : offset + bytes.readUInt16BE(place + 1);
    if (next > end) {
      const message = `the TLV at byte ${place} (${showBytes(bytes.subarray(place, Math.min(offset, end)))}) reaches beyond byte ${end}`;
      return { code: "malformedTlv", message };
    }
    found.push({ type: bytes.readUInt8(place), value: bytes.subarray(offset, next), offset });
    place = next;
  }
  return found;
}

/** The first bytes, for a message. */
export function showBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, 16)).toString("hex");
  return bytes.length > 16 ? `${hex}…` : hex;
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** What they mean. The checksum is not looked at. */
export function readTlvs(found: readonly FoundTlv[]): ProxyTlvs | ProxyFault {
  const others: RawTlv[] = [];
  const tlvs: Writable<ProxyTlvs> = { others };
  const double = findDouble(found, REGISTERED);
  if (double !== undefined) return double;
  for (const tlv of found) {
    const fault = readTlv(tlv, tlvs, others);
    if (fault !== undefined) return fault;
  }
  return tlvs;
}

function readTlv(tlv: FoundTlv, tlvs: Writable<ProxyTlvs>, others: RawTlv[]): ProxyFault | undefined {
  const { type, value } = tlv;
  switch (type) {
    case CRC32C:
    case NOOP:
      return undefined;
    case ALPN:
      tlvs.alpn = value.toString("latin1");
      return undefined;
    case AUTHORITY:
    case NETNS: {
      const text = readText(tlv);
      if (typeof text !== "string") return text;
      tlvs[type === NETNS ? "netns" : "authority"] = text;
      return undefined;
    }
    case UNIQUE_ID:
      if (value.length > LONGEST_UNIQUE_ID) {
        return invalid(tlv, `is at most ${LONGEST_UNIQUE_ID} bytes long, got ${value.length}`);
      }
      tlvs.uniqueId = copyOf(value);
      return undefined;
    case TLS: {
      const tls = readTls(tlv);
      if ("code" in tls) return tls;
      tlvs.tls = tls;
      return undefined;
    }
    default:
      if (!readVendor(tlv, tlvs)) others.push({ type, value: copyOf(value) });
      return undefined;
  }
}

/** False: it is nothing that is known, or it is there already. */
function readVendor({ type, value }: FoundTlv, tlvs: Writable<ProxyTlvs>): boolean {
  if (type === GCP && value.length === 8 && tlvs.gcpPscConnectionId === undefined) {
    tlvs.gcpPscConnectionId = value.readBigUInt64BE();
    return true;
  }
  if (value[0] !== ENDPOINT_ID) return false;
  if (type === AZURE && value.length === 5 && tlvs.azurePrivateEndpointLinkId === undefined) {
    tlvs.azurePrivateEndpointLinkId = value.readUInt32LE(1);
    return true;
  }
  const text = type === AWS ? value.toString("latin1", 1) : "";
  if (!VPC_ENDPOINT_ID.test(text) || tlvs.awsVpcEndpointId !== undefined) return false;
  tlvs.awsVpcEndpointId = text;
  return true;
}

function readTls(tlv: FoundTlv): ProxyTls | ProxyFault {
  const { value } = tlv;
  if (value.length < TLS_FIXED_SIZE) {
    return invalid(tlv, `is at least ${TLS_FIXED_SIZE} bytes long, got ${value.length}`);
  }
  const found = findTlvs(value, TLS_FIXED_SIZE, value.length);
  if ("code" in found) return { ...found, message: `in the TLV SSL, ${found.message}` };
  const double = findDouble(found, REGISTERED_IN_TLS);
  if (double !== undefined) return double;

  const flags = value.readUInt8(0);
  const verify = value.readUInt32BE(1);
  const hasCertificate = (flags & HAS_CERTIFICATE) !== 0;
  const hasSessionCertificate = (flags & HAS_SESSION_CERTIFICATE) !== 0;
  const others: RawTlv[] = [];
  const tls: Writable<ProxyTls> = {
    isTls: (flags & IS_TLS) !== 0,
    hasCertificate,
    hasSessionCertificate,
    verify,
    isVerified: verify === 0 && (hasCertificate || hasSessionCertificate),
    others,
  };
  for (const inner of found) {
    const field = TLS_TEXTS.get(inner.type);
    if (field === undefined) {
      others.push({ type: inner.type, value: copyOf(inner.value) });
      continue;
    }
    const text = readText(inner);
    if (typeof text !== "string") return text;
    tls[field] = text;
  }
  return tls;
}

type TlsText = "version" | "commonName" | "cipher" | "signatureAlgorithm" | "keyAlgorithm";

const TLS_TEXTS: ReadonlyMap<number, TlsText> = new Map([
  [VERSION, "version"],
  [COMMON_NAME, "commonName"],
  [CIPHER, "cipher"],
  [SIGNATURE_ALGORITHM, "signatureAlgorithm"],
  [KEY_ALGORITHM, "keyAlgorithm"],
]);

/** What is no UTF-8 is refused: two names must not become one by being repaired. */
function readText(tlv: FoundTlv): string | ProxyFault {
  return isUtf8(tlv.value) ? tlv.value.toString("utf8") : invalid(tlv, `is UTF-8, got ${showBytes(tlv.value)}`);
}

function findDouble(found: readonly FoundTlv[], single: ReadonlySet<number>): ProxyFault | undefined {
  const seen = new Set<number>();
  for (const { type, offset } of found) {
    if (seen.has(type)) {
      return { code: "duplicateTlv", message: `the TLV ${nameOf(type)} at byte ${offset - 3} is there already` };
    }
    if (single.has(type) && type !== NOOP) seen.add(type);
  }
  return undefined;
}

function invalid({ type }: FoundTlv, expected: string): ProxyFault {
  return { code: "invalidTlv", message: `the TLV ${nameOf(type)} ${expected}` };
}

function nameOf(type: number): string {
  return NAMES.get(type) ?? `0x${type.toString(16).padStart(2, "0")}`;
}

/** The header may be part of a large buffer, which must not live as long as the connection does. */
function copyOf(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}

/** {@link ProxyTls} as it is sent: what is left out is false or absent. */
export type ProxyTlsInit = Partial<Omit<ProxyTls, "isVerified">>;

/** {@link ProxyTlvs} as they are sent. */
export type ProxyTlvsInit = Omit<ProxyTlvs, "tls" | "others"> & {
  readonly tls?: ProxyTlsInit;
  readonly others?: readonly RawTlv[];
};

/** As bytes, all of them checked. */
export function writeTlvs(tlvs: ProxyTlvsInit): Buffer {
  const { alpn, authority, uniqueId, tls, netns, others = [] } = tlvs;
  const { awsVpcEndpointId, azurePrivateEndpointLinkId, gcpPscConnectionId } = tlvs;
  const parts: Uint8Array[] = [];
  if (alpn !== undefined) parts.push(writeTlv(ALPN, Buffer.from(alpn, "latin1")));
  if (authority !== undefined) parts.push(writeTlv(AUTHORITY, Buffer.from(authority)));
  if (uniqueId !== undefined) parts.push(writeTlv(UNIQUE_ID, uniqueId));
  if (tls !== undefined) parts.push(writeTlv(TLS, writeTls(tls)));
  if (netns !== undefined) parts.push(writeTlv(NETNS, Buffer.from(netns)));
  if (awsVpcEndpointId !== undefined) {
    parts.push(writeTlv(AWS, Buffer.concat([Buffer.of(ENDPOINT_ID), Buffer.from(awsVpcEndpointId)])));
  }
  if (azurePrivateEndpointLinkId !== undefined) {
    const value = Buffer.of(ENDPOINT_ID, 0, 0, 0, 0);
    value.writeUInt32LE(azurePrivateEndpointLinkId, 1);
    parts.push(writeTlv(AZURE, value));
  }
  if (gcpPscConnectionId !== undefined) {
    const value = Buffer.alloc(8);
    value.writeBigUInt64BE(gcpPscConnectionId);
    parts.push(writeTlv(GCP, value));
  }
  for (const { type, value } of others) parts.push(writeTlv(type, value));
  return Buffer.concat(parts);
}

export function writeTlv(type: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

/** The value of the TLV for {@link ProxyTls}. */
export function writeTls(tls: ProxyTlsInit): Buffer {
  const { isTls = true, hasCertificate = false, hasSessionCertificate = hasCertificate } = tls;
  const { verify = hasSessionCertificate ? 0 : 1, others = [] } = tls;
  const fixed = Buffer.alloc(TLS_FIXED_SIZE);
  fixed.writeUInt8(
    (isTls ? IS_TLS : 0) |
      (hasCertificate ? HAS_CERTIFICATE : 0) |
      (hasSessionCertificate ? HAS_SESSION_CERTIFICATE : 0),
  );
  fixed.writeUInt32BE(verify, 1);
  const parts: Uint8Array[] = [fixed];
  for (const [type, field] of TLS_TEXTS) {
    const text = tls[field];
    if (text !== undefined) parts.push(writeTlv(type, Buffer.from(text)));
  }
  for (const { type, value } of others) parts.push(writeTlv(type, value));
  return Buffer.concat(parts);
}
