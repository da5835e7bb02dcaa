/** A number for each event of a trace, by its id. Ids count up, so it is an array. */
export class Ledger {
  readonly #numbers: number[] = [];

  /** 0 if there is none. */
  get(event: number): number {
    return this.#numbers[event] ?? 0;
  }

  set(event: number, number: number): void {
    const numbers = this.#numbers;
    // Without gaps, which would make each look at it a slow one.
    while (numbers.length < event) numbers.push(0);
    numbers[event] = number;
  }
}
