import type { Deadline } from "@espalier/actors";
import { ReadThrottle, type SharedBytes, type Throttled } from "./byte-limit.ts";
import type { ConnectionEvent } from "./connection-event.ts";
import { type Demanding, Demands, takeBytes } from "./demands.ts";
import { BadFrameError, FrameTooLargeError, InvalidOptionError } from "./errors.ts";
import { createDecoder } from "./framing.ts";
import type { ListenerConfig } from "./options.ts";
import type { PacketDecoder } from "./packet-decoder.ts";
import type { Pipe } from "./pipe.ts";
import { type Clocked, ReadingClock } from "./reading-clock.ts";
import type { Received, ReceiveOutcome, SocketRequest } from "./socket-request.ts";
import type { TransportSocket } from "./transport.ts";

/** How much a handler lets in: one packet, so many, all, or nothing. As `active` of Erlang's `inet`. */
export type Activity = "once" | number | true | false;

/** What an intake needs of its connection. */
export interface IntakeHost {
  readonly socket: TransportSocket;
  readonly settings: ListenerConfig;
  /** The handler has the socket, nobody shakes hands on it, and it hears what comes. */
  readonly isServed: boolean;
  /** There is nothing that keeps the socket from being read but the intake itself. */
  readonly mayRead: boolean;
  /** Ends are told to those who ask for bytes, and as no events. */
  readonly isPassive: boolean;
  /** Behind what has come in nothing more comes. */
  readonly hasEnded: boolean;
  /** What the end of the connection is called where it is an outcome. */
  readonly endCode: string;
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  deliver(event: ConnectionEvent | Received): void;
  /** Ends the connection with an error. */
  breakOff(reason: string): void;
}

/**
 * What comes in, and is let in: bytes wait here, raw or in the decoder, until the handler has activated packets or asked
 * for bytes, and while nothing is wanted nothing is read. Here are the clocks that run while a client is listened to.
 *
 * ```text
 *   socket ── push ──▶ held bytes, decoder ── serve ──▶ requests to receive first, then what is activated
 *      ▲                                                          │
 *      └── resume, pause ── syncReading ◀── credit, requests, throttle, and what the connection says
 * ```
 *
 * Where there is a pipe, it takes everything, and those who wait for bytes wait for the end.
 */
export class Intake implements Clocked, Throttled, Demanding {
  /** Packets that were let in. */
  packetsReceived = 0;
  /** What comes in goes in here, as far as it takes it, and nowhere else. */
  pipe: Pipe | undefined;
  readonly #host: IntakeHost;
  /** The limit of the listener. */
  readonly #sharedBytes: SharedBytes | undefined;
  /** Undefined where each chunk is a packet. */
  #decoder: PacketDecoder | undefined;
  /** Raw chunks that wait: none, one, or several; packets wait in the decoder. */
  #held: Uint8Array | Uint8Array[] | undefined;
  #credit = 0;
  #isServing = false;
  #isReading = false;
  #idle: Deadline | undefined;
  /** The same where bytes are asked for: to one that does not listen, nobody is silent. Made when it is first needed. */
  #patience: ReadingClock | undefined;
  #demands: Demands | undefined;
  /** Made when there is a limit to keep: there is none for most connections. */
  #throttle: ReadThrottle | undefined;
  /** Made when a packet first comes in parts. */
  #packetClock: ReadingClock | undefined;

  constructor(host: IntakeHost, sharedBytes: SharedBytes | undefined) {
    this.#host = host;
    this.#sharedBytes = sharedBytes;
    this.#decoder = createDecoder(host.settings.packet, host.settings);
    if (host.settings.maxBytesPerSecond !== "infinity") this.limitBytes();
  }

  // — For the connection —————————————————————————————————————————————————————————————————————————————————————————

  /** @throws InvalidOptionError (`ERR_INVALID_OPTION`) */
  activate(activity: Activity): void {
    if (activity === "once") this.#credit = Math.max(this.#credit, 1);
    else if (activity === true) this.#credit = Infinity;
    else if (activity === false) this.#credit = 0;
    else this.#credit += checkCount(activity);
  }

  /** Asks for bytes; `serve` answers. */
  ask(length: number | undefined, timeoutMs: number | "infinity"): SocketRequest {
    this.#demands ??= new Demands(this);
    return this.#demands.add(length, timeoutMs);
  }

  abandon(request: SocketRequest): void {
    this.#demands?.abandon(request);
    this.syncReading();
  }

