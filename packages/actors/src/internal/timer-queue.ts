import { Resource } from "../resource.ts";
import type { ActorProcess } from "./process.ts";

/**
 * A timer that is armed in a queue. Its place in the heap is by `key`, which may lie before `due`: re-arming for a
 * later time only stores the new time, and the timer is moved when its old place comes up. A timeout that every packet
 * pushes back therefore costs one store a packet.
 */
export abstract class Timer extends Resource {
  readonly kind = "timer" as const;
  readonly queue: TimerQueue;
  due = 0;
  order = 0;
  key = 0;
  keyOrder = 0;
  /** The index in the heap; -1 when not armed. */
  place = -1;
  /** The event that set it; 0 if nobody traced. */
  cause = 0;

  constructor(queue: TimerQueue) {
    super();
    this.queue = queue;
  }

  /** The time has come. The timer is armed no more and belongs to nobody; `owner` is who had it. */
  abstract fire(owner: ActorProcess | null): void;

  release(): void {
    this.queue.cancel(this);
  }

  override describe(): string {
    return `due at ${this.due}`;
  }
}

/** Timers by time, exact to the millisecond fraction; those due together fire in the order in which they were armed. */
export class TimerQueue {
  readonly #heap: Timer[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Arms the timer, or moves its deadline if it is armed; answers whether its place in the queue has changed. */
  arm(timer: Timer, due: number): boolean {
    this.#order += 1;
    timer.due = due;
    timer.order = this.#order;
    if (timer.place >= 0 && due >= timer.key) return false;
    timer.key = due;
    timer.keyOrder = timer.order;
    if (timer.place < 0) {
      timer.place = this.#heap.length;
      this.#heap.push(timer);
    }
    this.#up(timer);
    return true;
  }

  cancel(timer: Timer): void {
    const { place } = timer;
    if (place < 0) return;
    timer.place = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    this.#heap[place] = last;
    last.place = place;
    this.#up(last);
    this.#down(last);
  }

  /** When the next timer is due; Infinity when none is armed. */
  get nextDue(): number {
    return this.#first()?.due ?? Infinity;
  }

  /** Takes out the first timer that is due at `now`. */
  takeDue(now: number): Timer | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.key > now) return undefined;
    const timer = this.#first();
    if (timer === undefined || timer.due > now) return undefined;
    this.cancel(timer);
    return timer;
  }

  /** The first timer whose place in the heap is that of its deadline; pushes back those that were re-armed. */
  #first(): Timer | undefined {
    for (;;) {
      const timer = this.#heap[0];
      if (timer === undefined || timer.keyOrder === timer.order) return timer;
      timer.key = timer.due;
      timer.keyOrder = timer.order;
      this.#down(timer);
    }
  }

  #up(timer: Timer): void {
    const heap = this.#heap;
    let { place } = timer;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = heap[parentPlace];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[place] = parent;
      parent.place = place;
      place = parentPlace;
    }
    heap[place] = timer;
    timer.place = place;
  }

  #down(timer: Timer): void {
    const heap = this.#heap;
    let { place } = timer;
    for (;;) {
      const leftPlace = 2 * place + 1;
      const left = heap[leftPlace];
      if (left === undefined) break;
      const right = heap[leftPlace + 1];
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, timer)) break;
      const childPlace = child.place;
      heap[place] = child;
      child.place = place;
      place = childPlace;
    }
    heap[place] = timer;
    timer.place = place;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.key < b.key || (a.key === b.key && a.keyOrder < b.keyOrder);
}
