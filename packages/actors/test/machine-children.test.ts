import {
  actorOf,
  type ActorRef,
  ChildEndedError,
  CrashReport,
  type Exit,
  failure,
  formatTree,
  fromMachine,
  kill,
  normal,
  type Pid,
  shutdown,
  silentLogger,
  sys,
} from "@espalier/actors";
import { collectTrace, createProbe, ManualClock } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import {
  type AnyActorRef,
  type AnyStateMachine,
  assign,
  createActor,
  createMachine,
  emit,
  enqueueActions,
  type EventObject,
  forwardTo,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  log,
  type Observer,
  raise,
  sendParent,
  sendTo,
  SimulatedClock,
  spawnChild,
  stopChild,
  type Subscribable,
  type Subscription,
} from "xstate";
import { defer, type Deferred } from "./support/promises.ts";
import { createWorld, endOf, type World } from "./support/world.ts";

/*
 * What XState says of invoked and spawned actors holds for processes too. A law about XState's semantics runs the machine
 * by `createActor` and by the kernel, and both must tell the same story.
 */

const boom = new Error("boom");

function fail(): never {
  throw boom;
}

/** Makes a machine of parts that XState's types cannot follow. */
function assembled(config: object, implementations: object = {}): AnyStateMachine {
  return createMachine(config as Parameters<typeof createMachine>[0], implementations);
}

/** What an action or an expression is given. */
interface Given {
  readonly context: Record<string, unknown>;
  readonly event: EventObject & Record<string, unknown>;
  readonly self: AnyActorRef;
  readonly system: { get(name: string): AnyActorRef | undefined };
}

/** What `assign` and the context are given. */
interface GivenToAssign extends Given {
  readonly spawn: (source: unknown, options?: object) => AnyActorRef;
}

/** `assign`, where nothing is known of the machine. */
const set = assign as unknown as (assignment: unknown) => unknown;

type Say = (line: string) => void;

/** Makes the machine of one run, which says what happens in it. */
type Make = (say: Say) => AnyStateMachine;

function makes(make: Make): Make {
  return make;
}

/** Sends an event, lets so many milliseconds pass, or does something else. */
type Step = EventObject | number | (() => void);

/** What can be seen of a run. */
interface Story {
  readonly lines: readonly string[];
  readonly status: string;
  readonly value: unknown;
  /** The children that run. */
  readonly children: readonly string[];
  readonly output: unknown;
  readonly error: unknown;
}

/** Lets promises be settled. */
async function turn(): Promise<void> {
  await new ManualClock().advance(0);
}

async function byXState(make: Make, steps: readonly Step[]): Promise<Story> {
  const lines: string[] = [];
  const clock = new SimulatedClock();
  const actor = createActor(
    make((line) => void lines.push(line)),
    { clock, logger: (line) => lines.push(String(line)) },
  );
  actor.subscribe({ error: () => undefined });
  actor.start();
  await turn();
  for (const step of steps) {
    if (typeof step === "function") step();
    else if (typeof step === "number") clock.increment(step);
    // XState warns of events to actors that have stopped.
    else if (actor.getSnapshot().status === "active") actor.send(step);
    await turn();
  }
  const { status, value, children, output, error } = actor.getSnapshot() as {
    status: string;
    value: unknown;
    children: Record<string, AnyActorRef | undefined>;
    output: unknown;
    error: unknown;
  };
  const isActive = status === "active";
  const running = Object.entries(children).filter(([, child]) => child?.getSnapshot().status === "active");
  const told = [...lines];
  actor.stop();
  return {
    lines: told,
    status,
    value: isActive ? value : undefined,
    children: isActive ? running.map(([id]) => id).toSorted() : [],
    output,
    error,
  };
}

async function byKernel(exact: boolean, make: Make, steps: readonly Step[]): Promise<Story> {
  const lines: string[] = [];
  const world = createWorld();
  const logger = { ...silentLogger, info: (_fields: object, line: string) => lines.push(line) };
  const definition = fromMachine(
    make((line) => void lines.push(line)),
    { exact, logger },
  );
  const ref = world.system.spawn(definition);
  const end = endOf(world.system, ref);
  await settle(world);
  for (const step of steps) {
    if (typeof step === "function") step();
    else if (typeof step === "object") world.system.send(ref, step);
    await world.clock.advance(typeof step === "number" ? step : 0);
  }
  const { processes } = world.system.inspect();
  const info = processes.find(({ pid }) => pid === ref);
  const children = processes.filter(({ parent }) => parent === ref).map(({ id }) => id);
  const { reason } = end;
  return {
    lines,
    status: reason === undefined ? "active" : reason.type === "error" ? "error" : "done",
    value: (info?.state as { value: unknown } | undefined)?.value,
    children: children.toSorted(),
    output: reason?.type === "normal" ? reason.detail : undefined,
    error: reason?.type === "error" ? reason.error : undefined,
  };
}

/** The state of an actor in a word. */
function stateOf({ system }: World, pid: Pid): string | undefined {
  return system.inspect().processes.find((process) => process.pid === pid)?.summary;
}

function send({ system }: World, ref: Pid, event: EventObject): void {
  system.send(ref as ActorRef<EventObject>, event);
}

/** The child of this id, wherever it is in the tree. */
function childOf({ system }: World, id: string): Pid {
  const found = system.inspect().processes.find((process) => process.id === id);
  if (found === undefined) throw new Error(`there is no child ${id}`);
  return found.pid;
}

function idsIn({ system }: World): string[] {
  return system.inspect().processes.map(({ id }) => id);
}

/** Lets everything happen that can happen now. */
async function settle({ clock }: World): Promise<void> {
  await clock.advance(0);
}

/** The crash reports of a system, as they come. */
function crashesOf({ system }: World): CrashReport[] {
  const crashes: CrashReport[] = [];
  system.trace((event) => {
    if (event.type === "report" && event.report instanceof CrashReport) crashes.push(event.report);
  });
  return crashes;
}

/** An observable under the test's control. */
class Subject<Value> implements Subscribable<Value> {
  readonly observers = new Set<Observer<Value>>();

  subscribe(next: Observer<Value> | ((value: Value) => void)): Subscription {
    const observer = typeof next === "function" ? { next } : next;
    this.observers.add(observer);
    return { unsubscribe: () => void this.observers.delete(observer) };
  }

  next(value: Value): void {
    for (const observer of this.observers) observer.next?.(value);
  }

  error(error: unknown): void {
    for (const observer of this.observers) observer.error?.(error);
  }

  complete(): void {
    for (const observer of this.observers) observer.complete?.();
  }
}

/** Makes an observable and keeps it for the test. */
function keeping<Value>(subjects: Array<Subject<Value>>): () => Subject<Value> {
  return () => {
    const subject = new Subject<Value>();
    subjects.push(subject);
    return subject;
  };
}

/** An observable that fails at once. */
class Failing<Value> extends Subject<Value> {
  override subscribe(next: Observer<Value> | ((value: Value) => void)): Subscription {
    const subscription = super.subscribe(next);
    this.error(boom);
    return subscription;
  }
}

/** A child machine that is done when it is told so, with what it was told. */
const worker = assembled({
  id: "worker",
  context: { result: 0 },
  initial: "working",
  states: {
    working: {
      on: {
        finish: {
          target: "finished",
          actions: assign({ result: ({ event }: { event: EventObject & { result?: number } }) => event.result ?? 0 }),
        },
        crash: { actions: fail },
        tick: {},
      },
    },
    finished: { type: "final" },
  },
  output: ({ context }: Given) => context["result"],
});

/** A child that runs until it is stopped, and says so. */
function lodger(say: Say, name = "lodger"): ReturnType<typeof fromCallback> {
  return fromCallback(() => {
    say(`${name} starts`);
    return () => say(`${name} ends`);
  });
}

/** Says what it receives. */
function listener(say: Say): ReturnType<typeof fromCallback> {
  return fromCallback(({ receive }) => receive(({ type }: EventObject) => say(`heard ${type}`)));
}

/** A family with one of each kind, three deep, that counts its clean-ups. */
function family(lines: string[]): AnyStateMachine {
  const say: Say = (line) => lines.push(line);
  const kinds = (name: string): object[] => [
    { id: `${name}.callback`, src: lodger(say, `${name} callback`) },
    {
      id: `${name}.promise`,
      src: fromPromise(({ signal }) => {
        signal.addEventListener("abort", () => say(`${name} promise ends`));
        return defer().promise;
      }),
    },
    {
      id: `${name}.observable`,
      src: fromObservable(() => ({ subscribe: () => ({ unsubscribe: () => say(`${name} observable ends`) }) })),
    },
  ];
  const low = assembled({ id: "low", after: { 1000: {} }, invoke: kinds("low") });
  const middle = assembled({
    id: "middle",
    after: { 1000: {} },
    invoke: [...kinds("middle"), { id: "low", src: low }],
  });
  return assembled({
    id: "top",
    invoke: [...kinds("top"), { id: "middle", src: middle }],
    initial: "a",
    states: { a: { on: { end: "b" } }, b: { type: "final" } },
    on: {
      crash: { actions: fail },
      exit: { actions: ({ self }: Given) => actorOf(self).exit(normal) },
    },
    output: ({ event }: Given) => event["reason"],
  });
}

