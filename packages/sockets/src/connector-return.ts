import type { ActorRef, ExitReason, From, Pid } from "@espalier/actors";
import type { ConnectionOptions } from "./options.ts";

/** An answer to a call that was kept. */
export interface ConnectorReply {
  readonly from: From;
  readonly value: unknown;
}

/**
 * What a callback of a connector asks for, in the order in which it is done. What is left out stays as it is: the times
 * and the way of receiving too, until a callback changes them.
 */
export interface ConnectorOptions<State = unknown> {
  readonly state?: State;
  /** Changes options of the connection: `Connection.setOptions`. */
  readonly setOptions?: ConnectionOptions;
  /** Sent at once: one packet, or several in their order. */
  readonly packet?: Uint8Array | string | ReadonlyArray<Uint8Array | string>;
  /** Answers to calls: this one or those before it. */
  readonly reply?: ConnectorReply | readonly ConnectorReply[];
  /** `timeout` is called when nothing at all has come for so long after a callback. At first `"infinity"`. */
  readonly timeoutMs?: number | "infinity";
  /** `srtimeout` is called when a packet has not come so long after it was waited for. At first `"infinity"`. */
  readonly srtimeoutMs?: number | "infinity";
  /** Exactly so many bytes are a packet from now on; `"any"`: what there is. Without a framing only. At first `"any"`. */
  readonly length?: number | "any";
  /** Whether packets are let in, each when the callback of the one before has returned. At first what the definition says. */
  readonly active?: boolean;
  /** A hint that the connector will be idle. There is one heap for all, so it has no effect. etcp's `hibernate`. */
  readonly hibernate?: boolean;
}

/** From a callback: go on. */
export interface ConnectorOk<State = unknown> {
  readonly type: "ok";
  readonly options: ConnectorOptions<State>;
}

/** From a callback: close the connection and end as `normal`. */
export interface ConnectorClose<State = unknown> {
  readonly type: "close";
  readonly options: ConnectorOptions<State>;
}

/** From a callback: end with this reason. */
export interface ConnectorStop<State = unknown> {
  readonly type: "stop";
  readonly reason: ExitReason;
  readonly options: ConnectorOptions<State>;
}

/** From `connectorInit`: there is nothing to do; the client is refused, and nothing is wrong. */
export interface ConnectorIgnore {
  readonly type: "ignore";
}

/** What each callback may return. */
export type ConnectorReturn<State = unknown> = ConnectorOk<State> | ConnectorClose<State> | ConnectorStop<State>;

/** Goes on, with the options. */
export function ok<State = never>(options: ConnectorOptions<State> = {}): ConnectorOk<State> {
  return { type: "ok", options };
}

/** Closes the connection when everything sent is on its way, that of the options included, and ends as `normal`. */
export function close<State = never>(options: ConnectorOptions<State> = {}): ConnectorClose<State> {
  return { type: "close", options };
}

/** Ends with the reason; `terminate` runs first, and what the options send still goes out. */
export function stop<State = never>(reason: ExitReason, options: ConnectorOptions<State> = {}): ConnectorStop<State> {
  return { type: "stop", reason, options };
}

/** From `connectorInit` only: there is nothing to do. */
export function ignore(): ConnectorIgnore {
  return { type: "ignore" };
}

/**
 * An event for `handleEvent`.
 *
 * @internal
 */
export class ConnectorEvent {
  readonly type = "connectorEvent";
  readonly event: unknown;

  constructor(event: unknown) {
    this.event = event;
  }
}

/** Sends an event to a connector, for its `handleEvent`. It never fails for a dead one. */
export function notify(
  sender: { send<Message>(target: ActorRef<Message>, message: Message): void },
  target: Pid,
  event: unknown,
): void {
  sender.send<ConnectorEvent>(target, new ConnectorEvent(event));
}
