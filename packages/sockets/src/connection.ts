import { type Deadline, Resource, type System } from "@espalier/actors";
import type { ConnectionEvent } from "./connection-event.ts";
import { FrameTooLargeError, InvalidOptionError } from "./errors.ts";
import { createDecoder, encodeFrame, type PacketDecoder } from "./framing.ts";
import { formatAddress } from "./listen-on.ts";
import { type ConnectionOptions, type ListenerConfig, toConnectionChanges } from "./options.ts";
import type { Address, SocketEvents, TransportSocket } from "./transport.ts";

/** How much a handler lets in: one packet, so many, all, or nothing. As `active` of Erlang's `inet`. */
export type Activity = "once" | number | true | false;

/** Sees to what is left of a connection whose owner has died: what it has sent should still reach the client. */
export interface Undertaker {
  /** Takes the connection over. The answer is to be called when its socket is gone; undefined: it is not taken. */
  bury(connection: Connection): (() => void) | undefined;
}

/**
 * A handler's end of one connection: packets come in as events, as many as it has activated, and bytes go out by
 * `send`. It is owned by one actor at a time, the acceptor first, then the connection supervisor, then the handler, and
 * is closed when its owner dies, in whatever way.
 */
export class Connection extends Resource implements SocketEvents {
  readonly kind = "socket";
  readonly peername: Address;

  readonly #system: System;
  readonly #socket: TransportSocket;
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
  #buried: (() => void) | null = null;

  /**
   * @param loss - sees to it if its owner dies before the handler has it
   * @internal
   */
  constructor(system: System, socket: TransportSocket, peer: Address, config: ListenerConfig, loss: Undertaker) {
    super();
    this.#system = system;
    this.#socket = socket;
    this.#config = config;
    this.#undertaker = loss;
    this.peername = peer;
    this.#decoder = createDecoder(config.packet, config);
    socket.setEvents(this);
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
   * is over, in which case nothing is sent.
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`) when the header cannot express the length
   */
  send(data: Uint8Array | string): boolean {
    if (this.#isOver) return false;
    const { packet, highWaterMark } = this.#config;
    if (this.#socket.write(encodeFrame(packet, data))) return true;
    if (this.#sendingUpTo === 0) this.#watchSending();
    if (this.#socket.unsentBytes <= highWaterMark) return true;
    // A client that does not read what it asked for is not asked for more.
    this.#isBlocked = true;
    this.#syncReading();
    return false;
  }

  /**
   * Changes options of this connection while it is open: all that are given, or none. What it has already counted of
   * `idleTimeoutMs` or `sendTimeoutMs` is forgotten when that option is given, and the new time begins with this call.
   * Does nothing once the connection is over.
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

  override describe(): string {
    return formatAddress(this.peername);
  }

  /** A handler's context may be printed or persisted; of its connection that shows the address. */
  toJSON(): string {
    return this.describe();
  }

  // — For the server —————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * The handler owns the socket now: it is told, and its clocks run.
   *
   * @internal
   */
  begin(undertaker: Undertaker): void {
    this.#undertaker = undertaker;
    this.#hasBegun = true;
    this.#watchIdle();
    if (this.#sendingUpTo > 0 || (this.#isOver && !this.#isGone)) this.#watchSending();
    if (!this.#isDeaf) this.#deliver({ type: "socketReady" });
    this.#pump();
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
    this.#last ??= code === undefined ? { type: "closed" } : { type: "error", reason: code };
    this.#pump();
    if (this.#isDeaf) this.#finish();
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  /** Delivers what the handler lets in, and the last event once nothing stands before it. */
  #pump(): void {
    // Called again from within, by a handler that activates while it handles: the loop below goes on by itself.
    if (this.#isPumping || this.#isDeaf || !this.#hasBegun) return;
    this.#isPumping = true;
    try {
      while (this.#credit > 0) {
        const packet = this.#next();
        if (packet === undefined) break;
        this.#credit -= 1;
        this.#deliver({ type: "data", data: packet });
      }
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error;
      this.#break("frameTooLarge");
    } finally {
      this.#isPumping = false;
    }
    if (this.#last !== null && (this.#credit > 0 || !this.#holdsBytes())) this.#deliverLast(this.#last);
    this.#syncReading();
  }

  #next(): Uint8Array | undefined {
    return this.#decoder === undefined ? this.#held.shift() : this.#decoder.next();
  }

  #holdsBytes(): boolean {
    return this.#held.length > 0 || (this.#decoder?.bufferedBytes ?? 0) > 0;
  }

  #deliver(event: ConnectionEvent): void {
    const owner = this.ownerPid;
    if (owner !== undefined) this.#system.sendIo(owner, event);
  }

  /** Leaves nothing to do behind the event: the handler may run, activate, and end before this returns. */
  #deliverLast(event: ConnectionEvent): void {
    const isFirst = !this.#isDeaf;
    this.#last = event;
    if (event.type === "error" || this.#isGone) this.#finish();
    else this.#stopListening();
    if (isFirst) this.#deliver(event);
  }

  #break(reason: string): void {
    if (this.#isOver) return;
    this.#socket.close("reset");
    this.#deliverLast({ type: "error", reason });
  }

  /** The client has its time from now on, or all the time there is. */
  #watchIdle(): void {
    const { idleTimeoutMs } = this.#config;
    if (!this.#hasBegun || this.#isDeaf) return;
    if (idleTimeoutMs === "infinity") {
      this.#idle?.cancel();
      return;
    }
    this.#idle ??= this.deadline(() => {
      this.#watchIdle();
      this.#deliver({ type: "timeout" });
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

  #syncReading(): void {
    const isWanted = this.#credit > 0 && !this.#isBlocked;
    const shouldRead = isWanted && this.#hasBegun && !this.#isDeaf && this.#last === null;
    if (shouldRead === this.#isReading) return;
    this.#isReading = shouldRead;
    if (shouldRead) this.#socket.resume();
    else this.#socket.pause();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#stopListening();
    this.#isOver = true;
    this.#sending?.cancel();
  }

  #stopListening(): void {
    this.#isDeaf = true;
    this.#isReading = false;
    this.#credit = 0;
    this.#held.length = 0;
    this.#idle?.cancel();
  }
}

function checkCount(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  const expected = '"once", true, false or an integer of at least 1';
  throw new InvalidOptionError([{ option: "activity", value: count, expected }]);
}
