import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Candidate, choose, isPoolChoice } from "../src/pool-choice.ts";

function pool(...unsent: readonly number[]): Candidate[] {
  return unsent.map((unsentBytes, index) => ({ id: `c${index + 1}`, order: index + 1, unsentBytes }));
}

const never = (): number => {
  throw new Error("nothing is up to chance here");
};

describe("round robin", () => {
  test("takes each in its turn, and goes on where it was when some are lost", () => {
    const all = pool(0, 0, 0, 0);
    const turns: string[] = [];
    let last = 0;
    for (const present of [all, all, all.slice(2), all, all, all]) {
      const chosen = choose(present, "roundRobin", last, never);
      last = chosen?.order ?? 0;
      turns.push(chosen?.id ?? "");
    }
    expect(turns).toEqual(["c1", "c2", "c3", "c4", "c1", "c2"]);
  });
});

describe("least unsent", () => {
  test("takes the idlest, and among equals each in its turn", () => {
    expect(choose(pool(9, 3, 5), "leastUnsent", 0, never)?.id).toBe("c2");
    expect(choose(pool(3, 9, 3), "leastUnsent", 1, never)?.id).toBe("c3");
  });
});

describe("random", () => {
  test.each([
    [0, "c1"],
    [0.34, "c2"],
    [0.999, "c3"],
  ])("of three, %s is %s", (chance, id) => {
    expect(choose(pool(0, 0, 0), "random", 0, () => chance)?.id).toBe(id);
  });
});

describe("by id", () => {
  test("takes that one or none", () => {
    expect(choose(pool(0, 0), { id: "c2" }, 0, never)?.id).toBe("c2");
    expect(choose(pool(0, 0), { id: "c3" }, 0, never)).toBeUndefined();
  });
});

const owner = (candidates: readonly Candidate[], key: string) => choose(candidates, { key }, 0, never)?.id;

describe("by key", () => {
  const keys = Array.from({ length: 1000 }, (_, index) => `user-${index}`);

  test("spreads keys evenly", () => {
    const counts = new Map<string | undefined, number>();
    for (const key of keys) {
      const id = owner(pool(0, 0, 0, 0), key);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 250)).toBeLessThan(60);
    expect(counts.size).toBe(4);
  });

  test("when one is lost, only its keys move, and they come back with it", () => {
    const all = pool(0, 0, 0, 0, 0);
    fc.assert(
      fc.property(fc.string(), fc.nat(4), (key, lost) => {
        const rest = all.filter((_, index) => index !== lost);
        const before = owner(all, key);
        const after = owner(rest, key);
        expect(after === before).toBe(before !== all[lost]?.id);
        expect(owner(all.toReversed(), key)).toBe(before);
      }),
    );
  });
});

test("of nobody there is nobody to choose", () => {
  for (const choice of ["roundRobin", "random", "leastUnsent", { key: "a" }, { id: "a" }] as const) {
    expect(choose([], choice, 0, () => 0.5)).toBeUndefined();
  }
});

test.each([
  ["roundRobin", true],
  [{ key: "a" }, true],
  [{ id: "a" }, true],
  ["byTurns", false],
  [{ key: 7 }, false],
  [{}, false],
  [null, false],
  [undefined, false],
])("%j is a choice: %s", (value, expected) => {
  expect(isPoolChoice(value)).toBe(expected);
});
