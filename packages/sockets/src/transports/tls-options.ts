import { createPrivateKey, X509Certificate } from "node:crypto";
import { type OptionIssue, unknownOption } from "../errors.ts";

/** PEM as text or bytes; several certificates stand one behind the other. */
export type Pem = string | Uint8Array;

/** Who a server says it is. */
export interface TlsIdentity {
  /** The certificate, and behind it those that lead to one that clients trust. */
  readonly cert: Pem;
  /** The private key of the certificate. */
  readonly key: Pem;
  /** What the key is encrypted with. */
  readonly passphrase?: string;
}

/** Keys that both sides know beforehand, instead of certificates (TLS-PSK). */
export interface PskOptions {
  /** The key of a client that names itself so, at least 16 bytes; undefined: there is no such client. */
  readonly key: (identity: string) => Uint8Array | undefined;
  /** Shown to clients that cannot choose by themselves. */
  readonly hint?: string;
}

/** For whom an OCSP response is to be stapled. */
export interface OcspRequest {
  /** The certificate that this connection shows (DER). */
  readonly certificate: Uint8Array;
  /** The certificate of who issued it (DER), if it is known. */
  readonly issuer: Uint8Array | undefined;
}

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What TLS is to be like. It has `cert` and `key`, or `sni`, or `psk`. */
export interface TlsOptions extends Partial<TlsIdentity> {
  /** Certificates that clients' ones must lead to. @defaultValue those that Node trusts */
  readonly ca?: Pem | readonly Pem[];
  /** Certificates that are not good any more. */
  readonly crl?: Pem | readonly Pem[];
  /** Asks clients for certificates. @defaultValue false */
  readonly requestCert?: boolean;
  /**
   * Refuses clients that show no certificate, or none that is good; false: `connection.tls.isAuthorized` tells. Without
   * meaning unless they are asked for one.
   *
   * @defaultValue true
   */
  readonly rejectUnauthorized?: boolean;
  /** Application protocols in order of preference. A client that knows others only is refused. @defaultValue none */
  readonly alpnProtocols?: readonly string[];
  /**
   * Who to be for a client that asks for a host (SNI): by name, where `*.example.org` is for all of one more part; or
   * chosen in the middle of the handshake, also by a promise. Undefined: `cert` and `key`; null: the client is refused.
   */
  readonly sni?:
    | Readonly<Record<string, TlsIdentity>>
    | ((servername: string) => TlsIdentity | null | undefined | PromiseLike<TlsIdentity | null | undefined>);
  readonly psk?: PskOptions;
  /**
   * The response to staple for clients that ask for it, DER; asked each time, so it should come from a cache. Undefined, or
   * a throw: none.
   */
  readonly ocsp?: (request: OcspRequest) => Uint8Array | undefined | PromiseLike<Uint8Array | undefined>;
  /** @defaultValue "TLSv1.2" */
  readonly minVersion?: TlsVersion;
  /** @defaultValue "TLSv1.3" */
  readonly maxVersion?: TlsVersion;
  /** OpenSSL's cipher list, names of TLS 1.3 and 1.2 with colons between. @defaultValue that of Node */
  readonly ciphers?: string;
  /**
   * How long the whole handshake may take, from 1 ms: one deadline, however slowly it drips.
   *
   * @defaultValue 15000, as eSockd.
   */
  readonly handshakeTimeoutMs?: number;
}

export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 15_000;
/** The longest time that a timer of Node can hold. */
const LONGEST_MS = 2_147_483_647;

const NAMES: readonly string[] = [
  "cert",
  "key",
  "passphrase",
  "ca",
  "crl",
  "requestCert",
  "rejectUnauthorized",
  "alpnProtocols",
  "sni",
  "psk",
  "ocsp",
  "minVersion",
  "maxVersion",
  "ciphers",
  "handshakeTimeoutMs",
];
const IDENTITY_NAMES: readonly string[] = ["cert", "key", "passphrase"];
const PSK_NAMES: readonly string[] = ["key", "hint"];
const VERSIONS: ReadonlySet<unknown> = new Set(["TLSv1.2", "TLSv1.3"]);