  /** Bytes were read. */
  push(bytes: Uint8Array): void {
    if (this.#throttle !== undefined || this.#sharedBytes?.bucket !== undefined) {
      this.#throttle ??= new ReadThrottle(this, this.#sharedBytes);
      this.#throttle.read(bytes.length);
    }
    this.watchIdle();
    if (this.#decoder !== undefined) this.#decoder.push(bytes);
    else if (this.#held === undefined) this.#held = bytes;
    else this.#heldChunks().push(bytes);
  }

  /**
   * Delivers what is asked for and let in. A handler that activates while it handles gets its next packet put into its
   * mailbox at once, so that all packets of a read are handled in one go.
   *
   * @returns whether this is the call that began it, and not one of the handler's, further down the stack
   */
  serve(): boolean {
    const isOutermost = !this.#isServing;
    this.#isServing = true;
    try {
      this.#serveAll();
    } catch (error) {
      if (error instanceof FrameTooLargeError) this.#host.breakOff("frameTooLarge");
      else if (error instanceof BadFrameError) this.#host.breakOff("badFrame");
      else throw error;
    } finally {
      if (isOutermost) this.#isServing = false;
    }
    return isOutermost;
  }

  /** What stands behind the last packet may be told: nothing waits, or what waits is no packet and never will be. */
  get isThrough(): boolean {
    return this.#lets || !this.#holdsBytes;
  }

  /**
   * The peer has closed its side: so is that of the other connection, behind what is left, such as a last line without its
   * line feed. False: it is not, since what is left of a packet would look like all of it without the header.
   */
  endPipe(): boolean {
    const { pipe } = this;
    if (pipe === undefined) return true;
    if (this.#decoder !== undefined && this.#decoder.bufferedBytes > 0) {
      if (typeof this.#host.settings.packet === "number") return false;
      pipe.passPart(this.#decoder.remaining());
    }
    pipe.end();
    return true;
  }

  /** Has the socket read, or not, and the clocks with it. */
  syncReading(): void {
    const host = this.#host;
    if (host.isServed) this.#demands?.watch();
    const isWanted = this.#lets || (this.#isAsked && this.pipe === undefined);
    const shouldRead = isWanted && this.#throttle?.isPaused !== true && host.mayRead;
    if (shouldRead !== this.#isReading) {
      this.#isReading = shouldRead;
      if (shouldRead) host.socket.resume();
      else host.socket.pause();
    }
    if (host.isPassive && host.isServed) this.#watchPatience();
    if (this.#decoder !== undefined) this.#watchPacket(this.#decoder.bufferedBytes);
  }

  /** The client has its time from now on, or all the time there is. While it is not heard, none of it passes. */
  watchIdle(): void {
    const { idleTimeoutMs } = this.#host.settings;
    if (!this.#host.isServed) return;
    if (this.#host.isPassive) {
      this.#patience?.reset();
      this.#watchPatience();
    } else if (idleTimeoutMs === "infinity" || this.#throttle?.isPaused === true) this.#idle?.cancel();
    else (this.#idle ?? this.#createIdle())?.arm(idleTimeoutMs);
  }

  /** The limit on bytes has been set. */
  limitBytes(): void {
    const { maxBytesPerSecond: bytesPerSecond, burstBytes: burst } = this.#host.settings;
    this.#throttle ??= new ReadThrottle(this, this.#sharedBytes);
    this.#throttle.setRate({ bytesPerSecond, burst });
  }

  /** The time for a packet has been set. */
  limitPacket(): void {
    this.#packetClock?.reset();
    this.syncReading();
  }

  /**
   * Takes out all that has come and was not let in: what comes from now on has nothing to do with it. Who waits for bytes
   * goes on to wait, for others. The socket is to be replaced.
   */
  takeOut(): readonly Uint8Array[] {
    const taken = this.#decoder === undefined ? this.#heldChunks() : [this.#decoder.remaining()];
    this.#held = undefined;
    this.#decoder = createDecoder(this.#host.settings.packet, this.#host.settings);
    this.#packetClock?.reset();
    this.#patience?.reset();
    this.#idle?.cancel();
    this.#demands?.rest();
    this.#isReading = false;
    return taken.filter(({ length }) => length > 0);
  }

  /** Nothing more comes in. Who has asked for bytes is told so. */
  stop(): void {
    this.#isReading = false;
    this.pipe = undefined;
    this.#credit = 0;
    this.#held = undefined;
    this.#idle?.cancel();
    this.#patience?.reset();
    this.#throttle?.stop();
    this.#packetClock?.reset();
    this.failDemands();
  }

  /** Who asks for bytes, or has asked, gets none. */
  failDemands(): void {
    this.#demands?.failAll(this.#host.endCode);
  }

  // — For its parts ——————————————————————————————————————————————————————————————————————————————————————————————

  now(): number {
    return this.#host.now();
  }

  timer(run: () => void): Deadline | undefined {
    return this.#host.timer(run);
  }

  tell(received: Received): void {
    this.#host.deliver(received);
  }

  answer(length: number | undefined): ReceiveOutcome | undefined {
    const data = length === undefined ? this.#next() : takeBytes(this.#heldChunks(), length);
    if (data === undefined) {
      const { hasEnded, endCode } = this.#host;
      return hasEnded ? { ok: false, error: endCode } : undefined;
    }
    this.packetsReceived += 1;
    this.#packetClock?.reset();
    return { ok: true, data };
  }

  unpaused(): void {
    this.watchIdle();
    this.syncReading();
  }

  expired(): void {
    this.#host.breakOff("packetTimeout");
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  #serveAll(): void {
    // A handler may end the connection, or begin a handshake, while it handles.
    while (this.#host.isServed) {
      const pipe = this.pipe;
      if (pipe === undefined) this.#demands?.serve();
      if (!this.#lets || (this.#isAsked && pipe === undefined)) return;
      const data = this.#next();
      if (data === undefined) return;
      this.packetsReceived += 1;
      this.#packetClock?.reset();
      if (pipe === undefined) {
        this.#credit -= 1;
        this.#host.deliver({ type: "data", data });
      } else if (this.#decoder === undefined) pipe.passPart(data);
      else pipe.pass(data);
    }
  }

  /** The next packet has somewhere to go. */
  get #lets(): boolean {
    return this.pipe === undefined ? this.#credit > 0 : this.pipe.isOpen;
  }

  #next(): Uint8Array | undefined {
    if (this.#decoder !== undefined) return this.#decoder.next();
    const held = this.#held;
    if (Array.isArray(held)) return held.shift();
    this.#held = undefined;
    return held;
  }

  /** As an array from now on. */
  #heldChunks(): Uint8Array[] {
    const held = this.#held;
    if (Array.isArray(held)) return held;
    return (this.#held = held === undefined ? [] : [held]);
  }

  get #holdsBytes(): boolean {
    if (this.#decoder !== undefined) return this.#decoder.bufferedBytes > 0;
    const held = this.#held;
    // A datagram may be empty.
    return Array.isArray(held) ? held.length > 0 : held !== undefined;
  }

  #createIdle(): Deadline | undefined {
    // Smaller than a closure, and most connections have this one.
    return (this.#idle = this.timer(this.#idled.bind(this)));
  }

  #idled(): void {
    this.watchIdle();
    this.#host.deliver({ type: "timeout" });
  }

  /** The time of a client runs while somebody waits for its bytes. */
  #watchPatience(): void {
    const { idleTimeoutMs } = this.#host.settings;
    if (idleTimeoutMs === "infinity") this.#patience?.reset();
    else if (this.#isAsked && this.#throttle?.isPaused !== true) this.#ensurePatience().run(idleTimeoutMs);
    else this.#patience?.pause();
  }

  #ensurePatience(): ReadingClock {
    return (this.#patience ??= new ReadingClock({
      now: () => this.now(),
      timer: (run) => this.timer(run),
      expired: () => this.#lostPatience(),
    }));
  }

  #lostPatience(): void {
    // A request whose own time was over at the same moment has been told so: the next one is told of this.
    if (!this.#isAsked) return this.#patience?.pause();
    this.watchIdle();
    this.#demands?.failFirst("idleTimeout");
    this.syncReading();
  }

  get #isAsked(): boolean {
    return this.#demands?.isEmpty === false;
  }

  #watchPacket(bufferedBytes: number): void {
    const { packetTimeoutMs } = this.#host.settings;
    if (bufferedBytes === 0 || packetTimeoutMs === "infinity") {
      this.#packetClock?.reset();
      return;
    }
    this.#packetClock ??= new ReadingClock(this);
    if (this.#isReading) this.#packetClock.run(packetTimeoutMs);
    else this.#packetClock.pause();
  }
}

function checkCount(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  const expected = '"once", true, false or an integer of at least 1';
  throw new InvalidOptionError([{ option: "activity", value: count, expected }]);
}
