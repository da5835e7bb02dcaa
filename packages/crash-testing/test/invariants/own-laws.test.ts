import { fromMachine } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { always } from "../../src/invariants/always.ts";
import { toMs } from "../../src/invariants/duration.ts";
import { never } from "../../src/invariants/never.ts";
import { staysAtMost } from "../../src/invariants/stays-at-most.ts";
import { within } from "../../src/invariants/within.ts";
import { deviation } from "../support/chooser.ts";
import { failureOf } from "../support/plant.ts";
import { treeOf } from "../support/targets.ts";

const machine = setup({ types: { events: {} as { type: "knock" } } }).createMachine({
  id: "door",
  initial: "shut",
  states: {
    shut: { after: { 100: "open" } },
    open: {
      initial: "wide",
      states: { wide: { after: { 50: "narrow" } }, narrow: { after: { 30: "#door.locked" } } },
    },
    locked: {},
  },
});

const door = fromMachine(machine, { name: "door" });

/** A door that somebody knocks at, so many milliseconds from the start. */
function knocked(atMs: number) {
  const target = treeOf(door);
  return {
    ...target,
    start: async (surroundings: Parameters<typeof target.start>[0]) => {
      const pid = await target.start(surroundings);
      const { system } = surroundings;
      system.spawn({
        name: "visitor",
        behaviour: {
          kind: "server",
          start: (process) => void process.sendAfter(pid as never, { type: "knock" } as never, atMs),
          receive: () => undefined,
        },
      });
      return pid;
    },
  };
}

const plain = treeOf(door);

describe("never", () => {
  test("sees an event in the state that it is forbidden in, also where it does nothing", async () => {
    const law = never({ state: "open", event: "knock" });
    expect(await failureOf(law, knocked(120))).toMatchObject({
      invariant: "never knock in open",
      time: 120,
      message: expect.stringMatching(/^root <0\.\d+> handles knock in open$/),
    });
  });

  test("minds no other state, no other event and no other machine", async () => {
    expect(await failureOf(never({ state: "open", event: "knock" }), knocked(20))).toBeUndefined();
    expect(await failureOf(never({ state: "open", event: "ring" }), knocked(120))).toBeUndefined();
    const others = never({ state: "open", event: "knock", of: /connection_sup/ });
    expect(await failureOf(others, knocked(120))).toBeUndefined();
  });

  test.each([/root/, /root/g, /root/y])("picks machines by %s in each run", async (of) => {
    const law = never({ state: "open", event: "knock", of });
    expect(await failureOf(law, knocked(120))).toBeDefined();
    expect(await failureOf(law, knocked(120))).toBeDefined();
  });

  test("knows states by what they are in", async () => {
    expect(await failureOf(never({ state: "open.wide", event: "knock" }), knocked(120))).toBeDefined();
    expect(await failureOf(never({ state: "open.narrow", event: "knock" }), knocked(120))).toBeUndefined();
    expect(await failureOf(never({ state: "wide", event: "knock" }), knocked(120))).toBeUndefined();
  });
});

describe("staysAtMost", () => {
  test("holds for a machine that leaves in time", async () => {
    expect(await failureOf(staysAtMost("open", 80), plain)).toBeUndefined();
  });

  test("sees one that leaves too late", async () => {
    expect(await failureOf(staysAtMost("open", "79ms"), plain)).toMatchObject({
      invariant: "stays in open at most 79ms",
      message: expect.stringMatching(/is in open for 80 ms$/),
    });
  });

  test("sees one that never leaves", async () => {
    expect(await failureOf(staysAtMost("locked", "1s"), plain)).toMatchObject({
      message: expect.stringContaining("is in locked for"),
    });
  });

  test("allows for what was late meanwhile", async () => {
    // The timer that ends `wide` is 300 ms late.
    const late = [deviation("timer", "root", 7, 1)];
    expect(await failureOf(staysAtMost("open", 80), plain, late)).toBeUndefined();
    // And that does not excuse what is late by itself.
    expect(await failureOf(staysAtMost("open", 79), plain, late)).toBeDefined();
  });
});

describe("within", () => {
  test("holds where the machine gets there in time", async () => {
    const law = within({ when: "knock", in: "open" }, { state: "locked" }, "60ms");
    expect(await failureOf(law, knocked(120))).toBeUndefined();
  });

  test("sees one that gets there too late", async () => {
    const law = within({ when: "knock", in: "open" }, { state: "locked" }, "59ms");
    expect(await failureOf(law, knocked(120))).toMatchObject({
      invariant: "locked within 59ms of knock in open",
      message: expect.stringMatching(/is not in locked, 60 ms after knock$/),
    });
  });

  test("sees one that never gets there", async () => {
    const law = within({ when: "knock" }, { state: "shut" }, 1000);
    expect(await failureOf(law, knocked(120))).toBeDefined();
  });

  test("minds no event in another state", async () => {
    const law = within({ when: "knock", in: "shut" }, { state: "locked" }, 1);
    expect(await failureOf(law, knocked(120))).toBeUndefined();
  });

  test("is content with a machine that is gone", async () => {
    const crash = [deviation("crash", "root", 2, 3)];
    const law = within({ when: "knock" }, { state: "shut" }, 1000);
    expect(await failureOf(law, knocked(120), crash)).toBeUndefined();
  });
});

describe("always", () => {
  test("is asked at each quiet point", async () => {
    const times = new Set<number>();
    const law = always(({ world }) => times.add(world.now()).size > 0, "time is seen");
    expect(await failureOf(law, plain)).toBeUndefined();
    expect([...times]).toEqual(expect.arrayContaining([0, 100, 150, 180]));
  });

  test("sees what does not hold", async () => {
    const law = always(({ world }) => world.now() < 150, "it is early");
    expect(await failureOf(law, plain)).toMatchObject({ invariant: "it is early", time: 150 });
  });
});

describe("durations", () => {
  test.each([
    [5, 5],
    ["5ms", 5],
    ["1.5s", 1500],
    ["2min", 120_000],
  ] as const)("%s is %d ms", (duration, ms) => {
    expect(toMs(duration)).toBe(ms);
  });

  test.each(["5", "5h", "ms", -1, Number.NaN])("%s is none", (duration) => {
    expect(() => toMs(duration as never)).toThrow('is no duration such as 100, "100ms" or "5s"');
  });
});
