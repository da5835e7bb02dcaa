import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Ring } from "../src/internal/ring.ts";

interface Model {
  readonly items: number[];
}

type RingCommand = fc.Command<Model, Ring<number>>;

function all(ring: Ring<number>): Array<number | undefined> {
  return Array.from({ length: ring.length }, (_, index) => ring.at(index));
}

function command(
  name: string,
  onModel: (items: number[]) => unknown,
  onRing: (ring: Ring<number>, items: readonly number[]) => unknown,
): RingCommand {
  return {
    check: () => true,
    run({ items }, ring) {
      const answer = onRing(ring, items);
      expect(answer).toEqual(onModel(items));
      expect(all(ring)).toEqual(items);
    },
    toString: () => name,
  };
}

const push = fc.nat().map((item) =>
  command(
    `push(${item})`,
    (items) => void items.push(item),
    (ring) => ring.push(item),
  ),
);
const unshift = fc.nat().map((item) =>
  command(
    `unshift(${item})`,
    (items) => void items.unshift(item),
    (ring) => ring.unshift(item),
  ),
);
const shift = fc.constant(
  command(
    "shift()",
    (items) => items.shift(),
    (ring) => ring.shift(),
  ),
);
/** A place within the ring, whatever its length is when the command runs. */
function removing(seed: number): RingCommand {
  return {
    check: ({ items }) => items.length > 0,
    run({ items }, ring) {
      const place = seed % items.length;
      expect(ring.remove(place)).toBe(items.splice(place, 1)[0]);
      expect(all(ring)).toEqual(items);
    },
    toString: () => `remove(${seed})`,
  };
}

const remove = fc.nat().map(removing);

describe("a ring", () => {
  test("holds what an array would hold", () => {
    // More pushes than anything else, so that it grows past its first arrays and wraps.
    const commands = fc.commands([push, push, push, unshift, shift, remove], { maxCommands: 120, size: "max" });
    fc.assert(
      fc.property(commands, (run) => {
        fc.modelRun(() => ({ model: { items: [] }, real: new Ring<number>() }), run);
      }),
      { numRuns: 60 },
    );
    expect.hasAssertions();
  });

  test("keeps the order when it grows while wrapped round", () => {
    const ring = new Ring<number>();
    for (let item = 0; item < 8; item += 1) ring.push(item);
    for (let item = 0; item < 5; item += 1) ring.shift();
    for (let item = 8; item < 20; item += 1) ring.push(item);
    expect(all(ring)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  test("answers undefined when it is empty", () => {
    const ring = new Ring<number>();
    expect(ring.shift()).toBeUndefined();
    ring.push(1);
    ring.shift();
    expect(ring.shift()).toBeUndefined();
    expect(ring.length).toBe(0);
  });

  test("lets go of what it gave out", () => {
    const ring = new Ring<object>();
    ring.push({});
    ring.shift();
    expect(ring.at(-1)).toBeUndefined();
    expect(ring.at(0)).toBeUndefined();
  });
});
