import { CallExitError, type CallOptions, type Definition, type System } from "@espalier/actors";
import type { CommonCalls } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import type { AnyRequest } from "./client.ts";
import {
  collecting,
  type ConnectTo,
  parseConnectTo,
  type PoolConnectionOptions,
  toClientConfig,
  toTlsContext,
} from "./client-options.ts";
import { InvalidOptionError, NotConnectedError, type OptionIssue } from "./errors.ts";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { isPoolChoice, type PoolChoice } from "./pool-choice.ts";
import type {
  Broadcast,
  PoolCalls,
  PoolConnectionInfo,
  PoolEntry,
  PoolFacts,
  PoolRef,
  PoolSendResult,
  PoolTable,
} from "./pool-calls.ts";
import { poolDefinition } from "./pool-process.ts";
import { unlessRefused } from "./send-on.ts";

/** A connection that a pool is to have. */
export interface PoolConnection {
  /** Names it in the pool. */
  readonly id: string;
  readonly to: ConnectTo;
  /** What is different from the options of the pool. */
  readonly options?: PoolConnectionOptions;
  /** What runs for it. @defaultValue the handler of the pool */
  readonly handler?: ConnectionDefinition | AnyStateMachine;
}

/** What may be said about a pool, and about all of its connections. All of it is optional. */
export interface PoolOptions extends PoolConnectionOptions {
  /** Registers the pool under this name. @defaultValue none */
  readonly name?: string;
  /** Which connection takes a packet or a call that does not say. @defaultValue "roundRobin" */
  readonly choice?: PoolChoice;
}

/** What a pool is made of, for `add` to make more of it. */
interface PoolPlan {
  readonly options: PoolConnectionOptions;
  readonly handler: ConnectionDefinition | AnyStateMachine;
}

/**
 * Starts a pool of clients, each with one connection, under one supervisor. It does not wait for connections:
 * {@link Pool.connected} does. A connection that is lost, a handler that crashes and a client that is killed cost the
 * others nothing, however often that happens: pauses and attempts are counted for each connection by itself.
 *
 * @param handler - what runs for each connection, as for a listener
 * @throws `ERR_INVALID_OPTION` that names every fault; `ERR_REGISTRATION` when an actor has the name
 */
export function startPool(
  system: System,
  connections: readonly PoolConnection[],
  options: PoolOptions,
  handler: ConnectionDefinition,
): Pool;
export function startPool<Machine extends AnyStateMachine>(
  system: System,
  connections: readonly PoolConnection[],
  options: PoolOptions,
  handler: ConnectionMachine<Machine>,
): Pool;
export function startPool(
  system: System,
  connections: readonly PoolConnection[],
  options: PoolOptions,
  handler: AnyStateMachine | ConnectionDefinition,
): Pool {
  const { facts, plan } = poolFacts(system, connections, options, handler);
  const { name } = options;
  const pool = system.spawn(poolDefinition(facts), undefined, name === undefined ? {} : { id: name, name });
  return new Pool(system, pool, plan);
}

/** A pool for one's own tree: what to put there, and the handle. */
export interface PoolDefinition {
  /** For `child(definition, undefined, { name })`. It is a supervisor; connections that were added outlive its restart. */
  readonly definition: Definition<void, PoolRef>;
  /** The handle of the pool that is registered under this name. */
  readonly of: (name: string) => Pool;
}

/**
 * A pool for one's own tree; it is to run once at a time.
 *
 * @throws `ERR_INVALID_OPTION` that names every fault
 */
export function definePool(
  system: System,
  connections: readonly PoolConnection[],
  options: Omit<PoolOptions, "name">,
  handler: ConnectionDefinition,
): PoolDefinition;
export function definePool<Machine extends AnyStateMachine>(
  system: System,
  connections: readonly PoolConnection[],
  options: Omit<PoolOptions, "name">,
  handler: ConnectionMachine<Machine>,
): PoolDefinition;
export function definePool(
  system: System,
  connections: readonly PoolConnection[],
  options: Omit<PoolOptions, "name">,
  handler: AnyStateMachine | ConnectionDefinition,
): PoolDefinition {
  const { facts, plan } = poolFacts(system, connections, options, handler);
  return { definition: poolDefinition(facts), of: (name) => new Pool(system, name, plan) };
}

