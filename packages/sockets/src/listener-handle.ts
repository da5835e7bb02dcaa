import type { Pid, System } from "@espalier/actors";
import { type ChildInfo, whichChildren } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import { type AccessRule, formatAccessRules, prependAccessRule } from "./access-rules.ts";
import type { Connection } from "./connection.ts";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { applyOptions } from "./apply-options.ts";
import { type Comparison, drainListener, type Drained, type DrainOptions, waitForConnections } from "./drain.ts";
import { UnknownListenerError } from "./errors.ts";
import type { ListenerCalls, ListenFailure } from "./listener.ts";
import { formatAddress } from "./listen-on.ts";
import { acceptorSupervisorName, type ListenerRecord } from "./listener-record.ts";
import type { ListenerOptions } from "./options.ts";
import { formatProxyProtocol } from "./proxy-options.ts";
import {
  sendSync,
  type SendSyncOptions,
  type SendSyncResult,
  stopConnection,
  type StopConnectionOptions,
} from "./remote.ts";
import type { ListenerStatsSnapshot } from "./stats.ts";
import type { Address } from "./transport.ts";
import type { UdpOptions } from "./udp/udp-options.ts";
import { type Upgrade, upgradeConnections, type UpgradeOptions } from "./upgrade.ts";

/**
 * `"recovering"`: the listening socket was lost, and the address cannot be bound for now. `"down"`: its supervisor has
 * given up, or it was closed.
 */
export type ListenerStatus = "running" | "suspended" | "recovering" | "down";

/**
 * What every listener shows of its options. One of UDP has none of the others that there are for streams, but some of its
 * own.
 */
type CommonOption = Exclude<keyof ListenerOptions & keyof UdpOptions, "logger">;

/** What {@link Listener.info} answers. */
export interface ListenerInfo {
  readonly id: string;
  readonly name: string;
  readonly status: ListenerStatus;
  readonly address: Address;
  readonly transport: string;
  /** What new connections run: the name of its definition, or of its machine. Ranch's `protocol`. */
  readonly handler: string;
  /** Between `sleepAcceptors` and `wakeAcceptors`. */
  readonly isAsleep: boolean;
  /** All connections. Ranch's `all_connections`. */
  readonly currentClients: number;
  /** Those that count against `maxClients`: all but the ones that have left the limit. Ranch's `active_connections`. */
  readonly activeClients: number;
  /** Those who wait for a place or an acceptor, and are no connections yet. See {@link Listener.waitingClients}. */
  readonly waitingClients: number;
  readonly stats: ListenerStatsSnapshot;
  readonly shutdownCounts: Readonly<Record<string, number>>;
  /** All of them, with the defaults of what was not given. eSockd's `get_options`. */
  readonly options: Required<Pick<ListenerOptions, CommonOption>> & Omit<ListenerOptions, CommonOption>;
}

/** What {@link Listener.traffic} answers. */
export interface ListenerTraffic {
  readonly bytesReceived: number;
  /** Unsent bytes included. */
  readonly bytesSent: number;
  /** Bytes of open connections that are sent and not yet handed to the system. */
  readonly unsentBytes: number;
}

/** An open listener, as `open` answers it and `listeners` lists it. Its getters read what its actors count. */
export class Listener {
  /** Name and address as asked for, such as `echo:127.0.0.1:5000`. */
  readonly id: string;
  readonly name: string;
  readonly #system: System;
  readonly #record: ListenerRecord;
  readonly #close: () => Promise<void>;

  /** @internal */
  constructor(system: System, record: ListenerRecord, close: () => Promise<void>) {
    this.id = record.id;
    this.name = record.name;
    this.#system = system;
    this.#record = record;
    this.#close = close;
  }

  /** The root of its tree, as eSockd's `listener` answers; undefined before it is started for the first time. */
  get supervisor(): Pid | undefined {
    return this.#record.supervisor;
  }

  /** The parent of the handlers, in place of the one that has ended after a restart; undefined before it is started. */
  get connectionSupervisor(): Pid | undefined {
    return this.#record.connectionSupervisor;
  }

  /** Where it listens; for port 0 with the port that was found. */
  get address(): Address {
    const { address, listenOn } = this.#record;
    return address ?? { host: "::", ...listenOn };
  }

