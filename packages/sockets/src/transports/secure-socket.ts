import type { Duplex } from "node:stream";
import type { Address, SocketEvents, SocketOptions, TransportSocket } from "../transport.ts";
import { codeOf } from "./net-socket.ts";
import { SocketStream } from "./socket-stream.ts";
import type { TlsFacts } from "./tls-facts.ts";

/** How a handshake ends, told once, from the event loop. */
export interface HandshakeOutcome {
  /** @param stream - what is encrypted goes in and out of it: a `TLSSocket`, or what stands in for it */
  secured(stream: Duplex, facts: TlsFacts): void;
  /** `code` is Node's or OpenSSL's, such as `ERR_SSL_WRONG_VERSION_NUMBER`. */
  refused(code: string): void;
}

/** One end of a handshake: has Node's TLS, or what stands in for it, stand on the stream. */
export type Handshake = (stream: Duplex, outcome: HandshakeOutcome) => void;

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

/** What waits for the handshake. */
interface Waiter {
  secured(): void;
  failed(code: string | undefined): void;
}

/**
 * TLS over any socket; to its owner a socket like any other, as the parity suite shows. Until `handshake` is called it
 * leaves the socket alone; what is written before its end waits for it. It may be put on a socket in the middle, whose
 * figures it goes on from: what was written before goes out in plain, and counts as unsent as long as it is.
 *
 * - `close("flush")` sends TLS's own end, and then that of the socket. A peer that ends the socket without that of TLS is
 *   taken to have ended, as Node and Erlang do.
 * - It has read ahead what it has decrypted. So `close("now")` with input that nobody has read is an RST at the peer, as
 *   with other sockets, but it hears of its peer's reset although it never was resumed.
 */
export class SecureSocket implements TransportSocket {
  /** The socket underneath. Nobody but the reader of a PROXY header uses it, before the handshake. */
  readonly raw: TransportSocket;
  readonly handshakeTimeoutMs: number;
  readonly #start: Handshake;
  #stream: SocketStream | undefined;
  /** There once the handshake is done. */
  #tls: Duplex | undefined;
  #facts: TlsFacts | undefined;
  #waiter: Waiter | undefined;
  #events = NOBODY;
  /** Written before the handshake was done. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #bytesReceived = 0;
  #bytesSent = 0;
  #isFlowing = false;
  #isEnded = false;
  #isClosing = false;
  #isDrainDue = false;
  #isRawClosed = false;
  /** Up to here the socket's bytes were written in plain, and are not all known to be sent. 0: they are. */
  #plainUpTo: number;
  #isOver = false;
  /** The peer is told why by an alert of TLS, which a reset could overtake. */
  #isRefused = false;
  #code: string | undefined;
  /** Node calls back for each write a little later, also for one whose bytes the system has taken: this is such a one. */
  #handedBytes = 0;
  #handedWrite = 0;
  #writes = 0;
  #writesDone = 0;
  readonly #onWritten = (error?: Error | null): void => this.#written(error);

  /** Somebody will call `handshake`. Otherwise the transport does, that made it. */
  isAwaited = false;

  constructor(raw: TransportSocket, start: Handshake, handshakeTimeoutMs: number) {
    this.raw = raw;
    this.handshakeTimeoutMs = handshakeTimeoutMs;
    this.#start = start;
    this.#bytesReceived = raw.bytesReceived;
    this.#bytesSent = raw.bytesSent;
    this.#isDrainDue = raw.unsentBytes > 0;
    this.#plainUpTo = this.#isDrainDue ? raw.bytesSent : 0;
    raw.setEvents({
      ...NOBODY,
      connected: () => this.rawConnected(),
      closed: (code) => this.#rawClosed(code),
    });
  }

  /** Its handshake waits for somebody to call `handshake`. */
  get isToShakeHands(): boolean {
    return this.#stream === undefined;
  }

  /** The socket underneath, that of a client, is up. */
  protected rawConnected(): void {
    // Accepted sockets are from the start.
  }

  /** Why TLS has closed the socket in its handshake, which it may not have come to telling yet. */
  protected get fault(): string | undefined {
    return undefined;
  }

  protected get events(): SocketEvents {
    return this.#events;
  }

  protected get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Closes it, and has its owner hear why. */
  protected giveUp(code: string): void {
    this.#code ??= code;
    this.close("now");
  }

  /** What was agreed on; undefined until the handshake is done. */
  get tls(): TlsFacts | undefined {
    return this.#facts;
  }

