import { Buffer } from "node:buffer";
import { formatIpAddress, type IpAddress, parseAddress } from "./cidr.ts";
import { crc32c } from "./crc32c.ts";
import {
  ADDRESSES_SIZE,
  FAMILIES,
  FIXED_SIZE,
  LINE_SIZE,
  NO_TLVS,
  PATH_SIZE,
  type ProxyErrorCode,
  type ProxyFamily,
  type ProxyFault,
  type ProxyHeader,
  type ProxyVersion,
  SIGNATURE_V1,
  SIGNATURE_V2,
  TRANSPORTS,
} from "./proxy-protocol.ts";
import { CRC32C, findTlvs, type FoundTlv, readTlvs, showBytes } from "./proxy-tlv.ts";
import { type Address, unixAddress } from "./transport.ts";

export interface ProxyParserOptions {
  /** The versions to accept. @defaultValue both */
  readonly versions?: readonly ProxyVersion[];
  /** Longest header to accept, in bytes, from 107 to 65551. @defaultValue 4096 */
  readonly maxHeaderSize?: number;
}

export type ProxyResult =
  /** What came so far may be the beginning of a header. `isRecognised`: its signature is there, so it is one, or nothing. */
  | { readonly type: "more"; readonly isRecognised: boolean }
  /** The first `consumed` bytes of the chunk are the last of the header. What follows them is not the parser's. */
  | { readonly type: "header"; readonly header: ProxyHeader; readonly consumed: number }
  /** This is no header, whatever may follow. */
  | ({ readonly type: "error" } & ProxyFault);

export const DEFAULT_MAX_HEADER_SIZE = 4096;

const UNRECOGNISED: ProxyResult = { type: "more", isRecognised: false };
const RECOGNISED: ProxyResult = { type: "more", isRecognised: true };
const NOTHING = Buffer.alloc(0);
const FIRST_RESERVATION = 256;

const CR = 0x0d;
const LF = 0x0a;

/** What a whole header is, and how long. */
interface Parsed {
  readonly header: ProxyHeader;
  readonly size: number;
}

/** What a look at the first bytes gives; undefined: more of them are needed. */
type Look = Parsed | ProxyFault | undefined;

/**
 * Reads one PROXY header from the beginning of a stream, in chunks of whatever size: wherever they are cut, the result is
 * the same, and it comes with the first byte that decides it. Nothing behind the header is looked at.
 *
 * It keeps at most `maxHeaderSize` bytes, and none of a header that comes in one chunk. It never throws.
 */
export class ProxyParser {
  readonly #versions: readonly ProxyVersion[];
  readonly #limit: number;
  #kept: Buffer = NOTHING;
  #size = 0;
  #result: ProxyResult = UNRECOGNISED;

  constructor({ versions = [1, 2], maxHeaderSize = DEFAULT_MAX_HEADER_SIZE }: ProxyParserOptions = {}) {
    this.#versions = versions;
    this.#limit = maxHeaderSize;
  }

  /** How many bytes it keeps. */
  get bufferedBytes(): number {
    return this.#size;
  }

