import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type CountedExitReason,
  type ListenerCounter,
  ListenerStats,
  ShutdownCounts,
  shutdownKey,
} from "../src/stats.ts";

const counters = [
  "accepted",
  "closedMaxLimit",
  "closedForbidden",
  "closedSysLimit",
  "closedOther",
  "discarded",
] as const;

describe("listener counters", () => {
  test("every counter starts at 0", () => {
    expect(new ListenerStats().snapshot()).toEqual({
      accepted: 0,
      closedMaxLimit: 0,
      closedForbidden: 0,
      closedRateLimited: 0,
      closedOverloaded: 0,
      closedSysLimit: 0,
      closedOther: 0,
      discarded: 0,
    });
  });

  test("each counter is the number of its own increments", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<ListenerCounter>(...counters)), (increments) => {
        const stats = new ListenerStats();
        for (const counter of increments) stats.increment(counter);
        const snapshot = stats.snapshot();
        for (const counter of counters) {
          expect(snapshot[counter]).toBe(increments.filter((increment) => increment === counter).length);
        }
      }),
    );
  });

  test("a snapshot does not change, and cannot be changed", () => {
    const stats = new ListenerStats();
    const before = stats.snapshot();
    stats.increment("accepted");
    expect(before.accepted).toBe(0);
    expect(Object.isFrozen(before)).toBe(true);
  });
});

describe("the key of an end", () => {
  const keys: readonly [CountedExitReason, string][] = [
    [{ type: "normal" }, "normal"],
    [{ type: "kill" }, "kill"],
    [{ type: "killed" }, "killed"],
    [{ type: "noproc" }, "noproc"],
    [{ type: "noconnection" }, "noconnection"],
    [{ type: "error", error: new TypeError("boom") }, "error"],
    [{ type: "shutdown" }, "shutdown"],
    [{ type: "shutdown", detail: "idleTimeout" }, "idleTimeout"],
    [{ type: "shutdown", detail: { type: "peerClosed", after: 3 } }, "peerClosed"],
    [{ type: "shutdown", detail: { reason: "draining" } }, "draining"],
    [{ type: "shutdown", detail: { type: "tls", reason: "expired" } }, "tls"],
    [{ type: "shutdown", detail: { type: 7, reason: "expired" } }, "expired"],
    [{ type: "shutdown", detail: { code: 7 } }, "shutdown"],
    [{ type: "shutdown", detail: null }, "shutdown"],
    [{ type: "shutdown", detail: 42 }, "shutdown"],
  ];

  test.each(keys)("%j counts under %s", (reason, key) => {
    expect(shutdownKey(reason)).toBe(key);
  });
});

describe("shutdown counts", () => {
  test("the counts add up to the ends", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 600 }), (details) => {
        const counts = new ShutdownCounts();
        for (const detail of details) counts.count({ type: "shutdown", detail });
        expect(Object.values(counts.snapshot()).reduce((sum, count) => sum + count, 0)).toBe(details.length);
      }),
    );
  });

  test("different details without end share one count past 256", () => {
    const counts = new ShutdownCounts();
    for (let peer = 0; peer < 1000; peer += 1) counts.count({ type: "shutdown", detail: `peer ${peer}` });
    counts.count({ type: "shutdown", detail: "peer 3" });
    const snapshot = counts.snapshot();
    expect(Object.keys(snapshot)).toHaveLength(257);
    expect(snapshot).toMatchObject({ "peer 3": 2, other: 744 });
  });

  test("a detail may be any string, even the name of a property of all objects", () => {
    const counts = new ShutdownCounts();
    counts.count({ type: "shutdown", detail: "__proto__" });
    counts.count({ type: "shutdown", detail: "constructor" });
    expect(Object.entries(counts.snapshot())).toEqual([
      ["__proto__", 1],
      ["constructor", 1],
    ]);
  });

  test("a snapshot does not change, and cannot be changed", () => {
    const counts = new ShutdownCounts();
    const before = counts.snapshot();
    counts.count({ type: "normal" });
    expect(before).toEqual({});
    expect(Object.isFrozen(before)).toBe(true);
  });
});
