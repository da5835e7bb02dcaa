import type { Address } from "../transport.ts";
import {
  type DatagramEvents,
  type DatagramSocket,
  type DatagramSocketOptions,
  type DatagramTransport,
  LARGEST_DATAGRAM,
} from "../udp/datagram-transport.ts";

export interface MemoryDatagramsOptions {
  /**
   * Runs one event later, never before it returns. In whatever order it runs them, what happens on one socket stays in
   * order.
   *
   * @defaultValue each in a microtask, in the order given
   */
  readonly defer?: (run: () => void) => void;
  /**
   * Whether the sender of a datagram to a port that nobody has is told so, by `sendFailed` with `ECONNREFUSED`. Linux does
   * not tell that to a socket with many peers.
   *
   * @defaultValue false
   */
  readonly refuses?: boolean;
}

/** A network for datagrams inside this process, for tests: it loses none, and keeps their order. */
export interface MemoryDatagrams extends DatagramTransport {
  /** The same network at another address: sockets that are bound without a host have this one. */
  from(host: string): DatagramTransport;
  /** Sockets whose `closed` has not come. */
  readonly openSockets: number;
}

/**
 * A network of its own; transports made by two calls do not see each other. A client is a socket that is bound to port 0.
 * Addresses are taken as they are: a socket is found by its port alone.
 */
export function memoryDatagrams(options: MemoryDatagramsOptions = {}): MemoryDatagrams {
  const network = new DatagramNetwork(options);
  const at = (host: string): DatagramTransport => ({
    name: "memory",
    bind: (socketOptions, events) => new MemoryDatagramSocket(network, { host, ...socketOptions }, events),
  });
  return {
    ...at("127.0.0.1"),
    from: at,
    get openSockets() {
      return network.openSockets;
    },
  };
}

const LAST_PORT = 65535;
const FIRST_FREE_PORT = 49152;

/** What is common to all sockets of one network. */
class DatagramNetwork {
  readonly sockets = new Map<number, MemoryDatagramSocket>();
  readonly defer: (run: () => void) => void;
  readonly refuses: boolean;
  openSockets = 0;
  #port = FIRST_FREE_PORT - 1;

  constructor({ defer = microtask, refuses = false }: MemoryDatagramsOptions) {
    this.defer = defer;
    this.refuses = refuses;
  }

  freePort(): number {
    do this.#port = this.#port === LAST_PORT ? FIRST_FREE_PORT : this.#port + 1;
    while (this.sockets.has(this.#port));
    return this.#port;
  }
}

function microtask(run: () => void): void {
  void Promise.resolve().then(run);
}

class MemoryDatagramSocket implements DatagramSocket {
  readonly #network: DatagramNetwork;
  readonly #events: DatagramEvents;
  readonly #address: Address;
  /** What is still to be told, in order. */
  readonly #news: Array<() => void> = [];
  readonly #isBound: boolean;
  #isClosed = false;

  constructor(network: DatagramNetwork, { host = "127.0.0.1", port }: DatagramSocketOptions, events: DatagramEvents) {
    this.#network = network;
    this.#events = events;
    this.#address = { host, port: port === 0 ? network.freePort() : port };
    this.#isBound = !network.sockets.has(this.#address.port);
    if (this.#isBound) {
      network.sockets.set(this.#address.port, this);
      network.openSockets += 1;
      this.#tell(() => events.bound(this.#address));
    } else {
      this.#tell(() => events.failed("EADDRINUSE"));
    }
  }

  send(bytes: Uint8Array, to: Address): boolean {
    if (this.#isClosed || !this.#isBound) return false;
    const receiver = this.#network.sockets.get(to.port);
    if (bytes.length > LARGEST_DATAGRAM) this.#tell(() => this.#events.sendFailed(to, "EMSGSIZE"));
    // Copied, because the sender may use its array again.
    else if (receiver !== undefined) receiver.#receive(Uint8Array.from(bytes), this.#address);
    else if (this.#network.refuses) this.#tell(() => this.#events.sendFailed(to, "ECONNREFUSED"));
    return true;
  }

  close(): void {
    if (this.#isClosed || !this.#isBound) return;
    this.#isClosed = true;
    this.#network.sockets.delete(this.#address.port);
    this.#tell(() => {
      this.#network.openSockets -= 1;
      this.#events.closed();
    });
  }

  #receive(bytes: Uint8Array, from: Address): void {
    this.#tell(() => {
      if (!this.#isClosed) this.#events.received(bytes, from);
    });
  }

  #tell(news: () => void): void {
    this.#news.push(news);
    this.#network.defer(() => this.#news.shift()?.());
  }
}
