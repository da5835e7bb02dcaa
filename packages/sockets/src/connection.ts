import {
  type Deadline,
  describeValue,
  type ExitReason,
  type Pid,
  Resource,
  shutdown,
  type System,
} from "@espalier/actors";
import { ReadThrottle, type SharedBytes } from "./byte-limit.ts";
import type { ConnectionEvent } from "./connection-event.ts";
import { Demands, takeBytes } from "./demands.ts";
import { FrameTooLargeError, InvalidOptionError } from "./errors.ts";
import { createDecoder, encodeFrame, type PacketDecoder } from "./framing.ts";
import { Keepalive } from "./keepalive.ts";
import { formatAddress } from "./listen-on.ts";
import { type ConnectionOptions, type ListenerConfig, LONGEST_MS, toConnectionChanges } from "./options.ts";
import type { ProxyHeader } from "./proxy-protocol.ts";
import { PacketClock } from "./packet-clock.ts";
import { type HeaderTaker, type ProxyFailure, ProxyReader } from "./proxy-reader.ts";
import { sendFile, type SendFileOptions, type SendFileResult } from "./send-file.ts";
import { SendWaits } from "./send-waits.ts";
import { type Received, type ReceiveOutcome, type SendOutcome, Sent, type SocketRequest } from "./socket-request.ts";
import { type HandshakeTaker, type TlsFailure, TlsHandshake } from "./tls-handshake.ts";
import type { Address, TransportSocket } from "./transport.ts";
import { SecureSocket } from "./transports/secure-socket.ts";
import type { TlsFacts } from "./transports/tls-facts.ts";

/** How much a handler lets in: one packet, so many, all, or nothing. As `active` of Erlang's `inet`. */
export type Activity = "once" | number | true | false;

/** Sees to what is left of a connection whose owner has died: what it has sent should still reach the client. */
export interface Undertaker {
  /** Takes the connection over. The answer is to be called when its socket is gone; undefined: it is not taken. */
  bury(connection: Connection): (() => void) | undefined;
  /** It is not to count against `maxClients` any more. Absent: there is no such limit. */
  leaveLimit?(connection: Connection): void;
  /** The handler is about to get the socket: the client is known, and so is its TLS. Absent: nobody asks. */
  opened?(connection: Connection): void;
  /** The handler has given it to another actor. Absent: nobody asks who owns it. */
  handedOver?(connection: Connection, from: Pid, to: Pid): void;
}

/** What has gone over one connection. eSockd's `getstat`. */
export interface ConnectionStat {
  readonly bytesReceived: number;
  /** Unsent bytes included. */
  readonly bytesSent: number;
  /** Bytes sent and not yet handed to the system. */
  readonly unsentBytes: number;
  /** Packets that were let in, as `packet` cuts them. */
  readonly packetsReceived: number;
  /** Packets that were sent, unsent ones included; a file is none. */
  readonly packetsSent: number;
  /** When the handler got the socket, in milliseconds of the system's clock; undefined before. */
  readonly since: number | undefined;
}

/** How to receive on request. */
export interface ReceiveOptions {
  /** How long to wait, in milliseconds from 0 or `"infinity"`; from when the requests before it are answered. @defaultValue "infinity" */
  readonly timeoutMs?: number | "infinity";
}

/**
 * A handler's end of one connection: packets come in as events, as many as it has activated, and bytes go out by
 * `send`. It is owned by one actor at a time, the acceptor first, then the connection supervisor, then the handler, and
 * is closed when its owner dies, in whatever way.
 */
export class Connection extends Resource implements HeaderTaker, HandshakeTaker {
  readonly kind = "socket";

