import { type Pid, type Process, Resource } from "@espalier/actors";
import { Connection } from "./connection.ts";
import type { ListenerRecord } from "./listener-record.ts";
import { formatAddress } from "./listen-on.ts";
import type { Address, ListenEvents, ListenSocket, TransportSocket } from "./transport.ts";

/** What the listener hears of its socket. */
export type ListeningEvent =
  | { readonly type: "listening"; readonly address: Address }
  | { readonly type: "listenFailed"; readonly code: string }
  /** The socket was lost. */
  | { readonly type: "listenClosed" };

/** What an acceptor gets for its one outstanding accept. */
export interface Accepted {
  readonly type: "accepted";
  /** Owned by the acceptor from here on. */
  readonly connection: Connection;
}

/** How many accepted sockets may wait for an acceptor. Past that the system's own queue has long been emptied. */
const MOST_WAITING = 1024;

/**
 * The listening socket, owned by the listener. Acceptors ask it for one connection each, as eSockd's ask the driver, and
 * are told by a message; whoever asked first gets the next.
 */
export class ListeningSocket extends Resource implements ListenEvents {
  readonly kind = "listeningSocket";
  readonly #record: ListenerRecord;
  readonly #listener: Process;
  readonly #socket: ListenSocket;
  readonly #acceptors: Pid[] = [];
  readonly #waiting: Connection[] = [];
  /** For connections whose owner dies before a handler has them: they are closed, and counted like any refusal. */
  readonly #loss = { bury: (connection: Connection) => this.#count(connection) };
  #isReleased = false;

  constructor(record: ListenerRecord, listener: Process) {
    super();
    this.#record = record;
    this.#listener = listener;
    const { host } = record.listenOn;
    const port = record.address?.port ?? record.listenOn.port;
    const { backlog, noDelay, keepAlive } = record.config;
    const address = host === undefined ? { port } : { host, port };
    this.#socket = record.transport.listen({ ...address, backlog, noDelay, keepAlive }, this);
  }

  /** Asks for one connection: an `Accepted` comes. Asking again while one is outstanding changes nothing. */
  accept(acceptor: Pid): void {
    const connection = this.#waiting.shift();
    if (connection !== undefined) this.#hand(connection, acceptor);
    else if (!this.#acceptors.includes(acceptor)) this.#acceptors.push(acceptor);
  }

  release(): void {
    this.#isReleased = true;
    this.#socket.close();
  }

  override describe(): string {
    const { address } = this.#record;
    return address === undefined ? "not bound" : formatAddress(address);
  }

  listening(address: Address): void {
    this.#tell({ type: "listening", address });
  }

  failed(code: string): void {
    this.#tell({ type: "listenFailed", code });
  }

  accepted(socket: TransportSocket): void {
    const { system, config, stats } = this.#record;
    const { peer } = socket;
    if (this.#isReleased || peer === undefined) {
      // The peer is gone already: a load balancer's health check, or a scan.
      stats.increment("closedOther");
      socket.close("reset");
      return;
    }
    const connection = new Connection(system, socket, peer, config, this.#loss);
    this.#listener.own(connection);
    for (let acceptor = this.#acceptors.shift(); acceptor !== undefined; acceptor = this.#acceptors.shift()) {
      if (this.#hand(connection, acceptor)) return;
    }
    if (this.#waiting.length < MOST_WAITING) {
      this.#waiting.push(connection);
      return;
    }
    this.#count(connection);
    this.#listener.disown(connection);
    connection.abort();
  }

  closed(): void {
    if (!this.#isReleased) this.#tell({ type: "listenClosed" });
  }

  #count({ peername: peer }: Connection): undefined {
    const { id, stats } = this.#record;
    const counter = "closedOther";
    stats.increment(counter);
    this.#listener.observe("connectionRefused", { listener: id, peer, counter });
  }

  #hand(connection: Connection, acceptor: Pid): boolean {
    // The acceptor owns it before it hears of it: should it die in between, the socket is closed.
    if (!this.#listener.give(connection, acceptor)) return false;
    const message: Accepted = { type: "accepted", connection };
    this.#record.system.sendIo(acceptor, message);
    return true;
  }

  #tell(event: ListeningEvent): void {
    this.#record.system.sendIo(this.#listener.pid, event);
  }
}
