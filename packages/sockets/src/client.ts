import {
  CallExitError,
  type CallOptions,
  type Definition,
  type ExitReason,
  formatReason,
  type System,
} from "@espalier/actors";
import type { CommonCalls } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import { type ClientOptions, type ConnectTo, parseConnectTo, toClientConfig } from "./client-options.ts";
import type { ClientCalls, ClientFacts, ClientRef, NotSent, SendResult } from "./client-calls.ts";
import { clientDefinition } from "./client-process.ts";
import type { ClientInfo } from "./client-record.ts";
import { NotConnectedError } from "./errors.ts";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { formatAddress } from "./listen-on.ts";
import { checkTimeout, type SendSyncOptions } from "./remote.ts";
import { unlessRefused } from "./send-on.ts";
import type { SendOutcome } from "./socket-request.ts";

/**
 * Starts a client, and resolves when its first connection is up. From then on the client heals itself: it connects anew
 * as its options say.
 *
 * @param to - such as `"127.0.0.1:6000"`
 * @param handler - what runs for each connection, as for a listener: an XState machine, or the definition of a server or
 * async function
 * @throws `ERR_INVALID_OPTION` that names every fault; {@link ConnectError} (`ERR_CONNECT`) when the first attempt fails;
 * what the handler has thrown when it fails to start. Nothing is left running then.
 */
export function connect(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: ConnectionDefinition,
): Promise<Client>;
export function connect<Machine extends AnyStateMachine>(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: ConnectionMachine<Machine>,
): Promise<Client>;
export async function connect(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: AnyStateMachine | ConnectionDefinition,
): Promise<Client> {
  const facts = clientFacts(system, to, options, handler);
  const { name } = options;
  let client!: ClientRef;
  let ended!: Promise<ExitReason>;
  const failed = await new Promise<ExitReason | undefined>((onFirst) => {
    const definition = clientDefinition({ ...facts, onFirst });
    client = system.spawn(definition, undefined, name === undefined ? {} : { id: name, name });
    ended = system.exited(client);
    // One that is killed tells nobody, be it before its first step.
    void ended.then(onFirst);
  });
  if (failed === undefined) return new Client(system, client, facts.name);
  // One that has not decided to end has a reason of its own.
  const reason = (await ended).type === "shutdown" ? failed : await ended;
  throw reason.type === "error" && reason.error instanceof Error
    ? reason.error
    : new Error(`the client has ended before it was connected: ${formatReason(reason)}`);
}

/**
 * The definition of a client, for one's own tree: `child(defineClient(…), undefined, { name: "db" })`. It starts without
 * waiting for a connection, so that a tree comes up while its servers are down; {@link Client.connected} waits. It is
 * a supervisor to its own: its `shutdown` in a child spec is `"infinity"` by default, and the one in the options counts.
 *
 * It ends when its plan or `reconnect` says so, as its last handler did, and with a {@link ConnectError} as `error` when
 * it gives up; what happens then is the business of the tree.
 *
 * @throws `ERR_INVALID_OPTION` that names every fault
 */
export function defineClient(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: ConnectionDefinition,
): Definition<void, ClientRef>;
export function defineClient<Machine extends AnyStateMachine>(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: ConnectionMachine<Machine>,
): Definition<void, ClientRef>;
export function defineClient(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: AnyStateMachine | ConnectionDefinition,
): Definition<void, ClientRef> {
  return clientDefinition(clientFacts(system, to, options, handler));
}

/** The handle of a client that runs in one's own tree, by its ref or registered name; by name also after a restart. */
export function clientOf(system: System, client: ClientRef | string): Client {
  return new Client(system, client, client.toString());
}

/** A request to a handler; what it may say, the handler knows. */
export type AnyRequest = { readonly type: string; readonly [field: string]: unknown };

/** What became of a packet that was to be sent; `stopped`: the client itself is not there any more. */
export type ClientSendResult = SendResult | { readonly ok: false; readonly error: "stopped" };

/** The same of one that was waited for. */
export type ClientSendSyncResult = SendOutcome | NotSent | { readonly ok: false; readonly error: "stopped" };

/** A client, as `connect` answers it. */
export class Client {
  /** Its address in the system, or the name under which that is registered. */
  readonly ref: ClientRef | string;
  readonly #system: System;
  /** For people. */
  readonly #name: string;

