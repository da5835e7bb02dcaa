import { type Deadline, type ExitReason, type Pid, Resource, type System } from "@espalier/actors";
import type { ConnectionEvent } from "./connection-event.ts";
import type { ListenerConfig } from "./options.ts";
import type { ProxyHeader } from "./proxy-protocol.ts";
import type { Received, Sent } from "./socket-request.ts";
import type { Address, TransportSocket } from "./transport.ts";
import { SecureSocket } from "./transports/secure-socket.ts";
import type { TlsFacts } from "./transports/tls-facts.ts";

/**
 * A socket with its options, and an actor to which it belongs: what is known of its two ends, and how the owner is told.
 * It does nothing by itself.
 */
export abstract class OwnedSocket extends Resource {
  /** Replaced when TLS is put on it. @internal */
  socket: TransportSocket;
  /** Those of the listener, shared with its other connections, until this one changes an option. @internal */
  settings: ListenerConfig;
  /** @internal */
  protected readonly system: System;
  #peername: Address;
  #proxy: ProxyHeader | undefined;

  /** @internal */
  constructor(system: System, socket: TransportSocket, peer: Address, config: ListenerConfig) {
    super();
    const { tls, startTls } = config;
    this.system = system;
    this.socket = tls === false || startTls || socket instanceof SecureSocket ? socket : tls.secure(socket);
    if (this.socket instanceof SecureSocket) this.socket.isAwaited = true;
    this.settings = config;
    this.#peername = peer;
  }

  get kind(): "socket" {
    return "socket";
  }

  /** The client's address: what the PROXY header says, if it says one, and otherwise that of the other end of the socket. */
  get peername(): Address {
    return this.#peername;
  }

  /** What the PROXY header says; undefined before `socketReady`, and where there was none. */
  get proxy(): ProxyHeader | undefined {
    return this.#proxy;
  }

  /** The other end of the socket: the proxy, where there is one. */
  get socketPeername(): Address | undefined {
    return this.socket.peer;
  }

  /** What was agreed on in the handshake, and who the peer is; undefined before the handshake is done, and without TLS. */
  get tls(): TlsFacts | undefined {
    return this.socket instanceof SecureSocket ? this.socket.tls : undefined;
  }

  /** This end's address; undefined when it is first asked for after the end of the connection. */
  get sockname(): Address | undefined {
    return this.socket.local;
  }

  /** Bytes sent and not yet handed to the system. */
  get unsentBytes(): number {
    return this.socket.unsentBytes;
  }

  get bytesReceived(): number {
    return this.socket.bytesReceived;
  }

  /** Unsent bytes included. */
  get bytesSent(): number {
    return this.socket.bytesSent;
  }

  // — For the server —————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * The peer has another address from now on, as those of datagrams may.
   *
   * @internal
   */
  moveTo(peer: Address): void {
    this.#peername = peer;
  }

  /** @internal */
  named(header: ProxyHeader | undefined): void {
    this.#proxy = header;
    if (header?.source !== undefined) this.#peername = header.source;
  }

  /** @internal */
  exitOwner(owner: Pid, reason: ExitReason): void {
    this.system.exit(owner, reason);
  }

  /** @internal */
  tell(actor: Pid, message: object): void {
    this.system.sendIo(actor, message);
  }

  /** @internal */
  now(): number {
    return this.system.now();
  }

  /** @internal */
  timer(run: () => void): Deadline | undefined {
    return this.deadline(run);
  }

  /** @internal */
  deliver(event: ConnectionEvent | Received | Sent): void {
    const owner = this.ownerPid;
    if (owner !== undefined) this.system.sendIo(owner, event);
  }
}
