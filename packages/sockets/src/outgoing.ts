import { type Deadline, type Process, Resource, type System } from "@espalier/actors";
import type { ClientConfig } from "./client-options.ts";
import { ClientConnection } from "./client-connection.ts";
import type { Connection } from "./connection.ts";
import { formatAddress } from "./listen-on.ts";
import type { Address, SocketEvents, TransportSocket } from "./transport.ts";
import type { Undertaker } from "./undertaker.ts";

/** What a client is told of its attempt to connect; exactly one comes of each, unless it is given up. */
export type AttemptOutcome =
  | { readonly type: "attemptConnected"; readonly connection: Connection }
  | { readonly type: "attemptFailed"; readonly code: string };

export function isAttemptOutcome(message: unknown): message is AttemptOutcome {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  return message.type === "attemptConnected" || message.type === "attemptFailed";
}

/** A socket that is being connected, owned by its client. When it is connected, a connection takes its place. */
export class Attempt extends Resource implements SocketEvents {
  readonly kind = "socket";
  readonly #system: System;
  readonly #client: Process;
  readonly #address: Address;
  readonly #config: ClientConfig;
  readonly #undertaker: Undertaker;
  readonly #socket: TransportSocket;
  readonly #limit: Deadline | undefined;
  /** Why it fails, though the system has no complaint. */
  #verdict: string | undefined;

  /** It belongs to the client when this returns. */
  constructor(system: System, client: Process, address: Address, config: ClientConfig, undertaker: Undertaker) {
    super();
    this.#system = system;
    this.#client = client;
    this.#address = address;
    this.#config = config;
    this.#undertaker = undertaker;
    const { localHost, transport, connection, connectTimeoutMs } = config;
    const { noDelay } = connection;
    this.#socket = transport.connect({ ...address, noDelay, ...(localHost !== undefined && { localHost }) }, this);
    client.own(this);
    if (connectTimeoutMs === "infinity") return;
    this.#limit = this.deadline(() => this.#fail("connectTimeout"));
    this.#limit?.arm(connectTimeoutMs);
  }

  /** The client does not want it any more; nothing is told. */
  giveUp(): void {
    this.#leave();
    this.release();
  }

  release(): void {
    this.#socket.close("now");
  }

  override describe(): string {
    return `${formatAddress(this.#address)}, connecting`;
  }

  connected(): void {
    if (this.ownerPid === undefined) return;
    const socket = this.#socket;
    // TCP lets a socket find itself when it connects from the very port to which it connects: nobody listens there.
    if (isSame(socket.local, socket.peer)) {
      this.#fail("ECONNREFUSED");
      return;
    }
    this.#leave();
    const { noDelay, keepAlive } = this.#config.connection;
    if (keepAlive) socket.setOptions({ noDelay, keepAlive });
    const { connection: config } = this.#config;
    const connection = new ClientConnection(this.#system, socket, this.#address, config, this.#undertaker);
    this.#client.own(connection);
    this.#tell({ type: "attemptConnected", connection });
  }

  closed(code: string | undefined): void {
    if (this.ownerPid === undefined) return;
    this.#leave();
    this.#tell({ type: "attemptFailed", code: this.#verdict ?? code ?? "ECONNABORTED" });
  }

  data(): void {
    // A socket is paused until its handler has it.
  }

  end(): void {
    // Of one that reads nothing, a connection hears.
  }

  drain(): void {
    // Nothing is sent before the handler has it.
  }

  /** The client is told when the socket is gone, so that its next attempt finds none. */
  #fail(verdict: string): void {
    this.#verdict = verdict;
    this.#limit?.cancel();
    this.#socket.close("now");
  }

  #leave(): void {
    this.#limit?.cancel();
    this.#client.disown(this);
  }

  #tell(outcome: AttemptOutcome): void {
    this.#system.sendIo(this.#client.pid, outcome);
  }
}

function isSame(local: Address | undefined, peer: Address | undefined): boolean {
  if (local === undefined || peer === undefined || local.path !== undefined) return false;
  return local.port === peer.port && local.host === peer.host;
}
