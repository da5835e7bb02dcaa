/** What became of accepted sockets. Each socket adds to exactly one of them. */
export interface ListenerStatsSnapshot {
  /** Connections that were started. */
  readonly accepted: number;
  /** Refused because `maxClients` connections were open. */
  readonly closedMaxLimit: number;
  /** Refused by the access rules. */
  readonly closedForbidden: number;
  /** Refused because more came than `maxConnectionRate` allows. */
  readonly closedRateLimited: number;
  /** Refused because `overload` said so, or threw. */
  readonly closedOverloaded: number;
  /** Refused, or never accepted, because the process or the machine was out of file descriptors. */
  readonly closedSysLimit: number;
  /** Refused for any other cause, such as a connection that failed to start. */
  readonly closedOther: number;
  /** Not refused, and nobody was started: the peer was gone already, as those of a health check or a scan are. */
  readonly discarded: number;
}

export type ListenerCounter = keyof ListenerStatsSnapshot;

/**
 * Why an actor ended, as in `@espalier/actors`: the structure is repeated, so that counting needs no actors.
 */
export type CountedExitReason =
  | { readonly type: "normal" }
  | { readonly type: "shutdown"; readonly detail?: unknown }
  | { readonly type: "kill" }
  | { readonly type: "killed" }
  | { readonly type: "noproc" }
  | { readonly type: "noconnection" }
  | { readonly type: "error"; readonly error: unknown };

/** Details may carry what a peer sent, and the counts live as long as the listener: their number must have an end. */
const MOST_KEYS = 256;

/** Counters of one listener, from 0 when it opens. They are never reset. */
export class ListenerStats {
  readonly #counts: Record<ListenerCounter, number> = {
    accepted: 0,
    closedMaxLimit: 0,
    closedForbidden: 0,
    closedRateLimited: 0,
    closedOverloaded: 0,
    closedSysLimit: 0,
    closedOther: 0,
    discarded: 0,
  };

  readonly #acceptErrors = new Map<string, number>();

  /** Told of each refusal; undefined while nobody wants to know. */
  onRefusal: (() => void) | undefined;

  increment(counter: ListenerCounter): void {
    this.#counts[counter] += 1;
    if (counter !== "accepted" && counter !== "discarded") this.onRefusal?.();
  }

  /** Nothing came of a connection but the system's code, of which there are few. */
  countAcceptError(code: string): void {
    this.#acceptErrors.set(code, (this.#acceptErrors.get(code) ?? 0) + 1);
  }

  get acceptErrors(): Readonly<Record<string, number>> {
    return Object.freeze(Object.fromEntries(this.#acceptErrors));
  }

  /** The counters as they are now; later increments do not show in it. */
  snapshot(): ListenerStatsSnapshot {
    return Object.freeze({ ...this.#counts });
  }
}

/** How the connections of one listener ended: a count for each key that {@link shutdownKey} gives. */
export class ShutdownCounts {
  readonly #counts = new Map<string, number>();

  /** Counts an end. Past 256 different keys, new ones are counted together under `other`. */
  count(reason: CountedExitReason): void {
    const key = shutdownKey(reason);
    const counted = this.#counts.has(key) || this.#counts.size < MOST_KEYS ? key : "other";
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  /** The counts as they are now, in the order in which the keys first occurred. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.freeze(Object.fromEntries(this.#counts));
  }
}

/**
 * The key under which an end is counted. A `shutdown` counts under its detail: a string as it is, an object by its `type`
 * or else its `reason` when that is a string. Everything else counts under its own type, all errors under `error`: unlike
 * eSockd, which counts normal ends not at all and crashes sometimes, so that the counts add up to the connections ended.
 */
export function shutdownKey(reason: CountedExitReason): string {
  return reason.type === "shutdown" ? (detailKey(reason.detail) ?? reason.type) : reason.type;
}

function detailKey(detail: unknown): string | undefined {
  if (typeof detail === "string") return detail;
  if (typeof detail !== "object" || detail === null) return undefined;
  if ("type" in detail && typeof detail.type === "string") return detail.type;
  return "reason" in detail && typeof detail.reason === "string" ? detail.reason : undefined;
}
