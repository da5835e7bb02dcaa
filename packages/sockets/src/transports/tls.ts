import { isIP } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { Address, ConnectOptions, SocketEvents, Transport, TransportSocket } from "../transport.ts";
import { codeOf } from "./net-socket.ts";
import { type Handshake, type HandshakeOutcome, SecureSocket } from "./secure-socket.ts";
import type { SocketStream } from "./socket-stream.ts";
import { tcpTransport } from "./tcp.ts";
import { TlsContext } from "./tls-context.ts";
import { readFacts } from "./tls-facts.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, type TlsOptions } from "./tls-options.ts";

/** What a client wants of TLS, in the words of `node:tls`. */
export type TlsClientOptions = Pick<
  ConnectionOptions,
  | "ALPNProtocols"
  | "ca"
  | "cert"
  | "checkServerIdentity"
  | "ciphers"
  | "key"
  | "maxVersion"
  | "minVersion"
  | "passphrase"
  | "pskCallback"
  | "rejectUnauthorized"
  | "servername"
>;

export interface TlsTransportOptions extends TlsOptions {
  /** What its clients want. */
  readonly client?: TlsClientOptions;
  /** What it stands on. @defaultValue TCP and unix sockets by `node:net` */
  readonly over?: Transport;
}

export interface TlsTransport extends Transport {
  /** Changes options for connections that are accepted from now on; those that are not given stay. */
  reload(changes: Partial<TlsOptions>): void;
}

/**
 * TLS over another transport. A socket is accepted before its handshake, so that nobody waits for a slow client; in a
 * socket server the handshake is that of the connection, under its deadline, and elsewhere it begins by itself. A listener
 * that has the option `tls` needs no such transport.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault
 */
export function tlsTransport({ client, over = tcpTransport(), ...options }: TlsTransportOptions): TlsTransport {
  const context = new TlsContext(options);
  return {
    name: "tls",
    get hasRoom() {
      return over.hasRoom;
    },
    get mostSockets() {
      return over.mostSockets ?? Infinity;
    },
    listen: (listening, events) =>
      over.listen(listening, {
        listening: (address) => events.listening(address),
        failed: (code) => events.failed(code),
        closed: () => events.closed(),
        accepted: (socket) => {
          const secure = context.secure(socket);
          events.accepted(secure);
          if (!secure.isAwaited) secure.handshake([], { secured() {}, failed: () => secure.close("now") });
        },
      }),
    connect: (to, events) => connect(over, to, client ?? {}, events),
    reload: (changes) => context.reload(changes),
  };
}

function connect(
  over: Transport,
  to: ConnectOptions,
  options: TlsClientOptions,
  events: SocketEvents,
): TransportSocket {
  const raw = over.connect(to, { connected() {}, data() {}, end() {}, drain() {}, closed() {} });
  return new ClientSocket(raw, (stream, outcome) => shakeHands(stream, outcome, to, options), events);
}

function shakeHands(
  stream: SocketStream,
  outcome: HandshakeOutcome,
  to: ConnectOptions,
  options: TlsClientOptions,
): void {
  // A name is what servers choose their certificate by; an address is only checked against it.
  const servername = to.path !== undefined || isIP(to.host) > 0 ? "" : to.host;
  const tls = connectTls({ host: to.host, servername, ...options, socket: stream });
  const onError = (error: Error): void => outcome.refused(codeOf(error));
  tls.on("error", onError);
  tls.once("secureConnect", () => {
    tls.off("error", onError);
    outcome.secured(tls, readFacts(tls, undefined));
  });
}

/** A client's end. It is connected when the handshake is done, and has no addresses before. */
class ClientSocket extends SecureSocket {
  readonly #connected: () => void;

  constructor(raw: TransportSocket, start: Handshake, events: SocketEvents) {
    super(raw, start, DEFAULT_HANDSHAKE_TIMEOUT_MS);
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

  protected override rawConnected(): void {
    // A server that goes away in the middle has not told why.
    this.handshake([], { secured: this.#connected, failed: (code = "ECONNRESET") => this.giveUp(code) });
  }
}
