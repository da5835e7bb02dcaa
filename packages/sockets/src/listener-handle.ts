import type { Pid, System } from "@espalier/actors";
import { type ChildInfo, type SupervisorCalls, type SupervisorRef, whichChildren } from "@espalier/supervisor";
import { type AccessRule, formatAccessRules } from "./access-rules.ts";
import { formatAddress } from "./listen-on.ts";
import type { OpenListener } from "./server.ts";
import type { ListenerStatsSnapshot } from "./stats.ts";
import type { Address } from "./transport.ts";

/** An open listener, as `open` answers it and `listeners` lists it. Its getters read what its actors count. */
export class Listener {
  /** Name and address as asked for, such as `echo:127.0.0.1:5000`. */
  readonly id: string;
  readonly name: string;
  readonly #system: System;
  readonly #listener: OpenListener;
  readonly #close: () => Promise<void>;

  /** @internal */
  constructor(system: System, listener: OpenListener, close: () => Promise<void>) {
    this.id = listener.record.id;
    this.name = listener.record.name;
    this.#system = system;
    this.#listener = listener;
    this.#close = close;
  }

  /** Where it listens; for port 0 with the port that was found. */
  get address(): Address {
    const { address, listenOn } = this.#listener.record;
    return address ?? { host: listenOn.host ?? "::", port: listenOn.port };
  }

  get port(): number {
    return this.address.port;
  }

  /** False once its supervisor has given up, or it was closed. */
  get isRunning(): boolean {
    return this.#system.isAlive(this.#listener.supervisor);
  }

  /** What became of accepted sockets, each under exactly one cause. eSockd's `get_stats`. */
  get stats(): ListenerStatsSnapshot {
    return this.#listener.record.stats.snapshot();
  }

  /** How connections ended: by reason, how many. eSockd's `get_shutdown_count`. */
  get shutdownCounts(): Readonly<Record<string, number>> {
    return this.#listener.record.shutdownCounts.snapshot();
  }

  /** How many connections there are. eSockd's `get_current_clients`. */
  get currentClients(): number {
    return this.#listener.record.connections;
  }

  /** eSockd's `get_max_clients`. */
  get maxClients(): number | "infinity" {
    return this.#listener.record.config.maxClients;
  }

  get accessRules(): readonly AccessRule[] {
    return formatAccessRules(this.#listener.record.config.accessRules);
  }

  /** The actors of all connections, the newest first. */
  async connections(): Promise<readonly Pid[]> {
    const supervisor = this.#listener.record.connectionSupervisor;
    return supervisor === undefined ? [] : livingOf(await whichChildren(this.#system, supervisor));
  }

  /** The acceptors. eSockd's `get_acceptors` counts them. */
  async acceptors(): Promise<readonly Pid[]> {
    const { acceptorSupervisorName } = this.#listener.record;
    const isThere = this.#system.whereis(acceptorSupervisorName) !== undefined;
    return isThere ? livingOf(await whichChildren(this.#system, acceptorSupervisorName)) : [];
  }

  /** The children of the listener's supervisor: connection_sup, listener, acceptor_sup, starter; newest first. */
  children(): Promise<readonly ChildInfo[]> {
    // The pid is that of a supervisor, started by `open`.
    const supervisor: SupervisorRef & { readonly calls?: SupervisorCalls } = this.#listener.supervisor;
    return whichChildren(this.#system, supervisor);
  }

  /** Stops listening, lets connections end within the `shutdown` time, and removes the listener. */
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
