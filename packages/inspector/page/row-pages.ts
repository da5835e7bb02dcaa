import type { ChildRow, ChildSort, SortOrder } from "@espalier/inspector/api-types";
import { ask, RefusedError } from "./api.ts";

export interface RowQuery {
  readonly id: string;
  readonly filter: string;
  readonly state: string;
  readonly sort: ChildSort;
  readonly order: SortOrder;
}

/** Rows beyond what can be seen that are asked for along with it. */
const AROUND = 20;
const MOST_ASKED = 200;

/** The rows that are looked at, out of however many there are. One question is under way at a time. */
export class RowPages {
  total: number | undefined;
  matching: number | undefined;
  error: string | undefined;
  readonly #query: RowQuery;
  readonly #changed: () => void;
  readonly #abort = new AbortController();
  #rows = new Map<number, ChildRow>();
  #first = 0;
  #count = 0;
  #isAsking = false;
  #isStale = true;

  constructor(query: RowQuery, changed: () => void) {
    this.#query = query;
    this.#changed = changed;
  }

  row(index: number): ChildRow | undefined {
    return this.#rows.get(index);
  }

  /** These rows are seen now. */
  look(first: number, count: number): void {
    this.#first = first;
    this.#count = count;
    this.#askIfNeeded();
  }

  refresh(): void {
    if (document.hidden) return;
    this.#isStale = true;
    this.#askIfNeeded();
  }

  close(): void {
    this.#abort.abort();
  }

  #askIfNeeded(): void {
    if (this.#isAsking || this.#abort.signal.aborted || this.#count === 0) return;
    const last = Math.min(this.#first + this.#count, this.matching ?? Infinity) - 1;
    const isThere = this.#rows.has(Math.min(this.#first, last)) && this.#rows.has(last);
    if (isThere && !this.#isStale) return;
    if (this.matching === 0 && !this.#isStale) return;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    this.#isStale = false;
    // There may be fewer by now than when it was scrolled so far.
    const first = Math.min(this.#first, Math.max((this.matching ?? Infinity) - 1, 0));
    const offset = Math.max(0, first - AROUND);
    const limit = Math.min(this.#count + 2 * AROUND, MOST_ASKED);
    try {
      const answer = await ask("children", { ...this.#query, offset, limit }, this.#abort.signal);
      // What lies elsewhere is of another moment.
      this.#rows = new Map(answer.items.map((row, index) => [offset + index, row]));
      this.total = answer.total;
      this.matching = answer.matching;
      this.error = undefined;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.error = error instanceof RefusedError ? error.message : "The inspector cannot be reached.";
    }
    this.#isAsking = false;
    this.#changed();
    if (this.error === undefined) this.#askIfNeeded();
  }
}
