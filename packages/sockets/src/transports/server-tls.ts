import type { TransportSocket } from "../transport.ts";
import type { SecureSocket } from "./secure-socket.ts";

/**
 * What puts the server's end of TLS on a socket: a `TlsContext`, or what stands in for it where nothing may differ from run to
 * run. All else of the server is the same for both.
 */
export interface ServerTls {
  /** How long a handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  secure(socket: TransportSocket): SecureSocket;
}

/** Whether this is one, and no options of one. The context of a client knows no time for the handshake. */
export function isServerTls(value: unknown): value is ServerTls {
  return (
    typeof value === "object" &&
    value !== null &&
    "secure" in value &&
    typeof value.secure === "function" &&
    "handshakeTimeoutMs" in value
  );
}
