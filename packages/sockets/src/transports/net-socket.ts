import type { NetConnectOpts, Socket } from "node:net";
import { Readable } from "node:stream";
import { descriptors } from "./descriptors.ts";
import type { Address, SocketEvents, SocketOptions, TransportSocket } from "../transport.ts";
import { encodeFrame, type LengthHeader } from "../framing.ts";
import { type LateSocket, LateWrites } from "./late-writes.ts";
import { turn, type TurnSocket } from "./turn.ts";

/** Where Node's socket keeps ours, so that its listeners are shared functions and not closures of each connection. */
const OWNER = Symbol("owner");
type OwnedSocket = Socket & { readonly [OWNER]: NetSocket };

function onConnect(this: OwnedSocket): void {
  this[OWNER].onConnect();
}

function onData(this: OwnedSocket, bytes: Uint8Array): void {
  this[OWNER].onData(bytes);
}

/**
 * What has just been read goes straight to whoever waits for it: Node's stream would hand on the same bytes, and then look
 * in a tick of its own whether there are more. Where the stream holds some, or is paused, it has these too, as it has all
 * of them on a Node that no longer reads by `push`.
 */
function push(this: OwnedSocket, bytes: Uint8Array | null): boolean {
  if (bytes === null || this.readableFlowing !== true || this.readableLength > 0) {
    return Readable.prototype.push.call(this, bytes);
  }
  this[OWNER].onData(bytes);
  return true;
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

/** The addresses of a connection. */
export interface Ends {
  readonly peer: Address;
  readonly local: Address;
}

const NOTHING = new Uint8Array(0);

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

/** A connection by Node's public `node:net`. */
export class NetSocket implements TransportSocket, TurnSocket, LateSocket {
  readonly #socket: Socket;
  readonly #ends: Ends | undefined;
  #events = NOBODY;
  #peer: Address | undefined;
  #local: Address | undefined;
  #bytesReceived = 0;
  #bytesSent = 0;
  #isEnded = false;
  #isClosing = false;
  /** As of the last write: Node's own count is behind two getters. */
  #hasUnsent = false;
  #isDrainDue = false;
  #onSent: ((error?: Error | null) => void) | undefined;
  /** Made when it is first written to outside of its turn. */
  #late: LateWrites | undefined;
  #code: string | undefined;

  /** @param ends - the addresses of a unix socket, of which Node knows none */
  constructor(socket: Socket, ends?: Ends) {
    this.#socket = Object.assign(socket, { [OWNER]: this, push });
    this.#ends = ends;
    descriptors.sockets += 1;
    // There is an error listener before anything can fail, and as long as the socket lives.
    socket.on("error", onError).on("close", onClose).on("data", onData).on("end", onEnd);
  }

  /** A connection as a client. */
  static connect(socket: Socket, to: NetConnectOpts, events: SocketEvents, ends?: Ends): NetSocket {
    dial(socket, to);
    const owner = new NetSocket(socket, ends);
    owner.setEvents(events);
    socket.on("connect", onConnect);
    return owner;
  }

  get peer(): Address | undefined {
    return (this.#peer ??= this.#read("peer", this.#socket.remoteAddress, this.#socket.remotePort));
  }

  get local(): Address | undefined {
    // A name with several addresses is tried at one after the other, each time from another port.
    if (this.#socket.connecting) return undefined;
    return (this.#local ??= this.#read("local", this.#socket.localAddress, this.#socket.localPort));
  }

  /** A write that the system took in part counts as a whole until the rest is taken: that is all Node tells. */
  get unsentBytes(): number {
    this.#flush();
    // Most sockets have nothing, and inspectors ask thousands of them.
    return !this.#hasUnsent || this.#socket.destroyed ? 0 : this.#socket.writableLength;
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
    if (this.#isEnded) return true;
    this.#bytesSent += bytes.length;
    if (!this.#hasUnsent && (turn.isOf(this) ? turn.take(bytes) : this.#takeLate(bytes))) return true;
    const isSent = this.sendNow(bytes);
    if (!isSent && !this.#isDrainDue) this.#askForDrain();
    return isSent;
  }

  writeFrame(header: LengthHeader, data: Uint8Array | string): boolean {
    const size = this.#isEnded || this.#hasUnsent || !turn.isOf(this) ? 0 : turn.takeFrame(header, data);
    if (size === 0) return this.write(encodeFrame(header, data));
    this.#bytesSent += size;
    return true;
  }

  #takeLate(bytes: Uint8Array): boolean {
    return !this.#socket.connecting && (this.#late ??= new LateWrites(this)).take(bytes);
  }

  /** What was kept for one write with others is written. */
  #flush(): void {
    if (turn.isOf(this)) turn.flush();
    else this.#late?.flush();
  }

  sendNow(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    // It may have broken since.
    if (socket.destroyed) return true;
    // Node's answer is about its high-water mark, and given before it tries to send.
    socket.write(bytes);
    const isSent = socket.writableLength === 0;
    this.#hasUnsent = !isSent;
    return isSent;
  }

  end(): void {
    this.#flush();
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.end(this.#isDrainDue ? this.#onSent : undefined);
  }

  close(how: "flush" | "now" | "reset"): void {
    this.#flush();
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.#isClosing = true;
    if (how === "flush") {
      this.end();
      socket.resume();
      return;
    }
    // A connection that is not up has nothing to reset, and Node would wait for it. A unix socket has no reset at all.
    const canReset = how === "reset" && !socket.connecting && this.#ends === undefined;
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
    this.#late?.flush();
    turn.begin(this);
    try {
      this.#events.data(bytes);
    } finally {
      turn.end();
    }
    this.tellUnsent();
  }

  tellUnsent(): void {
    if (!this.#hasUnsent || this.#isDrainDue || this.#socket.destroyed) return;
    this.#askForDrain();
    this.#events.unsent?.();
  }

  onEnd(): void {
    if (!this.#isClosing && !this.#isReset()) this.#events.end();
  }

  onError(error: Error): void {
    this.#code = codeOf(error);
  }

  onClose(): void {
    this.#isEnded = true;
    descriptors.sockets -= 1;
    this.#events.closed(this.#code);
  }

  /**
   * The libuv of Node 20 takes a reset that came right behind bytes for an end, which would make a truncated stream look
   * complete. A write knows better, and one of no bytes sends nothing. If so, `closed` follows.
   */
  #isReset(): boolean {
    // To a unix socket whose peer is gone even nothing cannot be written, however it went.
    if (this.#isEnded || this.#ends !== undefined) return false;
    this.#socket.write(NOTHING);
    return this.#socket.errored !== null;
  }

  /**
   * An empty write behind the others tells when they are gone. Node's "drain" event comes only after writes beyond its
   * high-water mark and not after `end`, which has an event of its own; a callback with every write would cost each one an allocation and a tick.
   */
  #askForDrain(): void {
    this.#isDrainDue = true;
    this.#onSent ??= (error) => this.#sent(error);
    if (this.#isEnded) this.#socket.once("finish", this.#onSent);
    else this.#socket.write(NOTHING, this.#onSent);
  }

  #sent(error: Error | null | undefined): void {
    const socket = this.#socket;
    // A socket that was closed reports its lost writes as sent.
    if (!this.#isDrainDue || socket.destroyed || (error !== undefined && error !== null)) return;
    if (socket.writableLength === 0) {
      this.#isDrainDue = false;
      this.#hasUnsent = false;
      this.#events.drain();
    } else if (!this.#isEnded) {
      // More was written in the meantime. After `end` its own callback follows.
      this.#askForDrain();
    }
  }

  #read(end: keyof Ends, host: string | undefined, port: number | undefined): Address | undefined {
    if (this.#ends === undefined) return toAddress(host, port);
    return this.#socket.connecting || this.#socket.destroyed ? undefined : this.#ends[end];
  }
}

/** Has Node connect a socket that is not to read yet. It throws at what is no address, before there is a socket to count. */
export function dial(socket: Socket, to: NetConnectOpts): void {
  // Before the first listener and the connection, which would each make it read.
  socket.pause();
  try {
    socket.connect(to);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** On a socket for both families the system shows an IPv4 peer as IPv6. */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.)/i;

export function toAddress(host: string | undefined, port: number | undefined): Address | undefined {
  return host === undefined || port === undefined ? undefined : { host: host.replace(MAPPED_IPV4, ""), port };
}

/** The system's code, or what else there is to call an error. */
export function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
