import { Resource } from "../resource.ts";
import type { ActorProcess } from "./process.ts";

/** The events that set timers. Only traced timers have one, so the timers themselves have no room for it. */
const causes = new WeakMap<Timer, number>();

/**
 * A timer that can be armed in a queue. Its times stand in the queue and not here, where each fraction would be an
 * object of its own: there may be a timer for each of 250,000 actors.
 */
export abstract class Timer extends Resource {
  readonly queue: TimerQueue;
  /** The index in the heap; -1 when not armed. Changed by the queue only. */
  place = -1;

  constructor(queue: TimerQueue) {
    super();
    this.queue = queue;
  }

  get kind(): "timer" {
    return "timer";
  }

  /** When it fires; Infinity when not armed. */
  get due(): number {
    return this.queue.dueOf(this);
  }

  /** The event that set it; 0 if nobody traced. */
  get cause(): number {
    return causes.get(this) ?? 0;
  }

  set cause(cause: number) {
    causes.set(this, cause);
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

/** For so many timers there is always room. */
const LEAST_CAPACITY = 32;

/**
 * Timers by time, exact to the millisecond fraction; those due together fire in the order in which they were armed,
 * unless two thousand million others were armed in between.
 *
 * A binary heap by `key`, which may lie before `due`: arming a timer again for later only stores the new time, and it
 * is moved when its old place comes up. A timeout that every packet pushes back therefore costs one store a packet.
 */
export class TimerQueue {
  readonly #heap: Timer[] = [];
  /** The length of the heap, which is so often asked for when it is empty. */
  #size = 0;
  /** Of the timer in place 0, 1, …: its key, then when it is due. */
  #times = new Float64Array(2 * LEAST_CAPACITY);
  /** Of the same: which arming its key is from, then which was the latest. They count in a circle. */
  #orders = new Int32Array(2 * LEAST_CAPACITY);
  #order = 0;

  /** The time that `armAfter` counts from, kept by the kernel. In an array, since a number of its own would be an object. */
  readonly clock: Float64Array = new Float64Array(1);

  get size(): number {
    return this.#size;
  }

  dueOf({ place }: Timer): number {
    return place < 0 ? Infinity : (this.#times[2 * place + 1] as number);
  }

  /** Arms the timer, or moves its deadline if it is armed; answers whether it may be due sooner for that. */
  arm(timer: Timer, due: number): boolean {
    this.#order = (this.#order + 1) | 0;
    const { place } = timer;
    if (place < 0) {
      if (2 * this.#size === this.#orders.length) this.#resize();
      this.#size += 1;
      this.#up(this.#heap.push(timer) - 1, timer, due, due, this.#order, this.#order);
      return true;
    }
    const key = this.#times[2 * place] as number;
    if (due > key) {
      this.#times[2 * place + 1] = due;
      this.#orders[2 * place + 1] = this.#order;
      return false;
    }
    if (due < key) this.#up(place, timer, due, due, this.#order, this.#order);
    else this.#down(place, timer, due, due, this.#order, this.#order);
    return due < key;
  }

  /** `arm` for so many milliseconds from the time of the clock; a store, if it is armed for earlier. */
  armAfter(timer: Timer, ms: number): boolean {
    const due = (this.clock[0] as number) + ms;
    const { place } = timer;
    if (place < 0 || due <= (this.#times[2 * place] as number)) return this.arm(timer, due);
    this.#order = (this.#order + 1) | 0;
    this.#times[2 * place + 1] = due;
    this.#orders[2 * place + 1] = this.#order;
    return false;
  }

  cancel(timer: Timer): void {
    const { place } = timer;
    if (place < 0) return;
    timer.place = -1;
    const last = this.#heap.pop();
    this.#size -= 1;
    const lastPlace = this.#size;
    if (last !== undefined && place < lastPlace) {
      const times = this.#times;
      const orders = this.#orders;
      const key = times[2 * lastPlace] as number;
      const due = times[2 * lastPlace + 1] as number;
      const keyOrder = orders[2 * lastPlace] as number;
      const order = orders[2 * lastPlace + 1] as number;
      if (place > 0 && this.#isBefore(lastPlace, (place - 1) >> 1)) this.#up(place, last, key, due, keyOrder, order);
      else this.#down(place, last, key, due, keyOrder, order);
    }
    // Half of the room is free: after many timeouts are gone, so is what they took.
    if (4 * lastPlace < this.#orders.length && lastPlace > LEAST_CAPACITY) this.#resize();
  }

  /** When the next timer is due; Infinity when none is armed. */
  get nextDue(): number {
    this.#sinkLate();
    return this.#size === 0 ? Infinity : (this.#times[1] as number);
  }

  /**
   * When to look again; no timer is due before, and perhaps none is then. To say more, those that were armed again for
   * later would have to be moved, each time that somebody asks.
   */
  get nextVisit(): number {
    return this.#size === 0 ? Infinity : (this.#times[0] as number);
  }

  /** Takes out the first timer that is due at `now`. */
  takeDue(now: number): Timer | undefined {
    if (this.#size === 0 || (this.#times[0] as number) > now) return undefined;
    this.#sinkLate();
    if ((this.#times[1] as number) > now) return undefined;
    const timer = this.#heap[0] as Timer;
    this.cancel(timer);
    return timer;
  }

  /** Moves timers that were armed again for later off the top, to where they belong now. */
  #sinkLate(): void {
    const times = this.#times;
    while (this.#size > 0 && (times[1] as number) > (times[0] as number)) {
      const due = times[1] as number;
      const order = this.#orders[1] as number;
      this.#down(0, this.#heap[0] as Timer, due, due, order, order);
    }
  }

  /** Puts a timer into this free place, or above it if it comes before those there. */
  #up(from: number, timer: Timer, key: number, due: number, keyOrder: number, order: number): void {
    const times = this.#times;
    const orders = this.#orders;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const parentKey = times[2 * parent] as number;
      if (key > parentKey || (key === parentKey && isEarlier(orders[2 * parent] as number, keyOrder))) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(place, timer, key, due, keyOrder, order);
  }

  /** Puts a timer into this free place, or below it if it comes after those there. */
  #down(from: number, timer: Timer, key: number, due: number, keyOrder: number, order: number): void {
    const times = this.#times;
    const orders = this.#orders;
    const size = this.#size;
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= size) break;
      const child = left + 1 < size && this.#isBefore(left + 1, left) ? left + 1 : left;
      const childKey = times[2 * child] as number;
      if (key < childKey || (key === childKey && isEarlier(keyOrder, orders[2 * child] as number))) break;
      this.#move(child, place);
      place = child;
    }
    this.#put(place, timer, key, due, keyOrder, order);
  }

  #isBefore(a: number, b: number): boolean {
    const keyOfA = this.#times[2 * a] as number;
    const keyOfB = this.#times[2 * b] as number;
    if (keyOfA !== keyOfB) return keyOfA < keyOfB;
    return isEarlier(this.#orders[2 * a] as number, this.#orders[2 * b] as number);
  }

  #move(from: number, to: number): void {
    const times = this.#times;
    const orders = this.#orders;
    const timer = this.#heap[from] as Timer;
    this.#heap[to] = timer;
    timer.place = to;
    times[2 * to] = times[2 * from] as number;
    times[2 * to + 1] = times[2 * from + 1] as number;
    orders[2 * to] = orders[2 * from] as number;
    orders[2 * to + 1] = orders[2 * from + 1] as number;
  }

  #put(place: number, timer: Timer, key: number, due: number, keyOrder: number, order: number): void {
    this.#heap[place] = timer;
    timer.place = place;
    this.#times[2 * place] = key;
    this.#times[2 * place + 1] = due;
    this.#orders[2 * place] = keyOrder;
    this.#orders[2 * place + 1] = order;
  }

  /** Makes room for a quarter more than there are: less than doubling would, for the sake of 250,000 idle timeouts. */
  #resize(): void {
    const size = this.#size;
    const capacity = Math.max(LEAST_CAPACITY, size + (size >> 2));
    const times = new Float64Array(2 * capacity);
    const orders = new Int32Array(2 * capacity);
    times.set(this.#times.subarray(0, 2 * size));
    orders.set(this.#orders.subarray(0, 2 * size));
    this.#times = times;
    this.#orders = orders;
  }
}

/** Whether one arming was before another, in numbers that count in a circle. */
function isEarlier(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
