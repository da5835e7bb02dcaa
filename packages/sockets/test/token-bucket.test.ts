import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket } from "../src/token-bucket.ts";

test("a full bucket lets its capacity through at once, and then one at each part of the interval", () => {
  const bucket = new TokenBucket({ capacity: 4 }, 1000);
  const taken = (now: number, tries = 10) =>
    Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
  expect(taken(1000)).toBe(4);
  expect([taken(1249), taken(1250), taken(1499), taken(1500)]).toEqual([0, 1, 0, 1]);
  expect(taken(2250)).toBe(3);
  expect(taken(1_000_000)).toBe(4);
});

test("a capacity that does not divide the interval drifts by nothing in a million intervals", () => {
  const bucket = new TokenBucket({ capacity: 3 }, 0);
  for (let spent = 0; spent < 3; spent += 1) bucket.take(0);
  let wrong = 0;
  for (let interval = 1; interval <= 1_000_000; interval += 1) {
    const now = interval * 1000;
    const taken = [
      bucket.take(now - 1),
      bucket.take(now - 1),
      bucket.take(now - 1),
      bucket.take(now),
      bucket.take(now),
    ];
    if (taken.join() !== "true,true,false,true,false") wrong += 1;
  }
  expect(wrong).toBe(0);
});

test("whoever asks all the time gets exactly the capacity and what has come since", () => {
  const rate = fc.record({ capacity: fc.integer({ min: 1, max: 50 }), intervalMs: fc.integer({ min: 1, max: 5000 }) });
  fc.assert(
    fc.property(rate, fc.integer({ min: 0, max: 3000 }), ({ capacity, intervalMs }, ms) => {
      const bucket = new TokenBucket({ capacity, intervalMs }, 7);
      let taken = 0;
      // An interval of few milliseconds brings several at a time.
      for (let now = 7; now <= 7 + ms; now += 1) while (bucket.take(now)) taken += 1;
      expect(taken).toBe(capacity + Math.floor((ms * capacity) / intervalMs));
    }),
  );
});

test("nobody ever gets more than that in any window, however he asks", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 8 })), { maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), steps, (capacity, all) => {
      const bucket = new TokenBucket({ capacity }, 0);
      const times: number[] = [];
      let now = 0;
      for (const [pause, tries] of all) {
        now += pause;
        for (let index = 0; index < tries; index += 1) if (bucket.take(now)) times.push(now);
      }
      // From each taken one to each later one, both included.
      const excess = times.flatMap((from, first) =>
        times.slice(first).map((to, more) => more + 1 - capacity - ((to - from) * capacity) / 1000),
      );
      expect(Math.max(0, ...excess)).toBe(0);
    }),
  );
});
