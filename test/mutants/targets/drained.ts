import { CallExitError } from "@espalier/actors";
import { connectionMachine, type Drained, type Listener, startSockets, type Upgrade } from "@espalier/sockets";
import { arbPeers, type Invariant, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { Operations, operationsEnd } from "./operations.ts";
import { arbLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

/** Echoes lines, and counts them; told to end, it says so to its client, which is what a drain is for. */
function counting(version: number, started: (version: number) => void) {
  return connectionMachine<{ context: { version: number; lines: number } }>().createMachine({
    id: "counting",
    context: ({ input }) => {
      started(version);
      return { connection: input.connection, version, lines: 0 };
    },
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: { target: "open", actions: "activate" } } },
      open: {
        on: {
          data: {
            actions: [
              ({ context }) => {
                if (context.version !== version) throw new Error("the context is of another version than the machine");
              },
              { type: "send", params: ({ event }) => event.data },
              "activate",
            ],
          },
          timeout: "over",
          closed: "over",
          error: "over",
        },
      },
      over: { type: "final", entry: "close" },
    },
  });
}

/** What a drain gives connections. */
const DRAIN_MS = 2000;

/** The state that it is in, with the context of the new version. */
function migrate({ value, context }: { value: unknown; context: object }) {
  return { value: value as string, context: { ...context, version: 2 } };
}

/** A listener, and what was done to it. */
class Operated extends Operations {
  readonly listener: Listener;
  readonly drains: Drained[] = [];
  /** Of each of them: how many handlers have ended meanwhile, in whatever way. */
  readonly ended: number[] = [];
  /** Handlers that have ended so far. */
  ends = 0;
  /** What the listener has counted meanwhile. */
  readonly counted: number[] = [];
  /** When the one that is under way has begun. */
  drainsSince: number | undefined;
  /** How long each of them has taken. */
  readonly drainMs: number[] = [];
  readonly upgrades: Upgrade[] = [];
  /** That of connections which come from now on. */
  version = 1;
  /** Connections have run an old machine. */
  outdated = 0;

  constructor(listener: Listener) {
    super();
    this.listener = listener;
  }

  started(version: number): void {
    if (version !== this.version) this.outdated += 1;
  }

  get port(): number {
    return this.listener.port;
  }
}

/** What an operation answers adds up. */
const answersAreTrue: Invariant = {
  id: "T1-answers",
  says: "a drain counts those that end meanwhile, and an upgrade leaves nobody behind who could have been upgraded",
  watch: (run) => ({
    on: {
      exit: ({ subject: { path } }) => {
        if (run.handle instanceof Operated && /\/connection_sup\/\d+$/.test(path)) run.handle.ends += 1;
      },
    },
    after() {
      const { handle } = run;
      if (!(handle instanceof Operated)) return;
      for (const { ended, killed } of handle.drains) {
        if (ended < 0 || killed < 0) run.violate("T1-answers", `a drain says ${ended} ended and ${killed} killed`);
      }
      // Of an end that is heard of late, nobody knows when it was counted.
      if (!run.world.choices.deviations.some(({ kind }) => kind === "delay")) {
        for (const [index, ended] of handle.ended.entries()) {
          const said = handle.drains[index]?.killed ?? 0;
          if (said > ended)
            run.violate("T1-answers", `a drain says that it has killed ${said}, and ${ended} have ended`);
        }
      }
      for (const [index, counted] of handle.counted.entries()) {
        const { ended = 0, killed = 0 } = handle.drains[index] ?? {};
        if (ended + killed !== counted)
          run.violate("T1-answers", `a drain says ${ended} ended and ${killed} killed, and ${counted} were counted`);
      }
      const most = Math.max(0, ...handle.drainMs);
      // One that finds the listener closing already has to wait for that.
      const isClosed = run.plan.operations.some(({ name }) => name === "close");
      if (!isClosed && run.world.injections.length === 0 && most > DRAIN_MS + run.world.injectedMs + 1000) {
        run.violate("T1-answers", `a drain that has ${DRAIN_MS} ms has taken ${most} ms`);
      }
      if (handle.outdated > 0)
        run.violate("T1-answers", `${handle.outdated} connections run the machine of before the upgrade`);
      for (const { pid, error } of handle.upgrades.flatMap(({ stayed }) => stayed)) {
        if (error instanceof CallExitError)
          run.violate("T1-answers", `${pid.toString()} has ended, and is said to have stayed`);
      }
      if (run.world.choices.deviations.some(({ kind }) => kind !== "knob")) return;
      for (const { stayed } of handle.upgrades) {
        for (const { pid, error } of stayed)
          run.violate("T1-answers", `${pid.toString()} was not upgraded: ${String(error)}`);
      }
    },
  }),
};

