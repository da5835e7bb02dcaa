/**
 * What the kernel asks of a logger: pino's shape, so pino, a child of it, and most structured loggers fit unchanged.
 * A logger is a sink; nothing waits for it.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

function ignore(): void {
  // A silent logger is a logger that does this.
}

/** Logs nothing. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
