import * as fc from "fast-check";
import { expect, test } from "vitest";
import { quoteBoth } from "../../src/invariants/quote.ts";

test("bytes that differ can be told apart by what is shown of them, and each is one quotation", () => {
  const arbBytes = fc.uint8Array({ maxLength: 300, size: "max" });
  fc.assert(
    fc.property(arbBytes, arbBytes, arbBytes, (same, one, other) => {
      const both = [one, other].map((rest) => Uint8Array.from([...same, ...rest])) as [Uint8Array, Uint8Array];
      const [first, second] = quoteBoth(...both);
      expect(first === second).toBe(one.toString() === other.toString());
      for (const text of [first, second]) expect(text).toMatch(/^"(?:[^"\\]|\\.)*"$/u);
    }),
  );
});

test("what is short is shown whole", () => {
  expect(quoteBoth(new TextEncoder().encode("full\n"), new Uint8Array(0))).toEqual([String.raw`"full\n"`, '""']);
});
