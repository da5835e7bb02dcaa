import type { Deadline, LogLevel, Process } from "@espalier/actors";

/** How many lines of one kind are logged in a minute. */
const MOST_LINES = 10;
const MINUTE_MS = 60_000;

/** The lines of one kind within a minute. */
interface Minute {
  /** Says at its end what was left out; armed only if there is something. */
  readonly end: Deadline;
  /** When the first of them was logged. */
  since: number;
  lines: number;
  level: LogLevel;
}

/**
 * Lines for which each stranger may be the occasion: of each kind ten in a minute at most, and then one that says how
 * many were left out. The number of kinds is that of the words of the program.
 */
export class BoundedLog {
  readonly #process: Process;
  readonly #minutes = new Map<string, Minute>();

  constructor(process: Process) {
    this.#process = process;
  }

  /** @param line - asked for only if it is logged: the fields, and the text */
  log(kind: string, level: LogLevel, line: () => readonly [fields: object, text: string]): void {
    const now = this.#process.now();
    const minute = this.#minuteOf(kind);
    if (now - minute.since >= MINUTE_MS) {
      this.#summarize(kind, minute);
      minute.since = now;
    }
    minute.level = level;
    minute.lines += 1;
    if (minute.lines <= MOST_LINES) this.#process.log(level, ...line());
    else if (minute.lines === MOST_LINES + 1) minute.end.arm(minute.since + MINUTE_MS - now);
  }

  /** Nothing more will come: says what was left out. */
  flush(): void {
    for (const [kind, minute] of this.#minutes) this.#summarize(kind, minute);
  }

  #minuteOf(kind: string): Minute {
    const known = this.#minutes.get(kind);
    if (known !== undefined) return known;
    const end = this.#process.deadline(() => this.#summarize(kind, minute));
    const minute: Minute = { end, since: -Infinity, lines: 0, level: "info" };
    this.#minutes.set(kind, minute);
    return minute;
  }

  /** Ends the minute. */
  #summarize(kind: string, minute: Minute): void {
    const omitted = minute.lines - MOST_LINES;
    minute.lines = 0;
    minute.since = -Infinity;
    minute.end.cancel();
    if (omitted <= 0) return;
    this.#process.log(minute.level, { reason: kind, omitted }, `${omitted} more of ${kind} were not logged`);
  }
}
