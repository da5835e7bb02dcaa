import type { Pid } from "@espalier/actors";
import type { Connection } from "./connection.ts";

/** A connection and the handler that was started for it. */
export interface ConnectionChild {
  readonly connection: Connection;
  /** Who waits for the start; undefined when it is done. */
  acceptor: Pid | undefined;
  /** The handler has the socket, or had it. */
  hasStarted: boolean;
  /** To whom the handler has given the socket. */
  owner?: Pid;
}

/** The connections of one listener by their handlers, the oldest first. */
export class ConnectionTable {
  readonly #children = new Map<Pid, ConnectionChild>();
  /** Actors that are no handlers, each with the connections that it owns, the oldest first. */
  readonly #owners = new Map<Pid, Set<Connection>>();
  /** The connections that do not count against `maxClients`. */
  readonly #uncounted = new Set<Connection>();

  get size(): number {
    return this.#children.size;
  }

  /** How many there are of those that count against `maxClients`. */
  get counted(): number {
    return this.#children.size - this.#uncounted.size;
  }

  get pids(): readonly Pid[] {
    return [...this.#children.keys()];
  }

  get entries(): Iterable<readonly [Pid, ConnectionChild]> {
    return this.#children;
  }

  *connections(): Generator<Connection> {
    for (const { connection } of this.#children.values()) yield connection;
  }

  get(pid: Pid): ConnectionChild | undefined {
    return this.#children.get(pid);
  }

  has(pid: Pid): boolean {
    return this.#children.has(pid);
  }

  /** That of a handler, or the oldest of the actor to which handlers have given theirs. */
  connectionOf(pid: Pid): Connection | undefined {
    return this.#children.get(pid)?.connection ?? this.#owners.get(pid)?.values().next().value;
  }

  add(pid: Pid, connection: Connection, acceptor: Pid): void {
    this.#children.set(pid, { connection, acceptor, hasStarted: false });
  }

  handOver(from: Pid, to: Pid): void {
    const child = this.#children.get(from);
    if (child === undefined) return;
    child.owner = to;
    const owned = this.#owners.get(to);
    if (owned === undefined) this.#owners.set(to, new Set([child.connection]));
    else owned.add(child.connection);
  }

  leaveLimit(connection: Connection): void {
    // Its owner may have outlived the handler.
    if (connection.handlerPid !== undefined && this.has(connection.handlerPid)) this.#uncounted.add(connection);
  }

  remove(pid: Pid): void {
    const child = this.#children.get(pid);
    if (child === undefined) return;
    if (child.owner !== undefined) this.#takeFrom(child.owner, child.connection);
    this.#uncounted.delete(child.connection);
    this.#children.delete(pid);
  }

  clear(): void {
    this.#children.clear();
    this.#owners.clear();
    this.#uncounted.clear();
  }

  #takeFrom(owner: Pid, connection: Connection): void {
    const owned = this.#owners.get(owner);
    owned?.delete(connection);
    if (owned?.size === 0) this.#owners.delete(owner);
  }
}
