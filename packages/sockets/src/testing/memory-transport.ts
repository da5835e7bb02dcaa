import {
  type Address,
  type ConnectOptions,
  type ListenEvents,
  type ListenSocket,
  type ListenSocketOptions,
  type SocketEvents,
  type Transport,
  type TransportSocket,
  unixAddress,
} from "../transport.ts";

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
  readonly defer?: (run: () => void) => void;
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
}

/** A network inside this process: a transport for tests, without descriptors, timers or chance. */
export interface MemoryTransport extends Transport {
  /** The same network for a client at another address. `connect` of the transport itself comes from 127.0.0.1. */
  from(host: string): Transport;
  /** Ends of connections whose `closed` has not come. */
  readonly openSockets: number;
  /** Listening sockets whose `closed` has not come. */
  readonly openListeners: number;
}

/**
 * A network of its own; transports made by two calls do not see each other.
 *
 * It behaves as the TCP transport does, whose comment holds here as well. Addresses are taken as they are: a listening
 * socket is found by its port alone, or by its path.
 */
export function memoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  const network = new Network(options);
  const transport = (host: string): Transport => ({
    name: "memory",
    get hasRoom() {
      return network.hasRoom;
    },
    mostSockets: network.room,
    listen: (listenOptions, events) => new MemoryListenSocket(network, listenOptions, events),
    connect: (connectOptions, events) => MemorySocket.connect(network, host, connectOptions, events),
  });
  return {
    ...transport("127.0.0.1"),
    from: transport,
    // Once more, since the spread above has read it only once.
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

const LAST_PORT = 65535;
const FIRST_FREE_PORT = 49152;

/** What is common to all sockets of one transport. */
class Network {
  readonly capacity: number;
  readonly chunk: (bytes: number) => number;
  /** By port or path. */
  readonly listeners = new Map<number | string, MemoryListenSocket>();
  openSockets = 0;
  openListeners = 0;
  readonly room: number;
  readonly #defer: (run: () => void) => void;
  #port = FIRST_FREE_PORT - 1;

  constructor({
    capacity = 65536,
    defer = microtask,
    chunk = (bytes) => bytes,
    room = Infinity,
  }: MemoryTransportOptions) {
    this.capacity = capacity;
    this.room = room;
    this.chunk = chunk;
    this.#defer = defer;
  }

  get hasRoom(): boolean {
    return this.openSockets <= this.room;
  }

  /** A function that has `step` run later, once for all its calls until then. */
  later(step: () => void): () => void {
    let isDue = false;
    const run = (): void => {
      isDue = false;
      step();
    };
    return () => {
      if (isDue) return;
      isDue = true;
      this.#defer(run);
    };
  }

  freePort(): number {
    do this.#port = this.#port === LAST_PORT ? FIRST_FREE_PORT : this.#port + 1;
    while (this.listeners.has(this.#port));
    return this.#port;
  }
}

function microtask(run: () => void): void {
  void Promise.resolve().then(run);
}

class MemoryListenSocket implements ListenSocket {
  readonly #network: Network;
  readonly #events: ListenEvents;
  readonly #wake: () => void;
  readonly #address: Address;
  readonly #isBound: boolean;
  readonly #backlog: MemorySocket[] = [];
  #state: "opening" | "open" | "closed" = "opening";
  #isClosing = false;

  constructor(network: Network, { host = "::", port, path }: ListenSocketOptions, events: ListenEvents) {
    this.#network = network;
    this.#events = events;
    this.#wake = network.later(() => this.#step());
    const address = { host, port: port === 0 ? network.freePort() : port };
    this.#address = path === undefined ? address : unixAddress(path);
    this.#isBound = !network.listeners.has(placeOf(this.#address));
    if (this.#isBound) {
      network.listeners.set(placeOf(this.#address), this);
      network.openListeners += 1;
    }
    this.#wake();
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (!this.#isBound) return;
    this.#network.listeners.delete(placeOf(this.#address));
    for (const socket of this.#backlog.splice(0)) socket.close("reset");
    this.#wake();
  }

  /** A connection was made, which `accepted` will tell. */
  enqueue(socket: MemorySocket): void {
    this.#backlog.push(socket);
    this.#wake();
  }

  /** Tells one thing. */
  #step(): void {
    if (this.#state === "opening") this.#open();
    else if (this.#isClosing) this.#end();
    else {
      const socket = this.#backlog.shift();
      if (socket === undefined) return;
      this.#wake();
      this.#events.accepted(socket);
    }
  }

  #open(): void {
    this.#state = this.#isBound ? "open" : "closed";
    this.#wake();
    if (this.#isBound) this.#events.listening(this.#address);
    else this.#events.failed("EADDRINUSE");
  }

  #end(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#network.openListeners -= 1;
    this.#events.closed();
  }
}

/** By what a listening socket is found. */
function placeOf({ port, path }: Address): number | string {
  return path ?? port;
}

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

/**
 * One end of a connection.
 *
 * ```text
 * write → unsent → [capacity] inbox of the other end → data
 *  end  → once unsent is empty: FIN behind the inbox → end, once the inbox is empty
 * reset → both are thrown away                       → closed
 * ```
 *
 * Everything up to the inbox happens within the calls, as it does in an operating system; `#step` tells of it later, one
 * event at a time.
 */
class MemorySocket implements TransportSocket {
  readonly #network: Network;
  readonly #wake: () => void;
  readonly #localAddress: Address;
  readonly #peerAddress: Address;
  /** `gone`: nothing can be sent or received any more, and only `closed` is still to be told. */
  #state: "connecting" | "open" | "gone" | "closed" = "connecting";
  #other: MemorySocket | undefined;
  #events = NOBODY;
  #code: string | undefined;
  #peer: Address | undefined;
  #local: Address | undefined;

  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #bytesReceived = 0;
  #isFlowing = false;
  /** Was resumed at least once, and so looks at what comes in. */
  #isReading = false;
  /** The peer's FIN is behind the inbox. */
  #hasFin = false;
  #isEndSeen = false;
  /** An RST came that this end has not noticed. */
  #resetCode: string | undefined;

  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #bytesSent = 0;
  #isDrainDue = false;
  #isEnded = false;
  #isFinSent = false;
  #isClosing = false;

  private constructor(network: Network, localAddress: Address, peerAddress: Address) {
    this.#network = network;
    this.#localAddress = localAddress;
    this.#peerAddress = peerAddress;
    this.#wake = network.later(() => this.#step());
    network.openSockets += 1;
  }

  static connect(network: Network, host: string, options: ConnectOptions, events: SocketEvents): MemorySocket {
    const { path, localHost = host } = options;
    const socket =
      path === undefined
        ? new MemorySocket(
            network,
            { host: localHost, port: network.freePort() },
            { host: options.host, port: options.port },
          )
        : new MemorySocket(network, unixAddress(""), unixAddress(path));
    socket.#events = events;
    socket.#wake();
    return socket;
  }

  get peer(): Address | undefined {
    if (this.#state === "open" && this.#resetCode === undefined) this.#peer = this.#peerAddress;
    return this.#peer;
  }

  get local(): Address | undefined {
    if (this.#state === "open") this.#local = this.#localAddress;
    return this.#local;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  setEvents(events: SocketEvents): void {
    this.#events = events;
  }

  setOptions(): void {
    // Nothing waits here to join small packets, and no peer vanishes without a word.
  }

  resume(): void {
    this.#isFlowing = true;
    this.#startReading();
  }

  pause(): void {
    if (!this.#isClosing) this.#isFlowing = false;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isOver) return true;
    this.#bytesSent += bytes.length;
    if (this.#resetCode !== undefined) {
      this.#finish(this.#resetCode);
      return true;
    }
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    this.#transmit();
    if (this.#unsentBytes === 0) return true;
    this.#isDrainDue = true;
    return false;
  }

  end(): void {
    if (this.#isEnded || this.#isOver) return;
    this.#isEnded = true;
    this.#transmit();
  }

  close(how: "flush" | "now" | "reset"): void {
    if (this.#isOver) return;
    this.#isClosing = true;
    if (how === "flush") {
      this.end();
      this.resume();
      return;
    }
    const other = this.#other;
    const hasUnread = this.#inboxBytes > 0;
    this.#finish(undefined);
    if (other === undefined) return;
    if (how === "reset" || hasUnread) other.#receiveReset();
    else other.#receiveFin();
  }

  get #isOver(): boolean {
    return this.#state === "gone" || this.#state === "closed";
  }

  /** Tells one thing, and comes again as long as there was one. */
  #step(): void {
    if (this.#state === "connecting") this.#establish();
    else if (this.#state === "gone") this.#tellClosed();
    else if (this.#state === "closed") return;
    else if (this.#isDrainDue && this.#unsentBytes === 0) this.#tellDrain();
    else if (this.#inboxBytes > 0) this.#deliver();
    else if (this.#hasFin && this.#isReading && !this.#isEndSeen) this.#deliverFin();
  }

  /** The client's side of a connection; that of the server is made here. */
  #establish(): void {
    const listener = this.#network.listeners.get(placeOf(this.#peerAddress));
    if (listener === undefined) {
      this.#finish("ECONNREFUSED");
      return;
    }
    const other = new MemorySocket(this.#network, this.#peerAddress, this.#localAddress);
    other.#state = "open";
    other.#other = this;
    this.#state = "open";
    this.#other = other;
    listener.enqueue(other);
    this.#transmit();
    this.#wake();
    if (!this.#isClosing) this.#events.connected();
  }

  #tellClosed(): void {
    this.#state = "closed";
    this.#network.openSockets -= 1;
    this.#events.closed(this.#code);
  }

  #tellDrain(): void {
    this.#isDrainDue = false;
    this.#wake();
    this.#events.drain();
  }

  #deliver(): void {
    if (!this.#isFlowing) return;
    const wanted = this.#isClosing ? this.#inboxBytes : Math.trunc(this.#network.chunk(this.#inboxBytes));
    const bytes = this.#take(Math.min(Math.max(wanted, 1), this.#inboxBytes));
    if (this.#other !== undefined) this.#other.#transmit();
    this.#wake();
    if (this.#isClosing) return;
    this.#bytesReceived += bytes.length;
    this.#events.data(bytes);
  }

  #deliverFin(): void {
    if (this.#resetCode !== undefined && !this.#isEnded) {
      this.#finish(this.#resetCode);
      return;
    }
    this.#isEndSeen = true;
    this.#wake();
    this.#finishIfBothEnded();
    if (!this.#isClosing) this.#events.end();
  }

  /** The first `count` bytes of the inbox, no longer in it. */
  #take(count: number): Uint8Array {
    this.#inboxBytes -= count;
    const [first] = this.#inbox;
    if (first !== undefined && count < first.length) {
      this.#inbox[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    if (first !== undefined && count === first.length) {
      this.#inbox.shift();
      return first;
    }
    const taken = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      const chunk = this.#inbox.shift();
      if (chunk === undefined) break;
      const part = chunk.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length < chunk.length) this.#inbox.unshift(chunk.subarray(part.length));
    }
    return taken;
  }

  /** Moves what has room to the other end, and FIN when nothing is left. */
  #transmit(): void {
    const other = this.#other;
    if (this.#state !== "open" || other === undefined) return;
    if (this.#unsent.length > 0 && other.#isOver) {
      // The system takes the bytes, sends them, and gets an RST back.
      this.#dropUnsent();
      this.#receiveReset();
    }
    for (let [bytes] = this.#unsent; bytes !== undefined; [bytes] = this.#unsent) {
      const room = this.#network.capacity - other.#inboxBytes;
      if (room < bytes.length) {
        if (room > 0) {
          other.#receive(bytes.subarray(0, room));
          this.#unsent[0] = bytes.subarray(room);
          this.#unsentBytes -= room;
        }
        return;
      }
      other.#receive(bytes);
      this.#unsent.shift();
      this.#unsentBytes -= bytes.length;
    }
    if (this.#isDrainDue) this.#wake();
    if (!this.#isEnded || this.#isFinSent) return;
    this.#isFinSent = true;
    other.#receiveFin();
    this.#finishIfBothEnded();
  }

  /** Copies, because the writer may use its array again. */
  #receive(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#inbox.push(Uint8Array.from(bytes));
    this.#inboxBytes += bytes.length;
    this.#wake();
  }

  #receiveFin(): void {
    this.#hasFin = true;
    this.#wake();
  }

  #receiveReset(): void {
    if (this.#isOver) return;
    const code = this.#hasFin ? "EPIPE" : "ECONNRESET";
    if (this.#unsentBytes > 0 || (this.#isReading && !this.#hasFin)) this.#finish(code);
    else this.#resetCode = code;
  }

  #startReading(): void {
    this.#isReading = true;
    // FIN comes first, and one who has seen it reads no further.
    if (this.#resetCode !== undefined && !this.#hasFin && !this.#isOver) this.#finish(this.#resetCode);
    else this.#wake();
  }

  #finishIfBothEnded(): void {
    if (this.#isEndSeen && this.#isFinSent) this.#finish(undefined);
  }

  #finish(code: string | undefined): void {
    if (this.#isOver) return;
    this.#state = "gone";
    this.#code = code;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#dropUnsent();
    this.#wake();
  }

  #dropUnsent(): void {
    this.#unsent = [];
    this.#unsentBytes = 0;
  }
}
