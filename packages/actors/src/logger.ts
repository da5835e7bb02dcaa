/**
 * What the kernel asks of a logger: pino's shape, so pino, a child of it, and most structured loggers fit unchanged.
 * A logger is a sink; nothing waits for it.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds these fields to all that it logs. Absent: whoever needs one adds them by hand. */
  child?(bindings: object): Logger;
}

function ignore(): void {
  // A silent logger is a logger that does this.
}

/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Logs nothing. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
