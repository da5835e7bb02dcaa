import { createServer, Socket, type Server } from "node:net";
import { descriptors } from "./descriptors.ts";
import type {
  Address,
  ConnectOptions,
  ListenEvents,
  ListenSocket,
  ListenSocketOptions,
  SocketEvents,
  SocketOptions,
  Transport,
  TransportSocket,
} from "../transport.ts";

/**
 * TCP by Node's public `node:net`.
 *
 * What the interface leaves open, and is the same in the in-memory transport:
 *
 * - A socket that was never resumed reads nothing, so it hears of its peer's end or reset when it is resumed, or when it
 *   writes. One that was resumed and is paused goes on reading a little ahead: it may hear `end` with no byte before it,
 *   and a reset, while paused.
 * - `close("flush")` lingers. Once everything and the FIN are handed to the system, input is thrown away until the peer
 *   has sent its FIN too; then `closed` comes. Giving the socket back earlier would make the system answer whatever the
 *   peer still sends with RST, and an RST destroys bytes that the peer has not received yet. A peer that keeps its side
 *   open keeps the socket: whoever cannot wait calls `close("now")` after a while.
 * - `close("now")` with input that nobody has read, or a peer that writes afterwards, is an RST at the peer: the system
 *   does so. Otherwise the peer gets `end`.
 * - From `close` on, only `drain` (of a flush) and `closed` come.
 * - A peer that is reset after it got `end` hears of that at its second write (`EPIPE`), or not at all.
 */
export function tcpTransport(): Transport {
  return {
    name: "tcp",
    get hasRoom() {
      return descriptors.hasRoom;
    },
    listen: (options, events) => new TcpListenSocket(options, events),
    connect,
  };
}

function connect(options: ConnectOptions, events: SocketEvents): TransportSocket {
  const socket = new Socket({ allowHalfOpen: true });
  // Before the first listener and the connection, which would each make it read.
  socket.pause();
  if (options.noDelay) socket.setNoDelay(true);
  const owner = new TcpSocket(socket);
  owner.setEvents(events);
  socket.on("connect", onConnect);
  socket.connect({ host: options.host, port: options.port });
  return owner;
}

/**
 * What `accept(2)` reports of a connection that failed before it was accepted; the listening socket is as good as ever.
 * libuv itself passes over `ECONNABORTED`.
 */
const FAULTS_OF_ONE_CONNECTION: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENONET",
  "ENOPROTOOPT",
  "EOPNOTSUPP",
  "EPERM",
  "EPROTO",
]);

class TcpListenSocket implements ListenSocket {
  readonly #server: Server;
  readonly #events: ListenEvents;
  #state: "opening" | "open" | "closed" = "opening";
  #isCloseWanted = false;

  constructor({ host, port, backlog, noDelay, keepAlive }: ListenSocketOptions, events: ListenEvents) {
    this.#events = events;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay, keepAlive });
    this.#server.on("listening", () => this.#onListening());
    this.#server.on("connection", (socket) => events.accepted(new TcpSocket(socket)));
    this.#server.on("error", (error) => this.#onError(codeOf(error)));
    // Node's own: with the last connection when it was closed by `close`, and otherwise when a cluster takes it away.
    this.#server.on("close", () => this.#shut());
    // Without a host Node tries "::", which takes IPv4 in as well, and then "0.0.0.0".
    this.#server.listen(host === undefined ? { port, backlog } : { host, port, backlog });
  }

  close(): void {
    // Node forgets a server closed while its name is looked up; it would never say that it listens, nor that it failed.
    if (this.#state === "opening") this.#isCloseWanted = true;
    else this.#shut();
  }

  #onListening(): void {
    this.#state = "open";
    const address = this.#server.address();
    // Null or a path only of servers that are no TCP servers, or closed.
    if (address !== null && typeof address === "object") {
      this.#events.listening({ host: address.address, port: address.port });
    }
    if (this.#isCloseWanted) this.#shut();
  }

  #onError(code: string): void {
    if (this.#state === "opening") {
      this.#state = "closed";
      this.#events.failed(code);
    } else if (!FAULTS_OF_ONE_CONNECTION.has(code)) {
      this.#shut();
    }
  }

  #shut(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#server.close();
    // Not Node's "close" event, which waits for the connections.
    process.nextTick(() => this.#events.closed());
  }
}

/** Where Node's socket keeps ours, so that its listeners are shared functions and not closures of each connection. */
const OWNER = Symbol("owner");
type OwnedSocket = Socket & { readonly [OWNER]: TcpSocket };

function onConnect(this: OwnedSocket): void {
  this[OWNER].onConnect();
}

function onData(this: OwnedSocket, bytes: Uint8Array): void {
  this[OWNER].onData(bytes);
}

function onEnd(this: OwnedSocket): void {
  this[OWNER].onEnd();
}

function onError(this: OwnedSocket, error: Error): void {
  this[OWNER].onError(error);
}

