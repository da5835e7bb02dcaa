import { defineServer, fromAsync, kill, noreply, ok, shutdown, silentLogger, type TraceEvent } from "@espalier/actors";
import { collectTrace, createProbe } from "@espalier/actors/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ask, counter, type Order, puppet, tell } from "./support/actors.ts";
import { defer } from "./support/promises.ts";
import { createWorld, leavesNothing } from "./support/world.ts";

function boom(): never {
  throw new Error("boom");
}

const leave: Order = (self) => self.exit({ type: "normal" });

/** The chain of types from an event back to the outside. */
function causes(events: readonly TraceEvent[], last: TraceEvent | undefined): string[] {
  const chain: string[] = [];
  for (let event = last; event !== undefined;) {
    chain.push(event.type);
    const { cause } = event;
    event = events.find(({ id }) => id === cause);
  }
  return chain.toReversed();
}

/** The ids of ends in a run of which somebody sees events of these types. */
async function idsOfExits(types?: ReadonlyArray<TraceEvent["type"]>): Promise<number[]> {
  const { system } = createWorld();
  const ids: number[] = [];
  const see = ({ type, id }: TraceEvent): void => void (type === "exit" && ids.push(id));
  system.trace(see, types === undefined ? {} : { types });
  const ref = system.spawn(counter, 1);
  await system.call(ref, { type: "get" });
  system.kill(ref);
  await system.idle();
  return ids;
}

