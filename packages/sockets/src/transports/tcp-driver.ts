import { Buffer } from "node:buffer";
import type { Internals, ShutdownRequest, TcpHandle, TcpHandleOwner, WriteRequest } from "./tcp-handle.ts";

/** Every socket reads into the same memory, and has its bytes out of it before the next one reads. */
const SHARED = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * From where on bytes have memory of their own. V8 collects what `slice` makes with other young objects, as long as it
 * can; for large buffers of Node's own making it searches the whole heap more often.
 */
const LARGE = 4096;

function onWritten(this: WriteRequest, status: number, handle: TcpHandle): void {
  this.buffer = undefined;
  handle.owner?.onWritten(status);
}

function onShutdown(this: ShutdownRequest, _status: number, handle: TcpHandle): void {
  handle.owner?.onShutdown();
}

function onHandleClosed(this: TcpHandle): void {
  this.owner?.onHandleClosed();
}

/** Does with handles what the sockets of one transport want, so that they need not know how Node answers. */
export class Driver {
  readonly onClosed: (this: TcpHandle) => void = onHandleClosed;
  readonly #internals: Internals;
  /** Where the answers of the system are. */
  readonly #state: Int32Array;
  readonly #isAsyncAt: number;
  /** A request that is not under way, for the next write. Most are done when they return. */
  #idle: WriteRequest | undefined;
  readonly #onRead: (this: TcpHandle) => void;

  constructor(internals: Internals) {
    this.#internals = internals;
    const { state, sizeAt, isAsyncAt } = internals;
    this.#state = state;
    this.#isAsyncAt = isAsyncAt;
    // One function for all handles: a function of each would be memory of each.
    this.#onRead = function onRead() {
      this.owner?.onRead(state[sizeAt] ?? 0);
    };
  }

  adopt(handle: TcpHandle, owner: TcpHandleOwner): void {
    handle.owner = owner;
    handle.onread = this.#onRead;
    handle.useUserBuffer(SHARED);
  }

  /** What was just read, for the receiver to keep. */
  copy(size: number): Buffer {
    if (size >= LARGE) return Buffer.from(SHARED.buffer.slice(0, size));
    const bytes = Buffer.allocUnsafe(size);
    SHARED.copy(bytes, 0, 0, size);
    return bytes;
  }

  /** 0: the system has taken everything. 1: it will, and the owner is told. Otherwise the error. */
  write(handle: TcpHandle, bytes: Uint8Array): number {
    const request = (this.#idle ??= new this.#internals.WriteRequest());
    return this.#outcome(request, handle.writeBuffer(request, bytes), bytes);
  }

  /** The same for several at once. */
  writeAll(handle: TcpHandle, chunks: readonly Uint8Array[]): number {
    const request = (this.#idle ??= new this.#internals.WriteRequest());
    return this.#outcome(request, handle.writev(request, chunks, true), chunks);
  }

  /** The owner is told, unless the answer is an error. 1: it was done at once. */
  shutdown(handle: TcpHandle): number {
    const request = new this.#internals.ShutdownRequest();
    request.oncomplete = onShutdown;
    return handle.shutdown(request);
  }

  #outcome(request: WriteRequest, status: number, buffer: Uint8Array | readonly Uint8Array[]): number {
    if (status !== 0) return status;
    if (this.#state[this.#isAsyncAt] === 0) return 0;
    this.#idle = undefined;
    request.oncomplete = onWritten;
    request.buffer = buffer;
    return 1;
  }
}
