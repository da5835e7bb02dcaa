import type { Server } from "node:net";
import type { ListenEvents, ListenSocketOptions } from "../transport.ts";
import { FastSocket } from "./fast-socket.ts";
import type { Driver } from "./tcp-driver.ts";
import type { ListenHandle, TcpHandle } from "./tcp-handle.ts";
import { TcpListenSocket } from "./tcp-socket.ts";

/**
 * A listening socket of TCP that takes accepted connections before Node makes sockets of them. In all else it is Node's
 * server: `node:net` binds it, shares it among the workers of a `node:cluster`, and reports its errors.
 */
export class FastListenSocket extends TcpListenSocket {
  readonly #driver: Driver;
  readonly #options: ListenSocketOptions;
  readonly #events: ListenEvents;

  constructor(driver: Driver, options: ListenSocketOptions, events: ListenEvents) {
    super(options, events);
    this.#driver = driver;
    this.#options = options;
    this.#events = events;
  }

  protected override opened(server: Server): void {
    const handle = Reflect.get(server, "_handle") as ListenHandle | null | undefined;
    const onConnection = handle?.onconnection;
    // What comes is then a socket of Node's, and as good.
    if (handle === null || handle === undefined || typeof onConnection !== "function") return;
    const accept = (accepted: TcpHandle): void => this.#accept(accepted);
    handle.onconnection = function onconnection(status, accepted) {
      if (status === 0 && accepted !== undefined) accept(accepted);
      else onConnection.call(this, status, accepted);
    };
  }

  #accept(handle: TcpHandle): void {
    const { noDelay, keepAlive } = this.#options;
    if (noDelay) handle.setNoDelay(true);
    if (keepAlive) handle.setKeepAlive(true, 0);
    this.#events.accepted(FastSocket.accept(this.#driver, handle));
  }
}
