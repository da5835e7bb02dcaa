import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ConnectionDefinition } from "../src/handler.ts";
import { fragileEcho, polite } from "./support/handlers.ts";
import { ServerWorld, useWorld, world } from "./support/server-world.ts";
import { type Gust, gusts, oneOfEach, Storm } from "./support/storm.ts";
import { styles } from "./support/styles.ts";

/*
 * Kills everywhere below the root, while clients come again and again. In simulated time it lasts a minute and is the same
 * at every run of its seed, which a failure prints. On real sockets it is shorter:
 *
 *   STORM_SECONDS=60    how long, of real time, on real sockets. @defaultValue 3
 *   STORM_RUNS=100      how many simulated minutes for each property. @defaultValue 1 with 2,000 clients, 2 with few
 */
const { STORM_SECONDS, STORM_RUNS } = process.env;

const MINUTE = 60_000;
const QUIET_EVERY_MS = 10_000;
const options = { packet: "line", maxClients: 4000, idleTimeoutMs: "infinity", backlog: 4096 } as const;

/** A failure is made smaller for a minute at most, since each try is a storm. */
function parameters(runs: number): fc.Parameters<unknown> {
  if (STORM_RUNS !== undefined) return { numRuns: Number(STORM_RUNS) };
  return { numRuns: runs, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true };
}

async function hop(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) await Promise.resolve();
}

/** All that can be counted is right. */
async function expectQuiet(storm: Storm): Promise<void> {
  const { found, right } = await storm.counts();
  expect(found).toEqual(right);
}

/** Lets time pass until everybody is served again, which may not take long. */
async function calm(own: ServerWorld, storm: Storm): Promise<void> {
  let attempts = 0;
  do {
    for (; !storm.isFull; attempts += 1) {
      expect(attempts).toBeLessThan(100);
      storm.replenish();
      await own.manual.advance(100);
    }
    // Those who are told to end have their time.
    await own.manual.advance(10_000);
  } while (!storm.isFull);
  await expectQuiet(storm);
}

/** The same few gusts again and again, a minute long. */
async function rage(own: ServerWorld, storm: Storm, few: readonly Gust[]): Promise<void> {
  const plan = [...oneOfEach, ...few];
  let quietAt = QUIET_EVERY_MS;
  for (let number = 0, spent = 0; spent < MINUTE; number += 1) {
    const gust = plan[number % plan.length] as Gust;
    storm.replenish();
    await hop(gust.hops);
    storm.strike({ ...gust, which: gust.which + number });
    // A minute ends also when no gust takes time.
    const pauseMs = number % plan.length === 0 ? gust.pauseMs + 10 : gust.pauseMs;
    if (pauseMs > 0) await own.manual.advance(pauseMs);
    spent += pauseMs;
    if (spent < quietAt) continue;
    quietAt += QUIET_EVERY_MS;
    await calm(own, storm);
  }
}

async function minuteOf(few: readonly Gust[], clients: number, handler: ConnectionDefinition | object): Promise<Storm> {
  const own = await new ServerWorld("memory").start();
  const storm = new Storm(own, await own.open(handler, options), clients);
  await calm(own, storm);
  await rage(own, storm, few);
  await calm(own, storm);
  expect([own.memory.openSockets, own.memory.openListeners]).toEqual([2 * clients, 1]);
  // Nothing is left, and all adds up.
  await own.dispose();
  return storm;
}

describe("a simulated minute of kills", () => {
  test(
    "2,000 clients: all counts are right whenever it is quiet, and nothing is left",
    { timeout: 240_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(gusts, async (few) => {
          const { kills } = await minuteOf(few, 2000, fragileEcho);
          expect(Object.values(kills)).not.toContain(0);
        }),
        parameters(1),
      );
    },
  );

  test.each([...styles, ["a machine that takes its time to leave", polite] as const])(
    "a few clients of %s",
    { timeout: 240_000 },
    async (_name, handler) => {
      await fc.assert(
        fc.asyncProperty(gusts, async (few) => {
          const { kills } = await minuteOf(few, 12, handler);
          expect(Object.values(kills)).not.toContain(0);
        }),
        parameters(2),
      );
    },
  );
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
}

describe("real sockets", () => {
  useWorld("tcp");

  const CLIENTS = 2000;
  const SECONDS = Number(STORM_SECONDS ?? 3);

  /** Everybody is served, and nothing is under way any more. */
  async function calmDown(storm: Storm): Promise<void> {
    do {
      while (!storm.isFull) {
        storm.replenish();
        await turn();
      }
      // Who has been killed may not know it yet.
      await world.settle();
    } while (!storm.isFull);
    // Beside them there are the listening socket, and the connection by which the world knows that all has arrived.
    while (openSockets() !== before + 2 * CLIENTS + 3) await turn();
    await expectQuiet(storm);
  }

  let before: number;

  test(
    `${SECONDS} seconds of kills: the counts are right, and no descriptor is left`,
    async () => {
      before = openSockets();
      const storm = new Storm(world, await world.open(fragileEcho, options), CLIENTS);
      await calmDown(storm);
      const [few = []] = fc.sample(gusts, 1);
      const plan = [...oneOfEach, ...few];
      const end = performance.now() + SECONDS * 1000;
      for (let number = 0; performance.now() < end; number += 1) {
        const gust = plan[number % plan.length] as Gust;
        // Half of them are back before the next falls.
        do {
          storm.replenish();
          await turn();
        } while (storm.served < CLIENTS / 2);
        await hop(gust.hops);
        storm.strike({ ...gust, which: gust.which + number });
        if (number % 2000 === 1999) await calmDown(storm);
      }
      await calmDown(storm);
      expect(Object.values(storm.kills)).not.toContain(0);
    },
    60_000 + SECONDS * 2000,
  );
});
