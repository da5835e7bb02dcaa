import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Timer, TimerQueue } from "../src/internal/timer-queue.ts";

class NamedTimer extends Timer {
  readonly name: number;

  constructor(queue: TimerQueue, name: number) {
    super(queue);
    this.name = name;
  }

  fire(): void {
    throw new Error("nobody fires timers here");
  }
}

interface Armed {
  readonly name: number;
  readonly due: number;
  readonly order: number;
}

/** Timers as a list that is sorted whenever somebody asks. */
class Model {
  readonly armed = new Map<number, Armed>();
  #order = 0;

  arm(name: number, due: number): void {
    this.#order += 1;
    this.armed.set(name, { name, due, order: this.#order });
  }

  sorted(): Armed[] {
    return [...this.armed.values()].toSorted((a, b) => a.due - b.due || a.order - b.order);
  }
}

class Real {
  readonly queue = new TimerQueue();
  readonly timers: NamedTimer[] = Array.from({ length: 12 }, (_, name) => new NamedTimer(this.queue, name));

  timer(name: number): NamedTimer {
    const timer = this.timers[name];
    if (timer === undefined) throw new Error(`no timer ${name}`);
    return timer;
  }
}

type QueueCommand = fc.Command<Model, Real>;

function agree(model: Model, { queue }: Real): void {
  expect(queue.size).toBe(model.armed.size);
  expect(queue.nextDue).toBe(model.sorted()[0]?.due ?? Infinity);
}

const name = fc.nat(11);
// Few different times, so that ties are common; halves, because the host's clock has fractions.
const time = fc.nat(20).map((halves) => halves / 2);

const arm = fc.tuple(name, time).map(([timer, due]): QueueCommand => ({
  check: () => true,
  run(model, real) {
    model.arm(timer, due);
    real.queue.arm(real.timer(timer), due);
    agree(model, real);
  },
  toString: () => `arm(${timer}, ${due})`,
}));

const cancel = name.map((timer): QueueCommand => ({
  check: () => true,
  run(model, real) {
    model.armed.delete(timer);
    real.queue.cancel(real.timer(timer));
    agree(model, real);
  },
  toString: () => `cancel(${timer})`,
}));

function taking(now: number): QueueCommand {
  return {
    check: () => true,
    run(model, real) {
      const first = model.sorted().find(({ due }) => due <= now);
      const taken = real.queue.takeDue(now);
      expect(taken === undefined ? undefined : (taken as NamedTimer).name).toBe(first?.name);
      if (first !== undefined) model.armed.delete(first.name);
      // Not `agree`: asking for the next deadline would push back what was re-armed, and hide a fault of takeDue.
      expect(real.queue.size).toBe(model.armed.size);
    },
    toString: () => `takeDue(${now})`,
  };
}

const takeDue = time.map(taking);

/** Arms without looking at the queue in between, so that several lazy moves pile up. */
const rearm = fc
  .array(fc.tuple(name, time), { minLength: 1, maxLength: 6, size: "max" })
  .map((moves): QueueCommand => ({
    check: () => true,
    run(model, real) {
      for (const [timer, due] of moves) {
        model.arm(timer, due);
        real.queue.arm(real.timer(timer), due);
      }
    },
    toString: () => `rearm(${JSON.stringify(moves)})`,
  }));

function fire(queue: TimerQueue, now: number): number[] {
  const names: number[] = [];
  for (let timer = queue.takeDue(now); timer !== undefined; timer = queue.takeDue(now)) {
    names.push((timer as NamedTimer).name);
  }
  return names;
}

/** Times in no order, some of them the same. */
function dueOf(place: number): number {
  return (place * 7919) % 500;
}

describe("a timer queue", () => {
  test("fires what a sorted list would fire", () => {
    fc.assert(
      fc.property(fc.commands([arm, rearm, cancel, takeDue, takeDue], { maxCommands: 80, size: "max" }), (commands) => {
        fc.modelRun(() => ({ model: new Model(), real: new Real() }), commands);
      }),
      { numRuns: 300 },
    );
    expect.hasAssertions();
  });

  test("gives out everything in order of time, and of arming where the time is the same", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, time), { maxLength: 60, size: "max" }), (moves) => {
        const model = new Model();
        const real = new Real();
        for (const [timer, due] of moves) {
          model.arm(timer, due);
          real.queue.arm(real.timer(timer), due);
        }
        expect(fire(real.queue, Infinity)).toEqual(model.sorted().map((armed) => armed.name));
        expect(real.queue.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("keeps its order when timers are cancelled out of the middle", () => {
    // Ten times as many timers as elsewhere: a heap must be deep before a gap in it is filled from another branch.
    const timers = fc.array(fc.tuple(fc.nat(1000), fc.boolean()), { maxLength: 120, size: "max" });
    fc.assert(
      fc.property(timers, (all) => {
        const queue = new TimerQueue();
        const armed = all.map(([due, isCancelled], place) => {
          const timer = new NamedTimer(queue, place);
          queue.arm(timer, due);
          return { timer, due, isCancelled, place };
        });
        for (const { timer, isCancelled } of armed) if (isCancelled) queue.cancel(timer);
        const left = armed.filter(({ isCancelled }) => !isCancelled).toSorted((a, b) => a.due - b.due);
        expect(fire(queue, Infinity)).toEqual(left.map(({ place }) => place));
      }),
      { numRuns: 100 },
    );
  });

  test("grows and shrinks with its timers, and forgets none", () => {
    const queue = new TimerQueue();
    const timers = Array.from({ length: 1000 }, (_, place) => new NamedTimer(queue, place));
    for (let round = 0; round < 2; round += 1) {
      for (const [place, timer] of timers.entries()) queue.arm(timer, dueOf(place));
      const kept = timers.filter((_, place) => place % 20 === 0);
      for (const [place, timer] of timers.entries()) if (place % 20 !== 0) queue.cancel(timer);
      for (const timer of kept) queue.arm(timer, dueOf(timer.name) + 1000);
      expect(queue.size).toBe(kept.length);
      expect(kept.map((timer) => timer.due)).toEqual(kept.map((timer) => dueOf(timer.name) + 1000));
      const expected = kept.toSorted((a, b) => dueOf(a.name) - dueOf(b.name));
      expect(fire(queue, 2000)).toEqual(expected.map((timer) => timer.name));
    }
  });

  test("knows when each of its timers is due", () => {
    const real = new Real();
    const timer = real.timer(0);
    expect(timer.due).toBe(Infinity);
    real.queue.arm(timer, 1.5);
    expect(timer.due).toBe(1.5);
    real.queue.arm(timer, 3);
    expect(timer.due).toBe(3);
    real.queue.cancel(timer);
    expect(timer.due).toBe(Infinity);
  });

  test("fires nothing before its time", () => {
    const real = new Real();
    real.queue.arm(real.timer(0), 10);
    expect(fire(real.queue, 9.999)).toEqual([]);
    expect(fire(real.queue, 10)).toEqual([0]);
    expect(real.queue.nextDue).toBe(Infinity);
  });

  test("a timer that is armed again for later fires once, then", () => {
    const real = new Real();
    real.queue.arm(real.timer(0), 10);
    real.queue.arm(real.timer(0), 20);
    expect(real.queue.size).toBe(1);
    expect(fire(real.queue, 10)).toEqual([]);
    expect(fire(real.queue, 20)).toEqual([0]);
    expect(fire(real.queue, 30)).toEqual([]);
  });

  test("a timer that is armed again for earlier fires once, then", () => {
    const real = new Real();
    real.queue.arm(real.timer(0), 20);
    real.queue.arm(real.timer(0), 10);
    expect(fire(real.queue, 10)).toEqual([0]);
    expect(fire(real.queue, 30)).toEqual([]);
  });

  test("a timer that is armed again takes its place behind those armed meanwhile", () => {
    const real = new Real();
    real.queue.arm(real.timer(0), 10);
    real.queue.arm(real.timer(1), 10);
    real.queue.arm(real.timer(0), 10);
    expect(fire(real.queue, 10)).toEqual([1, 0]);
  });

  test("cancelling a timer that is not armed does nothing", () => {
    const real = new Real();
    real.queue.cancel(real.timer(0));
    real.queue.arm(real.timer(0), 1);
    real.queue.cancel(real.timer(0));
    real.queue.cancel(real.timer(0));
    expect(real.queue.size).toBe(0);
    expect(real.queue.nextDue).toBe(Infinity);
  });
});
