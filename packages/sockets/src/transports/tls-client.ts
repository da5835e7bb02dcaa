import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { checkServerIdentity, connect, type ConnectionOptions, createSecureContext, type TLSSocket } from "node:tls";
import { InvalidOptionError } from "../errors.ts";
import type { Address, ConnectOptions, SocketEvents, Transport, TransportSocket } from "../transport.ts";
import { codeOf } from "./net-socket.ts";
import { type Handshake, type HandshakeOutcome, SecureSocket } from "./secure-socket.ts";
import { checkTlsClientOptions, type TlsClientOptions } from "./tls-client-options.ts";
import { readFacts } from "./tls-facts.ts";
import { toNode, withOpenSsl } from "./tls-node.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from "./tls-options.ts";

/**
 * What new connections of a client need for TLS: the options, checked, and what OpenSSL has made of them. It holds keys, so
 * it has nothing to show, in whatever way it is printed.
 */
export class TlsClientContext {
  readonly #path: string;
  #options: TlsClientOptions;
  #node: ConnectionOptions;

  /**
   * @param path - what the options are called in errors
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault, and no value
   */
  constructor(options: TlsClientOptions = {}, path = "tls") {
    this.#path = path;
    this.#options = options;
    this.#node = build(options, path);
  }

  /**
   * Changes options, for connections that are made from now on; those that are not given stay. If anything is wrong, all
   * stays as it was.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  reload(changes: TlsClientOptions): void {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    const options: TlsClientOptions = { ...this.#options, ...given };
    this.#node = build(options, this.#path);
    this.#options = options;
  }

  /** Opens a connection that is up when its handshake is done. */
  connect(over: Transport, to: ConnectOptions, events: SocketEvents): TransportSocket {
    const raw = over.connect(to, { connected() {}, data() {}, end() {}, drain() {}, closed() {} });
    let tls: TLSSocket | undefined;
    const shakeHands: Handshake = (stream, outcome) => {
      tls = this.#shakeHands(stream, outcome, to);
    };
    const fault = (): string | undefined => (tls?.errored ? codeOf(tls.errored) : undefined);
    return new ClientSocket(raw, shakeHands, fault, events);
  }

  /** Puts the client's end of TLS on a socket that is up; the certificate has to be for the host of `to`. */
  secure(socket: TransportSocket, to: ConnectOptions): SecureSocket {
    const handshake: Handshake = (stream, outcome) => this.#shakeHands(stream, outcome, to);
    return new SecureSocket(socket, handshake, DEFAULT_HANDSHAKE_TIMEOUT_MS);
  }

  /** A transport whose clients speak TLS; what listens is left as it is. */
  over(transport: Transport): Transport {
    return {
      name: transport.name,
      get hasRoom() {
        return transport.hasRoom;
      },
      listen: (options, events) => transport.listen(options, events),
      connect: (to, events) => this.connect(transport, to, events),
    };
  }

  toJSON(): string {
    return "TLS";
  }

  #shakeHands(stream: Duplex, outcome: HandshakeOutcome, to: ConnectOptions): TLSSocket {
    // A name is what servers choose their certificate by; an address is only checked against it.
    const servername = to.path !== undefined || isIP(to.host) > 0 ? "" : to.host;
    const tls = connect({ host: to.host, servername, ...this.#node, socket: stream });
    const onError = (error: Error): void => outcome.refused(codeOf(error));
    tls.on("error", onError);
    tls.once("secureConnect", () => {
      tls.off("error", onError);
      outcome.secured(tls, readFacts(tls, undefined));
    });
    return tls;
  }
}

function build(options: TlsClientOptions, path: string): ConnectionOptions {
  const issues = checkTlsClientOptions(options, path);
  if (issues.length > 0) throw new InvalidOptionError(issues);
  const { alpnProtocols, psk, servername, rejectUnauthorized = true, checkServerIdentity: check, ...rest } = options;
  return {
    secureContext: withOpenSsl(path, () => createSecureContext({ minVersion: "TLSv1.2", ...toNode(rest) })),
    rejectUnauthorized,
    ...(servername !== undefined && { servername }),
    ...(alpnProtocols !== undefined && { ALPNProtocols: [...alpnProtocols] }),
    ...(check !== undefined && { checkServerIdentity: check }),
    ...(psk !== undefined && {
      pskCallback: () => ({ identity: psk.identity, psk: psk.key }),
      ...(check === undefined && { checkServerIdentity: unlessWithoutCertificate }),
    }),
  };
}

/** A server that has proven itself by the key that both know has no certificate to be checked; any other has. */
const unlessWithoutCertificate: typeof checkServerIdentity = (host, certificate) =>
  Object.keys(certificate).length === 0 ? undefined : checkServerIdentity(host, certificate);

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
