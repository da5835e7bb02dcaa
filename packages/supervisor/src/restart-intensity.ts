/**
 * Counts restarts against the allowed intensity. As in OTP the times are whole seconds and the window includes its
 * edge, so the effective period lies between the given one and a second more.
 */
export class RestartIntensity {
  #intensity: number;
  #periodSeconds: number;
  /** The seconds of the restarts within the window, oldest first; those before `#first` have left it. */
  #times: number[] = [];
  #first = 0;

  constructor(intensity: number, periodMs: number) {
    this.#intensity = intensity;
    this.#periodSeconds = periodMs / 1000;
  }

  /** Other limits from now on, for the restarts counted so far too. */
  change(intensity: number, periodMs: number): void {
    this.#intensity = intensity;
    this.#periodSeconds = periodMs / 1000;
  }

  /** Records a restart at a time in milliseconds; answers whether it is still allowed. */
  add(nowMs: number): boolean {
    const now = Math.floor(nowMs / 1000);
    this.#times.push(now);
    for (let oldest = this.#times[this.#first]; oldest !== undefined; oldest = this.#times[this.#first]) {
      if (now <= oldest + this.#periodSeconds) break;
      this.#first += 1;
    }
    // Moved once in a while, so that a supervisor with a high intensity pays a constant for each restart.
    if (this.#first > 32 && this.#first * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#first);
      this.#first = 0;
    }
    return this.count <= this.#intensity;
  }

  /** Restarts in the window that ends at a time in milliseconds. */
  countAt(nowMs: number): number {
    const now = Math.floor(nowMs / 1000);
    return this.#times.slice(this.#first).filter((time) => now <= time + this.#periodSeconds).length;
  }

  /** Restarts in the window that ended with the last one. */
  get count(): number {
    return this.#times.length - this.#first;
  }
}
