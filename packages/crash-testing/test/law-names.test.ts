import { fromMachine, type System } from "@espalier/actors";
import { InvalidOptionError } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { actorCommands } from "../src/actor-commands.ts";
import { toCrashConfig } from "../src/crash-options.ts";
import { findCrash } from "../src/find-crash.ts";
import type { Invariant } from "../src/invariant.ts";
import { never } from "../src/invariants/never.ts";
import { staysAtMost } from "../src/invariants/stays-at-most.ts";
import { within } from "../src/invariants/within.ts";
import { arbPlan } from "../src/plan-arbitrary.ts";
import { runPlan } from "../src/run-plan.ts";
import type { Target } from "../src/target.ts";

const machine = createMachine({
  id: "door",
  initial: "shut",
  states: {
    shut: { on: { knock: "open" }, after: { 100: "open" } },
    open: { initial: "wide", states: { wide: { on: { "mouse.*": "narrow" } }, narrow: {}, last: { type: "history" } } },
    locked: { invoke: { id: "key", src: createMachine({ initial: "turning", states: { turning: {} } }) } },
  },
});

function targetOf(door: Target["machine"]): Target {
  return {
    start: ({ system }) => system.start(fromMachine(machine), undefined, { id: "door" }),
    port: () => 1,
    ...(door !== undefined && { machine: door }),
  };
}

function refusal(...invariants: Invariant[]): string {
  try {
    toCrashConfig(targetOf(machine), { invariants });
    return "accepted";
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    return error.message;
  }
}

describe("a law that speaks of the target's machine", () => {
  test("is refused for a state or an event that there is not, and all of them are named at once", () => {
    const laws = [
      staysAtMost("shut", "1s"),
      never({ state: "opne", event: "knokc" }),
      within({ when: "nock", in: "wide" }, { state: "lcoked" }, "1s"),
      staysAtMost("open.last", 5),
    ];
    const states = "a state of the machine door (shut, open, open.wide, open.narrow, locked)";
    const events =
      "an event of the machine door (knock, mouse.*, call, info, exit, down, response, shutdown, socketReady, secured, data, closed, error, timeout)";
    const besides = "or `of` given for another machine";
    expect(refusal(...laws)).toBe(
      [
        "6 invalid options:",
        `invariants[1].state must be ${states}, ${besides}, got "opne"`,
        `invariants[1].event must be ${events}, ${besides}, got "knokc"`,
        `invariants[2].in must be ${states}, ${besides}, got "wide"`,
        `invariants[2].state must be ${states}, ${besides}, got "lcoked"`,
        `invariants[2].when must be ${events}, ${besides}, got "nock"`,
        `invariants[3].state must be ${states}, ${besides}, got "open.last"`,
      ].join("\n  "),
    );
  });

  test.each([
    ["its own events", "knock"],
    ["what a wildcard takes", "mouse.down"],
    ["its delays", "xstate.after.100.door.shut"],
    ["the end of its children", "xstate.done.actor.key"],
    ["what connections are told", "data"],
    ["what actors are told", "down"],
  ])("may name %s", (_what, event) => {
    expect(refusal(never({ state: "open.wide", event }))).toBe("accepted");
  });

  test("may name any event where one handler takes all", () => {
    const any = createMachine({ initial: "a", states: { a: { on: { "*": "b" } }, b: {} } });
    const law = never({ state: "b", event: "whatever" });
    expect(() => toCrashConfig(targetOf(any), { invariants: [law] })).not.toThrow();
  });

  test("may be about any other machine, if it says of which", () => {
    expect(refusal(staysAtMost("handshaking", "5s", { of: /client/ }))).toBe("accepted");
    expect(() => toCrashConfig(targetOf(undefined), { invariants: [staysAtMost("any", "5s")] })).not.toThrow();
  });

  test("is refused where commands and plans are run as well", async () => {
    const invariants = [staysAtMost("opne", 5)];
    const target = targetOf(machine);
    expect(() => actorCommands({ initial: () => ({}), commands: [], target, invariants })).toThrow(InvalidOptionError);
    const [plan] = fc.sample(arbPlan(), 1);
    await expect(plan && runPlan(target, plan, invariants)).rejects.toThrow("invariants[0].state must be");
  });
});

/** A door that somebody locks, as far as its machine knows what that is. */
const lockable = createMachine({
  initial: "waiting",
  states: { waiting: { after: { 100: "locked" } }, locked: { invoke: { src: machine } } },
});

const beside: Target<object> = {
  start: async ({ system }: { readonly system: System }) => {
    await system.start(fromMachine(lockable), undefined, { id: "lock" });
    return {};
  },
  port: () => 1,
};

async function summaryOf(...invariants: Invariant[]): Promise<string> {
  const peers = fc.constant([{ at: 500, host: "10.0.0.1", ops: [] }]);
  return (await findCrash(beside, { invariants, peers, runs: 5 })).summary;
}

describe("a law about a state that no machine was in", () => {
  test("is named by the summary of the search", async () => {
    const summary = await summaryOf(
      staysAtMost("waiting", "1s"),
      staysAtMost("handshaking", "5s"),
      never({ state: "locked", event: "knock" }),
      staysAtMost("waiting", "1s", { of: /key/ }),
    );
    expect(summary.split("\n").at(-1)?.trim()).toBe(
      "laws that had nothing to look at: stays in handshaking at most 5s (nothing was in handshaking); " +
        "stays in waiting at most 1s (nothing was in waiting)",
    );
  });

  test("is the only kind that is", async () => {
    expect(await summaryOf(staysAtMost("waiting", "1s"))).not.toContain("nothing to look at");
  });

  test("may be about that of a child, since what a machine invokes is part of it", async () => {
    expect(await summaryOf(staysAtMost("shut", "1ms"))).toContain("nothing was in shut");
  });
});
