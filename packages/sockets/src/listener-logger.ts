import type { Logger, LogLevel } from "@espalier/actors";
import type { ListenerRecord } from "./listener-record.ts";

/** A logger that stands for another which may be exchanged, and that hurts nobody when that one is broken. */
class Proxied implements Logger {
  readonly #bindings: object;
  readonly #find: () => Logger;
  /** What `#child` was made of. */
  #target: Logger | undefined;
  /** Undefined: the target has no children, and the bindings are added by hand. */
  #child: Logger | undefined;

  constructor(bindings: object, find: () => Logger) {
    this.#bindings = bindings;
    this.#find = find;
  }

  debug(fields: object, message: string): void {
    this.#log("debug", fields, message);
  }

  info(fields: object, message: string): void {
    this.#log("info", fields, message);
  }

  warn(fields: object, message: string): void {
    this.#log("warn", fields, message);
  }

  error(fields: object, message: string): void {
    this.#log("error", fields, message);
  }

  child(bindings: object): Logger {
    return new Proxied({ ...this.#bindings, ...bindings }, this.#find);
  }

  #log(level: LogLevel, fields: object, message: string): void {
    try {
      const target = this.#find();
      if (target !== this.#target) {
        this.#child = target.child?.(this.#bindings);
        this.#target = target;
      }
      if (this.#child !== undefined) this.#child[level](fields, message);
      // An error has nothing that could be copied; pino takes it for this field as well.
      else target[level]({ ...this.#bindings, ...(fields instanceof Error ? { err: fields } : fields) }, message);
    } catch {
      // A sink that is broken costs its own lines, and no connection.
    }
  }
}

/**
 * Where all that belongs to a listener logs: what its option `logger` is at that moment. Each line has the field
 * `listener`, with its id.
 */
export function listenerLogger(record: ListenerRecord): Logger {
  return new Proxied({ listener: record.id }, () => {
    const { logger } = record.config;
    return logger === "system" ? record.system.logger : logger;
  });
}