  readonly #system: System;
  readonly #socket: TransportSocket;
  /** The same, if it has TLS. */
  readonly #secure: SecureSocket | undefined;
  #handshake: TlsHandshake | undefined;
  #peername: Address;
  #proxy: ProxyHeader | undefined;
  /** Reads the PROXY header, as long as there is none. */
  #proxyReader: ProxyReader | undefined;
  /** That of the listener, shared with its other connections, until this one changes an option. */
  #config: ListenerConfig;
  readonly #decoder: PacketDecoder | undefined;
  /** Raw chunks that came while nothing was to be let in. Packets wait in the decoder. */
  readonly #held: Uint8Array[] = [];
  #credit = 0;
  #isPumping = false;
  #isReading = false;
  /** The handler has the socket. Until then nothing is read, and nothing is told. */
  #hasBegun = false;
  /** So many bytes are unsent that nothing more is read. */
  #isBlocked = false;
  /** The last event has been delivered. To a peer that has only closed its own side, one may still send. */
  #isDeaf = false;
  /** Nothing more is delivered or sent. */
  #isOver = false;
  /** The socket itself is gone. */
  #isGone = false;
  /** The last event, which waits until everything before it has been let in. */
  #last: ConnectionEvent | null = null;
  #idle: Deadline | undefined;
  #sending: Deadline | undefined;
  /** As many bytes must have been handed to the system when `#sending` runs out. 0: nothing is unsent. */
  #sendingUpTo = 0;
  #undertaker: Undertaker | null;
  /** The limit of the listener. */
  readonly #sharedBytes: SharedBytes | undefined;
  /** Made when there is a limit to keep: there is none for most connections. */
  #throttle: ReadThrottle | undefined;
  /** Made when a packet first comes in parts. */
  #packetClock: PacketClock | undefined;
  #buried: (() => void) | null = null;
  #packetsReceived = 0;
  #packetsSent = 0;
  #since: number | undefined;
  /** This end has ended its direction. */
  #isShut = false;
  /** Ends are told to those who ask for bytes, and as no events. */
  #isPassive = false;
  #isUncounted = false;
  #demands: Demands | undefined;
  #sends: SendWaits | undefined;
  #keepalive: Keepalive | undefined;
  #metadata: Map<string, unknown> | undefined;
  /** Told when the socket is gone, by whoever has given it to another actor. */
  #onGone: (() => void) | undefined;

