import type { Definition, Pid, Process, Resource, System } from "@espalier/actors";
import type { Connection } from "./connection.ts";
import type { ConnectionInput } from "./connection-event.ts";
import { formatAddress, type ListenAddress } from "./listen-on.ts";
import { clampClients, ListenerLimits } from "./listener-limits.ts";
import { checkReusePort } from "./listen-sockets.ts";
import { type ListenerConfig, type ListenerOptions, toListenerConfig, withoutKeys } from "./options.ts";
import { ListenerStats, ShutdownCounts } from "./stats.ts";
import type { Address, Transport } from "./transport.ts";

/** What the root supervisor of a socket server is called unless it is given a name. */
export const DEFAULT_ROOT = "sockets";

/** Stands for the root of a listener that is in a tree of the user's, which has no server process to report to. */
export const EMBEDDED = "embedded";

/** The name under which the server process below this root is registered. */
export function serverName(root: string): string {
  return `${root}.server`;
}

/** What a listener of this protocol and address is known by. */
export function listenerId(name: string, address: { readonly host?: string; readonly port: number }): string {
  return `${name}:${formatAddress(address).replace(/^:/u, "")}`;
}

/** What is known of a listener before it runs, and never changes. */
export interface ListenerFacts {
  readonly id: string;
  readonly name: string;
  readonly system: System;
  readonly transport: Transport;
  readonly listenOn: ListenAddress;
  /** The name of the root supervisor. */
  readonly root: string;
}

/** What a listener owns while it listens. */
export interface OpenSocket extends Resource {
  /** How many that have come wait for an acceptor. Absent: nobody ever does. */
  readonly waiting?: number;
  /** An acceptor asks for one connection. */
  accept(acceptor: Pid): void;
  /** It may go on after a sleep. */
  wake?(): void;
  /** Ends it while its listener lives on. */
  close(): void;
}

/**
 * What the actors of one listener share, as eSockd's do by its tables: the facts, the counters, and where to find each
 * other after a restart. Each field that changes is written by one actor only, named beside it.
 */
export interface ListenerRecord extends ListenerFacts {
  readonly stats: ListenerStats;
  readonly limits: ListenerLimits;
  readonly shutdownCounts: ShutdownCounts;
  /**
   * Opens what the listener listens with, which tells it what comes of that as a `ListeningEvent`. Absent: a listening
   * socket of the transport.
   */
  readonly openSocket?: (listener: Process) => OpenSocket;
  /** By `setOptions`: what was given, of which `config` is made. */
  options: ListenerOptions;
  /** By `setOptions`, `maxClients` clamped to what the transport can have. Connections keep the one of their beginning. */
  config: ListenerConfig;
  /** By `drain`, while it lasts: how long connections may take to end, whatever the options say. */
  drainMs: number | "infinity" | undefined;
  /** By `upgrade` and `setHandler`: what new connections run. */
  handler: Definition<ConnectionInput>;
  /** By the listener. Kept when it restarts, so that port 0 stays the port that was found. */
  address: Address | undefined;
  /** By the listener: it has listened, and been told to go on doing so. */
  hasListened: boolean;
  /** By the listener and its socket: where it listens, as subscribers have been told. */
  announced: Address | undefined;
  /** By the listener: the one that counts. Another one may still be ending. */
  listener: Pid | undefined;
  /** By the listener: what it listens with. Nobody is let in before it stands here. */
  listeningSocket: OpenSocket | undefined;
  /** By the listener: it has no listening socket, and is not to have one until it is told to. */
  isSuspended: boolean;
  /** By `sleepAcceptors` and `wakeAcceptors`: whoever connects has to wait. */
  isAsleep: boolean;
  /** By the listener: it has lost its listening socket, and tries to have one again. */
  isRecovering: boolean;
  /** By acceptors and the listening socket: those that wait for a connection, the first to ask first. */
  readonly idleAcceptors: Pid[];
  /** By the connection supervisor, whose parent it is: the supervisor of this listener. */
  supervisor: Pid | undefined;
  /** By the connection supervisor. */
  connectionSupervisor: Pid | undefined;
  /** By the connection supervisor: how many connections there are, those that are being started included. */
  connections: number;
  /** By the connection supervisor: how many of them count against `maxClients`. */
  activeConnections: number;
  /** By the connection supervisor: that of a handler, or of the actor to which its handler has given it. */
  connectionOf: (pid: Pid) => Connection | undefined;
  /** By the connection supervisor: those of the handlers that live. */
  openConnections: () => Iterable<Connection>;
  /** By the connection supervisor: the handlers that live, the oldest first; also while it waits for their ends. */
  handlers: () => readonly Pid[];
  /** By the connection supervisor: how many have an acceptor, and wait for a place. */
  withoutPlace: () => number;
  /** By the connection supervisor: the `maxClients` of which the log has said last that it cannot be. */
  warnedOf: number | undefined;
  /** By the connection supervisor: what has gone over connections whose handlers have ended. */
  readonly pastTraffic: { bytesReceived: number; bytesSent: number };
  /** Told by the connection supervisor when that number changes. */
  readonly connectionWatchers: Set<() => void>;
}

/**
 * What the options of a listener mean where it is.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault
 */
export function configOf(facts: ListenerFacts, options: ListenerOptions): ListenerConfig {
  const { transport, listenOn } = facts;
  return clampClients(toListenerConfig(options, checkReusePort(options, transport, listenOn)), options, transport);
}

/** The record of a listener that has not been started yet. */
export function createListenerRecord(
  facts: ListenerFacts,
  options: ListenerOptions,
  handler: Definition<ConnectionInput>,
): ListenerRecord {
  const config = configOf(facts, options);
  // One by one, since who opens again gives a whole record; and Node 20 takes long for what follows a spread.
  const { id, name, system, transport, listenOn, root } = facts;
  return {
    id,
    name,
    system,
    transport,
    listenOn,
    root,
    options: withoutKeys(options, config),
    config,
    handler,
    stats: new ListenerStats(),
    limits: new ListenerLimits(config, facts.system.now()),
    shutdownCounts: new ShutdownCounts(),
    address: undefined,
    hasListened: false,
    announced: undefined,
    listener: undefined,
    listeningSocket: undefined,
    isSuspended: config.paused,
    isAsleep: false,
    isRecovering: false,
    drainMs: undefined,
    idleAcceptors: [],
    supervisor: undefined,
    connectionSupervisor: undefined,
    connections: 0,
    activeConnections: 0,
    connectionOf: () => undefined,
    openConnections: () => [],
    handlers: () => [],
    withoutPlace: () => 0,
    warnedOf: undefined,
    pastTraffic: { bytesReceived: 0, bytesSent: 0 },
    connectionWatchers: new Set(),
  };
}

/** The child id of a listener's supervisor. */
export function listenerSupervisorId(id: string): string {
  return `listener_sup:${id}`;
}

/** The name under which the acceptor supervisor of a listener is registered. */
export function acceptorSupervisorName({ id, root }: ListenerFacts): string {
  const name = `acceptor_sup:${id}`;
  // A second server in the system may have a listener of the same id.
  return root === DEFAULT_ROOT ? name : `${root}.${name}`;
}
