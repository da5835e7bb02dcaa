import {
  type ConnectOptions,
  type ListenEvents,
  type ListenSocket,
  type ListenSocketOptions,
  type SocketEvents,
  tcpTransport,
  type Transport,
  type TransportSocket,
} from "@espalier/sockets";
import { LOOPBACK } from "./loopback.ts";
import { ObservedSocket, type Observer } from "./observed-socket.ts";

/**
 * TCP for a server of which it is to be known what it has read: on the loopback interface only, and on ports that are free
 * whatever it asks for. A connection that comes through a proxy is one of the proxy's client; any other, such as one of the
 * server's own clients, is as it is.
 */
export class ObservedTransport implements Transport {
  readonly name = "tcp";
  readonly hasRoom = true;
  openSockets = 0;
  openListeners = 0;
  /** Of the open sockets, those of connections that have come through no proxy. */
  unproxied = 0;
  readonly #onChange: () => void;
  readonly #inner = tcpTransport();
  /** By the port that was asked for: the one that there is. */
  readonly #ports = new Map<number, number>();
  /** By the port that they come from: who wants to know of them, and those that nobody has asked for yet. */
  readonly #observers = new Map<number, Observer>();
  readonly #waiting = new Map<number, (observer?: Observer) => void>();
  /** So many connections of proxies are under way. */
  #announced = 0;

  /** @param onChange - called when a socket has come or is gone */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  listen(options: ListenSocketOptions, events: ListenEvents): ListenSocket {
    const { path: _, reusePort: __, port: asked, ...rest } = options;
    const port = this.#ports.get(asked) ?? 0;
    this.openListeners += 1;
    const over = (tell: () => void): void => {
      this.openListeners -= 1;
      tell();
      this.#onChange();
    };
    return this.#inner.listen(
      { ...rest, host: LOOPBACK, port },
      {
        listening: (address) => {
          if (asked !== 0) this.#ports.set(asked, address.port);
          events.listening(address);
        },
        failed: (code) => over(() => events.failed(code)),
        accepted: (socket) => this.#accepted(socket, events),
        closed: () => over(() => events.closed()),
      },
    );
  }

  connect(options: ConnectOptions, events: SocketEvents): TransportSocket {
    const { path: _, localHost: __, port, ...rest } = options;
    return this.#inner.connect({ ...rest, host: LOOPBACK, port: this.portFor(port) }, events);
  }

  /** Where whoever asked for this port listens. */
  portFor(asked: number): number {
    return this.#ports.get(asked) ?? asked;
  }

  /**
   * A proxy begins to connect. What is returned is to be called once it has: the connection that comes from this port is
   * observed, and accepted when that is known; or without a port, when nothing has come of it.
   */
  announce(observer: Observer): (port?: number) => void {
    this.#announced += 1;
    return (port) => {
      this.#announced -= 1;
      if (port !== undefined) this.#observe(port, observer);
      if (this.#announced > 0) return;
      // Whoever else has come is nobody's client.
      const unproxied = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const accept of unproxied) accept();
    };
  }

  /** What this end of a connection is called. */
  nameOf(socket: TransportSocket): string | undefined {
    return socket instanceof ObservedSocket ? socket.name : undefined;
  }

  #observe(port: number, observer: Observer): void {
    const accept = this.#waiting.get(port);
    if (accept === undefined) this.#observers.set(port, observer);
    this.#waiting.delete(port);
    accept?.(observer);
  }

  #accepted(socket: TransportSocket, events: ListenEvents): void {
    this.openSockets += 1;
    const accept = (observer?: Observer): void => {
      if (observer === undefined) this.unproxied += 1;
      const { name, host } = observer ?? { name: "", host: LOOPBACK };
      const onClosed = (): void => {
        this.openSockets -= 1;
        if (observer === undefined) this.unproxied -= 1;
        this.#onChange();
      };
      events.accepted(
        new ObservedSocket(socket, { name, host, onRead: (bytes) => observer?.onRead?.(bytes), onClosed }),
      );
      this.#onChange();
    };
    const port = socket.peer?.port;
    // It was gone before it could be asked.
    if (port === undefined) {
      accept({ name: "", host: LOOPBACK });
      return;
    }
    const observer = this.#observers.get(port);
    this.#observers.delete(port);
    if (observer === undefined && this.#announced > 0) this.#waiting.set(port, accept);
    else accept(observer);
  }
}
