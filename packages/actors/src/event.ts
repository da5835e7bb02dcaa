import type { CallEnding } from "./call.ts";
import { type ExitReason, formatReason } from "./exit-reason.ts";
import type { MonitorRef } from "./monitor.ts";
import type { Pid } from "./pid.ts";
import type { TimerRef } from "./timer.ts";

/** Which actor an event is about: the path and incarnation name it the same way in every run. */
export interface Subject {
  readonly pid: Pid;
  /** Parent path / child id, such as `sup/listener_sup/acceptor_sup/3`. */
  readonly path: string;
  /** 1 for the first actor that a supervisor starts for a child, 2 for its first restart, and so on. */
  readonly incarnation: number;
}

/**
 * The events of the kernel by their type. A package on top adds its own by declaration merging, so that
 * `TraceEvent` is a closed union of all that a program can see.
 */
export interface TraceEvents {
  spawn: { readonly parent: Pid | undefined; readonly behaviour: string };
  started: object;
  startFailed: { readonly reason: ExitReason };
  send: { readonly to: Pid; readonly message: unknown };
  deliver: { readonly message: unknown };
  /** A message was refused by a full mailbox. */
  drop: { readonly message: unknown };
  /**
   * Somebody calls an actor, or sends a request whose answer comes as a message; the `send` of it has this event as its
   * cause. The subject is the caller, or the actor that is called if it is called from outside. `caller` is undefined then,
   * `to` if there is no such actor, and `name` if it is not called by name. `within` is the id of the call that the caller
   * is handling, 0 if that is none or was not seen.
   */
  call: {
    readonly caller: Pid | undefined;
    readonly to: Pid | undefined;
    readonly name: string | undefined;
    readonly request: unknown;
    readonly within: number;
  };
  /** The end of a call, of which each has exactly one, with the same subject. `call` is the id of the event that it began with. */
  callEnded: { readonly call: number; readonly ending: CallEnding };
  exitSignal: { readonly to: Pid; readonly reason: ExitReason };
  exit: { readonly reason: ExitReason };
  link: { readonly with: Pid };
  unlink: { readonly with: Pid };
  monitor: { readonly target: Pid; readonly ref: MonitorRef };
  demonitor: { readonly target: Pid; readonly ref: MonitorRef };
  register: { readonly name: string };
  unregister: { readonly name: string };
  /** `timer` is the same object in all three, and may be set anew. A deadline of a resource only fires. */
  timerSet: { readonly dueIn: number; readonly timer: TimerRef };
  timerFired: { readonly timer: TimerRef };
  timerCancelled: { readonly timer: TimerRef };
  /** An event has made a machine take a transition; shown of those for which that was asked. `from` and `to` are its state values. */
  transition: {
    readonly event: unknown;
    readonly from: unknown;
    readonly to: unknown;
    readonly actions: readonly string[];
  };
  /**
   * A machine has handled an event, whether that made it take a transition or not; shown where states were asked for. `from`
   * and `to` are its state values. When it starts, `event` and `from` are undefined.
   */
  handled: { readonly event: unknown; readonly from: unknown; readonly to: unknown };
  /** A resource has its first owner: a timer, a monitor, a call, a socket. */
  acquire: { readonly resource: string };
  /** The owner of a resource has died, and it is given back. */
  release: { readonly resource: string };
  report: { readonly report: Report };
}

/**
 * One thing that happened. `id` counts up; `cause` is the id of the event whose handling led to this one (0: something
 * outside the system), so that a trace is a tree of causes.
 */
export type TraceEvent = {
  [Type in keyof TraceEvents]: {
    readonly type: Type;
    readonly id: number;
    readonly cause: number;
    readonly time: number;
    readonly subject: Subject;
  } & TraceEvents[Type];
}[keyof TraceEvents];

/**
 * How much a tracer wants to see: `"life"` is starts, ends and reports, few and cheap; `"all"` is every message, signal
 * and timer too; `"states"` is all that, and of each machine in which state it has handled what. Unlike
 * `sys.traceTransitions` that does not make XState take the events, and so tells of no actions.
 */
export type TraceDetail = "life" | "all" | "states";

/** What a tracer wants to see. */
export interface TraceOptions {
  /** @defaultValue `"all"` */
  readonly detail?: TraceDetail;
  /**
   * Only events of these types; those that nobody wants to see are not made, and cost next to nothing. The ids of events
   * count all of them, so that an id and a cause are the same whoever watches. @defaultValue all that `detail` has
   */
  readonly types?: Iterable<TraceEvent["type"]>;
}

/** Sees every event of a system as it happens. It must not throw, and must not act on the system. */
export type Tracer = (event: TraceEvent) => void;

/** The reports of the kernel by their type; packages on top add theirs by declaration merging. */
export interface Reports {
  crash: CrashReport;
}

/** What an operator should read: data for tools, and `text` for people. */
export type Report = Reports[keyof Reports];

/** An actor ended by its own failure. OTP's crash report. */
export class CrashReport {
  readonly type = "crash";
  readonly level = "error";
  readonly subject: Subject;
  readonly behaviour: string;
  readonly label: string | undefined;
  readonly registeredName: string | undefined;
  readonly reason: ExitReason;
  /**
   * Its parent had ended for this reason, and it with it: whatever has failed, it was not this actor. OTP reports it as well,
   * of one that traps exits; one that does not ends in silence.
   */
  readonly endedWithParent: boolean;
  /** The message that was being handled, if any. May hold a payload, so it is not part of the text. */
  readonly lastMessage: unknown;
  /** The state as the behaviour describes it. */
  readonly state: unknown;
  readonly mailboxLength: number;
  /** Linked actors that do not trap exits, ten at most: those who go down with it. */
  readonly neighbours: readonly Subject[];

  constructor(facts: Omit<CrashReport, "type" | "level" | "text">) {
    this.subject = facts.subject;
    this.behaviour = facts.behaviour;
    this.label = facts.label;
    this.registeredName = facts.registeredName;
    this.reason = facts.reason;
    this.endedWithParent = facts.endedWithParent;
    this.lastMessage = facts.lastMessage;
    this.state = facts.state;
    this.mailboxLength = facts.mailboxLength;
    this.neighbours = facts.neighbours;
  }

  /** One line for people. */
  get text(): string {
    const { subject, label, reason, endedWithParent } = this;
    const who = `${subject.path} ${subject.pid.toString()}${label === undefined ? "" : ` (${label})`}`;
    return `crash in ${who}: ${formatReason(reason)}${endedWithParent ? " (it ended with its parent)" : ""}`;
  }
}
