import type { Definition, Pid, System } from "@espalier/actors";
import type { ConnectionInput } from "./connection-event.ts";
import type { ListeningSocket } from "./listening-socket.ts";
import type { ListenAddress } from "./listen-on.ts";
import type { ListenerConfig } from "./options.ts";
import { ListenerStats, ShutdownCounts } from "./stats.ts";
import type { Address, Transport } from "./transport.ts";

/** What the root supervisor of a socket server is called unless it is given a name. */
export const DEFAULT_ROOT = "sockets";

/** The name under which the server process below this root is registered. */
export function serverName(root: string): string {
  return `${root}.server`;
}

/** What is known of a listener before it runs, and never changes. */
export interface ListenerFacts {
  readonly id: string;
  readonly name: string;
  readonly system: System;
  readonly transport: Transport;
  readonly listenOn: ListenAddress;
  readonly config: ListenerConfig;
  /** The name of the root supervisor. */
  readonly root: string;
}

/**
 * What the actors of one listener share, as eSockd's do by its tables: the facts, the counters, and where to find each
 * other after a restart. Each field that changes is written by one actor only, named beside it.
 */
export interface ListenerRecord extends ListenerFacts {
  readonly stats: ListenerStats;
  readonly shutdownCounts: ShutdownCounts;
  /** By `upgrade`: what new connections run. */
  handler: Definition<ConnectionInput>;
  /** By the listener. Kept when it restarts, so that port 0 stays the port that was found. */
  address: Address | undefined;
  /** By the listener. */
  listeningSocket: ListeningSocket | undefined;
  /** By the connection supervisor, whose parent it is: the supervisor of this listener. */
  supervisor: Pid | undefined;
  /** By the connection supervisor. */
  connectionSupervisor: Pid | undefined;
  /** By the connection supervisor: how many connections there are, those that are being started included. */
  connections: number;
}

/** The record of a listener that has not been started yet. */
export function createListenerRecord(facts: ListenerFacts, handler: Definition<ConnectionInput>): ListenerRecord {
  return {
    ...facts,
    handler,
    stats: new ListenerStats(),
    shutdownCounts: new ShutdownCounts(),
    address: undefined,
    listeningSocket: undefined,
    supervisor: undefined,
    connectionSupervisor: undefined,
    connections: 0,
  };
}

/** The name under which the acceptor supervisor of a listener is registered. */
export function acceptorSupervisorName({ id, root }: ListenerFacts): string {
  const name = `acceptor_sup:${id}`;
  // A second server in the system may have a listener of the same id.
  return root === DEFAULT_ROOT ? name : `${root}.${name}`;
}
