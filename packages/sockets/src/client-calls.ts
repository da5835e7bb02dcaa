import type { Call, Callable, Definition, ExitReason, System } from "@espalier/actors";
import type { CommonCalls } from "@espalier/supervisor";
import type { ClientConfig } from "./client-options.ts";
import type { ClientInfo, ClientRecord, ClientState } from "./client-record.ts";
import type { ConnectionInput } from "./connection-event.ts";
import type { Refused } from "./send-on.ts";
import type { SendOutcome } from "./socket-request.ts";
import type { Address } from "./transport.ts";

/** What is known of a client before it runs, and never changes. */
export interface ClientFacts {
  readonly system: System;
  readonly name: string;
  readonly address: Address;
  readonly config: ClientConfig;
  readonly handler: Definition<ConnectionInput>;
  /** The pool's, of a client that belongs to one, which is told of each change of it. */
  readonly record?: ClientRecord;
  /** Of a client that is to be connected at once, or not at all: told once, of the reason if it is not. */
  readonly onFirst?: (failed: ExitReason | undefined) => void;
}

/** Nothing was sent: there is no connection at present. */
export interface NotSent {
  readonly ok: false;
  readonly error: "notConnected";
  readonly state: ClientState;
}

/** What became of a packet that was to be sent. */
export type SendResult =
  /** It is on its way; `isFull`: more than `highWaterMark` bytes are unsent, and more should be sent later. */
  { readonly ok: true; readonly isFull: boolean } | NotSent;

/** What a client answers; its handle makes these calls. */
export type ClientCalls =
  | Call<"send", SendResult | Refused, { packet: Uint8Array | string }>
  | Call<"sendSync", SendOutcome | NotSent | Refused, { packet: Uint8Array | string; timeoutMs: number | "infinity" }>
  | Call<"info", ClientInfo>
  | Call<"whenConnected", true, { until: number }>
  | Call<"reconnect", true>;

export type ClientRef = Callable<ClientCalls | CommonCalls>;

/** A client in a pool is in another state. It comes to the pool. */
export class ClientChanged {
  readonly type = "clientChanged";
}

/** A pool wants a client of its own to connect anew. */
export class ConnectAnew {
  readonly type = "connectAnew";
}
