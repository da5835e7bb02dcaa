import type { Task } from "./load.ts";
import { median } from "./measure.ts";
import { Helper } from "./processes.ts";

export interface Usage {
  readonly cpu: number;
  readonly rss: number;
}

/** One kind of server in all that is measured of it. */
export interface ServerFigures {
  /** CPU microseconds of the server for one 64-byte echo. */
  readonly echo: number;
  /** For one 1 KiB packet with a length before it, of 16 that are under way at once. */
  readonly pipelined: number;
  /** For one echo of 64 KiB. */
  readonly large: number;
  /** CPU microseconds of the server for one connection opened and closed. */
  readonly churn: number;
  /** Resident bytes for one idle connection. */
  readonly idle: number;
}

/** What is compared: the first is what the others are measured against. */
const KINDS = ["raw", "espalier", "fast"] as const;

const ROUNDS = 5;
const CHURN = 2000;
/** Idle connections come in so many steps of so many: V8 enlarges its heap now and then, which is no connection's cost. */
const IDLE_STEPS = 7;
const IDLE_STEP = 2000;

const ECHOES = {
  echo: { connections: 100, messages: 40_000, bytes: 64, inFlight: 1, isFramed: false },
  pipelined: { connections: 20, messages: 64_000, bytes: 1024, inFlight: 16, isFramed: true },
  large: { connections: 10, messages: 4000, bytes: 65_536, inFlight: 1, isFramed: false },
} as const;

/** Measures all servers side by side: rounds in turn, so that what slows the machine slows all. */
export async function socketFigures(): Promise<ServerFigures[]> {
  const client = new Helper("load.ts");
  const servers = await Promise.all(KINDS.map(startServers));
  try {
    const rounds = servers.map((): Record<keyof typeof ECHOES | "churn", number[]> => {
      return { echo: [], pipelined: [], large: [], churn: [] };
    });
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [index, server] of servers.entries()) {
        const costs = await costsOf(server, client);
        // The first round compiles.
        if (round === 0) continue;
        for (const [what, cost] of costs) rounds[index]?.[what].push(cost);
      }
    }
    const figures: ServerFigures[] = [];
    for (const [index, { echo, pipelined, large, churn }] of rounds.entries()) {
      const idle = await idleBytes(KINDS[index] ?? "", client);
      figures.push({
        echo: median(echo),
        pipelined: median(pipelined),
        large: median(large),
        churn: median(churn),
        idle,
      });
    }
    return figures;
  } finally {
    client.end();
    for (const { plain, framed } of servers) for (const { helper } of [plain, framed]) helper.end();
  }
}

/** One round of one kind. */
async function costsOf({ plain, framed }: Servers, client: Helper): Promise<[keyof typeof ECHOES | "churn", number][]> {
  const costs: [keyof typeof ECHOES | "churn", number][] = [];
  for (const what of ["echo", "pipelined", "large"] as const) {
    const server = ECHOES[what].isFramed ? framed : plain;
    const cpu = await cpuOf(server, client, { type: "echo", port: server.port, ...ECHOES[what] });
    costs.push([what, cpu / ECHOES[what].messages]);
  }
  const churn = await cpuOf(plain, client, { type: "churn", port: plain.port, count: CHURN });
  return [...costs, ["churn", churn / CHURN]];
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
