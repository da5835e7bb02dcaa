import type { Pid } from "@espalier/actors";
import {
  type Connection,
  connectionMachine,
  type Listener,
  type ListenerOptions,
  startSockets,
} from "@espalier/sockets";
import { arbBytes, arbPeers, type Invariant, type Kind, standard } from "../kit.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";

interface Knobs {
  readonly maxClients: number;
  readonly overLimit: "reject" | "queue";
  readonly bytesPerSecond: number | "infinity";
  readonly alarms: boolean;
  readonly capacity: number | "infinity";
}

/** In so many milliseconds as many connections may come as there may be at once. */
const INTERVAL_MS = 1000;

/** Echoes lines; some of its clients do not count from then on. */
function generous(left: Set<Connection>) {
  return connectionMachine().createMachine({
    id: "generous",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: { target: "open", actions: "activate" } } },
      open: {
        on: {
          data: {
            actions: [
              ({ context: { connection }, event }) => {
                if (event.data.length % 3 > 0) return;
                connection.leaveLimit();
                left.add(connection);
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

/** A listener whose options are changed, one after the other. */
class Limited extends Operations {
  readonly listener: Listener;
  readonly knobs: Knobs;
  readonly left: ReadonlySet<Connection>;
  /** There is no limit on bytes any more. */
  isUnlimited = false;
  /** Options that were refused, and count all the same. */
  halfApplied = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(listener: Listener, left: ReadonlySet<Connection>, knobs: Knobs) {
    super();
    this.listener = listener;
    this.left = left;
    this.knobs = knobs;
  }

  get port(): number {
    return this.listener.port;
  }

  get isThrottled(): boolean {
    return this.knobs.bytesPerSecond !== "infinity" && !this.isUnlimited;
  }

  /** Nobody else changes them meanwhile. */
  inTurn(operation: (listener: Listener) => Promise<unknown>): Promise<void> {
    return this.perform(async ({ listener }) => {
      const before = this.#last;
      const operated = before.then(() => operation(listener)).then(() => undefined);
      this.#last = operated.catch(() => undefined);
      await operated;
    });
  }

  async change(options: ListenerOptions): Promise<void> {
    const { listener } = this;
    const before = { ...listener.info.options };
    try {
      await listener.setOptions(options);
    } catch (error) {
      const { acceptors, maxClients } = listener.info.options;
      if (acceptors !== before.acceptors || maxClients !== before.maxClients) this.halfApplied += 1;
      throw error;
    }
  }
}

const ID = "T33-limits";

const limitsHold: Invariant = {
  id: ID,
  says: "who has left the limit does not count, refused options do not either, and no more come than may",
  watch: (run) => {
    const starts: number[] = [];
    const alarms = new Set<string>();
    return {
      on: {
        connectionStarted: ({ time }) => {
          const { handle } = run;
          if (!(handle instanceof Limited) || run.world.injectedMs > 0) return;
          const { capacity, overLimit } = handle.knobs;
          // Whoever is let in may have to wait for a place.
          if (capacity === "infinity" || overLimit === "queue") return;
          starts.push(time);
          const first = starts[starts.length - 1 - capacity];
          // What was saved lets so many come, and each interval as many.
          if (first !== undefined && time - first + 1 < INTERVAL_MS / capacity)
            run.violate(ID, `${capacity + 1} connections have come within ${time - first} ms`);
        },
        alarmSet: ({ alarm }) => {
          if (alarms.has(alarm)) run.violate(ID, `the alarm about ${alarm} is set again`);
          alarms.add(alarm);
        },
        alarmCleared: ({ alarm }) => void alarms.delete(alarm),
      },
      after(phase) {
        const { handle } = run;
        if (!(handle instanceof Limited)) return;
        const { listener, left, halfApplied } = handle;
        if (halfApplied > 0) run.violate(ID, "options were refused, and count");
        if (phase === "stopped" && alarms.size > 0) run.violate(ID, `an alarm is set, and nothing is watched`);
        if (phase !== "healed" || run.isEnding || !listener.isRunning || run.world.signalsInFlight > 0) return;
        const living = run.system.inspect().processes.filter(({ path }) => /\/connection_sup\/\d+$/.test(path));
        const counted = living.filter(({ pid }) => !hasLeft(listener, left, pid)).length;
        if (counted !== listener.activeClients)
          run.violate(ID, `${listener.activeClients} clients are said to count, and ${counted} do`);
        if (living.length > 0 && !handle.isThrottled)
          run.violate(ID, `${living.length} connections live, and all clients have gone`);
      },
    };
  },
};

/** Whoever comes is heard of, in the order of coming. */
function isMild(kind: Kind): boolean {
  return kind === "knob" || kind === "chunk" || kind === "write";
}

const servedInTurn: Invariant = {
  id: "T37-queue",
  says: "where nothing is out of the ordinary, of those who wait the first is served first",
  watch: (run) => {
    const served = new Set<string>();
    return {
      on: {
        connectionStarted: ({ peer }) => {
          served.add(peer.host);
          const { world, peers } = run;
          if (world.injectedMs > 0 || world.choices.deviations.some(({ kind }) => !isMild(kind))) return;
          const since = peers.find(({ script }) => script.host === peer.host)?.connectedAt ?? 0;
          const passed = peers.find((other) => {
            const hasCome = other.state === "open" && (other.connectedAt ?? since) < since;
            return hasCome && !other.hasLeft && !served.has(other.script.host);
          });
          if (passed !== undefined) run.violate("T37-queue", `${peer.host} is served before ${passed.script.host}`);
        },
      },
    };
  },
};

/** Whose bytes are still waited for lives on, however long ago his client has gone. */
const tidyUnlessThrottled: Invariant = {
  ...listenersAreTidy,
  watch: (run) => {
    const watch = listenersAreTidy.watch(run);
    return {
      ...watch,
      after: (phase) => {
        const { handle } = run;
        if (handle instanceof Limited && !handle.isThrottled) watch.after?.(phase);
      },
    };
  },
};

function hasLeft(listener: Listener, left: ReadonlySet<Connection>, pid: Pid): boolean {
  const connection = listener.connectionOf(pid);
  return connection !== undefined && left.has(connection);
}

/** A listener with limits on everything, which are changed while clients come and go. */
export const limited: TargetCase<Knobs> = {
  name: "limited",
  target: {
    async start({ system, transport, knobs }) {
      const { bytesPerSecond, alarms, capacity, ...options } = knobs;
      const sockets = await startSockets(system, { transport });
      const left = new Set<Connection>();
      const listener = await sockets.open(
        "limited",
        5000,
        {
          ...options,
          packet: "line",
          idleTimeoutMs: 8000,
          maxTotalBytesPerSecond: bytesPerSecond,
          ...(alarms && { alarms: { connections: { high: 2, low: 0 } } }),
          maxConnectionRate: capacity === "infinity" ? capacity : { capacity, intervalMs: INTERVAL_MS },
        },
        generous(left),
      );
      return new Limited(listener, left, knobs);
    },
    operations: {
      grow: (handle) => asLimited(handle).inTurn(() => asLimited(handle).change({ acceptors: 5, maxClients: 4 })),
      shrink: (handle) => asLimited(handle).inTurn(() => asLimited(handle).change({ acceptors: 1, maxClients: 1 })),
      unlimit: (handle) =>
        asLimited(handle).inTurn(async (listener) => {
          await listener.setOptions({ maxTotalBytesPerSecond: "infinity" });
          asLimited(handle).isUnlimited = true;
        }),
      unwatch: (handle) => asLimited(handle).inTurn((listener) => listener.setOptions({ alarms: false })),
      tell: (handle) =>
        asLimited(handle).perform(async ({ listener }) => {
          const news = new Uint8Array(3000);
          const pids = await listener.connections();
          await Promise.all(pids.map((pid) => listener.sendSync(pid, news, { timeoutMs: "infinity" })));
        }),
      refuse: (handle) =>
        asLimited(handle).inTurn(async (listener) => {
          await listener.setOptions({ postListen: refusing });
          await listener.suspend();
          await listener.resume();
        }),
      resume: (handle) =>
        asLimited(handle).inTurn(async (listener) => {
          await listener.setOptions({ postListen: false });
          await listener.resume();
        }),
    },
    knobs: {
      maxClients: [3, 1, 2],
      overLimit: ["reject", "queue"],
      bytesPerSecond: ["infinity", 1],
      alarms: [false, true],
      capacity: ["infinity", 1, 2],
    },
  },
  // Whether a new client is served is for whoever has refused to listen to say, and what clients get, for whoever tells.
  invariants: [
    nobodyCrashesUnasked,
    ...standard().filter(({ id }) => id !== "I8-probe"),
    operationsEnd,
    tidyUnlessThrottled,
    limitsHold,
    servedInTurn,
  ],
  // Several come at once, some of them after a quiet time, and some with more than may come in a minute.
  peers: arbPeers({ messages: arbBytes({ maxLength: 200 }).map(asLine), maxAtMs: 4000 }).map((scripts) =>
    scripts.map((script) => ({ ...script, at: Math.round(script.at / 2000) * 2000 })),
  ),
};

function asLine(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes, 0x0a]);
}

function refusing(): never {
  throw new Error("it is not to listen");
}

function asLimited(handle: unknown): Limited {
  return handle as Limited;
}
