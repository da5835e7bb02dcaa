import {
  type Behaviour,
  CastMessage,
  defineServer,
  type Definition,
  Down,
  Exit,
  fromMachine,
  noreply,
  ok,
  type Pid,
  type Process,
  Resource,
  Response,
  shutdown,
  statem,
  type TraceEvent,
} from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { createMachine, fromPromise } from "xstate";
import type { Invariant } from "../../src/invariant.ts";
import { callsEndOnce } from "../../src/invariants/calls.ts";
import { linksTellOnce } from "../../src/invariants/links.ts";
import { monitorsTellOnce } from "../../src/invariants/monitors.ts";
import { namesAreLive } from "../../src/invariants/names.ts";
import { noOrphans } from "../../src/invariants/no-orphans.ts";
import { pairsKeepOrder } from "../../src/invariants/order.ts";
import { timersAreInTime } from "../../src/invariants/punctuality.ts";
import { deadAreSilent } from "../../src/invariants/silence.ts";
import { timersObey } from "../../src/invariants/timers.ts";
import { deviation } from "../support/chooser.ts";
import { doubling, failureOf, losing, once, showing } from "../support/plant.ts";
import { treeOf, treeRoot } from "../support/targets.ts";

/** The counter of the chain crashes when it has been at work for a while. */
const CRASH = [{ kind: "crash", subject: "root/chain/counter", ordinal: 20, value: 1 }] as const;

const tree = treeOf(treeRoot());

/** What becomes of a law when the trace of a run with a crash is altered. */
function shown(invariant: Invariant, alter: (event: TraceEvent) => readonly TraceEvent[]) {
  return failureOf(showing(invariant, alter), tree, CRASH);
}

function isOf(
  kind: new (...args: never[]) => unknown,
  type: "send" | "deliver" = "send",
): (event: TraceEvent) => boolean {
  return (event) => event.type === type && event.message instanceof kind;
}

function isOfType(type: TraceEvent["type"]): (event: TraceEvent) => boolean {
  return (event) => event.type === type;
}

function isHandled(event: TraceEvent): boolean {
  return event.type === "deliver" && event.subject.path.endsWith("watcher");
}

/** It tells of the end of the one that crashes. */
function isOfTheDead({ type, subject }: TraceEvent): boolean {
  return type === "exitSignal" && subject.path === "root/chain/counter";
}

describe.each([
  noOrphans(),
  monitorsTellOnce(),
  linksTellOnce(),
  deadAreSilent(),
  pairsKeepOrder(),
  namesAreLive(),
  timersObey(),
  timersAreInTime(),
  callsEndOnce(),
])("$id", (invariant) => {
  test("holds where an actor crashes", async () => {
    expect(await failureOf(invariant, tree, CRASH)).toBeUndefined();
  });
});

/** Traps exits, and does nothing about them. */
class Deaf implements Behaviour {
  readonly kind = "deaf";

  start(): void {
    // It has nothing to do.
  }

  receive(): void {
    // Whatever it is.
  }
}

const deaf: Definition = { name: "deaf", trapExit: true, behaviour: new Deaf() };

const parent = defineServer<{ state: undefined; info: "end" }>({
  name: "parent",
  init: (_args, self) => {
    self.spawnLink(deaf);
    self.sendAfter(self.pid, "end", 50);
    return ok(undefined);
  },
  handleInfo: (message, state, self) => (message === "end" ? self.exit({ type: "normal" }) : noreply(state)),
});

test("I1 sees one that swallows the exit of its parent", async () => {
  const target = treeOf(defineSupervisor({ children: [{ id: "parent", start: child(parent), restart: "transient" }] }));
  const failure = await failureOf(noOrphans(), target);
  expect(failure).toMatchObject({ invariant: "I1-orphan", time: 50 });
  expect(failure?.message).toContain("deaf");
});

/** Lets go of its child before it ends. */
class Careless implements Behaviour {
  readonly kind = "supervisor";
  readonly #tells: boolean;

  constructor(tells: boolean) {
    this.#tells = tells;
  }

  start(process: Process): void {
    process.state = process.startChild(deaf, undefined, { id: "deaf" });
    process.sendAfter(process.pid, "end", 50);
  }

