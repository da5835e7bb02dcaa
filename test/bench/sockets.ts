import type { Task } from "./load.ts";
import { median } from "./measure.ts";
import { Helper } from "./processes.ts";

interface Usage {
  readonly cpu: number;
  readonly rss: number;
}

/** One kind of server in all that is measured of it. */
export interface ServerFigures {
  /** CPU microseconds of the server for one 64-byte echo. */
  readonly echo: number;
  /** CPU microseconds of the server for one connection opened and closed. */
  readonly churn: number;
  /** Resident bytes for one idle connection. */
  readonly idle: number;
}

const ROUNDS = 5;
const MESSAGES = 40_000;
const CONNECTIONS = 100;
const CHURN = 2000;
const IDLE = 8000;
const WARM_UP = 200;

/** Measures both servers side by side: rounds in turn, so that what slows the machine slows both. */
export async function socketFigures(): Promise<{ raw: ServerFigures; espalier: ServerFigures }> {
  const client = new Helper("load.ts");
  const servers = await Promise.all([startServer("raw"), startServer("espalier")]);
  try {
    const rounds = servers.map(() => ({ echo: [] as number[], churn: [] as number[] }));
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [index, server] of servers.entries()) {
        const { port } = server;
        const echo = await cpuOf(server, client, { type: "echo", port, connections: CONNECTIONS, messages: MESSAGES });
        const churn = await cpuOf(server, client, { type: "churn", port, count: CHURN });
        // The first round compiles.
        if (round === 0) continue;
        rounds[index]?.echo.push(echo / MESSAGES);
        rounds[index]?.churn.push(churn / CHURN);
      }
    }
    const idle = [await idleBytes("raw", client), await idleBytes("espalier", client)];
    const [raw, espalier] = rounds.map(({ echo, churn }, index) => ({
      echo: median(echo),
      churn: median(churn),
      idle: idle[index] ?? Number.NaN,
    }));
    if (raw === undefined || espalier === undefined) throw new Error("a server is missing");
    return { raw, espalier };
  } finally {
    client.end();
    for (const { helper } of servers) helper.end();
  }
}

/** Resident bytes of one more idle connection, on a server that has done nothing else: a used one has room to spare. */
async function idleBytes(kind: string, client: Helper): Promise<number> {
  const { helper, port } = await startServer(kind);
  try {
    await perform(client, { type: "hold", port, count: WARM_UP });
    const before = await helper.ask<Usage>("memory");
    await perform(client, { type: "hold", port, count: IDLE });
    const after = await helper.ask<Usage>("memory");
    await perform(client, { type: "drop" });
    return (after.rss - before.rss) / IDLE;
  } finally {
    helper.end();
  }
}

interface Server {
  readonly helper: Helper;
  readonly port: number;
}

async function startServer(kind: string): Promise<Server> {
  const helper = new Helper("server.ts", kind);
  const { port } = await helper.next<{ port: number }>();
  return { helper, port };
}

async function cpuOf({ helper }: Server, client: Helper, task: Task): Promise<number> {
  const before = await helper.ask<Usage>("cpu");
  await perform(client, task);
  const after = await helper.ask<Usage>("cpu");
  return after.cpu - before.cpu;
}

async function perform(client: Helper, task: Task): Promise<void> {
  const outcome = await client.ask<{ done: boolean; error?: string }>(task);
  if (!outcome.done) throw new Error(`the load failed: ${outcome.error ?? ""}`);
}