export type AddConnectionResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: "alreadyPresent" | "stopped" };

/** `stopped`: the pool itself is not there any more. */
export type PoolChangeResult = { readonly ok: true } | { readonly ok: false; readonly error: "notFound" | "stopped" };

export type PooledSendResult = PoolSendResult | { readonly ok: false; readonly error: "stopped" };

/** How a pool is to choose, where that is not as its options say. */
export interface ChoiceOptions {
  /** @defaultValue the `choice` of the pool */
  readonly choice?: PoolChoice;
}

/** A pool of connections. */
export class Pool {
  /** Its address in the system, or the name under which that is registered. */
  readonly ref: PoolRef | string;
  readonly #system: System;
  readonly #plan: PoolPlan;

  /** @internal */
  constructor(system: System, ref: PoolRef | string, plan: PoolPlan) {
    this.#system = system;
    this.ref = ref;
    this.#plan = plan;
  }

  /**
   * Adds a connection, and does not wait for it.
   *
   * @throws `ERR_INVALID_OPTION` that names every fault
   */
  async add(connection: PoolConnection): Promise<AddConnectionResult> {
    const entry = toEntry(connection, this.#plan);
    const isAdded = await this.#unlessStopped({ type: "addConnection", entry });
    if (isAdded === undefined) return { ok: false, error: "stopped" };
    return isAdded ? { ok: true } : { ok: false, error: "alreadyPresent" };
  }

  /** Takes a connection out of the pool; its handler gets its `shutdown` time, and what was sent goes out. */
  remove(id: string): Promise<PoolChangeResult> {
    return this.#change({ type: "removeConnection", id });
  }

  /**
   * Connects anew at once, whether it is connected, in a pause, or stopped; attempts are counted anew. An attempt that is
   * under way is left alone.
   */
  restart(id: string): Promise<PoolChangeResult> {
    return this.#change({ type: "restartConnection", id });
  }

  /** All connections, in the order in which they were added. @throws `ERR_CALL_EXIT` when the pool has ended */
  connections(): Promise<readonly PoolConnectionInfo[]> {
    return this.#ask({ type: "connections" });
  }

  /**
   * Resolves when so many are connected.
   *
   * @param count - default: 1
   * @throws `ERR_CALL_TIMEOUT`, after 5000 ms unless told otherwise; `ERR_CALL_EXIT` when the pool ends
   */
  async connected(count = 1, { timeoutMs = 5000 }: CallOptions = {}): Promise<void> {
    const until = timeoutMs === "infinity" ? Infinity : this.#system.now() + timeoutMs;
    await this.#ask({ type: "whenSoMany", count, until }, timeoutMs);
  }

  /**
   * Sends a packet on one of the connections that are up.
   *
   * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header that `packet` asks for cannot express the
   * length
   */
  async send(packet: Uint8Array | string, { choice }: ChoiceOptions = {}): Promise<PooledSendResult> {
    const result = await this.#unlessStopped({ type: "sendByPool", packet, choice });
    return result === undefined ? { ok: false, error: "stopped" } : unlessRefused(result);
  }

  /**
   * Calls the handler of one of the connections that are up.
   *
   * @throws {@link NotConnectedError} (`ERR_NOT_CONNECTED`) when there is none; `ERR_CALL_EXIT` when the handler ends
   * before it answers; `ERR_CALL_TIMEOUT`
   */
  async call<Reply = unknown>(
    request: AnyRequest,
    { choice, ...options }: ChoiceOptions & CallOptions = {},
  ): Promise<Reply> {
    const handler = await this.#unlessStopped({ type: "choose", choice });
    if (handler === undefined) throw new NotConnectedError(`pool ${this.ref.toString()}`);
    // What a handler answers is known to its author.
    return (await this.#system.call(handler, request as never, options)) as Reply;
  }

  /**
   * Sends a packet on all connections that are up. Where their headers differ and one of them cannot express the length,
   * the others have sent it. Of a pool that has ended both lists are empty.
   *
   * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`)
   */
  async broadcast(packet: Uint8Array | string): Promise<Broadcast> {
    const result = await this.#unlessStopped({ type: "broadcast", packet });
    return unlessRefused(result ?? { sent: [], missed: [] });
  }

  /**
   * Ends the pool in order: nothing more is sent by it, the handlers are told, the newest first, and get their `shutdown`
   * time; what was sent goes out. In one's own tree a permanent child is started anew; there `terminateChild` is the way.
   */
  async close(): Promise<void> {
    const pid = typeof this.ref === "string" ? this.#system.whereis(this.ref) : this.ref;
    if (pid !== undefined) await this.#system.terminate(pid, "infinity");
  }

  async #change(request: Extract<PoolCalls, { type: "removeConnection" | "restartConnection" }>) {
    const isDone = await this.#unlessStopped(request);
    if (isDone === true) return { ok: true } as const;
    return { ok: false, error: isDone === false ? "notFound" : "stopped" } as const;
  }

  #ask<const Request extends PoolCalls>(request: Request, timeoutMs: number | "infinity" = "infinity") {
    return this.#system.call<PoolCalls | CommonCalls, Request>(this.ref, request, { timeoutMs });
  }

