/** Something that happens at a time. */
interface Item {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** What is going to happen, by time, and at the same time in the order in which it was put down: a binary heap. */
export class Agenda {
  readonly #heap: Item[] = [];
  #order = 0;
  #cancelled = 0;

  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** The answer takes it off again. */
  add(time: number, run: () => void): () => void {
    const item: Item = { time, order: this.#order, run, isCancelled: false };
    this.#order += 1;
    this.#up(this.#heap.push(item) - 1, item);
    return () => {
      if (item.isCancelled) return;
      item.isCancelled = true;
      this.#cancelled += 1;
    };
  }

  /** When the next thing happens; Infinity if nothing does. */
  get next(): number {
    this.#dropCancelled();
    return this.#heap[0]?.time ?? Infinity;
  }

  /** Takes the next thing out. */
  take(): (() => void) | undefined {
    this.#dropCancelled();
    const item = this.#pop();
    if (item === undefined) return undefined;
    // What has happened cannot be taken off any more.
    item.isCancelled = true;
    return item.run;
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.isCancelled === true) {
      this.#pop();
      this.#cancelled -= 1;
    }
  }

  #pop(): Item | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#down(last);
    return first;
  }

  #up(from: number, item: Item): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const parent = heap[(place - 1) >> 1] as Item;
      if (isBefore(parent, item)) break;
      heap[place] = parent;
      place = (place - 1) >> 1;
    }
    heap[place] = item;
  }

  #down(item: Item): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Item, heap[child] as Item)) child += 1;
      if (isBefore(item, heap[child] as Item)) break;
      heap[place] = heap[child] as Item;
      place = child;
    }
    heap[place] = item;
  }
}

function isBefore(a: Item, b: Item): boolean {
  return a.time === b.time ? a.order < b.order : a.time < b.time;
}
