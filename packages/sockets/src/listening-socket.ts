import { type Deadline, type Pid, type Process, Resource } from "@espalier/actors";
import { Connection } from "./connection.ts";
import type { ListenerRecord, OpenSocket } from "./listener-record.ts";
import { announceClose } from "./listener-news.ts";
import { formatAddress } from "./listen-on.ts";
import { endByReset } from "./no-linger.ts";
import { Overload } from "./overload.ts";
import { Refusals } from "./refusals.ts";
import type { ListenerCounter } from "./stats.ts";
import type { Address, ListenEvents, ListenSocket, ListenSocketOptions, TransportSocket } from "./transport.ts";

/** What the listener hears of a socket, which it may have closed by then. */
export type ListeningEvent = { readonly socket: OpenSocket } & (
  | { readonly type: "listening"; readonly address: Address }
  | { readonly type: "listenFailed"; readonly code: string }
  /** The socket was lost. */
  | { readonly type: "listenClosed" }
);

/** What an acceptor gets for its one outstanding accept. */
export interface Accepted {
  readonly type: "accepted";
  /** Owned by the acceptor from here on. */
  readonly connection: Connection;
}

/** Asks for one connection, which may be long in coming: the listener may be suspended, or be starting anew. */
export function askForConnection(record: ListenerRecord, acceptor: Pid): void {
  const { listeningSocket } = record;
  if (listeningSocket === undefined) waitForConnection(record, acceptor);
  else listeningSocket.accept(acceptor);
}

function waitForConnection({ idleAcceptors }: ListenerRecord, acceptor: Pid): void {
  if (!idleAcceptors.includes(acceptor)) idleAcceptors.push(acceptor);
}

/**
 * How many accepted sockets may wait for an acceptor, or for their turn. Node accepts all that come and cannot be told to
 * leave them in the system's own queue, so they are kept here, unread.
 */
const MOST_WAITING = 1024;

/**
 * The listening socket, or the several that share an address as one, owned by the listener. Acceptors ask it for one
 * connection each, as eSockd's ask the driver, and are told by a message; whoever asked first gets the next.
 */
export class ListeningSocket extends Resource implements ListenEvents {
  readonly kind = "listeningSocket";
  readonly #record: ListenerRecord;
  readonly #listener: Process;
  /** Of the transport. The first finds the port for all. */
  readonly #sockets: ListenSocket[] = [];
  readonly #options: Omit<ListenSocketOptions, "host" | "port" | "path" | "mode">;
  readonly #count: number;
  /** Where the first is bound. */
  #address: Address | undefined;
  #bound = 0;
  /** One could not be bound, or was lost, and the listener was told. */
  #isBroken = false;
  readonly #overload: Overload;
  readonly #refusals: Refusals;
  readonly #waiting: Connection[] = [];
  /** For connections whose owner dies before a handler has them: they are closed, and counted like any refusal. */
  readonly #loss = { bury: ({ peername }: Connection) => this.#tally(peername, "closedOther") };
  readonly #onLimits = (): void => this.wake();
  /** When the next that waits may be let in. */
  #next: Deadline | undefined;
  #isReleased = false;

