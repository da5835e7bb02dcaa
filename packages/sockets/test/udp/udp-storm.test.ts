import * as fc from "fast-check";
import { expect, test } from "vitest";
import { echo } from "../support/handlers.ts";
import { oneOfEachUdp, type UdpGust, udpGusts, UdpStorm } from "../support/udp-storm.ts";
import { UdpWorld } from "../support/udp-world.ts";

/*
 * Kills everywhere below the root, and sockets that are lost, while datagrams come. It lasts a simulated minute, and is the
 * same at every run of its seed, which a failure prints.
 *
 *   STORM_RUNS=100      how many simulated minutes. @defaultValue 3
 */
const { STORM_RUNS } = process.env;

const LIMIT = { interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true };
const PEERS = 40;
const MINUTE = 60_000;
const QUIET_EVERY_MS = 10_000;

async function hop(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) await Promise.resolve();
}

/** Lets time pass until everybody has been answered, which may not take long; then all that can be counted is right. */
async function calm(own: UdpWorld, storm: UdpStorm): Promise<void> {
  await own.manual.advance(1000);
  // A client whose handler is gone has another when it says something more.
  storm.speak([...Array(PEERS).keys()]);
  await own.manual.advance(100);
  for (let attempts = 0; storm.insist(); attempts += 1) {
    expect(attempts).toBeLessThan(100);
    await own.manual.advance(100);
  }
  const { found, right } = await storm.counts();
  expect(found).toEqual(right);
}

/** The same few gusts again and again, a minute long. */
async function rage(own: UdpWorld, storm: UdpStorm, few: readonly UdpGust[]): Promise<void> {
  const plan = [...oneOfEachUdp, ...few];
  let quietAt = QUIET_EVERY_MS;
  for (let number = 0, spent = 0; spent < MINUTE; number += 1) {
    const gust = plan[number % plan.length] as UdpGust;
    storm.speak(gust.before.map((index) => index + number));
    await hop(gust.hops);
    storm.strike({ ...gust, which: gust.which + number });
    storm.speak(gust.behind);
    // A minute ends also when no gust takes time.
    const pauseMs = number % plan.length === 0 ? gust.pauseMs + 10 : gust.pauseMs;
    await own.manual.advance(pauseMs);
    spent += pauseMs;
    if (spent < quietAt) continue;
    quietAt += QUIET_EVERY_MS;
    await calm(own, storm);
  }
}

test(
  "a simulated minute of kills, while datagrams come: the counts are right whenever it is quiet, and nothing is left",
  { timeout: 240_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(udpGusts, async (few) => {
        const own = await new UdpWorld("memory").start();
        const listener = await own.open(echo, { idleTimeoutMs: "infinity", healthCheck: undefined as never });
        const clients = await Promise.all(Array.from({ length: PEERS }, () => own.client()));
        const storm = new UdpStorm(own, listener, clients);
        await calm(own, storm);
        await rage(own, storm, few);
        await calm(own, storm);
        expect(Object.values(storm.kills)).not.toContain(0);
        expect(own.memory.openSockets).toBe(PEERS + 1);
        // Nothing is left, and all adds up.
        await own.dispose();
      }),
      // A failure is made smaller for a minute at most, since each try is a storm.
      STORM_RUNS === undefined ? { numRuns: 3, ...LIMIT } : { numRuns: Number(STORM_RUNS) },
    );
  },
);
