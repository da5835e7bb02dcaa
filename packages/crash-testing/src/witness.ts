import type { TraceEvent } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "./invariant.ts";

/** Learns of a violation at which event it came out, if it was an event and not a look at the whole. */
export class Witness {
  /** The id of the event that broke the invariant; undefined: it came out as nothing was left to do, or at the end of a phase. */
  brokenBy: number | undefined;
  run: RunView | undefined;
  readonly #onBroken: () => void;
  #current: number | undefined;
  #isBroken = false;

  /** @param onBroken - called once, when the first invariant is broken */
  constructor(onBroken: () => void) {
    this.#onBroken = onBroken;
  }

  /** The same invariants, heard. */
  of(invariants: readonly Invariant[]): Invariant[] {
    // Who wants to see states makes the trace show them.
    const eyes: Invariant = {
      id: "witness",
      says: "",
      watch: (run) => {
        this.run = run;
        return { on: { handled: () => {} } };
      },
    };
    return [eyes, ...invariants.map((invariant) => this.#heard(invariant))];
  }

  #heard(invariant: Invariant): Invariant {
    return {
      ...invariant,
      watch: (run) => {
        const watch = invariant.watch(this.#viewOf(run));
        return {
          on: this.#during(watch),
          ...(watch.quiet !== undefined && { quiet: () => watch.quiet?.() }),
          ...(watch.after !== undefined && { after: (phase) => watch.after?.(phase) }),
        };
      },
    };
  }

  #during({ on = {} }: Watch): Watched {
    const entries = Object.entries(on).map(([type, handle]) => {
      const heard = (event: TraceEvent): void => {
        this.#current = event.id;
        (handle as (event: TraceEvent) => void)(event);
        this.#current = undefined;
      };
      return [type, heard];
    });
    return Object.fromEntries(entries) as Watched;
  }

  #viewOf(run: RunView): RunView {
    const broken = (): void => {
      if (this.#isBroken) return;
      this.#isBroken = true;
      this.brokenBy = this.#current;
      this.#onBroken();
    };
    return new Proxy(run, {
      get: (target, key) => {
        if (key !== "violate") return Reflect.get(target, key, target) as unknown;
        return (invariant: string, message: string) => {
          broken();
          target.violate(invariant, message);
        };
      },
    });
  }
}
