import type { Address } from "../transport.ts";

/**
 * The line between a UDP listener and the system: for datagrams what `Transport` is for streams. UDP by `node:dgram` and
 * the in-memory network of tests implement it.
 *
 * It is also where DTLS is to be put in, which Node does not have: a transport around `udpTransport()`, given to a listener
 * as its option `transport`, with a session of some library of DTLS for each address that has finished its handshake:
 *
 *   bind        binds the one below, and hands on its `bound`, `failed`, `closed` and `sendFailed`
 *   received    of the one below: gives the datagram to the session of its sender. Without one: answers the first flight by
 *               the cookie exchange (RFC 6347, 4.2.1), and keeps nothing for who has not come back with the cookie. What a
 *               session has decrypted is `received` here, and what it has to say itself, as in a handshake, is sent below
 *   send        encrypts by the session of the receiver, and sends it below; false when there is none
 *   ended       when the peer has closed its session (without a code) or broken it (with that of the alert)
 *   forget      closes the session from here: its peer has been idle, its handler has ended, or the listener closes
 *   timers      of the handshake's retransmission belong to the library; `close` ends them all
 *
 * Nothing else of a listener differs: limits, access rules and counters are about what was decrypted.
 *
 * A transport calls the events it was given, each from the event loop and never from within a call to itself. It knows no
 * actors.
 */
export interface DatagramTransport {
  readonly name: string;
  /** Opens a socket. `events.bound` or `events.failed` comes first, and exactly one of them. */
  bind(options: DatagramSocketOptions, events: DatagramEvents): DatagramSocket;
}

/** The buffers that the system keeps for a socket: what is to be read (SO_RCVBUF), and what is to be sent (SO_SNDBUF). */
export type BufferName = "receiveBuffer" | "sendBuffer";

export interface DatagramSocketOptions {
  /** An address or a name. Absent: all addresses, IPv6 and IPv4. */
  readonly host?: string;
  /** 0: the system chooses one that is free, and `bound` tells which. */
  readonly port: number;
  /** Bytes that the system keeps for this socket until they are read (SO_RCVBUF). Absent: the system's default. */
  readonly receiveBuffer?: number;
  /** Bytes that the system keeps of what is sent (SO_SNDBUF). Absent: the system's default. */
  readonly sendBuffer?: number;
}

export interface DatagramEvents {
  bound(address: Address): void;
  /** The address could not be bound; `code` is the system's, such as `EADDRINUSE`. */
  failed(code: string): void;
  /** One datagram, which may be empty. The array is the receiver's to keep. */
  received(bytes: Uint8Array, from: Address): void;
  /**
   * A datagram could not be sent; `code` is the system's. `ECONNREFUSED` says that nobody listens at that address any
   * more. The socket is as good as before.
   */
  sendFailed(to: Address, code: string): void;
  /** The session of this peer is over: closed by the peer if there is no `code`. Only transports with sessions say so. */
  ended(peer: Address, code: string | undefined): void;
  /** The socket is gone: closed by `close`, or lost. */
  closed(): void;
}

export interface DatagramSocket {
  /**
   * Sends one datagram. The array belongs to the transport until it is sent. False: the system takes no more for now, and
   * the datagram is lost.
   */
  send(bytes: Uint8Array, to: Address): boolean;
  /**
   * Gives a buffer of the system another size, in bytes, while the socket is open. Answers the system's code if it refuses;
   * one that takes another size, as Linux does, has not refused. Absent: the size counts when the next socket is bound.
   */
  setBuffer?(which: BufferName, bytes: number): string | undefined;
  /** Nothing is expected from this peer any more: a transport with sessions ends its session. */
  forget?(peer: Address): void;
  /** `closed` follows. Closing twice does nothing. */
  close(): void;
}

/** The most bytes that a datagram over IPv4 can carry: 65535 less the headers of IP and UDP. */
export const LARGEST_DATAGRAM = 65_507;
