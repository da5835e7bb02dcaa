import { connectionMachine, type Listener, startSockets } from "@espalier/sockets";
import type { Invariant } from "../../packages/crash-testing/src/invariant.ts";
import { standard } from "../../packages/crash-testing/src/invariants/standard.ts";
import { arbPeers } from "../../packages/crash-testing/src/peer-arbitrary.ts";
import { search, type SearchResult } from "../../packages/crash-testing/src/search.ts";
import type { Target } from "../../packages/crash-testing/src/target.ts";
import { cpuMicros } from "./measure.ts";

interface CrashRow {
  readonly what: string;
  /** Of CPU time, as all that follow. */
  readonly runsPerSecond: number | undefined;
  readonly stepsPerSecond: number;
  readonly choicesPerSecond: number | undefined;
  readonly microsPerStep: number;
}

export interface CrashFigures {
  readonly rows: readonly CrashRow[];
  /** Runs over which the memory was watched. */
  readonly runs: number;
  readonly bytesPerRun: number;
  readonly injected: number;
  /** What was found in a server that is thought to be right. */
  readonly found: readonly string[];
}

const echoMachine = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: "open" } },
    open: {
      entry: "activate",
      on: { data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] } },
    },
  },
});

/** An echo server of lines, whose connections are machines. */
const target: Target<Listener> = {
  async start({ system, transport }) {
    const sockets = await startSockets(system, { transport });
    return sockets.open("echo", 5000, { maxClients: 3, acceptors: 2, packet: "line" }, echoMachine);
  },
};

const WARM_UP_RUNS = 1500;
const MEASURED_MS = 4000;
const MOST_RUNS = 20_000;
/** A slow machine has less of them, and says so. */
const MEMORY_MS = 12_000;

/** What a run costs, with and without laws, beside a loop that does nothing but take its turn. */
export async function crashFigures(): Promise<CrashFigures> {
  const results: SearchResult[] = [];
  const look = async (invariants: readonly Invariant[], seed: number, runs: number, timeMs: number): Promise<void> => {
    results.push(await search({ target, invariants, peers: arbPeers(), seed, runs, timeMs }));
  };
  const measured = async (what: string, invariants: readonly Invariant[]): Promise<CrashRow> => {
    await look(invariants, 1, WARM_UP_RUNS, Infinity);
    const before = cpuMicros();
    await look(invariants, 2, Infinity, MEASURED_MS);
    const micros = cpuMicros() - before;
    const { runs = 0, steps = 0, asked = 0 } = results.at(-1) ?? {};
    return {
      what,
      runsPerSecond: (runs * 1e6) / micros,
      stepsPerSecond: (steps * 1e6) / micros,
      choicesPerSecond: (asked * 1e6) / micros,
      microsPerStep: micros / steps,
    };
  };
  const rows = [bareLoop(), await measured("no invariants", []), await measured("all standard ones", standard())];
  const before = heapUsed();
  await look(standard(), 3, MOST_RUNS, MEMORY_MS);
  const runs = results.at(-1)?.runs ?? 0;
  return {
    rows,
    runs,
    bytesPerRun: (heapUsed() - before) / runs,
    injected: results.reduce((sum, { injected }) => sum + injected, 0),
    found: results.flatMap(({ found }) => (found === undefined ? [] : [found.failure.invariant])),
  };
}

/** A step each, from a queue, and nothing in it. */
function bareLoop(): CrashRow {
  const turns = 20_000_000;
  let done = 0;
  const queue = Array.from({ length: 1024 }, (_, index) => () => void (done += index));
  const before = cpuMicros();
  for (let turn = 0; turn < turns; turn += 1) queue[turn & 1023]?.();
  const micros = cpuMicros() - before;
  if (done === 0) throw new Error("nothing was done");
  return {
    what: "a bare loop",
    runsPerSecond: undefined,
    stepsPerSecond: (turns * 1e6) / micros,
    choicesPerSecond: undefined,
    microsPerStep: micros / turns,
  };
}

function heapUsed(): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("run with --expose-gc");
  collect();
  return process.memoryUsage().heapUsed;
}
