import type { Socket } from "node:net";
import type { ConnectOptions, SocketEvents, SocketOptions } from "../transport.ts";
import { FastSocket } from "./fast-socket.ts";
import { codeOf, dial } from "./net-socket.ts";
import type { Driver } from "./tcp-driver.ts";
import type { TcpHandle } from "./tcp-handle.ts";
import { prepareTcp } from "./tcp-socket.ts";

/**
 * A connection as a client. Node connects it, since that is what looks up names and tries one address after the other;
 * when it is up, the handle is taken out of Node's socket, which is left with nothing.
 */
export class FastClient extends FastSocket {
  /** Absent when the connection is up. */
  #socket: Socket | undefined;

  constructor(driver: Driver, options: ConnectOptions, events: SocketEvents) {
    const [socket, to] = prepareTcp(options);
    dial(socket, to);
    super(driver);
    this.setEvents(events);
    this.#socket = socket;
    socket.on("error", (error) => (this.code ??= codeOf(error)));
    socket.on("close", () => this.failed());
    socket.on("connect", () => this.#up(socket));
  }

  override setOptions(options: SocketOptions): void {
    if (this.#socket === undefined) super.setOptions(options);
    else this.#socket.setNoDelay(options.noDelay).setKeepAlive(options.keepAlive);
  }

  protected override abandon(): void {
    this.#socket?.destroy();
  }

  #up(socket: Socket): void {
    const handle = Reflect.get(socket, "_handle") as TcpHandle;
    Reflect.set(socket, "_handle", null);
    this.#socket = undefined;
    this.adopt(handle);
    if (!this.isClosing) this.events.connected();
    this.begin();
  }
}
