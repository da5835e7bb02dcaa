import * as v from "valibot";
import type { AlarmOptions } from "./alarm.ts";
import {
  hook,
  integer,
  LARGEST_SIZE,
  milliseconds,
  orInfinity,
  type Setting,
  type Settings,
  setting,
  type Unset,
} from "./setting.ts";
import type { RateLimit } from "./token-bucket.ts";
import type { Address } from "./transport.ts";

/** How many connections and bytes a listener takes, and who is told when there are too many. */
export interface LimitOptions {
  /**
   * How many connections may be open at once, at least 1. `overLimit` says what becomes of a client beyond that. If the
   * process may not have so many file descriptors, which all its listeners share, it is as many as it may have, and the log
   * says so once.
   *
   * @defaultValue 1024, as eSockd.
   */
  readonly maxClients?: number | "infinity";

  /**
   * What becomes of a client for whom there is no place, by `maxClients` or `maxConnectionRate`: `"reject"` closes its
   * connection at once and counts it, as eSockd; `"queue"` lets it wait, unread, until there is a place, as Ranch. Node
   * cannot leave clients in the queue of the system, so up to 1024 of them wait as open sockets, which `waitingClients` of the
   * listener counts; the next is refused. What the system itself keeps in its `backlog` while the program is busy, it tells nobody.
   *
   * @defaultValue `"reject"`, as eSockd.
   */
  readonly overLimit?: "reject" | "queue";

  /**
   * How many connections may come, of all acceptors together. A burst of `capacity` is let in after a quiet time.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxConnectionRate?: RateLimit | "infinity";

  /**
   * Asked for each client, before anything is done for it, whether the program has too much to do; true refuses and
   * counts it. It runs outside all actors and must not take long. A throw refuses too, and is logged, at most once in a
   * minute. eSockd's `tune_fun`.
   *
   * @defaultValue false: nobody is asked.
   */
  readonly overload?: OverloadHook | false;

  /**
   * Tells, by the trace events `alarmSet` and `alarmCleared` and a line in the log each, when there are too many
   * connections or refusals, and when there are not any more. Ranch's `alarms`.
   *
   * @defaultValue false: none.
   */
  readonly alarms?: AlarmOptions | false;

  /**
   * How many bytes a connection may receive per second, at least 1. One that has received more is not read until the
   * debt is paid, so its client can send no faster; nothing is lost, and that time does not count for `idleTimeoutMs`.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxBytesPerSecond?: number | "infinity";

  /**
   * How many bytes a connection may receive at once after it has received none for a while, at least 1. More than that
   * are waited for as `maxBytesPerSecond` says.
   *
   * @defaultValue that of `maxBytesPerSecond`: what it allows in a second.
   */
  readonly burstBytes?: number | "infinity";

  /**
   * How many bytes all connections of the listener may receive per second, at least 1. Each that has received while the
   * listener was in debt is not read until that debt is paid; they take turns.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxTotalBytesPerSecond?: number | "infinity";

  /**
   * How many bytes all connections of the listener may receive at once after a quiet time, at least 1.
   *
   * @defaultValue that of `maxTotalBytesPerSecond`
   */
  readonly totalBurstBytes?: number | "infinity";
}

/** What there is to say about a client that has just connected. */
export interface OverloadFacts {
  /** The id of the listener. */
  readonly listener: string;
  readonly peer: Address;
  /** Connections that are open. */
  readonly connections: number;
  /**
   * Those of them whose sockets come from the host of this client, be it a load balancer; counted when it is read. One for
   * each acceptor may be under way beside them.
   */
  readonly fromSameHost: number;
  /** Clients that wait for a place, or for an acceptor. */
  readonly waiting: number;
}

/** Whether there is too much to do for another client. */
export type OverloadHook = (facts: OverloadFacts) => boolean;

const BYTES_PER_SECOND = `an integer from 1 to ${LARGEST_SIZE}, or "infinity"`;
const DAY_MS = 86_400_000;
const ALARMS = "false, or { connections: { high, low }, refusals: { high, low }, cooldownMs } with low less than high";

/** What is allowed of a {@link RateLimit}, in words. */
export const RATE: string = `{ capacity: from 1 to 1000000, intervalMs: from 1 to ${DAY_MS} }, or "infinity"`;
export const rate: v.GenericSchema<RateLimit | "infinity"> = v.union([
  v.literal("infinity"),
  v.strictObject({ capacity: integer(1, 1_000_000), intervalMs: v.exactOptional(integer(1, DAY_MS)) }),
]);

const threshold = v.pipe(
  v.strictObject({
    high: integer(1, Number.MAX_SAFE_INTEGER),
    low: v.exactOptional(integer(0, Number.MAX_SAFE_INTEGER)),
  }),
  v.check(({ high, low = 0 }) => low < high),
);
const alarms = v.union([
  v.literal(false),
  v.strictObject({
    connections: v.exactOptional(threshold),
    refusals: v.exactOptional(threshold),
    cooldownMs: v.exactOptional(milliseconds(0)),
  }),
]);
const bytesPerSecond: Setting<number | "infinity"> = setting(
  orInfinity(integer(1, LARGEST_SIZE)),
  BYTES_PER_SECOND,
  "infinity",
);
/** As much as that of `maxBytesPerSecond`, or `maxTotalBytesPerSecond`, if it is not given. */
const burst: Unset<number | "infinity"> = v.optional(bytesPerSecond.wrapped);

type BurstName = "burstBytes" | "totalBurstBytes";

export const limitSettings: Settings<Omit<LimitOptions, BurstName>> & Readonly<Record<BurstName, typeof burst>> = {
  maxClients: setting(orInfinity(integer(1, Number.MAX_SAFE_INTEGER)), 'an integer from 1, or "infinity"', 1024),
  overLimit: setting(v.picklist(["reject", "queue"]), '"reject" or "queue"', "reject"),
  maxConnectionRate: setting(rate, RATE, "infinity"),
  overload: hook<OverloadHook>(),
  alarms: setting<AlarmOptions | false>(alarms, ALARMS, false),
  maxBytesPerSecond: bytesPerSecond,
  burstBytes: burst,
  maxTotalBytesPerSecond: bytesPerSecond,
  totalBurstBytes: burst,
};
