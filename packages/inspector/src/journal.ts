import { CrashReport, type Subject, type System, type TraceEvent } from "@espalier/actors";
import { SupervisorReport } from "@espalier/supervisor";
import type { AlarmFacts } from "@espalier/sockets";
import type { LogEntry, LogKind, ReasonFact, Shown } from "./api-types.ts";
import { formatReasonFact, toReasonFact } from "./discretion.ts";
import { formatProcessId } from "./process-id.ts";

const NO_COUNTS: Readonly<Record<LogKind, number>> = { crash: 0, restart: 0, supervisor: 0, alarm: 0, command: 0 };

/**
 * What an operator should know of the past: crashes, restarts, what supervisors report, alarms, commands. It hears of
 * them by the trace of the system's life, of which nothing is said for a message; the last entries are kept.
 */
export class Journal {
  readonly #system: System;
  readonly #show: Shown;
  readonly #limit: number;
  readonly #counts: Record<LogKind, number> = { ...NO_COUNTS };
  readonly #stop: () => void;
  /** The last of them, in order; now and then those before are cut off. */
  #entries: LogEntry[] = [];
  #written = 0;

  constructor(system: System, show: Shown, limit: number) {
    this.#system = system;
    this.#show = show;
    this.#limit = limit;
    this.#stop = system.trace((event) => this.#see(event), {
      detail: "life",
      types: ["report", "started", "alarmSet", "alarmCleared"],
    });
  }

  close(): void {
    this.#stop();
  }

  get counts(): Readonly<Record<LogKind, number>> {
    return { ...this.#counts };
  }

  get restarts(): number {
    return this.#counts.restart;
  }

  /** The number of the newest entry; 0 when there was none. */
  get newest(): number {
    return this.#written;
  }

  /** The number of the oldest entry that is kept; 0 when there is none. */
  get oldest(): number {
    return this.#kept()[0]?.number ?? 0;
  }

  /** The first after a number; without one the last. Oldest first. */
  entries(after: number | undefined, limit: number, kind: LogKind | undefined): readonly LogEntry[] {
    const all = kind === undefined ? this.#kept() : this.#kept().filter((entry) => entry.kind === kind);
    // One that comes from an earlier run of the program knows of entries that this one has not.
    if (after === undefined || after > this.#written) return all.slice(-limit);
    return all.filter(({ number }) => number > after).slice(0, limit);
  }

  /** The newest crash of an actor of this path that is kept. */
  lastCrash(path: string): LogEntry | undefined {
    return this.#kept().findLast((entry) => entry.kind === "crash" && entry.path === path);
  }

  /** Somebody has given a command. */
  command(path: string, text: string): void {
    this.#write("command", path, undefined, text);
  }

  #kept(): readonly LogEntry[] {
    return this.#entries.slice(-this.#limit);
  }

  #see(event: TraceEvent): void {
    const { type, subject } = event;
    if (type === "started") {
      if (subject.incarnation > 1) this.#restarted(subject);
    } else if (type === "report") {
      if (event.report instanceof CrashReport) this.#crashed(event.report);
      else if (event.report instanceof SupervisorReport) this.#reported(event.report);
    } else if (type === "alarmSet" || type === "alarmCleared") {
      const { listener, alarm, value, threshold }: AlarmFacts = event;
      const what = type === "alarmSet" ? "set" : "cleared";
      this.#write("alarm", subject.path, subject, `${listener}: ${alarm} ${what} at ${value} (${threshold})`);
    }
  }

  #restarted(subject: Subject): void {
    this.#write("restart", subject.path, subject, `started anew: restart ${subject.incarnation - 1}`);
  }

  #crashed({ subject, reason, behaviour, endedWithParent }: CrashReport): void {
    const fact = toReasonFact(reason, this.#show);
    const how = endedWithParent ? "ended with its parent" : "ended";
    this.#write("crash", subject.path, subject, `${behaviour} ${how} by ${formatReasonFact(fact)}`, fact);
  }

  #reported({ supervisor, errorContext, reason, offender }: SupervisorReport): void {
    const { id, pid, count, definition } = offender;
    const who = count > 1 ? `${count} children` : [id, pid?.toString()].filter((part) => part !== undefined).join(" ");
    const fact = typeof reason === "string" ? { type: reason } : toReasonFact(reason, this.#show);
    const text = `${errorContext} of ${who} (${definition}): ${formatReasonFact(fact)}`;
    this.#write("supervisor", supervisor.path, supervisor, text, fact);
  }

  #write(kind: LogKind, path: string, subject: Subject | undefined, text: string, reason?: ReasonFact): void {
    this.#written += 1;
    this.#counts[kind] += 1;
    const { host } = this.#system;
    const id = subject && formatProcessId(subject);
    const times = { at: host.now(), wallClock: host.wallClock() };
    this.#entries.push({ number: this.#written, kind, ...times, id, path, text, reason });
    if (this.#entries.length >= 2 * this.#limit) this.#entries = this.#entries.slice(-this.#limit);
  }
}
