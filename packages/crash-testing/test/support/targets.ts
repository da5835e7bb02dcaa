import {
  type Call,
  CallExitError,
  defineServer,
  type Definition,
  fromAsync,
  fromMachine,
  noreply,
  ok,
  type Pid,
  reply,
  type ServerRef,
} from "@espalier/actors";
import { connectionMachine, type Listener, startSockets } from "@espalier/sockets";
import { child, defineDynamicSupervisor, defineSupervisor, startDynamicChild } from "@espalier/supervisor";
import { setup } from "xstate";
import type { PeerScript } from "../../src/peer-script.ts";
import type { Plan } from "../../src/plan.ts";
import type { Target } from "../../src/target.ts";

type CounterTypes = { state: number; call: Call<"get", number>; cast: "add"; info: "tick" };

/** Counts, sends itself ticks, and has a name while it lives. */
const counter = defineServer<CounterTypes & { args: string }>({
  name: "counter",
  init: (name, self) => {
    self.register(name);
    self.sendAfter(self.pid, "tick", 7);
    return ok(0);
  },
  handleCall: (_request, _from, count) => reply(count, count),
  handleCast: (_message, count) => noreply(count + 1),
  handleInfo: (message, count, self) => {
    if (message !== "tick") return noreply(count);
    if (count < 30) self.sendAfter(self.pid, "tick", 7);
    return noreply(count + 1);
  },
});

interface Watching {
  readonly name: string;
  readonly rounds: number;
}

/** Monitors the counter, links to it by turns, asks it, and cancels timers. */
const watcher = defineServer<{ args: string; state: Watching; info: "again" | "late" }>({
  name: "watcher",
  trapExit: true,
  init: (name, self) => {
    self.sendAfter(self.pid, "again", 5);
    return ok({ name, rounds: 0 });
  },
  handleInfo: (message, state, self) => {
    if (message !== "again") return noreply(state);
    const target = self.whereis(state.name);
    if (target !== undefined) {
      const monitor = self.monitor(target);
      if (state.rounds % 3 === 0) self.demonitor(monitor, { flush: true });
      if (state.rounds % 2 === 0) self.link(target);
      else self.unlink(target);
      // Who has such a name is a counter.
      const known: ServerRef<CounterTypes> = target;
      self.sendRequest<Call<"get", number>>(known, { type: "get" }, { timeoutMs: 50 });
      self.cast(known, "add");
      self.cast(known, "add");
    }
    const late = self.sendAfter(self.pid, "late", 9);
    if (state.rounds % 2 === 0) self.cancelTimer(late);
    if (state.rounds < 20) self.sendAfter(self.pid, "again", 11);
    return noreply({ ...state, rounds: state.rounds + 1 });
  },
});

/** Waits for somebody with `await`, as a process of its own making. */
const waiter = fromAsync<never, string>(async function waiter(self, name) {
  for (let round = 0; round < 10; round += 1) {
    try {
      await self.call<Call<"get", number>, { type: "get" }>(name, { type: "get" }, { timeoutMs: 100 });
    } catch (error) {
      if (!(error instanceof CallExitError)) throw error;
    }
    await self.receive({ timeoutMs: 13 });
  }
  await self.receive();
});

const lightMachine = setup({ types: { events: {} as { type: "push" } } }).createMachine({
  id: "light",
  initial: "green",
  states: {
    green: { after: { 200: "yellow" }, on: { push: "yellow" } },
    yellow: { after: { 50: "red" } },
    red: { after: { 3000: "green" }, on: { push: { target: "red", reenter: true } } },
  },
});

const light = fromMachine(lightMachine);

/** Starts children of a dynamic supervisor. */
const spawner = defineServer<{ args: string; state: number; info: "more" }>({
  name: "spawner",
  init: (_name, self) => {
    self.sendAfter(self.pid, "more", 3);
    return ok(0);
  },
  handleInfo: async (message, count, self) => {
    if (message !== "more") return noreply(count);
    const pool = self.whereis("pool");
    if (pool !== undefined) {
      try {
        await startDynamicChild<number>(self, pool, count);
      } catch (error) {
        if (!(error instanceof CallExitError)) throw error;
      }
    }
    if (count < 4) self.sendAfter(self.pid, "more", 17);
    return noreply(count + 1);
  },
});

