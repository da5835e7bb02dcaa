import {
  type Address,
  type ConnectOptions,
  type SocketEvents,
  type TransportSocket,
  unixAddress,
} from "../transport.ts";
import { ByteQueue } from "./byte-queue.ts";
import { type Arrival, type Network, placeOf } from "./memory-network.ts";
import { type AcceptFault, type EndWeather, fairWeather, onceLater } from "./weather.ts";

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

/** Nothing ever happens where nobody is. */
const VOID: EndWeather = fairWeather(
  () => {},
  (bytes) => bytes,
).end("");

/**
 * One end of a connection.
 *
 * ```text
 * write → unsent → [capacity] inbox of the other end → data
 *  end  → once unsent is empty: FIN behind the inbox → end, once the inbox is empty
 * reset → both are thrown away                       → closed
 * ```
 *
 * Everything up to the inbox happens within the calls, as it does in an operating system; `#step` tells of it later, one
 * event at a time.
 */
export class MemorySocket implements TransportSocket, Arrival {
  /** The same in every run: see `Weather`. */
  readonly name: string;
  readonly #network: Network;
  readonly #weather: EndWeather;
  readonly #wake: () => void;
  readonly #localAddress: Address;
  readonly #peerAddress: Address;
  /** `gone`: nothing can be sent or received any more, and only `closed` is still to be told. */
  #state: "connecting" | "open" | "gone" | "closed" = "connecting";
  #other: MemorySocket | undefined;
  #events = NOBODY;
  #code: string | undefined;
  #peer: Address | undefined;
  #local: Address | undefined;

  readonly #inbox = new ByteQueue();
  #bytesReceived = 0;
  #isFlowing = false;
  /** Was resumed at least once, and so looks at what comes in. */
  #isReading = false;
  /** The peer's FIN is behind the inbox. */
  #hasFin = false;
  #isEndSeen = false;
  /** An RST came that this end has not noticed. */
  #resetCode: string | undefined;

  readonly #unsent = new ByteQueue();
  #bytesSent = 0;
  /** The system has not taken all it was offered, though there may be room, and will look again. */
  #isHeld = false;
  #isDrainDue = false;
  #isEnded = false;
  #isFinSent = false;
  #isClosing = false;

  /** The attempt to connect gets no answer. */
  #isUnanswered = false;
  /** Stands for an end that is not there: it takes what a network takes, and nobody hears of it. */
  #isVoid = false;
  /** To be reset as soon as it is accepted. */
  #isDoomed = false;
  /** The system waits for an answer, and will not do so for ever. */
  #stopWaiting: (() => void) | undefined;

  private constructor(network: Network, name: string, weather: EndWeather, local: Address, peer: Address) {
    this.name = name;
    this.#network = network;
    this.#weather = weather;
    this.#localAddress = local;
    this.#peerAddress = peer;
    this.#wake = onceLater(weather, () => this.#step());
  }

  static connect(network: Network, host: string, options: ConnectOptions, events: SocketEvents): MemorySocket {
    const { path, localHost = host } = options;
    const isUnix = path !== undefined;
    const local = isUnix ? unixAddress("") : { host: localHost, port: network.freePort(localHost) };
    const peer = isUnix ? unixAddress(path) : { host: options.host, port: options.port };
    const name = network.nextName(localHost);
    const socket = new MemorySocket(network, name, network.weather.end(name), local, peer);
    network.openSockets += 1;
    socket.#events = events;
    socket.#wake();
    return socket;
  }