/** Whoever has no place is told at once, and what was said last may take its time. */
const drainsAreKind: Invariant = {
  id: "T16-drain",
  says: "a drain refuses at once whom it refuses, and leaves what was sent its time to go out",
  watch: (run) => {
    const drainMs = (): number | undefined => {
      const { handle, world, phase, plan } = run;
      const isAsked = phase === "workload" && !plan.operations.some(({ name }) => name === "close");
      if (!(handle instanceof Operated) || !isAsked || world.injections.length > 0 || world.injectedMs > 0)
        return undefined;
      return handle.drainsSince === undefined ? undefined : world.now() - handle.drainsSince;
    };
    return {
      on: {
        connectionRefused: ({ peer: { host }, counter }) => {
          const ms = drainMs();
          if (counter === "closedOther" && ms !== undefined && ms > 200)
            run.violate("T16-drain", `${host} waits for ${ms} ms until a drain refuses it`);
        },
        release: ({ subject: { path }, resource }) => {
          const ms = drainMs();
          if (!path.endsWith("/connection_sup") || !resource.startsWith("10.0.0.") || ms === undefined) return;
          if (ms < DRAIN_MS - 1) run.violate("T16-drain", `what was sent to ${resource} is cut after ${ms} ms`);
        },
      },
    };
  },
};

/** A listener that is drained, upgraded, suspended and resumed while clients come and go. */
export const drained: TargetCase<ListenerKnobs> = {
  name: "drained",
  target: {
    async start({ system, transport, knobs }) {
      const sockets = await startSockets(system, { transport });
      let self: Operated | undefined;
      const machine = counting(1, (version) => self?.started(version));
      self = new Operated(await sockets.open("drained", 5000, { ...knobs, packet: "line" }, machine));
      return self;
    },
    operations: {
      drain: (handle, { system }) =>
        operated(handle).perform(async ({ listener, drains, drainMs, ended, counted }) => {
          const [began, before, { ends }] = [system.now(), endsOf(listener), operated(handle)];
          operated(handle).drainsSince ??= began;
          drains.push(await listener.drain({ timeoutMs: DRAIN_MS }));
          operated(handle).drainsSince = undefined;
          counted.push(endsOf(listener) - before);
          ended.push(operated(handle).ends - ends);
          drainMs.push(system.now() - began);
        }),
      upgrade: (handle) =>
        operated(handle).perform(async (self) => {
          const upgrade = self.listener.upgrade(
            counting(2, (version) => self.started(version)),
            { migrate, timeoutMs: 60_000 },
          );
          self.version = 2;
          self.upgrades.push(await upgrade);
        }),
      close: (handle) => operated(handle).perform(({ listener }) => listener.close()),
      suspend: (handle) => operated(handle).perform(({ listener }) => listener.suspend()),
      resume: (handle) => operated(handle).perform(({ listener }) => listener.resume()),
      sleep: (handle) => operated(handle).listener.sleepAcceptors(),
      wake: (handle) => operated(handle).listener.wakeAcceptors(),
      restrict: (handle) => operated(handle).perform(({ listener }) => listener.setOptions({ maxClients: 1 })),
    },
    knobs: LISTENER_KNOBS,
  },
  // Whether a new client is served is for whoever has drained or suspended it to say.
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent }) => wholeLines(sent) }).filter(({ id }) => id !== "I8-probe"),
    operationsEnd,
    answersAreTrue,
    drainsAreKind,
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  peers: arbPeers({ messages: arbLines }),
};

/** How many connections have ended, in whatever way. */
function endsOf({ shutdownCounts }: Listener): number {
  return Object.values(shutdownCounts).reduce((sum, count) => sum + count, 0);
}

function operated(handle: unknown): Operated {
  return handle as Operated;
}
