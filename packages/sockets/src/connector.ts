import {
  type Behaviour,
  CallMessage,
  CastMessage,
  type Context,
  describeValue,
  Exit,
  type ExitReason,
  type From,
  MissingCallbackError,
  normal,
  type Process,
  type Progress,
  shutdown,
  type TimerRef,
} from "@espalier/actors";
import type { Connection } from "./connection.ts";
import type { ConnectionEvent, ConnectionInput } from "./connection-event.ts";
import { checkReturn, packetsOf, repliesOf } from "./connector-options.ts";
import {
  ConnectorEvent,
  type ConnectorIgnore,
  type ConnectorOptions,
  type ConnectorReturn,
} from "./connector-return.ts";
import type { ConnectionDefinition } from "./handler.ts";
import type { ListenerConfig } from "./options.ts";
import { Received, type SocketRequest } from "./socket-request.ts";

/*
 * A connection as a callback object, as sockerl and etcp have it. Every callback and what it may return:
 *
 *   connectorInit(meta)                     → ok(options?) | close(options?) | stop(reason, options?) | ignore()
 *   handlePacket(packet, state, meta)       → ok(options?) | close(options?) | stop(reason, options?)
 *   handleCall(request, from, state, meta)  → the same; the answer is the option `reply`, or later from.reply(value)
 *   handleCast(message, state, meta)        → the same
 *   handleEvent(event, state, meta)         → the same; an event is what `connector.notify` sends
 *   handleInfo(message, state, meta)        → the same
 *   timeout(state, meta)                    → the same; nothing at all has come for `timeoutMs`
 *   srtimeout(state, meta)                  → the same; no packet has come for `srtimeoutMs`
 *   handleDisconnect(state, meta)           → the same; the connector ends, whichever it is
 *   terminate(reason, state, meta)          → anything; the socket is still open
 *   codeChange(state, extra)                → the new state
 *
 *   options: { state, setOptions, packet, reply, timeoutMs, srtimeoutMs, length, active, hibernate }
 *
 * Any callback may answer with a promise of the same; the connector's other messages wait meanwhile. Of sockerl it
 * differs in two ways: a connector that waits for a packet handles its messages meanwhile, so that neither starves the
 * other; and one that its client has left ends as `shutdown` with detail `peerClosed`, as other connections do.
 */

/** The types of one connector. All may be left out. */
export interface ConnectorTypes {
  readonly state?: unknown;
  /** What `handleCall` takes. */
  readonly call?: unknown;
  /** What `handleCast` takes. */
  readonly cast?: unknown;
  /** What `handleEvent` takes. */
  readonly event?: unknown;
  /** What `handleInfo` takes. */
  readonly info?: unknown;
}

type Given<Types extends ConnectorTypes, Key extends keyof ConnectorTypes> =
  Types extends Record<Key, infer Value> ? Value : unknown;

type MaybeLater<Result> = Result | PromiseLike<Result>;

type Returned<Types extends ConnectorTypes> = MaybeLater<ConnectorReturn<Given<Types, "state">>>;

/** What a connector is, beside its state. The same object for all its callbacks. sockerl's `sockerl_metadata`. */
export interface ConnectorMeta {
  readonly connection: Connection;
  /** The options of the listener, complete. */
  readonly config: ListenerConfig;
  /** The actor: to send, to monitor, to start others. */
  readonly self: Context;
  /** As the last callback that gave one has it. */
  readonly timeoutMs: number | "infinity";
  readonly srtimeoutMs: number | "infinity";
  readonly length: number | "any";
  readonly active: boolean;
  /** The callback that runs, or has run last. */
  readonly lastCallback: string;
  /** What that was called for: a packet, a request, a message. */
  readonly lastMessage: unknown;
  /** In `handleDisconnect`: `peerClosed`, `idleTimeout`, or what the connection broke of. */
  readonly disconnected: string | undefined;
}

