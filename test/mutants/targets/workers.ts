import {
  type Call,
  type Definition,
  defineServer,
  Down,
  Exit,
  fromAsync,
  fromMachine,
  noreply,
  ok,
  reply,
  Response,
  shutdown,
  stop,
  Timeout,
  type From,
  type MonitorRef,
  type Pid,
  type TimerRef,
} from "@espalier/actors";
import { createMachine } from "xstate";

/** Told to work, an actor does what it is there for. */
export interface Work {
  readonly type: "work";
  /** Which one of several. */
  readonly number?: number;
}

type TellerCalls = Call<"ask", number> | Call<"later", number> | Call<"never", number>;

/** Answers at once, later or never. */
export const teller: Definition = defineServer<{
  state: { count: number; waiting: From[] };
  call: TellerCalls;
  info: { readonly type: "due" };
}>({
  name: "teller",
  init: () => ok({ count: 0, waiting: [] }),
  handleCall(request, from, { count, waiting }, self) {
    switch (request.type) {
      case "ask":
        return reply(count, { count: count + 1, waiting });
      case "later":
        self.sendAfter(self.ref, { type: "due" }, 50);
        return noreply({ count, waiting: [...waiting, from] });
      case "never":
        return noreply({ count, waiting });
    }
  },
  handleInfo(_due, { count, waiting: [first, ...others] }) {
    first?.reply(count);
    return noreply({ count: count + 1, waiting: others });
  },
});

/** How many things somebody has begun, and how many have come to an end: as often, once all is over. */
export interface Balance {
  readonly begun: number;
  readonly ended: number;
}

/** Ends by itself, or of its timer. */
const helper: Definition<number> = defineServer<{ args: number; state: number; info: Work }>({
  name: "helper",
  init: (lifeMs) => (lifeMs === 0 ? ok(lifeMs) : ok(lifeMs, { timeoutMs: lifeMs })),
  handleInfo: (message, lifeMs) => (message instanceof Timeout ? stop({ type: "normal" }) : noreply(lifeMs)),
});

/** Asks the teller, and counts the answers, good or bad. */
export const asker: Definition = defineServer<{ state: Balance; info: Work }>({
  name: "asker",
  init: () => ok({ begun: 0, ended: 0 }),
  async handleInfo(message, { begun, ended }, self) {
    if (message instanceof Response) {
      if (self.whereis("phases") !== undefined) self.send("phases", { type: "work" });
      return noreply({ begun, ended: ended + 1 });
    }
    // It ends in order, which is nobody else's business.
    self.spawnLink(helper, 5);
    if (self.whereis("teller") === undefined) return noreply({ begun, ended });
    for (const type of ["ask", "later", "never"]) {
      self.sendRequest<TellerCalls>("teller", { type } as TellerCalls, { timeoutMs: 300 });
    }
    try {
      await self.call<TellerCalls, { type: "later" }>("teller", { type: "later" }, { timeoutMs: 1000 });
    } catch {
      // It may be dead, or too busy.
    }
    return noreply({ begun: begun + 3, ended });
  },
});

/** Watches whoever is the teller. */
export const watcher: Definition = defineServer<{
  state: { monitor: MonitorRef | undefined; target: Pid | undefined };
  info: Work | { readonly type: "look" };
}>({
  name: "watcher",
  init(_args, self) {
    self.sendAfter(self.ref, { type: "look" }, 0);
    return ok({ monitor: undefined, target: undefined });
  },
  handleInfo(message, state, self) {
    if (message instanceof Down) {
      if (message.ref !== state.monitor) return noreply(state);
      self.sendAfter(self.ref, { type: "look" }, 20);
      return noreply({ monitor: undefined, target: undefined });
    }
    if (state.monitor !== undefined) self.demonitor(state.monitor, { flush: true });
    const target = self.whereis("teller");
    if (target === undefined) {
      self.sendAfter(self.ref, { type: "look" }, 20);
      return noreply({ monitor: undefined, target: undefined });
    }
    return noreply({ monitor: self.monitor(target), target });
  },
});

