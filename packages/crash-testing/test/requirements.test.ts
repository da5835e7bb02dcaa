import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { Coverage } from "../src/coverage.ts";
import { type Requirements, unmet } from "../src/requirements.ts";
import { StatechartCoverage } from "../src/statechart-coverage.ts";

/** What is missing of a hundred states of which nobody has seen one, but for the first so many. */
function missingBut(seen: number, share: number): string[] {
  const names = Array.from({ length: 100 }, (_, index) => `s${index}`);
  const except = names.slice(0, seen).map((name) => new RegExp(`^${name}$`));
  return missing({ states: share, except }, names);
}

function missing(requirements: Requirements, names: readonly string[]): string[] {
  const machine = createMachine({ initial: names[0], states: Object.fromEntries(names.map((name) => [name, {}])) });
  return unmet(requirements, new Coverage(), new StatechartCoverage(machine));
}

describe("a share that is required", () => {
  test("is enough if it is exactly that, and not with one state less", () => {
    for (let seen = 1; seen <= 100; seen += 1) {
      expect(missingBut(seen, seen / 100)).toEqual([]);
      expect(missingBut(seen - 1, seen / 100)[0]).toBe(
        `states: ${seen - 1} of 100 reached, and ${seen} % required; missing`,
      );
    }
  });

  test("is told as it was given", () => {
    expect(missingBut(99, 0.999)[0]).toBe("states: 99 of 100 reached, and 99.9 % required; missing");
  });

  test("is none where there is nothing to reach", () => {
    expect(missing({ crashPoints: 1 }, ["one"])).toEqual([]);
  });
});

test.each(["", "g", "y"])("what need not be reached is left out each time, whatever the flags: /s/%s", (flags) => {
  expect(missing({ states: 1, except: [new RegExp("s", flags)] }, ["s0", "s1", "s2", "s3"])).toEqual([]);
});
