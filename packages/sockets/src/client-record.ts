import type { ExitReason, Pid } from "@espalier/actors";
import type { ClientEnd } from "./client-plan.ts";
import type { Connection } from "./connection.ts";
import type { Address } from "./transport.ts";

/** What a client is doing. */
export type ClientState =
  /** An attempt is under way. */
  | "connecting"
  /** The handler has its socket. */
  | "connected"
  /** The pause before the next attempt, or the time until what the last connection was given has gone out. */
  | "waiting"
  /** It has ended, or is about to. */
  | "stopped";

/** A client as it is at one moment. */
export interface ClientInfo {
  readonly name: string;
  readonly address: Address;
  readonly state: ClientState;
  /** The number of the present or last attempt; 1 is the first since the start, or since the last stable connection. */
  readonly attempt: number;
  /** How many connections it has had, the present one included. */
  readonly connections: number;
  /** The actor that handles the present connection. */
  readonly handler: Pid | undefined;
  /** How many milliseconds of the pause are left, 0 when it is over; only while it is `waiting`. */
  readonly retryInMs: number | undefined;
  /** Bytes sent on the present connection and not yet handed to the system. */
  readonly unsentBytes: number;
  /** How the last connection, or the last attempt, has ended. */
  readonly lastEnd: ClientEnd | undefined;
}

/** What a client has decided about itself before it ended; a pool does what it says. */
export type ClientOrder =
  | { readonly type: "stay" }
  | { readonly type: "delete" }
  | { readonly type: "stopPool"; readonly reason: ExitReason };

/**
 * What a client lets others see without asking it. Written by the client, and by nobody else unless it is said.
 */
export class ClientRecord {
  state: ClientState = "connecting";
  attempt = 0;
  connections = 0;
  /** Whose packets go out at once; the owner is `handler`. */
  connection: Connection | undefined;
  handler: Pid | undefined;
  /** When the next attempt is due, on the clock of the system. */
  retryAt: number | undefined;
  lastEnd: ClientEnd | undefined;
  /** Undefined when the client has ended without having decided to. */
  order: ClientOrder | undefined;
  /** Set by its pool, which has sent it a `ConnectAnew`, until it has heard of that. */
  isToConnectAnew = false;

  /** By its pool: there is a new client, which has not begun and may never do so. */
  start(): void {
    this.attempt = 0;
    this.order = undefined;
    this.isToConnectAnew = false;
    this.#clear("connecting");
  }

  connecting(attempt: number): void {
    this.attempt = attempt;
    this.#clear("connecting");
  }

  connected(connection: Connection, handler: Pid): void {
    this.#clear("connected");
    this.connections += 1;
    this.connection = connection;
    this.handler = handler;
  }

  waiting(until: number): void {
    this.#clear("waiting");
    this.retryAt = until;
  }

  stopped(): void {
    this.#clear("stopped");
  }

  /** The connection, if something can be sent on it. */
  get open(): Connection | undefined {
    return this.connection?.isOpen === true ? this.connection : undefined;
  }

  snapshot(name: string, address: Address, now: number): ClientInfo {
    const { state, attempt, connections, handler, retryAt, connection, lastEnd } = this;
    const retryInMs = retryAt === undefined ? undefined : Math.max(retryAt - now, 0);
    const unsentBytes = connection?.unsentBytes ?? 0;
    return { name, address, state, attempt, connections, handler, retryInMs, unsentBytes, lastEnd };
  }

  #clear(state: ClientState): void {
    this.state = state;
    this.connection = undefined;
    this.handler = undefined;
    this.retryAt = undefined;
  }
}
