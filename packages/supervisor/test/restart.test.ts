import {
  type ExitReason,
  failure,
  formatReason,
  isExpected,
  kill,
  killed,
  noproc,
  normal,
  shutdown,
} from "@espalier/actors";
import { describe, expect, test } from "vitest";
import type { Restart } from "../src/child-spec.ts";
import { shouldReport, shouldRestart } from "../src/restart.ts";
import { endsAsTold } from "./support/actors.ts";
import { actorAt, childrenOf, startSupervisor, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const expected: ExitReason[] = [normal, shutdown(), shutdown("peerClosed")];
const abnormal: ExitReason[] = [
  failure(new Error("boom")),
  failure(undefined),
  kill,
  killed,
  noproc,
  { type: "noconnection" },
];

function named(reasons: ExitReason[]): Array<[string, ExitReason]> {
  return reasons.map((reason) => [formatReason(reason), reason]);
}

describe.each(named([...expected, ...abnormal]))("when a child has ended as %s", (_name, reason) => {
  test("a permanent child is restarted and reported", () => {
    expect(shouldRestart("permanent", reason)).toBe(true);
    expect(shouldReport("permanent", reason)).toBe(true);
  });

  test("a transient child is restarted and reported if that is abnormal", () => {
    expect(shouldRestart("transient", reason)).toBe(!isExpected(reason));
    expect(shouldReport("transient", reason)).toBe(!isExpected(reason));
  });

  test("a temporary child is not restarted, and reported if that is abnormal", () => {
    expect(shouldRestart("temporary", reason)).toBe(false);
    expect(shouldReport("temporary", reason)).toBe(!isExpected(reason));
  });
});

/** What is left of a child `a` of this kind after it has ended so, as `childrenOf` shows it. */
async function afterItsEnd(restart: Restart, reason: ExitReason): Promise<string> {
  const { system } = createWorld();
  const sup = await startSupervisor(system, { children: [worker("a", endsAsTold, { restart })] });
  const a = actorAt(system, "sup/a");
  if (reason.type === "killed") system.kill(a);
  else system.send(a, reason);
  await system.idle();
  expect(system.isAlive(a)).toBe(false);
  return childrenOf(system, sup);
}

describe("a supervisor", () => {
  test.each(named([...expected, ...abnormal]))("restarts a permanent child that ended as %s", async (_name, reason) => {
    await expect(afterItsEnd("permanent", reason)).resolves.toBe("a#2");
  });

  test.each(named(abnormal))("restarts a transient child that ended as %s", async (_name, reason) => {
    await expect(afterItsEnd("transient", reason)).resolves.toBe("a#2");
  });

  test.each(named(expected))("keeps the spec of a transient child that ended as %s", async (_name, reason) => {
    await expect(afterItsEnd("transient", reason)).resolves.toBe("a");
  });

  test.each(named([...expected, ...abnormal]))("forgets a temporary child that ended as %s", async (_name, reason) => {
    await expect(afterItsEnd("temporary", reason)).resolves.toBe("");
  });

  test("restarts a child that a signal from elsewhere has ended", async () => {
    const { system } = createWorld();
    const sup = await startSupervisor(system, { children: [worker("a", endsAsTold)] });
    system.exit(actorAt(system, "sup/a"), failure("from elsewhere"));
    await system.idle();
    await expect(childrenOf(system, sup)).resolves.toBe("a#2");
  });
});
