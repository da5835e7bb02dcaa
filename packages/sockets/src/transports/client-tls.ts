import type { Duplex } from "node:stream";
import type { Address, ConnectOptions, SocketEvents, Transport, TransportSocket } from "../transport.ts";
import { codeOf } from "./net-socket.ts";
import { type Handshake, type HandshakeOutcome, SecureSocket } from "./secure-socket.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from "./tls-options.ts";

/**
 * What puts the client's end of TLS on a socket: a `TlsClientContext`, or what stands in for it where nothing may differ from
 * run to run. All else of the client is the same for both.
 */
export abstract class ClientTls {
  /** Opens a connection that is up when its handshake is done. */
  connect(over: Transport, to: ConnectOptions, events: SocketEvents): TransportSocket {
    const raw = over.connect(to, { connected() {}, data() {}, end() {}, drain() {}, closed() {} });
    let tls: Duplex | undefined;
    const shakeHands: Handshake = (stream, outcome) => {
      tls = this.shakeHands(stream, outcome, to, raw);
    };
    const fault = (): string | undefined => (tls?.errored ? codeOf(tls.errored) : undefined);
    return new ClientSocket(raw, shakeHands, fault, events);
  }

  /** Puts the client's end of TLS on a socket that is up; the certificate has to be for the host of `to`. */
  secure(socket: TransportSocket, to: ConnectOptions): SecureSocket {
    const handshake: Handshake = (stream, outcome) => void this.shakeHands(stream, outcome, to, socket);
    return new SecureSocket(socket, handshake, DEFAULT_HANDSHAKE_TIMEOUT_MS);
  }

  /** A transport whose clients speak TLS; what listens is left as it is. */
  over(transport: Transport): Transport {
    return {
      name: transport.name,
      get hasRoom() {
        return transport.hasRoom;
      },
      get mostSockets() {
        return transport.mostSockets ?? Infinity;
      },
      canReusePort: transport.canReusePort === true,
      ...(transport.reusePortNeeds !== undefined && { reusePortNeeds: transport.reusePortNeeds }),
      listen: (options, events) => transport.listen(options, events),
      connect: (to, events) => this.connect(transport, to, events),
    };
  }

  toJSON(): string {
    return "TLS";
  }

  /**
   * Has TLS stand on a stream, and tells how the handshake ends.
   *
   * @param socket - what the stream stands on
   * @returns what stands on it, whose error is why a handshake has failed of which nothing was told
   */
  protected abstract shakeHands(
    stream: Duplex,
    outcome: HandshakeOutcome,
    to: ConnectOptions,
    socket: TransportSocket,
  ): Duplex;
}

/** A client's end. It is connected when the handshake is done, and has no addresses before. */
class ClientSocket extends SecureSocket {
  readonly #connected: () => void;
  readonly #fault: () => string | undefined;

  /** @param fault - why the handshake has failed, as far as it is known */
  constructor(raw: TransportSocket, start: Handshake, fault: () => string | undefined, events: SocketEvents) {
    super(raw, start, DEFAULT_HANDSHAKE_TIMEOUT_MS);
    this.#fault = fault;
    this.#connected = () => {
      if (!this.isClosing) this.events.connected();
    };
    this.setEvents(events);
  }

  override get peer(): Address | undefined {
    return this.tls === undefined ? undefined : super.peer;
  }

  override get local(): Address | undefined {
    return this.tls === undefined ? undefined : super.local;
  }

  override get isToShakeHands(): boolean {
    return false;
  }

  protected override get fault(): string | undefined {
    return this.#fault();
  }

  protected override rawConnected(): void {
    // A server that goes away in the middle has not told why.
    this.handshake([], {
      secured: this.#connected,
      failed: (code = this.fault ?? "ECONNRESET") => this.giveUp(code),
    });
  }
}