/** The callbacks of one connector. Those that are left out matter only when there is something for them. */
export interface ConnectorCallbacks<Types extends ConnectorTypes> {
  /** For inspection and paths. @defaultValue "connector" */
  readonly name?: string;
  /** Whether packets are let in from the start. @defaultValue true */
  readonly active?: boolean;
  /** Exits of linked actors come to `handleInfo`. Absent: the connector dies of them, unless they are `normal`. @defaultValue false */
  readonly trapExit?: boolean;
  /** Runs before the socket is handed over; what it sends goes out all the same. Absent: the state is undefined. */
  connectorInit?(meta: ConnectorMeta): MaybeLater<ConnectorReturn<Given<Types, "state">> | ConnectorIgnore>;
  handlePacket(packet: Uint8Array, state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  handleCall?(
    request: Given<Types, "call">,
    from: From,
    state: Given<Types, "state">,
    meta: ConnectorMeta,
  ): Returned<Types>;
  handleCast?(message: Given<Types, "cast">, state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  handleEvent?(event: Given<Types, "event">, state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  /** Absent: messages that nobody expected are dropped, with a warning. */
  handleInfo?(message: Given<Types, "info">, state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  /** The client has closed its side, has been silent for `idleTimeoutMs`, or the connection has broken. The end follows. */
  handleDisconnect?(state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  timeout?(state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  srtimeout?(state: Given<Types, "state">, meta: ConnectorMeta): Returned<Types>;
  /** Runs at every end but a kill, while the socket is still open. */
  terminate?(reason: ExitReason, state: Given<Types, "state">, meta: ConnectorMeta): unknown;
  /** Makes the state of a connector that had other code one for this code. Absent: the state stays. */
  codeChange?(state: unknown, extra: unknown): Given<Types, "state">;
  /** What inspection and crash reports show of the state. */
  formatStatus?(state: Given<Types, "state">): unknown;
}

/** Makes a connection's handler of callbacks. The types are given, the callbacks checked against them. */
export function fromConnector<Types extends ConnectorTypes>(
  callbacks: ConnectorCallbacks<Types>,
): ConnectionDefinition {
  const { name = "connector" } = callbacks;
  // From here on the types are those of the kernel.
  const behaviour = new ConnectorBehaviour(name, callbacks);
  return { name, trapExit: true, behaviour };
}

type AnyCallbacks = ConnectorCallbacks<object>;

/** Nothing at all has come for so long. */
class Silence {
  readonly type = "silence";
}

class Connector implements ConnectorMeta {
  readonly connection: Connection;
  readonly config: ListenerConfig;
  readonly self: Context;
  readonly process: Process;
  user: unknown = undefined;
  timeoutMs: number | "infinity" = "infinity";
  srtimeoutMs: number | "infinity" = "infinity";
  length: number | "any" = "any";
  active: boolean;
  lastCallback = "";
  lastMessage: unknown = undefined;
  disconnected: string | undefined = undefined;
  hasSocket = false;
  receiving: SocketRequest | undefined;
  silence: { readonly timer: TimerRef; readonly message: Silence } | undefined;

  constructor({ connection, config }: ConnectionInput, process: Process, active: boolean) {
    this.connection = connection;
    this.config = config;
    this.process = process;
    // What the actor understands, its definition does not say.
    this.self = process as unknown as Context;
    this.active = active;
  }

  get isFramed(): boolean {
    return this.config.packet !== "raw";
  }
}

class ConnectorBehaviour implements Behaviour<ConnectionInput> {
  readonly kind = "connector";
  readonly #name: string;
  readonly #callbacks: AnyCallbacks;

  constructor(name: string, callbacks: AnyCallbacks) {
    this.#name = name;
    this.#callbacks = callbacks;
  }

  start(process: Process, input: ConnectionInput): Progress {
    const { connection } = input;
    connection.bePassive();
    const connector = new Connector(input, process, this.#callbacks.active ?? true);
    process.state = connector;
    if (this.#callbacks.connectorInit === undefined) return undefined;
    return this.#call(connector, "connectorInit", undefined, (callbacks) => callbacks.connectorInit?.(connector));
  }

  receive(process: Process, message: unknown): Progress {
    const connector = connectorOf(process);
    if (message instanceof Exit) {
      if (message.from === process.parentPid) return process.stop(message.reason);
      if (!this.#hears(connector, message)) return dieWith(process, message.reason);
    }
    this.#breakSilence(connector);
    if (message instanceof Received) return this.#received(connector, message);
    if (message instanceof Silence) {
      return this.#call(connector, "timeout", undefined, (callbacks, state) => callbacks.timeout?.(state, connector));
    }
    if (message instanceof CallMessage) {
      const { request, from } = message;
      return this.#call(connector, "handleCall", request, (callbacks, state) =>
        callbacks.handleCall?.(request, from, state, connector),
      );
    }
    if (message instanceof CastMessage) {
      const { message: cast } = message;
      return this.#call(connector, "handleCast", cast, (callbacks, state) =>
        callbacks.handleCast?.(cast, state, connector),
      );
    }
    if (message instanceof ConnectorEvent) {
      const { event } = message;
      return this.#call(connector, "handleEvent", event, (callbacks, state) =>
        callbacks.handleEvent?.(event, state, connector),
      );
    }
    if (!connector.hasSocket && isEvent(message, "socketReady")) {
      connector.hasSocket = true;
      return this.#proceed(connector);
    }
    return this.#info(connector, message);
  }

  /** Whether the exit of another is a message to it. */
  #hears({ hasSocket }: Connector, { reason }: Exit): boolean {
    // Before it has the socket, that is how it is told that it will not get it.
    return this.#callbacks.trapExit === true && (hasSocket || reason.type === "normal");
  }

  #info(connector: Connector, message: unknown): Progress {
    if (this.#callbacks.handleInfo !== undefined) {
      return this.#call(connector, "handleInfo", message, (callbacks, state) =>
        callbacks.handleInfo?.(message, state, connector),
      );
    }
    // That TLS has begun is for those who want to know.
    if (!(message instanceof Exit) && !isEvent(message, "secured")) {
      connector.process.warn(`${this.#name} has no handleInfo for ${describeValue(message)}; it is dropped`);
    }
    return this.#proceed(connector);
  }

  #received(connector: Connector, { request, outcome }: Received): Progress {
    // One that was given up may have been answered already; its bytes are a packet all the same.
    if (request === connector.receiving) connector.receiving = undefined;
    if (outcome.ok) {
      const { data } = outcome;
      return this.#call(connector, "handlePacket", data, (callbacks, state) =>
        callbacks.handlePacket(data, state, connector),
      );
    }
    if (outcome.error === "timeout") {
      return this.#call(connector, "srtimeout", undefined, (callbacks, state) =>
        callbacks.srtimeout?.(state, connector),
      );
    }
    const { connection, process } = connector;
    // A callback has closed the connection itself.
    if (outcome.error === "closed" && connection.last === null) return process.stop(normal);
    const reason = outcome.error === "closed" ? "peerClosed" : outcome.error;
    connector.disconnected = reason;
    if (this.#callbacks.handleDisconnect === undefined) return process.stop(shutdown(reason));
    return this.#call(connector, "handleDisconnect", undefined, (callbacks, state) =>
      callbacks.handleDisconnect?.(state, connector),
    );
  }

