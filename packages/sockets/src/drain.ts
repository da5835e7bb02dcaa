import { InvalidOptionError } from "./errors.ts";
import type { Listener } from "./listener-handle.ts";
import type { ListenerRecord } from "./listener-record.ts";

export interface DrainOptions {
  /**
   * How long connections may take to end by themselves, in milliseconds, from 0 or `"infinity"`. What is left then is
   * killed. @defaultValue 30000
   */
  readonly timeoutMs?: number | "infinity";
}

/** What became of the connections. */
export interface Drained {
  /** Those that ended by themselves. */
  readonly ended: number;
  /** Those whose time ran out. */
  readonly killed: number;
}

/** How to compare the number of connections with a given one. */
export type Comparison = "<" | "<=" | "==" | ">=" | ">";

/** Closes a listener, with so much time for its connections instead of what its options say. */
export async function drainListener(
  record: ListenerRecord,
  close: () => Promise<void>,
  { timeoutMs = 30_000 }: DrainOptions,
): Promise<Drained> {
  if (timeoutMs !== "infinity" && !(typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs < Infinity)) {
    const expected = 'milliseconds from 0, or "infinity"';
    throw new InvalidOptionError([{ option: "timeoutMs", value: timeoutMs, expected }]);
  }
  const before = endsOf(record);
  record.drainMs = timeoutMs;
  try {
    await close();
  } finally {
    record.drainMs = undefined;
  }
  const after = endsOf(record);
  return { ended: after.ended - before.ended, killed: after.killed - before.killed };
}

/** By their ends and not by their number: some may still come while the door is being closed. */
function endsOf({ shutdownCounts }: ListenerRecord): Drained {
  const counts = shutdownCounts.snapshot();
  const killed = counts["killed"] ?? 0;
  return { ended: Object.values(counts).reduce((sum, count) => sum + count, 0) - killed, killed };
}

/** Resolves as soon as the number of connections compares so. */
export function waitForConnections(record: ListenerRecord, comparison: Comparison, count: number): Promise<void> {
  const compare = comparisons[comparison];
  if (compare === undefined) {
    throw new InvalidOptionError([
      { option: "comparison", value: comparison, expected: '"<", "<=", "==", ">=" or ">"' },
    ]);
  }
  return new Promise((resolve) => {
    const look = (): void => {
      if (!compare(record.connections, count)) return;
      record.connectionWatchers.delete(look);
      resolve();
    };
    record.connectionWatchers.add(look);
    look();
  });
}

const comparisons: Readonly<Partial<Record<string, (present: number, count: number) => boolean>>> = {
  "<": (present, count) => present < count,
  "<=": (present, count) => present <= count,
  "==": (present, count) => present === count,
  ">=": (present, count) => present >= count,
  ">": (present, count) => present > count,
};

/** Who tells a program to end: Node's `process`. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", handler: () => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", handler: () => void): unknown;
}

export interface DrainOnSignalOptions extends DrainOptions {
  /** At the first signal. */
  readonly onDrain?: () => void;
  /** When all listeners are closed: the place to end the rest of the program. */
  readonly onDrained?: (drained: Drained) => void;
  /**
   * When that has failed, since the supervisor of all listeners has crashed meanwhile.
   *
   * @defaultValue a rejection that nobody handles, which ends Node
   */
  readonly onFailed?: (error: unknown) => void;
  /** At the second signal: somebody does not want to wait. @defaultValue nothing */
  readonly onImpatience?: () => void;
}

/**
 * Drains all listeners at the first SIGINT or SIGTERM. Answers what takes the handlers off again.
 *
 * @param source - `process`
 */
export function drainOnSignal(
  source: SignalSource,
  server: { drain(options?: DrainOptions): Promise<Drained> },
  { onDrain, onDrained, onFailed, onImpatience, ...options }: DrainOnSignalOptions = {},
): () => void {
  let isDraining = false;
  const handle = (): void => {
    if (isDraining) {
      onImpatience?.();
      return;
    }
    isDraining = true;
    onDrain?.();
    void server.drain(options).then((drained) => onDrained?.(drained), onFailed);
  };
  source.on("SIGINT", handle);
  source.on("SIGTERM", handle);
  return () => {
    source.off("SIGINT", handle);
    source.off("SIGTERM", handle);
  };
}

/** What became of the connections of several listeners. */
export async function drainAll(listeners: readonly Listener[], options: DrainOptions): Promise<Drained> {
  const all = await Promise.all(listeners.map((listener) => listener.drain(options)));
  return {
    ended: all.reduce((sum, { ended }) => sum + ended, 0),
    killed: all.reduce((sum, { killed }) => sum + killed, 0),
  };
}
