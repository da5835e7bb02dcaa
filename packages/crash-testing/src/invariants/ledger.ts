/** A number for each event of a trace, by its id. Ids count up, so it is an array. */
export class Ledger {
  #numbers = new Int32Array(1024);

  /** 0 if there is none. */
  get(event: number): number {
    return this.#numbers[event] ?? 0;
  }

  set(event: number, number: number): void {
    if (event >= this.#numbers.length) {
      const larger = new Int32Array(Math.max(2 * this.#numbers.length, event + 1));
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[event] = number;
  }
}
