import { basename } from "node:path";
import type {
  Address,
  ListenEvents,
  ListenSocket,
  SocketEvents,
  SocketOptions,
  TransportSocket,
} from "../../src/transport.ts";

export type SocketEventName = keyof SocketEvents;

/** How many calls into a transport are on the stack. While there is one, no event may come, on whatever socket. */
let callsUnderWay = 0;

/** Calls into a transport, so that events from within the call are noticed. */
export function calling<Result>(call: () => Result): Result {
  callsUnderWay += 1;
  try {
    return call();
  } finally {
    callsUnderWay -= 1;
  }
}

/** A log that can be waited for: each new entry looks whether somebody's condition holds. No polling, no time. */
class Log<Name extends string> {
  readonly entries: Name[] = [];
  readonly faults: string[] = [];
  readonly #last: Name;
  readonly #waiting = new Set<() => void>();
  readonly #taken = new Map<Name, number>();

  constructor(last: Name) {
    this.#last = last;
  }

  get isOver(): boolean {
    return this.entries.includes(this.#last);
  }

  count(name: Name): number {
    return this.entries.filter((entry) => entry === name).length;
  }

  /** Notes what no transport may do. */
  add(name: Name, react: () => void): void {
    if (callsUnderWay > 0) this.faults.push(`${name} within a call`);
    if (this.isOver) this.faults.push(`${name} after ${this.#last}`);
    this.entries.push(name);
    react();
    for (const look of this.#waiting) look();
  }

  /** The next of these entries that was not waited for. */
  next(name: Name): Promise<void> {
    const number = (this.#taken.get(name) ?? 0) + 1;
    this.#taken.set(name, number);
    return this.until(() => this.count(name) >= number);
  }

  /** Fails when nothing more can come. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const holds = condition();
        if (!holds && !this.isOver) return;
        this.#waiting.delete(look);
        if (holds) resolve();
        else reject(new Error(`over after ${this.entries.join(", ")}`));
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** What a recorded socket does besides being recorded, within the event. */
export type Reaction = (name: SocketEventName, recorder: SocketRecorder, bytes: Uint8Array) => void;

const NOTHING: Uint8Array = new Uint8Array(0);

/** Keeps everything that happens on one socket, and lets a test wait for it. */
export class SocketRecorder {
  readonly events: Required<SocketEvents>;
  readonly #log = new Log<SocketEventName>("closed");
  readonly #react: Reaction | undefined;
  readonly #received: Buffer[] = [];
  #receivedBytes = 0;
  #socket: TransportSocket | undefined;
  #code: string | undefined;
  #isPaused = true;
  #isDrainDue = false;
  #isUnsentDue = false;

  constructor(react?: Reaction) {
    this.#react = react;
    this.events = {
      connected: () => this.#record("connected"),
      data: (bytes) => this.#data(bytes),
      end: () => this.#record("end"),
      drain: () => this.#drain(),
      unsent: () => {
        this.#hears();
        this.#record("unsent");
      },
      closed: (code) => {
        this.#code = code;
        this.#record("closed");
      },
    };
  }

  get socket(): TransportSocket {
    if (this.#socket === undefined) throw new Error("no socket is attached");
    return this.#socket;
  }

  get log(): readonly SocketEventName[] {
    return this.#log.entries;
  }

  get faults(): readonly string[] {
    return this.#log.faults;
  }

  get isClosed(): boolean {
    return this.#log.isOver;
  }

  /** All bytes so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  attach(socket: TransportSocket): void {
    this.#socket = socket;
  }

  count(name: SocketEventName): number {
    return this.#log.count(name);
  }

  /** The next of these events that was not waited for; for `closed` its code. */
  async next(name: SocketEventName): Promise<string | undefined> {
    await this.#log.next(name);
    return name === "closed" ? this.#code : undefined;
  }

  /** Until so many bytes have come altogether. */
  async bytes(total: number): Promise<Buffer> {
    await this.#log.until(() => this.#receivedBytes >= total);
    return this.received;
  }

  async text(total: number): Promise<string> {
    return (await this.bytes(total)).toString();
  }

  until(condition: () => boolean): Promise<void> {
    return this.#log.until(condition);
  }

  resume(): void {
    this.#isPaused = false;
    calling(() => this.socket.resume());
  }

  pause(): void {
    calling(() => this.socket.pause());
    this.#isPaused = true;
  }

  setOptions(options: SocketOptions): void {
    calling(() => this.socket.setOptions(options));
  }

  write(data: string | Uint8Array): boolean {
    const isAllSent = this.put(data);
    const isAllHanded = this.socket.unsentBytes === 0;
    if (isAllHanded && !isAllSent) this.#log.faults.push("write answered false");
    // It was kept for one write with others: it will be told that not all of it was taken.
    if (isAllSent && !isAllHanded) this.#isUnsentDue = true;
    return isAllSent;
  }

  /** Writes, and does not look whether it is unsent, which would have it sent. */
  put(data: string | Uint8Array): boolean {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const isAllSent = calling(() => this.socket.write(bytes));
    if (!isAllSent) this.#hears();
    return isAllSent;
  }

  end(): void {
    calling(() => this.socket.end());
  }

  close(how: "flush" | "now" | "reset"): void {
    calling(() => this.socket.close(how));
  }

  #data(bytes: Uint8Array): void {
    if (this.#isPaused) this.#log.faults.push("data while paused");
    if (bytes.length === 0) this.#log.faults.push("data without bytes");
    this.#received.push(Buffer.from(bytes));
    this.#receivedBytes += bytes.length;
    this.#record("data", bytes);
  }

  /** That not all could be handed over. */
  #hears(): void {
    this.#isDrainDue = true;
    this.#isUnsentDue = false;
  }

  #drain(): void {
    if (this.#isUnsentDue) this.#log.faults.push("drain without a word of what was unsent");
    if (!this.#isDrainDue) this.#log.faults.push("drain that is not due");
    if (this.socket.unsentBytes > 0) this.#log.faults.push("drain with bytes unsent");
    this.#isDrainDue = false;
    this.#record("drain");
  }

  #record(name: SocketEventName, bytes: Uint8Array = NOTHING): void {
    this.#log.add(name, () => this.#react?.(name, this, bytes));
  }
}

export type ListenEventName = keyof ListenEvents;

/** Keeps everything that happens on one listening socket, and the connections it accepted. */
export class ListenRecorder {
  readonly events: ListenEvents;
  readonly accepted: SocketRecorder[] = [];
  readonly #log = new Log<ListenEventName>("closed");
  #address: Address | undefined;
  #code: string | undefined;
  #socket: ListenSocket | undefined;

  /** @param react - What each accepted socket does. */
  constructor(react?: Reaction) {
    this.events = {
      listening: (address) => {
        this.#address = address;
        this.#record("listening");
      },
      failed: (code) => {
        this.#code = code;
        this.#record("failed");
      },
      accepted: (socket) => {
        const recorder = new SocketRecorder(react);
        recorder.attach(socket);
        calling(() => socket.setEvents(recorder.events));
        this.accepted.push(recorder);
        this.#record("accepted");
      },
      acceptFailed: () => this.#record("acceptFailed"),
      closed: () => this.#record("closed"),
    };
  }

  get log(): readonly ListenEventName[] {
    return this.#log.entries;
  }

  get faults(): readonly string[] {
    return this.#log.faults;
  }

  /** Nothing is to come. */
  get isOver(): boolean {
    return this.#log.isOver || this.#code !== undefined;
  }

  get address(): Address {
    if (this.#address === undefined) throw new Error("it does not listen");
    return this.#address;
  }

  /** That of a unix socket is its name. */
  get port(): number {
    const { port, path } = this.address;
    return path === undefined ? port : Number(basename(path));
  }

  attach(socket: ListenSocket): void {
    this.#socket = socket;
  }

  count(name: ListenEventName): number {
    return this.#log.count(name);
  }

  /** The next of these events that was not waited for; for `failed` its code. */
  async next(name: ListenEventName): Promise<string | undefined> {
    await this.#log.next(name);
    return name === "failed" ? this.#code : undefined;
  }

  /** The connection accepted as number `index`, counted from 0. */
  async connection(index: number): Promise<SocketRecorder> {
    await this.#log.until(() => this.accepted.length > index);
    const recorder = this.accepted[index];
    if (recorder === undefined) throw new Error(`no connection ${index}`);
    return recorder;
  }

  close(): void {
    const socket = this.#socket;
    calling(() => socket?.close());
  }

  #record(name: ListenEventName): void {
    this.#log.add(name, () => {});
  }
}