const CERT = "a certificate in PEM";
const KEY = "a private key in PEM";

/**
 * Every fault of what should be options; `path` is the option that holds them. What is given is in no issue: it may be a
 * key in the wrong place.
 */
export function checkTlsOptions(options: unknown, path = "tls"): readonly OptionIssue[] {
  if (typeof options !== "object" || options === null) return [secret(path, "an object")];
  const given = entriesOf(options);
  const values = Object.fromEntries(given);
  const { cert, key, sni, psk } = values;
  const check = checkerOf(values, path);
  const isWithout = cert === undefined && key === undefined && sni === undefined && psk === undefined;
  return [
    ...checkKeys(given, NAMES, path),
    ...(isWithout ? [secret(path, "given cert and key, or sni, or psk")] : []),
    ...(cert === undefined && key === undefined ? [] : checkIdentity(values, path)),
    ...checkBothEnds(values, path),
    ...check("requestCert", isFlag, "true or false"),
    ...checkSni(sni, `${path}.sni`),
    ...checkPsk(psk, `${path}.psk`),
    ...check("ocsp", isFunction, "a function"),
    ...check("handshakeTimeoutMs", isTimeout, `milliseconds from 1 to ${LONGEST_MS}`),
  ];
}

/** Every fault of what a server and a client are told in the same words. */
export function checkBothEnds(values: Readonly<Record<string, unknown>>, path: string): readonly OptionIssue[] {
  const check = checkerOf(values, path);
  return [
    ...check("ca", isCertificates, "certificates in PEM"),
    ...check("crl", isPems, "revocation lists in PEM"),
    ...check("rejectUnauthorized", isFlag, "true or false"),
    ...check("alpnProtocols", isProtocols, "an array of names of 1 to 255 bytes"),
    ...check("minVersion", isVersion, '"TLSv1.2" or "TLSv1.3"'),
    ...check("maxVersion", isVersion, '"TLSv1.2" or "TLSv1.3"'),
    ...(values["minVersion"] === "TLSv1.3" && values["maxVersion"] === "TLSv1.2"
      ? [secret(`${path}.maxVersion`, "no earlier than minVersion")]
      : []),
    ...check("ciphers", isCipherList, "a cipher list of OpenSSL"),
  ];
}

/** Looks at one option, if it is given. */
function checkerOf(values: Readonly<Record<string, unknown>>, path: string) {
  return (name: string, isRight: (value: unknown) => boolean, expected: string): readonly OptionIssue[] =>
    values[name] === undefined || isRight(values[name]) ? [] : [secret(`${path}.${name}`, expected)];
}

/** Every fault of what a server, or a client, should say it is. */
export function checkIdentity(values: Readonly<Record<string, unknown>>, path: string): readonly OptionIssue[] {
  const { cert, key, passphrase } = values;
  const certificate = readCertificate(cert);
  const issues: OptionIssue[] = [];
  if (certificate === undefined) issues.push(secret(`${path}.cert`, CERT));
  if (passphrase !== undefined && typeof passphrase !== "string") issues.push(secret(`${path}.passphrase`, "a text"));
  if (!isPem(key)) return [...issues, secret(`${path}.key`, KEY)];
  try {
    const passed = typeof passphrase === "string" ? { key: toBuffer(key), passphrase } : { key: toBuffer(key) };
    const privateKey = createPrivateKey(passed);
    if (certificate?.checkPrivateKey(privateKey) === false)
      issues.push(secret(`${path}.key`, `the key of ${path}.cert`));
  } catch (error) {
    const isLocked =
      error instanceof Error && /PASSPHRASE|BAD_DECRYPT|INTERRUPTED/u.test(String(Reflect.get(error, "code")));
    issues.push(
      isLocked ? secret(`${path}.passphrase`, `what ${path}.key is encrypted with`) : secret(`${path}.key`, KEY),
    );
  }
  return issues;
}

