import { type Pid, type Process, shutdown, type System } from "@espalier/actors";
import type { SharedBytes } from "./byte-limit.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionEvent } from "./connection-event.ts";
import { Intake } from "./intake.ts";
import type { Keepalive } from "./keepalive.ts";
import { endByReset } from "./no-linger.ts";
import type { ListenerConfig } from "./options.ts";
import { Outflow } from "./outflow.ts";
import { OwnedSocket } from "./owned-socket.ts";
import { Preamble, type PreambleFailure } from "./preamble.ts";
import type { TlsEnd } from "./start-tls.ts";
import type { Address, TransportSocket } from "./transport.ts";
import { SecureSocket } from "./transports/secure-socket.ts";
import type { Undertaker } from "./undertaker.ts";
import { Received, Sent } from "./socket-request.ts";

/** The handler of a connection that has found another actor to own it, and stands for that in the tree. */
export interface Giver {
  readonly pid: Pid;
  readonly owner: Pid;
  /** That actor owns many, and has to be told which one an event is about. */
  readonly isShared: boolean;
  /** It is over, and its socket is gone. It may come twice. */
  gone(): void;
}

/**
 * The life of a connection, from when its socket is accepted to when that is gone: what its owner is told, and when.
 *
 * ```text
 *                 begin              the preamble is passed                 last event
 *   accepted ───────────▶ PREAMBLE ─────────────────────────▶ SERVED ───────────────────▶ deaf: only sends
 *                            │ failed                            │ close, break, owner dead     │
 *                            └─────────────▶ over ◀──────────────┴──────────────────────────────┘
 *                                              │ the transport says `closed`
 *                                              ▼
 *                                            gone
 * ```
 *
 * A handler sees of it what `Connection` adds, which is one object with it: there may be 250,000 of them.
 *
 * It is the `IntakeHost`, `OutflowHost` and `PreambleTaker` of what it makes, and does not say `implements`: what they ask
 * for is internal, and not in its published type.
 */
