import type { Context, SpawnOptions } from "./context.ts";
import type { Report, TraceEvents } from "./event.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { LogLevel } from "./logger.ts";
import type { Pid } from "./pid.ts";
import type { Resource } from "./resource.ts";
import type { Deadline } from "./timer.ts";

/**
 * How far a callback has come.
 *
 * - `undefined`: it is done.
 * - a promise: the actor is busy until it settles; its messages wait, exit signals do not. If it resolves with a
 *   function, the kernel runs that as a step of the actor: this is how a behaviour continues after user code that is
 *   asynchronous.
 * - a generator: the actor is blocked in a selective receive. Each `yield` names the messages it waits for and is
 *   resumed with the first that matches; all others stay in the mailbox, in order. No promise is involved, so this is
 *   the form for everything that must be exact.
 */
export type Progress = void | PromiseLike<void | (() => Progress)> | Waiting;

/** A callback that blocks in selective receives. */
export type Waiting<Result = void> = Generator<Match | FreshMatch, Result, unknown>;

/**
 * A match that need not look at the messages which waited when it was made, since none of them can be meant: an answer
 * cannot be older than its question. It keeps a blocked actor with a long mailbox linear; OTP's receive marker.
 */
export interface FreshMatch {
  readonly match: Match;
  /** The `mailboxLength` before the question was asked. */
  readonly skip: number;
}

/** Which messages a blocked actor accepts. */
export type Match = (message: unknown) => boolean;

/**
 * The program of an actor as the kernel calls it: what `gen_server`, `gen_statem` and `supervisor` are in OTP. Users
 * take `defineServer`, `fromMachine`, `fromAsync`; a package that needs a special process writes one of these. The
 * object is shared by all actors of one definition; what differs between them lives in `process.state`.
 */
export interface Behaviour<Args = never> {
  /** The kind of process, for inspection: `"server"`, `"machine"`, `"supervisor"`. */
  readonly kind: string;
  /** Runs as the first step of the actor. Ends it by throwing, `process.stop` or `process.ignore`. */
  start(process: Process, args: Args): Progress;
  /** One message. */
  receive(process: Process, message: unknown): Progress;
  /**
   * The clean-up: runs when the actor ends by its own doing (a throw, `stop`, `exit`), and on a parent's exit signal if
   * it traps exits. Not after `kill`, nor on an exit signal that is not trapped.
   */
  terminate?(process: Process, reason: ExitReason): Progress;
  /** What to show of the state: in `inspect`, crash reports and `sys.getState`. Must not throw. */
  describe?(process: Process): unknown;
  /** The state in a word, such as the name of a machine's state: what the tree shows of it. Must not throw. */
  summary?(process: Process): string | undefined;
  /**
   * Takes over an actor of another definition of the same kind, between two messages: makes its state one that this
   * behaviour understands. A throw leaves the actor with its old code. OTP's `code_change`.
   */
  changeCode?(process: Process, extra: unknown): void;
  /** What to show of a message that an actor received, where its messages are shown. Absent: all of it. Must not throw. */
  describeMessage?(message: unknown): unknown;
  /** Shows each transition to those who trace, or stops that. Absent: the actor has none. */
  traceTransitions?(process: Process, on: boolean): void;
  /** Replaces the state by what `replace` makes of it. Absent: the state cannot be replaced. */
  replaceState?(process: Process, replace: (state: unknown) => unknown): void;
}

/** An actor as its own behaviour sees it: all that its code may do, plus what only the program of a process needs. */
export interface Process extends Context<never> {
  /** What the behaviour remembers of this actor. */
  state: unknown;
  /** Who started this actor; undefined for one that was started from outside. */
  readonly parentPid: Pid | undefined;

