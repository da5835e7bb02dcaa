import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DebtBucket } from "../src/rate-limit.ts";

test("what a full bucket holds is taken without a pause, and the next is paid for", () => {
  const bucket = new DebtBucket(100, 50, 1000);
  expect([bucket.take(30, 1000), bucket.take(20, 1000), bucket.take(1, 1000)]).toEqual([0, 0, 10]);
  expect([bucket.take(0, 1009), bucket.take(0, 1010)]).toEqual([1, 0]);
});

test("one that is larger than all that the bucket holds is taken at once, and waited for", () => {
  const bucket = new DebtBucket(10, 1, 0);
  expect([bucket.take(101, 0), bucket.take(0, 9999), bucket.take(1, 10_000)]).toEqual([10_000, 1, 100]);
});

test("a rest fills it to the brim and no further", () => {
  const bucket = new DebtBucket(7, 3, 0);
  expect([bucket.take(3, 1e9), bucket.take(1, 1e9)]).toEqual([0, 143]);
});

test("a rate that does not divide the second drifts by nothing in a million pauses", () => {
  const bucket = new DebtBucket(3, 0, 0);
  let now = 0;
  for (let count = 0; count < 1_000_000; count += 1) now += bucket.take(1, now);
  // A third of a second each, less the millisecond that it holds at first.
  expect(now).toBe(Math.ceil(1_000_000_000 / 3 - 1));
});

/** The same by fractions: everything that was ever taken and ever came, added up anew each time. */
class Reference {
  readonly #log: Array<readonly [count: bigint, now: bigint]> = [];
  readonly perSecond: bigint;
  readonly full: bigint;
  readonly start: bigint;

  constructor(perSecond: number, burst: number, start: number) {
    this.perSecond = BigInt(perSecond);
    this.full = BigInt(Math.max(burst * 1000, perSecond));
    this.start = BigInt(start);
  }

  take(count: number, now: number): number {
    this.#log.push([BigInt(count), BigInt(now)]);
    const { full } = this;
    let level = full;
    let last = this.start;
    for (const [taken, at] of this.#log) {
      for (; last < at && level < full; last += 1n) level += this.perSecond;
      if (level > full) level = full;
      last = at;
      level -= taken * 1000n;
    }
    let wait = 0;
    for (; level < 0n; level += this.perSecond) wait += 1;
    return wait;
  }
}

const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 300 })), { maxLength: 20 });

test("it says what a count of every single millisecond says", () => {
  const rate = fc.integer({ min: 50, max: 5000 });
  fc.assert(
    fc.property(rate, fc.integer({ min: 0, max: 500 }), fc.nat(1000), steps, (perSecond, burst, start, all) => {
      const bucket = new DebtBucket(perSecond, burst, start);
      const reference = new Reference(perSecond, burst, start);
      let now = start;
      for (const [pause, count] of all) {
        now += pause;
        expect(bucket.take(count, now)).toBe(reference.take(count, now));
      }
    }),
  );
});

test("takers that wait as they are told share it exactly: never more than burst, rate and one take of each", () => {
  const takes = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(1000), takes, (perSecond, burst, sizes) => {
      const bucket = new DebtBucket(perSecond, burst, 0);
      const due = sizes.map(() => 0);
      const taken = sizes.map(() => 0);
      let total = 0;
      for (let round = 0; round < 200; round += 1) {
        const now = Math.min(...due);
        const next = due.indexOf(now);
        const size = sizes[next] ?? 0;
        due[next] = now + bucket.take(size, now);
        total += size;
        taken[next] = (taken[next] ?? 0) + 1;
        const most =
          Math.max(burst, perSecond / 1000) + (perSecond * now) / 1000 + sizes.reduce((sum, each) => sum + each, 0);
        expect(total).toBeLessThanOrEqual(most);
      }
      // Nobody starves: whoever has not taken has not had to wait, and the debt is that of the others' one take.
      const starved = Math.min(...taken) === 0;
      const onceEach = burst + 2 + sizes.reduce((sum, each) => sum + each, 0);
      expect(!starved || Math.max(...due) === 0 || total <= onceEach).toBe(true);
    }),
  );
});