  async #unlessStopped<const Request extends PoolCalls>(request: Request) {
    try {
      return await this.#ask(request);
    } catch (error) {
      if (error instanceof CallExitError) return undefined;
      throw error;
    }
  }
}

function poolFacts(
  system: System,
  connections: readonly PoolConnection[],
  options: PoolOptions,
  handler: AnyStateMachine | ConnectionDefinition,
): { readonly facts: PoolFacts; readonly plan: PoolPlan } {
  const { name: _name, choice = "roundRobin", ...common } = options;
  const issues: OptionIssue[] = [];
  if (!isPoolChoice(choice)) {
    issues.push({
      option: "choice",
      value: choice,
      expected: '"roundRobin", "random", "leastUnsent", { key } or { id }',
    });
  }
  collecting(issues, () => toClientConfig(common, true));
  // Those of the options of all are named once, and not for each connection again.
  if (issues.length > 0) throw new InvalidOptionError(issues);
  // One context for all, and no keys in what is kept.
  const plan: PoolPlan = { options: { ...common, tls: toTlsContext(common.tls) ?? false }, handler };
  const table: PoolTable = new Map();
  for (const [index, connection] of connections.entries()) {
    const place = `connections[${index}].`;
    const entry = collecting(
      issues,
      () => toEntry(connection, plan),
      (option) => place + option,
    );
    if (entry === undefined) continue;
    if (table.has(entry.id))
      issues.push({ option: `${place}id`, value: entry.id, expected: "an id that no other has" });
    table.set(entry.id, entry);
  }
  if (issues.length > 0) throw new InvalidOptionError(issues);
  return { facts: { system, table, choice }, plan };
}

/** @throws `ERR_INVALID_OPTION` that names every fault */
function toEntry({ id, to, options = {}, handler }: PoolConnection, plan: PoolPlan): PoolEntry {
  const issues: OptionIssue[] = [];
  if (typeof id !== "string" || id === "")
    issues.push({ option: "id", value: id, expected: "a string that is not empty" });
  const address = collecting(issues, () => parseConnectTo(to));
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const config = collecting(
    issues,
    () => toClientConfig({ ...plan.options, ...given }, true),
    (option) => `options.${option}`,
  );
  if (address === undefined || config === undefined || issues.length > 0) throw new InvalidOptionError(issues);
  return { id, address, config, handler: toConnectionDefinition(handler ?? plan.handler) };
}
