import {
  type ActorRef,
  type Behaviour,
  type Definition,
  failure,
  type Pid,
  type Process,
  type Progress,
  sys,
  type Waiting,
} from "@espalier/actors";
import { collectTrace } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { defer } from "./support/promises.ts";
import { createWorld, type World } from "./support/world.ts";

const boom = new Error("boom");

function crash(): never {
  throw boom;
}

function unlucky(receive: (message: unknown) => Progress, behaviour: Partial<Behaviour<void>> = {}): Definition {
  return {
    name: "unlucky",
    behaviour: {
      kind: "unlucky",
      start: () => undefined,
      receive: (_process, message) => receive(message),
      ...behaviour,
    },
  };
}

function* waitForOne(): Waiting {
  yield () => true;
}

/** Waits for others at message 1, and then crashes. */
function* waitForOthers(message: unknown): Waiting {
  if (message !== 1) return;
  yield (other) => other === 3;
  yield (other) => other === 2;
  crash();
}

/** The last messages of the crashes of an actor that gets these; `afterwards` comes when it has handled them. */
async function lastMessages(
  { system }: World,
  definition: Definition,
  messages: readonly unknown[],
  afterwards: (pid: Pid) => unknown = () => undefined,
): Promise<unknown[]> {
  const trace = collectTrace(system);
  const ref: ActorRef<unknown> = system.spawn(definition);
  for (const message of messages) system.send(ref, message);
  await system.idle();
  await afterwards(ref);
  await system.idle();
  return trace.of("report").map(({ report }) => (report.type === "crash" ? report.lastMessage : "no crash"));
}

/** Something that a definition lends to foreign code, which then throws. */
class Foreign {
  #self: Process | undefined;

  readonly start = (process: Process): void => {
    this.#self = process;
  };

  throws(): void {
    this.#self?.guard(crash)();
  }
}

describe("the last message of a crash report", () => {
  test("is the one whose callback throws", async () => {
    const definition = unlucky((message) => (message === 2 ? crash() : undefined));
    await expect(lastMessages(createWorld(), definition, [1, 2, 3])).resolves.toEqual([2]);
  });

  test("is the one whose promise rejects, whatever has come meanwhile", async () => {
    const { promise, reject } = defer();
    const definition = unlucky(() => promise);
    await expect(lastMessages(createWorld(), definition, [1, 2], () => reject(boom))).resolves.toEqual([1]);
  });

  test("is the one whose callback waited for others, and not one of those", async () => {
    await expect(lastMessages(createWorld(), unlucky(waitForOthers), [1, 2, 3])).resolves.toEqual([1]);
  });

  test("stays the same when the clean-up crashes later on", async () => {
    const { promise, reject } = defer();
    const definition = unlucky(crash, { terminate: () => promise });
    await expect(lastMessages(createWorld(), definition, [1, 2], () => reject(boom))).resolves.toEqual([1, 1]);
  });

  test("is the one that the actor is busy with, when its code throws outside its steps", async () => {
    const { promise } = defer();
    const foreign = new Foreign();
    const definition = unlucky(() => promise, { start: foreign.start });
    await expect(lastMessages(createWorld(), definition, [1, 2], () => foreign.throws())).resolves.toEqual([1]);
  });

  test.for<[string, () => Progress]>([
    ["at once", () => undefined],
    ["in a promise", () => Promise.resolve()],
    ["in a selective receive", waitForOne],
  ])("is none when the last was handled %s and the actor waits for the next", async ([, receive]) => {
    const foreign = new Foreign();
    const definition = unlucky(receive, { start: foreign.start });
    await expect(lastMessages(createWorld(), definition, [1, 2], () => foreign.throws())).resolves.toEqual([undefined]);
  });

  test("is none after a system message was served", async () => {
    const world = createWorld();
    const foreign = new Foreign();
    const definition = unlucky(() => undefined, { start: foreign.start });
    const ask = async (pid: Pid): Promise<void> => {
      await sys.getState(world.system, pid);
      foreign.throws();
    };
    await expect(lastMessages(world, definition, [1], ask)).resolves.toEqual([undefined]);
  });

  test("is none when the start crashes", async () => {
    const definition = unlucky(() => undefined, { start: crash });
    await expect(lastMessages(createWorld(), definition, [1])).resolves.toEqual([undefined]);
  });

  test("of one actor is not that of another which failed in the same breath", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const { promise, reject } = defer();
    const first: ActorRef<string> = system.spawn(unlucky(() => promise));
    const second: ActorRef<string> = system.spawn(unlucky(crash));
    system.send(first, "a");
    system.send(second, "b");
    reject(boom);
    await system.idle();
    expect(trace.of("report").map(({ report }) => report)).toMatchObject([
      { lastMessage: "b", reason: failure(boom) },
      { lastMessage: "a", reason: failure(boom) },
    ]);
  });
});
