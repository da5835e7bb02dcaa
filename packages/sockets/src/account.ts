import type { LogLevel, Process } from "@espalier/actors";
import { BoundedLog } from "./bounded-log.ts";
import type { ListenerRecord } from "./listener-record.ts";

/** What an actor of a listener says of its clients. Each of them may be the occasion for a line, so the log is bounded. */
export abstract class Account {
  protected readonly process: Process;
  protected readonly record: ListenerRecord;
  #log: BoundedLog | undefined;

  constructor(process: Process, record: ListenerRecord) {
    this.process = process;
    this.record = record;
  }

  /** Nothing more will be said: it tells what was left out. */
  end(): void {
    this.#log?.flush();
  }

  /** @param line - asked for only if it is logged: the fields, and the text */
  protected log(kind: string, level: LogLevel, line: () => readonly [fields: object, text: string]): void {
    this.#log ??= new BoundedLog(this.process);
    this.#log.log(kind, level, line);
  }
}
