import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Strategy } from "../src/flags.ts";
import { restartGroup } from "../src/strategy.ts";

const strategies: Strategy[] = ["oneForOne", "oneForAll", "restForOne"];

const siblings = fc
  .uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 20 })
  .chain((inOrder) => fc.record({ inOrder: fc.constant(inOrder), failed: fc.constantFrom(...inOrder) }));

/** Holds for any children in any order, whichever of them failed. */
function always(law: (inOrder: readonly number[], failed: number) => void): void {
  fc.assert(fc.property(siblings, ({ inOrder, failed }) => law(inOrder, failed)));
}

describe.each(strategies)("the group that %s restarts", (strategy) => {
  test("holds the child that failed", () => {
    always((inOrder, failed) => {
      expect(restartGroup(strategy, inOrder, failed)).toContain(failed);
    });
  });

  test("keeps the start order", () => {
    always((inOrder, failed) => {
      const group = restartGroup(strategy, inOrder, failed);
      expect(group).toEqual(inOrder.filter((child) => group.includes(child)));
    });
  });

  test("leaves the table of children as it is", () => {
    always((inOrder, failed) => {
      const before = [...inOrder];
      const group = restartGroup(strategy, Object.freeze(inOrder), failed);
      expect(inOrder).toEqual(before);
      expect(group).not.toBe(inOrder);
    });
  });

  test("is all there is when the child has no siblings", () => {
    expect(restartGroup(strategy, ["only"], "only")).toEqual(["only"]);
  });
});

describe("the group that is restarted", () => {
  test("by oneForOne is the child alone", () => {
    always((inOrder, failed) => {
      expect(restartGroup("oneForOne", inOrder, failed)).toEqual([failed]);
    });
  });

  test("by oneForAll is all children", () => {
    always((inOrder, failed) => {
      expect(restartGroup("oneForAll", inOrder, failed)).toEqual(inOrder);
    });
  });

  test("by restForOne is the child and all that were started after it", () => {
    always((inOrder, failed) => {
      const [first, ...rest] = restartGroup("restForOne", inOrder, failed);
      expect(first).toBe(failed);
      expect([...inOrder.slice(0, inOrder.indexOf(failed)), failed, ...rest]).toEqual(inOrder);
    });
  });

  test("by restForOne is that of oneForAll for the first child, and that of oneForOne for the last", () => {
    always((inOrder) => {
      const [first = 0] = inOrder;
      const last = inOrder.at(-1) ?? 0;
      expect(restartGroup("restForOne", inOrder, first)).toEqual(restartGroup("oneForAll", inOrder, first));
      expect(restartGroup("restForOne", inOrder, last)).toEqual(restartGroup("oneForOne", inOrder, last));
    });
  });
});
