import { describe, expect, test } from "vitest";
import { type AnyStateMachine, assign, createMachine, raise, setup } from "xstate";
import {
  type ActorRef,
  type Context,
  createSystem,
  defineServer,
  type Definition,
  fromAsync,
  fromMachine,
  type InjectedEnd,
  InjectedCrashError,
  noreply,
  ok,
  type Process,
  Resource,
  type Simulation,
  type System,
} from "../src/index.ts";
import { collectTrace, createProbe, ManualClock, residue } from "../src/testing/index.ts";
import { puppet } from "./support/actors.ts";

/** Ends an actor before one of its effects, delays by list, and remembers what it was asked. */
class Script implements Simulation {
  readonly asked: string[] = [];
  readonly #crash: string | undefined;
  readonly #end: InjectedEnd;
  /** Signals that are late, the first by pair first. */
  readonly late: Array<() => void> = [];
  delaying = false;
  latenessMs = 0;

  constructor(crash?: string, end: InjectedEnd = "throw") {
    this.#crash = crash;
    this.#end = end;
  }

  crashAt({ path }: { readonly path: string }, effect: string): InjectedEnd | undefined {
    const point = `${path} ${effect}`;
    this.asked.push(point);
    return point === this.#crash ? this.#end : undefined;
  }

  delays(_from: unknown, _to: unknown, arrive: () => void): boolean {
    if (this.delaying) this.late.push(arrive);
    return this.delaying;
  }

  lateness(): number {
    const ms = this.latenessMs;
    this.latenessMs = 0;
    return ms;
  }
}

function fail(): never {
  throw new Error("boom");
}

function world(simulation: Simulation): { readonly system: System; readonly clock: ManualClock } {
  const clock = new ManualClock({ simulation });
  return { system: createSystem({ host: clock }), clock };
}

const ends: readonly InjectedEnd[] = ["throw", "kill"];

/** Does one of each, and catches whatever happens. */
function stubborn(log: string[]) {
  const other = defineServer<{ state: null }>({ name: "other", init: () => ok(null) });
  return defineServer<{ state: null; info: "work" | "again" }>({
    name: "worker",
    init: () => ok(null),
    handleInfo(message, _state, self) {
      if (typeof message === "string") log.push(message);
      const effects: ReadonlyArray<readonly [string, () => unknown]> = [
        ["spawn", () => self.spawn(other)],
        ["sendAfter", () => self.sendAfter(self.pid, "late", 1000)],
        ["register", () => self.register("worker")],
        ["send", () => self.send(self.pid, "again")],
        ["monitor", () => self.monitor(self.pid)],
      ];
      for (const [name, run] of effects) {
        try {
          run();
          log.push(name);
        } catch {
          // It goes on, as badly written code does.
        }
      }
      return noreply(null);
    },
    terminate: () => void log.push("terminate"),
  });
}

describe.each(ends)("an actor that a simulator ends by %s", (end) => {
  test.each(["receive", "spawn", "sendAfter", "register", "send", "monitor"])(
    "before %s has no effect from there on, though it catches the error, and leaves nothing behind",
    async (effect) => {
      const log: string[] = [];
      const { system, clock } = world(new Script(`worker-1 ${effect}`, end));
      const worker = system.spawn(stubborn(log)) as ActorRef<"work">;
      const reason = system.exited(worker);
      system.send(worker, "work");
      await clock.advance(0);
      const before = ["work", "spawn", "sendAfter", "register", "send", "monitor"];
      const done = before.slice(0, effect === "receive" ? 0 : before.indexOf(effect));
      expect(log).toEqual([...done, ...(end === "throw" ? ["terminate"] : [])]);
      expect(await reason).toMatchObject(
        end === "kill" ? { type: "killed" } : { type: "error", error: new InjectedCrashError(effect) },
      );
      expect(residue(system).timers).toBe(0);
      expect(residue(system).names).toEqual([]);
    },
  );

  test("before it starts has failed to start", async () => {
    const { system } = world(new Script("server-1 start", end));
    const server = defineServer<{ state: null }>({ name: "server", init: () => ok(null) });
    expect(await system.start(server)).toMatchObject({ ok: false, error: "failed" });
  });
});

