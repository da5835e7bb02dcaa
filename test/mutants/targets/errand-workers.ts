import {
  type Call,
  type Definition,
  defineServer,
  Down,
  fromMachine,
  type MonitorRef,
  noreply,
  ok,
  type RequestId,
  Response,
  shutdown,
  statem,
  stop,
  Timeout,
} from "@espalier/actors";
import { assign, setup } from "xstate";
import type { Work } from "./workers.ts";

type TellerCalls = Call<"ask", number> | Call<"later", number>;

/** Lives for a moment. */
const brief: Definition = defineServer<{ state: undefined; info: Work }>({
  name: "brief",
  init: () => ok(undefined, { timeoutMs: 5 }),
  handleInfo: (message, state) => (message instanceof Timeout ? stop({ type: "normal" }) : noreply(state)),
});

/** What a worker has met with that must not be. */
export interface Notes {
  readonly wrong: string | undefined;
}

interface Files extends Notes {
  /** What nothing may come of any more. */
  readonly over: ReadonlySet<MonitorRef | RequestId>;
}

/** Gives up what it has begun when that has come to its end already, which it has not heard of. */
export const clerk: Definition = defineServer<{ state: Files; info: Work }>({
  name: "clerk",
  init: () => ok({ over: new Set(), wrong: undefined }),
  async handleInfo(message, files, self) {
    const { over } = files;
    if (message instanceof Down)
      return noreply(over.has(message.ref) ? { over, wrong: "hears of an end that it does not wait for" } : files);
    if (message instanceof Response)
      return noreply(over.has(message.id) ? { over, wrong: "gets a response that it has given up" } : files);
    const { monitor } = self.spawnMonitor(brief);
    const id = self.sendRequest<TellerCalls>("teller", { type: "ask" });
    try {
      await self.call<TellerCalls, { type: "later" }>("teller", { type: "later" }, { timeoutMs: 1000 });
    } catch {
      // It may be dead, or too busy.
    }
    self.demonitor(monitor, { flush: true });
    self.abandonRequest(id);
    return noreply({ ...files, over: new Set([...over, monitor, id]) });
  },
});

/** Takes its time, and ends while others wait at its door. */
const porter: Definition = defineServer<{ state: number; info: Work }>({
  name: "porter",
  init: () => ok(0),
  async handleInfo(_message, count, self) {
    if (count > 0) return stop({ type: "normal" });
    try {
      await self.call<TellerCalls, { type: "later" }>("teller", { type: "later" }, { timeoutMs: 1000 });
    } catch {
      // It may be dead, or too busy.
    }
    return noreply(count + 1);
  },
});

/** Has more to deliver than there is room for. */
export const sender: Definition = defineServer<{ state: number; info: Work }>({
  name: "sender",
  init: () => ok(0),
  async handleInfo(_message, sent, self) {
    const to = self.spawnLink(porter, undefined, { mailbox: { capacity: 1, whenFull: "block" } });
    await Promise.all([1, 2, 3, 4].map((number) => self.offer<unknown>(to, { type: "work", number })));
    return noreply(sent + 1);
  },
});

// XState reads the types of a machine off these; their values are not used.
const gathererTypes: { context?: Notes & { isOpen: boolean }; events?: Work | { type: "open" } } = {};
const errandTypes: { context?: { round: number }; input?: { round: number }; output?: number } = {};
const dispatcherTypes: { context?: Notes & { round: number }; events?: Work } = {};
const politeTypes: { events?: Work | { type: "shutdown" } } = {};

/** Puts work off, and opens before it does any. */
export const gatherer: Definition = fromMachine(
  setup({
    types: gathererTypes,
  }).createMachine({
    id: "gatherer",
    context: { wrong: undefined, isOpen: false },
    initial: "resting",
    states: {
      resting: { entry: assign({ isOpen: false }), on: { work: "gathering" } },
      gathering: {
        on: { work: { actions: statem.postpone } },
        after: { 20: { target: "serving", actions: statem.nextEvent({ type: "open" }) } },
      },
      serving: {
        on: {
          open: { actions: assign({ isOpen: true }) },
          work: {
            actions: assign(({ context }) => (context.isOpen ? {} : { wrong: "does its work before it is open" })),
          },
        },
        after: { 10: "resting" },
      },
    },
  }),
  { name: "gatherer" },
);

const errand = setup({
  types: errandTypes,
}).createMachine({
  id: "errand",
  context: ({ input }) => input,
  initial: "done",
  states: { done: { type: "final" } },
  output: ({ context }) => context.round,
});

/** Sends somebody on an errand, and somebody else in his place before he is back. */
export const dispatcher: Definition = fromMachine(
  setup({
    types: dispatcherTypes,
    actors: { errand },
  }).createMachine({
    id: "dispatcher",
    context: { wrong: undefined, round: 0 },
    initial: "idle",
    states: {
      idle: { on: { work: "sending" } },
      sending: {
        entry: assign({ round: ({ context }) => context.round + 1 }),
        invoke: {
          src: "errand",
          id: "errand",
          input: ({ context }) => ({ round: context.round }),
          onDone: {
            target: "idle",
            actions: assign(({ context, event }) =>
              event.output === context.round
                ? {}
                : { wrong: "takes what one has brought for what another was sent for" },
            ),
          },
        },
        on: { work: { target: "sending", reenter: true } },
      },
    },
  }),
  { name: "dispatcher" },
);

/** Does nothing, in its own time. */
export const guest: Definition = defineServer<{ state: number; info: Work }>({
  name: "guest",
  trapExit: true,
  init: () => ok(0),
  handleInfo: (_message, count) => noreply(count + 1),
});

/** Ends in a state of its own when it is told to. */
export const polite: Definition = fromMachine(
  setup({ types: politeTypes }).createMachine({
    id: "polite",
    initial: "staying",
    states: { staying: { on: { shutdown: "gone" } }, gone: { type: "final" } },
  }),
  { name: "polite", trapExit: true },
);

/** Fails at work; it shows which version of it runs. */
export const lodger: Definition<number> = defineServer<{ args: number; state: number; info: Work }>({
  name: "lodger",
  init: (version) => ok(version),
  handleInfo() {
    throw new Error("a lodger who is disturbed");
  },
});

/** Does not come up. */
export const absent: Definition = defineServer<{ state: undefined }>({
  name: "absent",
  init: () => stop(shutdown("absent")),
});

export interface Parting {
  readonly type: "crash" | "leave";
}

/** Ends in one way or the other. */
export const partner: Definition = defineServer<{ state: undefined; info: Parting }>({
  name: "partner",
  init: () => ok(undefined),
  handleInfo(message) {
    if (message.type === "crash") throw new Error("a partner who is to come back");
    return stop({ type: "normal" });
  },
});
