import { createSystem, fromMachine, type Pid, type TraceEvent } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { expect, test } from "vitest";
import { setup } from "xstate";

const machine = setup({ types: { events: {} as { type: "go" } | { type: "stay" } | { type: "crash" } } }).createMachine(
  {
    id: "walker",
    initial: "here",
    states: {
      here: {
        initial: "standing",
        states: { standing: {} },
        on: {
          go: "there",
          crash: {
            actions: () => {
              throw new Error("crash");
            },
          },
        },
        after: { 50: "there" },
      },
      there: {},
    },
  },
);

function world(detail: "life" | "all" | "states", exact = false) {
  const clock = new ManualClock();
  const system = createSystem({ host: clock });
  const events: Array<Extract<TraceEvent, { type: "handled" }>> = [];
  const stop = system.trace((event) => void (event.type === "handled" && events.push(event)), { detail });
  const walker = system.spawn(fromMachine(machine, { exact }), undefined, { id: "walker" });
  clock.advanceSync(0);
  const seen = () => events.map(({ event, from, to }) => ({ event: (event as { type?: string })?.type, from, to }));
  return { clock, system, walker, events, seen, stop };
}

function send(system: ReturnType<typeof createSystem>, to: Pid, type: string): void {
  system.send(to as never, { type } as never);
}

test.each([false, true])("a tracer of states sees what each machine handles, from its start (exact: %s)", (exact) => {
  const { clock, system, walker, events, seen } = world("states", exact);
  send(system, walker, "stay");
  clock.advanceSync(0);
  send(system, walker, "go");
  clock.advanceSync(0);
  expect(seen()).toEqual([
    { event: undefined, from: undefined, to: { here: "standing" } },
    { event: "stay", from: { here: "standing" }, to: { here: "standing" } },
    { event: "go", from: { here: "standing" }, to: "there" },
  ]);
  for (const { subject } of events) expect(subject).toEqual({ pid: walker, path: "walker", incarnation: 1 });
});

test("a timeout is an event like any other, and one that has crashed the machine is not handled", () => {
  const late = world("states");
  late.clock.advanceSync(50);
  expect(late.seen().at(-1)).toMatchObject({ event: expect.stringContaining("after.50"), to: "there" });

  const crashed = world("states");
  send(crashed.system, crashed.walker, "crash");
  crashed.clock.advanceSync(0);
  expect(crashed.system.isAlive(crashed.walker)).toBe(false);
  expect(crashed.events).toHaveLength(1);
});

test.each(["life", "all"] as const)("a tracer of %s sees none of that", (detail) => {
  const { clock, system, walker, events } = world(detail);
  send(system, walker, "go");
  clock.advanceSync(0);
  expect(events).toEqual([]);
});

test("nothing comes any more once the tracer is off", () => {
  const { clock, system, walker, events, stop } = world("states");
  stop();
  send(system, walker, "go");
  clock.advanceSync(0);
  expect(events).toHaveLength(1);
});

test("a timer and a monitor are the same object in all that is told of them", () => {
  const clock = new ManualClock();
  const system = createSystem({ host: clock });
  const events: TraceEvent[] = [];
  system.trace((event) => void events.push(event));
  const target = system.spawn(fromMachine(machine));
  system.spawn({
    name: "watcher",
    behaviour: {
      kind: "watcher",
      start(process) {
        const kept = process.sendAfter<unknown>(process.pid, "kept", 5);
        process.cancelTimer(process.sendAfter<unknown>(process.pid, "cancelled", 5));
        process.demonitor(process.monitor(target));
        process.state = kept;
      },
      receive: () => undefined,
    },
  });
  clock.advanceSync(10);
  const [kept, cancelled] = events.flatMap((event) =>
    event.type === "timerSet" && event.dueIn === 5 ? [event.timer] : [],
  );
  expect(kept).not.toBe(cancelled);
  expect(events.flatMap((event) => (event.type === "timerFired" ? [event.timer] : []))).toEqual([kept]);
  expect(events.flatMap((event) => (event.type === "timerCancelled" ? [event.timer] : []))[0]).toBe(cancelled);
  const [set] = events.flatMap((event) => (event.type === "monitor" ? [event.ref] : []));
  const [taken] = events.flatMap((event) => (event.type === "demonitor" ? [event.ref] : []));
  expect(set).toBeDefined();
  expect(taken).toBe(set);
});
