import { fromMachine } from "@espalier/actors";
import { connectionMachine, type Listener, type Pool, startPool, startSockets } from "@espalier/sockets";
import type { MemoryTransport } from "@espalier/sockets/testing";
import { arbPeers, type Invariant, standard } from "../kit.ts";
import { echoMachine } from "./echo.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

export interface Knobs {
  readonly size: number;
  readonly acceptors: number;
  readonly maxClients: number;
  readonly stableMs: number;
  readonly shutdown: number | "brutalKill";
  readonly trapExit: boolean;
}

/** Sends a line now and then, and waits for it to come back. */
export const talker = connectionMachine<{ events: { type: "shutdown" } }>().createMachine({
  id: "talker",
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: "talking" } },
    talking: {
      entry: [{ type: "send", params: "hello\n" }, "activate"],
      on: { data: "silent", closed: "over", error: "over", timeout: "over", shutdown: "stubborn" },
    },
    silent: {
      entry: "activate",
      after: { 5000: "talking" },
      on: { data: { actions: "activate" }, closed: "over", error: "over", timeout: "over", shutdown: "stubborn" },
    },
    // One that traps exits has to be killed.
    stubborn: {},
    over: { type: "final", entry: "close" },
  },
});

class Pooled extends Operations {
  readonly listener: Listener;
  readonly pool: Pool;

  constructor(listener: Listener, pool: Pool) {
    super();
    this.listener = listener;
    this.pool = pool;
  }

  /** Somebody has waited in vain for a connection that was there. */
  hasMissed = false;

  get port(): number {
    return this.listener.port;
  }

  async connected(): Promise<void> {
    try {
      await this.pool.connected(1, { timeoutMs: 10_000 });
    } catch (error) {
      const states = await this.pool.connections();
      this.hasMissed ||= states.some(({ state }) => state === "connected");
      throw error;
    }
  }
}

/** When all faults are over, all connections of a pool come back, as long as there is somebody to connect to. */
const poolRecovers: Invariant = {
  id: "T2-pool",
  says: "when all faults are over, a pool has all of its connections",
  watch: (run) => {
    let hasGivenUp = false;
    return {
      on: {
        report: ({ report }) => {
          if (report.type === "supervisor" && report.errorContext === "shutdown") hasGivenUp = true;
        },
      },
      after(phase) {
        if (phase !== "healed" || hasGivenUp || run.isEnding || !(run.handle instanceof Pooled)) return;
        if (run.handle.hasMissed) run.violate("T2-pool", "somebody has waited in vain for a connection that was there");
        // Somebody above it may have died, whom nobody starts anew.
        if (!run.handle.listener.isRunning) return;
        const { processes } = run.system.inspect();
        const pool = processes.find(({ path }) => path === "pool");
        // It was spawned from outside, so nobody starts it anew.
        if (pool === undefined) return;
        const { connected, connections } = pool.state as { connected: number; connections: object };
        const states = Object.values(connections);
        if (connected < states.length)
          run.violate("T2-pool", `of the pool's connections some are ${states.join(", ")}`);
        const clients = processes.filter(({ path }) => /^pool\/[^/]+$/.test(path)).length;
        if (clients !== states.length)
          run.violate("T2-pool", `the pool has ${clients} clients for ${states.length} connections`);
        const handlers = processes.filter(({ path }) => /^pool\/[^/]+\/\d+$/.test(path)).length;
        if (handlers !== connected)
          run.violate("T2-pool", `${connected} are said to be connected, and ${handlers} handlers live`);
      },
    };
  },
};

/** When all faults are over for a while, connections last; and a client has one socket at most, which its handler has. */
const connectionsLast: Invariant = {
  id: "T28-stable",
  says: "when all faults are over, the connections of a pool last, and nobody holds a socket but their handlers",
  watch: (run) => {
    let healedAt: number | undefined;
    return {
      on: {
        clientDisconnected: ({ client, time }) => {
          if (run.phase !== "healed" || healedAt === undefined || time < healedAt + 20_000 + run.world.injectedMs)
            return;
          run.violate("T28-stable", `${client} loses its connection, and nothing is wrong`);
        },
      },
      after(phase) {
        if (phase === "workload") healedAt = run.world.now();
        if (phase !== "healed" || run.isEnding || run.world.injectedMs > 20_000) return;
        for (const { path, resources } of run.system.inspect().processes) {
          const sockets = resources.filter(({ kind }) => kind === "socket").length;
          const most = /^pool\/[^/]+\/\d+$/.test(path) ? 1 : 0;
          if (path.startsWith("pool") && sockets > most) run.violate("T29-sockets", `${path} holds ${sockets} sockets`);
        }
      },
    };
  },
};

/** A pool of clients, and the listener that they connect to. */
export const pooled: TargetCase<Knobs> = {
  name: "pooled",
  target: {
    async start({ system, transport, knobs: { size, stableMs, shutdown, trapExit, ...options } }) {
      const sockets = await startSockets(system, { transport });
      const listener = await sockets.open("echo", 5000, { ...options, packet: "line" }, echoMachine);
      const network = transport as MemoryTransport;
      const connections = Array.from({ length: size }, (_, index) => ({
        id: `c${index + 1}`,
        to: { host: "10.0.0.254", port: 5000 },
        options: { transport: network.from(`10.0.1.${index + 1}`) },
      }));
      const backoff = { initialMs: 20, maxMs: 1000, jitter: 0 };
      const pool = startPool(
        system,
        connections,
        { name: "pool", packet: "line", backoff, stableMs, shutdown, connectTimeoutMs: 2000 },
        fromMachine(talker, { trapExit }),
      );
      return new Pooled(listener, pool);
    },
    operations: {
      restart: (handle) => asPooled(handle).perform(({ pool }) => pool.restart("c1")),
      remove: (handle) => asPooled(handle).perform(({ pool }) => pool.remove("c2")),
      broadcast: (handle) => asPooled(handle).perform(({ pool }) => pool.broadcast("all\n")),
      connected: (handle) => asPooled(handle).perform((self) => self.connected()),
    },
    knobs: {
      size: [2, 1],
      acceptors: [2, 1],
      maxClients: [8],
      stableMs: [10_000, 1],
      shutdown: [5000, "brutalKill", 1],
      trapExit: [false, true],
    },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard().filter(({ id }) => id !== "I9-owner"),
    poolRecovers,
    connectionsLast,
    operationsEnd,
  ],
  peers: arbPeers({ maxPeers: 1, maxOps: 3 }),
};

function asPooled(handle: unknown): Pooled {
  return handle as Pooled;
}
