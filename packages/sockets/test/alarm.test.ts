import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Alarm } from "../src/alarm.ts";

test("is set at the high mark and cleared at the low one", () => {
  const alarm = new Alarm({ high: 10, low: 5 }, 0);
  const told = [9, 10, 11, 6, 10, 5, 4, 9, 10].map((value, now) => alarm.look(value, now));
  expect(told.map((what) => what ?? "-").join(" ")).toBe("- alarmSet - - - alarmCleared - - alarmSet");
});

test("the low mark is four fifths of the high one unless it is given", () => {
  expect([1, 2, 5, 9, 100].map((high) => new Alarm({ high }, 0).low)).toEqual([0, 1, 4, 7, 80]);
});

test("keeps still until it has cooled down, and says when to look again", () => {
  const alarm = new Alarm({ high: 10, low: 5 }, 1000);
  expect(alarm.look(10, 0)).toBe("alarmSet");
  expect([alarm.look(0, 999), alarm.againMs(0, 999), alarm.againMs(6, 999)]).toEqual([undefined, 1, undefined]);
  expect([alarm.againMs(0, 1000), alarm.look(0, 1000)]).toEqual([undefined, "alarmCleared"]);
  expect([alarm.look(10, 1500), alarm.againMs(10, 1500)]).toEqual([undefined, 500]);
});

test("whatever the values, it is set and cleared in turn, each time for a value that says so, and not too often", () => {
  const values = fc.array(fc.tuple(fc.nat(20), fc.nat(300)), { maxLength: 60 });
  fc.assert(
    fc.property(values, fc.nat(1000), fc.integer({ min: 1, max: 20 }), (all, cooldownMs, high) => {
      const alarm = new Alarm({ high }, cooldownMs);
      let now = 0;
      let last = -Infinity;
      let isSet = false;
      for (const [value, pause] of all) {
        now += pause;
        const told = alarm.look(value, now);
        const isDue = isSet ? value <= alarm.low : value >= high;
        const isTold = isDue && now - last >= cooldownMs;
        expect(told).toBe(isTold ? (isSet ? "alarmCleared" : "alarmSet") : undefined);
        if (isTold) {
          isSet = !isSet;
          last = now;
        }
        expect(alarm.isSet).toBe(isSet);
        // What has not been told though it should be has a time at which it will.
        const isStillDue = isSet ? value <= alarm.low : value >= high;
        expect(alarm.againMs(value, now)).toBe((isStillDue && last + cooldownMs - now) || undefined);
      }
    }),
  );
});
