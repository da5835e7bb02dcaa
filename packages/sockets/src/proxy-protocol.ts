import type { Address } from "./transport.ts";

/*
 * The PROXY protocol of HAProxy, by which a load balancer says whose connection it forwards:
 *
 * version 1, one line of at most 107 bytes
 *
 *   PROXY TCP4 <source> <destination> <source port> <destination port> CR LF
 *   PROXY TCP6 …
 *   PROXY UNKNOWN <anything> CR LF
 *
 * version 2, binary, numbers big-endian
 *
 *    0  signature      0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
 *   12  4 bits         version: 2
 *       4 bits         command: 0 local, 1 proxy
 *   13  4 bits         family: 0 unspecified, 1 IPv4, 2 IPv6, 3 UNIX
 *       4 bits         protocol: 0 unspecified, 1 stream, 2 datagram
 *   14  2 bytes        length of all that follows
 *   16  0, 12, 36 or   source address, destination address; except for UNIX source port, destination port
 *       216 bytes
 *       the rest       any number of: type (1 byte), length (2 bytes), value
 */

export type ProxyVersion = 1 | 2;

export type ProxyFamily = "unspecified" | "ipv4" | "ipv6" | "unix";

export type ProxyTransport = "unspecified" | "stream" | "dgram";

/** What a PROXY header says of the connection that it was sent in front of. */
export interface ProxyHeader {
  readonly version: ProxyVersion;
  /** `"local"`: the proxy has opened the connection for itself, a health check for one, and there is no client. */
  readonly command: "proxy" | "local";
  /** `"unspecified"`: the proxy does not say where the client is. So it is for `"local"`, too. */
  readonly family: ProxyFamily;
  readonly protocol: ProxyTransport;
  /**
   * The client, absent where `family` is `"unspecified"`. An IPv4 address that came mapped into IPv6 is the IPv4 address.
   * A `path` is empty for a socket without a name, as clients are, and has `\0` in front for an abstract one.
   */
  readonly source?: Address;
  /** What the client has connected to. */
  readonly destination?: Address;
  /** Empty in version 1 and for `"local"`. */
  readonly tlvs: ProxyTlvs;
  /** The header came with a CRC32C, which was right. */
  readonly isChecksummed: boolean;
}

/** What a proxy adds to the addresses: type, length, value. What is absent was not sent. */
export interface ProxyTlvs {
  /** The application protocol that was negotiated with the client, `"h2"` for one, each character a byte (as in Node). */
  readonly alpn?: string;
  /** The host name that the client asked for: the SNI of its TLS handshake. */
  readonly authority?: string;
  /** The proxy's own name for the connection, at most 128 bytes. */
  readonly uniqueId?: Uint8Array;
  /** The client's TLS connection to the proxy. */
  readonly tls?: ProxyTls;
  /** The network namespace. */
  readonly netns?: string;
  /** The VPC endpoint through which the client came to a load balancer of AWS. */
  readonly awsVpcEndpointId?: string;
  /** The private endpoint through which the client came to one of Azure. */
  readonly azurePrivateEndpointLinkId?: number;
  /** The Private Service Connect connection through which the client came to one of Google Cloud. */
  readonly gcpPscConnectionId?: bigint;
  /** All others, in the order in which they came. */
  readonly others: readonly RawTlv[];
}

/** What a proxy says of the client's TLS connection to it. */
export interface ProxyTls {
  /** The client came over TLS. */
  readonly isTls: boolean;
  /** The client has shown a certificate on this connection. */
  readonly hasCertificate: boolean;
  /** The client has shown a certificate at least once in its TLS session. */
  readonly hasSessionCertificate: boolean;
  /** What became of the check of the certificate. 0 is no failure, which some proxies say of no certificate, too. */
  readonly verify: number;
  /** The client has shown a certificate, and it was found to be good: the one to ask before `commonName` is believed. */
  readonly isVerified: boolean;
  /** Such as `"TLSv1.3"`. */
  readonly version?: string;
  /** Of the client's certificate. */
  readonly commonName?: string;
  readonly cipher?: string;
  /** What the proxy's own certificate is signed with, such as `"RSA-SHA256"`. */
  readonly signatureAlgorithm?: string;
  /** The kind of key in the proxy's own certificate, such as `"RSA2048"`. */
  readonly keyAlgorithm?: string;
  /** All others, in the order in which they came. */
  readonly others: readonly RawTlv[];
}

/** One that has no meaning here. */
export interface RawTlv {
  /** From 0 to 255. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** Why bytes are no acceptable PROXY header. */
export type ProxyErrorCode =
  /** The first bytes are those of neither version. */
  | "notProxy"
  /** The version is none of those allowed, or there is no such. */
  | "unsupportedVersion"
  /** The header is longer than allowed; a line of version 1 has no CR LF within 107 bytes. */
  | "tooLarge"
  /** A line of version 1 has a CR or an LF by itself, or other fields than it should. */
  | "invalidLine"
  | "invalidCommand"
  | "invalidFamily"
  /** There is less than the addresses take. */
  | "invalidLength"
  | "invalidAddress"
  | "invalidPort"
  /** A TLV reaches beyond what holds it. */
  | "malformedTlv"
  /** The value of a TLV is not what its type asks for. */
  | "invalidTlv"
  /** A TLV came twice, so that two readers could see two things. */
  | "duplicateTlv"
  | "checksumMismatch";

/** What is wrong with a header, for programs and for people. */
export interface ProxyFault {
  readonly code: ProxyErrorCode;
  /** One sentence with the offending value in it, fit for a log. */
  readonly message: string;
}

export const SIGNATURE_V1: Uint8Array = Uint8Array.from("PROXY ", (character) => character.charCodeAt(0));
export const SIGNATURE_V2: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/** Longest line of version 1, with its CR LF. */
export const LINE_SIZE = 107;
/** What stands before the addresses in version 2. */
export const FIXED_SIZE = 16;
/** Longest header of version 2: its length has 16 bits. */
export const LARGEST_SIZE: number = FIXED_SIZE + 0xffff;
/** One path of a UNIX socket. */
export const PATH_SIZE = 108;

/** By their number. */
export const FAMILIES: readonly ProxyFamily[] = ["unspecified", "ipv4", "ipv6", "unix"];
export const TRANSPORTS: readonly ProxyTransport[] = ["unspecified", "stream", "dgram"];

/** What the addresses of a family take, both together and with their ports. */
export const ADDRESSES_SIZE: Readonly<Record<ProxyFamily, number>> = {
  unspecified: 0,
  ipv4: 2 * (4 + 2),
  ipv6: 2 * (16 + 2),
  unix: 2 * PATH_SIZE,
};

export const NO_TLVS: ProxyTlvs = { others: [] };
