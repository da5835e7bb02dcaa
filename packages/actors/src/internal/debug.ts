/** What an actor's own debugging has seen. OTP's `sys` events. */
export type DebugEvent =
  | { readonly type: "in"; readonly at: number; readonly message: unknown }
  | { readonly type: "out"; readonly at: number; readonly message: unknown; readonly to: string };

/** What `sys.statistics` answers. */
export interface Statistics {
  readonly startTime: number;
  readonly currentTime: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
}

/** The debugging that is switched on for one actor; those without pay a null check. */
export class Debug {
  #log: { readonly limit: number; readonly events: DebugEvent[] } | null = null;
  #handler: ((event: DebugEvent) => void) | null = null;
  #statistics: { readonly startTime: number; messagesIn: number; messagesOut: number } | null = null;
  readonly #failed: (error: unknown) => void;

  /** @param failed - told what a handler has thrown, which sees nothing any more */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Keeps the last `limit` events; 0 stops that. */
  keep(limit: number): void {
    this.#log = limit === 0 ? null : { limit, events: [] };
  }

  get log(): readonly DebugEvent[] {
    return [...(this.#log?.events ?? [])];
  }

  handle(handler: ((event: DebugEvent) => void) | null): void {
    this.#handler = handler;
  }

  /** Stops this handler, and no other. */
  forget(handler: (event: DebugEvent) => void): void {
    if (this.#handler === handler) this.#handler = null;
  }

  count(startTime: number | null): void {
    this.#statistics = startTime === null ? null : { startTime, messagesIn: 0, messagesOut: 0 };
  }

  statistics(currentTime: number): Statistics | undefined {
    return this.#statistics === null ? undefined : { ...this.#statistics, currentTime };
  }

  get isIdle(): boolean {
    return this.#log === null && this.#handler === null && this.#statistics === null;
  }

  received(at: number, message: unknown): void {
    if (this.#statistics !== null) this.#statistics.messagesIn += 1;
    this.#see({ type: "in", at, message });
  }

  sent(at: number, message: unknown, to: string): void {
    if (this.#statistics !== null) this.#statistics.messagesOut += 1;
    this.#see({ type: "out", at, message, to });
  }

  #see(event: DebugEvent): void {
    try {
      this.#handler?.(event);
    } catch (error) {
      // OTP: a debug function that fails is taken off, and the actor goes on.
      this.#handler = null;
      this.#failed(error);
    }
    if (this.#log === null) return;
    this.#log.events.push(event);
    if (this.#log.events.length > this.#log.limit) this.#log.events.shift();
  }
}
