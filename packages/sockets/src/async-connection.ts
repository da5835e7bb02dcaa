import {
  type AsyncContext,
  type Behaviour,
  Exit,
  type ExitReason,
  fromAsync,
  type Incoming,
  type Process,
  type Progress,
  shutdown,
} from "@espalier/actors";
import { Connection, type ReceiveOptions } from "./connection.ts";
import type { ConnectionEvent, ConnectionInput } from "./connection-event.ts";
import { ReceiveError } from "./errors.ts";
import type { ConnectionDefinition } from "./handler.ts";
import type { ListenerConfig } from "./options.ts";
import { Received, type Sent } from "./socket-request.ts";
import type { TlsMaterial } from "./start-tls.ts";

/** A connection whose handler is an async function: bytes come when they are asked for. Erlang's passive socket. */
export interface AsyncConnection extends Connection, AsyncIterable<Uint8Array> {
  /** The options of the listener, complete. */
  readonly config: ListenerConfig;
  /**
   * Packets, one at a time, as `packet` cuts them, until the client has closed its side or the listener closes. What is
   * sent after the loop still goes out. `for await (const packet of connection)` is the same.
   *
   * @throws ReceiveError (`ERR_RECEIVE`) when the connection breaks, or the client is silent for `idleTimeoutMs`
   */
  packets(): AsyncIterable<Uint8Array>;
  /**
   * Exactly `length` bytes, or what there is, which is the next packet where there is a framing. Undefined: the client
   * has closed its side before there were so many, or the listener closes. Erlang's `gen_tcp:recv/3`.
   *
   * Nothing is read from the client but what a `recv` waits for, and at most one read beyond it.
   *
   * @param length - undefined for what there is
   * @throws ReceiveError (`ERR_RECEIVE`) when they do not come in time, the connection breaks, or the client is silent
   * for `idleTimeoutMs`
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  recv(length?: number, options?: ReceiveOptions): Promise<Uint8Array | undefined>;
  /**
   * Has TLS on this connection from here on: `Connection.startTls`, and the promise settles when the handshake is done, or
   * the listener closes.
   *
   * @throws ReceiveError (`ERR_RECEIVE`) when it fails, or the connection ends before
   * @throws StartTlsError (`ERR_START_TLS`), InvalidOptionError (`ERR_INVALID_OPTION`), as `Connection.startTls` does
   */
  startTls(tls?: TlsMaterial): Promise<void>;
}

/** What the handler of an {@link AsyncConnection} finds in its mailbox beside messages of its own. */
export type AsyncConnectionMessage = Received | Sent;

export interface FromConnectionOptions {
  /** For inspection and paths. @defaultValue the function's name, or "connection" */
  readonly name?: string;
}

/**
 * A connection's handler written as an async function: it is called when the socket is its own, and receives when it
 * likes. Reagent's `handle/1`, eSockd's loop of `recv`.
 *
 * ```ts
 * const echo = fromConnection(async (connection) => {
 *   for await (const packet of connection) connection.send(packet);
 * });
 * ```
 *
 * When it returns, the connection is closed as soon as everything sent is on its way. The actor then ends as
 * `normal`; as `shutdown` with detail `peerClosed` if it has been told that the client had closed, and with the reason
 * of the listener if it has been told that this closes. A {@link ReceiveError} that it does not catch ends it as
 * `shutdown` with the reason of that as detail; whatever else it throws is its crash.
 *
 * It traps exits. That of the listener ends `packets` and makes `recv` resolve with undefined; that of an actor which it
 * is linked to ends it in its next `recv`, unless that was `normal`. When it is ended from outside, what it awaits never
 * settles and nothing of it runs again.
 */
export function fromConnection<Message = never>(
  body: (connection: AsyncConnection, self: AsyncContext<Message | AsyncConnectionMessage>) => Promise<void>,
  options: FromConnectionOptions = {},
): ConnectionDefinition {
  const { name = body.name === "" ? "connection" : body.name } = options;
  // What the body gets out of its mailbox is what its own ref let in.
  const run = body as unknown as Body;
  const { behaviour } = fromAsync<AsyncConnectionMessage, Reader>((self, reader) => reader.run(self, run));
  return { name, trapExit: true, behaviour: new ConnectionFunction(behaviour) };
}

type Self = AsyncContext<AsyncConnectionMessage>;
type Body = (connection: AsyncConnection, self: Self) => Promise<void>;

/** An async function that knows its parent. */
class ConnectionFunction implements Behaviour<ConnectionInput> {
  readonly kind: string;
  readonly #function: Behaviour<Reader>;

  constructor(behaviour: Behaviour<Reader>) {
    this.kind = behaviour.kind;
    this.#function = behaviour;
  }

