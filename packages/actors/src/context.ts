import type { Definition, StartResult } from "./behaviour.ts";
import type { CallOptions, ReplyOf, RequestId, RequestOf, RequestOptions } from "./call.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { Logger } from "./logger.ts";
import type { MonitorRef } from "./monitor.ts";
import type { ActorRef, Callable, Castable, Destination, Pid } from "./pid.ts";
import type { TimerRef } from "./timer.ts";

/** What has a text for people, which may change, and is made when somebody wants to see it. */
export interface Labelled {
  readonly label: string;
}

/** Options of every spawn. */
export interface SpawnOptions {
  /** The last part of the path. Default: the definition's name and a number that counts within the parent. */
  readonly id?: string;
  /** Registers the actor under this name before its `init` runs. */
  readonly name?: string;
  /** A text for people, shown by inspection: a peer's address, a user's name; or what has one, which is asked each time. */
  readonly label?: string | Labelled;
  /** Limits the mailbox. @defaultValue no limit, as in Erlang */
  readonly mailbox?: MailboxOptions;
  /** 1 unless a supervisor says otherwise. */
  readonly incarnation?: number;
  /**
   * Gets what is logged of this actor and of all below it that have none of their own: reports, warnings, and what their
   * code logs. As the group leader of OTP, but found by the tree, and only when there is something to log.
   *
   * @defaultValue that of the parent; of the system for those that are started from outside
   */
  readonly logger?: Logger;
}

/**
 * The limit of a mailbox: how many messages, casts and calls may wait, and what becomes of one more, the actor's own `send`
 * to itself included. Exit signals, notices, responses, system messages, and what comes of the actor's timers and tasks are no
 * messages in this sense: they always come in and do not count.
 */
export interface MailboxOptions {
  /** At least 1. */
  readonly capacity: number;
  /**
   * - `"drop"`: the new message vanishes; a call that was dropped times out.
   * - `"exit"`: the receiver crashes with `ERR_MAILBOX_FULL`.
   * - `"block"`: whoever sends with `offer` waits for room; a plain `send` is dropped.
   */
  readonly whenFull: "drop" | "exit" | "block";
}

/** Whoever can make calls: a system or an actor. */
export interface Caller {
  /**
   * Sends the request and resolves with the answer.
   *
   * @throws {@link CallTimeoutError} (`ERR_CALL_TIMEOUT`) when none came in time; a later answer is dropped.
   * @throws {@link CallExitError} (`ERR_CALL_EXIT`) when the callee is dead, dies first, or is the caller.
   */
  call<Calls, const Request extends RequestOf<Calls>>(
    target: Callable<Calls> | string,
    request: Request,
    options?: CallOptions,
  ): Promise<ReplyOf<Calls, Request>>;
}

/** Whoever can start actors: a system or an actor. */
export interface Spawner {
  /** Creates an actor and answers at once; its `init` runs as its own first step. OTP's `spawn`. */
  spawn<Ref extends Pid>(definition: Definition<void, Ref>, args?: undefined, options?: SpawnOptions): Ref;
  spawn<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args: Args, options?: SpawnOptions): Ref;
  /** Creates an actor and resolves when its `init` is done or has failed. OTP's `gen_server:start`. */
  start<Ref extends Pid>(
    definition: Definition<void, Ref>,
    args?: undefined,
    options?: SpawnOptions,
  ): Promise<StartResult<Ref>>;
  start<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args: Args,
    options?: SpawnOptions,
  ): Promise<StartResult<Ref>>;
}

/** What an actor may do. Every callback is given it; using it after the actor's death throws `ERR_ACTOR_DEAD`. */
export interface Context<Info = unknown> extends Caller, Spawner {
  readonly pid: Pid;
  /** This actor's own address. */
  readonly ref: ActorRef<Info>;
  readonly path: string;
  readonly incarnation: number;
  /** A text for people, shown by inspection. OTP's `proc_lib:set_label`. */
  label: string | undefined;

  /** Sends a message; it vanishes if the receiver is dead. @throws `ERR_NO_PROCESS` for a name that nobody has. */
  send<Message>(target: ActorRef<Message>, message: Message): void;
  send(target: string, message: unknown): void;
  /**
   * `send` that resolves when the message is in the mailbox: at once, unless the mailbox is full and its policy is
   * `"block"`. Back pressure for senders that can wait.
   */
  offer<Message>(target: ActorRef<Message>, message: Message): Promise<void>;
  /** Sends a message for `handleCast`. Like `send`, it never fails for a dead receiver. */
  cast<Message>(target: Castable<Message>, message: Message): void;
  cast(target: string, message: unknown): void;