  constructor(record: ListenerRecord, listener: Process) {
    super();
    this.#record = record;
    this.#listener = listener;
    this.#overload = new Overload(record, listener);
    this.#refusals = new Refusals(listener, record);
    const { backlog, noDelay, keepAlive, reusePort, listenSockets } = record.config;
    this.#options = { backlog, noDelay, keepAlive, ...(reusePort && { reusePort }) };
    this.#count = listenSockets;
    record.limits.watchers.add(this.#onLimits);
    this.#open(record.address?.port ?? record.listenOn.port);
  }

  #open(port: number): void {
    const { transport, listenOn } = this.#record;
    this.#sockets.push(transport.listen({ ...listenOn, port, ...this.#options }, this));
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Asks for one connection: an `Accepted` comes. Asking again while one is outstanding changes nothing. */
  accept(acceptor: Pid): void {
    waitForConnection(this.#record, acceptor);
    this.wake();
  }

  /** Gives acceptors what waits, as far as the limits of the listener allow. */
  wake(): void {
    const { idleAcceptors, limits, listeningSocket } = this.#record;
    // Some of the sockets may have been bound before the others, and before `postListen` was asked.
    if (listeningSocket !== this) return;
    while (this.#waiting.length > 0 && idleAcceptors.length > 0 && !this.#record.isAsleep) {
      const now = this.#record.system.now();
      const isQueue = this.#record.config.overLimit === "queue";
      const waitMs = isQueue ? limits.admissionMs(now) : 0;
      if (waitMs > 0) {
        this.#next ??= this.deadline(() => this.wake());
        this.#next?.arm(waitMs);
        return;
      }
      const [connection] = this.#waiting;
      const acceptor = idleAcceptors.shift();
      if (connection === undefined || acceptor === undefined) return;
      // The acceptor owns it before it hears of it: should it die in between, the socket is closed.
      if (!this.#listener.give(connection, acceptor)) continue;
      this.#waiting.shift();
      if (isQueue) limits.admit(now);
      this.#record.system.sendIo(acceptor, { type: "accepted", connection } satisfies Accepted);
    }
  }

  /** Ends it while its listener lives on. What no acceptor has taken is refused. */
  close(): void {
    for (const connection of this.#waiting.splice(0)) this.#refuse(connection, "closedOther");
    this.#listener.disown(this);
    this.release();
  }

  release(): void {
    this.#isReleased = true;
    this.#record.limits.watchers.delete(this.#onLimits);
    this.#next?.cancel();
    this.#refusals.end();
    announceClose(this.#record, this);
    for (const socket of this.#sockets) socket.close();
  }

  override describe(): string {
    const { address } = this.#record;
    if (address === undefined) return "not bound";
    return this.#count === 1 ? formatAddress(address) : `${formatAddress(address)} (${this.#count} sockets)`;
  }

  listening(address: Address): void {
    if (this.#isReleased || this.#isBroken) return;
    this.#bound += 1;
    if (this.#address === undefined) {
      this.#address = address;
      for (let number = 2; number <= this.#count; number += 1) this.#open(address.port);
    }
    if (this.#bound === this.#count) this.#tell({ socket: this, type: "listening", address: this.#address });
  }

  failed(code: string): void {
    this.#break({ socket: this, type: "listenFailed", code });
  }

  accepted(socket: TransportSocket): void {
    const { system, config, stats, limits } = this.#record;
    const { peer } = socket;
    if (peer === undefined) {
      // Gone already: a load balancer's health check, or a scan. It takes no place of anybody.
      stats.increment("discarded");
      socket.close("reset");
      return;
    }
    const objection = this.#isReleased ? "closedOther" : this.#findObjection(peer);
    if (objection !== undefined) {
      this.#tally(peer, objection);
      socket.close("reset");
      return;
    }
    const { noDelay, keepAlive } = config;
    // What the listening socket was opened with is in the past; the options may have been changed since.
    if (noDelay !== this.#options.noDelay || keepAlive !== this.#options.keepAlive) {
      socket.setOptions({ noDelay, keepAlive });
    }
    if (config.noLinger) endByReset(socket);
    const connection = new Connection(system, socket, peer, config, this.#loss, limits.bytes);
    // TLS would end by an end of its own.
    if (config.noLinger && connection.socket !== socket) endByReset(connection.socket);
    this.#listener.own(connection);
    this.#waiting.push(connection);
    this.wake();
    if (this.#waiting.at(-1) !== connection) return;
    const fault = this.#findOverflow();
    if (fault === undefined) return;
    this.#waiting.pop();
    this.#refuse(connection, fault);
  }

  acceptFailed(code: string): void {
    const { id, stats } = this.#record;
    stats.countAcceptError(code);
    this.#listener.observe("acceptFailed", { listener: id, code });
  }

  /** Why nothing is done for a client. One that is refused for the load of the program costs others no place. */
  #findObjection(peer: Address): ListenerCounter | undefined {
    const { config, limits, system } = this.#record;
    if (this.#overload.refuses(peer, this.#waiting.length)) return "closedOverloaded";
    if (config.overLimit === "reject" && !limits.admit(system.now())) return "closedRateLimited";
    return undefined;
  }

  /** Why the last of those that wait cannot. */
  #findOverflow(): ListenerCounter | undefined {
    const { config, limits, connections, system, transport } = this.#record;
    if (!transport.hasRoom) return "closedSysLimit";
    if (this.#waiting.length <= MOST_WAITING) return undefined;
    if (config.overLimit === "reject") return "closedOther";
    if (limits.admissionMs(system.now()) > 0) return "closedRateLimited";
    return config.maxClients !== "infinity" && connections >= config.maxClients ? "closedMaxLimit" : "closedOther";
  }

  #refuse(connection: Connection, counter: ListenerCounter): void {
    this.#tally(connection.peername, counter);
    this.#listener.disown(connection);
    connection.abort();
  }

  closed(): void {
    this.#break({ socket: this, type: "listenClosed" });
  }

  /** Without one of the sockets the others are as good as none. */
  #break(event: ListeningEvent): void {
    if (this.#isReleased || this.#isBroken) return;
    this.#isBroken = true;
    this.#tell(event);
  }

  #tally(peer: Address, counter: ListenerCounter): undefined {
    this.#refusals.add(peer, counter);
  }

  #tell(event: ListeningEvent): void {
    this.#record.system.sendIo(this.#listener.pid, event);
  }
}