  receive(process: Process, message: unknown): void {
    if (message !== "end") return;
    const pid = process.state as Pid;
    if (this.#tells) process.exit(pid, shutdown());
    process.unlink(pid);
    process.stop(shutdown());
  }
}

test.each([
  ["sees a child that its supervisor lets go of", false, "I1-orphan"],
  ["does not mind one that was told to end before", true, undefined],
])("I1 %s", async (_says, tells, invariant) => {
  const careless: Definition = { name: "careless", trapExit: true, behaviour: new Careless(tells) };
  const spec = { id: "careless", start: child(careless), restart: "temporary" } as const;
  const failure = await failureOf(noOrphans(), treeOf(defineSupervisor({ children: [spec] })));
  expect(failure?.invariant).toBe(invariant);
});

describe("I2 sees a monitor", () => {
  test("that never tells", async () => {
    const failure = await shown(monitorsTellOnce(), losing(isOf(Down)));
    expect(failure).toMatchObject({ invariant: "I2-monitor", message: expect.stringContaining("never told") });
  });

  test("that tells twice", async () => {
    const failure = await shown(monitorsTellOnce(), doubling(isOf(Down)));
    expect(failure).toMatchObject({ invariant: "I2-monitor", message: expect.stringContaining("is over") });
  });

  test("whose message is handled twice", async () => {
    const failure = await shown(monitorsTellOnce(), doubling(isOf(Down, "deliver")));
    expect(failure).toMatchObject({ invariant: "I2-monitor", message: expect.stringContaining("handled twice") });
  });
});

describe("I3 sees a link", () => {
  test("along which no end goes", async () => {
    const failure = await shown(linksTellOnce(), (event) => {
      const isExit = event.type === "send" && event.message instanceof Exit;
      return isOfTheDead(event) || isExit ? [] : [event];
    });
    expect(failure).toMatchObject({ invariant: "I3-link", message: expect.stringContaining("has not gone along") });
  });

  test("along which an end goes twice", async () => {
    const failure = await shown(linksTellOnce(), doubling(isOfTheDead));
    expect(failure).toMatchObject({
      invariant: "I3-link",
      message: expect.stringContaining("not linked to it any more"),
    });
  });

  test("whose signal is swallowed", async () => {
    const failure = await shown(linksTellOnce(), losing(isOf(Exit)));
    expect(failure).toMatchObject({ invariant: "I3-link", message: expect.stringContaining("neither died") });
  });

  test("to the dead", async () => {
    let dead: TraceEvent | undefined;
    const failure = await shown(linksTellOnce(), (event) => {
      if (event.type === "exit") dead ??= event;
      if (dead === undefined || event.type !== "link") return [event];
      return [{ ...event, with: dead.subject.pid }];
    });
    expect(failure).toMatchObject({ invariant: "I3-link", message: expect.stringContaining("of whom one is dead") });
  });
});

test("I3 lets a child of a machine tell of its end by an event", async () => {
  const errand = fromPromise(() => new Promise<void>(() => undefined));
  const machine = createMachine({
    initial: "sending",
    states: { sending: { invoke: { src: errand, id: "errand", onError: "alone" } }, alone: {} },
  });
  const target = treeOf(defineSupervisor({ children: [{ id: "machine", start: child(fromMachine(machine)) }] }));
  const ends: string[] = [];
  const failure = await failureOf(
    showing(linksTellOnce(), (event) => {
      if (event.type === "exit") ends.push(event.subject.path);
      return [event];
    }),
    target,
    [{ kind: "crash", subject: "root/machine/errand", ordinal: 0, value: 1 }],
  );
  expect(ends[0]).toBe("root/machine/errand");
  expect(failure).toBeUndefined();
});

describe("I6 sees a message", () => {
  test("that is handled twice", async () => {
    const failure = await shown(deadAreSilent(), doubling(isHandled));
    expect(failure).toMatchObject({ invariant: "I6-dead", message: expect.stringContaining("handled before") });
  });

  test("that comes to the next incarnation", async () => {
    let waiting: TraceEvent | undefined;
    const failure = await shown(deadAreSilent(), (event) => {
      const { type, subject } = event;
      if (subject.path !== "root/chain/counter" || type !== "deliver") return [event];
      if (subject.incarnation === 1) {
        // The last one that it would have handled.
        const handled = waiting;
        waiting = event;
        return handled === undefined ? [] : [handled];
      }
      return waiting === undefined ? [event] : [{ ...event, cause: waiting.cause }];
    });
    expect(failure).toMatchObject({ invariant: "I6-dead", message: expect.stringContaining("was sent to") });
  });

  test("that the dead handle", async () => {
    let last: TraceEvent | undefined;
    const failure = await shown(deadAreSilent(), (event) => {
      if (event.subject.path !== "root/chain/counter" || event.subject.incarnation > 1) return [event];
      if (event.type === "deliver") last = event;
      return event.type === "exit" && last !== undefined ? [event, { ...last, cause: 0 }] : [event];
    });
    expect(failure).toMatchObject({ invariant: "I6-dead", message: expect.stringContaining("is dead, and handles") });
  });
});

test("I6 lets a machine insert several events at one that it was sent", async () => {
  const machine = createMachine({
    initial: "asleep",
    states: {
      asleep: {
        after: { 10: { actions: [statem.nextEvent({ type: "one" }), statem.nextEvent({ type: "other" })] } },
        on: { other: "awake" },
      },
      awake: {},
    },
  });
  const target = treeOf(defineSupervisor({ children: [{ id: "machine", start: child(fromMachine(machine)) }] }));
  let turns = 0;
  const failure = await failureOf(
    showing(deadAreSilent(), (event) => {
      if (event.type === "deliver" && event.subject.path === "root/machine") turns += 1;
      return [event];
    }),
    target,
  );
  // The timer, and what it leads to.
  expect(turns).toBeGreaterThanOrEqual(3);
  expect(failure).toBeUndefined();
});

test("I7 sees two messages of a pair that have changed places", async () => {
  const waiting: TraceEvent[] = [];
  let isOver = false;
  const failure = await shown(pairsKeepOrder(), (event) => {
    const isAdd = event.type === "deliver" && event.message instanceof CastMessage;
    if (isOver || !isAdd || event.subject.path !== "root/chain/counter") return [event];
    waiting.push(event);
    if (waiting.length < 2) return [];
    isOver = true;
    return waiting.toReversed();
  });
  expect(failure).toMatchObject({ invariant: "I7-order" });
});

describe("I12 sees a name", () => {
  test("that the dead keep", async () => {
    const failure = await shown(namesAreLive(), losing(isOfType("unregister")));
    expect(failure).toMatchObject({ invariant: "I12-name" });
  });

  test("that two have", async () => {
    const failure = await shown(namesAreLive(), doubling(isOfType("register")));
    expect(failure).toMatchObject({ invariant: "I12-name", message: expect.stringContaining("takes the name") });
  });
});

describe("I16 sees a timer", () => {
  test("that fires though it was cancelled", async () => {
    const fires = once(isOfType("timerCancelled"), (event) => [event, { ...event, type: "timerFired" } as TraceEvent]);
    const failure = await shown(timersObey(), fires);
    expect(failure).toMatchObject({ invariant: "I16-timer", message: expect.stringContaining("was cancelled") });
  });

  test("that fires too soon", async () => {
    const fires = once(isOfType("timerSet"), (event) => [event, { ...event, type: "timerFired" } as TraceEvent]);
    const failure = await shown(timersObey(), fires);
    expect(failure).toMatchObject({ invariant: "I16-timer", message: expect.stringContaining("before its time") });
  });
});

describe("I22 sees a timer", () => {
  test("that fires too late", async () => {
    const late = once(isOfType("timerFired"), (event) => [{ ...event, time: event.time + 100 }]);
    const failure = await shown(timersAreInTime(), late);
    expect(failure).toMatchObject({ invariant: "I22-late", message: expect.stringContaining("has not fired before") });
  });

  test("that never fires", async () => {
    const failure = await shown(timersAreInTime(), losing(isOfType("timerFired")));
    expect(failure).toMatchObject({ invariant: "I22-late", message: expect.stringContaining("has not fired before") });
  });

  test("but none that was made to be late", async () => {
    const late = [deviation("timer", "root/spawner", 7)];
    expect(await failureOf(timersAreInTime(), tree, late)).toBeUndefined();
  });
});

describe("I18 sees a request", () => {
  test("that is answered twice", async () => {
    const failure = await shown(callsEndOnce(), doubling(isOf(Response)));
    expect(failure).toMatchObject({ invariant: "I18-call", message: expect.stringContaining("answered twice") });
  });

  test("that nobody will answer", async () => {
    class Forgotten extends Resource {
      readonly kind = "call";

      release(): void {
        // There is nothing to give back.
      }
    }
    const asker: Definition = {
      name: "asker",
      behaviour: {
        kind: "server",
        start: (process) => process.own(new Forgotten()),
        receive: () => undefined,
      },
    };
    const failure = await failureOf(callsEndOnce(), treeOf(asker));
    expect(failure).toMatchObject({ invariant: "I18-call", message: expect.stringContaining("who is dead") });
  });
});
