import { type ExitReason, formatReason } from "./exit-reason.ts";
import type { Pid } from "./pid.ts";

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
  exitSignal: { readonly to: Pid; readonly reason: ExitReason };
  exit: { readonly reason: ExitReason };
  link: { readonly with: Pid };
  unlink: { readonly with: Pid };
  monitor: { readonly target: Pid };
  demonitor: { readonly target: Pid };
  register: { readonly name: string };
  unregister: { readonly name: string };
  timerSet: { readonly dueIn: number };
  timerFired: object;
  timerCancelled: object;
  /** An event has made a machine take a transition; shown of those for which that was asked. `from` and `to` are its state values. */
  transition: {
    readonly event: unknown;
    readonly from: unknown;
    readonly to: unknown;
    readonly actions: readonly string[];
  };
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
 * and timer too.
 */
export type TraceDetail = "life" | "all";

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
    this.lastMessage = facts.lastMessage;
    this.state = facts.state;
    this.mailboxLength = facts.mailboxLength;
    this.neighbours = facts.neighbours;
  }

  /** One line for people. */
  get text(): string {
    const { subject, label, reason } = this;
    return `crash in ${subject.path} ${subject.pid.toString()}${label === undefined ? "" : ` (${label})`}: ${formatReason(reason)}`;
  }
}