const effects = ["spawn", "sendAfter", "register", "send", "monitor"];

/** What a worker does behind an `await`, whatever becomes of it. */
async function work(self: Context<string>, log: string[]): Promise<void> {
  const other = defineServer<{ state: null }>({ name: "other", init: () => ok(null) });
  await Promise.resolve();
  const runs: ReadonlyArray<() => unknown> = [
    () => self.spawn(other),
    () => self.sendAfter(self.pid, "late", 1000),
    () => self.register("worker"),
    () => self.send(self.pid, "again"),
    () => self.monitor(self.pid),
  ];
  for (const [index, run] of runs.entries()) {
    try {
      run();
      log.push(effects[index] ?? "");
    } catch (error) {
      if (error instanceof InjectedCrashError) log.push("caught");
    }
    await Promise.resolve();
  }
}

const workers: Readonly<Record<string, (log: string[]) => Definition<void, ActorRef<string>>>> = {
  "an asynchronous function": (log) =>
    fromAsync<string>(async function worker(self) {
      await work(self, log);
      await self.receive();
    }),
  "a server with an asynchronous callback": (log) =>
    defineServer<{ state: null; info: string }>({
      name: "worker",
      init: async (_args, self) => {
        await work(self, log);
        return ok(null);
      },
    }),
};

describe.each(Object.entries(workers))("%s", (_name, workerOf) => {
  test.each(ends.flatMap((end) => effects.map((effect) => [end, effect] as const)))(
    "ends by %s before %s behind an await, and has no effect from there on",
    async (end, effect) => {
      const log: string[] = [];
      const { system, clock } = world(new Script(`worker-1 ${effect}`, end));
      const reason = system.exited(system.spawn(workerOf(log)));
      await clock.advance(0);
      await system.idle();
      const done = effects.slice(0, effects.indexOf(effect));
      expect(log.filter((entry) => entry !== "caught")).toEqual(done);
      // By a throw its own code gets the error; by a kill none of it is to notice.
      expect(log.includes("caught")).toBe(end === "throw");
      expect(await reason).toMatchObject(
        end === "kill" ? { type: "killed" } : { type: "error", error: new InjectedCrashError(effect) },
      );
      expect(residue(system).timers).toBe(0);
      expect(residue(system).names).toEqual([]);
      expect(system.tasks).toBe(0);
    },
  );

  test("is asked for each effect once, in order", async () => {
    const script = new Script();
    const { system, clock } = world(script);
    system.spawn(workerOf([]));
    await clock.advance(0);
    await system.idle();
    const asked = script.asked.filter((point) => point.startsWith("worker-1 ") && !point.endsWith(" receive"));
    expect(asked).toEqual(["start", ...effects].map((effect) => `worker-1 ${effect}`));
  });
});

async function sendLater(self: Context<string>): Promise<void> {
  await Promise.resolve();
  self.send(self.pid, "late");
}

test("an asynchronous function that an injected throw ends runs its finally, and rejects for whoever awaits it", async () => {
  const log: string[] = [];
  const { system, clock } = world(new Script("worker-1 send"));
  const worker = fromAsync<string>(async function worker(self) {
    try {
      await sendLater(self);
    } finally {
      log.push("finally");
    }
    log.push("behind");
  });
  const reason = system.exited(system.spawn(worker));
  await clock.advance(0);
  expect(await reason).toMatchObject({ type: "error", error: new InjectedCrashError("send") });
  expect(log).toEqual(["finally"]);
});

