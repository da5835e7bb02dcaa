import { InvalidOptionError } from "./errors.ts";
import type { Address, TransportSocket } from "./transport.ts";
import type { SecureSocket } from "./transports/secure-socket.ts";
import { ClientTls } from "./transports/client-tls.ts";
import { TlsClientContext } from "./transports/tls-client.ts";
import type { TlsClientOptions } from "./transports/tls-client-options.ts";
import { isServerTls, type ServerTls } from "./transports/server-tls.ts";
import { TlsContext } from "./transports/tls-context.ts";
import type { TlsOptions } from "./transports/tls-options.ts";

/** What a connection may be secured by: a listener's one by the first two, a client's one by the others. */
export type TlsMaterial = TlsContext | ServerTls | TlsOptions | ClientTls | TlsClientOptions;

/** One end of TLS, to be put on a connection in the middle. */
export interface TlsEnd {
  secure(socket: TransportSocket): SecureSocket;
  /** Whether bytes that have come in plain, and that nobody has had, can be the beginning of the handshake. */
  mayBegin(early: Uint8Array): boolean;
}

/**
 * The server's end.
 *
 * @param own - that of the listener
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
 */
export function serverEnd(material: TlsMaterial | undefined, own: ServerTls | false): TlsEnd {
  const context = toContext(material, own);
  return { secure: (socket) => context.secure(socket), mayBegin: isHandshake };
}

/**
 * The client's end.
 *
 * @param to - whose certificate the server has to show
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
 */
export function clientEnd(material: TlsMaterial | undefined, to: Address): TlsEnd {
  if (isServerTls(material)) throw misplaced("a TlsClientContext or options of one: this end is the client");
  const context = material instanceof ClientTls ? material : new TlsClientContext(material as TlsClientOptions);
  // It is the client that speaks first. What is there already, somebody has slipped in.
  return { secure: (socket) => context.secure(socket, to), mayBegin: () => false };
}

function toContext(material: TlsMaterial | undefined, own: ServerTls | false): ServerTls {
  if (isServerTls(material)) return material;
  if (material instanceof ClientTls) throw misplaced("a TlsContext or options of one: this end is the server");
  if (material !== undefined) return new TlsContext(material as TlsOptions);
  if (own === false) throw misplaced("given, here or as an option of the listener");
  return own;
}

/** What was given may have keys in it. */
function misplaced(expected: string): InvalidOptionError {
  return new InvalidOptionError([{ option: "tls", value: undefined, expected, isSecret: true }]);
}

const HANDSHAKE_RECORD = 22;

/** No protocol of lines begins so. */
function isHandshake(bytes: Uint8Array): boolean {
  return bytes[0] === HANDSHAKE_RECORD;
}
