import type { LengthHeader } from "./framing.ts";

/**
 * The line between the server and the operating system. Everything above it is the same for TCP, for the in-memory
 * transport of tests and for a user's own; one parity suite runs on all of them.
 *
 * A transport calls the events it was given, each from the event loop and never from within a call to itself, so that
 * nothing above has to expect its own stack below. It knows no actors.
 */
export interface Transport {
  readonly name: string;
  /** False: what sockets are made of, descriptors for one, is as good as used up; new connections should be refused. */
  readonly hasRoom: boolean;
  /** How many sockets there can be at once, as far as it is known. Absent: nothing is known of a limit. */
  readonly mostSockets?: number;
  /** Whether several listening sockets can share one port (SO_REUSEPORT). Absent: they cannot. */
  readonly canReusePort?: boolean;
  /** What it would take if they cannot, such as `"Node 23.1"`. Absent: nothing helps. */
  readonly reusePortNeeds?: string;
  /**
   * Opens a listening socket. `events.listening` or `events.failed` comes first, and exactly one of them. Sockets are
   * accepted paused.
   */
  listen(options: ListenSocketOptions, events: ListenEvents): ListenSocket;
  /** Opens a connection as a client; `events.connected` or `events.closed` comes first. The socket is paused. */
  connect(options: ConnectOptions, events: SocketEvents): TransportSocket;
}

/** One end of a connection. */
export interface Address {
  /** {@link UNIX_HOST} for a unix socket. */
  readonly host: string;
  /** 0 for a unix socket. */
  readonly port: number;
  /** Of a unix socket, and of nothing else: its file; `""` for one without a name, as clients are. */
  readonly path?: string;
}

/**
 * What stands for the host in the address of a unix socket, as in the rules of nginx. It is no name that a host can have.
 */
export const UNIX_HOST = "unix:";

/** The address of a unix socket. */
export function unixAddress(path: string): Address & { readonly path: string } {
  return { host: UNIX_HOST, port: 0, path };
}

/** What the system does with a connection. */
export interface SocketOptions {
  /** Sends small packets at once instead of waiting to join them (TCP_NODELAY). */
  readonly noDelay: boolean;
  /** Probes a peer that is silent, to find out that it has vanished (SO_KEEPALIVE). */
  readonly keepAlive: boolean;
}

/** The options of the sockets that are accepted are given with the others. */
export interface ListenSocketOptions extends SocketOptions {
  /** Absent: all addresses, IPv6 and IPv4. */
  readonly host?: string;
  /** 0: the system chooses one that is free, and `listening` tells which. */
  readonly port: number;
  /** A unix socket; host and port mean nothing then. */
  readonly path?: string;
  /** Who may connect to a unix socket: the permissions of its file. Absent: what the umask of the process leaves. */
  readonly mode?: number;
  readonly backlog: number;
  /** Shares the port with all others that do so too, of this process or another (SO_REUSEPORT). Absent: false. */
  readonly reusePort?: boolean;
}

/** Where to connect to: an {@link Address} will do. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** A unix socket; host and port mean nothing then. */
  readonly path?: string;
  /** The address of this machine to connect from. Absent: what the system chooses. */
  readonly localHost?: string;
  readonly noDelay?: boolean;
}

export interface ListenEvents {
  listening(address: Address): void;
  /** The address could not be bound; `code` is the system's, such as `EADDRINUSE`. */
  failed(code: string): void;
  /** A connection came in. It is paused and belongs to the receiver, who must set its events in the same turn. */
  accepted(socket: TransportSocket): void;
  /** A connection failed before it was accepted, by the system's code. The listening socket is as good as before. */
  acceptFailed?(code: string): void;
  /** The listening socket is gone: closed by `close`, or lost. */
  closed(): void;
}

export interface ListenSocket {
  /** Stops listening; connections stay. `closed` follows. Closing twice does nothing. */
  close(): void;
}

export interface SocketEvents {
  /** A client's connection is up. */
  connected(): void;
  /** Bytes came in. The array is the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** The peer will send nothing more; it may still read. */
  end(): void;
  /** After a write that answered false, and after `unsent`: everything has been handed to the system. */
  drain(): void;
  /**
   * Of what `write` took not all could be handed to the system in the end: from here on it is as if `write` had answered
   * false. Absent: one hears only of the `drain`.
   */
  unsent?(): void;
  /** The connection is over, and nothing follows. `code`: the system's error, undefined for an orderly end. */
  closed(code: string | undefined): void;
}

export interface TransportSocket {
  /** Undefined when the peer was gone before anybody asked. */
  readonly peer: Address | undefined;
  readonly local: Address | undefined;
  /** Bytes written and not yet handed to the system. To look hands over what was kept for one write. */
  readonly unsentBytes: number;
  readonly bytesReceived: number;
  /** Bytes written, unsent ones included. */
  readonly bytesSent: number;
  /** The most bytes that one write can carry. Absent: any number. */
  readonly largestWrite?: number;
  /** Who hears of this socket from now on. */
  setEvents(events: SocketEvents): void;
  /** A system that has no such option ignores it; after the end of the connection it does nothing. */
  setOptions(options: SocketOptions): void;
  /** Lets `data` come. */
  resume(): void;
  /** No `data` comes after this call returns, until `resume`. */
  pause(): void;
  /**
   * Sends bytes in order. The array belongs to the transport until they are sent. False: not all could be handed to the
   * system at once, and `drain` will come. After the end of the connection it does nothing and answers true.
   *
   * What is written while `data` of the same socket is being handled may be kept and handed over together, when `data`
   * returns or anything else is asked of the socket, and what is written otherwise at the end of the tick; should the system
   * not take all of that, `unsent` tells.
   */
  write(bytes: Uint8Array): boolean;
  /**
   * As `write` of a packet with its length before it, for a socket that can put it together where it leaves from. The data
   * is the caller's again when this returns. Absent: there is only `write`.
   *
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length; nothing is sent then
   */
  writeFrame?(header: LengthHeader, data: Uint8Array | string): boolean;
  /** Sends FIN once everything written is sent; reading goes on. */
  end(): void;
  /**
   * Ends the connection. `"flush"`: what is written is sent, then FIN, and what still comes is discarded until the peer
   * has ended too; whoever cannot wait for that overtakes it. `"now"`: at once, unsent bytes are lost. `"reset"`: at
   * once, with RST where there is such a thing. `closed` follows. Closing twice does nothing, except that a stronger way overtakes a weaker one.
   */
  close(how: "flush" | "now" | "reset"): void;
}