  #call(
    connector: Connector,
    callback: keyof AnyCallbacks,
    message: unknown,
    run: (callbacks: AnyCallbacks, state: unknown) => unknown,
  ): Progress {
    connector.lastCallback = callback;
    connector.lastMessage = message;
    if (this.#callbacks[callback] === undefined) throw new MissingCallbackError(this.#name, callback);
    const result = run(this.#callbacks, connector.user);
    if (isPromise(result)) return result.then((later) => () => this.#apply(connector, callback, later));
    return this.#apply(connector, callback, result);
  }

  #apply(connector: Connector, callback: string, result: unknown): Progress {
    const { process, disconnected } = connector;
    if (callback === "connectorInit" && isIgnore(result)) return process.ignore();
    const checked = checkReturn(`${this.#name}.${callback}`, result, connector.isFramed);
    applyOptions(connector, checked.options);
    if (checked.type === "stop") return process.stop(checked.reason);
    // Whatever it wants, there is nobody left to talk to.
    if (disconnected !== undefined) return process.stop(shutdown(disconnected));
    if (checked.type === "close") return process.stop(normal);
    return this.#proceed(connector);
  }

  /** Waits for what comes next, as long as the connector has said. */
  #proceed(connector: Connector): Progress {
    const { process, timeoutMs, connection } = connector;
    if (timeoutMs !== "infinity") {
      const message = new Silence();
      connector.silence = { timer: process.sendAfter<Silence>(process.pid, message, timeoutMs), message };
    }
    if (!connector.active && connector.receiving !== undefined) {
      connection.abandonRecv(connector.receiving);
      connector.receiving = undefined;
    }
    if (!connector.hasSocket || !connector.active || connector.receiving !== undefined) return undefined;
    connector.receiving = connection.asyncRecv(connector.length === "any" ? undefined : connector.length, {
      timeoutMs: connector.srtimeoutMs,
    });
    return undefined;
  }

  #breakSilence(connector: Connector): void {
    const { silence, process } = connector;
    if (silence === undefined) return;
    connector.silence = undefined;
    // One that ran out behind this message is none.
    if (process.cancelTimer(silence.timer) === undefined) process.takeMessage((other) => other === silence.message);
  }

  terminate(process: Process, reason: ExitReason): Progress {
    const connector = connectorOf(process);
    connector.lastCallback = "terminate";
    const result = this.#callbacks.terminate?.(reason, connector.user, connector);
    // Only its end matters, not what it answers.
    return isPromise(result) ? result.then(() => undefined) : undefined;
  }

  describe(process: Process): unknown {
    if (!(process.state instanceof Connector)) return undefined;
    const { user } = process.state;
    if (this.#callbacks.formatStatus === undefined) return user;
    try {
      return this.#callbacks.formatStatus(user);
    } catch (error) {
      // Whoever looks at a connector is not hurt by how it wants to be seen.
      return `${this.#name}.formatStatus threw ${describeValue(error)}`;
    }
  }

  changeCode(process: Process, extra: unknown): void {
    const connector = connectorOf(process);
    if (this.#callbacks.codeChange !== undefined) connector.user = this.#callbacks.codeChange(connector.user, extra);
  }

  replaceState(process: Process, replace: (state: unknown) => unknown): void {
    const connector = connectorOf(process);
    connector.user = replace(connector.user);
  }
}

function connectorOf(process: Process): Connector {
  // Set by `start` before anything else can run.
  return process.state as Connector;
}

/** It dies of the exit of another as one dies of a link: without a report of its own, and not of one that is normal. */
function dieWith(process: Process, reason: ExitReason): void {
  if (reason.type === "normal") return;
  process.trapExit(false);
  process.exit(process.pid, reason);
}

function applyOptions(connector: Connector, options: ConnectorOptions): void {
  const { connection } = connector;
  if ("state" in options) connector.user = options.state;
  if (options.setOptions !== undefined) connection.setOptions(options.setOptions);
  for (const packet of packetsOf(options)) connection.send(packet);
  for (const { from, value } of repliesOf(options)) from.reply(value);
  const { timeoutMs, srtimeoutMs, length, active } = options;
  if (timeoutMs !== undefined) connector.timeoutMs = timeoutMs;
  if (active !== undefined) connector.active = active;
  if (srtimeoutMs === undefined && length === undefined) return;
  if (srtimeoutMs !== undefined) connector.srtimeoutMs = srtimeoutMs;
  if (length !== undefined) connector.length = length;
  // What is asked for is not what is wanted any more.
  if (connector.receiving !== undefined) connection.abandonRecv(connector.receiving);
  connector.receiving = undefined;
}

function isEvent(message: unknown, type: ConnectionEvent["type"]): boolean {
  return typeof message === "object" && message !== null && "type" in message && message.type === type;
}

function isIgnore(result: unknown): boolean {
  return typeof result === "object" && result !== null && "type" in result && result.type === "ignore";
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