  /**
   * Begins, once, and tells the outcome once: `failed` without a code when the peer has ended the connection. A socket whose
   * handshake has failed is to be closed.
   *
   * @param early - what has been read already
   */
  handshake(early: readonly Uint8Array[], waiter: Waiter): void {
    this.#waiter = waiter;
    const closed = (code: string | undefined): void => {
      // What TLS has closed by itself, it tells why.
      if (code !== undefined || !stream.destroyed || this.#isClosing) this.#fail(code);
      this.#rawClosed(code);
    };
    const stream = new SocketStream(this.raw, { closed, drained: () => this.#plainSent() }, early);
    this.#stream = stream;
    // Node reports on errors of a stream by way of TLS.
    stream.on("error", () => {});
    // TLS has got all that it ever will. A client may have sent its question and its end along with the handshake.
    stream.on("end", () => this.#fail(undefined));
    this.#start(stream, {
      secured: (socket, facts) => this.#secured(socket, facts),
      refused: (code) => {
        this.#isRefused = true;
        this.#fail(code);
      },
    });
  }

  /** The handshake is going on, or will without anybody's doing. */
  get #isUnderWay(): boolean {
    return this.#waiter !== undefined || !this.isToShakeHands;
  }

  get peer(): Address | undefined {
    return this.raw.peer;
  }

  get local(): Address | undefined {
    return this.raw.local;
  }

  get unsentBytes(): number {
    const tls = this.#tls;
    if (this.#isOver || tls?.destroyed === true) return 0;
    const encrypted = tls === undefined ? 0 : tls.writableLength - this.#handedBytes;
    return this.#plainBytes + this.#earlyBytes + encrypted;
  }

  /** Those that were written in plain, and that the system does not have yet. */
  get #plainBytes(): number {
    if (this.#plainUpTo === 0) return 0;
    return Math.max(this.#plainUpTo - (this.raw.bytesSent - this.raw.unsentBytes), 0);
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

  setOptions(options: SocketOptions): void {
    this.raw.setOptions(options);
  }

  resume(): void {
    this.#isFlowing = true;
    this.#tls?.resume();
  }

  pause(): void {
    if (this.#isClosing) return;
    this.#isFlowing = false;
    this.#tls?.pause();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isOver || this.#tls?.destroyed === true) return true;
    if (bytes.length === 0) return this.unsentBytes === 0;
    this.#bytesSent += bytes.length;
    if (this.#tls !== undefined) return this.#encrypt(this.#tls, bytes);
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    this.#isDrainDue = true;
    return false;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#tls?.end();
  }

  close(how: "flush" | "now" | "reset"): void {
    if (this.#isOver) return;
    this.#isClosing = true;
    const tls = this.#tls;
    const isPlainUnsent = this.#plainBytes > 0;
    if (how === "flush" && (tls !== undefined || (this.#earlyBytes > 0 && this.#isUnderWay))) {
      this.end();
      this.resume();
      return;
    }
    this.#isEnded = true;
    this.#waiter = undefined;
    this.#early = [];
    this.#earlyBytes = 0;
    if (how === "flush" && isPlainUnsent) {
      this.raw.close(how);
      return;
    }
    // Without a handshake there is nobody who could read what was written.
    this.raw.close(
      this.#isRefused || how === "flush" ? "now" : tls !== undefined && tls.readableLength > 0 ? "reset" : how,
    );
    if (tls === undefined) this.#stream?.destroy();
    else tls.destroy();
  }

  #secured(tls: Duplex, facts: TlsFacts): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    // Closed in the meantime.
    if (waiter === undefined) return;
    this.#tls = tls;
    this.#facts = facts;
    tls.pause();
    tls.on("data", (bytes: Uint8Array) => this.#data(bytes));
    tls.on("end", () => {
      // What is broken off has not ended.
      if (!this.#isClosing && this.#code === undefined) this.#events.end();
    });
    tls.on("error", (error) => {
      this.#code ??= codeOf(error);
      // An alert of the peer breaks it off as well, which Node tells by nothing else.
      tls.destroy();
    });
    tls.on("close", () => this.#settle());
    for (const bytes of this.#early.splice(0)) this.#encrypt(tls, bytes);
    this.#earlyBytes = 0;
    if (this.#isEnded) tls.end();
    if (this.#isFlowing) tls.resume();
    waiter.secured();
  }

  #fail(code: string | undefined): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.failed(code);
  }

  #data(bytes: Uint8Array): void {
    if (this.#isClosing) return;
    this.#bytesReceived += bytes.length;
    this.#events.data(bytes);
  }

  #encrypt(tls: Duplex, bytes: Uint8Array): boolean {
    const isIdle = tls.writableLength === 0;
    const bytesOut = this.#stream?.bytesOut ?? 0;
    this.#writes += 1;
    tls.write(bytes, this.#onWritten);
    const isHanded = (this.#stream?.bytesOut ?? 0) - bytesOut > bytes.length && this.raw.unsentBytes === 0;
    if (isIdle && isHanded) {
      this.#handedBytes = bytes.length;
      this.#handedWrite = this.#writes;
      return true;
    }
    this.#isDrainDue = true;
    return false;
  }

  #written(error: Error | null | undefined): void {
    this.#writesDone += 1;
    if (this.#writesDone === this.#handedWrite) this.#handedBytes = 0;
    // A socket that was closed reports its lost writes as well.
    if (this.#tls?.destroyed !== false || (error !== undefined && error !== null)) return;
    this.#tellDrain();
  }

  /** The socket has handed over all that it had. */
  #plainSent(): void {
    if (this.#plainUpTo === 0 || this.#plainBytes > 0) return;
    this.#plainUpTo = 0;
    this.#tellDrain();
  }

  #tellDrain(): void {
    if (!this.#isDrainDue || this.unsentBytes > 0) return;
    this.#isDrainDue = false;
    this.#events.drain();
  }

  #rawClosed(code: string | undefined): void {
    this.#isRawClosed = true;
    this.#code ??= code ?? this.fault;
    // An orderly end leaves what has been decrypted to be read.
    if (code !== undefined || this.#isClosing) (this.#tls ?? this.#stream)?.destroy();
    this.#settle();
  }

  /** It is over when both are. */
  #settle(): void {
    if (this.#tls !== undefined && !this.#tls.closed) return;
    if (!this.#isRawClosed) {
      this.raw.close("now");
      return;
    }
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.closed(this.#code);
  }
}
