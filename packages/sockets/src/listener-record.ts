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

/**
 * What the actors of one listener share, as eSockd's do by its tables: the options, the counters, and where to find
 * each other after a restart. Each field is written by one actor only, named beside it.
 */
export class ListenerRecord {
  readonly id: string;
  readonly name: string;
  readonly system: System;
  readonly transport: Transport;
  readonly listenOn: ListenAddress;
  readonly config: ListenerConfig;
  readonly handler: Definition<ConnectionInput>;
  /** The name of the root supervisor. */
  readonly root: string;
  readonly stats: ListenerStats = new ListenerStats();
  readonly shutdownCounts: ShutdownCounts = new ShutdownCounts();

  /** By the listener. Kept when it restarts, so that port 0 stays the port that was found. */
  address: Address | undefined;
  /** By the listener. */
  listeningSocket: ListeningSocket | undefined;
  /** By the connection supervisor, whose parent it is: the supervisor of this listener. */
  supervisor: Pid | undefined;
  /** By the connection supervisor. */
  connectionSupervisor: Pid | undefined;
  /** By the connection supervisor: how many connections there are, those that are being started included. */
  connections = 0;

  /** The name under which the server process is registered. */
  get serverName(): string {
    return serverName(this.root);
  }

  /** The name under which the acceptor supervisor is registered. */
  get acceptorSupervisorName(): string {
    const name = `acceptor_sup:${this.id}`;
    // A second server in the system may have a listener of the same id.
    return this.root === DEFAULT_ROOT ? name : `${this.root}.${name}`;
  }

  constructor(facts: {
    readonly id: string;
    readonly name: string;
    readonly system: System;
    readonly transport: Transport;
    readonly listenOn: ListenAddress;
    readonly config: ListenerConfig;
    readonly handler: Definition<ConnectionInput>;
    readonly root: string;
  }) {
    this.id = facts.id;
    this.name = facts.name;
    this.system = facts.system;
    this.transport = facts.transport;
    this.listenOn = facts.listenOn;
    this.config = facts.config;
    this.handler = facts.handler;
    this.root = facts.root;
  }
}
