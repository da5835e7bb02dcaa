import { setTimeout as sleep } from "node:timers/promises";
import type { Task } from "./load.ts";
import { median } from "./measure.ts";
import { Helper } from "./processes.ts";
import { cpuOf, perform, type Server, startServer, type Usage } from "./sockets.ts";

export interface InspectorFigures {
  /** CPU microseconds of the server for one 64-byte echo, without an inspector. */
  readonly without: number;
  /** The same while one is read. */
  readonly attached: number;
  /** How many times as much that is. */
  readonly cost: number;
  /** CPU milliseconds in a second that it is read, with nothing else to do; the look at the event loop included. */
  readonly readingMs: number;
}

const IDLE = 10_000;
const PAIRS = 8;
/** Enough for some seconds, and so for some readings. */
const MESSAGES = 120_000;
const QUIET_SECONDS = 10;
/** What the page hears of, once a second at most. */
const TOPICS = "overview,tree,listeners,rates,log";

/** Measures one server, with an inspector and without one in turn. */
export async function inspectorFigures(): Promise<InspectorFigures> {
  const client = new Helper("load.ts");
  const server = await startServer("espalier");
  try {
    await perform(client, { type: "hold", port: server.port, count: IDLE });
    // The first rounds compile.
    await echoes(server, client);
    await inspecting(server, () => echoes(server, client));
    const pairs: { readonly without: number; readonly attached: number }[] = [];
    for (let pair = 0; pair < PAIRS; pair += 1) {
      // Each goes first in turn: what slows the machine more and more slows both.
      const isFirst = pair % 2 === 0;
      const early = isFirst ? await echoes(server, client) : undefined;
      const attached = await inspecting(server, () => echoes(server, client));
      pairs.push({ without: early ?? (await echoes(server, client)), attached });
    }
    const quiet = await quietCpu(server);
    const read = await inspecting(server, () => quietCpu(server));
    return {
      without: median(pairs.map(({ without }) => without)),
      attached: median(pairs.map(({ attached }) => attached)),
      cost: median(pairs.map(({ without, attached }) => attached / without)),
      readingMs: (read - quiet) / QUIET_SECONDS / 1000,
    };
  } finally {
    client.end();
    server.helper.end();
  }
}

/** CPU microseconds of the server for one echo. */
async function echoes(server: Server, client: Helper): Promise<number> {
  const task: Task = {
    type: "echo",
    port: server.port,
    connections: 100,
    messages: MESSAGES,
    bytes: 64,
    inFlight: 1,
    isFramed: false,
  };
  return (await cpuOf(server, client, task)) / MESSAGES;
}

/** CPU microseconds of the server in some seconds in which nobody wants anything. */
async function quietCpu({ helper }: Server): Promise<number> {
  const before = await helper.ask<Usage>("cpu");
  await sleep(QUIET_SECONDS * 1000);
  return (await helper.ask<Usage>("cpu")).cpu - before.cpu;
}

/** Has an inspector attached and read meanwhile. */
async function inspecting(server: Server, work: () => Promise<number>): Promise<number> {
  const { url } = await server.helper.ask<{ url: string }>("attach");
  const abort = new AbortController();
  const { body, status } = await fetch(`${url}/api/v1/events?topics=${TOPICS}`, { signal: abort.signal });
  if (body === null || status !== 200) throw new Error(`the inspector answers ${status}`);
  const read = drain(body);
  const cost = await work();
  abort.abort();
  await read;
  await server.helper.ask("detach");
  return cost;
}

async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of body) void chunk;
  } catch (error) {
    if (!(error instanceof Error && error.name === "AbortError")) throw error;
  }
}