const brief = defineServer<{ args: number; state: number; info: "end" }>({
  name: "brief",
  init: (number, self) => {
    self.sendAfter(self.pid, "end", 20 + 10 * number);
    return ok(number);
  },
  handleInfo: (message, state, self) => (message === "end" ? self.exit({ type: "normal" }) : noreply(state)),
});

/** A supervision tree with every strategy, and actors that do what actors do. */
export function treeRoot(): Definition {
  const chain = defineSupervisor({
    strategy: "restForOne",
    intensity: 3,
    children: [
      { id: "counter", start: child(counter, "chained") },
      { id: "watcher", start: child(watcher, "chained") },
      { id: "waiter", start: child(waiter, "chained"), restart: "transient" },
    ],
  });
  const pair = defineSupervisor({
    strategy: "oneForAll",
    intensity: 3,
    children: [
      { id: "counter", start: child(counter, "paired") },
      { id: "light", start: child(light) },
      { id: "watcher", start: child(watcher, "paired"), shutdown: "brutalKill" },
      { id: "once", start: child(brief, 3), restart: "temporary" },
    ],
  });
  const pool = defineDynamicSupervisor<number>({
    intensity: 3,
    child: { start: (number) => child(brief, number), restart: "transient" },
  });
  return defineSupervisor({
    intensity: 4,
    children: [
      { id: "chain", start: child(chain), type: "supervisor" },
      { id: "pair", start: child(pair), type: "supervisor" },
      { id: "pool", start: { ...child(pool), name: "pool" }, type: "supervisor" },
      { id: "spawner", start: child(spawner, "pool") },
      { id: "alone", start: child(watcher, "chained"), restart: "transient" },
      { id: "once", start: child(brief, 1), restart: "temporary" },
    ],
  });
}

/** A target of a tree that has nothing to do with the network. */
export function treeOf(root: Definition): Target<Pid> {
  return {
    async start({ system }) {
      const started = await system.start(root, undefined, { id: "root" });
      if (!started.ok) throw new Error("the tree has not started");
      return started.ref;
    },
    port: () => 1,
  };
}

/** So long the work goes on: the only client finds nobody. */
const WORK_MS = 500;

export const quietPlan: Plan = {
  peers: [{ at: WORK_MS, host: "10.0.0.1", ops: [] }],
  operations: [],
  deviations: [],
};

/** Answers each line with itself. */
export const echoMachine = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: "open" } },
    open: {
      entry: "activate",
      on: { data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] }, closed: "done" },
    },
    done: { type: "final" },
  },
});

export interface EchoKnobs {
  readonly maxClients: number;
  readonly highWaterMark: number;
}

/** An echo server of lines. */
export const echo: Target<Listener, EchoKnobs> = {
  async start({ system, transport, knobs }) {
    const sockets = await startSockets(system, { transport });
    return sockets.open("echo", 5000, { acceptors: 2, packet: "line", ...knobs }, echoMachine);
  },
  knobs: { maxClients: [100, 2, 1], highWaterMark: [65_536, 8, 1] },
  probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("hello\n") }], receives: "hello\n" },
};

/** What it answers. */
export function wholeLines({ sent }: { readonly sent: Uint8Array }): Uint8Array {
  return sent.subarray(0, sent.lastIndexOf(10) + 1);
}

const encoder = new TextEncoder();

export function script(
  at: number,
  host: string,
  ...ops: ReadonlyArray<PeerScript["ops"][number] | string>
): PeerScript {
  return {
    at,
    host,
    ops: ops.map((op) => (typeof op === "string" ? { type: "send" as const, bytes: encoder.encode(op) } : op)),
  };
}

/** Clients that come, send, wait, stop reading and leave in all ways. */
export const echoPlan: Plan = {
  peers: [
    script(0, "10.0.0.1", "one\n", { type: "wait", ms: 5 }, "two\nthr", { type: "wait", ms: 3 }, "ee\n", {
      type: "end",
    }),
    script(1, "10.0.0.2", "a\nb\nc\n", { type: "pause" }, "d\n", { type: "wait", ms: 50 }, { type: "resume" }),
    script(3, "10.0.0.3", "x\n", { type: "reset" }),
    script(
      20,
      "10.0.0.4",
      { type: "wait", ms: 100 },
      "late\n",
      { type: "receive", count: 5, withinMs: 500 },
      { type: "close" },
    ),
  ],
  operations: [],
  deviations: [],
};
