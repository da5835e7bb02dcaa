import {
  CallMessage,
  type From,
  killed,
  noproc,
  type Outcome,
  type Pid,
  type Process,
  request,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { mute, puppet } from "./support/actors.ts";
import { createWorld, type World } from "./support/world.ts";

/** Asks the target at its first message, and keeps the outcome and all that it receives otherwise. */
function asking({ system }: World, target: Pid): { ref: Pid; outcomes: Outcome[]; received: unknown[] } {
  const outcomes: Outcome[] = [];
  const received: unknown[] = [];
  const ref = system.spawn({
    name: "asking",
    behaviour: {
      kind: "asking",
      start: () => undefined,
      *receive(process: Process, message: unknown): Waiting {
        if (message === "ask") outcomes.push(yield* request(process, target, { type: "question" }));
        else received.push(message);
      },
    },
  });
  system.send(ref, "ask");
  return { ref, outcomes, received };
}

/** A callee that keeps the right to answer. */
function holding({ system }: World): { ref: Pid; questions: From[] } {
  const questions: From[] = [];
  const ref = system.spawn({
    name: "holding",
    behaviour: {
      kind: "holding",
      start: () => undefined,
      receive(_process: Process, message: unknown) {
        if (message instanceof CallMessage) questions.push(message.from);
      },
    },
  });
  return { ref, questions };
}

describe("a request", () => {
  test("blocks until the answer has come, and keeps other messages waiting", async () => {
    const world = createWorld();
    const { ref: target, questions } = holding(world);
    const { ref, outcomes, received } = asking(world, target);
    world.system.send(ref, "other");
    await world.system.idle();
    expect([outcomes, received]).toEqual([[], []]);
    expect(questions.map(({ caller }) => caller)).toEqual([ref]);
    questions[0]?.reply("answer");
    await world.system.idle();
    expect(outcomes).toEqual([{ ok: true, value: "answer" }]);
    expect(received).toEqual(["other"]);
  });

  test("leaves no monitor and no message behind", async () => {
    const world = createWorld();
    const { ref: target, questions } = holding(world);
    const { received } = asking(world, target);
    await world.system.idle();
    questions[0]?.reply("answer");
    questions[0]?.reply("second answer");
    await world.system.idle();
    world.system.kill(target);
    await world.system.idle();
    expect(received).toEqual([]);
    expect(world.system.inspect().processes[0]).toMatchObject({ mailboxLength: 0, resources: [] });
  });

  test("to a dead actor fails with noproc", async () => {
    const world = createWorld();
    const target = world.system.spawn(mute);
    world.system.kill(target);
    await world.system.idle();
    const { outcomes } = asking(world, target);
    await world.system.idle();
    expect(outcomes).toEqual([{ ok: false, reason: noproc }]);
  });

  test("to oneself fails instead of waiting for ever", async () => {
    const world = createWorld();
    const outcomes: Outcome[] = [];
    const ref = world.system.spawn({
      name: "lonely",
      behaviour: {
        kind: "lonely",
        start: () => undefined,
        *receive(process: Process): Waiting {
          outcomes.push(yield* request(process, process.pid, { type: "question" }));
        },
      },
    });
    world.system.send(ref, "ask");
    await world.system.idle();
    expect(outcomes).toMatchObject([{ ok: false, reason: { type: "error", error: { code: "ERR_CALLING_SELF" } } }]);
  });

  test("fails with the reason for which the target ends, and a late answer is dropped", async () => {
    const world = createWorld();
    const { ref: target, questions } = holding(world);
    const { outcomes, received } = asking(world, target);
    await world.system.idle();
    world.system.kill(target);
    await world.system.idle();
    questions[0]?.reply("from a friend of the dead");
    await world.system.idle();
    expect(outcomes).toEqual([{ ok: false, reason: killed }]);
    expect(received).toEqual([]);
  });

  test("of an actor that died meanwhile is answered to nobody", async () => {
    const world = createWorld();
    const { ref: target, questions } = holding(world);
    const { ref, outcomes } = asking(world, target);
    await world.system.idle();
    world.system.exit(ref, shutdown());
    await world.system.idle();
    expect(() => questions[0]?.reply("too late")).not.toThrow();
    expect(outcomes).toEqual([]);
    expect(world.system.inspect().processes.map(({ monitoredBy }) => monitoredBy)).toEqual([[]]);
  });

  test("can be answered by anybody who is given the right to", async () => {
    const world = createWorld();
    const { ref: target, questions } = holding(world);
    const friend = world.system.spawn(puppet());
    const { outcomes } = asking(world, target);
    await world.system.idle();
    world.system.send(friend, () => questions[0]?.reply("by a friend"));
    await world.system.idle();
    expect(outcomes).toEqual([{ ok: true, value: "by a friend" }]);
  });
});