/** Tells the parent what is in the context. */
const telling = assembled({
  context: ({ input }: { input: object }) => input,
  entry: sendParent(({ context }: Given) => ({ type: "said", text: JSON.stringify(context) })),
});

/** The state in which a child was in the snapshot that came. */
function valueIn(event: Given["event"]): string {
  return String((event["snapshot"] as { value: unknown }).value);
}

const ways: ReadonlyArray<readonly [string, boolean]> = [
  ["by plans", false],
  ["by XState", true],
];

describe.each(ways)("children of a machine that is run %s", (_way, exact) => {
  /** Both tell the same story, which the law then looks at. */
  async function tellOf(make: Make, steps: readonly Step[] = []): Promise<Story> {
    const told = await byXState(make, steps);
    const story = await byKernel(exact, make, steps);
    expect(story).toEqual(told);
    return story;
  }

  /** Runs it in the kernel alone. */
  function run(machine: AnyStateMachine, world: World = createWorld()): { world: World; ref: Pid } {
    return { world, ref: world.system.spawn(fromMachine(machine, { exact })) };
  }

  describe("done", () => {
    test("a machine's output is in the done event", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "w",
                src: worker,
                onDone: { target: "b", actions: ({ event }: Given) => say(`${event.type} ${String(event["output"])}`) },
              },
              on: { go: { actions: sendTo("w", { type: "finish", result: 7 }) } },
            },
            b: {},
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }]);
      expect(story).toMatchObject({ value: "b", children: [], lines: ["xstate.done.actor.w 7"] });
    });

    test("a promise's value is in the done event, at once or later", async () => {
      const later: Array<Deferred<number>> = [];
      const make = makes((say) =>
        assembled({
          type: "parallel",
          states: Object.fromEntries(
            ["now", "later"].map((id) => [
              id,
              {
                initial: "waiting",
                states: {
                  waiting: {
                    invoke: {
                      id,
                      src: fromPromise(() => {
                        if (id === "now") return Promise.resolve(1);
                        const deferred = defer<number>();
                        later.push(deferred);
                        return deferred.promise;
                      }),
                      onDone: {
                        target: "done",
                        actions: ({ event }: Given) => say(`${id} ${String(event["output"])}`),
                      },
                    },
                  },
                  done: {},
                },
              },
            ]),
          ),
        }),
      );
      const story = await tellOf(make, [() => later.shift()?.resolve(2)]);
      expect(story).toMatchObject({ value: { now: "done", later: "done" }, lines: ["now 1", "later 2"] });
    });

    test("an observable completes, and a callback and a transition never do", async () => {
      const subjects: Array<Subject<number>> = [];
      const make = makes((say) =>
        assembled({
          invoke: [
            {
              id: "o",
              src: fromObservable(keeping(subjects)),
              onDone: { actions: ({ event }: Given) => say(`${event.type} ${String(event["output"])}`) },
            },
            { id: "c", src: lodger(say), onDone: { actions: () => say("never") } },
            { id: "t", src: fromTransition((n: number) => n + 1, 0), onDone: { actions: () => say("never") } },
          ],
        }),
      );
      const story = await tellOf(make, [() => subjects.shift()?.complete()]);
      expect(story.children).toEqual(["c", "t"]);
      expect(story.lines.slice(0, 2)).toEqual(["lodger starts", "xstate.done.actor.o undefined"]);
    });

    test("a child that is done at its start has its parent told", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "brief",
                src: assembled({ initial: "end", states: { end: { type: "final" } }, output: 3 }),
                onDone: { target: "b", actions: ({ event }: Given) => say(`output ${String(event["output"])}`) },
              },
            },
            b: {},
          },
        }),
      );
      const story = await tellOf(make);
      expect(story).toMatchObject({ value: "b", lines: ["output 3"] });
    });

    test("a parent that is done at its start never starts its children", async () => {
      const make = makes((say) =>
        assembled({
          invoke: { src: lodger(say) },
          initial: "end",
          states: { end: { type: "final", invoke: { src: lodger(say) } } },
        }),
      );
      const story = await tellOf(make);
      expect(story).toMatchObject({ status: "done", lines: [] });
    });
  });

  describe("failure", () => {
    /** All the ways in which a child may fail, and what makes it do so after its start. */
    const failing: ReadonlyArray<readonly [string, () => unknown]> = [
      ["a machine whose context throws", () => assembled({ context: fail })],
      ["a machine whose entry action throws", () => assembled({ entry: fail })],
      ["a machine whose action throws", () => assembled({ on: { go: { actions: fail } } })],
      ["a machine whose child fails", () => assembled({ invoke: { src: fromPromise(() => Promise.reject(boom)) } })],
      ["a promise that rejects", () => fromPromise(() => Promise.reject(boom))],
      ["a promise that is never made", () => fromPromise(fail)],
      ["a callback that throws at once", () => fromCallback(fail)],
      ["a callback that throws on an event", () => fromCallback(({ receive }) => receive(fail))],
      ["an observable that fails", () => fromObservable(() => new Failing())],
      ["an event observable that fails", () => fromEventObservable(() => new Failing<EventObject>())],
      ["a transition that throws", () => fromTransition((): never => fail(), undefined)],
    ];

    test.each(failing)("of %s is an event that the parent may handle", async (_what, logic) => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "bad",
                src: logic(),
                onError: { target: "b", actions: ({ event }: Given) => say(`${event.type} ${String(event["error"])}`) },
              },
              on: { go: { actions: sendTo("bad", { type: "go" }) } },
            },
            b: {},
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }]);
      expect(story).toMatchObject({ value: "b", lines: ["xstate.error.actor.bad Error: boom"] });
    });

    test.each(failing)("of %s that the parent does not handle is its crash", async (_what, logic) => {
      const make = makes(() =>
        assembled({
          id: "parent",
          initial: "a",
          states: { a: { on: { next: "b" } }, b: { invoke: { id: "bad", src: logic() } } },
          on: { go: { actions: sendTo("bad", { type: "go" }) } },
        }),
      );
      const steps = [{ type: "next" }, { type: "go" }];
      const story = await tellOf(make, steps);
      expect(story).toMatchObject({ status: "error", error: boom });

      const { world, ref } = run(make(() => undefined));
      const crashes = crashesOf(world);
      for (const step of steps) {
        if (world.system.isAlive(ref)) send(world, ref, step);
        await settle(world);
      }
      // One report, the parent's, which shows where it was.
      expect(crashes).toMatchObject([
        {
          subject: { path: "parent-1" },
          reason: failure(boom),
          behaviour: "machine",
          state: { value: "b" },
          lastMessage: { error: boom },
        },
      ]);
      expect(world.system.inspect().processes).toEqual([]);
    });

    test("a cycle of eventless transitions in a child is the child's failure, and hangs nobody", async () => {
      const spinning = assembled({
        initial: "a",
        states: { a: { on: { spin: "b" } }, b: { always: "c" }, c: { always: "b" } },
      });
      const patient = assembled({
        options: { maxIterations: 3000 },
        context: { n: 0 },
        initial: "a",
        states: {
          a: { on: { spin: "b" } },
          b: {
            always: [
              { guard: ({ context }: Given) => context["n"] === 2000, target: "a" },
              { target: "b", reenter: true, actions: set({ n: ({ context }: Given) => Number(context["n"]) + 1 }) },
            ],
          },
        },
      });
      const parent = assembled({
        context: { errors: [] },
        invoke: [
          { id: "spinning", src: spinning },
          { id: "patient", src: patient },
        ],
        initial: "a",
        states: {
          a: {
            entry: spawnChild(spinning, { id: "other" }),
            on: {
              go: { actions: ["spinning", "other", "patient"].map((id) => sendTo(id, { type: "spin" })) },
              "xstate.error.actor.*": {
                actions: set({
                  errors: ({ context, event }: Given) => [...(context["errors"] as unknown[]), event["actorId"]],
                }),
              },
            },
          },
        },
      });
      const world = createWorld();
      const ref = world.system.spawn(fromMachine(parent, { exact }));
      send(world, ref, { type: "go" });
      await settle(world);
      await expect(sys.getState(world.system, ref)).resolves.toMatchObject({
        context: { errors: ["spinning", "other"] },
      });
      await expect(sys.getState(world.system, childOf(world, "patient"))).resolves.toMatchObject({
        value: "a",
        context: { n: 2000 },
      });
      // The user's own machine is as it was.
      expect(spinning.options.maxIterations).toBe(Infinity);
    });

    test("an asynchronous action of a child that rejects is the child's failure", async () => {
      const rest = defer();
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: { id: "hasty", src: assembled({ entry: () => rest.promise }), onError: "b" },
            },
            b: {},
          },
        }),
      );
      await settle(world);
      expect(world.system.inspect().tasks).toBe(1);
      rest.reject(boom);
      await settle(world);
      expect(stateOf(world, ref)).toBe("b");
      expect(idsIn(world)).toEqual(["machine-1"]);
    });

    test("a delayed event of a child to something that is no actor is the child's failure", async () => {
      const nobody = { address: 1 } as unknown as AnyActorRef;
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "lost",
                src: assembled({ entry: sendTo(() => nobody, { type: "hello" }, { delay: 10 }) }),
                onError: "b",
              },
            },
            b: {},
          },
        }),
      );
      await world.clock.advance(10);
      expect(stateOf(world, ref)).toBe("b");
    });

    test("a clean-up that throws when the state is left is a failure like any other", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: { a: { invoke: { id: "c", src: fromCallback(() => fail) }, on: { leave: "b" } }, b: {} },
          on: { "xstate.error.actor.c": { actions: ({ event }: Given) => say(String(event["error"])) } },
        }),
      );
      const story = await tellOf(make, [{ type: "leave" }]);
      expect(story).toMatchObject({ value: "b", lines: ["Error: boom"] });
    });

    test("the clean-up of a callback that has failed runs all the same, which XState leaves out", async () => {
      const make = makes((say) =>
        assembled({
          invoke: {
            id: "c",
            src: fromCallback(({ receive }) => {
              receive(fail);
              return () => say("cleaned up");
            }),
            onError: { actions: () => say("failed") },
          },
          on: { go: { actions: forwardTo("c") } },
        }),
      );
      const told = await byXState(make, [{ type: "go" }]);
      const story = await byKernel(exact, make, [{ type: "go" }]);
      expect(told.lines).toEqual(["failed"]);
      expect(story.lines.toSorted()).toEqual(["cleaned up", "failed"]);
    });

    test("a failure takes what is below the child along, and frees its names for the next", async () => {
      const { world, ref } = run(
        assembled({
          invoke: {
            id: "middle",
            src: assembled({
              invoke: { id: "low", systemId: "low", src: fromCallback(() => undefined) },
              on: { crash: { actions: fail } },
            }),
          },
          initial: "a",
          states: { a: {}, b: { invoke: { id: "other", systemId: "low", src: fromCallback(() => undefined) } } },
          on: { go: { actions: sendTo("middle", { type: "crash" }) }, "xstate.error.actor.middle": ".b" },
        }),
      );
      await settle(world);
      expect(idsIn(world)).toEqual(["machine-1", "middle", "low"]);
      send(world, ref, { type: "go" });
      await settle(world);
      expect(idsIn(world)).toEqual(["machine-1", "other"]);
    });
  });

  describe("snapshots", () => {
    test("onSnapshot gets every snapshot of a child", async () => {
      const subjects: Array<Subject<string>> = [];
      const make = makes((say) =>
        assembled({
          invoke: [
            {
              id: "o",
              src: fromObservable(keeping(subjects)),
              onSnapshot: {
                actions: ({ event }: Given) => say(`o ${String((event["snapshot"] as { context: unknown }).context)}`),
              },
            },
            {
              id: "t",
              src: fromTransition((n: number) => n + 1, 0),
              onSnapshot: {
                actions: ({ event }: Given) => say(`t ${String((event["snapshot"] as { context: unknown }).context)}`),
              },
            },
          ],
          on: { go: { actions: sendTo("t", { type: "up" }) } },
        }),
      );
      const story = await tellOf(make, [
        () => subjects[0]?.next("first"),
        { type: "go" },
        () => subjects.shift()?.next("second"),
      ]);
      expect(story.lines).toEqual(["o undefined", "t 0", "o first", "t 1", "o second"]);
    });

    test("a child's snapshot can be read, as it is and to be kept", async () => {
      const { world, ref } = run(
        assembled(
          {
            context: ({ spawn }: GivenToAssign) => ({ kept: spawn("worker", { id: "kept" }) }),
            invoke: [
              { id: "w", src: "worker" },
              { id: "p", src: "promise" },
              { id: "c", src: "callback" },
            ],
            on: {
              look: {
                actions: ({ self, event }: Given) => {
                  const { children } = self.getSnapshot() as { children: Record<string, AnyActorRef> };
                  const look = event["look"] as (seen: object) => void;
                  const machine = (self as unknown as { src: AnyStateMachine }).src;
                  look({
                    statuses: Object.fromEntries(
                      Object.entries(children).map(([id, child]) => [id, child.getSnapshot().status]),
                    ),
                    kept: machine.getPersistedSnapshot(self.getSnapshot() as never),
                  });
                },
              },
            },
          },
          {
            actors: {
              worker,
              promise: fromPromise(() => Promise.resolve(1)),
              callback: fromCallback(() => undefined),
            },
          },
        ),
      );
      const seen: object[] = [];
      await settle(world);
      send(world, ref, { type: "look", look: (what: object) => seen.push(what) } as EventObject);
      await settle(world);
      expect(seen).toMatchObject([
        {
          statuses: { kept: "active", w: "active", p: "done", c: "active" },
          kept: {
            context: { kept: { xstate$$type: 1, id: "kept" } },
            children: {
              w: { src: "worker", snapshot: { status: "active", value: "working" } },
              p: { src: "promise", snapshot: { status: "done", output: 1 } },
            },
          },
        },
      ]);
    });
  });

  describe("input, ids and names", () => {
    test("input is a value, or made of context and event", async () => {
      const make = makes((say) => {
        const hearing = fromCallback(({ input }) => {
          say(JSON.stringify(input));
        });
        return assembled(
          {
            context: { n: 1 },
            initial: "a",
            states: {
              a: { invoke: { src: hearing, input: { fixed: true } }, on: { go: "b" } },
              b: {
                entry: assign({ n: 2 }),
                invoke: [
                  {
                    src: hearing,
                    input: ({ context, event }: Given) => ({ n: context["n"], event: event.type }),
                  },
                  { src: "named", input: ({ self }: Given) => ({ self: self.getSnapshot().status }) },
                  { src: telling },
                  {
                    src: telling,
                    input: { of: "machine" },
                  },
                ],
              },
            },
            on: { said: { actions: ({ event }: Given) => say(String(event["text"])) } },
          },
          { actors: { named: hearing } },
        );
      });
      const story = await tellOf(make, [{ type: "go" }]);
      expect(story.lines).toEqual([
        '{"fixed":true}',
        '{"n":2,"event":"go"}',
        '{"self":"active"}',
        "{}",
        '{"of":"machine"}',
      ]);
    });

    test("an input that throws is the parent's crash", async () => {
      const story = await tellOf(
        (say) =>
          assembled({
            initial: "a",
            states: { a: { on: { go: "b" } }, b: { invoke: { src: lodger(say), input: fail } } },
          }),
        [{ type: "go" }],
      );
      expect(story).toMatchObject({ status: "error", error: boom, lines: [] });
    });

    test("an invoked child has the id that it was given, or that of its place", async () => {
      const story = await tellOf((say) =>
        assembled({
          id: "house",
          invoke: [{ src: lodger(say) }, { id: "named", src: lodger(say) }],
          initial: "a",
          states: { a: { invoke: { src: lodger(say) } } },
        }),
      );
      expect(story.children).toEqual(["0.house", "0.house.a", "named"]);
    });

    test("a systemId finds the child, from the machine and from its other children, while it runs", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: [
                {
                  systemId: "ear",
                  src: fromCallback(({ receive }) => receive(({ type }: EventObject) => say(`heard ${type}`))),
                },
                {
                  id: "mouth",
                  src: assembled({
                    on: { speak: { actions: sendTo(({ system }) => system.get("ear"), { type: "from a child" }) } },
                  }),
                },
              ],
              on: {
                go: {
                  actions: [
                    sendTo(({ system }) => system.get("ear"), { type: "from the machine" }),
                    sendTo("mouth", { type: "speak" }),
                  ],
                },
                leave: "b",
              },
            },
            b: { entry: ({ system }: Given) => say(`then ${typeof system.get("ear")}`) },
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }, { type: "leave" }]);
      expect(story.lines).toEqual(["heard from the machine", "heard from a child", "then undefined"]);
    });

    test("two machines may give the same systemId", async () => {
      const machine = assembled({ invoke: { id: "c", systemId: "same", src: fromCallback(() => undefined) } });
      const { world } = run(machine);
      run(machine, world);
      await settle(world);
      expect(idsIn(world)).toEqual(["machine-1", "machine-2", "c", "c"]);
    });

    test("within a family a systemId is given once", async () => {
      const make = makes((say) =>
        assembled({
          invoke: { systemId: "same", src: lodger(say) },
          initial: "a",
          states: { a: { on: { go: "b" } }, b: { invoke: { systemId: "same", src: lodger(say) } } },
        }),
      );
      const { world, ref } = run(make(() => undefined));
      const end = endOf(world.system, ref);
      await settle(world);
      send(world, ref, { type: "go" });
      await settle(world);
      const told = await byXState(make, [{ type: "go" }]);
      expect(end.reason).toEqual(failure(told.error));
      expect(told.error).toMatchObject({ message: "Actor with system ID 'same' already exists." });
    });

    test("to start a child whose name another has got meanwhile is a crash", async () => {
      // What is done as soon as it is made has no name until it starts.
      const invoke = [
        { id: "brief", systemId: "same", src: assembled({ initial: "end", states: { end: { type: "final" } } }) },
        { id: "other", systemId: "same", src: fromCallback(() => undefined) },
      ];
      const taken = expect.objectContaining({ message: "Actor with system ID 'same' already exists." }) as unknown;
      // Nobody can handle a failure of his own.
      const on = { "*": { actions: () => undefined } };
      const atStart = await tellOf(() => assembled({ invoke, on }));
      expect(atStart.error).toEqual(taken);
      const config = { on, initial: "a", states: { a: { on: { go: "b" } }, b: { invoke } } };
      const later = await tellOf(() => assembled(config), [{ type: "go" }]);
      expect(later.error).toEqual(taken);
      const errors: unknown[] = [];
      const onError = { actions: ({ event }: Given) => errors.push(event["error"]) };
      const below = await tellOf(() => assembled({ invoke: { src: assembled({ invoke, on }), onError } }));
      expect(below.status).toBe("active");
      expect(errors).toEqual([taken, taken]);
    });

    test("children that are done as soon as they are made have a name one after the other", async () => {
      const make = makes((say) => {
        const brief = assembled({
          initial: "end",
          states: { end: { type: "final" } },
          entry: ({ self, system }: Given) => say(`named ${system.get("same") === self}`),
        });
        return assembled({
          invoke: [
            { id: "one", systemId: "same", src: brief },
            { id: "two", systemId: "same", src: brief, onDone: { actions: () => say("both are done") } },
          ],
        });
      });
      const story = await tellOf(make);
      expect(story).toMatchObject({ status: "active", lines: ["named true", "named true", "both are done"] });
    });

    test("a name is free when its child has ended, and not when a message is on its way that will end it", async () => {
      const mortal = assembled({ entry: sendParent({ type: "begun" }), on: { crash: { actions: fail } } });
      const heirWhen = (type: string): AnyStateMachine =>
        assembled({
          invoke: { id: "mortal", systemId: "same", src: mortal },
          initial: "a",
          states: {
            a: { entry: sendTo("mortal", { type: "crash" }), on: { [type]: "b" } },
            b: { invoke: { id: "heir", systemId: "same", src: fromCallback(() => undefined) } },
          },
          on: { "*": { actions: () => undefined } },
        });
      const story = await tellOf(() => heirWhen("xstate.error.actor.mortal"));
      expect(story).toMatchObject({ value: "b", children: ["heir"] });
      // In XState the child has failed by then. Here each has a mailbox.
      const told = await byXState(() => heirWhen("begun"), []);
      const early = await byKernel(exact, () => heirWhen("begun"), []);
      expect(told).toMatchObject({ value: "b", children: ["heir"] });
      expect(early.error).toMatchObject({ message: "Actor with system ID 'same' already exists." });
    });

    test("a name of the kernel is found from children too", async () => {
      const world = createWorld();
      const probe = createProbe(world.system);
      probe.self.register("probe");
      run(
        assembled({
          invoke: {
            id: "c",
            src: assembled({ entry: sendTo(({ system }) => system.get("probe"), { type: "hello" }) }),
          },
        }),
        world,
      );
      const trace = collectTrace(world.system);
      await settle(world);
      expect(probe.messages).toEqual([{ type: "hello" }]);
      const sent = trace.of("send").find(({ to }) => to === probe.ref);
      expect(sent?.subject.path).toBe("machine-2/c");
      trace.stop();
    });
  });

  describe("talk", () => {
    test("sendTo reaches a child by id and by ref, from the entry of the state that invokes it too", async () => {
      const make = makes((say) =>
        assembled({
          context: ({ spawn }: GivenToAssign) => ({ ref: spawn(listener(say), { id: "spawned" }) }),
          entry: sendTo("root", { type: "from the root's entry" }),
          invoke: { id: "root", src: listener(say) },
          initial: "a",
          states: {
            a: { on: { go: "b" } },
            b: {
              entry: [
                sendTo("c", { type: "first" }),
                enqueueActions(({ enqueue }) => enqueue.sendTo("c", { type: "second" })),
              ],
              invoke: { id: "c", src: listener(say) },
              on: {
                more: {
                  actions: [
                    sendTo("c", { type: "by id" }),
                    sendTo(({ context }: Given) => context["ref"] as AnyActorRef, { type: "by ref" }),
                    sendTo(({ self }: Given) => self.getSnapshot().children["c"] as AnyActorRef, { type: "by lookup" }),
                    forwardTo("c"),
                  ],
                },
              },
            },
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }, { type: "more" }]);
      expect(story.lines.toSorted()).toEqual(
        [
          "heard by id",
          "heard by lookup",
          "heard by ref",
          "heard first",
          "heard from the root's entry",
          "heard more",
          "heard second",
        ].toSorted(),
      );
      // To one receiver they come in the order in which they were sent.
      expect(story.lines.filter((line) => /first|second|id|lookup|more/u.test(line))).toEqual([
        "heard first",
        "heard second",
        "heard by id",
        "heard by lookup",
        "heard more",
      ]);
    });

    test("sendTo to an id that is no child is a crash", async () => {
      const make = makes(() => assembled({ id: "m", on: { go: { actions: sendTo("nobody", { type: "hello" }) } } }));
      const world = createWorld();
      const { ref } = run(
        make(() => undefined),
        world,
      );
      const end = endOf(world.system, ref);
      send(world, ref, { type: "go" });
      await settle(world);
      const told = await byXState(make, [{ type: "go" }]);
      expect(end.reason).toEqual(failure(told.error));
      expect(String(told.error)).toContain("Unable to send event to actor 'nobody' from machine 'm'.");
    });

    test("a child talks to its parent: sendParent, sendBack, an observable of events", async () => {
      const subjects: Array<Subject<EventObject>> = [];
      const make = makes((say) =>
        assembled({
          invoke: [
            { id: "m", src: assembled({ on: { ask: { actions: sendParent({ type: "from a machine" }) } } }) },
            {
              id: "c",
              src: fromCallback(({ sendBack, receive }) => {
                sendBack({ type: "from a callback" });
                receive(() => sendBack({ type: "again" }));
              }),
            },
            {
              id: "e",
              src: fromEventObservable(keeping(subjects)),
            },
          ],
          on: {
            go: { actions: [sendTo("m", { type: "ask" }), sendTo("c", { type: "ask" })] },
            "*": { actions: ({ event }: Given) => say(event.type) },
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }, () => subjects.shift()?.next({ type: "from an observable" })]);
      expect(story.lines).toEqual(["from a callback", "from a machine", "again", "from an observable"]);
    });

    test("children know each other by their refs", async () => {
      const make = makes((say) =>
        assembled({
          context: ({ spawn }: GivenToAssign) => {
            const ear = spawn(listener(say), { id: "ear" });
            const mouth = spawn(
              assembled({
                context: ({ input }: { input: object }) => input,
                on: {
                  go: {
                    actions: sendTo(({ context }: Given) => context["ear"] as AnyActorRef, { type: "from a brother" }),
                  },
                },
              }),
              { id: "mouth", input: { ear } },
            );
            return { ear, mouth };
          },
          on: { go: { actions: forwardTo("mouth") } },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }]);
      expect(story.lines).toEqual(["heard from a brother"]);
    });

    test("what a child emits goes to those who listen to it", async () => {
      const make = makes((say) =>
        assembled({
          entry: ({ self }: Given) => {
            const { children } = self.getSnapshot() as { children: Record<string, AnyActorRef> };
            for (const child of Object.values(children)) child.on("*", ({ type }: EventObject) => say(type));
          },
          invoke: [
            { id: "m", src: assembled({ on: { go: { actions: emit({ type: "of a machine" }) } } }) },
            { id: "c", src: fromCallback(({ receive, emit: tell }) => receive(() => tell({ type: "of a callback" }))) },
          ],
          on: { go: { actions: [forwardTo("m"), forwardTo("c")] } },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }]);
      expect(story.lines).toEqual(["of a machine", "of a callback"]);
    });

    test("what a child logs is logged in its own name", async () => {
      const make = makes(() =>
        assembled({ invoke: { id: "c", src: assembled({ id: "chatty", entry: log("hello") }) } }),
      );
      const story = await tellOf(make);
      expect(story.lines).toEqual(["hello"]);

      const fields: object[] = [];
      const clock = new ManualClock({ logger: { ...silentLogger, info: (given) => fields.push(given) } });
      const world = createWorld({ clock });
      run(
        make(() => undefined),
        world,
      );
      await settle(world);
      expect(fields).toEqual([{ actor: childOf(world, "c").toString(), path: "machine-1/c", value: "hello" }]);
    });

    test("a machine that the kernel runs and the child of another can talk", async () => {
      const world = createWorld();
      const seen: string[] = [];
      const { ref } = run(
        assembled({ on: { hello: { actions: ({ event }: Given) => seen.push(String(event["from"])) } } }),
        world,
      );
      run(
        assembled({
          invoke: {
            src: assembled({ entry: sendTo(() => ref as never, { type: "hello", from: "a child" } as never) }),
          },
        }),
        world,
      );
      await settle(world);
      expect(seen).toEqual(["a child"]);
    });

    test("a message to a child that is no event is dropped with a warning, and a cast is the event that was cast", async () => {
      const warnings: string[] = [];
      const clock = new ManualClock({ logger: { ...silentLogger, warn: (_fields, text) => warnings.push(text) } });
      const world = createWorld({ clock });
      run(assembled({ invoke: { id: "w", src: worker } }), world);
      await settle(world);
      const child = childOf(world, "w") as ActorRef<unknown>;
      world.system.send(child, "finish");
      await settle(world);
      expect(warnings).toEqual(['w got "finish", which is no event; it is dropped']);
      world.system.cast(child as never, { type: "finish" });
      await settle(world);
      expect(idsIn(world)).toEqual(["machine-1"]);
    });
  });

  describe("stops", () => {
    test("leaving the state ends what it invokes, of whatever kind", async () => {
      const subjects: Array<Subject<never>> = [];
      const watched = keeping(subjects);
      const make = makes((say) => {
        return assembled({
          initial: "a",
          states: {
            a: {
              invoke: [
                { src: lodger(say) },
                {
                  src: fromPromise(({ signal }) => {
                    signal.addEventListener("abort", () => say("aborted"));
                    return defer().promise;
                  }),
                },
                { src: fromObservable(watched) },
                { src: fromEventObservable(watched) },
                { src: assembled({ invoke: { src: lodger(say, "grandchild") } }) },
                { src: fromTransition((n: number) => n, 0) },
              ],
              on: { leave: "b" },
            },
            b: {},
          },
        });
      });
      const story = await tellOf(make, [{ type: "leave" }]);
      expect(story).toMatchObject({ value: "b", children: [] });
      expect(story.lines.toSorted()).toEqual([
        "aborted",
        "grandchild ends",
        "grandchild starts",
        "lodger ends",
        "lodger starts",
      ]);
      expect(subjects.map(({ observers }) => observers.size)).toEqual([0, 0, 0, 0]);
    });

    test("stopChild ends a child by id, by ref and by expression", async () => {
      const make = makes((say) =>
        assembled({
          context: ({ spawn }: GivenToAssign) => ({ ref: spawn(lodger(say, "by ref"), { id: "r" }) }),
          invoke: [
            { id: "i", src: lodger(say, "by id") },
            { id: "e", src: lodger(say, "by expression") },
            { id: "q", src: lodger(say, "enqueued") },
          ],
          on: {
            go: {
              actions: [
                stopChild("i"),
                stopChild(({ context }: Given) => context["ref"] as AnyActorRef),
                stopChild(({ event }: Given) => String(event["which"])),
                enqueueActions(({ enqueue }) => enqueue.stopChild("q")),
                stopChild("nobody"),
              ],
            },
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go", which: "e" } as EventObject]);
      expect(story.children).toEqual([]);
      expect(story.lines.slice(4)).toEqual(["by id ends", "by ref ends", "by expression ends", "enqueued ends"]);
    });

    test("a child of another cannot be stopped", async () => {
      const make = makes((say) =>
        assembled({
          id: "m",
          invoke: { id: "c", src: assembled({ invoke: { id: "g", src: lodger(say) } }) },
          on: {
            go: {
              actions: stopChild(
                ({ self }: Given) =>
                  (self.getSnapshot().children["c"] as AnyActorRef).getSnapshot().children["g"] as AnyActorRef,
              ),
            },
          },
        }),
      );
      const told = await byXState(make, [{ type: "go" }]);
      const story = await byKernel(exact, make, [{ type: "go" }]);
      expect(story.status).toBe("error");
      expect(String(story.error)).toBe("Error: Cannot stop child actor g of m because it is not a child");
      expect(String(told.error)).toContain("because it is not a child");
    });

    test("a child that is stopped in the step in which it was made never runs", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: { on: { go: "b", spawn: { actions: [spawnChild(lodger(say), { id: "s" }), stopChild("s")] } } },
            b: { invoke: { id: "c", systemId: "name", src: lodger(say) }, always: "c" },
            c: { entry: ({ system }: Given) => say(`then ${typeof system.get("name")}`) },
          },
        }),
      );
      const story = await tellOf(make, [{ type: "spawn" }, { type: "go" }]);
      expect(story).toMatchObject({ value: "c", children: [], lines: ["then undefined"] });
    });

    test("entering a state anew stops the old child and starts a new one, even by the same name", async () => {
      const make = makes((say) => {
        let made = 0;
        return assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "c",
                systemId: "name",
                src: fromCallback(() => {
                  made += 1;
                  const number = made;
                  say(`${number} starts`);
                  return () => say(`${number} ends`);
                }),
              },
              on: { again: { target: "a", reenter: true } },
            },
          },
        });
      });
      const story = await byKernel(exact, make, [{ type: "again" }, { type: "again" }]);
      const told = await byXState(make, [{ type: "again" }, { type: "again" }]);
      // The old one ends by its mailbox, which is before the new one starts.
      expect(story).toEqual(told);
      expect(story.lines).toEqual(["1 starts", "1 ends", "2 starts", "2 ends", "3 starts"]);
      expect(story.children).toEqual(["c"]);
    });

    test("what was sent to a child before it is stopped comes before", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "c",
                src: fromCallback(({ receive }) => {
                  receive(({ type }: EventObject) => say(type));
                  return () => say("ends");
                }),
              },
              exit: sendTo("c", { type: "last word" }),
              on: { leave: "b", late: { target: "b", actions: sendTo("c", { type: "too late" }) } },
            },
            b: {},
          },
        }),
      );
      const story = await tellOf(make, [{ type: "leave" }]);
      expect(story).toMatchObject({ value: "b", lines: ["last word", "ends"] });
      // Once the state is left, the child is none of the machine's. XState would leave it running after this crash.
      const late = await byKernel(exact, make, [{ type: "late" }]);
      const told = await byXState(make, [{ type: "late" }]);
      expect(late.error).toEqual(told.error);
      expect(late).toMatchObject({ status: "error", lines: ["ends"] });
    });

    test("the end of a child that was left meanwhile is no news", async () => {
      const rejections: Array<Deferred<never>> = [];
      const seen: string[] = [];
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: [
                {
                  id: "p",
                  src: fromPromise(() => {
                    const deferred = defer<never>();
                    rejections.push(deferred);
                    return deferred.promise;
                  }),
                },
                {
                  id: "w",
                  src: worker,
                  onDone: { actions: () => seen.push("done") },
                  onSnapshot: { actions: ({ event }: Given) => seen.push(valueIn(event)) },
                },
              ],
              on: { again: { target: "a", reenter: true }, more: { actions: sendTo("w", { type: "tick" }) } },
            },
          },
        }),
      );
      await settle(world);
      expect(seen).toEqual(["working"]);
      // While the parent is suspended it is left a step behind: the news wait behind the order to leave.
      await Promise.all([sys.suspend(world.system, ref), settle(world)]);
      send(world, ref, { type: "again" });
      send(world, childOf(world, "w"), { type: "tick" });
      send(world, childOf(world, "w"), { type: "finish" });
      rejections[0]?.reject(boom);
      await settle(world);
      expect(idsIn(world)).toEqual(["machine-1"]);
      await Promise.all([sys.resume(world.system, ref), settle(world)]);
      expect(seen).toEqual(["working", "working"]);
      expect(stateOf(world, ref)).toBe("a");
      expect(idsIn(world)).toEqual(["machine-1", "p", "w"]);
    });

    test("the end of a child for which it is left can be passed on", async () => {
      const make = makes((say) =>
        assembled({
          invoke: { id: "ear", src: listener(say) },
          initial: "a",
          states: {
            a: { invoke: { id: "w", src: worker, onDone: { target: "b", actions: forwardTo("ear") } } },
            b: {},
          },
          on: { finish: { actions: forwardTo("w") } },
        }),
      );
      const story = await tellOf(make, [{ type: "finish" }]);
      expect(story).toMatchObject({ lines: ["heard xstate.done.actor.w"], value: "b" });
    });

    test("a child that fails between the order to stop and its stop does not trouble its parent", async () => {
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: { a: { invoke: { id: "w", src: worker }, on: { leave: "b" } }, b: {} },
        }),
      );
      await settle(world);
      const child = childOf(world, "w");
      await Promise.all([sys.suspend(world.system, child), settle(world)]);
      send(world, child, { type: "crash" });
      send(world, ref, { type: "leave" });
      await settle(world);
      await Promise.all([sys.resume(world.system, child), settle(world)]);
      expect(stateOf(world, ref)).toBe("b");
      expect(idsIn(world)).toEqual(["machine-1"]);
    });
  });

  describe("spawned children", () => {
    const spawns: ReadonlyArray<readonly [string, (logic: unknown) => unknown]> = [
      ["spawnChild", (logic) => spawnChild(logic as never, { id: "s", input: { n: 1 } })],
      ["spawnChild of a name", () => spawnChild("named", { id: "s", input: ({ context }: Given) => context["input"] })],
      ["assign", (logic) => set({ ref: ({ spawn }: GivenToAssign) => spawn(logic, { id: "s", input: { n: 1 } }) })],
      [
        "assign of all, of a name",
        () =>
          set(({ spawn }: GivenToAssign) => ({
            ref: spawn("named", { id: "s", input: ({ context }: Given) => context["input"] }),
          })),
      ],
      [
        "enqueueActions",
        (logic) => enqueueActions(({ enqueue }) => enqueue.spawnChild(logic as never, { id: "s", input: { n: 1 } })),
      ],
      [
        "an enqueued assign",
        (logic) =>
          enqueueActions(({ enqueue }) =>
            enqueue(set({ ref: ({ spawn }: GivenToAssign) => spawn(logic, { id: "s", input: { n: 1 } }) }) as never),
          ),
      ],
    ];

    test.each(spawns)("by %s outlive the state, and end when they are told", async (_how, spawn) => {
      const make = makes((say) => {
        const logic = fromCallback(({ input }) => {
          say(JSON.stringify(input));
          return () => say("ends");
        });
        return assembled(
          {
            context: { input: { n: 1 } },
            initial: "a",
            states: { a: { entry: spawn(logic), on: { next: "b" } }, b: { on: { end: { actions: stopChild("s") } } } },
          },
          { actors: { named: logic } },
        );
      });
      const story = await tellOf(make, [{ type: "next" }]);
      expect(story).toMatchObject({ value: "b", children: ["s"] });
      const ended = await tellOf(make, [{ type: "next" }, { type: "end" }]);
      expect(ended).toMatchObject({ value: "b", children: [], lines: ['{"n":1}', "ends"] });
    });

    test("in the context run from the start", async () => {
      const make = makes((say) =>
        assembled(
          {
            context: ({ spawn }: GivenToAssign) => ({
              first: spawn("named", { id: "first", systemId: "name", input: ({ event }: Given) => event.type }),
              second: spawn(lodger(say, "second"), { id: "second" }),
            }),
            entry: sendTo(({ system }) => system.get("name"), { type: "hello" }),
          },
          {
            actors: {
              named: fromCallback(({ input, receive }) => {
                say(input as string);
                receive(({ type }: EventObject) => say(type));
              }),
            },
          },
        ),
      );
      const story = await tellOf(make);
      expect(story.children).toEqual(["first", "second"]);
      expect(story.lines.slice(0, 3).toSorted()).toEqual(["hello", "second starts", "xstate.init"].toSorted());
    });

    test("that are done or fail tell the machine in whatever state it is", async () => {
      const make = makes((say) =>
        assembled({
          context: ({ spawn }: GivenToAssign) => ({
            ref: spawn(worker, { id: "w" }),
            other: spawn(worker, { id: "v", syncSnapshot: true }),
          }),
          on: {
            go: { actions: [sendTo("w", { type: "finish", result: 2 }), sendTo("v", { type: "crash" })] },
            "*": { actions: ({ event }: Given) => say(`${event.type} ${String(event["output"] ?? event["error"])}`) },
          },
        }),
      );
      const story = await tellOf(make, [{ type: "go" }]);
      expect(story.lines).toEqual([
        "xstate.snapshot.v undefined",
        "xstate.done.actor.w 2",
        "xstate.error.actor.v Error: boom",
      ]);
    });

    test("of a name that has no logic are a crash", async () => {
      const make = makes(() =>
        assembled({
          id: "m",
          context: {},
          on: { go: { actions: set({ ref: ({ spawn }: GivenToAssign) => spawn("no") }) } },
        }),
      );
      const told = await byXState(make, [{ type: "go" }]);
      const story = await byKernel(exact, make, [{ type: "go" }]);
      expect(story.error).toEqual(told.error);
      expect(String(story.error)).toBe("Error: Actor logic 'no' not implemented in machine 'm'");
    });

    test("without an id have one of their own", async () => {
      const { world } = run(
        assembled({
          context: ({ spawn }: GivenToAssign) => {
            const refs = [spawn(fromCallback(() => undefined)), spawn(fromCallback(() => undefined))];
            return { refs };
          },
        }),
      );
      await settle(world);
      const [, first, second] = idsIn(world);
      expect(first).toBeDefined();
      expect(second).toBeDefined();
      expect(first).not.toBe(second);
    });

    test("whose id another takes live on, and end with the machine", async () => {
      const lines: string[] = [];
      const { world, ref } = run(
        assembled({
          entry: [
            spawnChild(
              lodger((line) => lines.push(line), "first"),
              { id: "s" },
            ),
            spawnChild(
              lodger((line) => lines.push(line), "second"),
              { id: "s" },
            ),
          ],
          initial: "a",
          states: { a: { on: { end: "b" } }, b: { type: "final" } },
        }),
      );
      await settle(world);
      expect(idsIn(world)).toEqual(["machine-1", "s", "s"]);
      send(world, ref, { type: "end" });
      await settle(world);
      expect(idsIn(world)).toEqual([]);
      expect(lines.toSorted()).toEqual(["first ends", "first starts", "second ends", "second starts"]);
    });
  });

  describe("logic that is not there", () => {
    /** Enters, by `go`, a state that invokes what nobody has implemented. */
    const missing = makes((say) =>
      assembled({
        id: "m",
        initial: "a",
        states: {
          a: { on: { go: "b" } },
          b: {
            invoke: { id: "c", src: "nowhere", input: fail },
            on: { go: "c", send: { actions: sendTo("c", { type: "hello" }) } },
          },
          c: {
            on: {
              look: {
                actions: ({ self }: Given) => say(JSON.stringify(Object.keys(self.getSnapshot().children as object))),
              },
            },
          },
        },
      }),
    );

    test("is passed over: the state has no such child", async () => {
      const story = await tellOf(missing, [{ type: "go" }, { type: "go" }, { type: "look" }]);
      expect(story).toMatchObject({ value: "c", children: [], lines: ['["c"]'] });
    });

    test("cannot be sent to", async () => {
      const story = await tellOf(missing, [{ type: "go" }, { type: "send" }]);
      expect(story).toMatchObject({ status: "error" });
      expect(String(story.error)).toBe("Error: Unable to send event to actor 'c' from machine 'm'.");
    });

    test("is passed over at the start too, where XState trips over it", async () => {
      const make = makes(() => assembled({ invoke: { src: "nowhere" }, initial: "a", states: { a: {} } }));
      const told = await byXState(make, []);
      const story = await byKernel(exact, make, []);
      expect(told.error).toBeInstanceOf(TypeError);
      expect(story).toMatchObject({ status: "active", value: "a" });
    });
  });

  describe("time", () => {
    test("after and delayed events of a child are the kernel's timers", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "c",
                src: assembled({
                  entry: [
                    raise({ type: "ring" }, { delay: 20 }),
                    raise({ type: "never" }, { delay: 20, id: "n" }),
                    sendParent({ type: "by delay" }, { delay: 30 }),
                  ],
                  initial: "x",
                  states: { x: { after: { 10: "y" } }, y: { entry: [sendParent({ type: "after" }), cancelNever] } },
                  on: { ring: { actions: sendParent({ type: "rang" }) }, never: { actions: fail } },
                }),
              },
              on: { leave: "b" },
            },
            b: {},
          },
          on: { "*": { actions: ({ event }: Given) => say(event.type) } },
        }),
      );
      const cancelNever = enqueueActions(({ enqueue }) => enqueue.cancel("n"));
      const story = await tellOf(make, [10, 10, 10]);
      expect(story.lines).toEqual(["after", "rang", "by delay"]);
      const left = await tellOf(make, [10, { type: "leave" }, 100]);
      expect(left.lines).toEqual(["after"]);
    });

    test("a child's timers die with it, and show in its name", async () => {
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: { invoke: { id: "c", src: assembled({ id: "inner", after: { 1000: {} } }) }, on: { leave: "b" } },
            b: {},
          },
        }),
      );
      await settle(world);
      const info = world.system.inspect();
      expect(info.timers).toBe(1);
      expect(info.processes[1]?.resources).toEqual([
        { kind: "timer", description: "xstate.after.1000.inner due at 1000" },
        { kind: "logic", description: "c" },
      ]);
      send(world, ref, { type: "leave" });
      await settle(world);
      expect(world.system.inspect().timers).toBe(0);
    });

    test("a delayed event to a child comes if the child is still there", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              entry: [sendTo("c", { type: "early" }, { delay: 5 }), sendTo("c", { type: "late" }, { delay: 15 })],
              invoke: {
                id: "c",
                src: fromCallback(({ receive }) => receive(({ type }: EventObject) => say(type))),
              },
              on: { leave: "b" },
            },
            b: {},
          },
        }),
      );
      const story = await tellOf(make, [10, { type: "leave" }, 10]);
      expect(story.lines).toEqual(["early"]);
    });

    test("a timer of a child that has fired, and waits, can still be cancelled", async () => {
      const { world } = run(
        assembled({
          invoke: {
            id: "c",
            src: assembled({
              initial: "x",
              states: { x: { after: { 10: "late" }, on: { again: { target: "x", reenter: true } } }, late: {} },
            }),
          },
        }),
      );
      await settle(world);
      const child = childOf(world, "c");
      await Promise.all([sys.suspend(world.system, child), settle(world)]);
      send(world, child, { type: "again" });
      await world.clock.advance(10);
      await Promise.all([sys.resume(world.system, child), settle(world)]);
      expect(stateOf(world, child)).toBe("x");
      await world.clock.advance(10);
      expect(stateOf(world, child)).toBe("late");
    });
  });

  describe("ends of the parent", () => {
    const everyClean = ["low", "middle", "top"].flatMap((name) =>
      ["callback", "observable", "promise"].map((kind) => `${name} ${kind} ends`),
    );

    test.each<[string, (world: World, ref: Pid) => void]>([
      ["by its final state", (world, ref) => send(world, ref, { type: "end" })],
      ["by a crash", (world, ref) => send(world, ref, { type: "crash" })],
      ["by a kill", ({ system }, ref) => system.kill(ref)],
      ["by a shutdown", ({ system }, ref) => system.exit(ref, shutdown("please"))],
      ["by a failure from outside", ({ system }, ref) => system.exit(ref, failure(boom))],
      ["by XState's stop", (world, ref) => send(world, ref, { type: "xstate.stop" })],
      ["by an exit as normal", (world, ref) => send(world, ref, { type: "exit" })],
      ["with its system", ({ system }) => void system.shutdown(0)],
    ])("%s end all its children, whose clean-ups run once", async (_how, end) => {
      const lines: string[] = [];
      const { world, ref } = run(family(lines));
      await settle(world);
      expect(idsIn(world)).toHaveLength(12);
      lines.length = 0;
      end(world, ref);
      await settle(world);
      expect(idsIn(world)).toEqual([]);
      expect(world.system.inspect()).toMatchObject({ timers: 0, tasks: 0 });
      expect(lines.toSorted()).toEqual(everyClean);
    });

    test("in its start end children that were begun with it", async () => {
      const lines: string[] = [];
      const world = createWorld();
      const crashes = crashesOf(world);
      const started = world.system.start(
        fromMachine(
          assembled({
            invoke: { id: "c", src: lodger((line) => lines.push(line)) },
            entry: fail,
          }),
          { exact },
        ),
      );
      await settle(world);
      await expect(started).resolves.toEqual({ ok: false, error: "failed", reason: failure(boom) });
      expect(crashes).toHaveLength(1);
      expect(idsIn(world)).toEqual([]);
      expect(lines).toEqual([]);
    });

    test("a kill before the first step of a child leaves nothing, not even its name", async () => {
      const lines: string[] = [];
      const { world } = run(
        assembled({
          invoke: {
            id: "c",
            systemId: "name",
            src: lodger((line) => lines.push(line)),
            onError: {
              actions: [
                ({ event }: Given) => lines.push((event["error"] as ChildEndedError).code),
                spawnChild(
                  lodger((line) => lines.push(line), "heir"),
                  { id: "d", systemId: "name" },
                ),
              ],
            },
          },
        }),
      );
      // The start of the machine, and no more.
      world.system.step();
      world.system.kill(childOf(world, "c"));
      await settle(world);
      expect(lines).toEqual(["ERR_CHILD_ENDED", "heir starts"]);
      expect(idsIn(world)).toEqual(["machine-1", "d"]);
    });

    test("a clean-up that throws while the child dies harms nobody", async () => {
      const { world, ref } = run(assembled({ invoke: { src: fromCallback(() => fail) } }));
      const crashes = crashesOf(world);
      await settle(world);
      world.system.kill(ref);
      await settle(world);
      expect(idsIn(world)).toEqual([]);
      expect(crashes).toEqual([]);
    });
  });

  describe("ends from outside", () => {
    test.each<[string, (world: World, child: Pid) => void]>([
      ["killed", ({ system }, child) => system.kill(child)],
      ["shut down", ({ system }, child) => system.exit(child, shutdown())],
      ["failed", ({ system }, child) => system.exit(child, failure(boom))],
    ])("a child that is %s has failed, which its parent may handle", async (_how, end) => {
      const lines: string[] = [];
      const errors: unknown[] = [];
      const { world, ref } = run(
        assembled({
          id: "m",
          initial: "a",
          states: {
            a: {
              invoke: {
                id: "c",
                src: assembled({ invoke: { id: "g", src: lodger((line) => lines.push(line)) } }),
                onError: { target: "b", actions: ({ event }: Given) => errors.push(event["error"]) },
              },
            },
            b: {},
          },
        }),
      );
      await settle(world);
      end(world, childOf(world, "c"));
      await settle(world);
      expect(stateOf(world, ref)).toBe("b");
      expect(errors).toEqual([new ChildEndedError("c", "m-1/c")]);
      expect(errors).toMatchObject([{ code: "ERR_CHILD_ENDED", child: "c" }]);
      expect(idsIn(world)).toEqual(["m-1"]);
      expect(lines).toEqual(["lodger starts", "lodger ends"]);
    });

    test("is its parent's crash if it is not handled", async () => {
      const { world, ref } = run(assembled({ invoke: { id: "c", src: worker } }));
      const end = endOf(world.system, ref);
      const crashes = crashesOf(world);
      await settle(world);
      world.system.kill(childOf(world, "c"));
      await settle(world);
      expect(end.reason).toMatchObject({ type: "error", error: { code: "ERR_CHILD_ENDED" } });
      expect(crashes).toHaveLength(1);
    });

    test("is told once, by what the clean-up has thrown if it has failed", async () => {
      const errors: unknown[] = [];
      const { world, ref } = run(
        assembled({
          invoke: {
            id: "c",
            src: fromCallback(() => fail),
            onError: { actions: ({ event }: Given) => errors.push(event["error"]) },
          },
        }),
      );
      await settle(world);
      world.system.kill(childOf(world, "c"));
      await settle(world);
      expect(errors).toEqual([boom]);
      expect(world.system.isAlive(ref)).toBe(true);
    });

    test("is told a child machine of its own children", async () => {
      const { world } = run(
        assembled({
          invoke: {
            id: "c",
            src: assembled({
              initial: "x",
              states: { x: { invoke: { id: "g", src: worker, onError: "y" } }, y: {} },
            }),
          },
        }),
      );
      await settle(world);
      world.system.kill(childOf(world, "g"));
      await settle(world);
      expect(stateOf(world, childOf(world, "c"))).toBe("y");
    });

    test("of a child that is on its way out is no news, and harms nobody", async () => {
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: { a: { invoke: { id: "c", src: worker }, on: { leave: "b" } }, b: {} },
        }),
      );
      await settle(world);
      const child = childOf(world, "c");
      await Promise.all([sys.suspend(world.system, child), settle(world)]);
      send(world, ref, { type: "leave" });
      await settle(world);
      world.system.kill(child);
      await settle(world);
      expect(stateOf(world, ref)).toBe("b");
      expect(idsIn(world)).toEqual(["machine-1"]);
    });

    test("a linked actor of the machine's own still takes it along", async () => {
      const world = createWorld();
      const probe = createProbe<Exit>(world.system);
      const { ref } = run(assembled({ invoke: { id: "c", src: worker } }), world);
      await settle(world);
      probe.self.link(ref);
      probe.self.exit(ref, failure(boom));
      await settle(world);
      expect(idsIn(world)).toEqual(["probe-1"]);
      expect(probe.messages).toMatchObject([{ type: "exit", from: ref, reason: failure(boom) }]);
    });
  });

  describe("grandchildren", () => {
    test("a whole family talks up and down", async () => {
      const make = makes((say) => {
        const low = assembled({
          id: "low",
          entry: sendParent({ type: "up", from: "low" } as EventObject),
          on: {
            down: { actions: [() => say("low has it"), sendParent({ type: "up", from: "low again" } as EventObject)] },
          },
        });
        const middle = assembled({
          id: "middle",
          invoke: { id: "low", src: low },
          on: {
            up: { actions: sendParent(({ event }: Given) => ({ ...event, via: "middle" })) },
            down: { actions: forwardTo("low") },
          },
        });
        return assembled({
          invoke: { id: "middle", src: middle },
          on: {
            down: { actions: forwardTo("middle") },
            up: { actions: ({ event }: Given) => say(`${String(event["from"])} by ${String(event["via"])}`) },
          },
        });
      });
      const story = await tellOf(make, [{ type: "down" }]);
      expect(story.lines).toEqual(["low by middle", "low has it", "low again by middle"]);
    });

    test("done goes up step by step", async () => {
      const make = makes((say) =>
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                src: assembled({
                  initial: "x",
                  states: {
                    x: { invoke: { src: fromPromise(() => Promise.resolve(5)), onDone: "y" } },
                    y: { type: "final", output: ({ event }: Given) => event["output"] },
                  },
                  output: ({ event }: Given) => event["output"],
                }),
                onDone: { target: "b", actions: ({ event }: Given) => say(String(event["output"])) },
              },
            },
            b: {},
          },
        }),
      );
      const story = await tellOf(make);
      expect(story).toMatchObject({ value: "b", lines: ["5"] });
    });
  });

  describe("in the kernel", () => {
    test("the tree shows children with their ids, kinds and states, and their links", async () => {
      const { world } = run(
        assembled({
          id: "house",
          initial: "open",
          states: {
            open: {
              invoke: [
                { id: "machine", src: worker },
                { id: "promise", src: fromPromise(() => defer().promise) },
                { id: "nest", src: assembled({ invoke: { id: "egg", src: fromTransition((n: number) => n, 0) } }) },
              ],
            },
          },
        }),
      );
      await settle(world);
      const info = world.system.inspect();
      expect(formatTree(info).split("\n")).toEqual([
        "house-1 <0.1> machine (open)",
        "├─ machine <0.2> machine (working)",
        "├─ promise <0.3> logic",
        "└─ nest <0.4> machine",
        "   └─ egg <0.5> logic",
      ]);
      const [house, machine, promise, nest, egg] = info.processes;
      expect(new Set(house?.links)).toEqual(new Set([machine?.pid, promise?.pid, nest?.pid]));
      expect(new Set(nest?.links)).toEqual(new Set([house?.pid, egg?.pid]));
      expect(machine?.state).toEqual({ value: "working", context: { result: 0 }, tags: [] });
      expect(promise?.state).toEqual({ status: "active", context: undefined });
      expect(egg?.state).toEqual({ status: "active", context: 0 });
      expect(egg?.path).toBe("house-1/nest/egg");
      expect(house?.resources.toReversed()).toEqual(
        ["machine", "promise", "nest"].map((description) => ({ kind: "child", description })),
      );
    });

    test("nothing of a child is left at its parent when it has ended", async () => {
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: { id: "w", src: worker, onDone: "b" },
              on: { go: { actions: sendTo("w", { type: "finish" }) } },
            },
            b: { on: { again: "a" } },
          },
        }),
      );
      await settle(world);
      for (let round = 0; round < 10; round += 1) {
        send(world, ref, { type: "go" });
        send(world, ref, { type: "again" });
        await settle(world);
      }
      const [info] = world.system.inspect().processes;
      expect(info).toMatchObject({ summary: "a", mailboxLength: 0 });
      expect(info?.links).toHaveLength(1);
      expect(info?.resources).toHaveLength(1);
    });

    test("a child's end is an ordinary one for those who watch it, and its reason tells how it ended", async () => {
      const world = createWorld();
      const probe = createProbe(world.system);
      const { ref } = run(
        assembled({
          invoke: ["done", "failed", "left"].map((id) => ({ id, src: worker, onError: {} })),
          on: {
            go: {
              actions: [sendTo("done", { type: "finish" }), sendTo("failed", { type: "crash" }), stopChild("left")],
            },
          },
        }),
        world,
      );
      await settle(world);
      for (const id of ["done", "failed", "left"]) probe.self.monitor(childOf(world, id));
      send(world, ref, { type: "go" });
      await settle(world);
      expect(probe.messages).toMatchObject([{ reason: normal }, { reason: shutdown(boom) }, { reason: shutdown() }]);
      expect(world.system.inspect().crashes).toBe(0);
    });

    test("a full mailbox of the parent loses no news of a child's end", async () => {
      const seen: string[] = [];
      const world = createWorld();
      const machine = assembled({
        invoke: [
          { id: "w", src: worker },
          { id: "v", src: worker },
        ],
        on: { "*": { actions: ({ event }: Given) => seen.push(event.type) } },
      });
      const ref = world.system.spawn(fromMachine(machine, { exact }), undefined, {
        mailbox: { capacity: 1, whenFull: "drop" },
      });
      await settle(world);
      await Promise.all([sys.suspend(world.system, ref), settle(world)]);
      for (const type of ["one", "two", "three"]) send(world, ref, { type });
      send(world, childOf(world, "w"), { type: "finish" });
      send(world, childOf(world, "v"), { type: "crash" });
      await settle(world);
      await Promise.all([sys.resume(world.system, ref), settle(world)]);
      expect(seen).toEqual(["one", "xstate.done.actor.w", "xstate.error.actor.v"]);
    });

    test("the trace shows a child from its start to its end, and what led to what", async () => {
      const world = createWorld();
      const trace = collectTrace(world.system);
      const { ref } = run(
        assembled({
          id: "m",
          initial: "a",
          states: {
            a: {
              invoke: { id: "w", src: worker, onDone: "b" },
              on: { go: { actions: sendTo("w", { type: "finish" }) } },
            },
            b: {},
          },
        }),
        world,
      );
      await settle(world);
      send(world, ref, { type: "go" });
      await settle(world);
      const shown = trace.events
        .filter(({ type }) => ["spawn", "started", "send", "exit", "link", "unlink"].includes(type))
        .map((event) => {
          const of = event.type === "send" ? ` ${(event.message as { type: string }).type}` : "";
          return `${event.type} ${event.subject.path}${of}`;
        });
      expect(shown).toEqual([
        "spawn m-1",
        "spawn m-1/w",
        "link m-1",
        "started m-1",
        "started m-1/w",
        "send m-1 go",
        "send m-1 finish",
        "send m-1/w xstate.done.actor.w",
        "unlink m-1/w",
        "exit m-1/w",
      ]);
      const [spawnOfParent, spawnOfChild] = trace.of("spawn");
      expect(spawnOfChild?.cause).toBe(spawnOfParent?.id);
      expect(spawnOfChild?.parent).toBe(ref);
      trace.stop();
    });

    test("idle waits for children to come to rest", async () => {
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: {
              invoke: {
                src: assembled({
                  invoke: { src: fromCallback(({ sendBack }) => sendBack({ type: "hi" })) },
                  on: { hi: { actions: sendParent({ type: "up" }) } },
                }),
              },
              on: { up: "b" },
            },
            b: { invoke: { src: fromPromise(() => Promise.resolve(1)), onDone: "c" } },
            c: {},
          },
        }),
      );
      await world.system.idle();
      expect(stateOf(world, ref)).toBe("c");
    });

    test("a machine whose transitions are watched has children like any other", async () => {
      const lines: string[] = [];
      const { world, ref } = run(
        assembled({
          initial: "a",
          states: {
            a: { invoke: { id: "c", src: lodger((line) => lines.push(line), "a") }, on: { next: "b" } },
            b: { invoke: { id: "c", src: lodger((line) => lines.push(line), "b") }, on: { next: "a" } },
          },
        }),
      );
      await settle(world);
      for (const isWatched of [true, false, true]) {
        await Promise.all([sys.traceTransitions(world.system, ref, isWatched), settle(world)]);
        send(world, ref, { type: "next" });
        await settle(world);
      }
      expect(lines).toEqual(["a starts", "a ends", "b starts", "b ends", "a starts", "a ends", "b starts"]);
      expect(idsIn(world)).toEqual(["machine-1", "c"]);
    });

    test("one definition has children of its own in many systems, and for many actors", async () => {
      const machine = assembled({
        context: ({ input }: { input: unknown }) => ({ input }),
        invoke: {
          id: "c",
          src: assembled({ context: ({ input }: { input: object }) => input }),
          input: ({ context }: Given) => ({ given: context["input"] }),
        },
      });
      const definition = fromMachine(machine, { exact });
      const worlds = [createWorld(), createWorld()];
      for (const [index, { system }] of worlds.entries()) {
        for (const number of [1, 2]) system.spawn(definition, `${index}.${number}` as never);
      }
      for (const world of worlds) await settle(world);
      const given = worlds.map(({ system }) =>
        system
          .inspect()
          .processes.filter(({ id }) => id === "c")
          .map(({ state }) => (state as { context: { given: string } }).context.given),
      );
      expect(given).toEqual([
        ["0.1", "0.2"],
        ["1.1", "1.2"],
      ]);
    });

    test("a kill of the parent by a link of a trapping actor's own is seen by it alone", async () => {
      const world = createWorld();
      const probe = createProbe(world.system);
      const { ref } = run(assembled({ invoke: { id: "c", src: worker } }), world);
      await settle(world);
      probe.self.monitor(childOf(world, "c"));
      world.system.exit(ref, kill);
      await settle(world);
      expect(probe.messages).toMatchObject([{ reason: { type: "killed" } }]);
    });
  });
});
