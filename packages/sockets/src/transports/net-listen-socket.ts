import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import type { Address, ListenEvents, ListenSocket, SocketOptions, TransportSocket } from "../transport.ts";
import { codeOf } from "./net-socket.ts";

/**
 * What `accept(2)` reports of a connection that failed before it was accepted; the listening socket is as good as ever.
 * libuv itself passes over `ECONNABORTED`.
 */
const FAULTS_OF_ONE_CONNECTION: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENONET",
  "ENOPROTOOPT",
  "EOPNOTSUPP",
  "EPERM",
  "EPROTO",
]);

/** A listening socket by Node's public `node:net`. */
export abstract class NetListenSocket implements ListenSocket {
  readonly #server: Server;
  readonly #events: ListenEvents;
  #state: "opening" | "open" | "closed" = "opening";
  #isCloseWanted = false;

  constructor({ noDelay, keepAlive }: SocketOptions, events: ListenEvents) {
    this.#events = events;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay, keepAlive });
    this.#server.on("listening", () => this.#onListening());
    this.#server.on("connection", (socket) => events.accepted(this.toSocket(socket)));
    this.#server.on("error", (error) => this.#onError(codeOf(error)));
    // Node's own: with the last connection when it was closed by `close`, and otherwise when a cluster takes it away.
    this.#server.on("close", () => this.#shut());
  }

  /** What an accepted socket is to the receiver. */
  protected abstract toSocket(socket: Socket): TransportSocket;

  /** Where it listens, asked when it does. */
  protected abstract addressOf(server: Server): Address | undefined;

  /** It listens, and nobody has been accepted yet. */
  protected opened(_server: Server): void {
    // Whoever wants to do something about it does.
  }

  /** The address could not be bound. Whether something is done about it, so that it has not failed yet. */
  protected retry(_code: string): boolean {
    return false;
  }

  /** Asks Node to listen. */
  protected bind(options: ListenOptions): Server {
    return this.#server.listen(options);
  }

  /** It has failed after all, in a turn of its own. */
  protected fail(code: string): void {
    this.#state = "closed";
    this.#events.failed(code);
  }

  close(): void {
    // Node forgets a server closed while its name is looked up; it would never say that it listens, nor that it failed.
    if (this.#state === "opening") this.#isCloseWanted = true;
    else this.#shut();
  }

  #onListening(): void {
    this.#state = "open";
    this.opened(this.#server);
    const address = this.addressOf(this.#server);
    if (address !== undefined) this.#events.listening(address);
    if (this.#isCloseWanted) this.#shut();
  }

  #onError(code: string): void {
    if (this.#state === "opening") {
      if (!this.retry(code)) this.fail(code);
    } else if (FAULTS_OF_ONE_CONNECTION.has(code)) {
      this.#events.acceptFailed?.(code);
    } else {
      this.#shut();
    }
  }

  #shut(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#server.close();
    // Not Node's "close" event, which waits for the connections.
    process.nextTick(() => this.#events.closed());
  }
}
