import type { TraceEvent, Tracer } from "../event.ts";

/** Somebody who wants to see events; of all types, or of some. */
export interface Spectator {
  readonly see: Tracer;
  readonly types: ReadonlySet<string> | undefined;
}

/** Those who want to see the events of one level of detail. */
export class Audience {
  readonly #spectators: readonly Spectator[];
  /** By type of event, once one has happened. */
  readonly #byType = new Map<string, Tracer | null>();

  private constructor(spectators: readonly Spectator[]) {
    this.#spectators = spectators;
  }

  /** Null if there is nobody: that is all the hot path looks at. */
  static of(spectators: readonly Spectator[]): Audience | null {
    return spectators.length === 0 ? null : new Audience(spectators);
  }

  /** All of them who want to see this type of event as one, or null if nobody does. */
  of(type: TraceEvent["type"]): Tracer | null {
    let tracer = this.#byType.get(type);
    if (tracer === undefined) {
      tracer = composed(this.#spectators.filter(({ types }) => types?.has(type) ?? true).map(({ see }) => see));
      this.#byType.set(type, tracer);
    }
    return tracer;
  }
}

function composed(tracers: readonly Tracer[]): Tracer | null {
  const [only] = tracers;
  if (only === undefined) return null;
  if (tracers.length === 1) return only;
  return (event) => {
    for (const tracer of tracers) tracer(event);
  };
}
