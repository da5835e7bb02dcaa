import type { Host } from "./host.ts";
import { type Logger, silentLogger } from "./logger.ts";

// The only file that names a clock, a timer, the microtask queue, the console or a random source. The package compiles
// without any host's types; these lines are all that it knows of Node.
declare function setTimeout(run: () => void, ms: number): object;
declare function clearTimeout(timer: object): void;
declare function setImmediate(run: () => void): object;
declare function queueMicrotask(run: () => void): void;
declare const performance: { now(): number };
declare const console: { error(line: string): void };

/** Node's longest timer; a deadline further away is reached in several hops. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function print(fields: { readonly err?: unknown }, message: string): void {
  console.error(message);
  if (fields.err instanceof Error && fields.err.stack !== undefined) console.error(fields.err.stack);
}

/** Prints warnings and errors, so that no crash goes unseen; everything below is silent. */
const consoleLogger: Logger = { ...silentLogger, warn: print, error: print };

/**
 * The host for production: Node's clock, timers, and event loop.
 *
 * Work that arises outside an I/O callback is drained in a microtask of the same turn. When a drain uses up its
 * budget, the rest waits for `setImmediate`, behind the sockets and timers that are due, so a busy actor starves
 * neither.
 */
export function nodeHost(options: { readonly logger?: Logger } = {}): Host {
  return {
    now: () => performance.now(),
    wallClock: () => Date.now(),
    at(time, fire) {
      let timer: object;
      function arm(): void {
        const wait = Math.ceil(time - performance.now());
        timer = wait > MAX_TIMER_MS ? setTimeout(arm, MAX_TIMER_MS) : setTimeout(fire, Math.max(wait, 0));
      }
      arm();
      return () => clearTimeout(timer);
    },
    wake(drain, inIo) {
      if (inIo) runDrain(drain);
      else queueMicrotask(() => runDrain(drain));
    },
    turn,
    random: () => Math.random(),
    logger: options.logger ?? consoleLogger,
  };
}

function runDrain(drain: () => boolean): void {
  if (drain()) setImmediate(() => runDrain(drain));
}

/** For hosts that own time but live in Node's event loop all the same. */
export function microtask(run: () => void): void {
  queueMicrotask(run);
}

/** Resolves when every promise reaction that is queued, and those that they queue, have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(() => resolve()));
}