  start(process: Process, { connection, config }: ConnectionInput): Progress {
    connection.bePassive();
    return this.#function.start(process, new Reader(process, connection, config));
  }

  receive(process: Process, message: unknown): Progress {
    return this.#function.receive(process, message);
  }

  describe(process: Process): unknown {
    return this.#function.describe?.(process);
  }
}

/** What `recv` waits for beside its answer. */
type Awaited = Received | Exit;

/** Receives for one async function. */
class Reader {
  readonly #process: Process;
  readonly #connection: AsyncConnection;
  readonly #config: ListenerConfig;
  #self: Self | undefined;
  /** It has been told that there is nothing more to come: the actor is to end so. */
  #end: ExitReason | undefined;
  /** The listener closes. */
  #isClosing = false;

  constructor(process: Process, connection: Connection, config: ListenerConfig) {
    this.#process = process;
    this.#config = config;
    const packets = (): AsyncIterable<Uint8Array> => this.#packets();
    const recv: AsyncConnection["recv"] = (length, options) => this.#recv(length, options);
    const startTls: AsyncConnection["startTls"] = (tls) => this.#startTls(tls);
    this.#connection = Object.assign(connection, { config, packets, recv, startTls, [Symbol.asyncIterator]: iterate });
  }

  async run(self: Self, body: Body): Promise<void> {
    this.#self = self;
    if (!(await this.#waitForSocket(self))) return;
    try {
      await body(this.#connection, self);
    } catch (error) {
      if (error instanceof ReceiveError) self.exit(shutdown(error.reason));
      throw error;
    }
    if (this.#end !== undefined) self.exit(this.#end);
  }

  /** False: it does not come. */
  async #waitForSocket(self: Self): Promise<boolean> {
    const match = (message: unknown): message is Exit => isSocketReady(message) || this.#isEnd(message);
    const message: unknown = await self.receive({ match, timeoutMs: this.#config.socketReadyTimeoutMs });
    if (message === undefined) self.exit(shutdown("handOffTimeout"));
    if (message instanceof Exit) self.exit(message.reason);
    return true;
  }

  async *#packets(): AsyncGenerator<Uint8Array> {
    for (let packet = await this.#recv(); packet !== undefined; packet = await this.#recv()) yield packet;
  }

  async #recv(length?: number, options?: ReceiveOptions): Promise<Uint8Array | undefined> {
    const self = this.#self as Self;
    // One that closes has nothing more to wait for.
    if (this.#isClosing) return undefined;
    const request = this.#connection.asyncRecv(length, options);
    const match = (message: Incoming<AsyncConnectionMessage>): message is Awaited =>
      (message instanceof Received && message.request === request) || this.#isEnd(message);
    const message = await self.receive({ match });
    if (message instanceof Received) return this.#taken(message);
    this.#connection.abandonRecv(request);
    this.#told(self, message);
    return undefined;
  }

  async #startTls(tls: TlsMaterial | undefined): Promise<void> {
    const self = this.#self as Self;
    const connection = this.#connection;
    if (this.#isClosing || !connection.isOpen) throw new ReceiveError(connection.endCode);
    Connection.prototype.startTls.call(connection, tls);
    const match = (message: unknown): message is Exit => isHandshakeEnd(message) || this.#isEnd(message);
    const message: unknown = await self.receive({ match });
    if (message instanceof Exit) this.#told(self, message);
    else if (isHandshakeEnd(message) && message.type === "error") {
      throw new ReceiveError(message.reason, { detail: message.detail });
    }
  }

  #told(self: Self, { from, reason }: Exit): void {
    if (from !== this.#process.parentPid) self.exit(reason);
    this.#end = reason;
    this.#isClosing = true;
  }

  #taken({ outcome }: Received): Uint8Array | undefined {
    if (outcome.ok) return outcome.data;
    if (outcome.error !== "closed") throw new ReceiveError(outcome.error);
    // Null: this end has closed it.
    if (this.#connection.last !== null) this.#end ??= shutdown("peerClosed");
    return undefined;
  }

  /** An exit that a function which knows nothing of exits would die of. */
  #isEnd(message: unknown): message is Exit {
    if (!(message instanceof Exit)) return false;
    return message.from === this.#process.parentPid || message.reason.type !== "normal";
  }
}

function iterate(this: AsyncConnection): AsyncIterator<Uint8Array> {
  return this.packets()[Symbol.asyncIterator]();
}

/** What a connection that has begun a handshake tells one who hears of no ends otherwise. */
type HandshakeEnd = Extract<ConnectionEvent, { readonly type: "secured" | "error" }>;

function isHandshakeEnd(message: unknown): message is HandshakeEnd {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  return message.type === "secured" || message.type === "error";
}

function isSocketReady(message: unknown): boolean {
  return typeof message === "object" && message !== null && "type" in message && message.type === "socketReady";
}
