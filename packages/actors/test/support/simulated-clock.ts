/**
 * A clock as XState asks for one, whose time is moved by hand: no timer of the platform is behind it. What is due together
 * fires in the order in which it was armed.
 */
export class SimulatedClock {
  now = 0;
  /** Whether a timer was ever due at the same moment as another. */
  hadTie = false;
  /** Whether one was ever due at once. */
  hadInstant = false;
  timers: Array<{ readonly due: number; readonly order: number; readonly fire: () => void }> = [];
  #order = 0;

  setTimeout(fire: () => void, ms: number): number {
    this.#order += 1;
    this.hadInstant ||= ms <= 0;
    this.timers.push({ due: this.now + Math.max(0, ms), order: this.#order, fire });
    this.timers.sort((a, b) => a.due - b.due || a.order - b.order);
    return this.#order;
  }

  clearTimeout(order: number): void {
    this.timers = this.timers.filter((timer) => timer.order !== order);
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (let first = this.timers[0]; first !== undefined && first.due <= end; first = this.timers[0]) {
      this.hadTie ||= this.timers[1]?.due === first.due;
      this.now = Math.max(this.now, first.due);
      this.timers.shift();
      first.fire();
    }
    this.now = end;
  }
}
