import type { Pid, System } from "@espalier/actors";
import { type ChildInfo, whichChildren } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import { type AccessRule, formatAccessRules } from "./access-rules.ts";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { formatAddress } from "./listen-on.ts";
import { acceptorSupervisorName, type ListenerRecord } from "./listener-record.ts";
import type { ListenerStatsSnapshot } from "./stats.ts";
import type { Address } from "./transport.ts";
import { type Upgrade, upgradeConnections, type UpgradeOptions } from "./upgrade.ts";

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

  /** Where it listens; for port 0 with the port that was found. */
  get address(): Address {
    const { address, listenOn } = this.#record;
    return address ?? { host: listenOn.host ?? "::", port: listenOn.port };
  }

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

  /** How connections ended: by reason, how many. eSockd's `get_shutdown_count`. */
  get shutdownCounts(): Readonly<Record<string, number>> {
    return this.#record.shutdownCounts.snapshot();
  }

  /** How many connections there are. eSockd's `get_current_clients`. */
  get currentClients(): number {
    return this.#record.connections;
  }

  /** eSockd's `get_max_clients`. */
  get maxClients(): number | "infinity" {
    return this.#record.config.maxClients;
  }

  get accessRules(): readonly AccessRule[] {
    return formatAccessRules(this.#record.config.accessRules);
  }

  /** The actors of all connections, the newest first. */
  async connections(): Promise<readonly Pid[]> {
    const { connectionSupervisor: supervisor } = this.#record;
    const isThere = supervisor !== undefined && this.#system.isAlive(supervisor);
    return isThere ? livingOf(await whichChildren(this.#system, supervisor)) : [];
  }

  /** The acceptors. eSockd's `get_acceptors` counts them. */
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
   * Changes the handler: new connections run the new one from now on, and those that are there change over, each between
   * two of its events, with its socket, its mail and its timeouts. What states they are then in, `migrate` says; nothing
   * is entered or left. Resolves when all have been asked.
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
    return upgradeConnections(this.#system, await this.connections(), definition, options);
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
