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
  /** Actors that are no handlers and own a connection of one. */
  readonly #owners = new Map<Pid, Connection>();
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

  /** That of a handler, or of the actor to which one has given it. */
  connectionOf(pid: Pid): Connection | undefined {
    return this.#children.get(pid)?.connection ?? this.#owners.get(pid);
  }

  add(pid: Pid, connection: Connection, acceptor: Pid): void {
    this.#children.set(pid, { connection, acceptor, hasStarted: false });
  }

  handOver(from: Pid, to: Pid): void {
    const child = this.#children.get(from);
    if (child === undefined) return;
    child.owner = to;
    this.#owners.set(to, child.connection);
  }

  leaveLimit(connection: Connection): void {
    this.#uncounted.add(connection);
  }

  remove(pid: Pid): void {
    const child = this.#children.get(pid);
    if (child === undefined) return;
    if (child.owner !== undefined) this.#owners.delete(child.owner);
    this.#uncounted.delete(child.connection);
    this.#children.delete(pid);
  }

  clear(): void {
    this.#children.clear();
    this.#owners.clear();
    this.#uncounted.clear();
  }
}
