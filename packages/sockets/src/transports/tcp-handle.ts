/*
 * What `node:net` itself stands on: the handle of a socket of the system, as Node's C++ gives it to JavaScript. None of it
 * is public, so nothing here is believed before it was looked at.
 */

/** A request to write, which can be used again unless the write is under way. */
export interface WriteRequest {
  oncomplete(this: WriteRequest, status: number, handle: TcpHandle): void;
  /** Held for the system, which reads from it. */
  buffer: Uint8Array | readonly Uint8Array[] | undefined;
}

/** A request to send FIN. */
export interface ShutdownRequest {
  oncomplete(this: ShutdownRequest, status: number, handle: TcpHandle): void;
}

/** What `getpeername` fills in. */
export interface HandleAddress {
  address?: string;
  port?: number;
}

/** What answers a number answers 0, or a negative number of the system's error. */
export interface TcpHandle {
  /** Who it belongs to here: events of a handle are calls of shared functions with the handle as `this`. */
  owner?: TcpHandleOwner;
  onread: (this: TcpHandle) => void;
  /** Bytes are read into this memory, which is not the handle's to keep alive. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writev(request: WriteRequest, chunks: readonly Uint8Array[], areAllBuffers: true): number;
  /** 1: there is nothing to wait for. */
  shutdown(request: ShutdownRequest): number;
  reset(closed: (this: TcpHandle) => void): number;
  close(closed: (this: TcpHandle) => void): void;
  getpeername(address: HandleAddress): number;
  getsockname(address: HandleAddress): number;
  setNoDelay(isOn: boolean): number;
  setKeepAlive(isOn: boolean, delaySeconds: number): number;
}

/** Hears what happens to a handle. */
export interface TcpHandleOwner {
  /** @param size - of the bytes that are in the shared memory, or the negative number of an error */
  onRead(size: number): void;
  onWritten(status: number): void;
  onShutdown(): void;
  onHandleClosed(): void;
}

/** The handle of a listening socket. */
export interface ListenHandle {
  onconnection: (this: ListenHandle, status: number, handle?: TcpHandle) => void;
}

/** Everything of Node's insides that is used. */
export interface Internals {
  readonly WriteRequest: new () => WriteRequest;
  readonly ShutdownRequest: new () => ShutdownRequest;
  /** Where the last call has left what it does not answer, by the places below. */
  readonly state: Int32Array;
  readonly sizeAt: number;
  readonly isAsyncAt: number;
}

const METHODS = [
  "useUserBuffer",
  "readStart",
  "readStop",
  "writeBuffer",
  "writev",
  "shutdown",
  "reset",
  "close",
  "getpeername",
  "getsockname",
  "setNoDelay",
  "setKeepAlive",
] as const satisfies readonly (keyof TcpHandle)[];

type Bindings = Readonly<Record<string, unknown>>;

/** Looks for all of it. @throws Error saying what is missing */
export function findInternals(): Internals {
  const binding: unknown = Reflect.get(process, "binding");
  if (typeof binding !== "function") throw new Error("there is no process.binding");
  const streams = Reflect.apply(binding, process, ["stream_wrap"]) as Bindings;
  const { TCP, constants } = Reflect.apply(binding, process, ["tcp_wrap"]) as Bindings;
  const internals = {
    WriteRequest: toConstructor(streams["WriteWrap"], "WriteWrap") as new () => WriteRequest,
    ShutdownRequest: toConstructor(streams["ShutdownWrap"], "ShutdownWrap") as new () => ShutdownRequest,
    state: streams["streamBaseState"],
    sizeAt: streams["kReadBytesOrError"],
    isAsyncAt: streams["kLastWriteWasAsync"],
  };
  if (!isComplete(internals)) throw new Error("the state of streams is not where it was");
  const type: unknown = Reflect.get(Object(constants), "SOCKET");
  tryOut(Reflect.construct(toConstructor(TCP, "TCP"), [type]) as TcpHandle, internals);
  return internals;
}

function toConstructor(found: unknown, name: string): new () => unknown {
  if (typeof found !== "function") throw new Error(`there is no ${name}`);
  return found as new () => unknown;
}

function isComplete(internals: { [Name in keyof Internals]: unknown }): internals is Internals {
  const { state, sizeAt, isAsyncAt } = internals;
  return state instanceof Int32Array && [sizeAt, isAsyncAt].every((at) => typeof at === "number" && at < state.length);
}

/** Without a connection everything fails, but it fails as it should. */
function tryOut(handle: TcpHandle, { WriteRequest, ShutdownRequest, state, isAsyncAt }: Internals): void {
  for (const method of METHODS) if (typeof handle[method] !== "function") throw new Error(`a handle has no ${method}`);
  if (!("onread" in handle)) throw new Error("a handle has no onread");
  const bytes = new Uint8Array(1);
  handle.useUserBuffer(bytes);
  const failures = {
    writeBuffer: handle.writeBuffer(new WriteRequest(), bytes),
    writev: handle.writev(new WriteRequest(), [bytes, bytes], true),
    shutdown: handle.shutdown(new ShutdownRequest()),
    readStart: handle.readStart(),
    getpeername: handle.getpeername({}),
  };
  handle.close(() => {});
  for (const [method, answer] of Object.entries(failures)) {
    if (!(typeof answer === "number" && answer < 0)) throw new Error(`${method} answers ${String(answer)}`);
  }
  if (state[isAsyncAt] !== 0) throw new Error("a write that failed is under way");
}
