import type { Pid } from "@espalier/actors";
import { type Listener, type Pool, startPool } from "@espalier/sockets";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { clientFaults, type Heard, listening, order, type Tap, tap, useClients } from "./support/client-world.ts";
import { echo } from "./support/handlers.ts";
import { world } from "./support/server-world.ts";
import type { EventOf } from "./support/world.ts";

const SERVERS = 3;
const CLIENTS = 5;
const BACKOFF = { initialMs: 20, maxMs: 500, factor: 2, jitter: 0.5 };
const STABLE_MS = 300;

type Step =
  | { readonly type: "up" | "down"; readonly server: number }
  | { readonly type: "killHandler" | "killClient" | "boom" | "finish" | "restart" | "send"; readonly client: number }
  | { readonly type: "advance"; readonly ms: number };

const anyServer = fc.nat(SERVERS - 1);
const anyClient = fc.nat(CLIENTS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom("up" as const, "down" as const), server: anyServer }),
  fc.record({
    type: fc.constantFrom(
      "killHandler" as const,
      "killClient" as const,
      "boom" as const,
      "finish" as const,
      "restart" as const,
      "send" as const,
      "send" as const,
    ),
    client: anyClient,
  }),
  fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 400 }) }),
);

useClients("memory");

function killClient(id: string): void {
  const found = world.system.inspect().processes.find((process) => process.id === id);
  if (found !== undefined) world.system.kill(found.pid);
}

let runs = 0;

/** Servers that come and go, and the clients that a pool has of them. */
class Weather {
  readonly taps: readonly Tap[] = Array.from({ length: CLIENTS }, () => tap());
  readonly sent = new Map<Heard, string>();
  readonly mine = listening();
  readonly #up: Array<Listener | undefined> = [];
  readonly #ports: number[] = [];
  readonly #run: number;
  readonly firstEvent = world.events.length;
  readonly faults: string[] = [];
  pool!: Pool;
  #words = 0;

  constructor() {
    runs += 1;
    this.#run = runs;
  }

  async start(): Promise<void> {
    for (let index = 0; index < SERVERS; index += 1) {
      const listener = await world.open(echo, this.#options(index, "127.0.0.1:0"));
      this.#ports.push(listener.port);
      this.#up.push(listener);
    }
    const connections = this.taps.map(({ transport }, index) => ({
      id: this.idOf(index),
      to: `127.0.0.1:${this.#ports[index % SERVERS]}`,
      options: { transport },
    }));
    this.pool = startPool(world.system, connections, { backoff: BACKOFF, stableMs: STABLE_MS }, this.mine.handler);
    await this.pool.connected(CLIENTS);
  }

  idOf(client: number): string {
    return `run${this.#run}-${client}`;
  }

  #options(index: number, on: string) {
    return { name: `run${this.#run}-${index}`, on, shutdown: "brutalKill" as const, acceptors: 1 };
  }

  async up(index: number): Promise<void> {
    if (this.#up[index] === undefined) {
      this.#up[index] = await world.open(echo, this.#options(index, `127.0.0.1:${this.#ports[index]}`));
    }
  }

  async down(index: number): Promise<void> {
    await this.#up[index]?.close();
    this.#up[index] = undefined;
  }

