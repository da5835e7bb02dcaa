import type { Behaviour, Definition, Process, Progress } from "./behaviour.ts";
import { type AnyReply, CallMessage, CastMessage, type From, type Response } from "./call.ts";
import type { Context } from "./context.ts";
import { BadReturnError, describeValue, MissingCallbackError } from "./errors.ts";
import type { ExitReason } from "./exit-reason.ts";
import { type Down, Exit } from "./monitor.ts";
import type { ActorRef, Callable, Castable } from "./pid.ts";
import type { TimerRef } from "./timer.ts";

/*
 * A server, as Erlang's gen_server has it. The user writes callbacks; the server's loop calls them, one message at a
 * time. Every callback and each thing it may return:
 *
 *   init(args, self)                      → ok(state, next?) | ignore() | stop(reason)
 *   handleCall(request, from, state, self) → reply(value, state, next?) | noreply(state, next?)
 *                                            | stopReply(reason, value, state) | stop(reason, state)
 *   handleCast(message, state, self)       → noreply(state, next?) | stop(reason, state)
 *   handleInfo(message, state, self)       → the same
 *   handleContinue(value, state, self)     → the same
 *   terminate(reason, state, self)         → anything; it is awaited if it is a promise
 *
 *   next: { timeoutMs }   a Timeout message arrives unless any other message does first
 *         { continue }    handleContinue runs before the next message
 *         "hibernate"     a hint that the actor will be idle
 *
 * Any callback may answer with a promise of the same; the server's other messages wait meanwhile.
 *
 *   user                 server's loop
 *   spawn ──────────────▶ init
 *   call  ──────────────▶ handleCall ──▶ reply, or later from.reply(value), from anywhere
 *   cast  ──────────────▶ handleCast
 *   send, signals ──────▶ handleInfo
 *   exit of the parent, stop, a throw ──▶ terminate
 */

/** The types of one server. All may be left out. */
export interface ServerTypes {
  /** What `init` is given. */
  readonly args?: unknown;
  readonly state?: unknown;
  /** The requests and their answers: a union of `Call`. */
  readonly call?: unknown;
  /** What `handleCast` takes. */
  readonly cast?: unknown;
  /** What `handleInfo` takes from other actors, beside the kernel's own `Down`, `Exit` and `Timeout`. */
  readonly info?: unknown;
  /** What `{ continue }` hands to `handleContinue`. */
  readonly continue?: unknown;
}

/** One of the types given for a server, or what it is when left out. */
type Given<Types extends ServerTypes, Key extends keyof ServerTypes, Default> =
  Types extends Record<Key, infer Value> ? Value : Default;

/** The address of a server: what it answers, obeys and understands. */
export type ServerRef<Types extends ServerTypes> = Callable<Given<Types, "call", never>> &
  Castable<Given<Types, "cast", never>> &
  ActorRef<Given<Types, "info", never>>;

/** What a callback asks for beside the new state. */
export type Next<Continue> = { readonly timeoutMs: number } | { readonly continue: Continue } | "hibernate" | undefined;

export interface Ok<State, Continue> {
  readonly type: "ok";
  readonly state: State;
  readonly next: Next<Continue>;
}
export interface Ignore {
  readonly type: "ignore";
}
export interface Reply<State, Continue, Value = unknown> {
  readonly type: "reply";
  readonly value: Value;
  readonly state: State;
  readonly next: Next<Continue>;
}
export interface NoReply<State, Continue> {
  readonly type: "noreply";
  readonly state: State;
  readonly next: Next<Continue>;
}
export interface Stop<State> {
  readonly type: "stop";
  readonly reason: ExitReason;
  readonly state: State | undefined;
}
export interface StopReply<State, Value = unknown> {
  readonly type: "stopReply";
  readonly reason: ExitReason;
  readonly value: Value;
  readonly state: State;
}