  get peer(): Address | undefined {
    if (this.#state === "open" && this.#resetCode === undefined) this.#peer = this.#peerAddress;
    return this.#peer;
  }

  get local(): Address | undefined {
    if (this.#state === "open") this.#local = this.#localAddress;
    return this.#local;
  }

  get unsentBytes(): number {
    return this.#unsent.bytes;
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
    // Nothing waits here to join small packets, and nobody looks whether the peer has vanished.
  }

  resume(): void {
    this.#isFlowing = true;
    this.#startReading();
  }

  pause(): void {
    if (!this.#isClosing) this.#isFlowing = false;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isOver) return true;
    this.#bytesSent += bytes.length;
    if (this.#resetCode !== undefined) {
      this.#finish(this.#resetCode);
      return true;
    }
    const isFirst = this.#unsent.bytes === 0;
    this.#unsent.push(bytes);
    if (isFirst && this.#state === "open") this.#offer(bytes.length);
    else this.#transmit();
    if (this.#unsent.bytes === 0) return true;
    this.#isDrainDue = true;
    return false;
  }

  end(): void {
    if (this.#isEnded || this.#isOver) return;
    this.#isEnded = true;
    this.#transmit();
  }

  close(how: "flush" | "now" | "reset"): void {
    if (this.#isOver) return;
    this.#isClosing = true;
    if (how === "flush") {
      this.end();
      this.resume();
      return;
    }
    const other = this.#other;
    const hasUnread = this.#inbox.bytes > 0;
    this.#finish(undefined);
    if (other === undefined) return;
    if (how === "reset" || hasUnread) other.#receiveReset();
    else other.#receiveFin();
  }

  defer(run: () => void): void {
    this.#weather.defer(run);
  }

  arrived(): void {
    if (this.#isDoomed) this.#breakOff();
  }

  /** From now on neither end hears of the other. What has arrived is still told. */
  sever(): void {
    const other = this.#other;
    if (other === undefined) return;
    this.#faceVoid();
    other.#faceVoid();
  }

  get #isOver(): boolean {
    return this.#state === "gone" || this.#state === "closed";
  }

  /** There is something to tell. */
  get #isDue(): boolean {
    if (this.#state === "connecting") return !this.#isUnanswered;
    if (this.#state !== "open") return this.#state === "gone";
    if (this.#isHeld || (this.#isDrainDue && this.#unsent.bytes === 0)) return true;
    return this.#inbox.bytes > 0 ? this.#isFlowing : this.#hasFin && this.#isReading && !this.#isEndSeen;
  }

  #wakeIfDue(): void {
    if (this.#isDue) this.#wake();
  }

  /** Tells one thing, and comes again as long as there is one. */
  #step(): void {
    if (!this.#isDue) return;
    if (this.#state === "connecting") this.#establish();
    else if (this.#state === "gone") this.#tellClosed();
    else if (this.#hasBroken()) this.#wakeIfDue();
    else if (this.#isHeld) this.#takeHeld();
    else if (this.#isDrainDue && this.#unsent.bytes === 0) this.#tellDrain();
    else if (this.#inbox.bytes > 0) this.#deliver();
    else this.#deliverFin();
  }

  /** The client's side of a connection; that of the server is made here. */
  #establish(): void {
    const fault = this.#weather.connect();
    if (fault === "unanswered") {
      this.#isUnanswered = true;
      this.#waitForAnswer("connect");
      return;
    }
    const door = fault === "refused" ? undefined : this.#network.doorAt(placeOf(this.#peerAddress));
    if (door === undefined) {
      this.#finish("ECONNREFUSED");
      return;
    }
    const other = this.#openOther();
    const acceptFault = other.#weather.accept();
    const isAccepted = acceptFault !== "lost" && acceptFault !== "dropped";
    if (isAccepted) door.enqueue(other);
    if (acceptFault === "lost") other.#vanish();
    this.#transmit();
    this.#wakeIfDue();
    if (!this.#isClosing) this.#events.connected();
    if (acceptFault !== undefined) other.#suffer(acceptFault);
  }

  #openOther(): MemorySocket {
    const name = `>${this.name}`;
    const weather = this.#network.weather.end(name);
    const other = new MemorySocket(this.#network, name, weather, this.#peerAddress, this.#localAddress);
    this.#network.openSockets += 1;
    other.#state = "open";
    this.#state = "open";
    other.#other = this;
    this.#other = other;
    return other;
  }

  /** What becomes of it on its way to be accepted; its client is connected. */
  #suffer(fault: AcceptFault): void {
    if (fault === "gone") this.#breakOff();
    else if (fault === "dropped") this.close("now");
    else this.#isDoomed = fault === "resetBehind";
  }

  /** Whether the connection breaks before the next event. */
  #hasBroken(): boolean {
    if (this.#resetCode !== undefined || this.#isVoid) return false;
    const fault = this.#weather.breaks();
    if (fault === "reset") this.#breakOff();
    else if (fault === "silence") this.sever();
    return fault !== undefined;
  }

  /** The network resets the connection: both ends are told. */
  #breakOff(): void {
    if (this.#other !== undefined) this.#other.#receiveReset();
    this.#receiveReset();
  }

  /** This end is no more, without a word to the other. */
  #vanish(): void {
    if (this.#other !== undefined) this.#other.#faceVoid();
    this.#state = "closed";
    this.#network.openSockets -= 1;
  }

  /** Whatever it sends from now on goes nowhere. */
  #faceVoid(): void {
    if (this.#isOver) return;
    const nobody = new MemorySocket(this.#network, "", VOID, this.#peerAddress, this.#localAddress);
    nobody.#isVoid = true;
    nobody.#state = "open";
    nobody.#other = this;
    this.#other = nobody;
    // What is unsent may be in vain already.
    this.#transmit();
  }

  #waitForAnswer(what: "connect" | "bytes"): void {
    this.#stopWaiting ??= this.#weather.giveUp(what, () => this.#finish("ETIMEDOUT"));
  }

  #tellClosed(): void {
    this.#state = "closed";
    this.#network.openSockets -= 1;
    this.#events.closed(this.#code);
  }

  #tellDrain(): void {
    this.#isDrainDue = false;
    this.#wakeIfDue();
    this.#events.drain();
  }

  #deliver(): void {
    const waiting = this.#inbox.bytes;
    const wanted = this.#isClosing ? waiting : Math.trunc(this.#weather.chunk(waiting));
    const bytes = this.#inbox.take(Math.min(Math.max(wanted, 1), waiting));
    if (this.#other !== undefined) this.#other.#transmit();
    this.#wakeIfDue();
    if (this.#isClosing) return;
    this.#bytesReceived += bytes.length;
    this.#events.data(bytes);
  }

  #deliverFin(): void {
    if (this.#resetCode !== undefined && !this.#isEnded) {
      this.#finish(this.#resetCode);
      return;
    }
    this.#isEndSeen = true;
    this.#finishIfBothEnded();
    if (!this.#isClosing) this.#events.end();
  }

  /** Hands over what the system takes at once. */
  #offer(bytes: number): void {
    const taken = Math.trunc(this.#weather.write(bytes));
    this.#isHeld = taken < bytes;
    if (!this.#isHeld) this.#transmit();
    else if (taken > 0) this.#transmit(taken);
    this.#wakeIfDue();
  }

  #takeHeld(): void {
    this.#isHeld = false;
    this.#transmit();
    this.#wakeIfDue();
  }

  /**
   * Moves what has room to the other end, and FIN when nothing is left.
   *
   * @param most - bytes of what is held, of which nothing else goes
   */
  #transmit(most = this.#isHeld ? 0 : Infinity): void {
    const other = this.#other;
    if (this.#state !== "open" || other === undefined || most === 0) return;
    if (this.#unsent.bytes > 0 && other.#isOver) {
      // The system takes the bytes, sends them, and gets an RST back.
      this.#unsent.clear();
      this.#isHeld = false;
      this.#receiveReset();
    }
    if (other.#isVoid && (this.#unsent.bytes > 0 || (this.#isEnded && !this.#isFinSent))) this.#waitForAnswer("bytes");
    let left = most;
    while (this.#unsent.bytes > 0) {
      const room = Math.min(this.#network.capacity - other.#inbox.bytes, left);
      if (room <= 0) return;
      const bytes = this.#unsent.takeFirst(room);
      left -= bytes.length;
      other.#receive(bytes);
    }
    if (this.#isDrainDue) this.#wake();
    if (!this.#isEnded || this.#isFinSent) return;
    this.#isFinSent = true;
    other.#receiveFin();
    this.#finishIfBothEnded();
  }

  /** Copies, because the writer may use its array again. */
  #receive(bytes: Uint8Array): void {
    this.#inbox.push(new Uint8Array(bytes));
    this.#wakeIfDue();
  }

  #receiveFin(): void {
    this.#hasFin = true;
    this.#wakeIfDue();
  }

  #receiveReset(): void {
    if (this.#isOver) return;
    const code = this.#hasFin ? "EPIPE" : "ECONNRESET";
    if (this.#unsent.bytes > 0 || (this.#isReading && !this.#hasFin)) this.#finish(code);
    else this.#resetCode = code;
  }

  #startReading(): void {
    this.#isReading = true;
    // FIN comes first, and one who has seen it reads no further.
    if (this.#resetCode !== undefined && !this.#hasFin && !this.#isOver) this.#finish(this.#resetCode);
    else this.#wakeIfDue();
  }

  #finishIfBothEnded(): void {
    if (this.#isEndSeen && this.#isFinSent) this.#finish(undefined);
  }

  #finish(code: string | undefined): void {
    if (this.#isOver) return;
    this.#state = "gone";
    this.#code = code;
    this.#inbox.clear();
    this.#unsent.clear();
    this.#stopWaiting?.();
    this.#wake();
  }
}
