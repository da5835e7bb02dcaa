import { type InfoEvent, type Call, type From, fromMachine, shutdown, type System } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  connectionMachine,
  type ConnectionMachineEvent,
  type ListenerConfig,
  type Sockets,
} from "@espalier/sockets";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  assign,
  type ContextFrom,
  type DoneStateEvent,
  enqueueActions,
  type EventFromLogic,
  fromPromise,
  type InputFrom,
  StateMachine,
  type StateValueFrom,
} from "xstate";

interface Kick {
  readonly type: "kick";
  readonly by: string;
}
const lookUp = fromPromise(async () => "somebody");
type Calls = Call<"stats", number> | Call<"name", string, { readonly upper: boolean }>;

/** Of all that a machine can have, something. */
const base = connectionMachine<{ context: { packets: number }; events: Kick; calls: Calls }>().extend({
  actions: {
    count: assign({ packets: ({ context }) => context.packets + 1 }),
    say: ({ context }, { text }: { text: string }) => void context.connection.send(text),
  },
  guards: { isLong: ({ event }, least: number) => event.type === "data" && event.data.length >= least },
  delays: { slow: 1000 },
  actors: { lookUp },
});
type Begin = { readonly input: ConnectionInput };
const begin = ({ input }: Begin): { connection: Connection; packets: number } => ({
  connection: input.connection,
  packets: 0,
});

/** The context of a machine that has nothing of its own. */
const start = ({ input }: Begin): { connection: Connection } => ({ connection: input.connection });

const machine = base.createMachine({
  id: "all",
  context: begin,
  initial: "waiting",
  on: { kick: ".ended", info: { actions: "close" }, "*": { actions: "abort" } },
  states: {
    waiting: { on: { socketReady: { target: "open", actions: "activate" } }, after: { slow: "ended", 5000: "ended" } },
    open: {
      initial: "calm",
      onDone: { target: "ended" },
      on: {
        data: [
          { guard: { type: "isLong", params: 3 }, target: [".busy"], actions: ["count", "activate"] },
          { target: "#all.ended" },
        ],
        timeout: "open.busy",
        closed: ".over",
      },
      states: {
        calm: { always: "busy" },
        busy: {},
        over: { type: "final" },
        before: { type: "history", target: "busy" },
      },
    },
    ended: { type: "final", output: shutdown() },
  },
  output: ({ event }) => event.output,
});

type NotAny<Type> = 0 extends 1 & Type ? never : unknown;

/** Takes what a function of a machine is told, unless that is `any`, and answers a part of its context. */
function told<Context extends ContextFrom<typeof machine>, Heard>(
  { packets }: Context & NotAny<Context>,
  _heard: Heard & NotAny<Heard>,
): { packets: number } {
  return { packets };
}

/** What is there for the compiler to look at. */
function notRun<Unrun>(unrun: Unrun): Unrun {
  return unrun;
}

