import type { TraceEvent } from "../event.ts";
import type { System } from "../system.ts";

/** The events of a system from the moment the collector was made. */
export interface Trace {
  readonly events: readonly TraceEvent[];
  /** The events of one type, in order. */
  of<Type extends TraceEvent["type"]>(type: Type): ReadonlyArray<Extract<TraceEvent, { type: Type }>>;
  /** Stops collecting. */
  stop(): void;
}

/** Collects every event of the system. */
export function collectTrace(system: System): Trace {
  const events: TraceEvent[] = [];
  const stop = system.trace((event) => events.push(event));
  return {
    events,
    of: <Type extends TraceEvent["type"]>(type: Type) =>
      events.filter((event): event is Extract<TraceEvent, { type: Type }> => event.type === type),
    stop,
  };
}