describe("a trace", () => {
  test("numbers its events, and each cause lies before its effect", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const probe = createProbe(system);
    const ref = probe.self.spawnLink(puppet());
    probe.self.monitor(ref);
    await tell(system, ref, (self) => {
      self.send(probe.ref, "hello");
      self.exit(shutdown());
    });
    const ids = trace.events.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, cause } of trace.events) expect(cause).toBeLessThan(id);
  });

  test("names subjects by path and incarnation, with the time of the host's clock", async () => {
    const { system, clock } = createWorld();
    await clock.advance(1500);
    const trace = collectTrace(system);
    const ref = system.spawn(puppet(), undefined, { id: "worker", incarnation: 2 });
    expect(trace.events).toEqual([
      {
        type: "spawn",
        id: 1,
        cause: 0,
        time: 1500,
        subject: { pid: ref, path: "worker", incarnation: 2 },
        parent: undefined,
        behaviour: "server",
      },
    ]);
  });

  test("shows each step of a life once", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const ref = system.spawn(puppet());
    await system.idle();
    system.kill(ref);
    await system.idle();
    const types = trace.events.map(({ type }) => type).filter((type) => type !== "exitSignal");
    expect(types).toEqual(["spawn", "started", "exit"]);
  });

  test("shows a start that failed as such", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    await system.start(
      defineServer({
        name: "broken",
        init() {
          throw new Error("boom");
        },
      }),
    );
    expect(trace.events.map(({ type }) => type)).toEqual(["spawn", "report", "startFailed", "exit"]);
  });

  test.each(["spawn", "started", "send", "deliver", "link", "exit", "report"] as const)(
    "goes on for others, and so do the actors, when a tracer throws at %s: it sees nothing more, and that is logged",
    async (type) => {
      const logged: string[] = [];
      const error = (_fields: object, text: string): void => void logged.push(text);
      const { system } = createWorld({ logger: { ...silentLogger, error } });
      let seen = 0;
      system.trace(
        () => {
          seen += 1;
          throw new Error("boom");
        },
        { types: [type] },
      );
      const trace = collectTrace(system);
      const first = system.spawn(puppet());
      const second = system.spawn(puppet());
      await tell(system, first, (self) => self.link(second));
      await tell(system, first, boom);
      expect([system.isAlive(first), system.isAlive(second)]).toEqual([false, false]);
      expect(trace.of("exit")).toHaveLength(2);
      expect(seen).toBe(1);
      expect(logged.filter((text) => text === "a tracer has thrown, and sees nothing any more")).toHaveLength(1);
    },
  );

  test("has exactly one exit for each spawn, whatever happened", async () => {
    const ops = fc.array(fc.tuple(fc.constantFrom("spawn", "kill", "crash", "leave"), fc.nat(20)), {
      maxLength: 40,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(ops, async (run) => {
        const world = createWorld();
        const { system } = world;
        const trace = collectTrace(system);
        const refs = [system.spawn(puppet())];
        for (const [what, place] of run) {
          const ref = refs[place % refs.length];
          if (ref === undefined) continue;
          const spawn: Order = (self) => void refs.push(self.spawnLink(puppet()));
          if (what === "spawn") system.send(ref, spawn);
          else if (what === "kill") system.kill(ref);
          else if (what === "crash") system.send(ref, boom);
          else system.send(ref, leave);
          if (place % 3 === 0) await system.idle();
        }
        await leavesNothing(world);
        const spawned = trace.of("spawn").map(({ subject }) => subject.pid.id);
        const ended = trace.of("exit").map(({ subject }) => subject.pid.id);
        expect(ended.toSorted((a, b) => a - b)).toEqual(spawned);
      }),
      { numRuns: 50 },
    );
  });

  test("shows links, monitors, names and timers as they come and go", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(puppet());
    await system.idle();
    const trace = collectTrace(system);
    probe.self.link(ref);
    probe.self.unlink(ref);
    probe.self.unlink(ref);
    probe.self.demonitor(probe.self.monitor(ref));
    probe.self.register("name");
    probe.self.unregister("name");
    probe.self.cancelTimer(probe.self.sendAfter(ref, "never", 10));
    probe.self.sendAfter(probe.ref, "ding", 20);
    await clock.advance(20);
    expect(trace.events.map(({ type }) => type)).toEqual([
      "link",
      "unlink",
      "acquire",
      "monitor",
      "demonitor",
      "register",
      "unregister",
      "acquire",
      "timerSet",
      "timerCancelled",
      "acquire",
      "timerSet",
      "timerFired",
      "send",
      "deliver",
    ]);
    expect(new Set(trace.events.map(({ subject }) => subject.pid))).toEqual(new Set([probe.ref]));
  });

  test("names the other end of a link and the target of a monitor", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(puppet());
    await system.idle();
    const trace = collectTrace(system);
    probe.self.link(ref);
    probe.self.unlink(ref);
    probe.self.demonitor(probe.self.monitor(ref));
    expect(trace.of("link")).toMatchObject([{ with: ref }]);
    expect(trace.of("unlink")).toMatchObject([{ with: ref }]);
    expect(trace.of("monitor")).toMatchObject([{ target: ref }]);
    expect(trace.of("demonitor")).toMatchObject([{ target: ref }]);
  });

  test("shows exit signals, by link or by exit, with their reasons", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const probe = createProbe(system);
    const linked = system.spawn(puppet());
    const ref = system.spawn(puppet());
    await tell(system, linked, (self) => self.link(ref));
    probe.self.exit(ref, shutdown());
    await system.idle();
    expect(trace.of("exitSignal")).toMatchObject([
      { subject: { pid: probe.ref }, to: ref, reason: shutdown() },
      { subject: { pid: ref }, to: linked, reason: shutdown() },
    ]);
  });

  test("shows the delivery of a message when it is received, also to one that receives selectively", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        await self.receive({ match: (message) => message === "second" });
        await self.receive();
        await self.receive();
      }),
    );
    await system.idle();
    const trace = collectTrace(system);
    system.send(ref, "first");
    await system.idle();
    expect(trace.of("deliver")).toEqual([]);
    system.send(ref, "second");
    await system.idle();
    expect(trace.of("deliver").map(({ message }) => message)).toEqual(["second", "first"]);
  });

  test("may show the life only: starts, ends and reports", async () => {
    const { system } = createWorld();
    const types: string[] = [];
    system.trace(({ type }) => types.push(type), { detail: "life" });
    const probe = createProbe(system);
    const ref = system.spawn(puppet());
    probe.self.link(ref);
    probe.self.send(ref, "hello");
    await tell(system, ref, () => {
      throw new Error("boom");
    });
    expect(types).toEqual(["spawn", "spawn", "started", "started", "report", "exit"]);
  });

  test("is the same for everybody who listens, and is over when it is taken off", async () => {
    const { system } = createWorld();
    const first = collectTrace(system);
    const second = collectTrace(system);
    const ref = system.spawn(puppet());
    await tell(system, ref, () => undefined);
    expect(first.events).toEqual(second.events);
    const { length } = first.events;
    first.stop();
    await tell(system, ref, () => undefined);
    expect(first.events.length).toBe(length);
    expect(second.events.length).toBeGreaterThan(length);
  });

  test("can begin and end while messages are under way", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const ref = system.spawn(puppet({ received }));
    system.send(ref, "before");
    const trace = collectTrace(system);
    system.send(ref, "traced");
    trace.stop();
    system.send(ref, "after");
    await system.idle();
    expect(received).toEqual(["before", "traced", "after"]);
    const again = collectTrace(system);
    system.send(ref, "traced");
    await system.idle();
    again.stop();
    expect(again.events.map(({ type }) => type)).toEqual(["send", "deliver"]);
  });

  test("has only events of the types that are asked for, with the ids that they have among all", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    await system.idle();
    const all = collectTrace(system);
    const some: TraceEvent[] = [];
    const stop = system.trace((event) => some.push(event), { types: ["deliver", "exit"] });
    await system.call(ref, { type: "get" });
    system.kill(ref);
    await system.idle();
    expect(some).toEqual(all.events.filter(({ type }) => type === "deliver" || type === "exit"));
    expect(some.map(({ type }) => type)).toEqual(["deliver", "exit"]);
    stop();
    system.spawn(counter, 1);
    await system.idle();
    expect(some).toHaveLength(2);
  });

  test("goes on for those who ask for types, in whatever form, when others come and go", async () => {
    const { system } = createWorld();
    const seen: string[] = [];
    system.trace(({ type }) => seen.push(type), { types: new Set(["spawn"] as const).keys() });
    system.spawn(counter, 1);
    const stop = system.trace(() => undefined);
    system.spawn(counter, 1);
    stop();
    system.spawn(counter, 1);
    expect(seen).toEqual(["spawn", "spawn", "spawn"]);
  });

  test("that asks for types numbers its events as one that asks for all", async () => {
    const ids = await idsOfExits();
    expect(ids).toHaveLength(1);
    expect(await idsOfExits(["exit"])).toEqual(ids);
  });
});