/** From `init`: the server is ready. */
export function ok<State, Continue = never>(state: State, next?: Next<Continue>): Ok<State, Continue> {
  return { type: "ok", state, next };
}
/** From `init`: there is nothing to do, and nothing is wrong; no server is started. */
export function ignore(): Ignore {
  return { type: "ignore" };
}
/** From `handleCall`: answers the call. */
export function reply<State, Continue = never, Value = unknown>(
  value: Value,
  state: State,
  next?: Next<Continue>,
): Reply<State, Continue, Value> {
  return { type: "reply", value, state, next };
}
/** Goes on with the state; a call is answered later by `from.reply`. */
export function noreply<State, Continue = never>(state: State, next?: Next<Continue>): NoReply<State, Continue> {
  return { type: "noreply", state, next };
}
/** Ends the server; `terminate` runs first. From `init`: the start fails with this reason. */
export function stop<State = never>(reason: ExitReason, state?: State): Stop<State> {
  return { type: "stop", reason, state };
}
/** From `handleCall`: ends the server, and answers the call after `terminate` has run. */
export function stopReply<State, Value = unknown>(
  reason: ExitReason,
  value: Value,
  state: State,
): StopReply<State, Value> {
  return { type: "stopReply", reason, value, state };
}

/** The message of a `timeoutMs` that ran out. OTP's `timeout`. */
export class Timeout {
  readonly type = "timeout";
}

/** What the kernel itself sends to a server. */
export type Signal = Down | Exit | Response | Timeout;

type MaybeLater<Result> = Result | PromiseLike<Result>;
type StateOf<Types extends ServerTypes> = Given<Types, "state", unknown>;
type ContinueOf<Types extends ServerTypes> = Given<Types, "continue", never>;
type Self<Types extends ServerTypes> = Context<Given<Types, "info", never>>;
/** What one of its calls is answered with: which of them, the compiler cannot tell. */
type AnswerOf<Types extends ServerTypes> = AnyReply<Given<Types, "call", unknown>>;
type Handled<Types extends ServerTypes> = MaybeLater<NoReply<StateOf<Types>, ContinueOf<Types>> | Stop<StateOf<Types>>>;

/** The callbacks of one server. */
export interface ServerCallbacks<Types extends ServerTypes> {
  /** For inspection and paths. @defaultValue "server" */
  readonly name?: string;
  /** Exit signals arrive as `Exit` messages, and `terminate` runs when the parent asks for the end. */
  readonly trapExit?: boolean;
  init(
    args: Given<Types, "args", void>,
    self: Self<Types>,
  ): MaybeLater<Ok<StateOf<Types>, ContinueOf<Types>> | Ignore | Stop<StateOf<Types>>>;
  handleCall?(
    request: Given<Types, "call", never>,
    from: From<AnswerOf<Types>>,
    state: StateOf<Types>,
    self: Self<Types>,
  ): MaybeLater<
    | Reply<StateOf<Types>, ContinueOf<Types>, AnswerOf<Types>>
    | NoReply<StateOf<Types>, ContinueOf<Types>>
    | Stop<StateOf<Types>>
    | StopReply<StateOf<Types>, AnswerOf<Types>>
  >;
  handleCast?(message: Given<Types, "cast", never>, state: StateOf<Types>, self: Self<Types>): Handled<Types>;
  /** Absent: messages that nobody expected are dropped, with a warning, as in OTP. */
  handleInfo?(message: Given<Types, "info", never> | Signal, state: StateOf<Types>, self: Self<Types>): Handled<Types>;
  handleContinue?(value: ContinueOf<Types>, state: StateOf<Types>, self: Self<Types>): Handled<Types>;
  terminate?(reason: ExitReason, state: StateOf<Types>, self: Self<Types>): unknown;
  /**
   * Makes the state of a running server that had other code one for this code; `extra` is what the change was asked for
   * with. Absent: the state stays as it is. A throw leaves the server with its old code.
   */
  codeChange?(state: unknown, extra: unknown): StateOf<Types>;
  /** What inspection, crash reports and `sys.getState` show of the state. OTP's `format_status`. */
  formatStatus?(state: StateOf<Types>): unknown;
  /**
   * What crash reports, `sys.log` and `sys.trace` show of a message that this server received: a request, a cast or
   * another message, without what should not be seen. OTP's `format_status` too.
   */
  formatMessage?(message: unknown): unknown;
}

