import { Duplex } from "node:stream";
import type { TransportSocket } from "../transport.ts";

/** What a stream cannot tell of its socket. */
export interface StreamEvents {
  closed(code: string | undefined): void;
  /** Everything has been handed to the system. */
  drained(): void;
}

/**
 * A socket as a stream of Node, for Node's TLS to stand on: so it stands on every transport, behind a PROXY header, and in
 * the middle of a connection. What has been read already comes first.
 *
 * It is not destroyed by its own end, nor by that of its socket, since that would take with it what TLS has decrypted and
 * nobody has read yet.
 */
export class SocketStream extends Duplex {
  /** Bytes that were handed to the socket. */
  bytesOut = 0;
  readonly #socket: TransportSocket;
  readonly #events: StreamEvents;
  #written: (() => void) | undefined;

  constructor(socket: TransportSocket, events: StreamEvents, early: readonly Uint8Array[]) {
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#socket = socket;
    this.#events = events;
    for (const bytes of early) this.push(bytes);
    // Not this object itself: `end` of a stream is what ends its other direction.
    socket.setEvents({
      connected() {},
      data: (bytes) => this.#data(bytes),
      end: () => {
        if (!this.destroyed) this.push(null);
      },
      drain: () => this.#drain(),
      closed: (code) => events.closed(code),
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, written: () => void): void {
    this.bytesOut += bytes.length;
    // What the socket only keeps, for one write with others, it may turn out not to get rid of.
    if (this.#socket.write(bytes) && this.#socket.unsentBytes === 0) written();
    else this.#written = written;
  }

  override _final(ended: () => void): void {
    this.#socket.end();
    ended();
  }

  override _destroy(_error: Error | null, destroyed: () => void): void {
    this.#socket.close("now");
    destroyed();
  }

  #data(bytes: Uint8Array): void {
    if (!this.destroyed && !this.push(bytes)) this.#socket.pause();
  }

  #drain(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
    this.#events.drained();
  }
}
