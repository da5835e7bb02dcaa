import type { Deadline } from "@espalier/actors";
import type { SecureSocket } from "./transports/secure-socket.ts";

/** Why a connection ended before its handler had it: the detail of the `shutdown`, counted under its `type`. */
export type TlsFailure =
  /** The two could not agree, or a certificate is no good. `code` is that of Node or OpenSSL. */
  | { readonly type: "tlsHandshakeFailed"; readonly code: string }
  /** It was not done in time. */
  | { readonly type: "tlsHandshakeTimeout"; readonly timeoutMs: number }
  /** The peer ended the connection, or broke it, in the middle or before: a health check, often. */
  | { readonly type: "tlsHandshakeClosed" };

/** Who waits for the handshake. */
export interface HandshakeTaker {
  secured(): void;
  failed(failure: TlsFailure): void;
}

/** Node's own deadline, which is the same one, when it comes first. */
const TIMEOUT = "ERR_TLS_HANDSHAKE_TIMEOUT";
/** What the system says of a peer that is gone. */
const GONE: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"]);

/** A handshake under a deadline. It tells one outcome, unless it is stopped before. */
export class TlsHandshake {
  readonly #socket: SecureSocket;
  readonly #deadline: Deadline | undefined;
  #taker: HandshakeTaker | undefined;

  /** @param deadline - which calls `expire` */
  constructor(socket: SecureSocket, taker: HandshakeTaker, deadline: Deadline | undefined) {
    this.#socket = socket;
    this.#taker = taker;
    this.#deadline = deadline;
  }

  /**
   * @param early - what has been read already
   * @param spentMs - how much of the time the PROXY header has taken
   */
  start(early: readonly Uint8Array[], spentMs: number): void {
    this.#deadline?.arm(Math.max(0, this.#socket.handshakeTimeoutMs - spentMs));
    this.#socket.handshake(early, {
      secured: () => this.#take()?.secured(),
      failed: (code) => this.#fail(code),
    });
  }

  /** The outcome is not wanted any more; what was written goes out if the handshake is done all the same. */
  stop(): void {
    this.#take();
  }

  expire(): void {
    this.#take()?.failed({ type: "tlsHandshakeTimeout", timeoutMs: this.#socket.handshakeTimeoutMs });
  }

  #fail(code: string | undefined): void {
    const taker = this.#take();
    if (taker === undefined) this.#socket.close("now");
    else if (code === undefined || GONE.has(code)) taker.failed({ type: "tlsHandshakeClosed" });
    else if (code === TIMEOUT)
      taker.failed({ type: "tlsHandshakeTimeout", timeoutMs: this.#socket.handshakeTimeoutMs });
    else taker.failed({ type: "tlsHandshakeFailed", code });
  }

  #take(): HandshakeTaker | undefined {
    const taker = this.#taker;
    this.#taker = undefined;
    this.#deadline?.cancel();
    return taker;
  }
}
