import { defineServer, type Definition, noreply, ok, type Pid } from "@espalier/actors";
import { describe, expect, test, vi } from "vitest";
import { createActor, createMachine, sendTo } from "xstate";
import * as fc from "fast-check";
import { replaying } from "../src/choices.ts";
import { UncontrolledNondeterminismError } from "../src/errors.ts";
import { run } from "../src/run.ts";
import { armTripwires, type UncontrolledGlobal } from "../src/tripwire.ts";
import type { Target } from "../src/target.ts";
import { quietPlan, treeOf } from "./support/targets.ts";
import { globalsNow, uncontrolled } from "./support/uncontrolled.ts";

/** An actor that does something while it handles a message. */
function doing(act: () => void): Definition {
  return defineServer<{ state: number; info: "go" }>({
    name: "careless",
    init: (_args, self) => {
      self.send(self.pid, "go");
      return ok(0);
    },
    handleInfo: (_message, state) => {
      act();
      return noreply(state);
    },
  });
}

function swallow(call: () => unknown): void {
  try {
    call();
  } catch {
    // As code does that goes on without.
  }
}

async function runOf(act: () => void, options: Partial<Target<Pid>> = {}): Promise<unknown> {
  const target = { ...treeOf(doing(act)), ...options };
  return run({ target, plan: quietPlan, chooser: replaying([]), invariants: [] });
}

const untouched = globalsNow();

describe.each(Object.entries(uncontrolled) as Array<[UncontrolledGlobal, () => unknown]>)("%s", (global, call) => {
  test("ends a run in which an actor calls it, with its name and that of the actor", async () => {
    await expect(runOf(call)).rejects.toMatchObject({
      code: "ERR_UNCONTROLLED_NONDETERMINISM",
      global,
      actor: "root",
    });
    expect(globalsNow()).toEqual(untouched);
  });

  test("ends it also if the actor swallows the error", async () => {
    await expect(runOf(() => swallow(call))).rejects.toThrow(UncontrolledNondeterminismError);
  });

  test("does what it always does where it is allowed, and between steps", async () => {
    const made: unknown[] = [];
    const disarm = armTripwires();
    made.push(call());
    disarm();
    await runOf(() => void made.push(call()), { allow: [global] });
    expect(made).toHaveLength(2);
    expect(globalsNow()).toEqual(untouched);
    // Timers that were really set.
    for (const timer of made) clearInterval(timer as NodeJS.Timeout);
  });
});

test("a run that fails to start leaves the globals as they were", async () => {
  await expect(runOf(() => undefined, { start: () => Promise.reject(new Error("no")) })).rejects.toThrow("no");
  expect(globalsNow()).toEqual(untouched);
});

test("globals are wired once for all runs that overlap, and restored by the last", async () => {
  const first = armTripwires();
  const wired = globalsNow();
  const second = armTripwires();
  expect(globalsNow()).toEqual(wired);
  first();
  first();
  expect(globalsNow()).toEqual(wired);
  second();
  expect(globalsNow()).toEqual(untouched);
});

test("what somebody else has put in its place meanwhile is left to him", () => {
  const disarm = armTripwires();
  const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
  disarm();
  expect(Math.random()).toBe(0.5);
  random.mockRestore();
  // What was there when he came, and does no harm.
  expect(Math.random()).toBeLessThan(1);
});

test("XState may name things by chance, and fast-check may draw", async () => {
  const scheduling = createMachine({ entry: sendTo(({ self }) => self, { type: "ring" }, { delay: 10 }) });
  const clock = { setTimeout: () => 0, clearTimeout() {} };
  const drawn: number[] = [];
  await runOf(() => {
    createActor(scheduling, { clock }).start();
    drawn.push(...fc.sample(fc.nat(), 1));
  });
  expect(drawn).toHaveLength(1);
});