  /** 0 for a unix socket. */
  get port(): number {
    return this.address.port;
  }

  /** False once its supervisor has given up, or it was closed. */
  get isRunning(): boolean {
    const { supervisor } = this.#record;
    return supervisor !== undefined && this.#system.isAlive(supervisor);
  }

  /** What became of accepted sockets, each under exactly one cause. eSockd's `get_stats`. */
  get stats(): ListenerStatsSnapshot {
    return this.#record.stats.snapshot();
  }

  /**
   * Connections that failed before they were accepted, which no other counter counts: by the system's code, how many.
   * Node tells of few. eSockd's `get_sock_errors`.
   */
  get acceptErrors(): Readonly<Record<string, number>> {
    return this.#record.stats.acceptErrors;
  }

  /** How connections ended: by reason, how many. eSockd's `get_shutdown_count`. */
  get shutdownCounts(): Readonly<Record<string, number>> {
    return this.#record.shutdownCounts.snapshot();
  }

  /** How many connections there are. eSockd's `get_current_clients`, Ranch's `all_connections`. */
  get currentClients(): number {
    return this.#record.connections;
  }

  /**
   * How many of them count against `maxClients`: all but those that have left the limit by `leaveLimit`. Ranch's
   * `active_connections`.
   */
  get activeClients(): number {
    return this.#record.activeConnections;
  }

  /**
   * How many clients wait, connected and unread: for a place, with `overLimit: "queue"`, or while the acceptors sleep. They are
   * no connections yet, and neither accepted nor refused. How many more the system keeps in its `backlog` it tells nobody.
   */
  get waitingClients(): number {
    const { listeningSocket, withoutPlace } = this.#record;
    return (listeningSocket?.waiting ?? 0) + withoutPlace();
  }

  /**
   * What has gone over its connections since it was opened, those that have ended included: it never becomes less. Adds up
   * those that are open, so that it costs the more the more there are.
   */
  get traffic(): ListenerTraffic {
    let { bytesReceived, bytesSent } = this.#record.pastTraffic;
    let unsentBytes = 0;
    for (const connection of this.#record.openConnections()) {
      bytesReceived += connection.bytesReceived;
      bytesSent += connection.bytesSent;
      unsentBytes += connection.unsentBytes;
    }
    return { bytesReceived, bytesSent, unsentBytes };
  }

  /** The option, or as many as there can be if that is less. eSockd's `get_max_clients`. */
  get maxClients(): number | "infinity" {
    return this.#record.config.maxClients;
  }