test("who waits for a promise is not asked for what others do to him, in their steps and in callbacks", async () => {
  class Thing extends Resource {
    readonly kind = "thing";
    soon(): void {
      this.deadline(() => this.touch())?.arm(5);
    }
    touch(): void {
      this.mayCrash("touch");
    }
    release(): void {}
  }
  const thing = new Thing();
  const script = new Script();
  const { system, clock } = world(script);
  const waits: Array<() => void> = [];
  const waiting: Definition = {
    name: "waiting",
    behaviour: {
      kind: "waiting",
      async start(self: Process) {
        self.own(thing);
        thing.soon();
        await new Promise<void>((resolve) => void waits.push(resolve));
        thing.touch();
      },
      receive: () => undefined,
    },
  };
  const other = defineServer<{ state: null }>({
    name: "other",
    init() {
      thing.touch();
      return ok(null);
    },
  });
  system.spawn(waiting);
  system.spawn(other);
  await clock.advance(10);
  const touched = (): number => script.asked.filter((point) => point.endsWith("touch")).length;
  expect(touched()).toBe(0);
  waits[0]?.();
  await clock.advance(0);
  expect(script.asked.at(-1)).toBe("waiting-1 touch");
  expect(touched()).toBe(1);
});

describe("a machine", () => {
  const machine = setup({
    types: { context: {} as { readonly count: number } },
    actions: { first() {}, second() {} },
  }).createMachine({
    id: "steps",
    context: { count: 0 },
    on: {
      go: { actions: ["first", assign({ count: ({ context }) => context.count + 1 }), raise({ type: "more" })] },
      more: { actions: "second" },
    },
  });

  test.each([false, true])("is asked before each action of each transition (exact: %s)", async (exact) => {
    const script = new Script();
    const { system, clock } = world(script);
    const actor = system.spawn(fromMachine(machine, { exact }));
    await clock.advance(0);
    script.asked.length = 0;
    system.send(actor, { type: "go" });
    await clock.advance(0);
    expect(script.asked.map((point) => point.replace(/^\S+ /, ""))).toEqual(
      exact
        ? ["receive", "action first", "action xstate.raise", "action second"]
        : ["receive", "action first", "action xstate.assign", "action xstate.raise", "action second"],
    );
  });

  test.each(ends)("ends between two actions, with the state of before the event (%s)", async (end) => {
    const { system, clock } = world(new Script("steps-1 action xstate.raise", end));
    const trace = collectTrace(system);
    const actor = system.spawn(fromMachine(machine));
    const reason = system.exited(actor);
    system.send(actor, { type: "go" });
    await clock.advance(0);
    expect((await reason).type).toBe(end === "kill" ? "killed" : "error");
    expect(trace.of("report").map(({ report }) => report)).toMatchObject(
      end === "kill" ? [] : [{ type: "crash", state: { context: { count: 0 } } }],
    );
  });
});

test("nobody is asked for what others do to them, nor for what nobody's code does", async () => {
  const script = new Script();
  const { system, clock } = world(script);
  const probe = createProbe(system);
  const server = defineServer<{ state: null }>({ name: "server", init: () => ok(null) });
  const target = system.spawn(server);
  await clock.advance(0);
  script.asked.length = 0;
  probe.self.monitor(target);
  probe.self.link(target);
  system.kill(target);
  await clock.advance(0);
  expect(script.asked).toEqual(["probe-1 receive", "probe-1 receive"]);
});

test("signals between actors can be late, one by one, and what they find then is what counts", async () => {
  const script = new Script();
  const { system, clock } = world(script);
  const [from, to] = [createProbe<string>(system), createProbe<string>(system)];
  await clock.advance(0);
  script.delaying = true;
  from.self.send(to.ref, "first");
  from.self.send(to.ref, "second");
  from.self.exit(to.ref, { type: "error", error: "third" } as never);
  system.send(to.ref, "from outside, which is not delayed by being a signal");
  await clock.advance(0);
  script.delaying = false;
  for (const arrive of script.late.splice(0)) arrive();
  await clock.advance(0);
  expect(to.messages).toHaveLength(4);
  expect(to.messages.slice(1, 3)).toEqual(["first", "second"]);
  expect(to.messages[3]).toMatchObject({ from: from.ref });
});

test("what is late for the dead is lost, and late news of a death arrive after all", async () => {
  const script = new Script();
  const { system, clock } = world(script);
  const [from, to] = [createProbe<string>(system), createProbe<string>(system)];
  await clock.advance(0);
  from.self.monitor(to.ref);
  script.delaying = true;
  from.self.send(to.ref, "too late");
  system.kill(to.ref);
  await clock.advance(0);
  script.delaying = false;
  expect(from.messages).toEqual([]);
  for (const arrive of script.late.splice(0)) arrive();
  await clock.advance(0);
  expect(from.messages).toMatchObject([{ pid: to.ref, reason: { type: "killed" } }]);
});

