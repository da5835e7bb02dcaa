import type { LogAnswer } from "@espalier/inspector";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InspectedWorld, pair } from "./support/world.ts";

async function logOf(world: InspectedWorld, query = "limit=500"): Promise<LogAnswer> {
  return (await world.ask<LogAnswer>(`log?${query}`)).body;
}

describe("the log", () => {
  test("has each crash exactly once, and each new start", async () => {
    const order = fc.array(fc.constantFrom("one", "two", "connection"), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(order, async (victims) => {
        const world = await InspectedWorld.create();
        const listener = await world.open();
        await world.system.start(pair, undefined, { id: "pair" });
        for (const victim of victims) {
          if (victim === "connection") await world.send((await world.connect(listener))[0], "boom");
          else world.system.send(victim, { type: "crash", text: "" });
          await world.settle();
        }
        const { entries, counts } = await logOf(world);
        const crashes = entries.filter(({ kind }) => kind === "crash");
        expect(crashes.length).toBe(victims.length);
        expect(new Set(crashes.map(({ id }) => id)).size).toBe(victims.length);
        expect(counts.crash).toBe(world.system.inspect().crashes);
        expect(counts.restart).toBe(victims.filter((victim) => victim !== "connection").length);
        expect(entries.map(({ number }) => number)).toEqual(entries.map((_, index) => index + 1));
        await world.dispose();
      }),
      { numRuns: 20 },
    );
  });

  test("goes on where a client has stopped, and keeps no more than it should", async () => {
    const world = await InspectedWorld.create({ logEntries: 10 });
    await world.system.start(pair, undefined, { id: "pair" });
    for (let index = 0; index < 20; index += 1) {
      world.system.send("one", { type: "crash", text: "" });
      await world.settle();
    }
    const { entries, oldest, counts } = await logOf(world);
    expect(entries.length).toBe(10);
    expect(entries[0]?.number).toBe(oldest);
    expect(counts.crash).toBe(20);
    const last = entries.at(-1)?.number ?? 0;
    expect((await logOf(world, `after=${last}`)).entries).toEqual([]);
    expect((await logOf(world, `after=${last - 3}`)).entries).toEqual(entries.slice(-3));
    // A client that has seen a log that was longer is one of an earlier run.
    expect((await logOf(world, `after=${last + 100}`)).entries).toEqual(entries);
  });

  test("says of those who ended with their parent that they did", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open({ acceptors: 1 });
    const pid = listener.supervisor;
    if (pid === undefined) throw new Error("the listener should run");
    world.system.kill(pid);
    await world.settle();
    const { entries } = await logOf(world, "kind=crash");
    expect(entries.length).toBeGreaterThan(0);
    expect(new Set(entries.map(({ text }) => text.replace(/^\w+ /u, "")))).toEqual(
      new Set(["ended with its parent by killed"]),
    );
  });

  test("names the last crash of an actor that lives again", async () => {
    const world = await InspectedWorld.create();
    await world.system.start(pair, undefined, { id: "pair" });
    world.system.send("one", { type: "crash", text: "" });
    await world.settle();
    const { body } = await world.ask<{ lastCrash: object }>(`process?id=${encodeURIComponent(world.idOf("pair/one"))}`);
    expect(body.lastCrash).toEqual((await logOf(world, "kind=crash")).entries[0]);
  });
});
