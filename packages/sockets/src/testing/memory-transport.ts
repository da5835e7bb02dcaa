import type { Transport, TransportSocket } from "../transport.ts";
import { MemoryListenSocket } from "./memory-listen-socket.ts";
import { LOCAL_HOST, Network } from "./memory-network.ts";
import { MemorySocket } from "./memory-socket.ts";
import { type Defer, fairWeather, type Weather } from "./weather.ts";

export interface MemoryTransportOptions {
  /**
   * Bytes that one direction of a connection holds between its writer and a reader that does not read.
   *
   * @defaultValue 65536
   */
  readonly capacity?: number;
  /**
   * Runs one event later, never before it returns. In whatever order it runs them, what happens on one socket stays in
   * order; so a random order tries out the interleavings of several sockets.
   *
   * @defaultValue each in a microtask, in the order given
   */
  readonly defer?: Defer;
  /**
   * How many of `bytes` waiting bytes the next `data` brings; kept between 1 and `bytes`.
   *
   * @defaultValue all of them, however they were written
   */
  readonly chunk?: (bytes: number) => number;
  /**
   * For how many ends of connections there is room, as descriptors are limited.
   *
   * @defaultValue Infinity
   */
  readonly room?: number;
  /**
   * What a simulator makes of each end of each connection: when it hears of what, in which pieces, and what goes wrong.
   * It stands in place of `defer` and `chunk`.
   *
   * @defaultValue nothing goes wrong
   */
  readonly weather?: Weather;
}

/** A network inside this process: a transport for tests, without descriptors, timers or chance. */
export interface MemoryTransport extends Transport {
  /** The same network for a client at another address. `connect` of the transport itself comes from 127.0.0.1. */
  from(host: string): Transport;
  /** What this end of a connection is called in `weather`; undefined for a socket of another transport. */
  nameOf(socket: TransportSocket): string | undefined;
  /**
   * Cuts a connection, as when a host or the way to it vanishes: neither end hears of the other any more. What has arrived
   * is still told.
   */
  sever(socket: TransportSocket): void;
  /** Ends of connections whose `closed` has not come. */
  readonly openSockets: number;
  /** Listening sockets whose `closed` has not come. */
  readonly openListeners: number;
}

/**
 * A network of its own; transports made by two calls do not see each other.
 *
 * It behaves as the TCP transport does, whose comment holds here as well. Addresses are taken as they are: a listening
 * socket is found by its port alone, or by its path. Sockets that share a port get its connections in turn.
 */
export function memoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  const { capacity = 65536, room = Infinity, defer = microtask, chunk = all } = options;
  const network = new Network(capacity, room, options.weather ?? fairWeather(defer, chunk));
  const transport = (host: string): Transport => ({
    name: "memory",
    get hasRoom() {
      return network.hasRoom;
    },
    mostSockets: network.room,
    canReusePort: true,
    listen: (listenOptions, events) => new MemoryListenSocket(network, listenOptions, events),
    connect: (connectOptions, events) => MemorySocket.connect(network, host, connectOptions, events),
  });
  return {
    from: transport,
    nameOf: (socket) => (socket instanceof MemorySocket ? socket.name : undefined),
    sever: (socket) => {
      if (socket instanceof MemorySocket) socket.sever();
    },
    ...transport(LOCAL_HOST),
    // Once more, since the spread has read it only once.
    get hasRoom() {
      return network.hasRoom;
    },
    get openSockets() {
      return network.openSockets;
    },
    get openListeners() {
      return network.openListeners;
    },
  };
}

function microtask(run: () => void): void {
  void Promise.resolve().then(run);
}

function all(bytes: number): number {
  return bytes;
}