/**
 * Makes a server that can be spawned. The types are given, the callbacks checked against them. What `handleCall` replies, at
 * once or by its `from`, has to be the answer to one of the calls; that it is the one to this call is not checked.
 */
export function defineServer<Types extends ServerTypes>(
  callbacks: ServerCallbacks<Types>,
): Definition<Given<Types, "args", void>, ServerRef<Types>> {
  const { name = "server", trapExit = false } = callbacks;
  // From here on the types are those of the kernel: it hands each server only what its own ref let through.
  return { name, trapExit, behaviour: new ServerBehaviour(name, callbacks as unknown as AnyCallbacks) };
}

type AnyContinue = unknown;
type AnyHandled = NoReply<unknown, AnyContinue> | Stop<unknown>;
type AnyResult = AnyHandled | Reply<unknown, AnyContinue> | StopReply<unknown>;

interface AnyCallbacks {
  init(args: unknown, self: Process): MaybeLater<Ok<unknown, AnyContinue> | Ignore | Stop<unknown>>;
  handleCall?(request: unknown, from: From, state: unknown, self: Process): MaybeLater<AnyResult>;
  handleCast?(message: unknown, state: unknown, self: Process): MaybeLater<AnyResult>;
  handleInfo?(message: unknown, state: unknown, self: Process): MaybeLater<AnyResult>;
  handleContinue?(value: unknown, state: unknown, self: Process): MaybeLater<AnyResult>;
  terminate?(reason: ExitReason, state: unknown, self: Process): unknown;
  codeChange?(state: unknown, extra: unknown): unknown;
  formatStatus?(state: unknown): unknown;
  formatMessage?(message: unknown): unknown;
}

/** What a running server remembers beside the user's state. */
class ServerState {
  user: unknown;
  timeout: { readonly timer: TimerRef; readonly message: Timeout } | null = null;

  constructor(user: unknown) {
    this.user = user;
  }
}

/** What `init` left to do: the first message of the server, before all that were sent to it. */
class Continuation {
  readonly type = "continue";
  readonly value: AnyContinue;

  constructor(value: AnyContinue) {
    this.value = value;
  }
}

class ServerBehaviour implements Behaviour<unknown> {
  readonly kind = "server";
  readonly #name: string;
  readonly #callbacks: AnyCallbacks;

  constructor(name: string, callbacks: AnyCallbacks) {
    this.#name = name;
    this.#callbacks = callbacks;
  }

  start(process: Process, args: unknown): Progress {
    const result = this.#callbacks.init(args, process);
    if (isPromise(result)) return result.then((later) => () => this.#started(process, later));
    return this.#started(process, result);
  }

  #started(process: Process, result: Ok<unknown, AnyContinue> | Ignore | Stop<unknown>): Progress {
    switch (result?.type) {
      case "ok":
        process.state = new ServerState(result.state);
        if (typeof result.next !== "object" || !("continue" in result.next)) return this.#proceed(process, result.next);
        // OTP: the start is over before the continuation runs, which may therefore take its time.
        process.unreceive(new Continuation(result.next.continue));
        return undefined;
      case "ignore":
        process.ignore();
        return undefined;
      case "stop":
        process.stop(result.reason);
        return undefined;
      default:
        throw new BadReturnError(`${this.#name}.init`, result, "ok, ignore or stop");
    }
  }