const worker = createMachine({
  initial: "working",
  states: { working: { on: { finish: "finished", crash: { actions: () => fail() } } }, finished: { type: "final" } },
});

const employer = setup({ actors: { worker } }).createMachine({
  id: "employer",
  initial: "waiting",
  states: {
    waiting: {
      invoke: { id: "worker", src: "worker", onDone: "done", onError: "failed" },
      on: { again: { target: "waiting", reenter: true } },
    },
    done: {},
    failed: {},
  },
});

const owner = setup({ actors: { employer } }).createMachine({ invoke: { id: "employer", src: "employer" } });

test.each([
  ["a machine", employer, "finish", "done"],
  ["a machine", employer, "crash", "failed"],
  ["a child of a machine", owner, "finish", "done"],
  ["a child of a machine", owner, "crash", "failed"],
])("late news of a child that %s has left are not taken for those of the next", async (_who, machine, end, after) => {
  const script = new Script();
  const { system, clock } = world(script);
  system.spawn(fromMachine(machine as AnyStateMachine));
  await clock.advance(0);
  const find = (name: string) => system.inspect().processes.find(({ id }) => id.startsWith(name));
  const tell = (name: string, type: string) => system.send(find(name)?.pid as ActorRef<{ type: string }>, { type });
  script.delaying = true;
  tell("worker", end);
  await clock.advance(0);
  script.delaying = false;
  tell("employer", "again");
  await clock.advance(0);
  for (const arrive of script.late.splice(0)) arrive();
  await clock.advance(0);
  expect(find("employer")?.summary).toBe("waiting");
  tell("worker", end);
  await clock.advance(0);
  expect(find("employer")?.summary).toBe(after);
});

test("what is late has its place in a limited mailbox already, and lets nobody in before it has left it", async () => {
  const script = new Script();
  const { system, clock } = world(script);
  const received: unknown[] = [];
  const to = system.spawn(puppet({ received }), undefined, { mailbox: { capacity: 1, whenFull: "block" } });
  const from = createProbe(system);
  await clock.advance(0);
  script.delaying = true;
  const offers = Promise.all(["a", "b", "c"].map((message) => from.self.offer(to, message)));
  const onTheirWay: number[] = [];
  while (script.late.length > 0) {
    onTheirWay.push(script.late.length);
    for (const arrive of script.late.splice(0)) arrive();
    await clock.advance(0);
  }
  await offers;
  expect(onTheirWay).toEqual([1, 1, 1]);
  expect(received).toEqual(["a", "b", "c"]);
});

test("a timer can be late, once for each time that it is said to be", async () => {
  const script = new Script();
  const { system, clock } = world(script);
  const probe = createProbe<string>(system);
  await clock.advance(0);
  probe.self.sendAfter(probe.ref, "due", 10);
  script.latenessMs = 5;
  await clock.advance(14);
  expect(probe.messages).toEqual([]);
  await clock.advance(1);
  expect(probe.messages).toEqual(["due"]);
});

test("each step of an actor begins and ends for the simulator, also one that fails", async () => {
  const steps: Array<string | null> = [];
  const script: Simulation = Object.assign(new Script("worker send"), {
    onStep: (actor: { readonly path: string } | null): void => void steps.push(actor === null ? null : actor.path),
  });
  const { system, clock } = world(script);
  system.spawn(stubborn([]), undefined, { id: "worker" });
  await clock.advance(0);
  system.send(system.inspect().processes[0]?.pid as ActorRef<"work">, "work");
  await clock.advance(0);
  expect(steps.length).toBeGreaterThan(2);
  expect(steps.filter((_, index) => index % 2 === 1)).toEqual(steps.flatMap((step) => (step === null ? [null] : [])));
  expect(new Set(steps)).toEqual(new Set(["worker", "worker/other-1", null]));
});
