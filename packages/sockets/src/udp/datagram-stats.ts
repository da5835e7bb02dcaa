/**
 * What became of the datagrams of a listener. Each that was received adds to exactly one of the others, but for those
 * sent, as soon as it does not wait for its handler any more.
 */
export interface DatagramStatsSnapshot {
  readonly received: number;
  /** Handed to a handler. */
  readonly delivered: number;
  /** Answered as a health check. */
  readonly healthChecks: number;
  /** Dropped because their sender may not be a peer, by the access rules, `maxClients` or `maxConnectionRate`: see `stats`. */
  readonly refused: number;
  /** Dropped because this peer sent more than `maxDatagramRate` allows. */
  readonly rateLimited: number;
  /** Dropped because `maxWaiting` datagrams of this peer waited for its handler. */
  readonly queueFull: number;
  /** Dropped because they were larger than `maxPacketSize`. */
  readonly tooLarge: number;
  /** Dropped because `identify` found no peer in them. */
  readonly unidentified: number;
  /** Waited for a handler that could not be started, or ended before it took them. */
  readonly lost: number;
  /** Handed to the system. */
  readonly sent: number;
  /**
   * Lost on the way out: there was no socket at the time, or no room in the system; or the system has said afterwards that
   * it could not be sent, in which case it is among `sent` too.
   */
  readonly sendFailed: number;
}

/** Counters of one listener, from 0 when it opens. They are never reset. */
export class DatagramStats {
  readonly #counts: Record<keyof DatagramStatsSnapshot, number> = {
    received: 0,
    delivered: 0,
    healthChecks: 0,
    refused: 0,
    rateLimited: 0,
    queueFull: 0,
    tooLarge: 0,
    unidentified: 0,
    lost: 0,
    sent: 0,
    sendFailed: 0,
  };

  count(counter: keyof DatagramStatsSnapshot, times = 1): void {
    this.#counts[counter] += times;
  }

  /** The counters as they are now; later ones do not show in it. */
  snapshot(): DatagramStatsSnapshot {
    return Object.freeze({ ...this.#counts });
  }
}
