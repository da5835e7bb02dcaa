import type { Process } from "@espalier/actors";
import { backoffDelay, type CompleteBackoff } from "./backoff.ts";
import type { CompleteFlags } from "./flags.ts";
import { RestartIntensity } from "./restart-intensity.ts";

/** The restarts that a supervisor has made and may still make, and the pause before the next. */
export class RestartBudget {
  readonly #process: Process;
  readonly #intensity: RestartIntensity;
  #backoff: CompleteBackoff | undefined;
  #made = 0;

  constructor(process: Process, { intensity, periodMs, backoff }: CompleteFlags) {
    this.#process = process;
    this.#intensity = new RestartIntensity(intensity, periodMs);
    this.#backoff = backoff;
  }

  /** Other flags from now on, for the restarts counted so far too. */
  change({ intensity, periodMs, backoff }: CompleteFlags): void {
    this.#intensity.change(intensity, periodMs);
    this.#backoff = backoff;
  }

  /** Takes one restart. False: it is one too many, and the supervisor has to give up. */
  take(): boolean {
    const isAllowed = this.#intensity.add(this.#process.now());
    if (isAllowed) this.#made += 1;
    return isAllowed;
  }

  /** How long the next restart has to wait, in milliseconds; undefined without a back-off: it is made at once. */
  pause(): number | undefined {
    if (this.#backoff === undefined) return undefined;
    const earlier = this.#intensity.countAt(this.#process.now());
    return backoffDelay(this.#backoff, earlier, this.#process.random());
  }

  /** For inspection. */
  describe(): { readonly restarts: number; readonly restartsInPeriod: number } {
    return { restarts: this.#made, restartsInPeriod: this.#intensity.count };
  }
}
