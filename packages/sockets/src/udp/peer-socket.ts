import type { Connection } from "../connection.ts";
import { FrameTooLargeError } from "../errors.ts";
import { TokenBucket } from "../token-bucket.ts";
import type { Address, SocketEvents, TransportSocket } from "../transport.ts";
import { LARGEST_DATAGRAM } from "./datagram-transport.ts";
import type { UdpRecord } from "./udp-record.ts";

/**
 * What stands for a socket of its own below the connection of a peer. All peers share that of the listener, and outlive
 * it: what one sends while there is none is lost, as on a network that is down.
 *
 * Other than a socket of the system it calls its events from within `resume` and `close`, since what they tell is here
 * already and nothing would come later to tell it. A connection takes that as well.
 */
export class PeerSocket implements TransportSocket {
  readonly key: string;
  readonly largestWrite: number = LARGEST_DATAGRAM;
  readonly #record: UdpRecord;
  readonly #bucket: TokenBucket | undefined;
  readonly #maxWaiting: number;
  readonly #waiting: Uint8Array[] = [];
  #peer: Address;
  #connection: Connection | undefined;
  #events: SocketEvents | undefined;
  /** The connection takes what comes, so nothing waits. */
  #isFlowing = false;
  /** The peer has ended it, and what it sent before is still to be delivered. */
  #isEnding = false;
  #isClosed = false;
  #bytesReceived = 0;
  #bytesSent = 0;

  constructor(record: UdpRecord, key: string, peer: Address) {
    const { maxDatagramRate, maxWaiting } = record.udp;
    this.key = key;
    this.#record = record;
    this.#peer = peer;
    this.#maxWaiting = maxWaiting;
    this.#bucket = maxDatagramRate === "infinity" ? undefined : new TokenBucket(maxDatagramRate, record.system.now());
  }

  // — For the socket of the listener —————————————————————————————————————————————————————————————————————————————

  /** The connection that stands on it. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  set connection(connection: Connection) {
    this.#connection = connection;
  }

  receive(bytes: Uint8Array): void {
    const { datagramStats, system } = this.#record;
    if (this.#bucket?.take(system.now()) === false) datagramStats.count("rateLimited");
    else if (this.#isFlowing) this.#deliver(bytes);
    else if (this.#waiting.length < this.#maxWaiting) this.#waiting.push(bytes);
    else datagramStats.count("queueFull");
  }

  /** The peer has another address. */
  moveTo(address: Address): void {
    this.#peer = address;
    this.#connection?.moveTo(address);
  }

  /** The peer is gone: broken, or without a code in order and when what waits has been delivered. */
  finish(code: string | undefined): void {
    if (this.#isClosed) return;
    // The next datagram from there is another peer's.
    this.#forget();
    if (code === undefined && this.#waiting.length > 0) this.#isEnding = true;
    else this.#end(code);
  }

  // — For the connection —————————————————————————————————————————————————————————————————————————————————————————

  get peer(): Address {
    return this.#peer;
  }

  get local(): Address | undefined {
    return this.#record.address;
  }

  /** The system has taken a datagram, or it is lost. */
  get unsentBytes(): number {
    return 0;
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
    // Those there are, are about streams.
  }

  resume(): void {
    this.#isFlowing = true;
    for (let bytes = this.#next(); bytes !== undefined; bytes = this.#next()) this.#deliver(bytes);
    if (this.#isEnding && this.#waiting.length === 0) this.#end(undefined);
  }

  pause(): void {
    this.#isFlowing = false;
  }

  /** @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) for what no datagram can carry */
  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnding) return true;
    if (bytes.length > LARGEST_DATAGRAM) throw new FrameTooLargeError(bytes.length, LARGEST_DATAGRAM);
    this.#bytesSent += bytes.length;
    const { socket, datagramStats } = this.#record;
    if (socket === undefined) datagramStats.count("sendFailed");
    else socket.send(bytes, this.#peer);
    return true;
  }

  end(): void {
    // There is nothing that could be sent to say so.
  }

  close(): void {
    if (this.#isClosed) return;
    this.#forget();
    this.#end(undefined);
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  #next(): Uint8Array | undefined {
    return this.#isFlowing ? this.#waiting.shift() : undefined;
  }

  #deliver(bytes: Uint8Array): void {
    this.#bytesReceived += bytes.length;
    this.#record.datagramStats.count("delivered");
    this.#events?.data(bytes);
  }

  #forget(): void {
    const { peers, socket } = this.#record;
    if (peers.get(this.key) !== this) return;
    peers.delete(this.key);
    socket?.forget(this.#peer);
  }

  #end(code: string | undefined): void {
    this.#isClosed = true;
    this.#isEnding = false;
    this.#isFlowing = false;
    this.#record.datagramStats.count("lost", this.#waiting.length);
    this.#waiting.length = 0;
    this.#events?.closed(code);
  }
}