  /**
   * Makes a call without waiting for it: the answer, or the failure, arrives as one `Response` message. Many requests
   * may be under way at once. OTP's `gen_server:send_request`.
   */
  sendRequest<Calls>(target: Callable<Calls> | string, request: RequestOf<Calls>, options?: RequestOptions): RequestId;
  /** Gives up a request: no response comes any more, also not one that was in the mailbox already. */
  abandonRequest(id: RequestId): void;

  spawnLink<Ref extends Pid>(definition: Definition<void, Ref>, args?: undefined, options?: SpawnOptions): Ref;
  spawnLink<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args: Args, options?: SpawnOptions): Ref;
  spawnMonitor<Ref extends Pid>(
    definition: Definition<void, Ref>,
    args?: undefined,
    options?: SpawnOptions,
  ): { readonly ref: Ref; readonly monitor: MonitorRef };
  spawnMonitor<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args: Args,
    options?: SpawnOptions,
  ): { readonly ref: Ref; readonly monitor: MonitorRef };
  startLink<Ref extends Pid>(
    definition: Definition<void, Ref>,
    args?: undefined,
    options?: SpawnOptions,
  ): Promise<StartResult<Ref>>;
  startLink<Args, Ref extends Pid>(
    definition: Definition<Args, Ref>,
    args: Args,
    options?: SpawnOptions,
  ): Promise<StartResult<Ref>>;

  /**
   * Ties both fates: when one ends, the other gets an exit signal with the same reason. Links are not counted.
   *
   * @throws `ERR_NO_PROCESS` when the other is dead and this actor does not trap exits; if it does, it gets an exit
   * message with reason `noproc`.
   */
  link(pid: Pid): void;
  unlink(pid: Pid): void;
  /** Watches an actor one way: exactly one `Down` message comes when it ends, at once (`noproc`) if it is dead. */
  monitor(target: Destination): MonitorRef;
  /** Stops watching. With `flush` a `Down` that is already in the mailbox is removed too. */
  demonitor(monitor: MonitorRef, options?: { readonly flush?: boolean }): void;

  /** Ends this actor from within; its clean-up runs. OTP's `exit/1`. */
  exit(reason: ExitReason): never;
  /** Sends an exit signal. OTP's `exit/2`: `normal` is ignored by others, `kill` cannot be trapped. */
  exit(target: Pid, reason: ExitReason): void;
  /** While on, exit signals arrive as `Exit` messages instead of ending this actor. Answers the setting before. */
  trapExit(on: boolean): boolean;

  /** @throws {@link RegistrationError} (`ERR_REGISTRATION`) */
  register(name: string, pid?: Pid): void;
  unregister(name: string): void;
  whereis(name: string): Pid | undefined;
  isAlive(pid: Pid): boolean;

  /** Sends the message after so many milliseconds. The timer dies with this actor. */
  sendAfter<Message>(target: ActorRef<Message> | string, message: Message, afterMs: number): TimerRef;
  /** Answers the milliseconds that were left, or undefined when it had fired or was cancelled. */
  cancelTimer(timer: TimerRef): number | undefined;

  /**
   * Makes a callback safe to hand to foreign code, such as an event emitter or a timer of a library: what it throws is
   * this actor's crash, and once the actor is dead it does nothing and answers undefined.
   */
  guard<Args extends readonly unknown[], Result>(
    callback: (...args: Args) => Result,
  ): (...args: Args) => Result | undefined;
  /**
   * Lets a promise run beside this actor, which goes on handling messages. What it resolves with arrives as the message
   * that `toMessage` makes of it; a rejection is this actor's crash. Once the actor is dead, both are
   * dropped, and the rejection is not an unhandled one.
   */
  task<Value>(promise: PromiseLike<Value>, toMessage?: (value: Value) => Info): void;

  /** Its own logger, that of the nearest ancestor that has one, or the system's. What a logger throws, this actor throws. */
  readonly logger: Logger;

  /** Monotonic milliseconds of the host. */
  now(): number;
  /** A number in [0, 1) from this actor's own stream. */
  random(): number;
}