  /** @internal */
  constructor(system: System, ref: ClientRef | string, name: string) {
    this.#system = system;
    this.ref = ref;
    this.#name = name;
  }

  /**
   * Sends a packet on the present connection, behind what its handler has sent. What is unsent when the connection breaks
   * is lost, and is not sent again on the next one.
   *
   * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`) when the header that `packet` asks for cannot express the
   * length
   */
  async send(packet: Uint8Array | string): Promise<ClientSendResult> {
    const result = await this.#unlessStopped(this.#ask({ type: "send", packet }));
    if (result === undefined) return { ok: false, error: "stopped" };
    return unlessRefused(result);
  }

  /**
   * The same, and resolves when the packet is handed to the system, or cannot be. sockerl's `send_sync`.
   *
   * @throws {@link FrameTooLargeError} (`ERR_FRAME_TOO_LARGE`); `ERR_INVALID_OPTION`
   */
  async sendSync(
    packet: Uint8Array | string,
    { timeoutMs = 5000 }: SendSyncOptions = {},
  ): Promise<ClientSendSyncResult> {
    checkTimeout(timeoutMs);
    const result = await this.#unlessStopped(this.#ask({ type: "sendSync", packet, timeoutMs }));
    if (result === undefined) return { ok: false, error: "stopped" };
    return unlessRefused(result);
  }

  /**
   * Calls the handler of the present connection.
   *
   * @throws {@link NotConnectedError} (`ERR_NOT_CONNECTED`) when there is none; `ERR_CALL_EXIT` when the handler ends
   * before it answers; `ERR_CALL_TIMEOUT`
   */
  async call<Reply = unknown>(request: AnyRequest, options?: CallOptions): Promise<Reply> {
    const info = await this.#unlessStopped(this.info());
    if (info?.handler === undefined) throw new NotConnectedError(`client ${this.#name}`);
    // What a handler answers is known to its author.
    return (await this.#system.call(info.handler, request as never, options)) as Reply;
  }

  /** What the client is doing. @throws `ERR_CALL_EXIT` when it has ended */
  info(): Promise<ClientInfo> {
    return this.#ask({ type: "info" });
  }

  /**
   * Resolves when it is connected.
   *
   * @throws `ERR_CALL_TIMEOUT`, after 5000 ms unless told otherwise; {@link ConnectError} (`ERR_CONNECT`) when it gives
   * up; `ERR_CALL_EXIT` when it has ended in another way
   */
  async connected({ timeoutMs = 5000 }: CallOptions = {}): Promise<void> {
    const until = timeoutMs === "infinity" ? Infinity : this.#system.now() + timeoutMs;
    try {
      await this.#ask({ type: "whenConnected", until }, timeoutMs);
    } catch (error) {
      if (error instanceof CallExitError && error.cause instanceof Error) throw error.cause;
      throw error;
    }
  }

  /**
   * Ends the pause, or the present connection, whose handler gets its `shutdown` time, and connects anew at once; attempts
   * are counted anew. An attempt that is under way is left alone. @throws `ERR_CALL_EXIT` when it has ended
   */
  async reconnect(): Promise<void> {
    await this.#ask({ type: "reconnect" });
  }

  /**
   * Ends the client in order: its handler gets the `shutdown` time to end, and what was sent goes out. In one's own tree a
   * permanent child is started anew; there `terminateChild` is the way.
   */
  async close(): Promise<void> {
    const pid = typeof this.ref === "string" ? this.#system.whereis(this.ref) : this.ref;
    if (pid !== undefined) await this.#system.terminate(pid, "infinity");
  }

  #ask<const Request extends ClientCalls>(request: Request, timeoutMs: number | "infinity" = "infinity") {
    return this.#system.call<ClientCalls | CommonCalls, Request>(this.ref, request, { timeoutMs });
  }

  async #unlessStopped<Result>(answer: Promise<Result>): Promise<Result | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof CallExitError) return undefined;
      throw error;
    }
  }
}

function clientFacts(
  system: System,
  to: ConnectTo,
  options: ClientOptions,
  handler: AnyStateMachine | ConnectionDefinition,
): ClientFacts {
  const address = parseConnectTo(to);
  const config = toClientConfig(options, false);
  const name = options.name ?? formatAddress(address);
  return { system, name, address, config, handler: toConnectionDefinition(handler) };
}
