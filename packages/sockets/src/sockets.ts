import { type ExitReason, formatReason, type System } from "@espalier/actors";
import { deleteChild, type FailedToStart, startChild, type SupervisorRef, terminateChild } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import { ListenerExistsError, UnknownListenerError } from "./errors.ts";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { Listener } from "./listener-handle.ts";
import { formatAddress, type ListenOn, parseListenOn } from "./listen-on.ts";
import { createListenerRecord, DEFAULT_ROOT, type ListenerRecord, serverName } from "./listener-record.ts";
import { type ListenerOptions, toListenerConfig } from "./options.ts";
import type { ListenerTable, ServerCalls } from "./server.ts";
import type { Transport } from "./transport.ts";
import { tcpTransport } from "./transports/tcp.ts";
import { listenerChildSpec, listenerSupervisorId, socketServerTree } from "./tree.ts";

export interface SocketsOptions {
  /** The id and registered name of the root supervisor. @defaultValue "sockets" */
  readonly name?: string;
  /** Where sockets come from. @defaultValue TCP by `node:net` */
  readonly transport?: Transport;
}

/**
 * Starts a socket server without listeners: the root of eSockd's tree.
 *
 * @throws when an actor is registered under the name already
 */
export async function startSockets(system: System, options: SocketsOptions = {}): Promise<Sockets> {
  const { name = DEFAULT_ROOT, transport = tcpTransport() } = options;
  const table: ListenerTable = new Map();
  const started = await system.start(socketServerTree(table, name), undefined, { id: name, name });
  if (started.ok) return new Sockets(system, started.ref, name, transport, table);
  if (started.error === "failed") throw startError(started.reason);
  throw new Error(`cannot start a socket server named "${name}": an actor has that name`);
}

/** A running socket server: opens and closes listeners. */
export class Sockets {
  /** The root supervisor. */
  readonly supervisor: SupervisorRef;
  readonly #system: System;
  readonly #root: string;
  readonly #transport: Transport;
  readonly #table: ListenerTable;

  /** @internal */
  constructor(system: System, supervisor: SupervisorRef, root: string, transport: Transport, table: ListenerTable) {
    this.supervisor = supervisor;
    this.#system = system;
    this.#root = root;
    this.#transport = transport;
    this.#table = table;
  }

  /**
   * Opens a listener, and resolves when it accepts connections. eSockd's `open/4`.
   *
   * @param name - of the protocol, such as `"mqtt"`; together with the address it names the listener
   * @param listenOn - a port, `"127.0.0.1:6000"`, `"[::1]:6000"` or `{ host, port }`; port 0 finds a free one
   * @param handler - what runs for each connection: an XState machine, or the definition of a server or async function
   * @throws `ERR_INVALID_OPTION` that names every fault; `ERR_LISTENER_EXISTS`; `ERR_LISTEN` when the address cannot be
   * bound. Nothing is left running then.
   */
  open(name: string, listenOn: ListenOn, options: ListenerOptions, handler: ConnectionDefinition): Promise<Listener>;
  open<Machine extends AnyStateMachine>(
    name: string,
    listenOn: ListenOn,
    options: ListenerOptions,
    handler: ConnectionMachine<Machine>,
  ): Promise<Listener>;
  async open(
    name: string,
    listenOn: ListenOn,
    options: ListenerOptions,
    handler: AnyStateMachine | ConnectionDefinition,
  ): Promise<Listener> {
    const address = parseListenOn(listenOn);
    const facts = {
      id: listenerId(name, address),
      name,
      system: this.#system,
      transport: this.#transport,
      listenOn: address,
      config: toListenerConfig(options),
      root: this.#root,
    };
    const record = createListenerRecord(facts, toConnectionDefinition(handler));
    const spec = listenerChildSpec(record);
    let result = await startChild(this.#system, this.supervisor, spec);
    if (!result.ok && result.error === "alreadyPresent") {
      // A listener of this id has given up: what is left of it is its spec.
      await deleteChild(this.#system, this.supervisor, spec.id);
      result = await startChild(this.#system, this.supervisor, spec);
    }
    if (result.ok) {
      await this.#tell({ type: "opened", record });
      return this.#handle(record);
    }
    if (result.error === "startFailed") throw startError(result.reason);
    throw new ListenerExistsError(record.id);
  }

  /**
   * Closes a listener: no connection is accepted any more; those that are there get the `shutdown` time to end.
   *
   * @throws `ERR_UNKNOWN_LISTENER`
   */
  async close(name: string, listenOn: ListenOn): Promise<void> {
    const id = listenerId(name, parseListenOn(listenOn));
    const record = this.#table.get(id);
    if (record === undefined) throw new UnknownListenerError(id);
    await this.#close(record);
  }

  /** All listeners that were opened and not closed, the oldest first. */
  listeners(): Listener[] {
    return [...this.#table.values()].map((record) => this.#handle(record));
  }

  #handle(record: ListenerRecord): Listener {
    return new Listener(this.#system, record, () => this.#close(record));
  }

  async #close(record: ListenerRecord): Promise<void> {
    const { id } = record;
    const isClosed = record.supervisor === undefined || !this.#system.isAlive(record.supervisor);
    // By now another listener may have this id.
    if (isClosed && this.#table.get(id) !== record) return;
    const childId = listenerSupervisorId(id);
    await this.#tell({ type: "closed", id });
    await terminateChild(this.#system, this.supervisor, childId);
    await deleteChild(this.#system, this.supervisor, childId);
  }

  #tell(request: ServerCalls): Promise<boolean> {
    return this.#system.call<ServerCalls, ServerCalls>(serverName(this.#root), request, { timeoutMs: "infinity" });
  }
}

function listenerId(name: string, address: { readonly host?: string; readonly port: number }): string {
  return `${name}:${formatAddress(address).replace(/^:/u, "")}`;
}

/** What a start failed for, seen through the supervisors that passed it on. */
function startError(reason: ExitReason): Error {
  if (reason.type === "shutdown" && isFailedToStart(reason.detail)) return startError(reason.detail.reason);
  if (reason.type === "shutdown" && reason.detail instanceof Error) return reason.detail;
  if (reason.type === "error" && reason.error instanceof Error) return reason.error;
  return new Error(`the start failed: ${formatReason(reason)}`);
}

function isFailedToStart(detail: unknown): detail is FailedToStart & { readonly reason: ExitReason } {
  return typeof detail === "object" && detail !== null && "type" in detail && detail.type === "failedToStart";
}