describe("the cause of", () => {
  test("what comes from outside is nothing", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const ref = system.spawn(puppet());
    system.send(ref, "hello");
    expect(trace.events.map(({ type, cause }) => [type, cause])).toEqual([
      ["spawn", 0],
      ["send", 0],
    ]);
    await system.idle();
    expect(trace.of("deliver").map(({ cause }) => cause)).toEqual(trace.of("send").map(({ id }) => id));
  });

  test("a delivery is its send, and of what it sets off the delivery", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(puppet());
    await system.idle();
    const trace = collectTrace(system);
    await tell(system, ref, (self) => self.send(probe.ref, "answer"));
    expect(causes(trace.events, trace.events.at(-1))).toEqual(["send", "deliver", "send", "deliver"]);
  });

  test("what init does is the spawn", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    await system.idle();
    const trace = collectTrace(system);
    system.spawn(
      defineServer({
        init(_args, self) {
          self.send(probe.ref, "born");
          return ok(undefined);
        },
      }),
    );
    await system.idle();
    expect(causes(trace.events, trace.of("started")[0])).toEqual(["spawn", "started"]);
    expect(causes(trace.events, trace.of("deliver")[0])).toEqual(["spawn", "send", "deliver"]);
  });

  test("a death by signal is the signal, along the whole chain of links", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const a = system.spawn(puppet());
    const b = system.spawn(puppet());
    await tell(system, a, (self) => self.link(b));
    const trace = collectTrace(system);
    probe.self.exit(a, kill);
    await system.idle();
    const end = trace.of("exit").find(({ subject }) => subject.pid === b);
    expect(causes(trace.events, end)).toEqual(["exitSignal", "exitSignal", "exit"]);
  });

  test("a crash is the message that was handled", async () => {
    const { system } = createWorld();
    const ref = system.spawn(puppet());
    await system.idle();
    const trace = collectTrace(system);
    await tell(system, ref, () => {
      throw new Error("boom");
    });
    expect(causes(trace.events, trace.of("exit")[0])).toEqual(["send", "deliver", "exit"]);
    expect(causes(trace.events, trace.of("report")[0])).toEqual(["send", "deliver", "report"]);
  });

  test("an exit from within is the message that was handled", async () => {
    const { system } = createWorld();
    const ref = system.spawn(puppet());
    await system.idle();
    const trace = collectTrace(system);
    await tell(system, ref, (self) => self.exit(shutdown()));
    expect(causes(trace.events, trace.of("exit")[0])).toEqual(["send", "deliver", "exit"]);
  });

  test("a timer's message is the timer, and of the timer its setting", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(puppet());
    await system.idle();
    const trace = collectTrace(system);
    await ask(system, ref, (self) => self.sendAfter(probe.ref, "ding", 10));
    await clock.advance(10);
    expect(causes(trace.events, trace.events.at(-1))).toEqual([
      "send",
      "deliver",
      "timerSet",
      "timerFired",
      "send",
      "deliver",
    ]);
  });

  test("what an asynchronous callback leads to is the message that it handled", async () => {
    const { system } = createWorld();
    const gate = defer();
    const ref = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        async handleInfo(_message, _state, self) {
          await gate.promise;
          return self.exit(shutdown());
        },
        handleCast: () => noreply(undefined),
      }),
    );
    await system.idle();
    const trace = collectTrace(system);
    system.send(ref, "work");
    await system.idle();
    gate.resolve();
    await system.idle();
    expect(causes(trace.events, trace.of("exit")[0])).toEqual(["send", "deliver", "exit"]);
  });

  test("the handling of a call is the call", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    await system.idle();
    const trace = collectTrace(system);
    await system.call(ref, { type: "get" });
    expect(causes(trace.events, trace.of("deliver")[0])).toEqual(["call", "send", "deliver"]);
    expect(trace.of("deliver")[0]?.message).toMatchObject({ type: "call", request: { type: "get" } });
  });
});
