/** Names one armed timer: what `sendAfter` answers and `cancelTimer` takes. Opaque. */
export interface TimerRef {
  readonly kind: "timer";
}
