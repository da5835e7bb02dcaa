import type { Call, Callable, Definition, Pid, System } from "@espalier/actors";
import type { CommonCalls } from "@espalier/supervisor";
import type { ClientConfig } from "./client-options.ts";
import type { ClientInfo } from "./client-record.ts";
import type { ConnectionInput } from "./connection-event.ts";
import type { PoolChoice } from "./pool-choice.ts";
import type { Refused } from "./send-on.ts";
import type { Address } from "./transport.ts";

/** A connection of a pool, checked. */
export interface PoolEntry {
  readonly id: string;
  readonly address: Address;
  readonly config: ClientConfig;
  readonly handler: Definition<ConnectionInput>;
}

/** The connections by id. Made once, outside the process that keeps it, so that it outlives a crash of that. */
export type PoolTable = Map<string, PoolEntry>;

/** What is known of a pool before it runs. */
export interface PoolFacts {
  readonly system: System;
  readonly table: PoolTable;
  /** What `send` and `call` go by unless they say otherwise. */
  readonly choice: PoolChoice;
}

/** A connection of a pool as it is at one moment. */
export interface PoolConnectionInfo extends Omit<ClientInfo, "name"> {
  readonly id: string;
  /** How often its client was started anew after a crash of its own; that is not a crash of a handler. */
  readonly restarts: number;
}

/** What became of a packet that was handed to a pool. */
export type PoolSendResult =
  /** It is on its way on the connection `id`; `isFull`: more than `highWaterMark` bytes are unsent on that. */
  | { readonly ok: true; readonly id: string; readonly isFull: boolean }
  /** Nothing was sent: no connection is up, or not the one that was asked for. */
  | { readonly ok: false; readonly error: "notConnected" };

/** Where a packet to all has gone: the ids of those that have sent it, and of those that were not connected. */
export interface Broadcast {
  readonly sent: readonly string[];
  readonly missed: readonly string[];
}

/** What a pool answers; its handle makes these calls. */
export type PoolCalls =
  | Call<"addConnection", boolean, { entry: PoolEntry }>
  | Call<"removeConnection", boolean, { id: string }>
  | Call<"restartConnection", boolean, { id: string }>
  | Call<"connections", readonly PoolConnectionInfo[]>
  | Call<"choose", Pid | undefined, { choice: PoolChoice | undefined }>
  | Call<"sendByPool", PoolSendResult | Refused, { packet: Uint8Array | string; choice: PoolChoice | undefined }>
  | Call<"broadcast", Broadcast | Refused, { packet: Uint8Array | string }>
  | Call<"whenSoMany", true, { count: number; until: number }>;

export type PoolRef = Callable<PoolCalls | CommonCalls>;
