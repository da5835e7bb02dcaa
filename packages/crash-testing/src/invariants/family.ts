import { CallMessage, Down, Exit, isExpected, type Pid, type Report, Started, type TraceEvent } from "@espalier/actors";
import type { Offender } from "@espalier/supervisor";

type EventOf<Type extends TraceEvent["type"]> = Extract<TraceEvent, { readonly type: Type }>;

/** A child as the trace tells of it. */
export interface Child {
  readonly id: string;
  /** Its place in the order in which the children were first started. */
  readonly place: number;
  pid: Pid;
  isAlive: boolean;
  /** Its spec, once a start has succeeded or failed. */
  spec: Offender | undefined;
  /** The last start has failed, and will be tried again. */
  hasFailed: boolean;
  /** Its start had succeeded. */
  hasStarted: boolean;
  /** The event of its last start. */
  startedBy: number;
  /** Its supervisor is to restart it, for an end that it was told of at this time, by this event. */
  due: { readonly time: number; readonly event: number } | undefined;
}

/** A supervisor and its children. */
export interface Family {
  readonly pid: Pid;
  readonly path: string;
  readonly children: Map<string, Child>;
  readonly byPid: Map<Pid, Child>;
  /** The place of the next new child. */
  places: number;
  /** Ids of temporary children that are gone for good. */
  readonly gone: Set<string>;
  /** Counts what it does in one go: whatever it was told, with all that it starts and stops for that. */
  round: number;
  /** Somebody has changed it from outside; whoever did that has changed its order too. */
  isChanged: boolean;
}

/** The supervisors of a system with their children, as a trace tells of them. */
export class Families {
  readonly all: Map<Pid, Family> = new Map();

  /** Answers the family in which there is a new child. */
  spawned({ id: event, subject, parent, behaviour }: EventOf<"spawn">): { family: Family; child: Child } | undefined {
    const { pid, path } = subject;
    if (behaviour === "supervisor") {
      const empty = { children: new Map(), byPid: new Map(), places: 0, gone: new Set<string>() };
      this.all.set(pid, { pid, path, ...empty, round: 0, isChanged: false });
    }
    const family = parent === undefined ? undefined : this.all.get(parent);
    if (family === undefined) return undefined;
    const id = path.slice(family.path.length + 1);
    let child = family.children.get(id);
    if (child === undefined) {
      const place = family.places;
      family.places += 1;
      const fresh = { isAlive: true, spec: undefined, hasFailed: false, hasStarted: false, due: undefined };
      child = { id, place, pid, startedBy: event, ...fresh };
      family.children.set(id, child);
    } else {
      family.byPid.delete(child.pid);
      child.pid = pid;
      child.isAlive = true;
      child.hasFailed = false;
      child.hasStarted = false;
      child.startedBy = event;
    }
    family.byPid.set(pid, child);
    return { family, child };
  }

  died(pid: Pid, parent: Pid | undefined): void {
    this.all.delete(pid);
    const family = parent === undefined ? undefined : this.all.get(parent);
    const child = family?.byPid.get(pid);
    if (family === undefined || child === undefined) return;
    child.isAlive = false;
    if (child.spec?.restart !== "temporary" || child.spec.decides === true) return;
    // Another one of its name comes last.
    family.children.delete(child.id);
    family.byPid.delete(pid);
    family.gone.add(child.id);
  }

  reported(report: Report): void {
    if (report.type === "progress") {
      const child = this.all.get(report.supervisor.pid)?.children.get(report.started.id ?? "");
      if (child === undefined) return;
      child.spec = report.started;
      child.hasStarted = true;
    } else if (report.type === "supervisor" && report.errorContext === "startError") {
      const child = this.all.get(report.supervisor.pid)?.children.get(report.offender.id ?? "");
      if (child !== undefined) {
        child.spec = report.offender;
        child.hasFailed = true;
      }
    }
  }

  /** A supervisor handles a message. */
  handled(family: Family, { id: event, time, message }: EventOf<"deliver">): void {
    if (!isPartOfARound(message)) family.round += 1;
    if (message instanceof Exit) {
      const child = family.byPid.get(message.from);
      if (child !== undefined && isToBeRestarted(child, message)) child.due = { time, event };
    } else if (message instanceof CallMessage) {
      if (isChange(message.request)) family.isChanged = true;
    } else if (isSystemChange(message)) {
      family.isChanged = true;
    }
  }
}

function isToBeRestarted({ spec }: Child, { reason }: Exit): boolean {
  if (spec === undefined || spec.restart === "temporary") return false;
  return spec.restart === "permanent" || !isExpected(reason);
}

/** What a supervisor waits for while it starts and stops children. */
function isPartOfARound(message: unknown): boolean {
  if (message instanceof Started || message instanceof Down) return true;
  return typeof message === "object" && message !== null && "type" in message && message.type === "shutdownTimeout";
}

const READS: ReadonlySet<unknown> = new Set(["getChildSpec", "whichChildren", "countChildren"]);

/**
 * Whether a call changes the children that are there, or their order. One that adds a child does not: it comes behind all
 * others, as every child does that is started for the first time.
 */
function isChange(request: unknown): boolean {
  if (typeof request !== "object" || request === null || !("type" in request)) return true;
  return !READS.has(request.type) && request.type !== "startChild" && request.type !== "startDynamic";
}

function isSystemChange(message: unknown): boolean {
  if (typeof message !== "object" || message === null || !("request" in message)) return false;
  const { request } = message;
  return typeof request === "object" && request !== null && "type" in request && request.type === "changeCode";
}
