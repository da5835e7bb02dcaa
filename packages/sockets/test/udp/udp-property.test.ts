import { shutdown } from "@espalier/actors";
import { packetMachine, type UdpListener, type UdpOptions } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { puppetry } from "../support/handlers.ts";
import { transports, UdpWorld, useUdpWorld, world } from "../support/udp-world.ts";

const PEERS = 4;

/** Sends back each datagram. */
const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });

const datagram = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1000, maxLength: 3000, size: "max" }) },
);
const traffic = fc.array(fc.record({ from: fc.nat(PEERS - 1), data: datagram }), { maxLength: 40 });

describe.each(transports)("%s", (transport) => {
  useUdpWorld(transport);

  test(
    "whoever sends whatever in whatever order has his own back, in order, and nothing else",
    { timeout: 60_000 },
    async () => {
      const listener = await world.open(echo);
      const clients = await Promise.all(Array.from({ length: PEERS }, () => world.client()));
      await fc.assert(
        fc.asyncProperty(traffic, async (all) => {
          for (const { from, data } of all) clients[from]?.send(listener, data);
          for (const [index, client] of clients.entries()) {
            const own = all.filter(({ from }) => from === index).map(({ data }) => Buffer.from(data));
            await client.texts(own.length);
            expect(client.received.splice(0)).toEqual(own);
          }
        }),
        { numRuns: transport === "udp" ? 60 : 150 },
      );
      expect(listener.currentClients).toBeLessThanOrEqual(PEERS);
    },
  );
});

/** What a test does, as data. */
type Step =
  | { readonly do: "send"; readonly from: number }
  | { readonly do: "activate" | "crash" | "leave" | "close"; readonly at: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "loseSocket" };

const peer = fc.nat(PEERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("send" as const), from: peer }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("activate" as const), at: peer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 900 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("crash", "leave", "close"), at: peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("loseSocket" as const) }) },
);

const limits = fc.record({
  maxClients: fc.integer({ min: 1, max: 5 }),
  maxWaiting: fc.integer({ min: 1, max: 4 }),
  maxConnectionRate: fc.record({
    capacity: fc.integer({ min: 1, max: 3 }),
    intervalMs: fc.integer({ min: 1, max: 2000 }),
  }),
  maxDatagramRate: fc.record({
    capacity: fc.integer({ min: 1, max: 6 }),
    intervalMs: fc.integer({ min: 1, max: 2000 }),
  }),
});

/** The same rules, written down once more and as simply as can be. */
class Model {
  readonly #options: Required<Pick<UdpOptions, "maxClients" | "maxWaiting">>;
  readonly #peers = new Map<number, { waiting: string[]; credit: boolean; rate: Tokens; heard: string[] }>();
  readonly #newPeers: Tokens;
  readonly #rate: { capacity: number; intervalMs: number };
  /** Everything that each handler has heard, in the order in which they were started. */
  readonly heard: string[][] = [];

  constructor({ maxClients, maxWaiting, maxConnectionRate, maxDatagramRate }: Limits) {
    this.#options = { maxClients, maxWaiting };
    this.#newPeers = new Tokens(maxConnectionRate);
    this.#rate = maxDatagramRate;
  }

  send(from: number, text: string, now: number): void {
    let found = this.#peers.get(from);
    if (found === undefined) {
      if (this.#peers.size >= Number(this.#options.maxClients) || !this.#newPeers.take(now)) return;
      found = { waiting: [], credit: false, rate: new Tokens(this.#rate, now), heard: [] };
      this.heard.push(found.heard);
      this.#peers.set(from, found);
    }
    if (!found.rate.take(now)) return;
    if (found.credit) {
      found.credit = false;
      found.heard.push(text);
    } else if (found.waiting.length < this.#options.maxWaiting) found.waiting.push(text);
  }

  activate(at: number): void {
    const found = this.#peers.get(at);
    if (found === undefined) return;
    const next = found.waiting.shift();
    if (next === undefined) found.credit = true;
    else found.heard.push(next);
  }

  leave(at: number): void {
    this.#peers.delete(at);
  }
}

/** Tokens by their dates: one may be taken if fewer than `capacity` were, of those that are not made up for. */
class Tokens {
  readonly #rate: { capacity: number; intervalMs: number };
  #missing = 0;
  #now: number;

  constructor(rate: { capacity: number; intervalMs: number }, now = 0) {
    this.#rate = rate;
    this.#now = now;
  }

  take(now: number): boolean {
    const { capacity, intervalMs } = this.#rate;
    this.#missing = Math.max(0, this.#missing - (now - this.#now) * capacity);
    this.#now = now;
    if (this.#missing + intervalMs > capacity * intervalMs) return false;
    this.#missing += intervalMs;
    return true;
  }
}

interface Limits {
  readonly maxClients: number;
  readonly maxWaiting: number;
  readonly maxConnectionRate: { capacity: number; intervalMs: number };
  readonly maxDatagramRate: { capacity: number; intervalMs: number };
}

test("limits, crashes, lost sockets: handlers hear exactly what the rules say", { timeout: 60_000 }, async () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(limits, steps, async (options, all) => {
      const model = new Model(options);
      const { heard, logged } = await play(options, all, model);
      expect(heard).toEqual(model.heard);
      expect(logged.filter((text) => !/boom|socket is gone/u.test(text))).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

/** Plays it against a server, tells the model, and answers what the handlers have heard. */
async function play(options: Limits, all: readonly Step[], model: Model) {
  const own = await new UdpWorld("memory").start();
  const { handler, puppets } = puppetry();
  const listener: UdpListener = await own.open(handler, { ...options, healthCheck: undefined as never });
  const clients = await Promise.all(Array.from({ length: PEERS }, () => own.client()));
  const living = (index: number) =>
    puppets.findLast(
      ({ connection }) => connection.isOpen && connection.peername.port === clients[index]?.address.port,
    );
  for (const [number, action] of all.entries()) {
    if (action.do === "send") {
      clients[action.from]?.send(listener, String(number));
      model.send(action.from, `data ${number}`, own.manual.now());
    } else if (action.do === "wait") {
      await own.manual.advance(action.ms);
    } else if (action.do === "loseSocket") {
      own.bound.at(-1)?.close();
    } else {
      const puppet = living(action.at);
      if (action.do === "activate") {
        puppet?.connection.activate();
        model.activate(action.at);
      } else {
        if (puppet !== undefined) {
          own.system.send(puppet.self.ref, ({ self, connection }) => {
            if (action.do === "close") connection.close();
            if (action.do === "crash") throw new Error("boom");
            self.exit(shutdown("left"));
          });
        }
        model.leave(action.at);
      }
    }
    await own.manual.advance(0);
  }
  const heard = puppets.map((puppet) => puppet.heard.filter((text) => text.startsWith("data")));
  const logged = own.logged.splice(0);
  await own.dispose();
  return { heard, logged };
}