  /** Starts the orderly end: `terminate` runs, then `beforeExit`, then the actor is gone. */
  stop(reason: ExitReason, beforeExit?: () => void): void;
  /** In `start`: the actor has nothing to do and ends as `normal`, and whoever starts it is told so. */
  ignore(): void;
  /** Sends this actor what its behaviour cannot do without: behind all that waits, and also when the mailbox is full. */
  sendSelf(message: unknown): void;
  /** Makes this actor the owner of the resource, taking it from its present owner if it has one. */
  own(resource: Resource): void;
  /** Makes another actor the owner of a resource of this one. False: that actor is dead, and nothing has changed. */
  give(resource: Resource, to: Pid): boolean;
  /** Takes the resource from this actor without releasing it. */
  disown(resource: Resource): void;
  /**
   * `spawnLink` whose outcome arrives as one `Started` message: when `init` is done, has failed, or the child died
   * during it. OTP's `start_link`, without a promise.
   */
  startChild<Args, Ref extends Pid>(definition: Definition<Args, Ref>, args: Args, options?: SpawnOptions): Ref;
  /**
   * Becomes the parent of a running actor, which gets this id in the tree, and links to it. Whoever was its parent is not
   * told. Nothing has changed when it is dead, or stands above this actor: nobody can be below himself.
   */
  adopt(pid: Pid, id: string): Adoption;
  /**
   * A timer of this actor that is armed again and again. `run` is called by the kernel and not as a step of the actor,
   * so it must be code of a resource or of the behaviour, never a user's.
   */
  deadline(run: () => void): Deadline;
  /** Hands an event to whoever traces; made for events that a package adds to `TraceEvents`. */
  observe<Type extends keyof TraceEvents>(type: Type, fields: TraceEvents[Type]): void;
  /** Tells the operator of something that is odd and not fatal. */
  warn(text: string): void;
  /** Tells the operator of something, with fields beside `actor`, its pid, and `path`. A logger that throws is not noticed. */
  log(level: LogLevel, fields: object, text: string): void;
  /** Whether anybody sees the events of this system, and reports that are only for them are worth making. */
  readonly isTraced: boolean;
  /** Reports to the trace and the log. */
  report(report: Report): void;
  /**
   * Takes the first message that matches out of the mailbox, whoever waits for it; undefined if there is none.
   *
   * @param skip - so many messages at the front are not looked at; default 0
   */
  takeMessage(match: Match, skip?: number): unknown;
  /** Takes all messages that match out of the mailbox, in order. */
  takeMessages(match: Match, taken: (message: unknown) => void): void;
  /** Puts back a message that was received, at the front of the mailbox. */
  unreceive(message: unknown): void;
  /** The number of messages waiting. */
  readonly mailboxLength: number;
}

declare const produces: unique symbol;

/** What can be spawned: a behaviour with the arguments it takes and the kind of ref it gives. */
export interface Definition<Args = void, Ref extends Pid = Pid> {
  /** The name for inspection and for paths: a server's or machine's own name. */
  readonly name: string;
  readonly behaviour: Behaviour<Args>;
  /** Whether actors of this definition trap exits from their first moment. */
  readonly trapExit?: boolean;
  readonly [produces]?: () => Ref;
}

/** What came of an `adopt`: the actor is dead, or it stands above the one that would be its parent. */
export type Adoption = "adopted" | "noProcess" | "isAncestor";

/** How a start ended. */
export type StartResult<Ref extends Pid = Pid> =
  | { readonly ok: true; readonly ref: Ref }
  /** `init` had nothing to do; there is no actor and nothing is wrong. */
  | { readonly ok: false; readonly error: "ignored" }
  /** `init` failed; there is no actor. */
  | { readonly ok: false; readonly error: "failed"; readonly reason: ExitReason }
  /** The name that was asked for belongs to this other actor. */
  | { readonly ok: false; readonly error: "alreadyStarted"; readonly pid: Pid };

/** Tells the starter of an actor how the start ended. Exactly one comes for each `startChild`. */
export class Started {
  readonly type = "started";
  readonly pid: Pid;
  readonly result: StartResult;

  constructor(pid: Pid, result: StartResult) {
    this.pid = pid;
    this.result = result;
  }
}