describe("the types of a machine", () => {
  test("its context, events, input and states are what was declared, and what each connection has", () => {
    type Machine = typeof machine;
    expectTypeOf<ContextFrom<Machine>["connection"]>().toEqualTypeOf<Connection>();
    expectTypeOf<ContextFrom<Machine>["packets"]>().toEqualTypeOf<number>();
    expectTypeOf<InputFrom<Machine>>().toEqualTypeOf<ConnectionInput>();
    expectTypeOf<Exclude<EventFromLogic<Machine>, { type: "call" }>>().toEqualTypeOf<
      ConnectionEvent | InfoEvent | Kick
    >();
    expectTypeOf<StateValueFrom<Machine>>().toEqualTypeOf<
      "waiting" | "open" | "ended" | { open?: "calm" | "busy" | "over" }
    >();
    expect(machine).toBeInstanceOf(StateMachine);
  });

  test("its functions are told exactly what there is, and nothing is any", () => {
    const typed = base.createMachine({
      context({ input }) {
        expectTypeOf(input.connection).toEqualTypeOf<Connection>();
        expectTypeOf(input.config).toEqualTypeOf<ListenerConfig>();
        return { connection: input.connection, packets: 0 };
      },
      on: {
        data: {
          guard({ context, event }) {
            expectTypeOf(context.packets).toEqualTypeOf<number>();
            expectTypeOf(event.data).toEqualTypeOf<Uint8Array>();
            return true;
          },
          actions: [
            ({ context, event }) => {
              expectTypeOf(context.connection).toEqualTypeOf<Connection>();
              expectTypeOf(event.data).toEqualTypeOf<Uint8Array>();
            },
            assign({
              packets({ context, event }) {
                expectTypeOf(event.data).toEqualTypeOf<Uint8Array>();
                return context.packets;
              },
            }),
            {
              type: "send",
              params({ context, event }) {
                expectTypeOf(context.packets).toEqualTypeOf<number>();
                return event.data;
              },
            },
          ],
        },
        error: { actions: ({ event }) => expectTypeOf(event.reason).toEqualTypeOf<string>() },
        kick: { actions: ({ event }) => expectTypeOf(event).toEqualTypeOf<Kick>() },
        info: { actions: ({ event }) => expectTypeOf(event.message).toEqualTypeOf<unknown>() },
        call: {
          actions({ event }) {
            expectTypeOf(event.request).toEqualTypeOf<Calls>();
            expectTypeOf(event.from).toEqualTypeOf<From<number | string>>();
          },
        },
      },
      invoke: {
        src: "lookUp",
        onDone: { actions: ({ event }) => expectTypeOf(event.output).toEqualTypeOf<string>() },
      },
      entry: ({ event }) =>
        expectTypeOf(event).toEqualTypeOf<
          ConnectionMachineEvent<{ context: { packets: number }; events: Kick; calls: Calls }>
        >(),
    });
    expect(typed).toBeInstanceOf(StateMachine);
  });

  test("its functions are told so in whatever place they stand", () => {
    type Event = ConnectionMachineEvent<{ events: Kick; calls: Calls }>;
    const typed = base.createMachine({
      context: begin,
      initial: "a",
      states: {
        a: {
          initial: { target: "b", actions: assign(({ context, event }) => told(context, event satisfies Event)) },
          entry: assign(({ context, event }) => told(context, event satisfies Event)),
          exit: [
            enqueueActions(({ context, event, enqueue }) => {
              told(context, event satisfies Event);
              enqueue.assign({ packets: 1 });
            }),
          ],
          always: {
            guard: ({ context, event }) => told(context, event satisfies Event).packets === 0,
            target: "c",
            actions: assign(({ context, event }) => told(context, event satisfies Event)),
          },
          after: {
            slow: { target: "c", actions: assign(({ context, event }) => told(context, event satisfies Event)) },
            2000: [{ actions: [assign(({ context, event }) => told(context, event satisfies Event))] }],
          },
          onDone: {
            target: "c",
            actions: assign(({ context, event }) => told(context, event satisfies DoneStateEvent)),
          },
          states: {
            b: { on: { kick: { actions: assign(({ context, event }) => told(context, event satisfies Kick)) } } },
          },
        },
        c: {
          invoke: [
            {
              src: "lookUp",
              onDone: {
                target: "a",
                actions: assign(({ context, event }) => told(context, event.output satisfies string)),
              },
            },
            {
              src: "lookUp",
              onDone: [{ actions: assign(({ context, event }) => told(context, event.output satisfies string)) }],
              onError: { actions: ({ context, event }) => void told(context, event.error satisfies unknown) },
            },
          ],
        },
        d: {
          invoke: {
            src: "lookUp",
            onDone: {
              target: "a",
              actions: assign(({ context, event }) => told(context, event.output satisfies string)),
            },
          },
        },
      },
    });
    expect(typed).toBeInstanceOf(StateMachine);
  });

  test("without types it has those of each connection", () => {
    const plain = connectionMachine().createMachine({
      context({ input }) {
        expectTypeOf(input).toEqualTypeOf<ConnectionInput>();
        return { connection: input.connection };
      },
      on: { data: { actions: ({ event }) => expectTypeOf(event.data).toEqualTypeOf<Uint8Array>() } },
    });
    expectTypeOf<EventFromLogic<typeof plain>>().toEqualTypeOf<ConnectionEvent | InfoEvent>();
    expectTypeOf<ContextFrom<typeof plain>["connection"]>().toEqualTypeOf<Connection>();
    const unrun = notRun(() =>
      connectionMachine().createMachine({
        context: ({ input }) => ({ connection: input.connection }),
        // @ts-expect-error -- it has declared no calls
        on: { call: { actions: "close" } },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("an action of `extend` may enqueue and check what was there before it", () => {
    const extended = base.extend({
      actions: {
        cut: enqueueActions(({ context, event, enqueue, check }) => {
          expectTypeOf(context.packets).toEqualTypeOf<number>();
          if (event.type !== "data" || !check({ type: "isLong", params: 2 })) return;
          for (const byte of event.data) enqueue.raise({ type: "kick", by: String(byte) });
          enqueue("count");
          enqueue({ type: "say", params: { text: "cut" } });
          enqueue("activate");
        }),
        // @ts-expect-error -- it is called `count`
        wrong: enqueueActions(({ enqueue }) => enqueue("counted")),
      },
      guards: { isKick: ({ event }) => event.type === "kick" },
    });
    const cutting = extended.createMachine({
      context: begin,
      on: { data: { actions: "cut" }, kick: { guard: "isKick", actions: "count" } },
    });
    expect(cutting).toBeInstanceOf(StateMachine);
  });

  test("it can be opened, with calls or without", () => {
    const plain = connectionMachine().createMachine({ context: ({ input }) => ({ connection: input.connection }) });
    const opening = (sockets: Sockets) => [sockets.open("a", 0, {}, machine), sockets.open("b", 0, {}, plain)];
    expect(opening).toBeTypeOf("function");
  });

  test("its ref takes its events and calls, whole, and answers what was declared", () => {
    const unrun = notRun(async (system: System) => {
      const ref = system.spawn(fromMachine(machine), {} as ConnectionInput);
      system.send(ref, { type: "kick", by: "me" });
      // @ts-expect-error -- by whom?
      system.send(ref, { type: "kick" });
      expectTypeOf(await system.call(ref, { type: "stats" })).toEqualTypeOf<number>();
      expectTypeOf(await system.call(ref, { type: "name", upper: true })).toEqualTypeOf<string>();
      // @ts-expect-error -- there is no such call
      await system.call(ref, { type: "stat" });
    });
    expect(unrun).toBeTypeOf("function");
  });
});

describe("the compiler refuses", () => {
  test("a context that lacks something", () => {
    const unrun = notRun(() =>
      base.createMachine({
        // @ts-expect-error -- `packets` is missing
        context: ({ input }) => ({ connection: input.connection }),
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("an initial state that there is not", () => {
    const unrun = notRun(() => [
      base.createMachine({
        context: begin,
        // @ts-expect-error -- a letter is missing
        initial: "waitin",
        states: { waiting: {} },
      }),
      base.createMachine({
        context: begin,
        initial: "a",
        states: {
          a: {
            initial: {
              // @ts-expect-error -- it is the state itself
              target: "a",
            },
            states: { b: {} },
          },
        },
      }),
    ]);
    expect(unrun).toBeTypeOf("function");
  });

  test("an event that there is not, at any depth", () => {
    const unrun = notRun(() => [
      base.createMachine({
        context: begin,
        on: {
          // @ts-expect-error -- it is called `data`
          date: { actions: "close" },
        },
      }),
      base.createMachine({
        context: begin,
        states: {
          a: {
            on: {
              closed: "b",
              // @ts-expect-error -- it is called `socketReady`
              socketready: "b",
            },
          },
          b: {},
        },
      }),
    ]);
    expect(unrun).toBeTypeOf("function");
  });

  test("a target that there is not, wherever it stands and however it is written", () => {
    const unrun = notRun(() =>
      base.createMachine({
        context: begin,
        states: {
          a: {
            // @ts-expect-error -- no such state
            after: { slow: "bb" },
            // @ts-expect-error -- no such state
            always: { target: "bb" },
            // @ts-expect-error -- no such state
            onDone: "bb",
            // @ts-expect-error -- no such state
            invoke: { src: "lookUp", onDone: "bb" },
            on: {
              // @ts-expect-error -- no such state
              data: "bb",
              // @ts-expect-error -- no such state
              closed: { target: "bb", actions: "close" },
              // @ts-expect-error -- no such state
              error: [{ guard: () => true, target: "b" }, { target: "bb" }],
              // @ts-expect-error -- no such state
              timeout: { target: ["b", "bb"] },
              // @ts-expect-error -- `c` is not beside it, but inside `b`
              info: "c",
              // @ts-expect-error -- there is no `d` inside `b`
              kick: "b.d",
              // @ts-expect-error -- it has nothing inside
              shutdown: ".c",
            },
          },
          b: {
            invoke: [
              { src: "lookUp", onDone: "a", onError: { target: ".c" } },
              // @ts-expect-error -- no such state
              { src: "lookUp", onDone: [{ target: "bb" }] },
            ],
            states: {
              c: {
                // @ts-expect-error -- `b` is not beside `c`, but around it
                on: { data: "b" },
              },
              before: {
                type: "history",
                // @ts-expect-error -- no such state
                target: "cc",
              },
            },
          },
        },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("a target beside the machine itself", () => {
    const unrun = notRun(() =>
      base.createMachine({
        context: begin,
        on: {
          closed: ".a",
          // @ts-expect-error -- it is inside, hence ".a"
          error: "a",
        },
        states: { a: {} },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("a delay that there is not", () => {
    const unrun = notRun(() =>
      base.createMachine({
        context: begin,
        states: {
          a: {
            // @ts-expect-error -- it is called `slow`
            after: { slo: "b" },
          },
          b: {},
        },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("an action or a guard that there is not", () => {
    const unrun = notRun(() =>
      base.createMachine({
        context: begin,
        // @ts-expect-error -- a letter is missing
        entry: ["cout"],
        on: {
          // @ts-expect-error -- it is called `isLong`
          data: { guard: { type: "isLonger", params: 3 }, actions: "count" },
        },
        exit: enqueueActions(({ enqueue }) => {
          enqueue("count");
          // @ts-expect-error -- it is called `count`
          enqueue("counts");
        }),
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("params that an action does not take", () => {
    const unrun = notRun(() =>
      base.createMachine({
        context: begin,
        states: {
          // @ts-expect-error -- a number is no packet
          a: { entry: { type: "send", params: 3 } },
          // @ts-expect-error -- there is nothing to send
          b: { entry: { type: "send" } },
          // @ts-expect-error -- there is nothing to send
          c: { entry: "send" },
          // @ts-expect-error -- no activity is called so
          d: { entry: { type: "activate", params: "twice" } },
          // @ts-expect-error -- no call is answered with a boolean
          e: { entry: { type: "reply", params: true } },
          // @ts-expect-error -- there is no answer
          f: { entry: "reply" },
          // @ts-expect-error -- a flag is no number
          g: { entry: { type: "setOptions", params: { noDelay: 1 } } },
          // @ts-expect-error -- that is an option of the listener
          h: { entry: { type: "setOptions", params: { backlog: 1 } } },
          // @ts-expect-error -- it is called `text`
          i: { entry: { type: "say", params: { txt: "hello" } } },
          // @ts-expect-error -- the answer has the wrong type
          j: { on: { call: { actions: ({ event }) => event.from.reply(true) } } },
        },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("properties that XState would not look at", () => {
    const unrun = notRun(() =>
      base.createMachine({
        context: begin,
        states: {
          // @ts-expect-error -- it is called `entry`
          a: { enter: "close" },
          // @ts-expect-error -- it is called `target`
          b: { on: { data: { targte: "a" } } },
        },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });

  test("implementations that `extend` cannot use", () => {
    const unrun = notRun(() => [
      base.extend({
        actions: {
          // @ts-expect-error -- the context has no such thing
          more: assign({ package: 1 }),
        },
      }),
      base.extend({
        guards: {
          // @ts-expect-error -- a guard says yes or no
          isLate: () => "yes",
        },
      }),
    ]);
    expect(unrun).toBeTypeOf("function");
  });
});

describe("the compiler lets by", () => {
  test("every way to name a state, an event and a delay", () => {
    const unrun = notRun((computed: string) =>
      connectionMachine<{ events: { type: "user.left" } | { type: "user.came" } }>().createMachine({
        id: "ways",
        context: start,
        type: "parallel",
        on: { "user.*": ".a.c", "user.left": { target: [".a.c", ".b"] }, "*": undefined, shutdown: {} },
        onDone: { actions: "close" },
        states: {
          a: {
            initial: { target: "c", actions: "activate" },
            states: {
              c: { on: { data: ["d", { target: computed }], "xstate.done.state.ways": "#d" } },
              d: { id: "d" },
            },
          },
          b: { after: { 1000: "a.c", "2000": "#ways.a.d" }, always: [{ guard: () => false, target: computed }] },
        },
      }),
    );
    expect(unrun).toBeTypeOf("function");
  });
});
