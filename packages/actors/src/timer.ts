/** Names one armed timer: what `sendAfter` answers and `cancelTimer` takes. Opaque. */
export interface TimerRef {
  readonly kind: "timer";
}

/**
 * A timer that is made once and armed again and again, such as the inactivity timeout of a connection: pushing an armed
 * one back costs the reading of the clock and a store.
 */
export interface Deadline {
  /** It runs in so many milliseconds from now, and not at the time set before. */
  arm(afterMs: number): void;
  cancel(): void;
}
