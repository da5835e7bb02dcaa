import type { InjectedEnd, Simulation } from "../simulation.ts";

/**
 * Ends actors before the effects that these patterns match, `path effect`, each once and in their order. For tests of what
 * is left when somebody dies half-way; `new ManualClock({ simulation })` takes it.
 */
export class Crashes implements Simulation {
  /** Nobody is ended before this is true. */
  isOn = true;
  readonly #left: RegExp[];
  readonly #end: InjectedEnd;
  #toSpare: number;

  /** @param spared - so many times the first is let pass */
  constructor(patterns: readonly RegExp[], end: InjectedEnd = "throw", spared = 0) {
    this.#left = [...patterns];
    this.#end = end;
    this.#toSpare = spared;
  }

  /** How many have not happened. */
  get left(): number {
    return this.#left.length;
  }

  crashAt({ path }: { readonly path: string }, effect: string): InjectedEnd | undefined {
    if (!this.isOn || this.#left[0]?.test(`${path} ${effect}`) !== true) return undefined;
    if (this.#toSpare > 0) {
      this.#toSpare -= 1;
      return undefined;
    }
    this.#left.shift();
    return this.#end;
  }

  delays(): boolean {
    return false;
  }

  lateness(): number {
    return 0;
  }
}