/** Has a helper that it is linked to, and takes on others for a while. */
export const linker: Definition = defineServer<{
  state: Pid | undefined;
  info: Work | { readonly type: "hire" };
}>({
  name: "linker",
  trapExit: true,
  init: (_args, self) => ok(self.spawnLink(helper, 0)),
  handleInfo(message, lasting, self) {
    if (message instanceof Exit) {
      if (message.from !== lasting) return noreply(lasting);
      self.sendAfter(self.ref, { type: "hire" }, 10);
      return noreply(undefined);
    }
    if (message instanceof Down || message instanceof Response || message instanceof Timeout) return noreply(lasting);
    if (message.type === "hire") return noreply(lasting ?? self.spawnLink(helper, 0));
    // Whoever it lets go of ends by himself.
    const [first, second] = [self.spawnLink(helper, 30), self.spawnLink(helper, 40)];
    self.unlink(first);
    self.link(first);
    self.unlink(second);
    return noreply(lasting);
  },
});

/** After so much silence the timekeeper is told; some of its ticks come just then. */
export const SILENCE_MS = 2;

/** Sets timers and takes some of them back; those that are left fire. */
export const timekeeper: Definition = defineServer<{
  state: Balance & { readonly kept: readonly TimerRef[] };
  info: Work | { readonly type: "tick" };
}>({
  name: "timekeeper",
  init: () => ok({ begun: 0, ended: 0, kept: [] }),
  handleInfo(message, { begun, ended, kept }, self) {
    if (message instanceof Timeout) return noreply({ begun, ended, kept });
    if ("type" in message && message.type === "tick")
      return noreply({ begun, ended: ended + 1, kept }, { timeoutMs: SILENCE_MS });
    const timers = [5, 1, 400, 20, 3, 90].map((ms) => self.sendAfter(self.ref, { type: "tick" }, ms));
    let cancelled = 0;
    for (const timer of [...kept, ...timers.slice(2, 4)]) if (self.cancelTimer(timer) !== undefined) cancelled += 1;
    return noreply(
      { begun: begun + timers.length - cancelled, ended, kept: timers.slice(4) },
      { timeoutMs: SILENCE_MS },
    );
  },
});

/** Waits for an answer that never comes before it ends, so it has to be killed. */
export const laggard: Definition = defineServer<{ state: number; info: Work }>({
  name: "laggard",
  trapExit: true,
  init: () => ok(0),
  handleInfo: (_message, count) => noreply(count + 1),
  async terminate(_reason, _state, self) {
    try {
      await self.call<TellerCalls, { type: "never" }>("teller", { type: "never" }, { timeoutMs: "infinity" });
    } catch {
      // The teller has ended before.
    }
  },
});

/** Receives what it likes, in its own order. */
export const selector: Definition = fromAsync<Work>(
  async (self) => {
    for (;;) {
      const liked = await self.receive({ match: (message) => numberOf(message) % 2 === 1, timeoutMs: 25 });
      if (liked === undefined) await self.receive();
    }
  },
  { name: "selector" },
);

function numberOf(message: object): number {
  return "number" in message && typeof message.number === "number" ? message.number : 0;
}

/** Waits, works for a while, and rests. */
export const phases: Definition = fromMachine(
  createMachine({
    id: "phases",
    context: { rounds: 0 },
    initial: "waiting",
    states: {
      waiting: { on: { work: "working" } },
      working: {
        after: { 20: "resting", 900: "failed" },
        on: { work: { target: "working", reenter: true } },
      },
      resting: { after: { 10: "waiting" }, on: { work: "working" } },
      // Whoever has left a state has left its timers behind.
      failed: { entry: () => failed() },
    },
  }),
  { name: "phases" },
);

function failed(): never {
  throw new Error("a timer of a state fires in another one");
}

/** What a job of the dynamic supervisor comes to. */
export type Job = "normal" | "shutdown" | "crash" | "lasting" | "refused" | "stubborn";

/** Lives for a while, and ends in one of the ways there are. */
export const jobber: Definition<Job> = defineServer<{ args: Job; state: Job; info: Work }>({
  name: "jobber",
  init: (job) =>
    job === "refused" ? stop(shutdown("refused")) : job === "lasting" ? ok(job) : ok(job, { timeoutMs: 60 }),
  handleInfo(message, job) {
    if (!(message instanceof Timeout)) return noreply(job);
    if (job === "crash") throw new Error("a job that fails");
    return stop(job === "shutdown" ? shutdown() : { type: "normal" });
  },
});
