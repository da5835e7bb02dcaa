import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collapse } from "../src/collapse.ts";
import type { Line } from "../src/timeline.ts";

/** A line at each millisecond, for each letter one that says it. */
function linesOf(letters: readonly string[]): Line[] {
  return letters.map((text, time) => ({ id: time, time, verb: "signal", who: "actor", other: undefined, text }));
}

const arbLetters = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 40 });
/** Some of it comes again and again. */
const arbLines = fc
  .array(fc.tuple(arbLetters, fc.integer({ min: 1, max: 6 })), { maxLength: 5 })
  .map((parts) => linesOf(parts.flatMap(([letters, times]) => Array.from({ length: times }, () => letters).flat())));
const arbGroup = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 64 });

describe("lines that are collapsed", () => {
  test("are all there, each once, with those that say the same", () => {
    fc.assert(
      fc.property(arbLines, (lines) => {
        const collapsed = collapse(lines);
        expect(collapsed.flat().toSorted((one, other) => one.time - other.time)).toEqual(lines);
        for (const [first, ...again] of collapsed) for (const line of again) expect(line.text).toBe(first.text);
      }),
    );
  });

  test("keep their order: of the firsts, and of those behind each", () => {
    fc.assert(
      fc.property(arbLines, (lines) => {
        const collapsed = collapse(lines);
        const times = [collapsed.map(([first]) => first.time), ...collapsed.map((own) => own.map(({ time }) => time))];
        for (const list of times) expect(list).toEqual(list.toSorted((one, other) => one - other));
      }),
    );
  });

  test("are as they were where nothing comes three times in a row", () => {
    fc.assert(
      fc.property(arbGroup, (group) => {
        const lines = linesOf([...group, ...group]);
        expect(collapse(lines)).toEqual(lines.map((line) => [line]));
      }),
    );
  });

  test("are a group once where it comes again and again, whatever stands around it and wherever it is cut off", () => {
    const arbTimes = fc.integer({ min: 3, max: 20 });
    fc.assert(
      fc.property(arbGroup, arbTimes, fc.nat(63), (group, times, more) => {
        const rest = group.slice(0, more % group.length);
        const repeated = Array.from({ length: times }, () => group).flat();
        // No letter of the group is as long.
        const around = "x".repeat(20);
        const collapsed = collapse(linesOf([around, ...repeated, ...rest, around]));
        expect(collapsed.map(([{ text }]) => text)).toEqual([around, ...group, around]);
        const counts = collapsed.slice(1, -1).map(({ length }) => length);
        expect(counts).toEqual(group.map((_, index) => times + (index < rest.length ? 1 : 0)));
      }),
    );
  });

  test("say the same by all but their time: the text, who it is about, and to whom", () => {
    const [line] = linesOf(["a"]);
    if (line === undefined) throw new Error("there is one");
    const others: Line[] = [
      { ...line, text: "b" },
      { ...line, who: "another" },
      { ...line, other: "another" },
      { ...line, verb: "exit" },
    ];
    for (const other of others) expect(collapse([line, other, line])).toHaveLength(3);
    const numbered = linesOf(["frame 1", "frame 2", "frame 3"]).map((frame) =>
      Object.assign(frame, { likeness: "frame 0" }),
    );
    expect(collapse(numbered)).toEqual([numbered]);
  });
});
