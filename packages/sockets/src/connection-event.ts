import type { ExitReason, From, ReplyOf } from "@espalier/actors";
import type { Connection } from "./connection.ts";
import type { ListenerConfig } from "./options.ts";
import type { PreambleFailure } from "./preamble.ts";

/** What a connection's handler is told. A machine's event union contains these; its own events stand beside them. */
export type ConnectionEvent = SocketEvent & {
  /** Which connection it is about, for an actor that owns many (`isShared` of `fromStart`). Absent for others, who have one. */
  readonly connection?: Connection;
};

type SocketEvent =
  /**
   * The socket belongs to this actor now, and may be activated. Comes first, and once. A connection whose PROXY header
   * does not come, or is refused, never gets that far: its actor is ended by an exit signal, and one that traps exits is
   * told an `error` behind it, with the type of a `ProxyFailure` as its reason. So it is with a TLS handshake that fails,
   * and the type of a `TlsFailure`.
   */
  | { readonly type: "socketReady" }
  /** The handshake that `startTls` has begun is done: all packets from here on, and none before, came over TLS. */
  | { readonly type: "secured" }
  /** One packet, as `packet` cuts them. The bytes are the handler's to keep. */
  | { readonly type: "data"; readonly data: Uint8Array }
  /**
   * The peer has closed its side, and all that it sent has been delivered. The last event of the socket; what is sent
   * still goes out, since the peer may read on.
   */
  | { readonly type: "closed" }
  /**
   * The connection broke. The last event of the socket. `reason`: the system's code, `frameTooLarge`, `badFrame`,
   * `sendTimeout`, `tooManyUnsentBytes`, `packetTimeout`, `keepaliveTimeout`; after `startTls` `plaintextBeforeTls`, or the
   * type of a `TlsFailure`. `detail`: that `TlsFailure` or `ProxyFailure` as a whole, whose `code` says what was wrong, an alert of
   * the peer among it, such as `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`. No key, certificate or byte of the peer is in it.
   */
  | { readonly type: "error"; readonly reason: string; readonly detail?: PreambleFailure }
  /** Nothing was read from the client for `idleTimeoutMs`, be it silent or not let in. It comes again after each further such time. */
  | { readonly type: "timeout" }
  /** The listener closes; the socket is still open. To be followed by the end of this actor. */
  | { readonly type: "shutdown"; readonly reason: ExitReason };

/**
 * What a machine gets of a call; `Calls` is a union of `Call`. `from` may be kept and answered later. Where there are
 * several sorts of calls, the compiler takes the answer to any of them.
 */
export type CallEvent<Calls> = [Calls] extends [never]
  ? never
  : { readonly type: "call"; readonly request: Calls; readonly from: From<ReplyOf<Calls, Calls>> };

/** What a connection's handler is started with: a machine's `input`, a server's and an async function's arguments. */
export interface ConnectionInput {
  readonly connection: Connection;
  /** The options of the listener, complete; of a client its own, with what only a listener has at the defaults. */
  readonly config: ListenerConfig;
}
