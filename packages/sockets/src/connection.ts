import { describeValue } from "@espalier/actors";
import { ConnectionLife } from "./connection-life.ts";
import { InvalidOptionError, StartTlsError } from "./errors.ts";
import { encodeFrame, joinFrame, largestIn } from "./framing.ts";
import type { Activity } from "./intake.ts";
import { Pipe } from "./pipe.ts";
import { Keepalive } from "./keepalive.ts";
import { formatAddress } from "./listen-on.ts";
import { type ConnectionOptions, LONGEST_MS, toConnectionChanges } from "./options.ts";
import { serverEnd, type TlsEnd, type TlsMaterial } from "./start-tls.ts";
import { sendFile, type SendFileOptions, type SendFileResult } from "./send-file.ts";
import { type SendOutcome, Sent, type SocketRequest } from "./socket-request.ts";
import { SecureSocket } from "./transports/secure-socket.ts";

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
export class Connection extends ConnectionLife {
  #packetsSent = 0;
  /** This end has ended its direction. */
  #isShut = false;
  #metadata: Map<string, unknown> | undefined;
  #label: string | undefined;

  // — What comes in ——————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * Lets packets in: `"once"` the next one, a number that many more, `true` all, `false` none. Nothing is read from a
   * client whose packets are not let in, so it feels a slow handler.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) for anything else
   */
  activate(activity: Activity = "once"): void {
    this.mayCrash("socket.activate");
    if (this.isDeaf) return;
    this.intake.activate(activity);
    this.pump();
  }

  /**
   * From now on, what comes in is sent on another connection, packet by packet, and is no event any more; so it goes on until
   * one of the two has ended. No more is read than the other takes: as long as more than its `highWaterMark` is unsent, this
   * one feels it. Both ways need two calls, and then a peer that does not read may still send.
   *
   * A raw stream is cut to packets that the other can send. A packet that it cannot, for the length or as a datagram,
   * breaks this one as `frameTooLarge`.
   *
   * When the peer has closed its side, so is the other's by `shutdown`, behind all that came, and `closed` comes as ever; in
   * the middle of a packet with a length before it, this one breaks as `badFrame` instead. Any other end, a crash or kill of
   * the owner among them, leaves the other alone, so that a part never looks like the whole by the doing of a pipe: it is
   * for its owner to `close` or `abort` it. When the other is over, this one is not read any more.
   *
   * Bytes that are passed on count for `idleTimeoutMs` of both, so two that are piped both ways are idle together. What is
   * activated has no meaning from here on, and who asks for bytes waits for the end.
   */
  pipe(to: Connection): void {
    this.mayCrash("socket.pipe");
    if (this.isDeaf) {
      if (this.last?.type === "closed" && !this.isOver) to.shut();
      return;
    }
    this.intake.pipe = new Pipe(to, () => this.pump());
    this.pump();
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
    this.mayCrash("socket.receive");
    checkReceive(length, timeoutMs, this.settings.packet !== "raw");
    const request = this.intake.ask(length, timeoutMs);
    if (this.isDeaf) this.intake.failDemands();
    else this.pump();
    return request;
  }

  /** Gives up a request of `asyncRecv`: no `Received` comes any more, unless it is in the mailbox already. */
  abandonRecv(request: SocketRequest): void {
    this.intake.abandon(request);
  }

  /**
   * From now on, the connection breaks (`error` with reason `keepaliveTimeout`) when not one byte has come in for a whole
   * interval. It looks once in each, so a silence is found when it has lasted for one to two of them; `idleTimeoutMs`, which
   * `setOptions` changes for one connection, is exact, and so the one for a protocol that says when, such as the keep alive
   * of MQTT. A connection from which nothing is read gets nothing, too. `"infinity"` ends it. eSockd's `esockd_keepalive`.
   *
   * @param intervalMs - at least 1
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  keepalive(intervalMs: number | "infinity"): void {
    if (intervalMs !== "infinity") checkMilliseconds("intervalMs", intervalMs, 1);
    if (this.isDeaf) return;
    this.keeper ??= new Keepalive(
      () => this.bytesReceived,
      (run) => this.deadline(run),
      () => this.breakOff("keepaliveTimeout"),
    );
    this.keeper.intervalMs = intervalMs;
    if (this.isUnderWay) this.keeper.start();
  }

  // — What goes out ——————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * Sends one packet, with the header that `packet` asks for. The bytes belong to the connection from here on: it never
   * changes them, so the same array may be sent on any number of connections, and nobody else may change them either.
   *
   * @returns whether more should be sent now: false when more than `highWaterMark` bytes are unsent, or the connection
   * is over, in which case nothing is sent. More than `maxUnsentBytes` end it.
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length; InvalidOptionError
   * (`ERR_INVALID_OPTION`) for data that is neither text nor bytes
   */
  send(data: Uint8Array | string): boolean {
    this.mayCrash("socket.send");
    return this.#send(data);
  }

  /** @internal */
  get largestPacket(): number {
    return Math.min(largestIn(this.settings.packet), this.socket.largestWrite ?? Infinity);
  }

  /** @internal */
  passOn(data: Uint8Array): boolean {
    this.intake.watchIdle();
    return this.#send(data);
  }

  #send(data: Uint8Array | string): boolean {
    if (this.isOver || this.#isShut) return false;
    const { socket } = this;
    const { packet } = this.settings;
    const isSent =
      typeof packet === "number" && socket.writeFrame !== undefined
        ? socket.writeFrame(packet, data)
        : socket.write(encodeFrame(packet, data));
    this.#packetsSent += 1;
    return isSent || this.ensureOutflow().wrote();
  }

  /**
   * Sends one packet that is given in pieces, such as a header and what it stands before, as `gen_tcp` sends an iolist: with
   * the one header that `packet` asks for, and over UDP as one datagram. The pieces are copied; without such a header, and
   * not over UDP, a `send` for each is the same and copies less, since all that is sent in one turn leaves together.
   *
   * @returns as `send`
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`), InvalidOptionError (`ERR_INVALID_OPTION`), as `send`
   */
  sendPieces(pieces: ReadonlyArray<Uint8Array | string>): boolean {
    this.mayCrash("socket.send");
    if (this.isOver || this.#isShut) return false;
    const frame = joinFrame(this.settings.packet, pieces);
    this.#packetsSent += 1;
    return this.#write(frame);
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
    this.sendThen(data, "infinity", (outcome) => this.deliver(new Sent(request, outcome)));
    return request;
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
    const { maxUnsentBytes } = this.settings;
    const { largestWrite = Infinity } = this.socket;
    const send = (write: () => boolean): Promise<SendOutcome> =>
      new Promise((resolve) => this.#writeThen(write, "infinity", resolve));
    return sendFile(path, options, {
      maxBytes: maxUnsentBytes === "infinity" ? largestWrite : Math.min(maxUnsentBytes, largestWrite),
      ready: () => new Promise((resolve) => this.whenSent(resolve)),
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
    this.mayCrash("socket.shutdown");
    this.shut();
  }

  /** @internal */
  shut(): void {
    if (this.isOver || this.#isShut) return;
    this.#isShut = true;
    this.socket.end();
  }

  // — The connection itself ——————————————————————————————————————————————————————————————————————————————————————

  /**
   * Has TLS on this connection from here on (STARTTLS). Everything sent before goes out in plain; what is sent from now on
   * waits for the handshake and goes out encrypted. `secured` comes when it is done, and `tls` has what was agreed on; if it
   * fails, or takes longer than `handshakeTimeoutMs`, the connection ends by an `error`. A connection that this end has made
   * is the client of the handshake. Until its end nothing is delivered, and the clocks of the connection stand still.
   *
   * What has come in plain never counts as if it had come over TLS (RFC 3207, CVE-2011-0411): bytes that are here and were
   * not let in are given to TLS if they can be the beginning of the client's handshake, and break the connection
   * otherwise, as `plaintextBeforeTls`. Packets that were let in before come before `secured`; with `activate("once")`
   * there are none.
   *
   * Does nothing once the connection is over.
   *
   * @param tls - a listener's connection: by default `tls` of the listener, which has `startTls`; a context is shared,
   * options are made one each time. A client's: by default a certificate for the host that it has connected to.
   * @throws StartTlsError (`ERR_START_TLS`) before `socketReady`, where there is TLS already, and after `shutdown`
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`), also where there is nothing to be secured by
   */
  startTls(tls?: TlsMaterial): void {
    this.mayCrash("socket.startTls");
    if (this.isOver) return;
    if (!this.hasBegun) throw new StartTlsError("socketReady has not come");
    if (this.socket instanceof SecureSocket) throw new StartTlsError("there is TLS on it already");
    if (this.#isShut) throw new StartTlsError("this end has shut its direction down");
    this.beginTls(this.tlsEnd(tls));
  }

  /**
   * From now on this connection does not count against `maxClients`, so that another client can come in its place. It
   * stays one of the listener's in all else. Ranch's `remove_connection`.
   */
  leaveLimit(): void {
    this.mayCrash("socket.leaveLimit");
    if (this.isUncounted) return;
    this.isUncounted = true;
    this.leave();
  }

  /** Facts of one's own about this connection, such as who has logged in; inspection shows them with the address. */
  get metadata(): Map<string, unknown> {
    return (this.#metadata ??= new Map());
  }

  /** What has gone over this connection so far. */
  getStat(): ConnectionStat {
    const { bytesReceived, bytesSent, unsentBytes, since } = this;
    const { packetsReceived } = this.intake;
    return { bytesReceived, bytesSent, unsentBytes, packetsReceived, packetsSent: this.#packetsSent, since };
  }

  /** The options that `setOptions` changes, as they are now: those of the listener, until one is changed. */
  getOptions(): Required<ConnectionOptions> {
    const { noDelay, keepAlive, maxBytesPerSecond, burstBytes, highWaterMark, maxUnsentBytes } = this.settings;
    const { idleTimeoutMs, packetTimeoutMs, sendTimeoutMs } = this.settings;
    const times = { idleTimeoutMs, packetTimeoutMs, sendTimeoutMs };
    return { noDelay, keepAlive, maxBytesPerSecond, burstBytes, highWaterMark, maxUnsentBytes, ...times };
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
    if (this.isOver) return;
    this.settings = { ...this.settings, ...changes };
    const { noDelay, keepAlive } = this.settings;
    if (changes.noDelay !== undefined || changes.keepAlive !== undefined)
      this.socket.setOptions({ noDelay, keepAlive });
    if (changes.idleTimeoutMs !== undefined) this.intake.watchIdle();
    if (changes.maxBytesPerSecond !== undefined || changes.burstBytes !== undefined) this.intake.limitBytes();
    if (changes.packetTimeoutMs !== undefined) this.intake.limitPacket();
    this.outflow?.reset(changes);
  }

  /**
   * Ends the connection when everything sent is on its way, which may take `sendTimeoutMs`. No event follows; the
   * handler goes on.
   */
  close(): void {
    this.mayCrash("socket.close");
    if (this.isOver) return;
    this.finish();
    this.socket.close("flush");
    this.ensureOutflow().arm();
  }

  /** Ends the connection at once, with RST; unsent bytes are lost. */
  abort(): void {
    this.mayCrash("socket.abort");
    this.finish();
    this.socket.close("reset");
  }

  /** False once it is closed, by either side, or broken. */
  get isOpen(): boolean {
    return !this.isOver && !this.hasEnded;
  }

  /**
   * What the actor of this connection is called for people, in trees, reports and by the inspector: the address of the peer,
   * as far as it is known by now, until it is given another text, such as the name of who has logged in. Whoever wants both
   * gives both. It is shown to all who may look, so it should hold no secret. An actor that gives itself a label, by
   * `self.label`, is called by that.
   */
  get label(): string {
    return this.#label ?? formatAddress(this.peername);
  }

  set label(label: string) {
    this.#label = label;
  }

  override describe(): string {
    const address = formatAddress(this.peername);
    const facts = [address];
    if (this.#label !== undefined && this.#label !== address) facts.push(this.#label);
    if (this.#metadata !== undefined) {
      for (const [name, value] of this.#metadata) facts.push(`${name}=${describeValue(value)}`);
    }
    return facts.join(" ");
  }

  /** A handler's context may be printed or persisted; of its connection that shows the address. */
  toJSON(): string {
    return formatAddress(this.peername);
  }

  /** Which end of TLS this is. @internal */
  protected tlsEnd(material: TlsMaterial | undefined): TlsEnd {
    return serverEnd(material, this.settings.tls);
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * Sends one packet, and tells once what has become of it.
   *
   * @internal
   */
  sendThen(data: Uint8Array | string, timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    this.#writeThen(() => this.send(data), timeoutMs, settle);
  }

  /** @internal */
  whenSent(settle: (outcome: SendOutcome) => void): void {
    this.#writeThen(() => true, "infinity", settle);
  }

  #writeThen(write: () => boolean, timeoutMs: number | "infinity", settle: (outcome: SendOutcome) => void): void {
    if (!this.isOver && !this.#isShut) write();
    // Also when more than `maxUnsentBytes` have ended it.
    if (this.isOver || this.#isShut) settle({ ok: false, error: this.endCode });
    else if (this.unsentBytes === 0) settle({ ok: true });
    else this.ensureOutflow().await(timeoutMs, settle);
  }

  #write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes) || this.ensureOutflow().wrote();
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
