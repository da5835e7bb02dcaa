import type { Buffer } from "node:buffer";
import { getSystemErrorName } from "node:util";
import { encodeFrame, type LengthHeader } from "../framing.ts";
import type { Address, SocketEvents, SocketOptions, TransportSocket } from "../transport.ts";
import { descriptors } from "./descriptors.ts";
import { toAddress } from "./net-socket.ts";
import type { Driver } from "./tcp-driver.ts";
import type { HandleAddress, TcpHandle, TcpHandleOwner } from "./tcp-handle.ts";
import { type LateSocket, LateWrites } from "./late-writes.ts";
import { turn, type TurnSocket } from "./turn.ts";

const NOTHING = new Uint8Array(0);

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

/** libuv's number for the end of a stream, the same on every system. */
const END = -4095;

/**
 * A connection by the handle that Node's own sockets stand on. It does what `NetSocket` does, without the stream in
 * between.
 */
export class FastSocket implements TransportSocket, TcpHandleOwner, TurnSocket, LateSocket {
  protected readonly driver: Driver;
  protected events: SocketEvents = NOBODY;
  /** Absent before the connection is up. */
  #handle: TcpHandle | undefined;
  #peer: Address | undefined;
  #local: Address | undefined;
  #bytesReceived = 0;
  #bytesSent = 0;
  /** What waits for the write that is under way, or for the connection. */
  #queue: Uint8Array[] | undefined;
  /** The write that is under way counts as a whole. */
  #unsentBytes = 0;
  #queuedBytes = 0;
  /** Read while nobody was to have it. While there is such, nothing more is read. */
  #held: Buffer | undefined;
  #reading: "never" | "on" | "off" | "over" = "never";
  #isPaused = true;
  #shutdown: "no" | "wanted" | "underWay" | "beforeReset" | "done" = "no";
  protected isClosing = false;
  /** The handle is closed, or about to be reset. */
  protected isGone = false;
  #isDrainDue = false;
  /** Made when it is first written to outside of its turn. */
  #late: LateWrites | undefined;
  protected code: string | undefined;

  constructor(driver: Driver) {
    this.driver = driver;
    descriptors.sockets += 1;
  }

  /** A connection that was accepted. */
  static accept(driver: Driver, handle: TcpHandle): FastSocket {
    const socket = new FastSocket(driver);
    socket.adopt(handle);
    return socket;
  }

  protected adopt(handle: TcpHandle): void {
    this.#handle = handle;
    this.driver.adopt(handle, this);
  }

