import type { Address, SocketEvents, SocketOptions, TransportSocket } from "@espalier/sockets";

/** Who wants to know what becomes of one end of a connection. */
export interface Observer {
  /** What that end is called, and at which host the other one is taken to be. */
  readonly name: string;
  readonly host: string;
  /** So many bytes have been read in all. */
  onRead?(bytes: number): void;
  /** So many bytes are about to be written, behind so many others. */
  onWrite?(bytes: number, before: number): void;
  onClosed?(): void;
}

const NOBODY: SocketEvents = {
  connected() {},
  data() {},
  end() {},
  drain() {},
  closed() {},
};

/** One end of a connection, as it is, but for where it comes from. */
export class ObservedSocket implements TransportSocket {
  readonly #inner: TransportSocket;
  readonly #observer: Observer;
  #events = NOBODY;

  constructor(inner: TransportSocket, observer: Observer) {
    this.#inner = inner;
    this.#observer = observer;
    // From the beginning: who closes it at once need not want to hear of that.
    inner.setEvents({
      connected: () => this.#events.connected(),
      data: (bytes) => {
        this.#events.data(bytes);
        observer.onRead?.(inner.bytesReceived);
      },
      end: () => this.#events.end(),
      drain: () => this.#events.drain(),
      unsent: () => this.#events.unsent?.(),
      closed: (code) => {
        this.#events.closed(code);
        observer.onClosed?.();
      },
    });
  }

  get name(): string {
    return this.#observer.name;
  }

  get peer(): Address | undefined {
    const { peer } = this.#inner;
    return peer && { ...peer, host: this.#observer.host };
  }

  get local(): Address | undefined {
    return this.#inner.local;
  }

  get unsentBytes(): number {
    return this.#inner.unsentBytes;
  }

  get bytesReceived(): number {
    return this.#inner.bytesReceived;
  }

  get bytesSent(): number {
    return this.#inner.bytesSent;
  }

  setEvents(events: SocketEvents): void {
    this.#events = events;
  }

  setOptions(options: SocketOptions): void {
    this.#inner.setOptions(options);
  }

  resume(): void {
    this.#inner.resume();
  }

  pause(): void {
    this.#inner.pause();
  }

  write(bytes: Uint8Array): boolean {
    this.#observer.onWrite?.(bytes.length, this.#inner.bytesSent);
    return this.#inner.write(bytes);
  }

  end(): void {
    this.#inner.end();
  }

  close(how: "flush" | "now" | "reset"): void {
    this.#inner.close(how);
  }
}
