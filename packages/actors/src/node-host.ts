import type { ErrorAttribution, Host } from "./host.ts";
import { type Logger, silentLogger } from "./logger.ts";

// The only file that names a clock, a timer, the microtask queue, the console or a random source. The package compiles
// without any host's types; these lines are all that it knows of Node.
declare function setTimeout(run: () => void, ms: number): object;
declare function clearTimeout(timer: object): void;
declare function setImmediate(run: () => void): object;
declare function queueMicrotask(run: () => void): void;
declare const performance: { now(): number };
declare const console: { error(line: string): void };

declare const process: {
  getBuiltinModule(id: "node:async_hooks"): {
    AsyncLocalStorage: new () => {
      run(store: object, callback: () => void): void;
      getStore(): object | undefined;
    };
  };
  on(event: "uncaughtException", listener: (error: unknown) => void): void;
  off(event: "uncaughtException", listener: (error: unknown) => void): void;
  listenerCount(event: "uncaughtException"): number;
};

/** Node's global is looked up by a getter each time. */
const clock = performance;

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
 * neither. Nor does code outside that awaits one call after the other: now and then it waits for them, too.
 */
export function nodeHost(options: { readonly logger?: Logger } = {}): Host {
  let wakes = 0;
  return {
    now: () => clock.now(),
    wallClock: () => Date.now(),
    at(time, fire) {
      let timer: object;
      function arm(): void {
        const wait = Math.ceil(time - clock.now());
        timer = wait > MAX_TIMER_MS ? setTimeout(arm, MAX_TIMER_MS) : setTimeout(fire, Math.max(wait, 0));
      }
      arm();
      return () => clearTimeout(timer);
    },
    wake(drain, inIo) {
      wakes += 1;
      if (inIo) runDrain(drain);
      else if (wakes % MICROTASKS !== 0) void settled.then(() => runDrain(drain));
      else setImmediate(() => runDrain(drain));
    },
    turn,
    random: () => Math.random(),
    attributeErrors,
    logger: options.logger ?? consoleLogger,
  };
}

/** Of so many drains in microtasks, which may follow each other without end, one lets the event loop turn. */
const MICROTASKS = 1000;

/** A reaction of it is a microtask, which costs a third of one by `queueMicrotask`. */
const settled = Promise.resolve();

function runDrain(drain: () => boolean): void {
  if (drain()) setImmediate(() => runDrain(drain));
}

/** Who attributes errors in this process. They share one listener, since Node knows only one kind of uncaught error. */
const attributions = new Set<{ readonly owner: () => object | undefined; readonly crash: Crash }>();

type Crash = (owner: object, error: unknown) => void;

/** By Node's async context, which follows callbacks, timers and promises. A rejection arrives as an exception too. */
function attributeErrors(crash: Crash): ErrorAttribution {
  const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");
  const storage = new AsyncLocalStorage();
  const attribution = { owner: () => storage.getStore(), crash };
  if (attributions.size === 0) process.on("uncaughtException", attribute);
  attributions.add(attribution);
  return {
    run: (owner, step) => storage.run(owner, step),
    stop() {
      attributions.delete(attribution);
      if (attributions.size === 0) process.off("uncaughtException", attribute);
    },
  };
}

function attribute(error: unknown): void {
  for (const { owner, crash } of attributions) {
    const found = owner();
    if (found === undefined) continue;
    crash(found, error);
    return;
  }
  if (process.listenerCount("uncaughtException") > 1) return;
  // Listening has taken away Node's own answer to an error that is nobody's: give it back, and let the error come again.
  process.off("uncaughtException", attribute);
  setImmediate(() => {
    throw error;
  });
}

/** For hosts that own time but live in Node's event loop all the same. */
export function microtask(run: () => void): void {
  queueMicrotask(run);
}

/** Resolves when every promise reaction that is queued, and those that they queue, have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(() => resolve()));
}