export abstract class ConnectionLife extends OwnedSocket {
  /** The handler has the socket. Until then nothing is read, and nothing is told. @internal */
  hasBegun = false;
  /** Nothing more is delivered or sent. @internal */
  isOver = false;
  /** Ends are told to those who ask for bytes, and as no events. @internal */
  isPassive = false;
  /** Set by a handler that has found another actor to own it, before it is given. @internal */
  giver: Giver | undefined;
  /** @internal */
  protected readonly intake: Intake;
  /** Made when the system does not take at once what is sent. @internal */
  protected outflow: Outflow | undefined;
  /** The last event has been delivered. To a peer that has only closed its own side, one may still send. @internal */
  protected isDeaf = false;
  /** It is not to count against `maxClients`. @internal */
  protected isUncounted = false;
  /** Made when there is something to keep alive. @internal */
  protected keeper: Keepalive | undefined;
  /** When the handler got the socket. @internal */
  protected since: number | undefined;
  /** The socket itself is gone. */
  #isGone = false;
  /** The last event, which waits until everything before it has been let in. */
  #last: ConnectionEvent | null = null;
  #preamble: Preamble | undefined;
  #undertaker: Undertaker | null;
  #buried: (() => void) | null = null;

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
    super(system, socket, peer, config);
    this.#undertaker = loss;
    this.intake = new Intake(this, sharedBytes);
    this.socket.setEvents(this);
  }

  /**
   * The last event of the socket, once the socket has come to its end; null when this end has closed it.
   *
   * @internal
   */
  get last(): ConnectionEvent | null {
    return this.#last;
  }

  // — For the server —————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * The actor that was started for it, which is its owner or has found that.
   *
   * @internal
   */
  get handlerPid(): Pid | undefined {
    return this.giver?.pid ?? this.ownerPid;
  }

  /**
   * Gives it to its handler, or to whom that has found. False: one of them is dead.
   *
   * @internal
   */
  giveFrom(process: Process, handler: Pid): boolean {
    return process.isAlive(handler) && process.give(this, this.giver?.owner ?? handler);
  }

  /**
   * The handler owns the socket now: it is told, and its clocks run, once the PROXY header is read and the TLS handshake is
   * done, where there are to be such.
   *
   * @internal
   */
  begin(undertaker: Undertaker): void {
    this.#undertaker = undertaker;
    const { socket, settings } = this;
    const secure = socket instanceof SecureSocket && socket.isToShakeHands ? socket : undefined;
    if (this.isDeaf || (settings.proxyProtocol === false && secure === undefined)) {
      this.#open();
    } else if (this.#last === null) {
      this.#preamble = new Preamble(this, secure);
      this.#preamble.start(socket, this.peername, settings);
    } else {
      this.failed({ type: settings.proxyProtocol === false ? "tlsHandshakeClosed" : "proxyProtocolClosed" });
    }
  }

  /**
   * The owner asks for bytes, and hears of ends by the answers only: no `closed`, `error` or `timeout` comes.
   *
   * @internal
   */
  bePassive(): void {
    this.isPassive = true;
  }

  /** The owner is dead. What a handler has sent still goes out, for as long as the undertaker allows. */
  release(): void {
    this.finish();
    const undertaker = this.#undertaker;
    this.#undertaker = null;
    this.#buried = null;
    if (this.#isGone && this.hasBegun) return;
    const buried = undertaker?.bury(this.#whole);
    if (buried !== undefined) this.#buried = buried;
    this.socket.close(buried === undefined ? "now" : "flush");
  }

  // — From the transport —————————————————————————————————————————————————————————————————————————————————————————

  /** @internal */
  connected(): void {
    // An accepted socket is connected from the start.
  }

  /** @internal */
  data(bytes: Uint8Array): void {
    if (!this.isDeaf) this.system.io(ConnectionLife.#arrived, this, bytes);
  }

  static readonly #arrived = (connection: ConnectionLife, bytes: Uint8Array): void => {
    connection.intake.push(bytes);
    connection.pump();
  };

  /** @internal */
  end(): void {
    this.#last ??= { type: "closed" };
    this.pump();
  }

  /** @internal */
  drain(): void {
    this.outflow?.drained();
  }

  /** @internal */
  unsent(): void {
    if (!this.isOver) this.ensureOutflow().wrote();
  }

  /** @internal */
  closed(code: string | undefined): void {
    this.#isGone = true;
    this.outflow?.lost();
    this.#buried?.();
    this.#buried = null;
    // What comes after this end has closed it is no event any more.
    if (!this.isOver) this.#last ??= code === undefined ? { type: "closed" } : { type: "error", reason: code };
    this.pump();
    if (this.isDeaf) this.#cease();
    this.outflow?.fail(code ?? this.endCode);
    this.#tellGone();
  }

  // — From what stands before the protocol ———————————————————————————————————————————————————————————————————————

  /** @internal */
  passed(rest: readonly Uint8Array[]): void {
    this.#preamble = undefined;
    this.#open();
    for (const bytes of rest) this.data(bytes);
  }

  /**
   * If nobody has been told of the socket yet, nobody waits for its end: the handler ends with it, unless it traps exits.
   *
   * @internal
   */
  failed(failure: PreambleFailure): void {
    if (this.hasBegun) {
      this.breakOff(failure.type, failure);
      return;
    }
    this.#preamble = undefined;
    this.hasBegun = true;
    this.socket.close("reset");
    this.#last = { type: "error", reason: failure.type, detail: failure };
    const { handlerPid } = this;
    if (handlerPid !== undefined) this.system.exit(handlerPid, shutdown(failure));
    this.finish();
    // One that was found for it has been told of nothing, and need not hear that it was nothing.
    if (this.giver === undefined && !this.isPassive) this.deliver(this.#last);
  }

  // — For its parts ——————————————————————————————————————————————————————————————————————————————————————————————

  /** @internal */
  get isUnderWay(): boolean {
    return this.hasBegun && this.#preamble === undefined;
  }

  /** @internal */
  get isServed(): boolean {
    return this.isUnderWay && !this.isDeaf;
  }

  /** @internal */
  get mayRead(): boolean {
    // Who is piped has its answers from elsewhere: what it may send depends on the one that gets it.
    const isBlocked = this.outflow?.isBlocked === true && this.intake.pipe === undefined;
    return this.isServed && this.#last === null && !isBlocked;
  }

  /** @internal */
  override deliver(event: ConnectionEvent | Received | Sent): void {
    const isOneOfMany = this.giver?.isShared === true && !(event instanceof Received) && !(event instanceof Sent);
    super.deliver(isOneOfMany ? { ...event, connection: this.#whole } : event);
  }

  /** @internal */
  get hasEnded(): boolean {
    return this.#last !== null;
  }

  /** @internal */
  get endCode(): string {
    return this.#last?.type === "error" ? this.#last.reason : "closed";
  }

  /** @internal */
  syncReading(): void {
    this.intake.syncReading();
  }

  /** @internal */
  breakOff(reason: string, detail?: PreambleFailure): void {
    if (this.isOver) return;
    this.socket.close("reset");
    const event: ConnectionEvent = { type: "error", reason, ...(detail !== undefined && { detail }) };
    if (this.hasBegun || this.#preamble !== undefined) {
      this.#deliverLast(event);
    } else {
      // It does not belong to the handler yet, which is told behind `socketReady`.
      this.#last = event;
      this.isOver = true;
    }
  }

  // — For the handler's face —————————————————————————————————————————————————————————————————————————————————————

  /** Delivers what the handler lets in, and the last event once nothing stands before it. @internal */
  protected pump(): void {
    if (!this.isServed || !this.intake.serve()) return;
    if (this.#last !== null && this.intake.isThrough) this.#deliverLast(this.#last);
    this.intake.syncReading();
  }

  /** Has TLS on the socket from here on. What was read in plain and nobody has had is never delivered. @internal */
  protected beginTls(end: TlsEnd): void {
    const early = this.intake.takeOut();
    const secure = end.secure(this.socket);
    if (this.settings.noLinger) endByReset(secure);
    secure.isAwaited = true;
    secure.setEvents(this);
    this.socket = secure;
    this.keeper?.stop();
    this.outflow?.stop();
    this.#preamble = new Preamble(this, secure);
    if (this.#last !== null) this.failed({ type: "tlsHandshakeClosed" });
    else if (early[0] !== undefined && !end.mayBegin(early[0])) this.breakOff("plaintextBeforeTls");
    else this.#preamble.shakeHands(early);
  }

  /** @internal */
  protected leave(): void {
    if (this.hasBegun) this.#undertaker?.leaveLimit?.(this.#whole);
  }

  /** Nothing more is delivered or sent. @internal */
  protected finish(): void {
    this.#cease();
    this.#tellGone();
  }

  /** @internal */
  protected ensureOutflow(): Outflow {
    return (this.outflow ??= new Outflow(this));
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  /** What others know it by. */
  get #whole(): Connection {
    return this as unknown as Connection;
  }

  #open(): void {
    const event: ConnectionEvent = this.hasBegun ? { type: "secured" } : { type: "socketReady" };
    if (!this.hasBegun) this.#enter();
    this.intake.watchIdle();
    this.keeper?.start();
    this.outflow?.begin();
    if (this.isOver && !this.#isGone) this.ensureOutflow().watch();
    if (!this.isDeaf) this.deliver(event);
    this.pump();
    this.#tellGone();
  }

  /** The handler gets the socket. */
  #enter(): void {
    this.hasBegun = true;
    this.since = this.now();
    this.#undertaker?.opened?.(this.#whole);
    if (this.isUncounted) this.leave();
  }

  /** The handler has closed what it did not have yet, or what it waits for. */
  #abandon(preamble: Preamble): void {
    this.#preamble = undefined;
    preamble.stop();
    // One who hears of no ends still hears that what it waits for does not come.
    if (this.hasBegun && this.isPassive) {
      this.deliver(this.#last?.type === "error" ? this.#last : { type: "error", reason: this.endCode });
    }
    this.hasBegun = true;
  }

  /** As `finish`, if there may be something to tell yet. */
  #cease(): void {
    if (this.isOver && this.isDeaf) return;
    if (this.#preamble !== undefined) this.#abandon(this.#preamble);
    this.#stopListening();
    this.isOver = true;
    this.outflow?.stop();
  }

  /** Leaves nothing to do behind the event: the handler may run, activate, and end before this returns. */
  #deliverLast(event: ConnectionEvent): void {
    const isFirst = !this.isDeaf;
    if (isFirst && event.type === "closed" && !this.intake.endPipe()) {
      this.breakOff("badFrame");
      return;
    }
    this.#last = event;
    if (event.type === "error" || this.#isGone) this.#cease();
    else this.#stopListening();
    if (isFirst && !this.isPassive) this.deliver(event);
    this.#tellGone();
  }

  /** The handler has found an owner, and that has all that there is to have. */
  #tellGone(): void {
    if (this.#isGone && this.isOver && this.hasBegun) this.giver?.gone();
  }

  #stopListening(): void {
    this.isDeaf = true;
    this.keeper?.stop();
    this.intake.stop();
  }
}
