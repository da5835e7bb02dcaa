import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** What is known of a TLS connection once its handshake is done. */
export interface TlsFacts {
  /** Such as `"TLSv1.3"`. */
  readonly protocol: string;
  /** The IANA name, such as `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher: string;
  /** The application protocol that both ends agreed on. */
  readonly alpn: string | undefined;
  /** The name that the client asked for (SNI). */
  readonly servername: string | undefined;
  /** The peer has shown a certificate, and it is good: the one to ask before `peerCertificate` is believed. */
  readonly isAuthorized: boolean;
  /** Why not, such as `"SELF_SIGNED_CERT_IN_CHAIN"`; undefined also when none was asked for. */
  readonly authorizationError: string | undefined;
  readonly peerCertificate: PeerCertificate | undefined;
  /** Under which name the client has used a key that both knew before. */
  readonly pskIdentity: string | undefined;
  /** The handshake was that of an earlier session. */
  readonly isResumed: boolean;
}

/** A certificate, for people and for deciding who somebody is. eSockd's `esockd_peercert`. */
export interface PeerCertificate {
  /** Such as `"CN=device-42,O=Example"`, the most particular part first. */
  readonly subject: string;
  readonly commonName: string | undefined;
  readonly subjectAltNames: SubjectAltNames;
  readonly issuer: string;
  readonly serialNumber: string;
  /** SHA-256, as pairs of hexadecimal digits with colons. */
  readonly fingerprint: string;
  /** As OpenSSL prints it: `"Nov 21 16:20:00 2026 GMT"`. */
  readonly validFrom: string;
  readonly validTo: string;
  /** The certificate itself (DER). */
  readonly raw: Uint8Array;
}

/** The other names of a certificate's subject. */
export interface SubjectAltNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
  readonly email: readonly string[];
  readonly uri: readonly string[];
}

/** Reads off a socket whose handshake is done. Later it may be gone, and tells nothing. */
export function readFacts(socket: TLSSocket, pskIdentity: string | undefined): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  const { servername, alpnProtocol } = socket;
  return {
    protocol: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher().standardName,
    alpn: typeof alpnProtocol === "string" && alpnProtocol !== "" ? alpnProtocol : undefined,
    servername: typeof servername === "string" && servername !== "" ? servername : undefined,
    isAuthorized: socket.authorized && certificate !== undefined,
    // Node types it as an error; it is the code.
    authorizationError: socket.authorizationError ? String(socket.authorizationError) : undefined,
    peerCertificate: certificate === undefined ? undefined : readCertificate(certificate),
    pskIdentity,
    isResumed: socket.isSessionReused(),
  };
}

function readCertificate(certificate: X509Certificate): PeerCertificate {
  const { serialNumber, fingerprint256, validFrom, validTo, raw } = certificate;
  return {
    subject: readName(certificate.subject),
    commonName: readCommonName(certificate),
    subjectAltNames: readAltNames(certificate.subjectAltName),
    issuer: readName(certificate.issuer),
    serialNumber,
    fingerprint: fingerprint256,
    validFrom,
    validTo,
    raw,
  };
}

/** Node has one part to a line, the most general first. A certificate may be without a subject. */
function readName(lines: string | undefined): string {
  return (lines ?? "").split("\n").toReversed().join(",");
}

/** Where there are several, the most particular one, which is the last. */
function readCommonName(certificate: X509Certificate): string | undefined {
  const { subject } = certificate.toLegacyObject() as { subject?: { readonly CN?: string | string[] } };
  const name = subject?.CN;
  return Array.isArray(name) ? name.at(-1) : name;
}

const KINDS: ReadonlyMap<string, keyof SubjectAltNames> = new Map([
  ["DNS", "dns"],
  ["IP Address", "ip"],
  ["email", "email"],
  ["URI", "uri"],
]);

/** Node's text is `DNS:a.example, IP Address:10.0.0.1`; a name with anything special in it is a JSON string. */
export function readAltNames(text: string | undefined): SubjectAltNames {
  const names = { dns: [] as string[], ip: [] as string[], email: [] as string[], uri: [] as string[] };
  for (const [, kind = "", quoted, plain = ""] of (text ?? "").matchAll(
    /([^:,]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/gu,
  )) {
    const known = KINDS.get(kind);
    if (known !== undefined) names[known].push(quoted === undefined ? plain : unquote(quoted));
  }
  return names;
}

function unquote(text: string): string {
  const value: unknown = JSON.parse(text);
  return String(value);
}