function checkSni(sni: unknown, path: string): readonly OptionIssue[] {
  if (sni === undefined || isFunction(sni)) return [];
  if (typeof sni !== "object" || sni === null) return [secret(path, "identities by host name, or a function")];
  return Object.entries(sni).flatMap(([name, identity]: [string, unknown]) => {
    const place = `${path}[${JSON.stringify(name)}]`;
    if (!isHostPattern(name)) return [secret(place, 'named after a host, such as "example.org" or "*.example.org"')];
    if (typeof identity !== "object" || identity === null) return [secret(place, "{ cert, key }")];
    const given = entriesOf(identity);
    return checkKeys(given, IDENTITY_NAMES, place).concat(checkIdentity(Object.fromEntries(given), place));
  });
}

function checkPsk(psk: unknown, path: string): readonly OptionIssue[] {
  if (psk === undefined) return [];
  if (typeof psk !== "object" || psk === null) return [secret(path, "{ key, hint }")];
  const given = entriesOf(psk);
  const { key, hint } = Object.fromEntries(given);
  return [
    ...checkKeys(given, PSK_NAMES, path),
    ...(isFunction(key) ? [] : [secret(`${path}.key`, "a function")]),
    ...(hint === undefined || isShort(hint, 128) ? [] : [secret(`${path}.hint`, "a text of at most 128 bytes")]),
  ];
}

/** An issue whose value may be a key in the wrong place. */
export function secret(option: string, expected: string): OptionIssue {
  return { option, value: undefined, expected, isSecret: true };
}

/** What is given; `undefined` is not. */
export function entriesOf(options: object): ReadonlyArray<[string, unknown]> {
  return Object.entries(options).filter(([, value]) => value !== undefined);
}

/** The names that are none. */
export function checkKeys(
  given: ReadonlyArray<[string, unknown]>,
  known: readonly string[],
  path: string,
): OptionIssue[] {
  return given
    .filter(([key]) => !known.includes(key))
    .map(([key]) => unknownOption(`${path}.${key}`, undefined, known));
}

function readCertificate(value: unknown): X509Certificate | undefined {
  if (!isPem(value)) return undefined;
  try {
    return new X509Certificate(toBuffer(value));
  } catch {
    return undefined;
  }
}

function toBuffer(pem: Pem): Buffer {
  return typeof pem === "string" ? Buffer.from(pem) : Buffer.from(pem);
}

function isPem(value: unknown): value is Pem {
  return typeof value === "string" || value instanceof Uint8Array;
}

function isPems(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isPem) : isPem(value);
}

function isCertificates(value: unknown): boolean {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.every((one) => readCertificate(one) !== undefined);
}

function isFlag(value: unknown): boolean {
  return typeof value === "boolean";
}

function isFunction(value: unknown): value is (...args: never) => unknown {
  return typeof value === "function";
}

function isShort(value: unknown, longest: number): boolean {
  return typeof value === "string" && Buffer.byteLength(value) <= longest;
}

function isProtocols(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((name) => name !== "" && isShort(name, 255));
}

function isVersion(value: unknown): boolean {
  return VERSIONS.has(value);
}

/** Whether OpenSSL knows any of it is found out when it is used. */
function isCipherList(value: unknown): boolean {
  return typeof value === "string" && value !== "" && /^[\w:!+@=,. -]+$/u.test(value);
}

function isTimeout(value: unknown): boolean {
  return typeof value === "number" && value >= 1 && value <= LONGEST_MS;
}

function isHostPattern(name: string): boolean {
  return isHostName(name.replace(/^\*\./u, ""));
}

export function isHostName(name: string): boolean {
  return /^(?:[\w-]{1,63}\.)*[\w-]{1,63}$/u.test(name);
}