  receive(process: Process, message: unknown): Progress {
    const server = stateOf(process);
    const { timeout } = server;
    if (timeout !== null) {
      // OTP: a timeout is for the time without any message; one that ran out behind this message is none.
      server.timeout = null;
      if (process.cancelTimer(timeout.timer) === undefined) process.takeMessage((other) => other === timeout.message);
    }
    if (message instanceof Continuation) return this.#continue(process, message.value);
    if (message instanceof CallMessage) {
      if (this.#callbacks.handleCall === undefined) throw new MissingCallbackError(this.#name, "handleCall");
      const { request, from } = message;
      return this.#handled(process, this.#callbacks.handleCall(request, from, server.user, process), from);
    }
    if (message instanceof CastMessage) {
      if (this.#callbacks.handleCast === undefined) throw new MissingCallbackError(this.#name, "handleCast");
      return this.#handled(process, this.#callbacks.handleCast(message.message, server.user, process), null);
    }
    if (message instanceof Exit && message.from === process.parentPid) {
      // OTP: a server does not outlive its parent, whatever the reason.
      process.stop(message.reason);
      return undefined;
    }
    if (this.#callbacks.handleInfo === undefined) {
      process.warn(`${this.#name} has no handleInfo for a message of type ${typeOf(message)}; it is dropped`);
      return undefined;
    }
    return this.#handled(process, this.#callbacks.handleInfo(message, server.user, process), null);
  }

  #handled(process: Process, result: MaybeLater<AnyResult> | undefined, from: From | null): Progress {
    if (isPromise(result)) return result.then((later) => () => this.#apply(process, later, from));
    return this.#apply(process, result, from);
  }

  #apply(process: Process, result: AnyResult | undefined, from: From | null): Progress {
    const server = stateOf(process);
    switch (result?.type) {
      case "noreply":
        server.user = result.state;
        return this.#proceed(process, result.next);
      case "reply":
        if (from === null) break;
        server.user = result.state;
        from.reply(result.value);
        return this.#proceed(process, result.next);
      case "stop":
        if (result.state !== undefined) server.user = result.state;
        process.stop(result.reason);
        return undefined;
      case "stopReply":
        if (from === null) break;
        server.user = result.state;
        // OTP: the clean-up runs before the caller hears of it.
        process.stop(result.reason, () => from.reply(result.value));
        return undefined;
      case undefined:
      default:
    }
    // Nobody waits for an answer but the caller of a call.
    const expected = from === null ? "noreply or stop" : "reply, noreply, stop or stopReply";
    throw new BadReturnError(`a callback of ${this.#name}`, result, expected);
  }

  #proceed(process: Process, next: Next<AnyContinue>): Progress {
    if (next === undefined || next === "hibernate") return undefined;
    if ("continue" in next) return this.#continue(process, next.continue);
    const message = new Timeout();
    const timer = process.sendAfter<Timeout>(process.pid, message, next.timeoutMs);
    stateOf(process).timeout = { timer, message };
    return undefined;
  }

  #continue(process: Process, value: AnyContinue): Progress {
    if (this.#callbacks.handleContinue === undefined) throw new MissingCallbackError(this.#name, "handleContinue");
    return this.#handled(process, this.#callbacks.handleContinue(value, stateOf(process).user, process), null);
  }

  terminate(process: Process, reason: ExitReason): Progress {
    const result = this.#callbacks.terminate?.(reason, stateOf(process).user, process);
    // Only its end matters, not what it answers.
    return isPromise(result) ? result.then(() => undefined) : undefined;
  }

  describe(process: Process): unknown {
    if (!(process.state instanceof ServerState)) return undefined;
    const { user } = process.state;
    return this.#format("formatStatus", user);
  }

  describeMessage(message: unknown): unknown {
    if (this.#callbacks.formatMessage === undefined) return message;
    if (message instanceof CallMessage) return this.#format("formatMessage", message.request);
    return this.#format("formatMessage", message instanceof CastMessage ? message.message : message);
  }

  #format(callback: "formatStatus" | "formatMessage", value: unknown): unknown {
    const format = this.#callbacks[callback];
    if (format === undefined) return value;
    try {
      return format.call(this.#callbacks, value);
    } catch (error) {
      // OTP: whoever looks at a server, a crash report above all, is not hurt by how it wants to be seen.
      return `${this.#name}.${callback} threw ${describeValue(error)}`;
    }
  }

  changeCode(process: Process, extra: unknown): void {
    const server = stateOf(process);
    if (this.#callbacks.codeChange !== undefined) server.user = this.#callbacks.codeChange(server.user, extra);
  }

  replaceState(process: Process, replace: (state: unknown) => unknown): void {
    const server = stateOf(process);
    server.user = replace(server.user);
  }
}

function stateOf(process: Process): ServerState {
  // Set by `start` before anything else can run.
  return process.state as ServerState;
}

function isPromise<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function typeOf(message: unknown): string {
  if (typeof message === "object" && message !== null && "type" in message) return String(message.type);
  return typeof message;
}