function onClose(this: OwnedSocket): void {
  this[OWNER].onClose();
}

const NOTHING = new Uint8Array(0);

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

class TcpSocket implements TransportSocket {
  readonly #socket: Socket;
  #events = NOBODY;
  #peer: Address | undefined;
  #local: Address | undefined;
  #bytesReceived = 0;
  #bytesSent = 0;
  #isEnded = false;
  #isClosing = false;
  #isDrainDue = false;
  #onSent: ((error?: Error | null) => void) | undefined;
  #code: string | undefined;

  constructor(socket: Socket) {
    this.#socket = Object.assign(socket, { [OWNER]: this });
    descriptors.sockets += 1;
    // There is an error listener before anything can fail, and as long as the socket lives.
    socket.on("error", onError).on("close", onClose).on("data", onData).on("end", onEnd);
  }

  get peer(): Address | undefined {
    return (this.#peer ??= toAddress(this.#socket.remoteAddress, this.#socket.remotePort));
  }

  get local(): Address | undefined {
    // A name with several addresses is tried at one after the other, each time from another port.
    if (this.#socket.connecting) return undefined;
    return (this.#local ??= toAddress(this.#socket.localAddress, this.#socket.localPort));
  }

  /** A write that the system took in part counts as a whole until the rest is taken: that is all Node tells. */
  get unsentBytes(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength;
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

  setOptions({ noDelay, keepAlive }: SocketOptions): void {
    // Node asks the system only for what changes.
    this.#socket.setNoDelay(noDelay).setKeepAlive(keepAlive);
  }

  resume(): void {
    this.#socket.resume();
  }

  pause(): void {
    if (!this.#isClosing) this.#socket.pause();
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#isEnded || socket.destroyed) return true;
    this.#bytesSent += bytes.length;
    // Node's answer is about its high-water mark, and given before it tries to send.
    socket.write(bytes);
    if (socket.writableLength === 0) return true;
    if (!this.#isDrainDue) this.#askForDrain();
    return false;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.end(this.#isDrainDue ? this.#onSent : undefined);
  }

  close(how: "flush" | "now" | "reset"): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.#isClosing = true;
    if (how === "flush") {
      this.end();
      socket.resume();
      return;
    }
    // A connection that is not up has nothing to reset, and Node would wait for it.
    const canReset = how === "reset" && !socket.connecting;
    const isSendingFin = this.#isEnded && socket.writableLength === 0 && !socket.writableFinished;
    this.#isEnded = true;
    if (!canReset) socket.destroy();
    else if (isSendingFin) {
      // libuv refuses to reset just now, upon which Node would emit an error from within this call, never close, and keep
      // the descriptor for ever. The system has taken the FIN by the next turn.
      socket.once("finish", () => socket.resetAndDestroy());
    } else socket.resetAndDestroy();
  }

  onConnect(): void {
    if (!this.#isClosing) this.#events.connected();
  }

  onData(bytes: Uint8Array): void {
    if (this.#isClosing) return;
    this.#bytesReceived += bytes.length;
    this.#events.data(bytes);
  }

  onEnd(): void {
    if (!this.#isClosing && !this.#isReset()) this.#events.end();
  }

  onError(error: Error): void {
    this.#code = codeOf(error);
  }

  onClose(): void {
    descriptors.sockets -= 1;
    this.#events.closed(this.#code);
  }

  /**
   * The libuv of Node 20 takes a reset that came right behind bytes for an end, which would make a truncated stream look
   * complete. A write knows better, and one of no bytes sends nothing. If so, `closed` follows.
   */
  #isReset(): boolean {
    if (this.#isEnded) return false;
    this.#socket.write(NOTHING);
    return this.#socket.errored !== null;
  }

  /**
   * An empty write behind the others tells when they are gone. Node's "drain" event comes only after writes beyond its
   * high-water mark and not after `end`; a callback with every write would cost each one an allocation and a tick.
   */
  #askForDrain(): void {
    this.#isDrainDue = true;
    this.#onSent ??= (error) => this.#sent(error);
    this.#socket.write(NOTHING, this.#onSent);
  }

  #sent(error: Error | null | undefined): void {
    const socket = this.#socket;
    // A socket that was closed reports its lost writes as sent.
    if (!this.#isDrainDue || socket.destroyed || (error !== undefined && error !== null)) return;
    if (socket.writableLength === 0) {
      this.#isDrainDue = false;
      this.#events.drain();
    } else if (!this.#isEnded) {
      // More was written in the meantime. After `end` its own callback follows.
      this.#askForDrain();
    }
  }
}

/** On a socket for both families the system shows an IPv4 peer as IPv6. */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.)/i;

function toAddress(host: string | undefined, port: number | undefined): Address | undefined {
  return host === undefined || port === undefined ? undefined : { host: host.replace(MAPPED_IPV4, ""), port };
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