  /** Takes the next bytes of the stream. After the first result that is not `more` it takes nothing. */
  push(chunk: Uint8Array): ProxyResult {
    if (this.#result.type === "header") return { ...this.#result, consumed: 0 };
    if (this.#result.type === "error" || chunk.length === 0) return this.#result;

    const before = this.#size;
    const bytes = before === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : this.#append(chunk);
    const look = this.#look(bytes);
    if (look === undefined) {
      if (before === 0) this.#append(chunk);
      return this.#result;
    }
    this.#kept = NOTHING;
    this.#size = 0;
    this.#result =
      "code" in look
        ? { type: "error", ...look }
        : { type: "header", header: look.header, consumed: look.size - before };
    return this.#result;
  }

  /** All that was kept, with as much of the chunk behind it as may belong to a header. */
  #append(chunk: Uint8Array): Buffer {
    const part = chunk.subarray(0, this.#limit - this.#size);
    const size = this.#size + part.length;
    if (size > this.#kept.length) {
      // What is announced is not reserved before it comes; doubling keeps the copying in bounds.
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#limit, Math.max(FIRST_RESERVATION, 2 * size)));
      this.#kept.copy(grown, 0, 0, this.#size);
      this.#kept = grown;
    }
    this.#kept.set(part, this.#size);
    this.#size = size;
    return this.#kept.subarray(0, size);
  }

  #look(bytes: Buffer): Look {
    const signature = bytes[0] === SIGNATURE_V2[0] ? SIGNATURE_V2 : SIGNATURE_V1;
    for (const [place, expected] of signature.entries()) {
      if (place === bytes.length) return undefined;
      if (bytes[place] !== expected) {
        return fault("notProxy", `a PROXY header does not begin with ${showBytes(bytes.subarray(0, place + 1))}`);
      }
    }
    this.#result = RECOGNISED;
    const version = signature === SIGNATURE_V1 ? 1 : 2;
    if (!this.#versions.includes(version)) {
      return fault("unsupportedVersion", `version ${version} is not accepted, only ${this.#versions.join(", ")}`);
    }
    return version === 1 ? lookAtLine(bytes) : lookAtBinary(bytes, this.#limit);
  }
}

function fault(code: ProxyErrorCode, message: string): ProxyFault {
  return { code, message };
}

// — Version 1 ————————————————————————————————————————————————————————————————————————————————————————————————————

function lookAtLine(bytes: Buffer): Look {
  const last = LINE_SIZE - 2;
  for (let place = SIGNATURE_V1.length; place < bytes.length; place += 1) {
    if (place > last) return fault("tooLarge", `a line has at most ${LINE_SIZE} bytes, got ${showText(bytes)}`);
    const byte = bytes[place];
    if (byte === LF) return fault("invalidLine", `LF without CR after ${showText(bytes.subarray(0, place))}`);
    if (byte !== CR) continue;
    const next = bytes[place + 1];
    if (next === undefined) return undefined;
    if (next !== LF) return fault("invalidLine", `CR without LF after ${showText(bytes.subarray(0, place))}`);
    const header = readLine(bytes.toString("latin1", SIGNATURE_V1.length, place));
    return "code" in header ? header : { header, size: place + 2 };
  }
  return undefined;
}

function showText(bytes: Buffer): string {
  return quote(bytes.toString("latin1", 0, LINE_SIZE));
}

/** Of a text that a stranger chose. */
function quote(text: string): string {
  return JSON.stringify(text.length > LINE_SIZE ? `${text.slice(0, LINE_SIZE)}…` : text);
}

function readLine(line: string): ProxyHeader | ProxyFault {
  const fields = line.split(" ");
  const [name = "", source = "", destination = "", sourcePort = "", destinationPort = ""] = fields;
  // What follows it is not even to be looked at.
  if (name === "UNKNOWN") return { ...UNKNOWN, version: 1 };
  const family = LINE_FAMILIES.get(name);
  if (family === undefined) return fault("invalidFamily", `${quote(name)} is none of TCP4, TCP6 and UNKNOWN`);
  if (fields.length !== 5) {
    return fault(
      "invalidLine",
      `${name} is followed by two addresses and two ports, each after one space, got ${quote(line)}`,
    );
  }
  const from = readLineAddress(family, source, sourcePort);
  if ("code" in from) return from;
  const to = readLineAddress(family, destination, destinationPort);
  if ("code" in to) return to;
  return { ...UNKNOWN, version: 1, family, protocol: "stream", source: from, destination: to };
}

type IpFamily = "ipv4" | "ipv6";

const LINE_FAMILIES: ReadonlyMap<string, IpFamily> = new Map([
  ["TCP4", "ipv4"],
  ["TCP6", "ipv6"],
]);

const UNKNOWN: Omit<ProxyHeader, "version"> = {
  command: "proxy",
  family: "unspecified",
  protocol: "unspecified",
  tlvs: NO_TLVS,
  isChecksummed: false,
};

/** `parseAddress` takes IPv4 where IPv6 is asked for, and a zone. */
const SHAPES: Readonly<Record<IpFamily, RegExp>> = { ipv4: /^[\d.]+$/, ipv6: /^[\dA-Fa-f.]*:[\dA-Fa-f.:]*$/ };

function readLineAddress(family: IpFamily, host: string, port: string): Address | ProxyFault {
  const address = SHAPES[family].test(host) ? parseAddress(host) : undefined;
  if (address === undefined) return fault("invalidAddress", `${quote(host)} is no ${NAMES[family]} address`);
  if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 0xffff) {
    return fault("invalidPort", `${quote(port)} is no port: a number from 0 to 65535 without leading zeros`);
  }
  return { host: formatIpAddress(address), port: Number(port) };
}

const NAMES: Readonly<Record<IpFamily, string>> = { ipv4: "IPv4", ipv6: "IPv6" };

// — Version 2 ————————————————————————————————————————————————————————————————————————————————————————————————————

/** Each byte is judged as soon as it is there, so that nobody waits for the rest of nonsense. */
function lookAtBinary(bytes: Buffer, limit: number): Look {
  const command = bytes[12];
  if (command === undefined) return undefined;
  if (command >> 4 !== 2) return fault("unsupportedVersion", `there is no binary header of version ${command >> 4}`);
  const isLocal = (command & 0x0f) === 0;
  if ((command & 0x0f) > 1) return fault("invalidCommand", `there is no command ${command & 0x0f}`);

  const kind = bytes[13];
  if (kind === undefined) return undefined;
  const family = FAMILIES[kind >> 4];
  const protocol = TRANSPORTS[kind & 0x0f];
  // A half of it means nothing. What a local one says of it is not even to be looked at.
  const isKnown =
    family !== undefined && protocol !== undefined && (family === "unspecified") === (protocol === "unspecified");
  if (!isKnown && !isLocal) {
    return fault("invalidFamily", `there is no family and protocol 0x${kind.toString(16).padStart(2, "0")}`);
  }

  if (bytes.length < FIXED_SIZE) return undefined;
  const size = FIXED_SIZE + bytes.readUInt16BE(14);
  if (size > limit) return fault("tooLarge", `a header has at most ${limit} bytes, got one of ${size}`);
  const tlvsFrom = FIXED_SIZE + ADDRESSES_SIZE[family ?? "unspecified"];
  if (!isLocal && size < tlvsFrom) {
    return fault("invalidLength", `the addresses take ${tlvsFrom - FIXED_SIZE} bytes, and ${size - FIXED_SIZE} follow`);
  }
  if (bytes.length < size) return undefined;

  const block = bytes.subarray(0, size);
  const header = isLocal
    ? readLocal(block, tlvsFrom)
    : readProxied(block, tlvsFrom, { family: family ?? "unspecified", protocol: protocol ?? "unspecified" });
  return "code" in header ? header : { header, size };
}

/**
 * Everything in it is to be thrown away, but for a checksum: without it a header of a client that lost one bit on its way
 * would be taken for one of the proxy itself.
 */
function readLocal(block: Buffer, tlvsFrom: number): ProxyHeader | ProxyFault {
  const found = findTlvs(block, tlvsFrom, block.length);
  const sum = "code" in found ? false : checkSum(block, found);
  if (typeof sum === "object") return sum;
  return { ...UNKNOWN, version: 2, command: "local", isChecksummed: sum };
}

function readProxied(
  block: Buffer,
  tlvsFrom: number,
  kind: Pick<ProxyHeader, "family" | "protocol">,
): ProxyHeader | ProxyFault {
  const found = findTlvs(block, tlvsFrom, block.length);
  if ("code" in found) return found;
  const isChecksummed = checkSum(block, found);
  if (typeof isChecksummed === "object") return isChecksummed;
  const tlvs = readTlvs(found);
  if ("code" in tlvs) return tlvs;
  const addresses = readAddresses(block.subarray(FIXED_SIZE, tlvsFrom), kind.family);
  if ("code" in addresses) return addresses;
  return { version: 2, command: "proxy", ...kind, ...addresses, tlvs, isChecksummed };
}

/** Whether there is one; it is a fault if it is wrong. */
function checkSum(block: Buffer, found: readonly FoundTlv[]): boolean | ProxyFault {
  const tlv = found.find(({ type }) => type === CRC32C);
  if (tlv === undefined) return false;
  const { value, offset } = tlv;
  if (value.length !== 4) return fault("invalidTlv", `the TLV CRC32C is 4 bytes long, got ${value.length}`);
  // The checksum is of the header as it was before the checksum was put in.
  const before = crc32c(ZEROS, crc32c(block.subarray(0, offset)));
  const expected = crc32c(block.subarray(offset + 4), before);
  const given = value.readUInt32BE();
  if (given === expected) return true;
  return fault("checksumMismatch", `the CRC32C of the header is ${showSum(expected)}, and it says ${showSum(given)}`);
}

const ZEROS = Buffer.alloc(4);

function showSum(sum: number): string {
  return `0x${sum.toString(16).padStart(8, "0")}`;
}

interface Addresses {
  readonly source?: Address;
  readonly destination?: Address;
}

function readAddresses(bytes: Buffer, family: ProxyFamily): Addresses | ProxyFault {
  switch (family) {
    case "unspecified":
      return {};
    case "ipv4":
      return readIps(readIpv4(bytes, 0), readIpv4(bytes, 4), bytes.subarray(8));
    case "ipv6":
      return readIps(readIpv6(bytes, 0), readIpv6(bytes, 16), bytes.subarray(32));
    case "unix": {
      const source = readPath(bytes.subarray(0, PATH_SIZE));
      if (typeof source !== "string") return source;
      const destination = readPath(bytes.subarray(PATH_SIZE));
      if (typeof destination !== "string") return destination;
      return { source: unixAddress(source), destination: unixAddress(destination) };
    }
  }
}

function readIps(source: IpAddress, destination: IpAddress, ports: Buffer): Addresses {
  return {
    source: { host: formatIpAddress(source), port: ports.readUInt16BE(0) },
    destination: { host: formatIpAddress(destination), port: ports.readUInt16BE(2) },
  };
}

function readIpv4(bytes: Buffer, at: number): IpAddress {
  return { family: "ipv4", word: bytes.readInt32BE(at) };
}

function readIpv6(bytes: Buffer, at: number): IpAddress {
  const words = [0, 4, 8, 12].map((offset) => bytes.readInt32BE(at + offset));
  const [first = 0, second = 0, third = 0, fourth = 0] = words;
  const isMapped = first === 0 && second === 0 && third === 0xffff;
  return isMapped ? { family: "ipv4", word: fourth } : { family: "ipv6", words: [first, second, third, fourth] };
}

/** Up to the first NUL, as C reads it; a name in the abstract namespace begins with one, and is filled up with them. */
function readPath(bytes: Buffer): string | ProxyFault {
  const isAbstract = bytes[0] === 0;
  let end = isAbstract ? bytes.length : bytes.indexOf(0);
  if (isAbstract) while (end > 0 && bytes[end - 1] === 0) end -= 1;
  const path = bytes.subarray(0, end === -1 ? bytes.length : end);
  const text = path.toString("utf8");
  if (Buffer.from(text).equals(path)) return text;
  return fault("invalidAddress", `the path ${showBytes(path)} is no UTF-8`);
}