  async #handlerOf(client: number): Promise<Heard | undefined> {
    const info = (await this.pool.connections()).find(({ id }) => id === this.idOf(client));
    return this.mine.connections.find(({ self }) => self.pid === info?.handler);
  }

  async take(taken: Step): Promise<void> {
    switch (taken.type) {
      case "up":
        await this.up(taken.server);
        break;
      case "down":
        await this.down(taken.server);
        break;
      case "advance":
        await world.manual.advance(taken.ms);
        break;
      case "restart":
        await this.pool.restart(this.idOf(taken.client));
        break;
      case "killClient":
        killClient(this.idOf(taken.client));
        break;
      case "killHandler":
      case "boom":
      case "finish":
      case "send":
        await this.#toHandler(taken.type, taken.client);
    }
    await world.settle();
  }

  async #toHandler(type: "killHandler" | "boom" | "finish" | "send", client: number): Promise<void> {
    const handler = await this.#handlerOf(client);
    if (handler === undefined) {
      // Nothing is lost without a word.
      if (type === "send") {
        const { ok } = await this.pool.send("lost", { choice: { id: this.idOf(client) } });
        if (ok) this.faults.push(`${this.idOf(client)} has sent without a connection`);
      }
    } else if (type === "killHandler") {
      world.system.kill(handler.self.pid);
    } else if (type === "send") {
      this.#words += 1;
      const word = `${this.#words} `.repeat(1 + (this.#words % 5));
      const result = await this.pool.send(word, { choice: { id: this.idOf(client) } });
      if (result.ok) this.sent.set(handler, (this.sent.get(handler) ?? "") + word);
    } else {
      order(handler, type);
    }
  }

  /** The handlers of all but one, or of all but those of one server. */
  async others(taken: Step): Promise<ReadonlyMap<string, Pid | undefined>> {
    const isConcerned = (id: string): boolean => {
      const number = Number(id.split("-")[1]);
      return "client" in taken ? number === taken.client : "server" in taken && number % SERVERS === taken.server;
    };
    const infos = (await this.pool.connections()).filter(({ id, state }) => !isConcerned(id) && state === "connected");
    return new Map(infos.map(({ id, handler }) => [id, handler]));
  }

  /** Each pause is within the bounds that its place in the row has. */
  pauseFaults(): string[] {
    return this.taps.flatMap((_tap, index) => pauseFaultsOf(this.idOf(index), this.firstEvent));
  }
}

type ClientEvent = EventOf<"clientWaiting" | "clientConnected" | "clientDisconnected" | "clientConnecting">;

function pauseFaultsOf(name: string, firstEvent: number): string[] {
  const faults: string[] = [];
  const names: ReadonlySet<string> = new Set(["clientWaiting", "clientConnected", "clientDisconnected"]);
  const events = world.events
    .slice(firstEvent)
    .filter((event): event is ClientEvent => names.has(event.type) && (event as ClientEvent).client === name);
  const rows = new Map<string, number>();
  let since = 0;
  for (const event of events) {
    // The client itself and the pool, which starts it anew after a crash, count each for themselves.
    const row = `${event.subject.path} ${event.subject.path.endsWith(name) ? event.subject.incarnation : 0}`;
    if (event.type === "clientConnected") since = event.time;
    else if (event.type === "clientDisconnected" && event.time - since >= STABLE_MS) rows.set(row, 0);
    else if (event.type === "clientWaiting") {
      const place = rows.get(row) ?? 0;
      rows.set(row, place + 1);
      const full = Math.min(BACKOFF.initialMs * BACKOFF.factor ** place, BACKOFF.maxMs);
      const least = full * (1 - BACKOFF.jitter);
      // After a restart by hand the row is shorter than it seems.
      const isRight =
        event.pauseMs <= full && event.pauseMs >= Math.min(least, BACKOFF.initialMs * (1 - BACKOFF.jitter));
      if (!isRight) faults.push(`${name}: pause ${place} of ${event.pauseMs} ms`);
    }
  }
  return faults;
}

test("in any weather clients keep their laws, and come back when it clears", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const weather = new Weather();
      await weather.start();
      for (const taken of steps) {
        const before = taken.type === "advance" ? new Map() : await weather.others(taken);
        await weather.take(taken);
        const after = await weather.others(taken);
        // What happens to one is no business of the others.
        for (const [id, handler] of before) expect([id, after.get(id)]).toEqual([id, handler]);
        for (const [handler, sent] of weather.sent) expect(sent.startsWith(handler.text)).toBe(true);
        expect(clientFaults().filter((text) => text.includes("at once"))).toEqual([]);
      }
      for (let index = 0; index < SERVERS; index += 1) await weather.up(index);
      await world.manual.advance(2 * BACKOFF.maxMs);
      await weather.pool.connected(CLIENTS);
      for (let index = 0; index < CLIENTS; index += 1) await weather.take({ type: "send", client: index });
      const present = new Set((await weather.pool.connections()).map(({ handler }) => handler));
      const living = [...weather.sent].filter(([{ self }]) => present.has(self.pid));
      expect(living.length).toBe(CLIENTS);
      for (const [{ text }, sent] of living) expect(text).toBe(sent);
      expect([...weather.pauseFaults(), ...weather.faults]).toEqual([]);
      await weather.pool.close();
      for (let index = 0; index < SERVERS; index += 1) await weather.down(index);
      world.logged.length = 0;
    }),
    { numRuns: 60 },
  );
  expect(runs).toBeGreaterThan(0);
});
