import type { Task } from "./load.ts";
import { median } from "./measure.ts";
import { Helper } from "./processes.ts";

export interface Usage {
  readonly cpu: number;
  readonly rss: number;
}

/** What is measured of each kind of server. */
export interface ServerFigures {
  /** CPU microseconds of the server for one 64-byte echo. */
  readonly echo: Figure;
  /** For one 1 KiB packet with a length before it, of 16 that are under way at once. */
  readonly pipelined: Figure;
  /** For one echo of 64 KiB. */
  readonly large: Figure;
  /** CPU microseconds of the server for one connection opened and closed. */
  readonly churn: Figure;
  /** Resident bytes for one idle connection. */
  readonly idle: Figure;
}

export interface Figure {
  readonly value: number;
  /** How many times as much as that of raw `node:net`, measured in the same moment. */
  readonly ratio: number;
}

/** What is compared: the first is what the others are measured against. */
const KINDS = ["raw", "espalier", "fast"] as const;

/** Processes have their luck, with their memory above all, so each kind is started so often. */
export const GENERATIONS = 5;
/** Rounds are short: what slows the machine meanwhile slows all kinds alike. */
export const ROUNDS = 7;
/** Rounds in which code is compiled. */
const WARM_UP = 4;
const CHURN = 500;
/** Idle connections come in so many steps of so many: V8 enlarges its heap now and then, which is no connection's cost. */
const IDLE_STEPS = 7;
const IDLE_STEP = 2000;

const ECHOES = {
  echo: { connections: 100, messages: 10_000, bytes: 64, inFlight: 1, isFramed: false },
  pipelined: { connections: 20, messages: 16_000, bytes: 1024, inFlight: 16, isFramed: true },
  large: { connections: 10, messages: 1000, bytes: 65_536, inFlight: 1, isFramed: false },
} as const;

type Costs = Record<keyof typeof ECHOES | "churn", number>;

/** Measures all servers side by side. */
export async function socketFigures(): Promise<ServerFigures[]> {
  // Of each round, what it has cost each kind.
  const rounds: Costs[][] = [];
  for (let generation = 0; generation < GENERATIONS; generation += 1) rounds.push(...(await roundsOfOneGeneration()));
  const idle = await idleFigures();
  return KINDS.map((_kind, index) => {
    const figure = (what: keyof Costs): Figure => {
      const of = (costs: Costs[], place: number): number => costs[place]?.[what] ?? Number.NaN;
      return {
        value: median(rounds.map((costs) => of(costs, index))),
        ratio: median(rounds.map((costs) => of(costs, index) / of(costs, 0))),
      };
    };
    return {
      echo: figure("echo"),
      pipelined: figure("pipelined"),
      large: figure("large"),
      churn: figure("churn"),
      idle: idle[index] ?? { value: Number.NaN, ratio: Number.NaN },
    };
  });
}

async function roundsOfOneGeneration(): Promise<Costs[][]> {
  const client = new Helper("load.ts");
  const servers = await Promise.all(KINDS.map(startServers));
  try {
    const rounds: Costs[][] = [];
    for (let round = -WARM_UP; round < ROUNDS; round += 1) {
      const costs: Costs[] = [];
      for (let turn = 0; turn < servers.length; turn += 1) {
        // Each goes first in its turn.
        const index = (turn + WARM_UP + round) % servers.length;
        const server = servers[index];
        if (server !== undefined) costs[index] = await costsOf(server, client);
      }
      if (round >= 0) rounds.push(costs);
    }
    return rounds;
  } finally {
    client.end();
    for (const { plain, framed } of servers) for (const { helper } of [plain, framed]) helper.end();
  }
}

/** One round of one kind. */
async function costsOf({ plain, framed }: Servers, client: Helper): Promise<Costs> {
  const cost = async (what: keyof typeof ECHOES): Promise<number> => {
    const server = ECHOES[what].isFramed ? framed : plain;
    const cpu = await cpuOf(server, client, { type: "echo", port: server.port, ...ECHOES[what] });
    return cpu / ECHOES[what].messages;
  };
  return {
    echo: await cost("echo"),
    pipelined: await cost("pipelined"),
    large: await cost("large"),
    churn: (await cpuOf(plain, client, { type: "churn", port: plain.port, count: CHURN })) / CHURN,
  };
}

async function idleFigures(): Promise<Figure[]> {
  const client = new Helper("load.ts");
  try {
    const values: number[] = [];
    for (const kind of KINDS) values.push(await idleBytes(kind, client));
    const [raw = Number.NaN] = values;
    return values.map((value) => ({ value, ratio: value / raw }));
  } finally {
    client.end();
  }
}

/** Resident bytes of one more idle connection, on a server that has done nothing else: a used one has room to spare. */
async function idleBytes(kind: string, client: Helper): Promise<number> {
  const { helper, port } = await startServer(kind);
  try {
    const resident: number[] = [];
    for (let step = 0; step <= IDLE_STEPS; step += 1) {
      await perform(client, { type: "hold", port, count: IDLE_STEP });
      const { rss } = await helper.ask<Usage>("memory");
      resident.push(rss);
    }
    await perform(client, { type: "drop" });
    return median(resident.slice(1).map((rss, step) => (rss - (resident[step] ?? Number.NaN)) / IDLE_STEP));
  } finally {
    helper.end();
  }
}

/** One kind, with and without a framing. */
interface Servers {
  readonly plain: Server;
  readonly framed: Server;
}

async function startServers(kind: string): Promise<Servers> {
  const [plain, framed] = await Promise.all([startServer(kind), startServer(kind, "framed")]);
  return { plain, framed };
}

export interface Server {
  readonly helper: Helper;
  readonly port: number;
}

export async function startServer(kind: string, ...framing: string[]): Promise<Server> {
  const helper = new Helper("server.ts", kind, ...framing);
  const { port } = await helper.next<{ port: number }>();
  return { helper, port };
}

export async function cpuOf({ helper }: Server, client: Helper, task: Task): Promise<number> {
  const before = await helper.ask<Usage>("cpu");
  await perform(client, task);
  const after = await helper.ask<Usage>("cpu");
  return after.cpu - before.cpu;
}

export async function perform(client: Helper, task: Task): Promise<void> {
  const outcome = await client.ask<{ done: boolean; error?: string }>(task);
  if (!outcome.done) throw new Error(`the load failed: ${outcome.error ?? ""}`);
}