  /**
   * @param loss - sees to it if its owner dies before the handler has it
   * @param sharedBytes - what it may receive together with others
   * @internal
   */
  constructor(
    system: System,
    socket: TransportSocket,
    peer: Address,
    config: ListenerConfig,
    loss: Undertaker,
    sharedBytes?: SharedBytes,
  ) {
    super();
    this.#system = system;
    if (socket instanceof SecureSocket) this.#secure = socket;
    else if (config.tls !== false) this.#secure = config.tls.secure(socket);
    if (this.#secure !== undefined) this.#secure.isAwaited = true;
    this.#socket = this.#secure ?? socket;
    this.#config = config;
    this.#undertaker = loss;
    this.#sharedBytes = sharedBytes;
    if (config.maxBytesPerSecond !== "infinity") this.#limitBytes();
    this.#peername = peer;
    this.#decoder = createDecoder(config.packet, config);
    this.#socket.setEvents(this);
  }

  // — For handlers ———————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * Lets packets in: `"once"` the next one, a number that many more, `true` all, `false` none. Nothing is read from a
   * client whose packets are not let in, so it feels a slow handler.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) for anything else
   */
  activate(activity: Activity = "once"): void {
    if (this.#isDeaf) return;
    if (activity === "once") this.#credit = Math.max(this.#credit, 1);
    else if (activity === true) this.#credit = Infinity;
    else if (activity === false) this.#credit = 0;
    else this.#credit += checkCount(activity);
    this.#pump();
  }

  /**
   * Sends one packet, with the header that `packet` asks for. The bytes belong to the connection from here on.
   *
   * @returns whether more should be sent now: false when more than `highWaterMark` bytes are unsent, or the connection
   * is over, in which case nothing is sent. More than `maxUnsentBytes` end it.
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length
   */
  send(data: Uint8Array | string): boolean {
    if (this.#isOver || this.#isShut) return false;
    const frame = encodeFrame(this.#config.packet, data);
    this.#packetsSent += 1;
    return this.#write(frame);
  }

  #write(bytes: Uint8Array): boolean {
    if (this.#socket.write(bytes)) return true;
    if (this.#hasTooMuchUnsent()) return false;
    if (this.#sendingUpTo === 0) this.#watchSending();
    if (this.#socket.unsentBytes <= this.#config.highWaterMark) return true;
    // A client that does not read what it asked for is not asked for more.
    this.#isBlocked = true;
    this.#syncReading();
    return false;
  }

  /**
   * Sends one packet as `send` does; that it is handed to the system, or why not, arrives as one `Sent` message. eSockd's
   * `async_send`.
   *
   * @returns what the message carries as its `request`
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`)
   */
  asyncSend(data: Uint8Array | string): SocketRequest {
    const request: SocketRequest = { kind: "send" };
    this.sendThen(data, "infinity", (outcome) => this.#deliver(new Sent(request, outcome)));
    return request;
  }

  /**
   * Asks for exactly `length` bytes, or for what there is, which is the next packet where there is a framing. They arrive
   * as one `Received` message, whatever is activated; requests are answered in order, and before activated events. Bytes
   * are read from the client only while a request waits for them. eSockd's `async_recv`.
   *
   * When the client ends with fewer bytes, the outcome is `"closed"`, and the bytes stay for a shorter request.
   *
   * @param length - of bytes; undefined for what there is
   * @returns what the message carries as its `request`
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`), also for a `length` where a framing cuts the packets
   */
  asyncRecv(length?: number, { timeoutMs = "infinity" }: ReceiveOptions = {}): SocketRequest {
    checkReceive(length, timeoutMs, this.#decoder !== undefined);
    this.#demands ??= new Demands(
      (received) => this.#deliver(received),
      (run) => this.deadline(run),
    );
    const request = this.#demands.add(length, timeoutMs);
    if (this.#isDeaf) this.#demands.failAll(this.#endCode);
    else this.#pump();
    return request;
  }

  /** Gives up a request of `asyncRecv`: no `Received` comes any more, unless it is in the mailbox already. */
  abandonRecv(request: SocketRequest): void {
    this.#demands?.abandon(request);
    this.#demands?.watch();
    this.#syncReading();
  }

  /**
   * Sends a file, or a part of it, as the bytes that it holds: no header is put before it, and what is sent meanwhile
   * stands between its parts. So much of it is read as the client takes. When the owner dies, what was read still goes
   * out, and no more.
   *
   * @returns how much was handed to the system; the promise is fit for `self.task`
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`), as a rejection
   */
  sendFile(path: string, options: SendFileOptions = {}): Promise<SendFileResult> {
    const { maxUnsentBytes } = this.#config;
    const send = (write: () => boolean): Promise<SendOutcome> =>
      new Promise((resolve) => this.#writeThen(write, "infinity", resolve));
    return sendFile(path, options, {
      maxBytes: maxUnsentBytes === "infinity" ? Infinity : maxUnsentBytes,
      ready: () => send(() => true),
      write: (bytes) => send(() => this.#write(bytes)),
    });
  }

  /**
   * Ends this direction when everything sent is on its way; what the client sends still comes in. The other half is
   * closed by the client, or by `close`.
   *
   * @param _how - `"write"`, the only half that can be closed alone
   */
  shutdown(_how: "write" = "write"): void {
    if (this.#isOver || this.#isShut) return;
    this.#isShut = true;
    this.#socket.end();
  }

  /**
   * From now on, the connection breaks (`error` with reason `keepaliveTimeout`) when not one byte has come in for a whole
   * interval. Unlike `idleTimeoutMs` it does not ask for whole packets, and its handler need not do anything. A
   * connection from which nothing is read gets nothing, too. `"infinity"` ends it. eSockd's `esockd_keepalive`.
   *
   * @param intervalMs - at least 1
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  keepalive(intervalMs: number | "infinity"): void {
    if (intervalMs !== "infinity") checkMilliseconds("intervalMs", intervalMs, 1);
    if (this.#isDeaf) return;
    this.#keepalive ??= new Keepalive(
      () => this.bytesReceived,
      (run) => this.deadline(run),
      () => this.#break("keepaliveTimeout"),
    );
    this.#keepalive.intervalMs = intervalMs;
    if (this.#hasBegun) this.#keepalive.start();
  }

  /**
   * From now on this connection does not count against `maxClients`, so that another client can come in its place. It
   * stays one of the listener's in all else. Ranch's `remove_connection`.
   */
  leaveLimit(): void {
    if (this.#isUncounted) return;
    this.#isUncounted = true;
    if (this.#hasBegun) this.#undertaker?.leaveLimit?.(this);
  }

  /** Facts of one's own about this connection, such as who has logged in; inspection shows them with the address. */
  get metadata(): Map<string, unknown> {
    return (this.#metadata ??= new Map());
  }

  /** What has gone over this connection so far. */
  getStat(): ConnectionStat {
    const { bytesReceived, bytesSent, unsentBytes } = this;
    const [packetsReceived, packetsSent] = [this.#packetsReceived, this.#packetsSent];
    const since = this.#hasBegun ? this.#since : undefined;
    return { bytesReceived, bytesSent, unsentBytes, packetsReceived, packetsSent, since };
  }

  /**
   * Changes options of this connection while it is open: all that are given, or none. What it has already counted of
   * `idleTimeoutMs`, `packetTimeoutMs`, `sendTimeoutMs` or `maxBytesPerSecond` is forgotten when that option is given, and the new time
   * begins with this call. Does nothing once the connection is over.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault at once, before anything is changed
   */
  setOptions(options: ConnectionOptions): void {
    const changes = toConnectionChanges(options);
    if (this.#isOver) return;
    this.#config = { ...this.#config, ...changes };
    const { noDelay, keepAlive } = this.#config;
    if (changes.noDelay !== undefined || changes.keepAlive !== undefined)
      this.#socket.setOptions({ noDelay, keepAlive });
    if (changes.idleTimeoutMs !== undefined) this.#watchIdle();
    if (changes.sendTimeoutMs !== undefined && this.#sendingUpTo > 0) this.#watchSending();
    if (changes.maxBytesPerSecond !== undefined || changes.burstBytes !== undefined) this.#limitBytes();
    if (changes.packetTimeoutMs !== undefined) {
      this.#packetClock?.reset();
      this.#syncReading();
    }
    if (changes.maxUnsentBytes !== undefined && this.#hasTooMuchUnsent()) return;
    if (changes.highWaterMark !== undefined) {
      // Blocked implies unsent, so that `drain` comes to end it.
      this.#isBlocked = this.#socket.unsentBytes > changes.highWaterMark;
      this.#syncReading();
    }
  }

  /**
   * Ends the connection when everything sent is on its way, which may take `sendTimeoutMs`. No event follows; the
   * handler goes on.
   */
  close(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#socket.close("flush");
    this.#armSending();
  }

  /** Ends the connection at once, with RST; unsent bytes are lost. */
  abort(): void {
    this.#finish();
    this.#socket.close("reset");
  }

  /** The client's address: what the PROXY header says, if it says one, and otherwise that of the other end of the socket. */
  get peername(): Address {
    return this.#peername;
  }

  /** What the PROXY header says; undefined before `socketReady`, and where there was none. */
  get proxy(): ProxyHeader | undefined {
    return this.#proxy;
  }

  /** The other end of the socket: the proxy, where there is one. */
  get socketPeername(): Address | undefined {
    return this.#socket.peer;
  }

  /** What was agreed on in the handshake, and who the peer is; undefined before `socketReady`, and without TLS. */
  get tls(): TlsFacts | undefined {
    return this.#secure?.tls;
  }

  /** This end's address; undefined when it is first asked for after the end of the connection. */
  get sockname(): Address | undefined {
    return this.#socket.local;
  }

  /** Bytes sent and not yet handed to the system. */
  get unsentBytes(): number {
    return this.#socket.unsentBytes;
  }

  get bytesReceived(): number {
    return this.#socket.bytesReceived;
  }

  /** Unsent bytes included. */
  get bytesSent(): number {
    return this.#socket.bytesSent;
  }

  /** False once it is closed, by either side, or broken. */
  get isOpen(): boolean {
    return !this.#isOver && this.#last === null;
  }

  /**
   * The last event of the socket, once the socket has come to its end; null when this end has closed it.
   *
   * @internal
   */
  get last(): ConnectionEvent | null {
    return this.#last;
  }

  override describe(): string {
    const address = formatAddress(this.peername);
    if (this.#metadata === undefined) return address;
    return [address, ...[...this.#metadata].map(([name, value]) => `${name}=${describeValue(value)}`)].join(" ");
  }

  /** A handler's context may be printed or persisted; of its connection that shows the address. */
  toJSON(): string {
    return formatAddress(this.peername);
  }

  // — For the server —————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * The handler owns the socket now: it is told, and its clocks run, once the PROXY header is read and the TLS handshake is
   * done, where there are to be such.
   *
   * @internal
   */
  begin(undertaker: Undertaker): void {
    this.#undertaker = undertaker;
    this.#since = this.#system.now();
    const { proxyProtocol, accessRules } = this.#config;
    if (proxyProtocol === false || this.#isDeaf) {
      this.#enter([]);
    } else if (this.#last === null) {
      const reader = new ProxyReader(this.#secure?.raw ?? this.#socket, proxyProtocol, accessRules, this);
      this.#proxyReader = reader;
      reader.start(
        this.#peername,
        this.deadline(() => reader.expire()),
      );
    } else {
      this.failed({ type: "proxyProtocolClosed" });
    }
  }

  /**
   * The peer has another address from now on, as those of datagrams may.
   *
   * @internal
   */
  moveTo(peer: Address): void {
    this.#peername = peer;
  }

  /** @param rest - what was read behind the PROXY header */
  #enter(rest: readonly Uint8Array[]): void {
    const secure = this.#secure;
    if (secure?.isToShakeHands === true && !this.#isDeaf) {
      if (this.#last === null) this.#shakeHands(secure, rest);
      else this.failed({ type: "tlsHandshakeClosed" });
      return;
    }
    this.#open();
    for (const bytes of rest) this.data(bytes);
  }

  #shakeHands(secure: SecureSocket, rest: readonly Uint8Array[]): void {
    const deadline = this.deadline(() => handshake.expire());
    const handshake = new TlsHandshake(secure, this, deadline);
    this.#handshake = handshake;
    // One deadline for all that stands before the first byte of the protocol.
    const now = this.#system.now();
    handshake.start(rest, now - (this.#since ?? now));
  }

  #open(): void {
    this.#hasBegun = true;
    this.#since = this.#system.now();
    this.#watchIdle();
    this.#keepalive?.start();
    this.#watchWaits();
    this.#undertaker?.opened?.(this);
    if (this.#isUncounted) this.#undertaker?.leaveLimit?.(this);
    if (this.#sendingUpTo > 0 || (this.#isOver && !this.#isGone)) this.#watchSending();
    if (!this.#isDeaf) this.#deliver({ type: "socketReady" });
    this.#pump();
  }

  /**
   * The owner asks for bytes, and hears of ends by the answers only: no `closed`, `error` or `timeout` comes.
   *
   * @internal
   */
  bePassive(): void {
    this.#isPassive = true;
  }

  /**
   * The owner has given it to another actor, which is told that it has the socket.
   *
   * @param onGone - called once, when the socket is gone
   * @internal
   */
  handedOver(from: Pid, to: Pid, onGone: () => void): void {
    this.#onGone = onGone;
    if (this.#isGone) onGone();
    this.#undertaker?.handedOver?.(this, from, to);
    this.#throttle?.renew();
    this.#packetClock?.reset();
    this.#packetClock = undefined;
    if (!this.#isOver) this.#deliver({ type: "socketReady" });
    this.#pump();
  }

  /** @internal */
  exitOwner(owner: Pid, reason: ExitReason): void {
    this.#system.exit(owner, reason);
  }

  /** @internal */
  tell(actor: Pid, message: object): void {
    this.#system.sendIo(actor, message);
  }

  /**
   * Sends one packet, and tells once what has become of it.
   *
   * @internal
   */
  sendThen(data: Uint8Array | string, timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    this.#writeThen(() => this.send(data), timeoutMs, settle);
  }

  #writeThen(write: () => boolean, timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    if (this.#isOver || this.#isShut) {
      settle({ ok: false, error: this.#endCode });
      return;
    }
    write();
    // More than `maxUnsentBytes` have ended it.
    if (this.#isOver) {
      settle({ ok: false, error: this.#endCode });
      return;
    }
    const { unsentBytes, bytesSent } = this.#socket;
    if (unsentBytes === 0) {
      settle({ ok: true });
      return;
    }
    this.#sends ??= new SendWaits(
      () => this.#system.now(),
      (run) => this.deadline(run),
    );
    this.#sends.add(bytesSent, timeoutMs, settle);
    this.#watchWaits();
  }

  /** Before the handler has the socket it has no clocks. */
  #watchWaits(): void {
    if (this.#hasBegun) this.#sends?.watch(() => this.#handedBytes);
  }

  get #handedBytes(): number {
    return this.#socket.bytesSent - this.#socket.unsentBytes;
  }

  /** What the end of this connection is called where it is an outcome. */
  get #endCode(): string {
    return this.#last?.type === "error" ? this.#last.reason : "closed";
  }

  /** The owner is dead. What a handler has sent still goes out, for as long as the undertaker allows. */
  release(): void {
    this.#finish();
    const undertaker = this.#undertaker;
    this.#undertaker = null;
    this.#buried = null;
    if (this.#isGone && this.#hasBegun) return;
    const buried = undertaker?.bury(this);
    if (buried !== undefined) this.#buried = buried;
    this.#socket.close(buried === undefined ? "now" : "flush");
  }

  // — From the transport —————————————————————————————————————————————————————————————————————————————————————————

  connected(): void {
    // An accepted socket is connected from the start.
  }

  data(bytes: Uint8Array): void {
    if (this.#isDeaf) return;
    if (this.#throttle !== undefined || this.#sharedBytes?.bucket !== undefined) {
      this.#throttle ??= this.#createThrottle();
      this.#throttle.read(bytes.length);
    }
    this.#watchIdle();
    if (this.#decoder === undefined) this.#held.push(bytes);
    else this.#decoder.push(bytes);
    this.#pump();
  }

  end(): void {
    this.#last ??= { type: "closed" };
    this.#pump();
  }

  drain(): void {
    this.#isBlocked = false;
    this.#sendingUpTo = 0;
    this.#sends?.handed(this.#handedBytes);
    // After `close` it bounds the wait for the peer's own end.
    if (!this.#isOver) this.#sending?.cancel();
    this.#syncReading();
  }

  closed(code: string | undefined): void {
    this.#isGone = true;
    this.#sendingUpTo = 0;
    this.#sending?.cancel();
    this.#buried?.();
    this.#buried = null;
    // What comes after this end has closed it is no event any more.
    if (!this.#isOver) this.#last ??= code === undefined ? { type: "closed" } : { type: "error", reason: code };
    this.#pump();
    if (this.#isDeaf) this.#finish();
    this.#sends?.fail(code ?? this.#endCode);
    this.#onGone?.();
  }

  // — From the reader of the PROXY header ————————————————————————————————————————————————————————————————————————

  /** @internal */
  passed(header: ProxyHeader | undefined, rest: readonly Uint8Array[]): void {
    this.#proxyReader = undefined;
    this.#proxy = header;
    if (header?.source !== undefined) this.#peername = header.source;
    this.#enter(rest);
  }

  // — From the TLS handshake —————————————————————————————————————————————————————————————————————————————————————

  /** @internal */
  secured(): void {
    this.#handshake = undefined;
    this.#open();
  }

  /**
   * Nobody has been told of the socket yet, so nobody waits for its end: the handler ends with it, unless it traps exits.
   *
   * @internal
   */
  failed(failure: ProxyFailure | TlsFailure): void {
    this.#proxyReader = undefined;
    this.#handshake = undefined;
    this.#hasBegun = true;
    this.#socket.close("reset");
    const owner = this.ownerPid;
    if (owner !== undefined) this.#system.exit(owner, shutdown(failure));
    this.#deliverLast({ type: "error", reason: failure.type });
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  /** Delivers what the handler lets in, and the last event once nothing stands before it. */
  #pump(): void {
    // Called again from within, by a handler that activates while it handles: the loop below goes on by itself.
    if (this.#isPumping || this.#isDeaf || !this.#hasBegun) return;
    this.#isPumping = true;
    try {
      for (;;) {
        this.#demands?.serve((length) => this.#answer(length));
        if (this.#credit <= 0 || this.#demands?.isEmpty === false) break;
        const packet = this.#next();
        if (packet === undefined) break;
        this.#credit -= 1;
        this.#packetsReceived += 1;
        this.#packetClock?.reset();
        this.#deliver({ type: "data", data: packet });
      }
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error;
      this.#break("frameTooLarge");
    } finally {
      this.#isPumping = false;
    }
    if (this.#last !== null && (this.#credit > 0 || !this.#holdsBytes())) this.#deliverLast(this.#last);
    this.#demands?.watch();
    this.#syncReading();
  }

  /** To a request to receive; undefined if it has to wait. */
  #answer(length: number | undefined): ReceiveOutcome | undefined {
    const data = length === undefined ? this.#next() : takeBytes(this.#held, length);
    if (data === undefined) return this.#last === null ? undefined : { ok: false, error: this.#endCode };
    this.#packetsReceived += 1;
    this.#packetClock?.reset();
    return { ok: true, data };
  }

  #next(): Uint8Array | undefined {
    return this.#decoder === undefined ? this.#held.shift() : this.#decoder.next();
  }

  #holdsBytes(): boolean {
    return this.#held.length > 0 || (this.#decoder?.bufferedBytes ?? 0) > 0;
  }

  #deliver(event: ConnectionEvent | Received | Sent): void {
    const owner = this.ownerPid;
    if (owner !== undefined) this.#system.sendIo(owner, event);
  }

  /** Leaves nothing to do behind the event: the handler may run, activate, and end before this returns. */
  #deliverLast(event: ConnectionEvent): void {
    const isFirst = !this.#isDeaf;
    this.#last = event;
    if (event.type === "error" || this.#isGone) this.#finish();
    else this.#stopListening();
    if (isFirst && !this.#isPassive) this.#deliver(event);
  }

  #break(reason: string): void {
    if (this.#isOver) return;
    this.#socket.close("reset");
    this.#deliverLast({ type: "error", reason });
  }

  /** The client has its time from now on, or all the time there is. While it is not heard, none of it passes. */
  #watchIdle(): void {
    const { idleTimeoutMs } = this.#config;
    if (!this.#hasBegun || this.#isDeaf) return;
    if (idleTimeoutMs === "infinity" || this.#throttle?.isPaused === true) {
      this.#idle?.cancel();
      return;
    }
    this.#idle ??= this.deadline(() => {
      this.#watchIdle();
      if (!this.#isPassive) this.#deliver({ type: "timeout" });
      else this.#demands?.failFirst("idleTimeout");
    });
    this.#idle?.arm(idleTimeoutMs);
  }

  /** Everything that is unsent now has the time of a send to get away. */
  #watchSending(): void {
    this.#sendingUpTo = this.#socket.bytesSent;
    this.#armSending();
  }

  #armSending(): void {
    const { sendTimeoutMs } = this.#config;
    if (!this.#hasBegun) return;
    if (sendTimeoutMs === "infinity") {
      this.#sending?.cancel();
      return;
    }
    // Made when it is first needed: most connections never wait for their client to read.
    this.#sending ??= this.deadline(() => this.#checkSending());
    this.#sending?.arm(sendTimeoutMs);
  }

  #checkSending(): void {
    const { bytesSent, unsentBytes } = this.#socket;
    if (this.#isOver) this.#socket.close("reset");
    // What was unsent then is gone; a client that is only slow has taken its time for what came since.
    else if (bytesSent - unsentBytes >= this.#sendingUpTo) this.#watchSending();
    else this.#break("sendTimeout");
  }

  #hasTooMuchUnsent(): boolean {
    const { maxUnsentBytes } = this.#config;
    if (maxUnsentBytes === "infinity" || this.#socket.unsentBytes <= maxUnsentBytes) return false;
    this.#break("tooManyUnsentBytes");
    return true;
  }

  #createThrottle(): ReadThrottle {
    const connection = {
      now: () => this.#system.now(),
      timer: (run: () => void) => this.deadline(run),
      unpaused: () => {
        this.#watchIdle();
        this.#syncReading();
      },
    };
    return new ReadThrottle(connection, this.#sharedBytes);
  }

  #limitBytes(): void {
    const { maxBytesPerSecond: bytesPerSecond, burstBytes: burst } = this.#config;
    this.#throttle ??= this.#createThrottle();
    this.#throttle.setRate({ bytesPerSecond, burst });
  }

  #syncReading(): void {
    const isWanted = (this.#credit > 0 || this.#demands?.isEmpty === false) && !this.#isBlocked;
    const mayRead = isWanted && this.#throttle?.isPaused !== true;
    const shouldRead = mayRead && this.#hasBegun && !this.#isDeaf && this.#last === null;
    if (shouldRead !== this.#isReading) {
      this.#isReading = shouldRead;
      if (shouldRead) this.#socket.resume();
      else this.#socket.pause();
    }
    if (this.#decoder !== undefined) this.#watchPacket(this.#decoder);
  }

  #watchPacket({ bufferedBytes }: PacketDecoder): void {
    const { packetTimeoutMs } = this.#config;
    if (bufferedBytes === 0 || packetTimeoutMs === "infinity") {
      this.#packetClock?.reset();
      return;
    }
    this.#packetClock ??= new PacketClock({
      now: () => this.#system.now(),
      timer: (run) => this.deadline(run),
      expired: () => this.#break("packetTimeout"),
    });
    if (this.#isReading) this.#packetClock.run(packetTimeoutMs);
    else this.#packetClock.pause();
  }

  #finish(): void {
    if (this.#isOver) return;
    if (this.#proxyReader !== undefined) this.#abandonHeader(this.#proxyReader);
    if (this.#handshake !== undefined) this.#abandonHandshake(this.#handshake);
    this.#stopListening();
    this.#isOver = true;
    this.#sending?.cancel();
  }

  /** The handler has closed what it did not have yet. */
  #abandonHeader(reader: ProxyReader): void {
    this.#proxyReader = undefined;
    this.#hasBegun = true;
    reader.stop();
  }

  #abandonHandshake(handshake: TlsHandshake): void {
    this.#handshake = undefined;
    this.#hasBegun = true;
    handshake.stop();
  }

  #stopListening(): void {
    this.#isDeaf = true;
    this.#isReading = false;
    this.#credit = 0;
    this.#held.length = 0;
    this.#idle?.cancel();
    this.#throttle?.stop();
    this.#packetClock?.reset();
    this.#keepalive?.stop();
    this.#demands?.failAll(this.#endCode);
  }
}

function checkReceive(length: number | undefined, timeoutMs: number | "infinity", isFramed: boolean): void {
  const expected = isFramed ? "absent, since packets are cut by a framing" : "an integer of bytes of at least 0";
  if (length !== undefined && (isFramed || !(Number.isSafeInteger(length) && length >= 0))) {
    throw new InvalidOptionError([{ option: "length", value: length, expected }]);
  }
  if (timeoutMs !== "infinity") checkMilliseconds("timeoutMs", timeoutMs, 0);
}

function checkMilliseconds(option: string, value: number, least: number): void {
  if (typeof value === "number" && value >= least && value <= LONGEST_MS) return;
  const expected = `milliseconds from ${least} to ${LONGEST_MS}, or "infinity"`;
  throw new InvalidOptionError([{ option, value, expected }]);
}

function checkCount(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  const expected = '"once", true, false or an integer of at least 1';
  throw new InvalidOptionError([{ option: "activity", value: count, expected }]);
}