  get accessRules(): readonly AccessRule[] {
    return formatAccessRules(this.#record.config.accessRules);
  }

  /** The actors of all connections, the newest first. Ranch's `procs`. */
  async connections(): Promise<readonly Pid[]> {
    const { connectionSupervisor: supervisor } = this.#record;
    const isThere = supervisor !== undefined && this.#system.isAlive(supervisor);
    return isThere ? livingOf(await whichChildren(this.#system, supervisor)) : [];
  }

  /**
   * The connection of an actor: of a handler that has been started, or of the owner that `fromStart` has found for it; of
   * one that owns many, the oldest.
   */
  connectionOf(pid: Pid): Connection | undefined {
    return this.#record.connectionOf(pid);
  }

  /**
   * Sends one packet on the connection of an actor at once, whatever that is doing or has in its mailbox, and resolves when the packet is handed to the
   * system, or cannot be. sockerl's `send_sync`.
   *
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`), InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  sendSync(pid: Pid, data: Uint8Array | string, options: SendSyncOptions = {}): Promise<SendSyncResult> {
    return sendSync(this.connectionOf(pid), data, options);
  }

  /**
   * Sends one packet on the connection of an actor at once, whatever that is doing or has in its mailbox. sockerl's `send_async`.
   *
   * @returns what `Connection.send` does; false as well if the actor has no connection
   * @throws FrameTooLargeError (`ERR_FRAME_TOO_LARGE`)
   */
  sendAsync(pid: Pid, data: Uint8Array | string): boolean {
    return this.connectionOf(pid)?.send(data) ?? false;
  }

  /**
   * Ends the handler of a connection in order, as from outside: its clean-up runs while the socket is open. Resolves when
   * it is gone. sockerl's `stop_connector`.
   *
   * @returns whether there was a connection of this actor
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  async stopConnection(pid: Pid, options: StopConnectionOptions = {}): Promise<boolean> {
    return this.connectionOf(pid) !== undefined && stopConnection(this.#system, pid, options);
  }

  /** The acceptors. eSockd's `get_acceptors` counts them; Ranch's `procs`. */
  async acceptors(): Promise<readonly Pid[]> {
    const name = acceptorSupervisorName(this.#record);
    const isThere = this.#system.whereis(name) !== undefined;
    return isThere ? livingOf(await whichChildren(this.#system, name)) : [];
  }

  /** The children of the listener's supervisor: connection_sup, listener, acceptor_sup, starter; newest first. */
  async children(): Promise<readonly ChildInfo[]> {
    const { supervisor } = this.#record;
    return supervisor !== undefined && this.isRunning ? whichChildren(this.#system, supervisor) : [];
  }

  /**
   * Changes options, and leaves the others as they are. All are checked before any of them counts; if not all can be put
   * into effect, none is. A change waits for the one before it. Connections keep the options that they were accepted with.
   * What is the listener's counts at once: `acceptors`, `maxClients`, `overLimit`, `maxConnectionRate`, `overload`,
   * `alarms`, `accessRules`, `shutdown`, and the bytes that all connections together may receive; `backlog`, `reusePort`,
   * `listenSockets` and `postListen` when it is next resumed. Ranch's `set_options`.
   *
   * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault
   */
  setOptions(changes: ListenerOptions): Promise<void> {
    return applyOptions(this.#system, this.#record, (present) => ({ ...present, ...changes }));
  }

  /** The same with all options: what is not given has its default again. Ranch's `reset_options`. */
  resetOptions(options: ListenerOptions): Promise<void> {
    return applyOptions(this.#system, this.#record, () => options);
  }

  /**
   * Stops listening: clients are refused by the system. Connections stay, and so does the port, also one that was found
   * for port 0. Suspending twice changes nothing.
   */
  async suspend(): Promise<void> {
    await this.#ask({ type: "suspend" });
  }

  /**
   * Listens again. Resuming twice changes nothing.
   *
   * @throws ListenError (`ERR_LISTEN`) when the address cannot be bound, PostListenError (`ERR_POST_LISTEN`) when the hook
   * refuses; the listener stays suspended
   */
  async resume(): Promise<void> {
    const error = await this.#ask({ type: "resume" });
    if (error !== undefined) throw error;
  }

  /**
   * Lets a client in that was kept out, or is to be kept so by a rule further down: puts a rule before all others, so
   * that the newest wins. It counts from the next connection on. eSockd's `allow`.
   *
   * @param peers - `"all"`, an address or a block, as in `accessRules`
   * @returns false when there is such a rule already, which then stays where it is
   * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`)
   */
  allow(peers: string): Promise<boolean> {
    return this.#prepend({ allow: peers });
  }

  /** The same for keeping clients out. Connections that are open stay. eSockd's `deny`. */
  deny(peers: string): Promise<boolean> {
    return this.#prepend({ deny: peers });
  }

  async #prepend(rule: AccessRule): Promise<boolean> {
    // What is changed at the moment may be the rules.
    while (this.#record.changing !== undefined) await this.#record.changing;
    const result = prependAccessRule(this.#record.config.accessRules, rule);
    if (result.ok) await this.setOptions({ accessRules: formatAccessRules(result.rules) });
    return result.ok;
  }

  /**
   * Lets whoever connects wait, unread, until `wakeAcceptors`: up to 1024 clients, beyond which they are refused and
   * counted as `closedOther`. Unlike `suspend` it keeps the listening socket, so nobody is turned away by the system. A
   * listener that sleeps does so after a restart too. sockerl's `sleep_acceptors`.
   */
  sleepAcceptors(): void {
    this.#record.isAsleep = true;
  }

  /** Goes on with those who have waited, the first of them first. sockerl's `wakeup_acceptors`. */
  wakeAcceptors(): void {
    this.#record.isAsleep = false;
    this.#record.listeningSocket?.wake?.();
  }

  /** Between `sleepAcceptors` and `wakeAcceptors`. */
  get isAsleep(): boolean {
    return this.#record.isAsleep;
  }

  /** What it is doing. `"suspended"`: from `suspend`, or `paused: true`, until `resume`. */
  get status(): ListenerStatus {
    if (!this.isRunning) return "down";
    if (this.#record.isSuspended) return "suspended";
    return this.#record.isRecovering ? "recovering" : "running";
  }

  /** All that there is to know at a glance, as plain data. Ranch's `info`. */
  get info(): ListenerInfo {
    const {
      id,
      name,
      status,
      address,
      isAsleep,
      stats,
      shutdownCounts,
      currentClients,
      activeClients,
      waitingClients,
    } = this;
    const { transport, config, handler } = this.#record;
    const { accessRules: _compiled, proxyProtocol, listenData: _data, logger: _sink, ...options } = config;
    return {
      id,
      name,
      status,
      address,
      transport: transport.name,
      handler: handler.name,
      isAsleep,
      currentClients,
      activeClients,
      waitingClients,
      stats,
      shutdownCounts,
      options: { ...options, accessRules: this.accessRules, proxyProtocol: formatProxyProtocol(proxyProtocol) },
    };
  }

  async #ask(request: ListenerCalls): Promise<ListenFailure | undefined> {
    const { supervisor } = this.#record;
    const children = supervisor !== undefined && this.isRunning ? await whichChildren(this.#system, supervisor) : [];
    const pid = children.find(({ id }) => id === "listener")?.child;
    if (typeof pid !== "object") throw new UnknownListenerError(this.id);
    return this.#system.call<ListenerCalls, ListenerCalls>(pid, request, { timeoutMs: "infinity" });
  }

  /**
   * Changes the handler: new connections run the new one from now on, and those that are there change over, each between
   * two of its events, with its socket, its mail and its timeouts. What states they are then in, `migrate` says; nothing
   * is entered or left. Resolves when all have been asked. While the listener is drained or closed, the connections that
   * are left change over too.
   *
   * A connection for which that fails goes on as it was, and is named in the answer: its `migrate` has thrown, the new
   * machine has no such state, or its handler is of another kind. One that was too busy within `timeoutMs` is named too,
   * and changes over when it gets to it.
   */
  upgrade<Context = unknown>(handler: ConnectionDefinition, options?: UpgradeOptions<Context>): Promise<Upgrade>;
  upgrade<Machine extends AnyStateMachine, Context = unknown>(
    handler: ConnectionMachine<Machine>,
    options?: UpgradeOptions<Context>,
  ): Promise<Upgrade>;
  async upgrade<Context>(
    handler: AnyStateMachine | ConnectionDefinition,
    options: UpgradeOptions<Context> = {},
  ): Promise<Upgrade> {
    const definition = toConnectionDefinition(handler);
    this.#record.handler = definition;
    return upgradeConnections(this.#system, this.#record.handlers(), definition, options);
  }

  /**
   * Changes the handler of connections that come from now on; those that are there keep the one that they have. eSockd's
   * `connection_mfargs` in `set_options`.
   */
  setHandler(handler: ConnectionDefinition): void;
  setHandler<Machine extends AnyStateMachine>(handler: ConnectionMachine<Machine>): void;
  setHandler(handler: AnyStateMachine | ConnectionDefinition): void {
    this.#record.handler = toConnectionDefinition(handler);
  }

  /**
   * Closes the listener with care: stops listening, tells each connection (`shutdown`, while its socket is still open),
   * waits for them to end by themselves, and kills what is left when the time is up.
   *
   * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`)
   */
  drain(options: DrainOptions = {}): Promise<Drained> {
    return drainListener(this.#record, () => this.close(), options);
  }

  /**
   * Resolves as soon as the number of connections compares so with the given one, at once if it does already. Ranch's
   * `wait_for_connections`.
   */
  waitForConnections(comparison: Comparison, count: number): Promise<void> {
    return waitForConnections(this.#record, comparison, count);
  }

  /**
   * Stops listening, lets connections end within the `shutdown` time, and removes the listener. A connection may call it,
   * but should not wait for it: it would be waiting for its own end.
   */
  close(): Promise<void> {
    return this.#close();
  }

  toString(): string {
    return `${this.name} on ${formatAddress(this.address)}`;
  }
}

function livingOf(children: readonly ChildInfo[]): Pid[] {
  return children.flatMap(({ child }) => (typeof child === "object" ? [child] : []));
}
