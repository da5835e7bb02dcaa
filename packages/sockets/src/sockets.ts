import { type ExitReason, formatReason, type System } from "@espalier/actors";
import { deleteChild, type FailedToStart, startChild, type SupervisorRef, terminateChild } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import { drainAll, type Drained, type DrainOptions } from "./drain.ts";
import { ListenerExistsError, UnknownListenerError } from "./errors.ts";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { Listener } from "./listener-handle.ts";
import { type ListenAddress, type ListenOn, parseListenOn } from "./listen-on.ts";
import {
  createListenerRecord,
  DEFAULT_ROOT,
  listenerId,
  listenerSupervisorId,
  type ListenerRecord,
} from "./listener-record.ts";
import type { ListenerOptions } from "./options.ts";
import type { ListenerTable } from "./server.ts";
import type { Transport } from "./transport.ts";
import { tcpTransport } from "./transports/tcp.ts";
import { udpTransport } from "./transports/udp.ts";
import { unixTransport } from "./transports/unix.ts";
import { listenerChildSpec, socketServerTree } from "./tree.ts";
import type { DatagramTransport } from "./udp/datagram-transport.ts";
import { createUdpRecord, isUdpRecord, UdpListener } from "./udp/udp-listener.ts";
import type { UdpOptions } from "./udp/udp-options.ts";
import { udpListenerChildSpec } from "./udp/udp-tree.ts";

export interface SocketsOptions {
  /** The id and registered name of the root supervisor. @defaultValue "sockets" */
  readonly name?: string;
  /** Where sockets come from. @defaultValue TCP and unix sockets by `node:net` */
  readonly transport?: Transport;
  /** Where the datagrams of `openUdp` come from. @defaultValue UDP by `node:dgram` */
  readonly datagrams?: DatagramTransport;
}

/**
 * Starts a socket server without listeners: the root of eSockd's tree.
 *
 * @throws when an actor is registered under the name already
 */
export async function startSockets(system: System, options: SocketsOptions = {}): Promise<Sockets> {
  const { name = DEFAULT_ROOT, transport, datagrams = udpTransport() } = options;
  const table: ListenerTable = new Map();
  const started = await system.start(socketServerTree(table, name), undefined, { id: name, name });
  if (started.ok) return new Sockets(system, started.ref, name, { transport, datagrams }, table);
  if (started.error === "failed") throw startError(started.reason);
  throw new Error(`cannot start a socket server named "${name}": an actor has that name`);
}

const TCP = tcpTransport();
const UNIX = unixTransport();

interface Transports {
  readonly transport: Transport | undefined;
  readonly datagrams: DatagramTransport;
}

/** A running socket server: opens and closes listeners. */
export class Sockets {
  /** The root supervisor. */
  readonly supervisor: SupervisorRef;
  readonly #system: System;
  readonly #root: string;
  readonly #transports: Transports;
  readonly #table: ListenerTable;
  /** One each, so that whoever has asked twice sees that it is the same listener. */
  readonly #handles = new WeakMap<ListenerRecord, Listener>();

  /** @internal */
  constructor(system: System, supervisor: SupervisorRef, root: string, transports: Transports, table: ListenerTable) {
    this.supervisor = supervisor;
    this.#system = system;
    this.#root = root;
    this.#transports = transports;
    this.#table = table;
  }

