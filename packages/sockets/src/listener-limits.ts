import { SharedBytes } from "./byte-limit.ts";
import type { ListenerConfig, ListenerOptions } from "./options.ts";
import { isSameRate, TokenBucket } from "./token-bucket.ts";
import type { Transport } from "./transport.ts";

/** The limits that all connections of a listener share. They outlive its actors, so that a restart refills nothing. */
export class ListenerLimits {
  readonly bytes: SharedBytes = new SharedBytes();
  /** Told when options have changed. */
  readonly watchers: Set<() => void> = new Set();
  #config: ListenerConfig;
  #connections: TokenBucket | undefined;

  constructor(config: ListenerConfig, now: number) {
    this.#config = config;
    this.#setConnectionRate(config, now);
    this.#setByteRate(config, now);
  }

  /** New options count. What is as before keeps what it has counted. */
  apply(config: ListenerConfig, now: number): void {
    const before = this.#config;
    this.#config = config;
    if (!isSameRate(config.maxConnectionRate, before.maxConnectionRate)) this.#setConnectionRate(config, now);
    const { maxTotalBytesPerSecond: bytesPerSecond, totalBurstBytes: burst } = config;
    if (bytesPerSecond !== before.maxTotalBytesPerSecond || burst !== before.totalBurstBytes) {
      this.#setByteRate(config, now);
    }
    for (const tell of this.watchers) tell();
  }

  /** Takes the place of a new connection; false if it comes too early. */
  admit(now: number): boolean {
    return this.#connections?.take(now) ?? true;
  }

  /** In how many milliseconds the next connection may come. */
  admissionMs(now: number): number {
    return this.#connections?.waitMs(now) ?? 0;
  }

  #setConnectionRate({ maxConnectionRate }: ListenerConfig, now: number): void {
    this.#connections = maxConnectionRate === "infinity" ? undefined : new TokenBucket(maxConnectionRate, now);
  }

  #setByteRate({ maxTotalBytesPerSecond, totalBurstBytes }: ListenerConfig, now: number): void {
    this.bytes.setRate({ bytesPerSecond: maxTotalBytesPerSecond, burst: totalBurstBytes }, now);
  }
}

/**
 * No more clients than the transport can have sockets, if it was asked for more: a limit that cannot be reached would
 * protect from nothing.
 */
export function clampClients(
  config: ListenerConfig,
  options: ListenerOptions,
  { mostSockets = Infinity }: Transport,
): ListenerConfig {
  const { maxClients } = config;
  if (options.maxClients === undefined || mostSockets === Infinity) return config;
  if (maxClients !== "infinity" && maxClients <= mostSockets) return config;
  return Object.freeze({ ...config, maxClients: mostSockets });
}