  /** The connection is up: what was asked of it before is done now. */
  protected begin(): void {
    if (this.#queue !== undefined) this.#sendQueue();
    else if (this.#shutdown === "wanted") this.#sendFin();
    if (!this.isGone && (!this.#isPaused || this.isClosing)) this.#startReading();
  }

  get peer(): Address | undefined {
    return (this.#peer ??= this.#ask("getpeername"));
  }

  get local(): Address | undefined {
    return (this.#local ??= this.#ask("getsockname"));
  }

  get unsentBytes(): number {
    this.#flush();
    return this.#unsentBytes;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  setEvents(events: SocketEvents): void {
    this.events = events;
  }

  setOptions({ noDelay, keepAlive }: SocketOptions): void {
    const handle = this.#handle;
    if (handle === undefined || this.isGone) return;
    // Node too gives no delay, and takes no notice of the complaint: probes come after as long as the system likes.
    handle.setNoDelay(noDelay);
    handle.setKeepAlive(keepAlive, 0);
  }

  resume(): void {
    if (this.isGone || !this.#isPaused) return;
    this.#isPaused = false;
    if (this.#handle === undefined) return;
    if (this.#held === undefined) this.#startReading();
    else process.nextTick(deliverHeld, this);
  }

  pause(): void {
    // It goes on reading, to hear of the end.
    if (!this.isClosing) this.#isPaused = true;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#shutdown !== "no" || this.isGone) return true;
    this.#bytesSent += bytes.length;
    const isIdle = this.#unsentBytes === 0 && this.#handle !== undefined;
    if (isIdle && (turn.isOf(this) ? turn.take(bytes) : this.#takeLate(bytes))) return true;
    const isSent = this.sendNow(bytes);
    if (!isSent) this.#isDrainDue = true;
    return isSent;
  }

  writeFrame(header: LengthHeader, data: Uint8Array | string): boolean {
    const isIdle = this.#unsentBytes === 0 && this.#shutdown === "no" && !this.isGone && this.#handle !== undefined;
    const size = isIdle && turn.isOf(this) ? turn.takeFrame(header, data) : 0;
    if (size === 0) return this.write(encodeFrame(header, data));
    this.#bytesSent += size;
    return true;
  }

  #takeLate(bytes: Uint8Array): boolean {
    return (this.#late ??= new LateWrites(this)).take(bytes);
  }

  /** What was kept for one write with others is written. */
  #flush(): void {
    if (turn.isOf(this)) turn.flush();
    else this.#late?.flush();
  }

  sendNow(bytes: Uint8Array): boolean {
    const handle = this.#handle;
    const { length } = bytes;
    if (this.isGone) return true;
    if (this.#unsentBytes > 0 || handle === undefined) {
      if (length > 0) (this.#queue ??= []).push(bytes);
      this.#queuedBytes += length;
      this.#unsentBytes += length;
      return this.#unsentBytes === 0;
    }
    const status = this.driver.write(handle, bytes);
    if (status === 0) return true;
    if (status < 0) {
      this.#fail(status);
      return true;
    }
    this.#unsentBytes = length;
    return false;
  }

  end(): void {
    this.#flush();
    if (this.#shutdown !== "no" || this.isGone) return;
    this.#shutdown = "wanted";
    if (this.#unsentBytes === 0 && this.#handle !== undefined) this.#sendFin();
  }

  close(how: "flush" | "now" | "reset"): void {
    this.#flush();
    if (this.isGone) return;
    this.isClosing = true;
    this.#held = undefined;
    if (how === "flush") {
      this.end();
      if (this.#handle !== undefined && !this.isGone) this.#startReading();
      return;
    }
    this.#forget();
    const handle = this.#handle;
    if (handle === undefined) this.abandon();
    // libuv refuses to reset while the system takes the FIN, which it has by the next turn: `onShutdown` resets.
    else if (how === "now") handle.close(this.driver.onClosed);
    else if (this.#shutdown === "underWay") this.#shutdown = "beforeReset";
    else this.#reset(handle);
  }

  /** It was given up before it was up. */
  protected abandon(): void {
    // An accepted one is up from the start.
  }

  /** There will be no connection. */
  protected failed(): void {
    this.#forget();
    this.onHandleClosed();
  }

  onRead(size: number): void {
    if (this.isGone) return;
    if (size < 0) this.#onReadOver(size);
    // Thrown away: what comes during the lingering of a flush is nobody's.
    else if (size > 0 && !this.isClosing) this.#onBytes(this.driver.copy(size));
  }

  #onBytes(bytes: Buffer): void {
    if (this.#isPaused) {
      this.#held = bytes;
      this.#reading = "off";
      this.#handle?.readStop();
    } else {
      this.#deliver(bytes);
    }
  }

  #deliver(bytes: Buffer): void {
    this.#bytesReceived += bytes.length;
    this.#late?.flush();
    turn.begin(this);
    try {
      this.events.data(bytes);
    } finally {
      turn.end();
    }
    this.tellUnsent();
  }

  tellUnsent(): void {
    if (this.#unsentBytes === 0 || this.isGone || this.#isDrainDue) return;
    this.#isDrainDue = true;
    this.events.unsent?.();
  }

  /** From a tick after `resume`. */
  deliverHeld(): void {
    const bytes = this.#held;
    if (bytes === undefined || this.#isPaused || this.isGone) return;
    this.#held = undefined;
    this.#deliver(bytes);
    // Also if it is paused again, to hear of the end.
    if (!this.isGone && this.#held === undefined) this.#startReading();
  }

  #startReading(): void {
    if (this.#reading === "on" || this.#reading === "over") return;
    this.#reading = "on";
    const status = this.#handle?.readStart() ?? 0;
    if (status < 0) this.#fail(status);
  }

  #onReadOver(status: number): void {
    this.#reading = "over";
    if (status !== END) {
      this.#fail(status);
      return;
    }
    if (this.#isReset()) return;
    if (!this.isClosing) this.events.end();
    this.#settle();
  }

  /**
   * The libuv of Node 20 takes a reset that came right behind bytes for an end, which would make a truncated stream look
   * complete. A write knows better, and one of no bytes sends nothing.
   */
  #isReset(): boolean {
    const handle = this.#handle;
    if (handle === undefined || this.#shutdown !== "no" || this.#unsentBytes > 0) return false;
    const status = this.driver.write(handle, NOTHING);
    if (status < 0) this.#fail(status);
    return status < 0;
  }

  onWritten(status: number): void {
    if (this.isGone) return;
    if (status < 0) {
      this.#fail(status);
      return;
    }
    this.#unsentBytes = this.#queuedBytes;
    if (this.#queue === undefined) this.#onAllSent();
    else this.#sendQueue();
  }

  /** Nothing is under way. */
  #sendQueue(): void {
    const handle = this.#handle;
    const queue = this.#queue;
    if (handle === undefined || queue === undefined) return;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    const [only = NOTHING] = queue;
    const status = queue.length === 1 ? this.driver.write(handle, only) : this.driver.writeAll(handle, queue);
    if (status < 0) this.#fail(status);
    else if (status === 0) this.#onAllSent();
  }

  #onAllSent(): void {
    this.#unsentBytes = 0;
    if (this.#isDrainDue) {
      this.#isDrainDue = false;
      this.events.drain();
    }
    if (this.#shutdown === "wanted" && this.#unsentBytes === 0 && !this.isGone) this.#sendFin();
  }

  #sendFin(): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#shutdown = "underWay";
    if (this.driver.shutdown(handle) === 0) return;
    // A connection that is broken tells so when it is read, which says more.
    this.#shutdown = "done";
    this.#settle();
  }

  onShutdown(): void {
    const handle = this.#handle;
    const isResetDue = this.#shutdown === "beforeReset";
    this.#shutdown = "done";
    if (isResetDue && handle !== undefined) this.#reset(handle);
    else this.#settle();
  }

  /** It is over when both directions are. */
  #settle(): void {
    if (this.isGone || this.#reading !== "over" || this.#shutdown !== "done") return;
    this.#forget();
    this.#handle?.close(this.driver.onClosed);
  }

  #fail(status: number): void {
    if (this.isGone) return;
    this.code ??= getSystemErrorName(status);
    this.#forget();
    this.#handle?.close(this.driver.onClosed);
  }

  /** Nothing but `closed` comes after this. */
  #forget(): void {
    this.isGone = true;
    this.#queue = undefined;
    this.#held = undefined;
    this.#queuedBytes = 0;
    this.#unsentBytes = 0;
  }

  #reset(handle: TcpHandle): void {
    if (handle.reset(this.driver.onClosed) !== 0) handle.close(this.driver.onClosed);
  }

  onHandleClosed(): void {
    descriptors.sockets -= 1;
    this.events.closed(this.code);
  }

  #ask(end: "getpeername" | "getsockname"): Address | undefined {
    const handle = this.#handle;
    if (handle === undefined || this.isGone) return undefined;
    const found: HandleAddress = {};
    return handle[end](found) === 0 ? toAddress(found.address, found.port) : undefined;
  }
}

function deliverHeld(socket: FastSocket): void {
  socket.deliverHeld();
}
