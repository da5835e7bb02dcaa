import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { OptionIssue } from "../errors.ts";
import {
  checkBothEnds,
  checkIdentity,
  checkKeys,
  entriesOf,
  isHostName,
  type Pem,
  secret,
  type TlsIdentity,
  type TlsVersion,
} from "./tls-options.ts";

/** The key that a client and its server know beforehand, instead of certificates (TLS-PSK). */
export interface ClientPskOptions {
  /** Who the client says it is. */
  readonly identity: string;
  /** At least 16 bytes. */
  readonly key: Uint8Array;
}

/**
 * What a client wants of TLS. All of it is optional: without any it takes a server whose certificate is for the host of its
 * address, and leads to one that Node trusts. `cert`, `key` and `passphrase` are who the client says it is, if it is asked.
 */
export interface TlsClientOptions extends Partial<TlsIdentity> {
  /** Certificates that the server's one must lead to. @defaultValue those that Node trusts */
  readonly ca?: Pem | readonly Pem[];
  /** Certificates that are not good any more. */
  readonly crl?: Pem | readonly Pem[];
  /**
   * The name that the server is asked for (SNI), and that its certificate has to be for. A unix socket has none unless it is
   * given.
   *
   * @defaultValue the host of the address; of an IP address the certificate has to be, too, but nobody is asked for it
   */
  readonly servername?: string;
  /**
   * Refuses a server whose certificate is no good or somebody else's; false: `connection.tls.isAuthorized` tells.
   *
   * @defaultValue true
   */
  readonly rejectUnauthorized?: boolean;
  /** Says whether a certificate is that of the server, instead of its names. Node's. @defaultValue by its names (RFC 6125) */
  readonly checkServerIdentity?: NonNullable<ConnectionOptions["checkServerIdentity"]>;
  /** Application protocols in order of preference; which the server has chosen, `connection.tls.alpn` tells. @defaultValue none */
  readonly alpnProtocols?: readonly string[];
  readonly psk?: ClientPskOptions;
  /** @defaultValue "TLSv1.2" */
  readonly minVersion?: TlsVersion;
  /** @defaultValue "TLSv1.3" */
  readonly maxVersion?: TlsVersion;
  /** OpenSSL's cipher list, names of TLS 1.3 and 1.2 with colons between. @defaultValue that of Node */
  readonly ciphers?: string;
}

const NAMES: readonly string[] = [
  "cert",
  "key",
  "passphrase",
  "ca",
  "crl",
  "servername",
  "rejectUnauthorized",
  "checkServerIdentity",
  "alpnProtocols",
  "psk",
  "minVersion",
  "maxVersion",
  "ciphers",
] satisfies ReadonlyArray<keyof TlsClientOptions>;
const PSK_NAMES: readonly string[] = ["identity", "key"];

/** OpenSSL takes no more. */
const LONGEST_PSK_IDENTITY = 128;
const SHORTEST_PSK = 16;

/** Every fault of what should be options; `path` is the option that holds them. What is given is in no issue. */
export function checkTlsClientOptions(options: unknown, path = "tls"): readonly OptionIssue[] {
  if (typeof options !== "object" || options === null) return [secret(path, "an object")];
  const given = entriesOf(options);
  const values = Object.fromEntries(given);
  const { cert, key, passphrase, servername, checkServerIdentity, psk } = values;
  const hasIdentity = cert !== undefined || key !== undefined || passphrase !== undefined;
  return [
    ...checkKeys(given, NAMES, path),
    ...(hasIdentity ? checkIdentity(values, path) : []),
    ...checkBothEnds(values, path),
    ...(servername === undefined || isServerName(servername) ? [] : [secret(`${path}.servername`, "a host name")]),
    ...(checkServerIdentity === undefined || typeof checkServerIdentity === "function"
      ? []
      : [secret(`${path}.checkServerIdentity`, "a function")]),
    ...checkPsk(psk, `${path}.psk`),
  ];
}

/** The rules of SNI (RFC 6066) allow no address. */
function isServerName(value: unknown): boolean {
  return typeof value === "string" && isIP(value) === 0 && isHostName(value);
}

function checkPsk(psk: unknown, path: string): readonly OptionIssue[] {
  if (psk === undefined) return [];
  if (typeof psk !== "object" || psk === null) return [secret(path, "{ identity, key }")];
  const given = entriesOf(psk);
  const { identity, key } = Object.fromEntries(given);
  const isIdentity = typeof identity === "string" && Buffer.byteLength(identity) <= LONGEST_PSK_IDENTITY;
  return [
    ...checkKeys(given, PSK_NAMES, path),
    ...(isIdentity ? [] : [secret(`${path}.identity`, `a text of at most ${LONGEST_PSK_IDENTITY} bytes`)]),
    ...(key instanceof Uint8Array && key.length >= SHORTEST_PSK
      ? []
      : [secret(`${path}.key`, `at least ${SHORTEST_PSK} bytes`)]),
  ];
}
