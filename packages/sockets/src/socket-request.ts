/** Names one request to receive or to send: what asking for it answers, and its reply carries. Opaque. */
export interface SocketRequest {
  readonly kind: "receive" | "send";
}

/** What became of a request to receive. */
export type ReceiveOutcome =
  | { readonly ok: true; readonly data: Uint8Array }
  /**
   * `"closed"`: the connection has ended before there were so many bytes; `"timeout"`: they did not come in time;
   * `"idleTimeout"`: the client has sent nothing for `idleTimeoutMs`; or what the connection broke of, as its `error`
   * event has it.
   */
  | { readonly ok: false; readonly error: string };

/** What became of a request to send. */
export type SendOutcome =
  /** All of it was handed to the system. */
  | { readonly ok: true }
  /**
   * `"closed"`: the connection has ended before; `"timeout"`: it is still waiting for the client to read; or what the
   * connection broke of.
   */
  | { readonly ok: false; readonly error: string };

/** The reply to `asyncRecv`, as a message to the owner of the connection. eSockd's `inet_async`. */
export class Received {
  readonly type = "received";
  readonly request: SocketRequest;
  readonly outcome: ReceiveOutcome;

  constructor(request: SocketRequest, outcome: ReceiveOutcome) {
    this.request = request;
    this.outcome = outcome;
  }
}

/** The reply to `asyncSend`, as a message to the owner of the connection. eSockd's `inet_reply`. */
export class Sent {
  readonly type = "sent";
  readonly request: SocketRequest;
  readonly outcome: SendOutcome;

  constructor(request: SocketRequest, outcome: SendOutcome) {
    this.request = request;
    this.outcome = outcome;
  }
}
