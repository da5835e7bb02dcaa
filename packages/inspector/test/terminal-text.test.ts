import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeKeys } from "../src/terminal/keys.ts";
import { cutEnd, cutStart, fit, nearest, printable, printableJson, widthOf } from "../src/terminal/text.ts";
import { bytes, count, duration, rate, timeOfDay } from "../src/terminal/units.ts";
import { ServerEventReader } from "../src/terminal/server-events.ts";

/** Also what no text should have: control characters, lone halves, marks, wide ones, those that turn the direction. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom("a", "é", "\u0301", "樹", "🌳", "\u200d", "\ufe0f", "\u001b[31m", "\u009b", "\u202e", "\ud83c"),
    )
    .map((parts) => parts.join("")),
);

describe("a printable text", () => {
  test("has nothing that a terminal obeys or does not show", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  test("is cut to any width, from both ends", () => {
    fc.assert(
      fc.property(anyText, fc.nat(20), (given, width) => {
        const text = printable(given);
        expect(widthOf(cutEnd(text, width))).toBeLessThanOrEqual(width);
        expect(widthOf(cutStart(text, width))).toBeLessThanOrEqual(width);
        expect(widthOf(fit(text, width))).toBe(width);
        expect(widthOf(fit(text, width, "right"))).toBe(width);
        const wide = widthOf(text);
        expect([cutEnd(text, wide), cutStart(text, wide)]).toEqual([text, text]);
      }),
    );
  });

  test("has the width that a terminal gives it", () => {
    expect(["abc", "é", "e\u0301", "樹", "🌳", "한", "─", ""].map((text) => widthOf(printable(text)))).toEqual([
      3, 1, 1, 2, 2, 2, 1, 0,
    ]);
  });

  test("means the same as JSON", () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (value) => {
        const text = printableJson({ ...value }, 2);
        expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
        expect(JSON.parse(text)).toEqual({ ...value });
      }),
    );
  });
});

describe("numbers", () => {
  test("fit their columns, whatever they are", () => {
    const number = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e20, noNaN: true }));
    fc.assert(
      fc.property(number, (value) => {
        expect(count(value).length).toBeLessThanOrEqual(5);
        expect(rate(value).length).toBeLessThanOrEqual(5);
        expect(bytes(value).length).toBeLessThanOrEqual(8);
      }),
    );
  });

  test("are read as people read them", () => {
    expect([0, 9999, 12_345, 999_960, 7_800_000].map(count)).toEqual(["0", "9999", "12.3k", "1.0M", "7.8M"]);
    expect([0, 1023, 1536, 1024 ** 3].map(bytes)).toEqual(["0 B  ", "1023 B  ", "1.5 KiB", "1.0 GiB"]);
    expect([0, 61_000, 7_500_000, 360_000_000].map(duration)).toEqual(["0s", "1m 01s", "2h 05m", "4d 04h"]);
    expect([0, 86_399_999].map(timeOfDay)).toEqual(["00:00:00", "23:59:59"]);
  });
});

describe("keys", () => {
  test("are the same, however their sequences were cut", () => {
    const sequences = ["\u001b[A", "\u001bOP", "\u001b[15~", "\u001b[1;5C", "q", "樹", "\r", "\u007f", "\u0003"];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...sequences)), fc.array(fc.nat(3)), (pressed, cuts) => {
        const input = pressed.join("");
        const whole = decodeKeys(input);
        let rest = "";
        let left = input;
        const keys = [...cuts, input.length].flatMap((step) => {
          // An escape at the end of a piece is the key itself.
          const length = left[step - 1] === "\u001b" ? step - 1 : step;
          const decoded = decodeKeys(rest + left.slice(0, length));
          left = left.slice(length);
          ({ rest } = decoded);
          return decoded.keys;
        });
        expect({ keys, rest }).toEqual(whole);
      }),
    );
  });

  test("that a terminal sends in no known way mean nothing", () => {
    expect(decodeKeys("\u001b[200~\u001b[?1;2c\u0001x")).toEqual({
      keys: [{ type: "character", character: "x" }],
      rest: "",
    });
    expect(decodeKeys("\u001b")).toEqual({ keys: [{ type: "escape" }], rest: "" });
  });
});

test("server-sent events are the same, however they were cut", () => {
  const stream =
    'id: 1\nevent: log\ndata: {"a":1}\n\n:\n\nevent: tree\r\ndata: one\r\ndata:two\r\n\r\ndata: \u2028, \u2029, \u0085: \n\n';
  const expected = [
    { name: "log", data: '{"a":1}' },
    { name: "tree", data: "one\ntwo" },
    { name: "", data: "\u2028, \u2029, \u0085: " },
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (cuts) => {
      const reader = new ServerEventReader();
      let left = stream;
      const events = [...cuts, stream.length].flatMap((length) => {
        const piece = left.slice(0, length);
        left = left.slice(length);
        return reader.read(piece);
      });
      expect(events).toEqual(expected);
    }),
  );
});

test("a word that was mistyped is guessed", () => {
  expect(nearest("tre", ["top", "tree", "trace"])).toBe("tree");
  expect(nearest("--ulr", ["--url", "--token"])).toBe("--url");
  expect(nearest("xyzzy", ["top", "tree"])).toBeUndefined();
});
