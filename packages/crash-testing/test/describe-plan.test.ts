import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { showBytes } from "../src/describe-plan.ts";

describe("bytes", () => {
  test("are all shown where they fit on a line, as in a literal", () => {
    expect(showBytes(Buffer.from('say "hi"\r\n\0\x9b', "latin1"))).toBe(String.raw`"say \"hi\"\r\n\x00\x9b"`);
    const command = `SET ${"k".repeat(60)} DELETE EVERYTHING`;
    expect(showBytes(Buffer.from(command))).toBe(`"${command}"`);
  });

  test("are otherwise shown by their beginning, their end and how many they are", () => {
    const long = `LOGIN ${"x".repeat(1000)} QUIT\r\n`;
    const shown = showBytes(Buffer.from(long));
    expect(shown).toMatch(/^"LOGIN x+…x+ QUIT\\r\\n" \(1013 bytes\)$/);
  });

  test("are one quotation that stays on a line, whatever they are", () => {
    const arbBytes = fc.uint8Array({ maxLength: 300, size: "max" });
    fc.assert(
      fc.property(arbBytes, (bytes) => {
        const shown = showBytes(bytes);
        expect(shown.length).toBeLessThanOrEqual(120);
        expect(shown).toMatch(/^"(?:[^"\\\p{Cc}]|\\.)*"(?: \(\d+ bytes\))?$/u);
      }),
    );
  });
});
