import type { Definition, TraceEvent } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { supervisorsLeaveNobody } from "../../src/invariants/cleanup.ts";
import { restartsAreBounded } from "../../src/invariants/restart-intensity.ts";
import { supervisorsKeepSpecs } from "../../src/invariants/supervision.ts";
import { failureOf, losing, showing } from "../support/plant.ts";
import { treeOf } from "../support/targets.ts";
import { type Fault, slow, worker, wrongSupervisor, type WrongOptions } from "../support/wrong-supervisor.ts";

const steady = worker();

/** Three children, of whom the second crashes after so many milliseconds. */
function tree(fault: Fault | undefined, strategy: WrongOptions["strategy"], second: Definition): Definition {
  return wrongSupervisor({
    fault,
    strategy,
    children: [
      { id: "a", restart: "permanent", definition: steady },
      { id: "b", restart: "permanent", definition: second },
      { id: "c", restart: "permanent", definition: steady },
    ],
  });
}

/** It crashes now and then, so that no more than two restarts fall into one period. */
const SELDOM_MS = 30_000;

describe("I13", () => {
  test.each(["oneForOne", "restForOne", "oneForAll"] as const)("holds for a right supervisor, %s", async (strategy) => {
    expect(
      await failureOf(supervisorsKeepSpecs(), treeOf(tree(undefined, strategy, worker(SELDOM_MS)))),
    ).toBeUndefined();
  });

  test.each([
    ["restForOne", "starts in another order the second time", "starts b after children that come after it"],
    ["oneForAll", "starts in another order the second time", "starts b after children that come after it"],
    ["oneForOne", "stops in start order", "stops b after a, which comes before it"],
    ["oneForOne", "forgets permanent children", "does not run its permanent child b"],
    ["restForOne", "restarts only the one that has ended", "on which it depends"],
    ["oneForAll", "restarts only the one that has ended", "still runs the a of before the last restart"],
  ] as const)("sees a %s supervisor that %s", async (strategy, fault, message) => {
    const failure = await failureOf(supervisorsKeepSpecs(), treeOf(tree(fault, strategy, worker(SELDOM_MS))));
    expect(failure).toMatchObject({ invariant: "I13-supervision", message: expect.stringContaining(message) });
  });

  test.each(["keep", "delete", "restart"] as const)("leaves an end to `onExit`: %s", async (decision) => {
    const common = { onExit: () => decision, start: child(worker(SELDOM_MS)) };
    const root = defineSupervisor({
      children: [
        { id: "a", restart: "permanent", ...common },
        { id: "b", restart: "temporary", ...common },
      ],
    });
    expect(await failureOf(supervisorsKeepSpecs(), treeOf(root))).toBeUndefined();
  });

  test("sees a supervisor that stops all at once", async () => {
    const children = ["a", "b"].map((id) => ({ id, restart: "permanent", definition: slow }) as const);
    const root = wrongSupervisor({ fault: "stops all at once", strategy: "oneForOne", children });
    const failure = await failureOf(supervisorsKeepSpecs(), treeOf(root));
    expect(failure).toMatchObject({ phase: "stopping", message: "root stops a while b still lives" });
  });

  test("sees a supervisor that restarts temporary children", async () => {
    const root = wrongSupervisor({
      fault: "restarts temporary children",
      strategy: "oneForOne",
      children: [{ id: "a", restart: "temporary", definition: worker(10) }],
    });
    const failure = await failureOf(supervisorsKeepSpecs(), treeOf(root));
    expect(failure).toMatchObject({ time: 10, message: "root restarts a, which is temporary" });
  });

  test("sees an order that changes with the supervisor itself", async () => {
    let isFirst = true;
    const inner: Definition = {
      name: "inner",
      trapExit: true,
      behaviour: {
        kind: "supervisor",
        start(process) {
          const children = ["a", "b"].map((id) => ({ id, restart: "permanent", definition: steady }) as const);
          const { behaviour } = wrongSupervisor({
            fault: undefined,
            strategy: "oneForOne",
            children: isFirst ? children : children.toReversed(),
          });
          if (isFirst) process.sendAfter<unknown>(process.pid, "crash", 10);
          isFirst = false;
          return behaviour.start(process, undefined);
        },
        receive() {
          throw new Error("at last");
        },
      },
    };
    const children = [{ id: "inner", restart: "permanent", definition: inner }] as const;
    const root = wrongSupervisor({ fault: undefined, strategy: "oneForOne", children });
    const failure = await failureOf(supervisorsKeepSpecs(), treeOf(root));
    expect(failure).toMatchObject({ time: 10, message: "root/inner starts a after children that come after it" });
  });
});

describe("I5", () => {
  test("holds for a supervisor that gives up", async () => {
    expect(await failureOf(restartsAreBounded(), treeOf(tree(undefined, "oneForAll", worker(100))))).toBeUndefined();
  });

  test("holds for one whose children crash seldom", async () => {
    const seldom = treeOf(tree("never gives up", "oneForAll", worker(3001)));
    expect(await failureOf(restartsAreBounded(), seldom)).toBeUndefined();
  });

  test("sees a supervisor that never gives up", async () => {
    const failure = await failureOf(restartsAreBounded(), treeOf(tree("never gives up", "oneForAll", worker(100))));
    expect(failure).toMatchObject({ invariant: "I5-intensity", time: 300 });
    expect(failure?.message).toMatch(/has restarted 3 times within 5000 ms, and may 2 times$/);
  });
});

function endsFirst({ type, subject }: TraceEvent): boolean {
  return type === "exit" && subject.path === "root/a";
}

describe("I23", () => {
  const root = defineSupervisor({
    children: [
      { id: "a", start: child(steady) },
      { id: "b", start: child(worker(SELDOM_MS)) },
    ],
  });

  test.each([
    ["stops", []],
    ["crashes", [{ kind: "crash", subject: "root", ordinal: 8, value: 1 }] as const],
    ["is killed", [{ kind: "crash", subject: "root", ordinal: 8, value: 2 }] as const],
  ])("holds for a supervisor that %s", async (_how, deviations) => {
    expect(await failureOf(supervisorsLeaveNobody(), treeOf(root), deviations)).toBeUndefined();
  });

  test("sees one that ends before its child", async () => {
    const failure = await failureOf(showing(supervisorsLeaveNobody(), losing(endsFirst)), treeOf(root));
    expect(failure).toMatchObject({ invariant: "I23-cleanup", message: expect.stringContaining("1 of its children") });
  });
});