  /**
   * Opens a listener, and resolves when it accepts connections. eSockd's `open/4`.
   *
   * @param name - of the protocol, such as `"mqtt"`; together with the address it names the listener
   * @param listenOn - a port, `"127.0.0.1:6000"`, `"[::1]:6000"`, `{ host, port }`, `"unix:/run/app.sock"` or `{ path, mode }`;
   * port 0 finds a free one
   * @param handler - what runs for each connection: an XState machine, or the definition of a server or async function
   * @throws `ERR_INVALID_OPTION` that names every fault; `ERR_LISTENER_EXISTS`; `ERR_LISTEN` when the address cannot be
   * bound; `ERR_POST_LISTEN` when `postListen` refuses. Nothing is left running then.
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
      transport: this.#transports.transport ?? (address.path === undefined ? TCP : UNIX),
      listenOn: address,
      root: this.#root,
    };
    return this.#start(createListenerRecord(facts, options, toConnectionDefinition(handler)));
  }

  /**
   * Opens a UDP listener, and resolves when it receives datagrams. The first datagram of a peer starts a handler, which is
   * the same as for a connection of TCP: `data` brings a datagram, `send` sends one. eSockd's `open_udp/4`.
   *
   * @param name - of the protocol, such as `"coap"`; together with the address it names the listener
   * @param listenOn - as for `open`, but for unix sockets
   * @param handler - what runs for each peer: an XState machine, or the definition of a server or async function
   * @throws `ERR_INVALID_OPTION` that names every fault; `ERR_LISTENER_EXISTS`; `ERR_LISTEN` when the address cannot be
   * bound. Nothing is left running then.
   */
  openUdp(name: string, listenOn: ListenOn, options: UdpOptions, handler: ConnectionDefinition): Promise<UdpListener>;
  openUdp<Machine extends AnyStateMachine>(
    name: string,
    listenOn: ListenOn,
    options: UdpOptions,
    handler: ConnectionMachine<Machine>,
  ): Promise<UdpListener>;
  async openUdp(
    name: string,
    listenOn: ListenOn,
    options: UdpOptions,
    handler: AnyStateMachine | ConnectionDefinition,
  ): Promise<UdpListener> {
    const address = parseListenOn(listenOn);
    const facts = {
      id: listenerId(name, address),
      name,
      system: this.#system,
      datagrams: this.#transports.datagrams,
      listenOn: address,
      root: this.#root,
    };
    // The handle of such a record is one of UDP.
    return (await this.#start(createUdpRecord(facts, options, toConnectionDefinition(handler)))) as UdpListener;
  }

  async #start(record: ListenerRecord): Promise<Listener> {
    const spec = isUdpRecord(record) ? udpListenerChildSpec(record) : listenerChildSpec(record);
    let result = await startChild(this.#system, this.supervisor, spec);
    if (!result.ok && result.error === "alreadyPresent") {
      // A listener of this id has given up: what is left of it is its spec.
      await deleteChild(this.#system, this.supervisor, spec.id);
      result = await startChild(this.#system, this.supervisor, spec);
    }
    if (result.ok) {
      // At once, so that nothing can be running that is not in the table.
      this.#table.set(record.id, record);
      return this.#handle(record);
    }
    if (result.error === "startFailed") throw startError(result.reason);
    throw new ListenerExistsError(record.id);
  }

  /**
   * Closes listeners: no connection is accepted any more; those that are there get the `shutdown` time to end.
   *
   * @param name - closes all listeners of this name, unless it is said which
   * @param listenOn - the one on this address, as it was given to `open`; a port alone, such as 5000, all that listen on
   * that port, whatever the address, as eSockd
   * @throws `ERR_UNKNOWN_LISTENER` when there is none
   */
  async close(name: string, listenOn?: ListenOn): Promise<void> {
    const at = listenOn === undefined ? undefined : parseListenOn(listenOn);
    const id = at && listenerId(name, at);
    const records = [...this.#table.values()].filter(
      (record) => record.name === name && (at === undefined || record.id === id || isAtPort(record, at)),
    );
    if (records.length === 0) throw new UnknownListenerError(id ?? name);
    await Promise.all(records.map((record) => this.#close(record)));
  }

  /** The listener that was opened so and not closed. eSockd's `listener`. */
  listener(name: string, listenOn: ListenOn): Listener | undefined {
    const record = this.#table.get(listenerId(name, parseListenOn(listenOn)));
    return record && this.#handle(record);
  }

  /**
   * Closes a listener and opens it again with the options and the handler that it had; on the same port, also if that was
   * found for port 0. eSockd's `reopen`.
   *
   * @throws `ERR_UNKNOWN_LISTENER`; `ERR_LISTEN` when the address cannot be bound any more, `ERR_POST_LISTEN` when
   * `postListen` refuses: the listener is closed then
   */
  async reopen(name: string, listenOn: ListenOn): Promise<Listener> {
    const id = listenerId(name, parseListenOn(listenOn));
    const record = this.#table.get(id);
    if (record === undefined) throw new UnknownListenerError(id);
    await this.#close(record);
    const { options, handler, ...facts } = record;
    const again = isUdpRecord(record)
      ? createUdpRecord(record, record.udpOptions, handler)
      : createListenerRecord(facts, options, handler);
    again.address = record.address;
    return this.#start(again);
  }

  /**
   * Drains all listeners at once: see {@link Listener.drain}. Answers what became of their connections.
   */
  drain(options: DrainOptions = {}): Promise<Drained> {
    return drainAll(this.listeners(), options);
  }

  /** All listeners that were opened and not closed, the oldest first. */
  listeners(): Listener[] {
    return [...this.#table.values()].map((record) => this.#handle(record));
  }

  #handle(record: ListenerRecord): Listener {
    let handle = this.#handles.get(record);
    if (handle === undefined) {
      const close = (): Promise<void> => this.#close(record);
      handle = isUdpRecord(record)
        ? new UdpListener(this.#system, record, close)
        : new Listener(this.#system, record, close);
      this.#handles.set(record, handle);
    }
    return handle;
  }

  async #close(record: ListenerRecord): Promise<void> {
    const { id } = record;
    const isClosed = record.supervisor === undefined || !this.#system.isAlive(record.supervisor);
    // By now another listener may have this id.
    if (isClosed && this.#table.get(id) !== record) return;
    const childId = listenerSupervisorId(id);
    this.#table.delete(id);
    // Asked for in the same turn, so that it comes before any other listener of this id is started.
    await terminateChild(this.#system, this.supervisor, childId);
    await deleteChild(this.#system, this.supervisor, childId);
  }
}

/** Whether a port alone means this listener: 0 does not, since it is the port of none. */
function isAtPort({ listenOn, address }: ListenerRecord, { host, port }: ListenAddress): boolean {
  if (host !== undefined || port === 0) return false;
  return listenOn.port === port || address?.port === port;
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
