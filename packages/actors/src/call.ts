import type { CallExitError, CallTimeoutError } from "./errors.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { Pid } from "./pid.ts";

declare const replies: unique symbol;

/**
 * A request of a protocol and the answer it gets:
 *
 * `type CounterCalls = Call<"get", number> | Call<"add", number, { by: number }>`
 *
 * On the wire it is a plain object such as `{ type: "add", by: 2 }`.
 */
export type Call<Type extends string, Reply, Fields extends object = object> = {
  readonly type: Type;
} & Readonly<Fields> & {
    readonly [replies]?: Reply;
  };

/** Any request of a protocol, as a caller writes it. */
export type RequestOf<Calls> = Calls extends { readonly type: string } ? Omit<Calls, typeof replies> : Calls;

/** The answer to a request of a protocol. */
export type ReplyOf<Calls, Request> = Request extends { readonly type: infer Type }
  ? Extract<Calls, { readonly type: Type }> extends { readonly [replies]?: infer Reply }
    ? Reply
    : unknown
  : unknown;

/** The answers to all requests of a protocol. */
export type AnyReply<Calls> = Calls extends { readonly [replies]?: infer Reply } ? Reply : unknown;

export interface CallOptions {
  /** How long to wait. @defaultValue 5000, as in OTP */
  readonly timeoutMs?: number | "infinity";
}

/**
 * The right to answer one call, once, from anywhere and at any time: keep it in the state, or send it to another actor.
 * An answer to a caller that is gone or has given up is dropped.
 */
export interface From<Reply = unknown> {
  /** Who asks; undefined when the call came from outside the system. */
  readonly caller: Pid | undefined;
  reply(value: Reply): void;
}

/** A call as a process receives it. */
export class CallMessage {
  readonly type = "call";
  readonly request: unknown;
  readonly from: From;

  constructor(request: unknown, from: From) {
    this.request = request;
    this.from = from;
  }
}

/** A cast as a process receives it. */
export class CastMessage {
  readonly type = "cast";
  readonly message: unknown;

  constructor(message: unknown) {
    this.message = message;
  }
}

/**
 * How a call ended, as a trace tells it: it was answered; its time was up; the actor that was called died or was dead
 * (`noproc`), for `reason`; the caller died; or the caller gave it up, by `abandonRequest`.
 */
export type CallEnding =
  | { readonly type: "replied" }
  | { readonly type: "timeout" }
  | { readonly type: "calleeDied"; readonly reason: ExitReason }
  | { readonly type: "callerDied" }
  | { readonly type: "abandoned" };

/** Names one request under way: what `sendRequest` answers and its `Response` carries. Opaque. */
export interface RequestId {
  readonly kind: "call";
}

export interface RequestOptions {
  /** A note that comes back with the response, to tell the requests of a collection apart. */
  readonly label?: unknown;
  /** After this time the response is a failure. @defaultValue "infinity" */
  readonly timeoutMs?: number | "infinity";
}

/**
 * What became of a request that was sent with `sendRequest`, as a message: exactly one comes for each, unless it is
 * abandoned. OTP's `gen_server:send_request` and `check_response`.
 */
export class Response<Value = unknown> {
  readonly type = "response";
  readonly id: RequestId;
  readonly label: unknown;
  readonly outcome:
    | { readonly ok: true; readonly value: Value }
    | { readonly ok: false; readonly error: CallExitError | CallTimeoutError };

  constructor(id: RequestId, label: unknown, outcome: Response<Value>["outcome"]) {
    this.id = id;
    this.label = label;
    this.outcome = outcome;
  }
}
